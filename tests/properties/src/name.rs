//! Names.

use std::fmt::Display;

use patchbay::domain::name::{ConfigKey, InvalidName, ModuleName, SecretName, TelecloudId, TenantName};

/// The bytes as a name of each kind: taken as it stands if it matches the documented pattern, and otherwise refused in a
/// short sentence.
pub fn name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let slug = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    let identifier = |c: char| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-');
    check(&text, TenantName::parse(&text), 63, slug);
    check(&text, ModuleName::parse(&text), 63, slug);
    check(&text, ConfigKey::parse(&text), 64, identifier);
    check(&text, SecretName::parse(&text), 64, identifier);
    let given = |c: char| identifier(c) && c != '.';
    check(&text, TelecloudId::parse(&text), 64, given);
}

fn check<N: Display>(text: &str, parsed: Result<N, InvalidName>, most: usize, allowed: impl Fn(char) -> bool) {
    let count = text.chars().count();
    let matches = (1..=most).contains(&count) && text.chars().all(allowed);
    match parsed {
        Ok(name) => {
            assert!(matches, "{text:?} was taken");
            assert_eq!(name.to_string(), text);
        }
        Err(error) => {
            assert!(!matches, "{text:?} was refused");
            let sentence = error.to_string();
            // Eighty characters, each of which may be escaped as `\u{10ffff}`.
            assert!(sentence.len() <= 80 * 10 + 100, "{sentence}");
            assert!(!sentence.contains(char::is_control), "{sentence:?}");
        }
    }
}
