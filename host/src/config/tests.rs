//! What is wrong with a setting is said by its key.

use super::*;

/// A root key.
const KEY_DIGITS: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";

fn resolve(file: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("patchbay.toml");
    std::fs::write(&path, file).expect("written");
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings {
        config: Some(path),
        concurrent_calls: Some(7),
        ..Settings::default()
    }
    .resolve(variables)
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_default() {
    let config = resolve("concurrent_calls = 9\nconnections = 11\n", &[]).expect("all is right");
    assert_eq!(config.sandbox.concurrent_calls, 7);
    assert_eq!(config.server.connections, 11);
    assert_eq!(config.upload_bytes, UPLOAD_BYTES);
    assert_eq!(config.gateway.decode, DecodeLimits::default());
    assert!(matches!(config.root_key, KeySource::File(file) if file == Path::new("patchbay-data.key")));
}

#[test]
fn the_key_and_the_admins_token_are_beside_the_data_directory_however_it_is_named() {
    for (data_dir, expected) in [
        ("data", "data"),
        ("data/", "data"),
        ("data//", "data"),
        ("./data/.", "./data"),
        ("/srv/a.b/data/", "/srv/a.b/data"),
    ] {
        let config = resolve(&format!("data_dir = {data_dir:?}"), &[]).expect("all is right");
        let file = |ending: &str| PathBuf::from(format!("{expected}{ending}"));
        assert!(
            matches!(&config.root_key, KeySource::File(found) if *found.as_os_str() == *file(".key").as_os_str()),
            "{data_dir}: {:?}",
            config.root_key
        );
        assert_eq!(config.admin_token_file.as_os_str(), file(".admin-token").as_os_str());
    }
}

#[test]
fn what_a_post_may_contain_can_be_set() {
    let config = resolve("nesting_max = 64\nfields_max = 100\n", &[]).expect("all is right");
    let expected = DecodeLimits {
        nesting: 64,
        fields: 100,
    };
    assert_eq!(config.gateway.decode, expected);
}

#[test]
fn the_machines_authorities_are_trusted_unless_others_are_chosen() {
    for (file, expected) in [
        ("", Roots::System),
        ("tls_roots = \"system\"", Roots::System),
        ("tls_roots = \"bundled\"", Roots::Bundled),
    ] {
        assert_eq!(resolve(file, &[]).expect("all is right").tls_roots, expected, "{file}");
    }
    let error = resolve("tls_roots = \"none\"", &[]).expect_err("refused").to_string();
    assert!(error.contains("tls_roots") && error.contains("bundled"), "{error}");
}

#[test]
fn what_is_wrong_is_named_by_its_key() {
    for (file, variables, expected) in [
        ("colour = 1", &[][..], "unknown field `colour`"),
        ("connections = \"many\"", &[], "connections"),
        ("public_listen = \"nowhere\"", &[], "public_listen"),
        (
            "connections = 0",
            &[],
            "connections: it must be 1 to 100000, and 0 is not",
        ),
        ("log = \"a=b=c\"", &[], "log: "),
        ("nesting_max = 2", &[], "nesting_max: it must be 3 to 64, and 2 is not"),
        ("fields_max = 99", &[], "fields_max: it must be 100 to 100000, and 99"),
        (
            "data_dir = \"d\"\nkey_file = \"d/key\"",
            &[],
            "key_file: it must be outside of data_dir",
        ),
        (
            "admin_listen = \"127.0.0.1:8080\"",
            &[],
            "admin_listen: it must differ from public_listen",
        ),
        (
            "key_file = \"k\"",
            &[("PATCHBAY_KEY", KEY_DIGITS)],
            "key_file: PATCHBAY_KEY is set as well",
        ),
        (
            "",
            &[("PATCHBAY_KEY", "0123")],
            "PATCHBAY_KEY: it must hold 64 hexadecimal digits",
        ),
        (
            "",
            &[("PATCHBAY_DATADIR", "x")],
            "PATCHBAY_DATADIR: there is no such setting",
        ),
    ] {
        let error = resolve(file, variables).expect_err("it is refused").to_string();
        assert!(error.contains(expected), "{file:?} {variables:?}: {error}");
    }
}

#[test]
fn a_secret_that_somebody_put_into_the_file_is_not_shown() {
    for (file, expected) in [
        (
            "log = \"info\"\nadmin_token = \"canary\"",
            "line 2: admin_token: unknown field `admin_token`",
        ),
        (
            "connections = \"canary\"",
            "line 1: connections: invalid type: string \"***\"",
        ),
        ("admin_token = \"canary", "line 1: admin_token: "),
        ("admin_token = canary", "line 1: admin_token: "),
    ] {
        let error = resolve(file, &[]).expect_err("it is refused").to_string();
        assert!(error.contains(expected) && !error.contains("canary"), "{file}: {error}");
    }
}

#[test]
fn the_root_key_may_come_from_the_environment_and_is_not_printed() {
    let config = resolve("", &[("PATCHBAY_KEY", KEY_DIGITS)]).expect("right");
    assert!(matches!(&config.root_key, KeySource::Given(digits) if digits.expose() == KEY_DIGITS));
    assert!(!format!("{config:?}").contains(KEY_DIGITS));
}

#[test]
fn the_admin_token_comes_from_the_environment_and_is_not_printed() {
    let token = "0123456789abcdef0123456789abcdef";
    let config = resolve(
        "",
        &[("PATCHBAY_ADMIN_TOKEN", token), ("PATCHBAY_URL", "x"), ("HOME", "/")],
    )
    .expect("right");
    assert_eq!(config.admin_token.as_ref().map(Secret::expose), Some(token));
    for bad in ["", &token[1..], &token.replace('0', " "), &"é".repeat(32)] {
        let error = resolve("", &[("PATCHBAY_ADMIN_TOKEN", bad)])
            .expect_err("refused")
            .to_string();
        assert!(
            error.starts_with("PATCHBAY_ADMIN_TOKEN: it must have 32 characters"),
            "{error}"
        );
    }
    assert!(!format!("{config:?}").contains(token));
}
