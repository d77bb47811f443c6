//! The one way by which the registry writes: a change together with the entry in the trail that says who made it.
//!
//! The stores are private to this file, so that no other can leave the entry out.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use super::access::Caller;
use super::{RegistryError, paths};
use crate::domain::module::Digest;
use crate::domain::name::{ModulePath, TenantName};
use crate::domain::trail::Deed;
use crate::fair::Allowance;
use crate::storage::{Change, Expect, StorageError, Stored, Stores};
use crate::trail::{Book, Trail};

pub(super) struct Writer {
    stores: Stores,
    trail: Arc<Trail>,
}

impl Writer {
    pub(super) fn new(stores: Stores, trail: Arc<Trail>) -> Self {
        Self { stores, trail }
    }

    /// Makes changes and writes who did, all or none.
    pub(super) async fn write(
        &self,
        book: &Book,
        by: &Caller,
        deed: Deed,
        changes: Vec<Change>,
    ) -> Result<(), RegistryError> {
        self.trail.write(book, &by.signature(), deed, changes).await?;
        Ok(())
    }

    pub(super) fn trail(&self) -> &Arc<Trail> {
        &self.trail
    }

    /// See [`Trail::after_all`].
    pub(super) async fn after_all(&self, book: &Book) -> Result<jiff::Timestamp, RegistryError> {
        Ok(self.trail.after_all(book).await?)
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Vec<(String, Stored)>, StorageError> {
        self.stores.documents.list(folder).await
    }

    /// What removes all that is in a folder now. Nobody else changes the tenant meanwhile, so nothing comes to it.
    pub(super) async fn removal(&self, folder: &str) -> Result<Vec<Change>, RegistryError> {
        let documents = self.list(folder).await?;
        Ok(documents.into_iter().map(|(key, _)| remove(key)).collect())
    }

    /// What is written of this tenant counts against it.
    pub(super) fn written(&self, tenant: &TenantName) -> Arc<Allowance> {
        self.stores.written.of(tenant)
    }

    /// Keeps a component. It is not known by any name yet, so this is no change.
    pub(super) async fn keep(&self, component: Bytes) -> Result<(), RegistryError> {
        self.stores.blobs.put(component).await?;
        Ok(())
    }

    pub(super) async fn component(&self, digest: &Digest) -> Result<Option<Bytes>, RegistryError> {
        Ok(self.stores.blobs.get(digest).await?)
    }

    /// The digests of all components that are kept.
    pub(super) async fn components(&self) -> Result<Vec<Digest>, RegistryError> {
        Ok(self.stores.blobs.list().await?)
    }

    /// Removes components. The right to remove is held until they are gone, also when whoever asked has given up.
    pub(super) async fn remove_components(
        &self,
        digests: HashSet<Digest>,
        removing: OwnedMutexGuard<()>,
    ) -> Result<(), StorageError> {
        if digests.is_empty() {
            return Ok(());
        }
        let (blobs, digests) = (Arc::clone(&self.stores.blobs), Vec::from_iter(digests));
        let removal = tokio::spawn(async move {
            let removed = blobs.remove(&digests).await;
            drop(removing);
            removed
        });
        removal.await.unwrap_or_else(|error| {
            Err(StorageError::Unavailable {
                doing: "removing components".to_owned(),
                source: error.into(),
            })
        })
    }

    /// Clears up behind a tenant that was removed: what other areas have kept of its events.
    pub(super) async fn forget(&self, tenant: &TenantName) -> Result<(), RegistryError> {
        // First, because it can be that somebody is just looking at a job. What that comes to is written only if the job is
        // still there, and so is not on record once this is done.
        self.stores.documents.delete(&paths::work_folder(tenant)).await?;
        self.stores.log.delete(tenant).await?;
        self.stores.documents.delete(&paths::leaving(tenant)).await?;
        Ok(())
    }

    /// Clears up behind a module that was removed: what a run wrote that ended meanwhile. Totals that were told for one
    /// carrier mean nothing to the next module of this name.
    pub(super) async fn forget_module(&self, path: &ModulePath) -> Result<(), RegistryError> {
        self.stores.documents.delete(&paths::module_work(path)).await?;
        Ok(())
    }
}

/// Writes a document.
pub(super) fn put(key: String, value: Bytes, expect: Expect) -> Change {
    Change::Put { key, value, expect }
}

/// Removes a document.
pub(super) fn remove(key: String) -> Change {
    Change::Delete {
        key,
        expect: Expect::Anything,
    }
}
