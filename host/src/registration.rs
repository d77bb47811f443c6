//! Registers a module at TeleCloud and has a product group call it: says what would be sent, or sends it, one call after
//! another, each on record, up to the first that is not accepted.
//!
//! Nothing is tried again here: whoever asked sees what was done and what was not.

mod plan;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ulid::Ulid;

pub use self::plan::{Field, Link, Registration, Step, StepState, Wish};
use self::plan::{Plan, STAND_IN};
use crate::domain::call::{CallId, Outcome, Usage};
use crate::domain::name::{ModulePath, TelecloudId};
use crate::domain::trail::{Deed, Verb, module_route};
use crate::egress::Door;
use crate::journal::{Journal, NewCall};
use crate::registry::{Caller, Registry, RegistryError, Telecloud};
use crate::runner::{NotTold, tell};
use crate::storage::Durability;
use crate::telecloud::client::{Accepted, Call};

/// Why nothing was planned or sent.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The wish cannot be taken, or something that it needs is not there.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Two at once could make two modules.
    #[error("module {0} is being registered just now")]
    UnderWay(ModulePath),
}

/// Registers modules.
pub struct Registrar {
    registry: Arc<Registry>,
    journal: Journal,
    door: Arc<Door>,
    under_way: Mutex<BTreeSet<ModulePath>>,
}

/// The right to register a module. Nobody else registers it meanwhile.
struct Turn<'r> {
    under_way: &'r Mutex<BTreeSet<ModulePath>>,
    path: &'r ModulePath,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(self.path);
    }
}

impl Registrar {
    /// Puts the parts together.
    #[must_use]
    pub fn new(registry: Arc<Registry>, journal: Journal, door: Arc<Door>) -> Self {
        Self {
            registry,
            journal,
            door,
            under_way: Mutex::default(),
        }
    }

    /// Registers a module as wished, or says what would be sent.
    ///
    /// A module that was registered before is changed at TeleCloud, and not made again: its id there is kept with it.
    ///
    /// # Errors
    /// When nothing was sent: there is no such module, TeleCloud's API is not set up, or the wish cannot be taken. What
    /// TeleCloud did not accept is no error here but in the steps.
    pub async fn register(
        &self,
        path: &ModulePath,
        wish: &Wish,
        by: &Caller,
    ) -> Result<Registration, RegistrationError> {
        let _turn = self.turn(path)?;
        let module = self.registry.module(path)?;
        let telecloud = self.registry.telecloud(&path.tenant)?;
        let Plan {
            module_id,
            call,
            link,
            mut notes,
        } = Plan::new(path, &module, wish)?;

        let step = |call: &Call, state| Step::new(&telecloud.access, call, state);
        let link_later = |state| {
            let link = link.map(|link| link.call(module_id.clone().unwrap_or_else(stand_in)));
            link.map(|call| step(&call, state))
        };
        let mut steps = Vec::new();
        if wish.dry_run {
            steps.push(step(&call, StepState::Planned));
            steps.extend(link_later(StepState::Planned));
            return Ok(Registration::new(steps, notes));
        }

        let deed = Deed::new(Verb::Begin, format!("{}/telecloud-registration", module_route(path)));
        self.registry.note(&path.tenant, by, deed.after(wish)).await?;
        let (made, accepted) = self.make(&telecloud, path, &call).await;
        steps.push(made);
        let id = accepted.and_then(|accepted| module_id.clone().or(accepted.module_id));
        let Some(id) = id else {
            steps.extend(link_later(StepState::NotTried));
            return Ok(Registration::new(steps, notes));
        };
        if module.telecloud_module_id.as_ref() != Some(&id)
            && let Err(error) = self.registry.set_telecloud_module_id(path, &id, by).await
        {
            tracing::error!(module = %path, %id, %error, "a module's id at TeleCloud could not be kept");
            notes.push(format!(
                "The module is {id} at TeleCloud, and that could not be kept here: give it as its module_id next time."
            ));
        }
        if let Some(link) = link {
            let (linked, _) = self.make(&telecloud, path, &link.call(id)).await;
            steps.push(linked);
        }
        Ok(Registration::new(steps, notes))
    }

    /// Makes one call, and says how it went.
    async fn make(&self, telecloud: &Telecloud, path: &ModulePath, call: &Call) -> (Step, Option<Accepted>) {
        let id = CallId(Ulid::generate());
        let log = self.journal.begin(NewCall {
            tenant: &path.tenant,
            module: &path.module,
            version: None,
            id,
            about: None,
            received: Timestamp::now(),
            durability: Durability::Synced,
            log_bytes: 0,
            secrets: &telecloud.known,
            // Some requests in a minute, at a person's wish.
        });
        let told = tell(&self.door, telecloud, &log, call).await;
        let (state, outcome) = match &told {
            Ok(_) => (StepState::Accepted, Outcome::Done),
            Err(NotTold::Refused(_)) => (StepState::Refused, Outcome::Rejected),
            Err(NotTold::Unclear(_)) => (StepState::Unclear, Outcome::Unknown),
            Err(NotTold::NotSent(_)) => (StepState::NotSent, Outcome::Unreachable),
        };
        let mut step = Step::new(&telecloud.access, call, state);
        step.call = Some(id);
        step.detail = told.as_ref().err().map(ToString::to_string);
        step.transaction = told.as_ref().ok().and_then(|accepted| accepted.trans_id.clone());
        if let Err(error) = log
            .finish(None, outcome, step.detail.as_deref(), &Usage::default())
            .await
        {
            tracing::error!(call = %id, %error, "the end of a call could not be recorded");
        }
        (step, told.ok())
    }

    fn turn<'r>(&'r self, path: &'r ModulePath) -> Result<Turn<'r>, RegistrationError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way.insert(path.clone()) {
            return Err(RegistrationError::UnderWay(path.clone()));
        }
        Ok(Turn {
            under_way: &self.under_way,
            path,
        })
    }
}

/// What is shown for the id of a module that is not made yet.
fn stand_in() -> TelecloudId {
    TelecloudId::parse(STAND_IN).unwrap_or_else(|error| unreachable!("{error}"))
}

#[cfg(test)]
mod tests;
