//! The far ends of scheduled work: the carrier, asked through the module, and TeleCloud. Each question is a call on record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use ulid::Ulid;

use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::event::Document;
use crate::domain::module::ModuleStatus;
use crate::domain::name::ModulePath;
use crate::domain::subscriber::SubscriberPage;
use crate::domain::usage::{Subscription, UsagePage};
use crate::fair::{Busy, Kind};
use crate::journal::CallLog;
use crate::registry::{Serving, Table};
use crate::runner::{NotTold, Runner, Time};
use crate::sandbox::{Ask, Fault, ListSubscribers, Prepared, Ran, ReadUsage};
use crate::telecloud::client::Call;

/// Why a run cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// For now.
    Passing(String),
    /// The same again would end the same.
    Final(String),
}

/// What a run speaks to.
#[async_trait]
pub(super) trait Far: Send + Sync {
    /// Asks what customers used.
    async fn read_usage(
        &self,
        module: &ModulePath,
        subscriptions: Vec<Subscription>,
        cursor: Option<String>,
    ) -> Result<UsagePage, Trouble>;

    /// Asks what the carrier has.
    async fn list_subscribers(&self, module: &ModulePath, cursor: Option<String>) -> Result<SubscriberPage, Trouble>;

    /// Tells TeleCloud. The call is on record under this id.
    async fn tell(&self, module: &ModulePath, call: &Call) -> (CallId, Result<(), NotTold>);
}

/// The real ones.
pub(super) struct Through {
    pub(super) runner: Arc<Runner>,
    pub(super) modules: Arc<Table<Prepared>>,
}

impl Through {
    fn serving(&self, module: &ModulePath) -> Option<Arc<Serving<Prepared>>> {
        self.modules.serving(module.tenant.as_str(), module.module.as_str())
    }

    async fn ask<A, Word>(&self, module: &ModulePath, name: &str, ask: A) -> Result<Word, Trouble>
    where
        A: Ask<Word = Result<Word, String>>,
    {
        let Some(serving) = self.serving(module) else {
            return Err(Trouble::Final("the module was removed".to_owned()));
        };
        let settings = &serving.settings;
        if settings.status == ModuleStatus::Suspended {
            return Err(Trouble::Passing("the module is suspended".to_owned()));
        }
        let version = match &serving.version {
            Ok(version) => version,
            Err(why) => return Err(Trouble::Passing(why.to_string())),
        };
        if settings.written.is_used_up() {
            return Err(Trouble::Passing(Busy::Record.to_string()));
        }
        let log = self.runner.begin(&serving, CallId(Ulid::generate()), None);
        log.event(name, &Document::new(json!({})));
        let time = Time::from_now(Duration::from_millis(settings.limits.deadline_ms));
        let Ran { result, usage } = self
            .runner
            .run(Kind::FollowUp, settings, &version.prepared, &log, ask, time)
            .await;
        let (word, outcome, detail) = match result {
            Ok(Ok(word)) => (Ok(word), Outcome::Done, None),
            // What it says may quote the carrier, so only the record of the call has it.
            Ok(Err(why)) => (passing("says why not", &log), Outcome::Unreachable, Some(why)),
            Err(Fault::Busy(busy)) => (
                Err(Trouble::Passing(busy.to_string())),
                Outcome::Refused,
                Some(busy.to_string()),
            ),
            Err(fault @ Fault::NotExported(_)) => {
                let why = format!("the module {fault}");
                (Err(Trouble::Final(why.clone())), Outcome::Faulted, Some(why))
            }
            Err(fault) => (
                passing("failed", &log),
                Outcome::Faulted,
                Some(format!("the module {fault}")),
            ),
        };
        end(&log, outcome, detail.as_deref(), &usage).await;
        word
    }
}

fn passing<T>(what: &str, log: &CallLog) -> Result<T, Trouble> {
    Err(Trouble::Passing(format!("the module {what}: see call {}", log.id())))
}

/// Ends a record. What was heard is kept with the run, so a record that cannot be written loses the story only.
async fn end(log: &CallLog, outcome: Outcome, detail: Option<&str>, usage: &Usage) {
    if let Err(error) = log.finish(None, outcome, detail, usage).await {
        tracing::error!(%error, "a call of scheduled work could not be recorded");
    }
}

#[async_trait]
impl Far for Through {
    async fn read_usage(
        &self,
        module: &ModulePath,
        subscriptions: Vec<Subscription>,
        cursor: Option<String>,
    ) -> Result<UsagePage, Trouble> {
        let ask = ReadUsage { subscriptions, cursor };
        self.ask(module, "usage.read", ask).await
    }

    async fn list_subscribers(&self, module: &ModulePath, cursor: Option<String>) -> Result<SubscriberPage, Trouble> {
        self.ask(module, "audit.list-subscribers", ListSubscribers { cursor })
            .await
    }

    async fn tell(&self, module: &ModulePath, call: &Call) -> (CallId, Result<(), NotTold>) {
        let id = CallId(Ulid::generate());
        let Some(serving) = self.serving(module) else {
            return (id, Err(NotTold::NotSent("the module was removed".to_owned())));
        };
        let Some(telecloud) = &serving.settings.telecloud else {
            let why = "the tenant's access to TeleCloud's API is not set: see patchbay telecloud set";
            return (id, Err(NotTold::NotSent(why.to_owned())));
        };
        let log = self.runner.begin(&serving, id, None);
        let told = self.runner.tell(telecloud, &log, call).await;
        let outcome = match &told {
            Ok(_) => Outcome::Done,
            Err(NotTold::Refused(_)) => Outcome::Rejected,
            Err(NotTold::Unclear(_)) => Outcome::Unknown,
            Err(NotTold::NotSent(_)) => Outcome::Unreachable,
        };
        let detail = told.as_ref().err().map(ToString::to_string);
        end(&log, outcome, detail.as_deref(), &Usage::default()).await;
        (id, told.map(drop))
    }
}
