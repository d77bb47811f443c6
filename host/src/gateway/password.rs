//! A new password for the service of an order, because an operator asks for it. TeleCloud never does.
//!
//! The module gets the placeholder of a secret and never the password. The secret is there for this one call: the door puts
//! it where a grant allows, the record masks it, and it is kept nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::timeout;
use tracing::Instrument;
use ulid::Ulid;

use super::{Gateway, RECORD, tell};
use crate::domain::answer::Reply;
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::{Action, ActionKind, Document, Event, Vars};
use crate::domain::module::ModuleStatus;
use crate::domain::name::{ModulePath, SecretName, TenantName};
use crate::domain::order::OrderRecord;
use crate::domain::secret::Secret;
use crate::egress::secrets::placeholder;
use crate::fair::Kind;
use crate::jobs::OrderChange;
use crate::jobs::verdict::{Verdict, verdict};
use crate::registry::{NotServing, Serving};
use crate::runner::Time;
use crate::sandbox::{Handle, Prepared, Ran};

/// SERVICE of the event, which is not TeleCloud's.
const SERVICE: &str = "Order/ChangePassword";

/// The secret that the password is during its call.
const NEW_PASSWORD: &str = "new-password";

/// Fewest characters of a password, but for white space around it. Carriers' shortest are PINs of four digits, and a shorter
/// one would not be masked wherever it turns up.
const PASSWORD_CHARACTERS_MIN: usize = 4;

/// Longest password, in bytes. Carriers take some tens of characters.
const PASSWORD_BYTES_MAX: usize = 1 << 10;

/// A password that can be kept out of records.
#[derive(Debug, Clone)]
pub struct Password(Secret);

/// What is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("password must have {PASSWORD_CHARACTERS_MIN} characters or more, and at most {PASSWORD_BYTES_MAX} bytes")]
pub struct InvalidPassword;

impl Password {
    /// Checks that it is neither too short nor too long.
    ///
    /// # Errors
    /// When it is.
    pub fn parse(text: Secret) -> Result<Self, InvalidPassword> {
        let characters = text.expose().trim().chars().count();
        if characters < PASSWORD_CHARACTERS_MIN || text.expose().len() > PASSWORD_BYTES_MAX {
            return Err(InvalidPassword);
        }
        Ok(Self(text))
    }
}

/// What an operator asks for.
#[derive(Debug, Clone)]
pub struct ChangePassword {
    /// Whose order it is.
    pub tenant: TenantName,
    /// What is on record of the order.
    pub order: OrderRecord,
    /// The new password.
    pub password: Password,
    /// Who asks: the label of the token.
    pub who: String,
}

/// Why the module was not asked, or why it is not known what came of it.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// It was removed.
    #[error("the order is of module {0}, which was removed")]
    NoModule(ModulePath),
    /// It takes nothing at the moment.
    #[error("module {0} is suspended: resume it first")]
    Suspended(ModulePath),
    /// Nothing runs.
    #[error("module {0} has no active version, or it could not be made ready: activate one first")]
    NoVersion(ModulePath),
    /// It will run.
    #[error("module {0} is being made ready after a start of the gateway: try again in a while")]
    Preparing(ModulePath),
    /// Nothing could be told to TeleCloud.
    #[error("the number of the order is not known yet: link it first")]
    NotLinked,
    /// The password could not get out.
    #[error(
        "no grant of module {module} lets the secret \"{NEW_PASSWORD}\" out during {action}: add \"{NEW_PASSWORD}\" to the \
         secrets of the grant for the request that sets a password, and {action} to its actions if it names any",
        action = ActionKind::ChangePassword
    )]
    NotGranted {
        /// Which module.
        module: ModulePath,
    },
    /// The module ran, and the end of its call is not on record.
    #[error("the password may have been changed: the end of call {0} could not be recorded")]
    NotRecorded(CallId),
    /// Not to be seen.
    #[error("the gateway failed")]
    Panicked,
}

/// Changes passwords.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// Has an order's password changed at its carrier, and says in which call: how that ended is on record. It goes on when
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// When it did not come to a call, or the call's end is not on record.
    async fn change(self: Arc<Self>, asked: ChangePassword) -> Result<CallId, NotRun>;
}

#[async_trait]
impl Passwords for Gateway {
    async fn change(self: Arc<Self>, asked: ChangePassword) -> Result<CallId, NotRun> {
        let ChangePassword {
            tenant,
            order,
            password: Password(password),
            who,
        } = asked;
        let path = ModulePath {
            tenant,
            module: order.module.clone(),
        };
        let serving = self.modules.serving(path.tenant.as_str(), path.module.as_str());
        let serving = serving.ok_or_else(|| NotRun::NoModule(path.clone()))?;
        let (serving, prepared) = admit(&serving, path, &order, &password)?;
        let id = CallId(Ulid::generate());
        let path = &serving.settings.path;
        let span = tracing::info_span!("change of password", tenant = %path.tenant, module = %path.module, call = %id);
        let gateway = Arc::clone(&self);
        let run = async move {
            let event = Arc::new(event(order));
            gateway
                .change_password(id, &serving, &prepared, event, &password, &who)
                .await
        };
        let run = self.calls.spawn(run.instrument(span));
        run.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a change of password ended in a panic");
            Err(NotRun::Panicked)
        })
    }
}

