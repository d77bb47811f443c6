//! Who may speak to the gateway: TeleCloud by its keys, people and programs by their tokens.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::PoisonError;

use jiff::Timestamp;
use ulid::Ulid;

use super::writing::{put, remove};
use super::{Registry, RegistryError, check_title, no_more, paths};
use crate::domain::name::TenantName;
use crate::domain::secret::Secret;
use crate::domain::tenant::{Scope, TelecloudKey, Token};
use crate::domain::trail::{Actor, Deed, Signature, Verb};
use crate::storage::Expect;
use crate::vault::Vault;

/// Longest TeleCloud key, in characters. The documented ones have 32.
const KEY_CHARACTERS_MAX: usize = 256;

/// Most TeleCloud keys of one tenant. Each reseller account has one, and every call compares with all of them.
pub const KEYS_MAX: usize = 100;

/// Most tokens of one tenant. Every request to the admin API compares with all of them.
pub const TOKENS_MAX: usize = 100;

/// Who presented a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// May do everything.
    PlatformAdmin,
    /// Speaks for one tenant.
    Tenant {
        /// Which one.
        tenant: TenantName,
        /// The token's id.
        id: String,
        /// The token's label.
        label: String,
        /// What it may do there.
        scopes: BTreeSet<Scope>,
        /// When it stops working, if ever.
        expires: Option<Timestamp>,
    },
}

/// Who asks for something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose token was presented.
    pub principal: Principal,
    /// The address that the request came from.
    pub from: Option<IpAddr>,
}

impl Caller {
    /// Whether the platform admin asks.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.principal == Principal::PlatformAdmin
    }

    /// For people: the token's id and label.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.principal {
            Principal::PlatformAdmin => "platform admin".to_owned(),
            Principal::Tenant { id, label, .. } => match label.trim() {
                "" => format!("token {id}"),
                // Never the label alone: whoever makes a token could give it anybody's name.
                label => format!("token {id} ({label})"),
            },
        }
    }

    /// As an entry of the trail is signed.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let actor = match &self.principal {
            Principal::PlatformAdmin => Actor::PlatformAdmin {},
            Principal::Tenant { tenant, id, label, .. } => Actor::Token {
                tenant: tenant.clone(),
                id: id.clone(),
                label: label.clone(),
            },
        };
        Signature { actor, from: self.from }
    }
}

/// What the trail says of a token.
fn shown(token: &Token) -> serde_json::Value {
    serde_json::json!({"label": token.label, "scopes": token.scopes, "expires": token.expires})
}

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// For people: who has it.
    pub label: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When it stops working, if ever.
    pub expires: Option<Timestamp>,
}

impl Registry {
    /// Who presented this token. Takes the same time for every token that exists.
    #[must_use]
    pub fn authenticate(&self, presented: &str, now: Timestamp) -> Option<Principal> {
        let presented = self.vault.hash(presented);
        let mut found = Vault::same(&self.admin, &presented).then_some(Principal::PlatformAdmin);
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        for state in tenants.values() {
            for token in &state.tokens {
                if Vault::same(&token.hash, &presented) && token.expires.is_none_or(|expires| now < expires) {
                    found = Some(Principal::Tenant {
                        tenant: state.tenant.name.clone(),
                        id: token.id.clone(),
                        label: token.label.clone(),
                        scopes: token.scopes.clone(),
                        expires: token.expires,
                    });
                }
            }
        }
        found
    }

