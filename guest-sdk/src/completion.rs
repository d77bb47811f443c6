//! How pending orders get finished.

use core::time::Duration;
use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::bindings::completion::exports::patchbay::module::completion as wit;
use crate::bindings::patchbay::module::orders;
use crate::host;
use crate::orders::{Document, Order, seconds, vars};

/// For a module whose orders can stay pending: how each gets finished. Exported by `export!(Type: completion)`.
///
/// ```
/// use patchbay_module::{Completion, Module, Order, Outcome, Progress, config, http};
/// # use patchbay_module::Answer;
///
/// struct Lines;
///
/// impl Module for Lines {
///     // …
/// #     fn create(_: &Order) -> Outcome {
/// #         Ok(Answer::pending("A-1"))
/// #     }
/// }
///
/// impl Completion for Lines {
///     fn check(_: &Order, state: &str) -> Result<Progress, String> {
///         // The state is what `create` answered: Answer::pending(activation_id).
///         let url = format!("{}/ports/{}", config::require("carrier_url")?, http::encode(state));
///         let port: serde_json::Value = http::get(url).send()?.json()?;
///         match port["status"].as_str() {
///             Some("COMPLETED") => Ok(Progress::completed().var(15, "COMPLETED")),
///             Some("REJECTED") => Ok(Progress::rejected("Carrier Error: the port was refused")),
///             _ => Ok(Progress::waiting(state)),
///         }
///     }
/// }
///
/// patchbay_module::export!(Lines: completion);
///
/// // In the module's own tests:
/// use patchbay_module::testing::{Event, Gateway, Reply};
///
/// let run = Gateway::new()
///     .config("carrier_url", "https://carrier.test")
///     .carrier(|_| Reply::json(200, &serde_json::json!({ "status": "COMPLETED" })))
///     .check::<Lines>(Event::create(), "A-1");
/// assert_eq!(run.outcome, Ok(Progress::completed().var(15, "COMPLETED")));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Completion`",
    note = "a module that exports completion implements it, besides `Module`"
)]
pub trait Completion {
    /// Asks the carrier how the order stands.
    ///
    /// `order` is the event that was answered with pending, under the id of that call. It comes without its documents:
    /// every path of [`Order::document`] is absent. `state` is what was answered then, or what the last
    /// [`Progress::waiting`] replaced it by.
    ///
    /// # Errors
    /// Why the carrier could not be asked. The gateway asks again later. `?` makes the text of a
    /// [`Failure`](crate::Failure) and of an [`http::Error`](crate::http::Error).
    fn check(order: &Order, state: &str) -> Result<Progress, String>;

    /// Reads a request that the carrier made to the module's callback URL.
    ///
    /// Whoever knows the URL can make such a request, and a module holds no secret that it could verify a signature with.
    /// So take from it which order it is about, and [ask the carrier](Completion::check) how that stands.
    ///
    /// # Errors
    /// Why it cannot be read. The carrier is told that its request was bad.
    fn receive(callback: &Callback) -> Result<Vec<Notice>, String> {
        let _ = callback;
        Err("this module takes no callbacks".to_owned())
    }
}

/// How a pending order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Progress {
    step: Step,
    vars: Vec<(u8, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Waiting {
        state: String,
        check_after: Option<Duration>,
    },
    Completed,
    Rejected(String),
}

impl Progress {
    /// Not finished. `state` is handed back next time; at most 4 KiB.
    pub fn waiting(state: impl Into<String>) -> Self {
        Self::new(Step::Waiting {
            state: state.into(),
            check_after: None,
        })
    }

    /// The carrier has finished the order.
    pub fn completed() -> Self {
        Self::new(Step::Completed)
    }

    /// The carrier has refused the order, definitely and finally: it is refunded on this. The text is shown with the order;
    /// begin it with `Carrier Error: ` when the carrier said it.
    pub fn rejected(text: impl Into<String>) -> Self {
        Self::new(Step::Rejected(text.into()))
    }

    fn new(step: Step) -> Self {
        Self { step, vars: Vec::new() }
    }

    /// Saves VAR`index`, 1 to 20, on the order. An empty value is left out.
    pub fn var(mut self, index: u8, value: impl Into<String>) -> Self {
        self.vars.push((index, value.into()));
        self
    }

    /// When to ask again, in whole seconds from now. It says nothing about an order that is not waiting.
    pub fn check_after(mut self, wait: Duration) -> Self {
        if let Step::Waiting { check_after, .. } = &mut self.step {
            *check_after = Some(wait);
        }
        self
    }
}

impl From<Progress> for wit::Progress {
    fn from(progress: Progress) -> Self {
        let vars = vars(progress.vars);
        match progress.step {
            Step::Waiting { state, check_after } => Self::Waiting(wit::Waiting {
                vars,
                state,
                check_after: check_after.map(seconds),
            }),
            Step::Completed => Self::Completed(vars),
            Step::Rejected(text) => Self::Rejected(wit::Rejection { text, vars }),
        }
    }
}

/// What a callback is about: the state of a pending order, and how that order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Notice {
    state: String,
    progress: Progress,
}

impl Notice {
    /// Of the order that is pending under `state`.
    pub fn new(state: impl Into<String>, progress: Progress) -> Self {
        Self {
            state: state.into(),
            progress,
        }
    }
}

impl From<Notice> for wit::Notice {
    fn from(notice: Notice) -> Self {
        Self {
            state: notice.state,
            progress: notice.progress.into(),
        }
    }
}

