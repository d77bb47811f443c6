//! Makes one call at TeleCloud's API, through the door like any other request.

use std::borrow::Cow;
use std::sync::Arc;

use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Runner, Witness, without_secrets};
use crate::domain::event::{ActionKind, Document};
use crate::domain::limits::Limits;
use crate::egress::{Door, Passage, Recorder, Spent, Timeouts, secrets};
use crate::journal::CallLog;
use crate::registry::Telecloud;
use crate::registry::telecloud::TIMEOUT;
use crate::telecloud::client::{self, Accepted, Access, Call, NotAccepted};

/// Largest answer, in bytes. Documented ones have some hundred.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// TeleCloud has not accepted a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// TeleCloud said no, and why. The same again would be refused again.
    #[error("TeleCloud refused it: {0}")]
    Refused(String),
    /// It was sent, and nobody knows what became of it.
    #[error("{0}")]
    Unclear(String),
    /// Certainly nothing of it has left.
    #[error("it was not sent: {0}")]
    NotSent(String),
}

impl Runner {
    /// Makes one call at TeleCloud's API, in a call of its own on record: what is told, too, is recorded, masked.
    ///
    /// # Errors
    /// Why TeleCloud has not accepted it, as far as is known.
    pub async fn tell(&self, telecloud: &Telecloud, log: &CallLog, call: &Call) -> Result<Accepted, NotTold> {
        tell(&self.door, telecloud, log, call).await
    }
}

/// [`Runner::tell`] without a runner: nothing here needs a sandbox.
///
/// # Errors
/// Why TeleCloud has not accepted it, as far as is known.
pub async fn tell(door: &Door, telecloud: &Telecloud, log: &CallLog, call: &Call) -> Result<Accepted, NotTold> {
    let (service, action) = call.name();
    log.event(&format!("{service}/{action}"), &document(call));
    let recorder = Arc::new(Witness::new(log.clone()));
    send(door, telecloud, call, recorder, Instant::now() + TIMEOUT).await
}

async fn send(
    door: &Door,
    telecloud: &Telecloud,
    call: &Call,
    recorder: Arc<dyn Recorder>,
    deadline: Instant,
) -> Result<Accepted, NotTold> {
    let access = Access {
        url: &telecloud.access.url,
        api_id_key: &telecloud.access.api_id_key,
        api_key: &telecloud.placeholder,
    };
    check(&access, call)?;
    let request = client::request(&access, call).map_err(|error| NotTold::NotSent(error.to_string()))?;
    let passage = Passage {
        tenant: telecloud.tenant.clone(),
        policy: Arc::clone(&telecloud.policy),
        secrets: Arc::clone(&telecloud.secrets),
        limits: Limits {
            requests: 1,
            response_bytes: ANSWER_BYTES_MAX,
            ..Limits::default()
        },
        action: ActionKind::Other,
        deadline,
        connections: Arc::clone(&telecloud.connections),
        recorder,
        spent: Spent::default(),
    };
    let response = door
        .send(&passage, request.map(Full::new), Timeouts::default())
        .await
        .map_err(|error| match error.was_sent() {
            true => NotTold::Unclear(format!("there is no answer of TeleCloud: {error}")),
            false => NotTold::NotSent(error.to_string()),
        })?;
    client::read(call, response.status(), response.body()).map_err(|error| match error {
        // Servers like to quote what they were sent.
        NotAccepted::Refused(text) => NotTold::Refused(without_secrets(text, &telecloud.secrets)),
        NotAccepted::Unclear(why) => NotTold::Unclear(why),
    })
}

/// A placeholder in a text that a module or a carrier chose would be replaced by the key, and TeleCloud would keep that
/// with the order.
fn check(access: &Access<'_>, call: &Call) -> Result<(), NotTold> {
    let own = [("API_ID_KEY".into(), access.api_id_key.into())];
    let holds = |(_, value): &&(_, Cow<'_, str>)| secrets::mentions(value.as_bytes());
    match own.iter().chain(&call.fields()).find(holds) {
        Some((name, _)) => Err(NotTold::NotSent(format!(
            "{name} has the placeholder of a secret in it"
        ))),
        None => Ok(()),
    }
}

/// What is told, as the record of a call shows what was asked. The account stands where events have it.
fn document(call: &Call) -> Document {
    let mut fields = Map::new();
    for (name, value) in call.fields() {
        let value = Value::String(value.into_owned());
        match &*name {
            "account_number" => fields.insert("Customer".to_owned(), json!({ "account_number": value })),
            _ => fields.insert(name.into_owned(), value),
        };
    }
    Document::new(Value::Object(fields))
}

#[cfg(test)]
mod tests;
