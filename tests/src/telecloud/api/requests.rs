//! Calls as they arrive: what they are, who makes them, which service answers, and how.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, StatusCode};

use super::form::{Form, Refusal};
use super::modules::{self, Module, ProductGroup};
use super::orders::{self, MaximumReached, Notation, Order, Refund};
use super::{API_ID_KEY, API_KEY};
use crate::peer::{Behaviour, Party, Reply, lock};
use crate::telecloud::encoding::{FORM, xml_text};
use crate::telecloud::{Encoding, Fields, Posted, client, post};

/// The transaction that comes first. The value only has to be a number.
const FIRST_TRANSACTION: u64 = 3_123_688;

/// How long a module may take that is called from inside a call. Longer than any deadline of a test's.
const MODULE_PATIENCE: Duration = Duration::from_secs(60);

/// A call that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedCall {
    /// Service and action, such as `Order/Update`; the whole path where it is none of TeleCloud's.
    pub service_action: String,
    /// In upper case.
    pub method: String,
    /// All fields but the credentials.
    pub fields: Fields,
    /// When it had been received whole.
    pub at: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It had its effect, whatever was then answered.
    Applied,
    /// It was not as it should be, or could not be done; this is the `<error>`.
    Refused(String),
    /// The test had said what to answer instead.
    Ignored,
}

/// Everything that TeleCloud knows.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) refunds: Vec<Refund>,
    pub(super) notations: Vec<Notation>,
    pub(super) modules: BTreeMap<String, Module>,
    pub(super) last_module_id: u32,
    pub(super) product_groups: BTreeMap<String, ProductGroup>,
    /// Whom to tell of a maximum that was reached, and the fields to tell it with.
    pub(super) on_maximum: Option<(String, Fields)>,
    pub(super) maximum_answers: Vec<Result<Posted, String>>,
    transactions: u64,
}

/// TeleCloud itself.
#[derive(Debug, Default)]
pub(super) struct Telecloud {
    pub(super) books: Mutex<Books>,
}

impl Telecloud {
    /// Every service, by the method that it is called by.
    fn serve(&self, call: &ReceivedCall) -> Result<(String, Option<MaximumReached>), Refusal> {
        let form = Form::new(call.fields.clone());
        let books = &mut *lock(&self.books);
        let answer = match (call.method.as_str(), call.service_action.as_str()) {
            ("PATCH", "Order/Update") => orders::update(books, form),
            ("POST", "Order/ReportUsage") => return orders::report_usage(books, form),
            ("POST", "Customer/Notation") => orders::notation(books, form),
            ("POST", "Module/Create") => modules::create(books, form),
            ("PATCH", "Module/Edit") => modules::edit(books, form),
            ("DELETE", "Module/Delete") => modules::delete(books, form),
            ("PATCH", "ProductGroup/Edit") => modules::edit_product_group(books, form),
            (method, service) => Err(Refusal(format!("Invalid service: {method} {service}"))),
        };
        Ok((answer?, None))
    }

    /// Tells the status module, and notes what it answers. No lock is held meanwhile: the module may well call here.
    async fn tell_of_maximum(&self, reached: MaximumReached) {
        let Some((url, mut fields)) = lock(&self.books).on_maximum.clone() else {
            return;
        };
        fields.insert("Customer[account_number]".to_owned(), reached.account_number);
        fields.insert("order_number".to_owned(), reached.order_number);
        let posting = async { post(&client()?, &url, Encoding::Form, &fields).await };
        let answer = match tokio::time::timeout(MODULE_PATIENCE, posting).await {
            Ok(posted) => posted.map_err(|error| format!("{error:#}")),
            Err(_) => Err(format!("no answer within {MODULE_PATIENCE:?}")),
        };
        lock(&self.books).maximum_answers.push(answer);
    }

    fn document(&self, content: &str) -> Reply {
        let books = &mut *lock(&self.books);
        let trans_id = FIRST_TRANSACTION + books.transactions;
        books.transactions += 1;
        xml_reply(&format!("<telecloud trans_id=\"{trans_id}\">{content}</telecloud>"))
    }
}

impl Party for Telecloud {
    type Received = ReceivedCall;

    fn read(&self, parts: &Parts, body: &Bytes) -> ReceivedCall {
        let path = parts.uri.path();
        let (fields, outcome) = match read_fields(parts, body) {
            Ok(fields) => (fields, Outcome::Ignored),
            Err(Refusal(error)) => (Fields::new(), Outcome::Refused(error)),
        };
        ReceivedCall {
            service_action: path.strip_prefix("/xml/").unwrap_or(path).to_owned(),
            method: parts.method.to_string(),
            fields,
            at: Instant::now(),
            outcome,
        }
    }

    fn place(received: &ReceivedCall) -> &str {
        &received.service_action
    }

    async fn act(&self, call: &mut ReceivedCall, _: Parts, _: Bytes) -> Reply {
        if let Outcome::Refused(error) = &call.outcome {
            return Reply::telecloud_error(error);
        }
        match self.serve(call) {
            Ok((answer, maximum)) => {
                call.outcome = Outcome::Applied;
                if let Some(reached) = maximum {
                    self.tell_of_maximum(reached).await;
                }
                self.document(&answer)
            }
            Err(Refusal(error)) => {
                let reply = Reply::telecloud_error(&error);
                call.outcome = Outcome::Refused(error);
                reply
            }
        }
    }
}

/// The fields without the credentials, which have to be right.
fn read_fields(parts: &Parts, body: &[u8]) -> Result<Fields, Refusal> {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let in_query = matches!(parts.method, Method::GET | Method::DELETE);
    let (fields, elsewhere) = if in_query { (query, body) } else { (body, query) };
    if !elsewhere.is_empty() {
        let place = if in_query { "query" } else { "body" };
        return Err(Refusal(format!(
            "Parameters of {} belong into the {place}",
            parts.method
        )));
    }
    let content_type = parts.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    if !in_query && content_type != Some(FORM.as_bytes()) {
        return Err(Refusal(format!("Content-Type must be {FORM}")));
    }
    let mut read = Fields::new();
    for (name, value) in form_urlencoded::parse(fields) {
        if read.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(Refusal(format!("Parameter given twice: {name}")));
        }
    }
    let credentials = [read.remove("API_ID_KEY"), read.remove("API_KEY")];
    if credentials != [Some(API_ID_KEY.to_owned()), Some(API_KEY.to_owned())] {
        return Err(Refusal("Authentication failed".to_owned()));
    }
    Ok(read)
}

impl Behaviour {
    /// Has no effect, and answers with an error in TeleCloud's form, which says so under HTTP status 200.
    #[must_use]
    pub fn telecloud_error(error: &str) -> Self {
        Self::answer(Reply::telecloud_error(error))
    }
}

impl Reply {
    /// An error in TeleCloud's form, under HTTP status 200.
    #[must_use]
    pub fn telecloud_error(error: &str) -> Self {
        xml_reply(&format!("<error>{}</error>", xml_text(error)))
    }
}

fn xml_reply(root: &str) -> Reply {
    let body = format!("<?xml version=\"1.0\"?>\n{root}\n");
    Reply::new(StatusCode::OK, "text/xml; charset=utf-8", body)
}