/// A request that the carrier made to the module's callback URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    method: String,
    path_with_query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Callback {
    /// In upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// What follows the callback URL: path and query, as sent.
    #[must_use]
    pub fn path_with_query(&self) -> &str {
        &self.path_with_query
    }

    /// The first header of that name, in any case, if it is a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// Every header, in the order received.
    #[must_use]
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// What does not fit the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the callback cannot be read: {error}"))
    }
}

/// For tests.
#[cfg(not(target_family = "wasm"))]
impl Callback {
    /// A POST to the callback URL itself.
    #[must_use]
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".to_owned(),
            path_with_query: String::new(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets what follows the callback URL.
    #[must_use]
    pub fn with_path(mut self, path_with_query: &str) -> Self {
        path_with_query.clone_into(&mut self.path_with_query);
        self
    }
}

impl From<wit::Callback> for Callback {
    fn from(callback: wit::Callback) -> Self {
        Self {
            method: callback.method,
            path_with_query: callback.path_with_query,
            headers: callback.headers,
            body: callback.body,
        }
    }
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn check<M: Completion>(event: orders::Event, state: &str) -> Result<wit::Progress, String> {
    host::begin();
    M::check(&Order::new(event, Document::absent()), state).map(Into::into)
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn receive<M: Completion>(callback: wit::Callback) -> Result<Vec<wit::Notice>, String> {
    host::begin();
    let notices = M::receive(&callback.into())?;
    Ok(notices.into_iter().map(Into::into).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CALL_ID, Event, Gateway};
    use crate::{Failure, config, http};

    struct Asks;

    impl Completion for Asks {
        fn check(order: &Order, state: &str) -> Result<Progress, String> {
            let url = config::require("url")?;
            http::get(url).send()?;
            Ok(Progress::waiting(format!("{state}+")).var(1, order.call_id()))
        }
    }

    #[test]
    fn a_check_knows_the_order_and_its_state() {
        let gateway = Gateway::new().config("url", "https://carrier.test/a");
        let gateway = gateway.carrier(|_| crate::testing::Reply::status(200));
        let run = gateway.check::<Asks>(Event::create(), "A-1");
        assert_eq!(run.outcome, Ok(Progress::waiting("A-1+").var(1, CALL_ID)));
        assert_eq!(run.requests.len(), 1);
    }

    #[test]
    fn why_the_carrier_could_not_be_asked_is_told() {
        let run = Gateway::new().check::<Asks>(Event::create(), "A-1");
        assert_eq!(run.outcome, Err("This module's setting url is not set".to_owned()));
        let run = Gateway::new()
            .config("url", "https://carrier.test/a")
            .check::<Asks>(Event::create(), "A-1");
        let denied = "GET https://carrier.test/a: the gateway denied it; the record of the call says why";
        assert_eq!(run.outcome, Err(denied.to_owned()));
        assert_eq!(String::from(Failure::Unknown("why".to_owned())), "why");
    }

    #[test]
    fn callbacks_are_refused_until_they_are_taken() {
        let run = Gateway::new().receive::<Asks>(&Callback::post("{}"));
        assert_eq!(run.outcome, Err("this module takes no callbacks".to_owned()));
    }

    #[test]
    fn the_documents_do_not_come_again() {
        struct Reads;
        impl Completion for Reads {
            fn check(order: &Order, _: &str) -> Result<Progress, String> {
                assert_eq!(order.document().json(""), None);
                assert_eq!(order.document().get("Customer.first_name"), None);
                Ok(Progress::completed())
            }
        }
        let event = Event::create().document(serde_json::json!({"Customer": {"first_name": "Avery"}}));
        let run = Gateway::new().check::<Reads>(event, "");
        assert_eq!(run.outcome, Ok(Progress::completed()));
    }

    #[test]
    fn progress_crosses_the_boundary_whole() {
        let waiting = Progress::waiting("A-1")
            .check_after(Duration::from_secs(300))
            .var(15, "SUBMITTED");
        let wit::Progress::Waiting(waiting) = waiting.into() else {
            panic!("waiting")
        };
        assert_eq!((waiting.state.as_str(), waiting.check_after), ("A-1", Some(300)));
        assert_eq!(
            (waiting.vars[0].index, waiting.vars[0].value.as_str()),
            (15, "SUBMITTED")
        );
        let wit::Progress::Rejected(rejection) = Progress::rejected("no").var(15, "REJECTED").into() else {
            panic!("rejected")
        };
        assert_eq!((rejection.text.as_str(), rejection.vars.len()), ("no", 1));
        let notice = wit::Notice::from(Notice::new("A-1", Progress::completed().var(3, "2025550177")));
        assert_eq!(notice.state, "A-1");
        assert!(matches!(notice.progress, wit::Progress::Completed(vars) if vars.len() == 1));
    }

    #[test]
    fn a_callback_is_read() {
        let callback = Callback::post(r#"{"id":"A-1"}"#)
            .with_header("X-Event", "port")
            .with_path("/ports?now=1");
        assert_eq!(
            (callback.method(), callback.path_with_query()),
            ("POST", "/ports?now=1")
        );
        assert_eq!(callback.header("x-event"), Some("port"));
        let body: serde_json::Value = callback.json().expect("JSON");
        assert_eq!(body["id"], "A-1");
        let error = Callback::post("<xml/>").json::<u8>().expect_err("no JSON");
        assert!(error.starts_with("the callback cannot be read: "), "{error}");
    }
}
