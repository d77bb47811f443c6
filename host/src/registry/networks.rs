//! The networks that grants can name: named, changed and removed by the platform admin.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::RwLockReadGuard;

use super::settings::bounded;
use super::writing::{put, remove};
use super::{Caller, Registry, RegistryError, Written, paths};
use crate::domain::name::NetworkName;
use crate::domain::network::{Block, Network};
use crate::domain::trail::{Deed, Verb};
use crate::egress::Networks;
use crate::egress::networks::{Named, check};
use crate::storage::Expect;
use crate::trail::Book;

/// Most networks. Operators have a handful of carriers that are not on the internet.
pub const NETWORKS_MAX: usize = 256;

/// Most blocks of one network. The door looks through all of them for each request.
pub const BLOCKS_MAX: usize = 64;

impl Registry {
    /// Every network, by name.
    #[must_use]
    pub fn networks(&self) -> Vec<Network> {
        self.networks.now().values().cloned().collect()
    }

    /// The network of this name.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchNetwork`].
    pub fn network(&self, name: &NetworkName) -> Result<Network, RegistryError> {
        let found = self.networks.now().get(name).cloned();
        found.ok_or_else(|| RegistryError::NoSuchNetwork(name.clone()))
    }

    /// What the door is to go by: it follows every change.
    #[must_use]
    pub fn named_networks(&self) -> Arc<Networks> {
        Arc::clone(&self.networks)
    }

    /// Names a network, or changes what it is. Grants that name it lead there from now on, also in calls that are running.
    ///
    /// # Errors
    /// When it has no blocks or too many, or one that leads where nobody may go, or nothing could be written.
    pub async fn put_network(
        &self,
        name: &NetworkName,
        blocks: Vec<Block>,
        by: &Caller,
    ) -> Result<(Network, Written), RegistryError> {
        let invalid = |why: String| RegistryError::Invalid {
            field: "blocks".to_owned(),
            why,
        };
        if !(1..=BLOCKS_MAX).contains(&blocks.len()) {
            let given = blocks.len();
            return Err(invalid(format!("must be 1 to {BLOCKS_MAX}; {given} were given")));
        }
        for block in &blocks {
            check(block).map_err(|why| invalid(format!("cannot have {block} among them, which {why}")))?;
        }
        let network = Network {
            name: name.clone(),
            blocks,
        };
        let document = bounded("blocks", paths::encode(&network)?)?;
        let _turn = self.network_turn.write().await;
        let mut networks = Named::clone(&self.networks.now());
        let object = format!("networks/{name}");
        let (written, deed) = match networks.insert(name.clone(), network.clone()) {
            Some(old) => (Written::Replaced, Deed::new(Verb::Change, object).before(&old)),
            None => (Written::Created, Deed::new(Verb::Make, object)),
        };
        if networks.len() > NETWORKS_MAX {
            return Err(super::no_more("networks", NETWORKS_MAX, "remove one first"));
        }
        let writes = vec![put(paths::network(name), document, Expect::Anything)];
        let deed = deed.after(&network);
        self.writer.write(&Book::Platform, by, deed, writes).await?;
        self.networks.replace(networks);
        Ok((network, written))
    }

    /// Removes a network that no grant names, and no access to TeleCloud.
    ///
    /// # Errors
    /// When there is none, something names it, or nothing could be written.
    pub async fn delete_network(&self, name: &NetworkName, by: &Caller) -> Result<(), RegistryError> {
        let _turn = self.network_turn.write().await;
        let mut networks = Named::clone(&self.networks.now());
        let Some(old) = networks.remove(name) else {
            return Err(RegistryError::NoSuchNetwork(name.clone()));
        };
        if let Some(by) = self.who_names(name) {
            return Err(RegistryError::NetworkInUse {
                network: name.clone(),
                by,
            });
        }
        let deed = Deed::new(Verb::Remove, format!("networks/{name}")).before(&old);
        let writes = vec![remove(paths::network(name))];
        self.writer.write(&Book::Platform, by, deed, writes).await?;
        self.networks.replace(networks);
        Ok(())
    }

    /// The first that names a network, for people.
    fn who_names(&self, network: &NetworkName) -> Option<String> {
        self.states().iter().find_map(|state| {
            let grants = state.modules.values().find_map(|module| {
                let grant = module
                    .grants
                    .iter()
                    .find(|grant| grant.network.as_ref() == Some(network))?;
                Some(format!(
                    "grant {} of module {}",
                    grant.name,
                    state.path(&module.module.name)
                ))
            });
            let telecloud = || {
                let access = &state.telecloud.as_ref()?.access;
                let named = access.network.as_ref() == Some(network);
                named.then(|| format!("the access of tenant {} to TeleCloud", state.tenant.name))
            };
            grants.or_else(telecloud)
        })
    }

    /// Keeps these networks from being removed as long as the turn is held.
    ///
    /// # Errors
    /// When there is no such network.
    pub(super) async fn keep_networks<'n>(
        &self,
        named: impl Iterator<Item = &'n NetworkName> + Send,
    ) -> Result<RwLockReadGuard<'_, ()>, RegistryError> {
        let named: Vec<_> = named.collect();
        let turn = self.network_turn.read().await;
        let networks = self.networks.now();
        match named.into_iter().find(|name| !networks.contains_key(*name)) {
            Some(name) => Err(RegistryError::NoSuchNetwork(name.clone())),
            None => Ok(turn),
        }
    }

    /// Reads them all, at start.
    pub(super) async fn read_networks(&self) -> Result<(), RegistryError> {
        let mut networks = BTreeMap::new();
        for (key, stored) in self.writer.list(paths::NETWORKS).await? {
            let network: Network = paths::decode(&key, &stored.value)?;
            if let Some((block, why)) = network
                .blocks
                .iter()
                .find_map(|block| Some((block, check(block).err()?)))
            {
                // The rules have become stricter since. To leave it out is safe, and calls say what they were denied.
                tracing::error!(network = %network.name, %block, why, "a stored network is not valid any more; nobody reaches it");
                continue;
            }
            networks.insert(network.name.clone(), network);
        }
        self.networks.replace(networks);
        Ok(())
    }
}
