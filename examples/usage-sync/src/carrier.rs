//! How the carrier is spoken to. `CARRIER.md` describes its API.

use patchbay_module::http::{self, Request};
use patchbay_module::{Failure, config};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    #[serde(alias = "usage", alias = "lines")]
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A request to this path, with the token.
pub(crate) fn request(method: impl FnOnce(String) -> Request, path: &str) -> Result<Request, Failure> {
    let base = config::require("carrier_url")?;
    let token = config::secret("carrier-token")?;
    Ok(method(format!("{}{path}", base.trim_end_matches('/'))).header("authorization", format!("Bearer {token}")))
}

/// Reads the page of a list that begins at `cursor`. `path` has a query already, or none.
pub(crate) fn page<T: DeserializeOwned>(path: &str, cursor: Option<&str>) -> Result<Page<T>, Failure> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = match cursor {
        Some(cursor) => format!("{path}{separator}cursor={}", http::encode(cursor)),
        None => path.to_owned(),
    };
    let response = request(http::get, &path)?.send()?;
    let response = response.success_or(|refusal| format!("HTTP {}: {}", refusal.status(), refusal.text()))?;
    Ok(response.json()?)
}

/// The carrier's plan for a product, or the product of a plan: the settings `plan.<CARRIER_PRODUCT_ID>`.
pub(crate) fn products() -> impl Iterator<Item = (String, String)> {
    let settings = config::all().into_iter();
    settings.filter_map(|(key, plan)| Some((key.strip_prefix("plan.")?.to_owned(), plan)))
}
