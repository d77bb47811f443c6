//! How TeleCloud's own API is reached, and what of a product group a module can be linked to.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::NetworkName;

/// Where the API is unless stated otherwise.
const DEFAULT_URL: &str = "https://api.telecloud.app/{format}/{Service}/{Action}";

/// Longest template, in bytes.
const TEMPLATE_BYTES_MAX: usize = 1_024;

/// The format that is asked for: in its JSON, attributes and CDATA get lost.
const FORMAT: &str = "xml";

/// Why a text is no template for the API's URLs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrlTemplate {
    /// Neither `https` nor `http`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// Every call needs both words in its URL.
    #[error(
        "must have {{{0}}} in it, such as {DEFAULT_URL}: calls with the same method and fields are told apart by their \
         URL alone, and without it a change of state could cancel an order"
    )]
    Missing(&'static str),
    /// A brace that is none of the placeholders.
    #[error("may have {{Service}}, {{Action}} and {{format}} in it and no other braces")]
    Braces,
    /// The key must not be sent wherever a call's name leads.
    #[error("must name its host without placeholders and without a user")]
    Host,
    /// Space, control characters, `#`, other scripts.
    #[error("may not have {0:?} in it")]
    Character(char),
    /// See there.
    #[error("must be at most {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
}

/// What the URL of each call is made by: `https://api.telecloud.app/{format}/{Service}/{Action}` unless stated.
///
/// The API's own documentation shows URLs with and without the action. Some calls differ in nothing else, so a template
/// without one is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UrlTemplate(String);

impl UrlTemplate {
    /// Takes `text` as it is.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidUrlTemplate> {
        if text.len() > TEMPLATE_BYTES_MAX {
            return Err(InvalidUrlTemplate::TooLong);
        }
        let strange = |character: &char| !character.is_ascii_graphic() || *character == '#';
        if let Some(character) = text.chars().find(strange) {
            return Err(InvalidUrlTemplate::Character(character));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or(InvalidUrlTemplate::Scheme)?;
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if host.is_empty() || host.contains(['{', '}', '@']) {
            return Err(InvalidUrlTemplate::Host);
        }
        for word in ["Service", "Action"] {
            if !rest.contains(&format!("{{{word}}}")) {
                return Err(InvalidUrlTemplate::Missing(word));
            }
        }
        let template = Self(text.to_owned());
        if template.url("Service", "Action").contains(['{', '}']) {
            return Err(InvalidUrlTemplate::Braces);
        }
        Ok(template)
    }

    /// The template as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of one call.
    #[must_use]
    pub fn url(&self, service: &str, action: &str) -> String {
        self.0
            .replace("{format}", FORMAT)
            .replace("{Service}", service)
            .replace("{Action}", action)
    }
}

impl Default for UrlTemplate {
    fn default() -> Self {
        Self(DEFAULT_URL.to_owned())
    }
}

impl fmt::Display for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UrlTemplate {
    type Error = InvalidUrlTemplate;
    fn try_from(text: String) -> Result<Self, InvalidUrlTemplate> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for UrlTemplate {
    type Err = InvalidUrlTemplate;
    fn from_str(text: &str) -> Result<Self, InvalidUrlTemplate> {
        Self::parse(text)
    }
}

impl From<UrlTemplate> for String {
    fn from(template: UrlTemplate) -> Self {
        template.0
    }
}

/// How a tenant reaches TeleCloud's API, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TelecloudAccess {
    /// What the URL of each call is made by.
    #[schema(value_type = String, example = "https://api.telecloud.app/{format}/{Service}/{Action}")]
    pub url: UrlTemplate,
    /// `API_ID_KEY` of every call: whose key it is.
    pub api_id_key: String,
    /// The network that the API is in. None: the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub network: Option<NetworkName>,
    /// When this was set.
    #[schema(value_type = String, format = DateTime)]
    pub set: Timestamp,
}

/// What a product group calls a module for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkedEvent {
    /// New orders: Order/Create.
    Order,
    /// Order/Replenish.
    Replenish,
    /// Order/Status, and a usage maximum that is reached.
    Status,
    /// Order/Swap.
    Swap,
    /// Order/Cancel.
    Cancel,
}

impl LinkedEvent {
    /// The product group's field that names the module.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Order => "moduleid_order",
            Self::Replenish => "moduleid_replenish",
            Self::Status => "moduleid_status",
            Self::Swap => "moduleid_swap",
            Self::Cancel => "moduleid_cancel",
        }
    }
}

/// Whether a product group takes orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductGroupStatus {
    /// 1 at TeleCloud.
    Unlocked,
    /// 2 at TeleCloud.
    Locked,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_service_and_action_wherever_the_template_has_them() {
        for (template, expected) in [
            (DEFAULT_URL, "https://api.telecloud.app/xml/Order/Update"),
            (
                "http://127.0.0.1:8080/API/xml/{Service}/{Action}/",
                "http://127.0.0.1:8080/API/xml/Order/Update/",
            ),
            (
                "https://x.example/api.php?call={Service}/{Action}&as={format}",
                "https://x.example/api.php?call=Order/Update&as=xml",
            ),
        ] {
            let template = UrlTemplate::parse(template).expect(template);
            assert_eq!(template.url("Order", "Update"), expected);
        }
        assert_eq!(UrlTemplate::default(), UrlTemplate::parse(DEFAULT_URL).expect("valid"));
    }

    #[test]
    fn a_template_that_could_lead_elsewhere_or_to_another_call_is_refused() {
        use InvalidUrlTemplate::*;
        for (template, expected) in [
            ("", Scheme),
            ("api.telecloud.app/{Service}/{Action}", Scheme),
            ("ftp://x.example/{Service}/{Action}", Scheme),
            ("https://x.example/{format}/{Service}/", Missing("Action")),
            ("https://x.example/{Action}", Missing("Service")),
            ("https://x.example/{service}/{action}", Missing("Service")),
            ("https://x.example/{Service}/{Action}/{id}", Braces),
            ("https://x.example/{Service}/{Action}/{", Braces),
            (
                "https://x.example/{Service}/{Action}/{{secret:telecloud-api-key}}",
                Braces,
            ),
            ("https://{Service}.example/{Action}", Host),
            ("https:///{Service}/{Action}", Host),
            ("https://user:password@x.example/{Service}/{Action}", Host),
            ("https://x.example/{Service}/{Action}#x", Character('#')),
            ("https://x.example/{Service}/ {Action}", Character(' ')),
            ("https://x.example/{Service}/{Action}\r\nX: y", Character('\r')),
            ("https://bücher.example/{Service}/{Action}", Character('ü')),
        ] {
            assert_eq!(UrlTemplate::parse(template), Err(expected), "{template}");
        }
        let long = format!("https://x.example/{{Service}}/{{Action}}/{}", "x".repeat(1_024));
        assert_eq!(UrlTemplate::parse(&long), Err(TooLong));
        assert!(serde_json::from_str::<UrlTemplate>("\"https://x.example/{Service}/\"").is_err());
    }
}
