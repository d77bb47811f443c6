//! How a tenant reaches TeleCloud's own API: set, sealed, and prepared once for every call that is made there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::access::check_key;
use super::writing::{put, remove};
use super::{Caller, Registry, RegistryError, Written, paths};
use crate::domain::grant::{Grant, Scheme};
use crate::domain::name::{ConfigKey, NetworkName, SecretName, TenantName};
use crate::domain::secret::Secret;
use crate::domain::telecloud::{TelecloudAccess, UrlTemplate};
use crate::domain::trail::{Deed, Verb};
use crate::egress::policy::Policy;
use crate::egress::secrets;
use crate::egress::target::{Host, Target};
use crate::journal::Known;
use crate::storage::{Expect, StorageError};

/// Names the grant by which calls to TeleCloud go out, in the records of calls.
const GRANT: &str = "telecloud";

/// Names the key where a request has a placeholder for it.
const KEY: &str = "telecloud-api-key";

/// From the look-up to the last byte of the answer. TeleCloud may call a module from within its own answer, which has
/// twenty seconds for that by default.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be set.
#[derive(Debug, Clone)]
pub struct NewTelecloud {
    /// What the URL of each call is made by.
    pub url: UrlTemplate,
    /// Whose key it is.
    pub api_id_key: String,
    /// The key.
    pub api_key: Secret,
    /// The network that the API is in, if it is not on the internet. Only a platform admin can set this.
    pub network: Option<NetworkName>,
}

/// A tenant's access to TeleCloud's API, ready for calls.
#[derive(Debug)]
pub struct Telecloud {
    /// Whose access.
    pub tenant: TenantName,
    /// How it is reached.
    pub access: TelecloudAccess,
    /// What stands for the key in a request.
    pub placeholder: String,
    /// The one grant by which calls go out.
    pub policy: Arc<Policy>,
    /// The key.
    pub secrets: Arc<BTreeMap<SecretName, Secret>>,
    /// The same, to be masked in records.
    pub known: Arc<Known>,
    /// Permits for connections to TeleCloud, which all of the tenant's calls share.
    pub connections: Arc<Semaphore>,
}

/// What is sealed: all of it at once, so that no key is ever sent where another one was meant to go.
#[derive(Serialize)]
struct ToSeal<'a> {
    access: &'a TelecloudAccess,
    api_key: &'a str,
}

/// The same, opened.
#[derive(Deserialize)]
struct Opened {
    access: TelecloudAccess,
    api_key: Secret,
}

impl Telecloud {
    /// Makes everything ready that a call needs.
    ///
    /// # Errors
    /// When the URL leads nowhere, or where the key must not go.
    pub fn new(
        tenant: TenantName,
        access: TelecloudAccess,
        api_key: Secret,
        connections: Arc<Semaphore>,
    ) -> Result<Self, RegistryError> {
        let invalid = |why: String| RegistryError::Invalid {
            field: "url".to_owned(),
            why,
        };
        let url = access.url.url("Service", "Action");
        let uri: Uri = url.parse().map_err(|error| invalid(format!("makes no URL: {error}")))?;
        let target = Target::parse(&uri).map_err(|error| invalid(format!("leads nowhere: {error}")))?;
        if target.scheme == Scheme::Http && access.network.is_none() {
            let why = "must begin with https://, unless a network is named: the key would go out in clear text";
            return Err(invalid(why.to_owned()));
        }
        let secret = named(SecretName::parse(KEY));
        let grant = Grant {
            name: named(ConfigKey::parse(GRANT)),
            scheme: target.scheme,
            host: match &target.host {
                Host::Name(name) => name.clone(),
                Host::Address(address) => address.to_string(),
            },
            port: Some(target.port),
            methods: ["POST", "PATCH", "DELETE"].map(str::to_owned).into(),
            paths: vec!["/**".to_owned()],
            actions: BTreeSet::new(),
            secrets: BTreeSet::from([secret.clone()]),
            requests: None,
            timeout_ms: TIMEOUT.as_secs() * 1_000,
            read_only: false,
            network: access.network.clone(),
            tls: None,
        };
        let policy = Policy::compile(vec![grant]).map_err(|error| invalid(format!("leads nowhere: {}", error.why)))?;
        let placeholder = secrets::placeholder(&secret);
        let secrets = BTreeMap::from([(secret, api_key)]);
        Ok(Self {
            tenant,
            access,
            placeholder,
            policy: Arc::new(policy),
            known: Arc::new(Known::new(secrets.values())),
            secrets: Arc::new(secrets),
            connections,
        })
    }
}

/// The names in this file are names.
fn named<T, E: std::fmt::Display>(parsed: Result<T, E>) -> T {
    parsed.unwrap_or_else(|error| unreachable!("{error}"))
}

