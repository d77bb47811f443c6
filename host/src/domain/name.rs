//! Names: checked where they enter, so that nothing behind the door checks again.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must match {pattern}, and {given:?} does not")]
pub struct InvalidName {
    what: &'static str,
    pattern: &'static str,
    given: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $max:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` as it is, or says what would be right.
            ///
            /// # Errors
            /// When the text does not match the pattern above. The error quotes no more than its first 80 characters.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$max).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { what: $what, pattern: $pattern, given: text.chars().take(80).collect() })
                }
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

fn slug(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

name! {
    /// A tenant's name: `[a-z0-9-]{1,63}`, a part of its module URLs.
    TenantName, "a tenant name", "[a-z0-9-]{1,63}", 63, slug
}
name! {
    /// A module's name within its tenant: `[a-z0-9-]{1,63}`, a part of its URL.
    ModuleName, "a module name", "[a-z0-9-]{1,63}", 63, slug
}
name! {
    /// A network's name: `[a-z0-9-]{1,63}`.
    NetworkName, "a network name", "[a-z0-9-]{1,63}", 63, slug
}
name! {
    /// A setting's key: `[A-Za-z0-9._-]{1,64}`.
    ConfigKey, "a setting's key", "[A-Za-z0-9._-]{1,64}", 64, identifier
}
name! {
    /// A secret's name within its module: `[A-Za-z0-9._-]{1,64}`.
    SecretName, "a secret's name", "[A-Za-z0-9._-]{1,64}", 64, identifier
}

name! {
    /// An id that TeleCloud gave to something of its own: `[A-Za-z0-9_-]{1,64}`. The documented ones are numbers.
    TelecloudId, "an id at TeleCloud", "[A-Za-z0-9_-]{1,64}", 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Which module of which tenant: what a module URL names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath {
    /// Whose module.
    pub tenant: TenantName,
    /// Which of the tenant's modules.
    pub module: ModuleName,
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_name_is_lower_case_letters_digits_and_hyphens() {
        for good in ["a", "acme-mobile", "0", &"x".repeat(63)] {
            assert!(TenantName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Acme",
            "a/b",
            "../x",
            "a.b",
            "a b",
            "é",
            "a\0",
            "%2e",
            &"x".repeat(64),
        ] {
            assert!(TenantName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_name_is_quoted_and_cut() {
        let error = ModuleName::parse(&"X".repeat(300)).expect_err("upper case is refused");
        assert!(error.to_string().contains("[a-z0-9-]{1,63}"));
        assert!(error.to_string().len() < 200);
    }

    #[test]
    fn a_name_in_json_is_checked_too() {
        assert!(serde_json::from_str::<TenantName>("\"acme\"").is_ok());
        assert!(serde_json::from_str::<TenantName>("\"../x\"").is_err());
    }
}