    /// The TeleCloud keys that a tenant accepts, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn keys(&self, tenant: &TenantName) -> Result<Vec<TelecloudKey>, RegistryError> {
        Ok(self.state(tenant)?.keys.clone())
    }

    /// Accepts one more TeleCloud key.
    ///
    /// # Errors
    /// When there is no such tenant, the key is accepted already or cannot be one, or nothing could be written.
    pub async fn add_key(
        &self,
        tenant: &TenantName,
        label: String,
        key: &Secret,
        by: &Caller,
    ) -> Result<TelecloudKey, RegistryError> {
        check_title("label", &label)?;
        check_key("key", key.expose())?;
        let hash = self.vault.hash(key.expose());
        let mut change = self.change(tenant).await?;
        if let Some(there) = change.state.keys.iter().find(|there| Vault::same(&there.hash, &hash)) {
            return Err(RegistryError::KeyIsThere {
                tenant: tenant.clone(),
                id: there.id.clone(),
            });
        }
        if change.state.keys.len() >= KEYS_MAX {
            return Err(no_more("TeleCloud keys", KEYS_MAX, "remove one first"));
        }
        let key = TelecloudKey {
            id: new_id(),
            label,
            hash,
            created: Timestamp::now(),
        };
        let (place, value) = (paths::key(tenant, &key.id), paths::encode(&key)?);
        change.state.keys.push(key.clone());
        let deed = Deed::new(Verb::Make, format!("tenants/{tenant}/telecloud-keys/{}", key.id));
        let deed = deed.after(&serde_json::json!({"label": key.label}));
        self.commit(&change, by, deed, vec![put(place, value, Expect::Absent)])
            .await?;
        Ok(key)
    }

    /// Stops accepting a TeleCloud key.
    ///
    /// # Errors
    /// When there is no such tenant or key, or nothing could be written.
    pub async fn delete_key(&self, tenant: &TenantName, id: &str, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(tenant).await?;
        let position = change.state.keys.iter().position(|key| key.id == id);
        let position = position.ok_or_else(|| RegistryError::NoSuchKey(tenant.clone()))?;
        let key = change.state.keys.remove(position);
        let deed = Deed::new(Verb::Remove, format!("tenants/{tenant}/telecloud-keys/{id}"));
        let deed = deed.before(&serde_json::json!({"label": key.label}));
        self.commit(&change, by, deed, vec![remove(paths::key(tenant, id))])
            .await
    }

    /// A tenant's tokens, oldest first.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchTenant`].
    pub fn tokens(&self, tenant: &TenantName) -> Result<Vec<Token>, RegistryError> {
        Ok(self.state(tenant)?.tokens.clone())
    }

    /// Makes a token for a tenant. The token itself is given out here and never again.
    ///
    /// # Errors
    /// When there is no such tenant, the token would be able to do nothing, or more than its maker, or has expired
    /// already, or nothing could be written.
    pub async fn create_token(
        &self,
        tenant: &TenantName,
        new: NewToken,
        by: &Caller,
    ) -> Result<(Token, Secret), RegistryError> {
        check_title("label", &new.label)?;
        if new.scopes.is_empty() {
            return Err(RegistryError::Invalid {
                field: "scopes".to_owned(),
                why: "must name at least one of read, calls, deploy, grants, operate, access".to_owned(),
            });
        }
        if let Principal::Tenant { scopes, expires, .. } = &by.principal {
            if let Some(missing) = new.scopes.difference(scopes).next() {
                return Err(RegistryError::ScopeNotHeld(*missing));
            }
            if let Some(own) = expires
                && new.expires.is_none_or(|expires| expires > *own)
            {
                return Err(RegistryError::Invalid {
                    field: "expires".to_owned(),
                    why: format!("must be given and be {own} at the latest, when the token that was sent expires"),
                });
            }
        }
        let created = Timestamp::now();
        if new.expires.is_some_and(|expires| expires <= created) {
            return Err(RegistryError::Invalid {
                field: "expires".to_owned(),
                why: "must be in the future".to_owned(),
            });
        }
        let mut change = self.change(tenant).await?;
        if change.state.tokens.len() >= TOKENS_MAX {
            return Err(no_more(
                "tokens",
                TOKENS_MAX,
                "revoke one first, such as one that has expired",
            ));
        }
        let secret = Vault::new_token();
        let token = Token {
            id: new_id(),
            label: new.label,
            hash: self.vault.hash(secret.expose()),
            scopes: new.scopes,
            created,
            expires: new.expires,
        };
        let (place, value) = (paths::token(tenant, &token.id), paths::encode(&token)?);
        change.state.tokens.push(token.clone());
        let deed = Deed::new(Verb::Make, format!("tenants/{tenant}/tokens/{}", token.id)).after(&shown(&token));
        self.commit(&change, by, deed, vec![put(place, value, Expect::Absent)])
            .await?;
        Ok((token, secret))
    }

    /// Revokes a token. It stops working at once.
    ///
    /// # Errors
    /// When there is no such tenant or token, or nothing could be written.
    pub async fn delete_token(&self, tenant: &TenantName, id: &str, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(tenant).await?;
        let position = change.state.tokens.iter().position(|token| token.id == id);
        let position = position.ok_or_else(|| RegistryError::NoSuchToken(tenant.clone()))?;
        let token = change.state.tokens.remove(position);
        let deed = Deed::new(Verb::Remove, format!("tenants/{tenant}/tokens/{id}")).before(&shown(&token));
        self.commit(&change, by, deed, vec![remove(paths::token(tenant, id))])
            .await
    }
}

/// Checks a part of a credential of TeleCloud's.
pub(super) fn check_key(field: &str, key: &str) -> Result<(), RegistryError> {
    if !(1..=KEY_CHARACTERS_MAX).contains(&key.chars().count()) || key.trim() != key {
        return Err(RegistryError::Invalid {
            field: field.to_owned(),
            why: format!("must be 1 to {KEY_CHARACTERS_MAX} characters, without white space around them"),
        });
    }
    Ok(())
}

/// Sorts by the time it was made, so that lists read from the documents are oldest first.
fn new_id() -> String {
    Ulid::generate().to_string()
}