impl Gateway {
    async fn change_password(
        &self,
        id: CallId,
        serving: &Serving<Prepared>,
        prepared: &Arc<Prepared>,
        event: Arc<Event>,
        password: &Secret,
        who: &str,
    ) -> Result<CallId, NotRun> {
        let settings = &serving.settings;
        let log = self.runner.begin(serving, id, None);
        log.event(&event.service, &event.document);
        let ask = Handle {
            event: Arc::clone(&event),
            call: id,
        };
        let time = Time::from_now(Duration::from_millis(settings.limits.deadline_ms));
        let Ran { result, usage } = self.runner.run(Kind::Event, settings, prepared, &log, ask, time).await;
        let Verdict {
            reply, outcome, detail, ..
        } = verdict(ActionKind::ChangePassword, result, &log.exchanges());
        tell(outcome);
        let (reply, left_out) = without_password(reply, password);
        let mut story = format!("asked for by {who}");
        for text in detail.into_iter().chain(left_out) {
            story.push_str("; ");
            story.push_str(&text);
        }
        let ended = OrderChange {
            path: &settings.path,
            event: &event,
            outcome,
            // Nobody looks further into an outcome that is unknown, as its reply would say.
            reply: (outcome != Outcome::Unknown).then_some(&reply),
            detail: &story,
            usage: &usage,
        };
        let trouble = match timeout(RECORD, self.jobs.changed(&log, ended)).await {
            Ok(Ok(())) => return Ok(id),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not within {} s", RECORD.as_secs()),
        };
        tracing::error!(error = trouble, "the end of a change of password could not be recorded");
        Err(NotRun::NotRecorded(id))
    }
}

/// Checks whether the module may be asked. What comes back is what runs: the module with the password among its secrets.
fn admit(
    serving: &Serving<Prepared>,
    path: ModulePath,
    order: &OrderRecord,
    password: &Secret,
) -> Result<(Serving<Prepared>, Arc<Prepared>), NotRun> {
    let settings = &serving.settings;
    if settings.status == ModuleStatus::Suspended {
        return Err(NotRun::Suspended(path));
    }
    let version = match serving.version.clone() {
        Ok(version) => version,
        Err(NotServing::NoVersion) => return Err(NotRun::NoVersion(path)),
        Err(NotServing::Preparing) => return Err(NotRun::Preparing(path)),
    };
    if order.order_number.is_none() {
        return Err(NotRun::NotLinked);
    }
    let name = new_password();
    if !settings.policy.lets_out(&name, ActionKind::ChangePassword) {
        return Err(NotRun::NotGranted { module: path });
    }
    let prepared = Arc::clone(&version.prepared);
    let serving = Serving {
        settings: settings.with_secret(name, password.clone()),
        version: Ok(version),
    };
    Ok((serving, prepared))
}

fn new_password() -> SecretName {
    SecretName::parse(NEW_PASSWORD).unwrap_or_else(|error| unreachable!("it is a name: {error}"))
}

/// What the module is asked, from what is on record of the order.
fn event(order: OrderRecord) -> Event {
    let mut tree: BTreeMap<String, Value> = order
        .vars
        .iter()
        .map(|(index, value)| (format!("VAR{index}"), json!(value)))
        .collect();
    for (name, value) in [
        ("SERVICE", json!(SERVICE)),
        ("Customer", json!({"account_number": order.account_number})),
        ("Product", json!({"product_id": order.product_id})),
        ("CARRIER_PRODUCT_ID", json!(order.carrier_product_id)),
        ("order_number", json!(order.order_number)),
        ("parent_order_number", json!(order.parent_order_number)),
        ("new_password", json!(placeholder(&new_password()))),
    ] {
        tree.insert(name.to_owned(), value);
    }
    Event {
        service: SERVICE.to_owned(),
        action: Action::ChangePassword,
        account_number: order.account_number,
        order_number: order.order_number,
        parent_order_number: order.parent_order_number,
        carrier_product_id: order.carrier_product_id,
        new_state: None,
        vars: order.vars,
        document: Document::new(json!(tree)),
    }
}

/// The reply without VARs that have the password in them, and which these are: a carrier may say it back, and VARs are
/// kept, shown and told.
fn without_password(reply: Reply, password: &Secret) -> (Reply, Option<String>) {
    let Reply::Success { pending, vars } = reply else {
        return (reply, None);
    };
    let (mut kept, mut left_out) = (Vars::default(), Vec::new());
    for (index, value) in vars.iter() {
        if value.contains(password.expose().trim()) || kept.set(index, value.to_owned()).is_err() {
            left_out.push(format!("VAR{index}"));
        }
    }
    let text = (!left_out.is_empty()).then(|| {
        let names = left_out.join(", ");
        format!("{names} of the answer had the password in it and was left out")
    });
    (Reply::Success { pending, vars: kept }, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_password_is_neither_too_short_to_be_masked_nor_too_long() {
        for (text, good) in [
            ("4321".to_owned(), true),
            ("432".to_owned(), false),
            ("  432 ".to_owned(), false),
            ("é".repeat(512), true),
            ("é".repeat(513), false),
            (String::new(), false),
        ] {
            assert_eq!(Password::parse(secret(&text)).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn an_answer_does_not_carry_the_password_away() {
        let mut vars = Vars::default();
        for (index, value) in [(3, "2025550143"), (9, "set to hunter22."), (10, "hunter22")] {
            vars.set(index, value.to_owned()).expect("a VAR");
        }
        let reply = Reply::Success { pending: false, vars };
        let (reply, left_out) = without_password(reply, &secret(" hunter22"));
        let mut kept = Vars::default();
        kept.set(3, "2025550143".to_owned()).expect("a VAR");
        assert_eq!(
            reply,
            Reply::Success {
                pending: false,
                vars: kept
            }
        );
        let text = "VAR9, VAR10 of the answer had the password in it and was left out";
        assert_eq!(left_out.as_deref(), Some(text));
    }
}
