//! What is wished, what it comes to, and what was done of it. Pure.

use std::collections::BTreeSet;

use http::Uri;
use http::uri::InvalidUri;
use serde::{Deserialize, Serialize};

use crate::domain::call::CallId;
use crate::domain::module::Module;
use crate::domain::name::{ModulePath, TelecloudId};
use crate::domain::secret::MASK;
use crate::domain::telecloud::{LinkedEvent, ProductGroupStatus, TelecloudAccess};
use crate::egress::target::Target;
use crate::registry::RegistryError;
use crate::telecloud::client::Call;

/// Stands for the id of a module that is not made yet.
pub(super) const STAND_IN: &str = "ID-OF-THE-NEW-MODULE";

/// Longest name or description, in characters.
const TEXT_CHARACTERS_MAX: usize = 200;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 1_024;

/// How a module is to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRegistration)]
pub struct Wish {
    /// Where TeleCloud reaches the module: its URL on the public listener.
    #[schema(example = "https://gateway.example/m/acme/sim")]
    pub url: String,
    /// What TeleCloud shows. The module's title or name unless stated. At most 200 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// What TeleCloud shows with it. At most 200 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The module's id at TeleCloud, if it was made there by hand. The one that an earlier registration got unless stated.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub module_id: Option<TelecloudId>,
    /// Make another module at TeleCloud although one was made before, because that one is gone.
    #[serde(default)]
    pub new: bool,
    /// The product group that is to call the module.
    #[serde(default)]
    pub product_group: Option<Link>,
    /// Only say what would be sent. So unless stated otherwise.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

fn yes() -> bool {
    true
}

/// Which product group calls the module for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductGroupLink)]
pub struct Link {
    /// The product group's id.
    #[schema(value_type = String)]
    pub id: TelecloudId,
    /// What the product group is afterwards: TeleCloud wants to be told on every edit.
    pub status: ProductGroupStatus,
    /// What it calls the module for. One or more.
    pub events: BTreeSet<LinkedEvent>,
}

impl Link {
    pub(super) fn call(&self, module_id: TelecloudId) -> Call {
        Call::EditProductGroup {
            product_group_id: self.id.clone(),
            status: self.status,
            module_id,
            events: self.events.clone(),
        }
    }
}

/// What a registration comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Registration {
    /// The calls, in their order.
    pub steps: Vec<Step>,
    /// What people should know. Sentences.
    pub notes: Vec<String>,
    /// Every call was made and accepted.
    pub done: bool,
}

impl Registration {
    pub(super) fn new(steps: Vec<Step>, notes: Vec<String>) -> Self {
        Self {
            done: steps.iter().all(|step| step.state == StepState::Accepted),
            steps,
            notes,
        }
    }
}

/// One call at TeleCloud's API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RegistrationStep)]
pub struct Step {
    /// Service and action.
    #[schema(example = "Module/Create")]
    pub service: String,
    /// The HTTP method.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// What it says, the key masked.
    pub fields: Vec<Field>,
    /// How it went.
    pub state: StepState,
    /// Why it was not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What TeleCloud calls the transaction, for those who ask there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The call that it is on record as, if it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub call: Option<CallId>,
}

/// One field of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RegistrationField)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = RegistrationStepState)]
pub enum StepState {
    /// It would be made: this is a dry run.
    Planned,
    /// TeleCloud carried it out.
    Accepted,
    /// TeleCloud said no.
    Refused,
    /// It was sent, and nobody knows what became of it.
    Unclear,
    /// It was to be made, and nothing of it has left.
    NotSent,
    /// One before it was not accepted.
    NotTried,
}

impl Step {
    pub(super) fn new(access: &TelecloudAccess, call: &Call, state: StepState) -> Self {
        let (service, action) = call.name();
        let credentials = [
            ("API_ID_KEY".into(), access.api_id_key.as_str().into()),
            ("API_KEY".into(), MASK.into()),
        ];
        let fields = credentials.into_iter().chain(call.fields());
        Self {
            service: format!("{service}/{action}"),
            method: call.method().to_string(),
            url: access.url.url(service, action),
            fields: fields
                .map(|(name, value)| Field {
                    name: name.into_owned(),
                    value: value.into_owned(),
                })
                .collect(),
            state,
            detail: None,
            transaction: None,
            call: None,
        }
    }
}

