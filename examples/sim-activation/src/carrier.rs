//! How the carrier is spoken to: where it is, who we are, and what its answers mean. `CARRIER.md` describes its API.

use patchbay_module::http::{Request, Response};
use patchbay_module::{Failure, Order, config, http};
use serde::Deserialize;

/// The carrier, as the tenant's settings say.
pub(crate) struct Carrier {
    base_url: String,
    authorization: String,
}

/// The carrier said no, and changed nothing.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Empty when the carrier gave none.
    pub(crate) code: String,
    message: String,
}

#[derive(Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorFields,
}

#[derive(Deserialize)]
pub(crate) struct ErrorFields {
    pub(crate) code: String,
    message: String,
}

impl Carrier {
    /// Reads the settings.
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            base_url: config::require("carrier_url")?.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {}", config::secret("carrier-token")?),
        })
    }

    /// The URL of a path, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// Sends a request that changes something. With `??` a refusal becomes the order's rejection; with one `?` the caller
    /// looks at it first.
    ///
    /// - 2xx is the response, 4xx the refusal.
    /// - 401 and 403 are about this module and not about the order, so the text says what the operator should look at.
    /// - 429 is a promise that nothing was done, and an invitation to come again: the kind of failure that says so is
    ///   [`Failure::Unreachable`].
    /// - 503 may come from a proxy that had passed the request on, even with a Retry-After. So it leaves the outcome
    ///   unknown, like every other 5xx: a line that is activated twice costs more than one that somebody looks up.
    pub(crate) fn change(&self, order: &Order, request: Request) -> Result<Result<Response, Refusal>, Failure> {
        self.change_under(order.call_id(), request)
    }

    /// As [`Carrier::change`], under an idempotency key of its own: for an order that takes more than one request.
    pub(crate) fn change_under(&self, key: &str, request: Request) -> Result<Result<Response, Refusal>, Failure> {
        let request = request.header("idempotency-key", key);
        let response = request.header("authorization", self.authorization.as_str()).send()?;
        match response.status() {
            401 | 403 => Err(not_accepted(&response)),
            429 => Err(Failure::Unreachable(format!(
                "{}: the carrier takes no more requests for now (HTTP 429, Retry-After: {})",
                response.request(),
                response.header("retry-after").unwrap_or("not given")
            ))),
            400..500 => Ok(Err(Refusal::read(&response))),
            // Only 2xx and what leaves the outcome unknown are left.
            _ => response.success_or(|_| String::new()).map(Ok),
        }
    }

    /// Looks something up, which changes nothing. `None` when the carrier has no such thing.
    pub(crate) fn look_up(&self, path: &str) -> Result<Option<Response>, Failure> {
        let request = http::get(self.url(path)).header("authorization", self.authorization.as_str());
        let response = request.send()?;
        match response.status() {
            200 => Ok(Some(response)),
            404 => Ok(None),
            401 | 403 => Err(not_accepted(&response)),
            _ => Err(response.unknown()),
        }
    }
}

fn not_accepted(response: &Response) -> Failure {
    Failure::rejected(format!(
        "The carrier does not accept this module's credentials (HTTP {}): check the secret carrier-token",
        response.status()
    ))
}

impl Refusal {
    fn read(response: &Response) -> Self {
        let status = response.status();
        match response.json::<ErrorBody>() {
            Ok(ErrorBody { error }) => Self {
                status,
                code: error.code,
                message: error.message,
            },
            Err(_) => Self {
                status,
                code: String::new(),
                message: format!("HTTP {status}"),
            },
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::carrier(&refusal.message)
    }
}
