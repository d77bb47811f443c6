//! The platform admin's token: given by the operator, or made at the first start and left in a file for them.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::RegistryError;
use super::paths;
use crate::domain::secret::Secret;
use crate::storage::{Documents, Expect};
use crate::vault::Vault;

/// What the gateway keeps of a token that it made.
#[derive(Serialize, Deserialize)]
struct Made {
    hash: [u8; 32],
    created: Timestamp,
}

/// The platform admin's token, as much of it as is kept.
#[derive(Debug, Clone)]
pub struct AdminToken {
    pub(super) hash: [u8; 32],
    /// The file that it was written to just now, if it was made just now. To be shown to the operator; the token is not.
    pub written: Option<PathBuf>,
}

impl AdminToken {
    /// Takes the token that the operator gave; the settings have checked it. Without one, the token that was made at the
    /// first start goes on being valid, or this is the first start: then one is made and written to this file, for its owner
    /// only. The file is none of the data, or a copy of the data would hold the token.
    ///
    /// While a token is given, the one that was made does not work. The file may be removed once it was read.
    ///
    /// # Errors
    /// When the file or its hash cannot be written.
    pub async fn establish(
        documents: &dyn Documents,
        vault: &Vault,
        given: Option<&Secret>,
        file: &Path,
    ) -> Result<Self, RegistryError> {
        if let Some(given) = given {
            return Ok(Self {
                hash: vault.hash(given.expose()),
                written: None,
            });
        }
        if let Some(stored) = documents.get(paths::ADMIN_TOKEN).await? {
            let made: Made = paths::decode(paths::ADMIN_TOKEN, &stored.value)?;
            return Ok(Self {
                hash: made.hash,
                written: None,
            });
        }
        let token = Vault::new_token();
        // The file first: a token that nobody can read would lock everyone out. A crash in between makes another.
        write(file, &token).map_err(|error| RegistryError::AdminToken(format!("{}: {error}", file.display())))?;
        let made = Made {
            hash: vault.hash(token.expose()),
            created: Timestamp::now(),
        };
        documents
            .put(paths::ADMIN_TOKEN, paths::encode(&made)?, Expect::Absent)
            .await?;
        Ok(Self {
            hash: made.hash,
            written: Some(file.to_owned()),
        })
    }
}

/// Replaces whatever is there: a left-over would keep its own mode.
fn write(path: &Path, token: &Secret) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", token.expose())?;
    file.sync_all()?;
    // Without its name the file would be gone after a power failure, when its hash may be there.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::storage::memory::Memory;

    #[tokio::test]
    async fn the_first_start_writes_a_token_that_later_starts_accept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (documents, vault) = (Memory::stores().documents, Vault::new(&[1; 32]));
        let path = folder.path().join("token");
        let first = AdminToken::establish(&*documents, &vault, None, &path)
            .await
            .expect("made");
        assert_eq!(first.written.as_ref(), Some(&path));
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let token = fs::read_to_string(&path).expect("readable");
        assert_eq!(first.hash, vault.hash(token.trim()));

        fs::remove_file(&path).expect("removed by the operator");
        let second = AdminToken::establish(&*documents, &vault, None, &path)
            .await
            .expect("known");
        assert_eq!((second.hash, second.written), (first.hash, None));
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_given_token_is_taken_and_nothing_is_written() {
        let (documents, vault) = (Memory::stores().documents, Vault::new(&[1; 32]));
        let folder = tempfile::tempdir().expect("a folder");
        let token = Secret::new("x".repeat(32));
        let given = AdminToken::establish(&*documents, &vault, Some(&token), &folder.path().join("token"))
            .await
            .expect("taken");
        assert_eq!(given.hash, vault.hash(token.expose()));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
