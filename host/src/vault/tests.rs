use jiff::Timestamp;

use super::*;

const PLACE: &str = "tenants/acme/modules/sim/secrets/token/sealed";

fn secret() -> Secret {
    Secret::new("hunter2".into())
}

#[test]
fn a_secret_opens_only_in_its_own_place_with_its_own_key() {
    let vault = Vault::new(&[1; 32]);
    let sealed = vault.seal(PLACE, &secret());
    assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
    assert_eq!(
        vault.open_sealed(PLACE, &sealed).expect("its own place").expose(),
        "hunter2"
    );
    let other_tenant = PLACE.replace("acme", "other");
    assert_eq!(
        vault.open_sealed(&other_tenant, &sealed),
        Err(VaultError::DoesNotOpen),
        "another tenant's place"
    );
    assert_eq!(
        Vault::new(&[2; 32]).open_sealed(PLACE, &sealed),
        Err(VaultError::DoesNotOpen),
        "another key"
    );
}

#[test]
fn sealed_bytes_that_were_changed_anywhere_or_cut_off_do_not_open() {
    let vault = Vault::new(&[1; 32]);
    let sealed = vault.seal(PLACE, &secret());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(vault.open_sealed(PLACE, &changed).is_err(), "byte {at}");
        assert!(vault.open_sealed(PLACE, &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn what_an_older_data_key_sealed_opens_until_that_key_is_removed() {
    let one = Keys::from_seed(&[1; 32]);
    let two = one.with_new_data_key(Timestamp::UNIX_EPOCH);
    let (old, both) = (Vault::with(one), Vault::with(two.clone()));
    let new = Vault::with(two.without_old_data_keys());
    let by_old = old.seal(PLACE, &secret());
    assert!(both.open_sealed(PLACE, &by_old).is_ok());
    assert_eq!(new.open_sealed(PLACE, &by_old), Err(VaultError::KeyGone(1)));
    let by_both = both.seal(PLACE, &secret());
    assert!(
        new.open_sealed(PLACE, &by_both).is_ok(),
        "the newest key is what is sealed with"
    );
    assert_eq!(old.open_sealed(PLACE, &by_both), Err(VaultError::KeyGone(2)));
    // What is hashed is found again, and what was made is made again.
    assert_eq!(old.hash("token"), new.hash("token"));
    assert_eq!(old.hash_for("identity", b"event"), new.hash_for("identity", b"event"));
    assert_ne!(old.tag("artifact", b"code"), new.tag("artifact", b"code"));
}

#[test]
fn a_document_is_sealed_anew_only_where_an_older_key_sealed_it() {
    let one = Keys::from_seed(&[1; 32]);
    let new = Vault::with(one.with_new_data_key(Timestamp::UNIX_EPOCH));
    let old = Vault::with(one);
    let sealed = old.seal(PLACE, &secret());
    for open in [&b""[..], b"{\"stage\":\"pending\"}\n"] {
        let document = [open, &sealed].concat();
        let again = new.reseal(PLACE, &document).expect("it opens").expect("it is older");
        let rest = again.strip_prefix(open).expect("the open part stays");
        assert_eq!(key_of(rest), Some(2));
        assert_eq!(
            new.open_sealed(PLACE, rest).map(|secret| secret.expose().to_owned()),
            Ok("hunter2".to_owned())
        );
        assert_eq!(new.reseal(PLACE, &again), Ok(None), "once is enough");
        assert_eq!(
            new.reseal("elsewhere", &document),
            Err(VaultError::DoesNotOpen),
            "nothing is passed over in silence"
        );
    }
    for open in [&b""[..], b"{}", b"{}\n{}", b"\n", b"PBS", b"{\"PBS1\":\"PBS1....\"}"] {
        assert_eq!(new.reseal(PLACE, open), Ok(None), "{open:?}");
    }
}
