//! `…/orders/{id}/password`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::access::{Operate, OrderPath, TenantAccess, no_such_order};
use super::body::{Confidential, ConfidentialBody};
use super::problem::{Code, Problem};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, CallRecord, ExchangeEnd, Outcome};
use crate::domain::secret::Secret;
use crate::domain::trail::{Deed, Verb};
use crate::gateway::{ChangePassword, Password};

/// A new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// 4 characters to 1 KiB. It is neither kept nor shown.
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
}

impl Confidential for NewPassword {
    const FORM: &'static str = "{\"password\": \"…\"}";
}

/// A password that was changed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PasswordChange {
    /// The call that changed it. What the carrier was asked is on record with it, masked.
    #[schema(value_type = String)]
    pub call: CallId,
}

/// Change an order's password
///
/// Has the order's module change the password of the service at the carrier, once, and waits for it. The module sees a
/// placeholder: a grant that holds during `change-password` has to list the secret `new-password`. VARs that the module
/// answers with are told to TeleCloud by Order/Update. Takes the scope `operate`.
#[utoipa::path(post, path = "", tag = "passwords", request_body = NewPassword,
    responses((status = 200, description = "It is changed", body = PasswordChange)))]
pub(super) async fn change(
    at: TenantAccess<Operate>,
    OrderPath(id): OrderPath,
    State(api): State<Api>,
    ConfidentialBody(new): ConfidentialBody<NewPassword>,
) -> Result<Json<PasswordChange>, Problem> {
    let password = Password::parse(new.password)?;
    let order = api.orders.get(&at.tenant, id).await?;
    let order = order.ok_or_else(|| no_such_order(&id.to_string()))?;
    let asked = ChangePassword {
        tenant: at.tenant.clone(),
        order: order.record,
        password,
        who: at.by.name(),
    };
    // Before it is asked for: what came of it is on record with its call.
    let deed = Deed::new(Verb::Begin, format!("tenants/{}/orders/{id}/password", at.tenant));
    api.registry.note(&at.tenant, &at.by, deed).await?;
    let call = Arc::clone(&api.passwords).change(asked).await?;
    // The record is masked, so it is what is shown.
    let record = api.journal.show(&at.tenant, call).await?;
    match record.map(|record| told(&record)) {
        Some(told) => told.map(Json),
        None => Err(Code::Internal.because(format!("Call {call} is on record no more."))),
    }
}

/// What the operator is told of a call that has ended.
fn told(record: &CallRecord) -> Result<PasswordChange, Problem> {
    let call = record.id;
    let more = format!("Call {call} says more.");
    let denied = record.exchanges.iter().find_map(|exchange| match &exchange.end {
        Some(ExchangeEnd::Denied { reason }) => Some(reason.as_str()),
        _ => None,
    });
    let said = match &record.reply {
        Some(Reply::Failure { error }) => error.as_str(),
        _ => "",
    };
    let why = denied.unwrap_or(said);
    Err(match record.outcome {
        Outcome::Done => return Ok(PasswordChange { call }),
        Outcome::Rejected => Code::ActionRefused.because(format!("{why} ({more})")),
        Outcome::Refused => Code::Busy.because(format!("{why} ({more})")),
        Outcome::Unreachable | Outcome::Faulted => Code::NothingChanged.because(format!("{why} ({more})")),
        Outcome::Unknown | Outcome::Pending | Outcome::Repeated | Outcome::Running => Code::OutcomeUnknown.because(
            format!("The carrier was asked, and gave no answer to rely on. Nothing is tried again by itself. {more}"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(outcome: Outcome, said: Option<&str>, denied: Option<&str>) -> CallRecord {
        let exchanges: Vec<_> = denied
            .map(|reason| {
                json!({
                    "grant": null, "read_only": false, "started": "2026-11-18T00:00:00Z", "micros": 1,
                    "request": {"method": "PUT", "url": "https://x.example/", "headers": [], "body": "", "body_bytes": 0},
                    "end": {"result": "denied", "reason": reason},
                })
            })
            .into_iter()
            .collect();
        let reply = said.map(|error| json!({"success": "N", "error": error}));
        let record = json!({
            "id": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "module": "sim", "version": 1, "received": "2026-11-18T00:00:00Z",
            "micros": 1, "event": {"service": "", "account_number": null, "order_number": null, "request": null},
            "exchanges": exchanges, "log": [], "outcome": outcome, "detail": null, "reply": reply,
            "usage": {"memory_bytes": 0, "log_bytes": 0, "log_lines_dropped": 0, "requests": 0},
        });
        serde_json::from_value(record).expect("a record")
    }

    #[test]
    fn how_the_call_ended_is_told_by_status_and_in_words() {
        let rows = [
            (Outcome::Done, None, None, None),
            (
                Outcome::Rejected,
                Some("Carrier Error: too weak"),
                None,
                Some((409, "action-refused", "Carrier Error: too weak (Call ")),
            ),
            (
                Outcome::Unreachable,
                Some("Carrier Error: unreachable"),
                None,
                Some((502, "nothing-changed", "Carrier Error: unreachable (Call ")),
            ),
            (
                Outcome::Unreachable,
                Some("Carrier Error: unreachable"),
                Some("no grant allows it"),
                Some((502, "nothing-changed", "no grant allows it (Call ")),
            ),
            (
                Outcome::Faulted,
                Some("Module Error: failed"),
                None,
                Some((502, "nothing-changed", "Module Error: failed (Call ")),
            ),
            (
                Outcome::Refused,
                Some("Module Error: busy"),
                None,
                Some((429, "busy", "Module Error: busy (Call ")),
            ),
            (
                Outcome::Unknown,
                None,
                None,
                Some((504, "outcome-unknown", "Nothing is tried again by itself.")),
            ),
        ];
        for (outcome, said, denied, problem) in rows {
            match (told(&record(outcome, said, denied)), problem) {
                (Ok(changed), None) => assert_eq!(changed.call.to_string(), "01KAJ3X0V5R7W2Q8N4M6B1C9DF"),
                (Err(found), Some((status, code, detail))) => {
                    assert_eq!((found.status, found.code.as_str()), (status, code), "{outcome}");
                    assert!(found.detail.contains(detail), "{outcome}: {}", found.detail);
                    assert!(found.detail.contains("01KAJ3X0V5R7W2Q8N4M6B1C9DF"), "{outcome}");
                }
                (found, _) => panic!("{outcome}: {found:?}"),
            }
        }
    }
}