impl Registry {
    /// How a tenant reaches TeleCloud's API, ready for calls.
    ///
    /// # Errors
    /// When there is no such tenant, or it is not set.
    pub fn telecloud(&self, tenant: &TenantName) -> Result<Arc<Telecloud>, RegistryError> {
        let telecloud = self.state(tenant)?.telecloud.clone();
        telecloud.ok_or_else(|| RegistryError::NoTelecloud(tenant.clone()))
    }

    /// Sets how a tenant reaches TeleCloud's API. A tenant may keep the network while the URL stays, and cannot name
    /// one.
    ///
    /// # Errors
    /// When there is no such tenant or network, something cannot be taken or may not be set, or nothing could be written.
    pub async fn put_telecloud(
        &self,
        tenant: &TenantName,
        new: NewTelecloud,
        by: &Caller,
    ) -> Result<(TelecloudAccess, Written), RegistryError> {
        check_key("api_id_key", &new.api_id_key)?;
        check_key("api_key", new.api_key.expose())?;
        let mut change = self.change(tenant).await?;
        let old = change.state.telecloud.as_ref().map(|telecloud| &telecloud.access);
        let kept = old.is_some_and(|old| old.network == new.network && old.url == new.url);
        if new.network.is_some() && !by.is_admin() && !kept {
            return Err(RegistryError::NetworkNotGranted {
                grant: GRANT.to_owned(),
            });
        }
        let _kept = self.keep_networks(new.network.iter()).await?;
        let object = format!("tenants/{tenant}/telecloud");
        let (written, deed) = match old {
            Some(old) => (Written::Replaced, Deed::new(Verb::Change, object).before(old)),
            None => (Written::Created, Deed::new(Verb::Make, object)),
        };
        let access = TelecloudAccess {
            url: new.url,
            api_id_key: new.api_id_key,
            network: new.network,
            set: Timestamp::now(),
        };
        let sealed = self.seal_telecloud(tenant, &access, &new.api_key)?;
        let prepared = Telecloud::new(
            tenant.clone(),
            access.clone(),
            new.api_key,
            change.state.telecloud_connections(),
        )?;
        change.state.telecloud = Some(Arc::new(prepared));
        let writes = vec![put(paths::telecloud(tenant), sealed.into(), Expect::Anything)];
        self.commit(&change, by, deed.after(&access), writes).await?;
        Ok((access, written))
    }

    /// Forgets how a tenant reaches TeleCloud's API, and the key.
    ///
    /// # Errors
    /// When there is no such tenant, it is not set, or nothing could be written.
    pub async fn delete_telecloud(&self, tenant: &TenantName, by: &Caller) -> Result<(), RegistryError> {
        let mut change = self.change(tenant).await?;
        let old = change.state.telecloud.take();
        let old = old.ok_or_else(|| RegistryError::NoTelecloud(tenant.clone()))?;
        let deed = Deed::new(Verb::Remove, format!("tenants/{tenant}/telecloud")).before(&old.access);
        self.commit(&change, by, deed, vec![remove(paths::telecloud(tenant))])
            .await
    }

    /// What the documents hold, ready for calls. What is not valid any more counts as not set, and the log says why.
    pub(super) fn read_telecloud(
        &self,
        tenant: &TenantName,
        sealed: &[u8],
        connections: Arc<Semaphore>,
    ) -> Result<Option<Arc<Telecloud>>, RegistryError> {
        let place = paths::telecloud(tenant);
        let opened = self.vault.open_sealed(&place, sealed);
        let opened = opened.map_err(|source| RegistryError::Sealed {
            place: place.clone(),
            source,
        })?;
        let Opened { access, api_key } = paths::decode(&place, opened.expose().as_bytes())?;
        match Telecloud::new(tenant.clone(), access, api_key, connections) {
            Ok(telecloud) => Ok(Some(Arc::new(telecloud))),
            Err(error) => {
                tracing::error!(%tenant, %error, "the stored access to TeleCloud's API is not valid any more; set it again");
                Ok(None)
            }
        }
    }

    fn seal_telecloud(
        &self,
        tenant: &TenantName,
        access: &TelecloudAccess,
        api_key: &Secret,
    ) -> Result<Vec<u8>, RegistryError> {
        let to_seal = ToSeal {
            access,
            api_key: api_key.expose(),
        };
        let text = serde_json::to_string(&to_seal).map_err(|error| StorageError::Unavailable {
            doing: "write a document as JSON".to_owned(),
            source: error.into(),
        })?;
        Ok(self.vault.seal(&paths::telecloud(tenant), &Secret::new(text)))
    }
}