/// The calls that a wish takes.
#[derive(Debug)]
pub(super) struct Plan<'w> {
    /// The module at TeleCloud, if it is there.
    pub(super) module_id: Option<TelecloudId>,
    /// Makes or changes it.
    pub(super) call: Call,
    /// What follows.
    pub(super) link: Option<&'w Link>,
    pub(super) notes: Vec<String>,
}

impl<'w> Plan<'w> {
    /// Checks a wish.
    pub(super) fn new(path: &ModulePath, module: &Module, wish: &'w Wish) -> Result<Self, RegistryError> {
        let url = check_url(&wish.url)?;
        let name = match (&wish.name, module.title.as_str()) {
            (Some(name), _) => check_text("name", name)?,
            (None, "") => module.name.to_string(),
            (None, title) => title.to_owned(),
        };
        let description = wish.description.as_deref().unwrap_or("A module that Patchbay hosts");
        let description = check_text("description", description)?;
        if wish.new && wish.module_id.is_some() {
            return Err(invalid(
                "new",
                "cannot be together with module_id: a new module gets its own",
            ));
        }
        if wish.product_group.as_ref().is_some_and(|link| link.events.is_empty()) {
            let why = "must name at least one of order, replenish, status, swap, cancel";
            return Err(invalid("product_group.events", why));
        }
        let known = wish.module_id.clone().or_else(|| module.telecloud_module_id.clone());
        let module_id = known.filter(|_| !wish.new);
        let (url_text, url_path) = (wish.url.clone(), url.path);
        let call = match &module_id {
            Some(module_id) => Call::EditModule {
                module_id: module_id.clone(),
                name,
                description,
                url: url_text,
            },
            None => Call::CreateModule {
                name,
                description,
                url: url_text,
            },
        };
        let mut notes = Vec::new();
        if !url_path.ends_with(&format!("/m/{path}")) {
            notes.push(format!(
                "The URL does not end with /m/{path}, where this gateway takes the module's events. It is right only if a \
                 proxy leads from one to the other."
            ));
        }
        if wish.url.starts_with("http://") {
            notes.push(
                "The URL is not encrypted: customers' data and API keys would be sent to it in clear text.".to_owned(),
            );
        }
        if wish.product_group.is_some() {
            notes.push(
                "What ProductGroup/Edit does to fields that are left out is not documented: note down the product group's \
                 name, description, variables and modules before, and compare them afterwards."
                    .to_owned(),
            );
        }
        Ok(Self {
            module_id,
            call,
            link: wish.product_group.as_ref(),
            notes,
        })
    }
}

fn check_url(text: &str) -> Result<Target, RegistryError> {
    if text.len() > URL_BYTES_MAX || text.contains('#') {
        let why = format!("must be at most {URL_BYTES_MAX} bytes, without a part that begins with #");
        return Err(invalid("url", &why));
    }
    let whole = |error| format!("must be a whole URL, such as https://gateway.example/m/acme/sim: {error}");
    let uri: Uri = text
        .parse()
        .map_err(|error: InvalidUri| invalid("url", &whole(error.to_string())))?;
    Target::parse(&uri).map_err(|error| invalid("url", &whole(error.to_string())))
}

fn check_text(field: &str, text: &str) -> Result<String, RegistryError> {
    let text = text.trim();
    if !(1..=TEXT_CHARACTERS_MAX).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        let why = format!("must be 1 to {TEXT_CHARACTERS_MAX} characters, without line breaks");
        return Err(invalid(field, &why));
    }
    Ok(text.to_owned())
}

fn invalid(field: &str, why: &str) -> RegistryError {
    RegistryError::Invalid {
        field: field.to_owned(),
        why: why.to_owned(),
    }
}
