//! Tenants and their modules: every change to them, and what serves because of it.
//!
//! A change is durable in the documents before it takes effect, and it takes effect whole: [`Table`] holds what serves,
//! rebuilt once per change. Changes to one tenant are made one after another. Nothing here runs a module, and nothing
//! knows of HTTP.

pub mod access;
pub mod admin_token;
mod batches;
mod callback;
mod components;
pub mod engine;
pub mod error;
pub mod line;
mod load;
pub mod modules;
pub mod networks;
mod paths;
mod preparing;
pub mod presence;
mod quota;
pub mod settings;
mod state;
pub mod table;
pub mod telecloud;
pub mod tenants;
pub mod versions;
mod writing;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::OwnedMutexGuard;

use crate::domain::name::{ModuleName, TenantName};
use crate::domain::trail::Deed;
use crate::egress::Networks;
use crate::storage;
use crate::trail::{Book, Trail};
use crate::vault::Vault;

pub use self::access::Caller;
pub use self::engine::{Engine, EngineError, Inspection};
pub use self::error::RegistryError;
pub use self::line::{Permit, Turn};
pub use self::table::{Keys, NotServing, Serving, ServingVersion, Settings, Table};
pub use self::telecloud::Telecloud;

use self::components::{Claims, Making};
use self::line::Line;
use self::preparing::Unprepared;
use self::state::{ModuleState, TenantState};
use self::table::Live;
use self::writing::Writer;

/// Whether a put made something or replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was none.
    Created,
    /// There was one.
    Replaced,
}

/// Tenants, modules, and all changes to them.
pub struct Registry {
    writer: Writer,
    vault: Arc<Vault>,
    live: Box<dyn Live>,
    /// Hash of the platform admin's token.
    admin: [u8; 32],
    tenants: RwLock<BTreeMap<TenantName, Arc<TenantState>>>,
    /// Those that grants can name.
    networks: Arc<Networks>,
    /// Held by whoever changes networks, and shared by those who name them.
    network_turn: tokio::sync::RwLock<()>,
    /// Whose turn it is to change a tenant. Grows by the tenants that an admin ever made, and is never cut: a turn that
    /// was forgotten while someone waits for it would let two in.
    turns: Mutex<HashMap<TenantName, Arc<tokio::sync::Mutex<()>>>>,
    line: Arc<Line>,
    /// Components that uploads are about to name.
    claims: Claims,
    /// Components that uploads are having compiled.
    making: Making,
    /// What is to be made ready after the start.
    unprepared: Mutex<Vec<Unprepared>>,
}

/// The right to change a tenant, and the state to be changed. Nobody else changes this tenant meanwhile.
struct Change {
    state: TenantState,
    _turn: OwnedMutexGuard<()>,
}

impl Registry {
    /// Waits for the turn to change a tenant, whether or not it exists.
    async fn turn(&self, tenant: &TenantName) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(tenant.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// Begins a change to a tenant that exists.
    async fn change(&self, tenant: &TenantName) -> Result<Change, RegistryError> {
        // Before the wait as well, so that names of tenants that never were leave nothing behind.
        let presence = self.state(tenant)?.presence.clone();
        let turn = tokio::select! {
            turn = self.turn(tenant) => turn,
            // It is being removed, by one who has the turn and waits for all who are at work.
            () = presence.left() => return Err(RegistryError::NoSuchTenant(tenant.clone())),
        };
        Ok(Change {
            state: TenantState::clone(&*self.state(tenant)?),
            _turn: turn,
        })
    }

    /// Makes a change to a tenant durable, together with the entry in its trail that says who made it; then lets it take
    /// effect.
    async fn commit(
        &self,
        change: &Change,
        by: &Caller,
        deed: Deed,
        writes: Vec<storage::Change>,
    ) -> Result<(), RegistryError> {
        let book = Book::Tenant(change.state.tenant.name.clone());
        self.writer.write(&book, by, deed, writes).await?;
        self.take_effect(change.state.clone());
        Ok(())
    }

    /// Writes down in a tenant's trail what is done beside the registry, before it is done.
    ///
    /// # Errors
    /// When it could not be written. Then it must not be done.
    pub async fn note(&self, tenant: &TenantName, by: &Caller, deed: Deed) -> Result<(), RegistryError> {
        self.writer
            .write(&Book::Tenant(tenant.clone()), by, deed, Vec::new())
            .await
    }

    /// Lets a change take effect that has been made durable.
    fn take_effect(&self, state: TenantState) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        self.live.replace(&state.tenant.name, state.settings());
        tenants.insert(state.tenant.name.clone(), Arc::new(state));
    }

    /// The trails in which it says who changed what.
    #[must_use]
    pub fn trail(&self) -> &Arc<Trail> {
        self.writer.trail()
    }

    fn states(&self) -> Vec<Arc<TenantState>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().map(Arc::clone).collect()
    }

    fn state(&self, tenant: &TenantName) -> Result<Arc<TenantState>, RegistryError> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let state = tenants.get(tenant).map(Arc::clone);
        state.ok_or_else(|| RegistryError::NoSuchTenant(tenant.clone()))
    }

    fn module_state(&self, tenant: &TenantName, module: &ModuleName) -> Result<ModuleState, RegistryError> {
        self.state(tenant)?.module(module).cloned()
    }
}

/// Longest title or label, in characters: what a table on a screen can show.
const TITLE_CHARACTERS: usize = 200;

/// Checks a text for people.
fn check_title(field: &str, text: &str) -> Result<(), RegistryError> {
    if text.chars().count() > TITLE_CHARACTERS || text.chars().any(char::is_control) {
        return Err(RegistryError::Invalid {
            field: field.to_owned(),
            why: format!(
                "must be at most {TITLE_CHARACTERS} characters, without line breaks or other control characters"
            ),
        });
    }
    Ok(())
}

/// Refuses one more of what a token could otherwise make without end.
fn no_more(what: &str, most: usize, instead: &str) -> RegistryError {
    RegistryError::Invalid {
        field: what.to_owned(),
        why: format!("are at most {most}, and there are as many; {instead}"),
    }
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
