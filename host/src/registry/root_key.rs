//! Whether the root key is the one that the data was written with.

use super::error::RegistryError;
use super::paths;
use crate::domain::secret::Secret;
use crate::storage::{Documents, Expect};
use crate::vault::Vault;

/// What is sealed to recognise the key by. It is no secret.
const KNOWN: &str = "patchbay";

/// Refuses any key but the one of the first start. Secrets would not open with another, and without a word no token and no
/// TeleCloud key would be right any more.
///
/// # Errors
/// When it is another key, or the documents cannot be read or written.
pub async fn check(documents: &dyn Documents, vault: &Vault) -> Result<(), RegistryError> {
    if let Some(stored) = documents.get(paths::ROOT_KEY).await? {
        let opened = vault.open_sealed(paths::ROOT_KEY, &stored.value);
        return opened.map(drop).map_err(|_| RegistryError::OtherKey);
    }
    let sealed = vault.seal(paths::ROOT_KEY, &Secret::new(KNOWN.to_owned()));
    documents.put(paths::ROOT_KEY, sealed.into(), Expect::Absent).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::Memory;

    #[tokio::test]
    async fn only_the_key_of_the_first_start_is_taken() {
        let documents = Memory::stores().documents;
        let (first, other) = (Vault::new(&[1; 32]), Vault::new(&[2; 32]));
        check(&*documents, &first).await.expect("the first start");
        check(&*documents, &first).await.expect("the same key");
        let error = check(&*documents, &other).await.expect_err("another key");
        assert!(matches!(error, RegistryError::OtherKey), "{error}");
        check(&*documents, &first).await.expect("still the same key");
    }
}
