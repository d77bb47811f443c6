//! Documents of which a part stands in the open, so that many are read quickly, and the rest is sealed.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::JobError;
use crate::domain::secret::Secret;
use crate::storage::StorageError;
use crate::vault::Vault;

/// Splits the two. JSON has no line breaks of its own.
const END: u8 = b'\n';

/// Writes the document at `key`.
pub(super) fn write(
    vault: &Vault,
    key: &str,
    open: &impl Serialize,
    sealed: &impl Serialize,
) -> Result<Bytes, JobError> {
    let failed = |error: serde_json::Error| JobError::Unwritable(error.to_string());
    let mut value = serde_json::to_vec(open).map_err(failed)?;
    value.push(END);
    let sealed = Secret::new(serde_json::to_string(sealed).map_err(failed)?);
    value.extend(vault.seal(key, &sealed));
    Ok(value.into())
}

/// Reads the part of the document at `key` that stands in the open.
pub(super) fn open<T: DeserializeOwned>(key: &str, value: &[u8]) -> Result<T, JobError> {
    let (open, _) = split(key, value)?;
    serde_json::from_slice(open).map_err(|error| damaged(key, &error))
}

/// Reads the part of the document at `key` that is sealed. It opens only there.
pub(super) fn sealed<T: DeserializeOwned>(vault: &Vault, key: &str, value: &[u8]) -> Result<T, JobError> {
    let (_, sealed) = split(key, value)?;
    let text = vault.open_sealed(key, sealed).map_err(|error| damaged(key, &error))?;
    serde_json::from_str(text.expose()).map_err(|error| damaged(key, &error))
}

fn split<'a>(key: &str, value: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), JobError> {
    let end = value.iter().position(|byte| *byte == END);
    let end = end.ok_or_else(|| damaged(key, &"it has no end of line"))?;
    Ok((&value[..end], &value[end + 1..]))
}

fn damaged(key: &str, why: &dyn std::fmt::Display) -> JobError {
    JobError::Storage(StorageError::Damaged {
        what: key.to_owned(),
        why: why.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only_and_the_rest_anywhere() {
        let vault = Vault::new(&[7; 32]);
        let value = write(&vault, "work/acme/jobs/1", &"open", &"canary").expect("written");
        assert!(!value.windows(6).any(|window| window == b"canary"));
        assert_eq!(open::<String>("work/acme/jobs/2", &value).expect("open"), "open");
        assert_eq!(
            sealed::<String>(&vault, "work/acme/jobs/1", &value).expect("opened"),
            "canary"
        );
        assert!(sealed::<String>(&vault, "work/acme/jobs/2", &value).is_err());
        for cut in 0..value.len() {
            assert!(
                sealed::<String>(&vault, "work/acme/jobs/1", &value[..cut]).is_err(),
                "cut at {cut}"
            );
        }
    }
}
