//! The calls themselves: their names, their methods, their fields.

use std::borrow::Cow;
use std::collections::BTreeSet;

use http::Method;

use crate::domain::name::TelecloudId;
use crate::domain::telecloud::{LinkedEvent, ProductGroupStatus};
use crate::domain::update::Update;

/// What reported units are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expression {
    /// All there are. Sent twice, they count once.
    #[default]
    Cumulative,
    /// So many more.
    Additive,
}

/// One call of TeleCloud's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Order/Update: news of an order. Only what is passed is changed.
    UpdateOrder {
        /// `account_number` of the order's customer.
        account_number: String,
        /// `order_number`.
        order_number: String,
        /// The news.
        update: Update,
    },
    /// Order/ReportUsage: what was used of one component of an order's product. TeleCloud may call the module that the
    /// product group has for states from within this.
    ReportUsage {
        /// `account_number` of the order's customer.
        account_number: String,
        /// `order_number`.
        order_number: String,
        /// Of which component.
        component_id: String,
        /// How much, as a decimal number.
        units: String,
        /// What the units are.
        expression: Expression,
    },
    /// Customer/Notation: a note on a customer's account.
    Notation {
        /// `account_number` of the customer.
        account_number: String,
        /// The order that it is about, if it is about one.
        order_number: Option<String>,
        /// What it is about.
        subject: String,
        /// The note.
        content: String,
    },
    /// Module/Create: makes an external module, which is active.
    CreateModule {
        /// For people.
        name: String,
        /// For people.
        description: String,
        /// Where it takes events.
        url: String,
    },
    /// Module/Edit: changes a module, and makes it active.
    EditModule {
        /// Which one.
        module_id: TelecloudId,
        /// For people.
        name: String,
        /// For people.
        description: String,
        /// Where it takes events.
        url: String,
    },
    /// Module/Delete: removes a module. Product groups that it is linked to cannot use it any more.
    DeleteModule {
        /// Which one.
        module_id: TelecloudId,
    },
    /// ProductGroup/Edit: links a module. What becomes of fields that are left out is not documented.
    EditProductGroup {
        /// Which one.
        product_group_id: TelecloudId,
        /// What it is from now on: the API asks for it on every edit.
        status: ProductGroupStatus,
        /// The module to link.
        module_id: TelecloudId,
        /// For which events.
        events: BTreeSet<LinkedEvent>,
    },
}

/// TeleCloud's word for active; 2 would be suspended.
const ACTIVE: &str = "1";

impl Call {
    /// Service and action.
    #[must_use]
    pub fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::UpdateOrder { .. } => ("Order", "Update"),
            Self::ReportUsage { .. } => ("Order", "ReportUsage"),
            Self::Notation { .. } => ("Customer", "Notation"),
            Self::CreateModule { .. } => ("Module", "Create"),
            Self::EditModule { .. } => ("Module", "Edit"),
            Self::DeleteModule { .. } => ("Module", "Delete"),
            Self::EditProductGroup { .. } => ("ProductGroup", "Edit"),
        }
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::ReportUsage { .. } | Self::Notation { .. } | Self::CreateModule { .. } => Method::POST,
            Self::UpdateOrder { .. } | Self::EditModule { .. } | Self::EditProductGroup { .. } => Method::PATCH,
            Self::DeleteModule { .. } => Method::DELETE,
        }
    }

    /// Names and values, without the credentials.
    #[must_use]
    pub fn fields(&self) -> Vec<(Cow<'static, str>, Cow<'_, str>)> {
        match self {
            Self::UpdateOrder {
                account_number,
                order_number,
                update,
            } => {
                let mut fields = listed([("account_number", account_number), ("order_number", order_number)]);
                if let Some(status) = update.status {
                    fields.push(("service_status".into(), status.to_string().into()));
                }
                if let Some(text) = &update.error_text {
                    fields.push(("error_text".into(), text.into()));
                }
                let vars = update.vars.iter();
                fields.extend(vars.map(|(index, value)| (format!("VAR{index}").into(), value.into())));
                fields
            }
            Self::ReportUsage {
                account_number,
                order_number,
                component_id,
                units,
                expression,
            } => listed([
                ("account_number", account_number),
                ("component_id", component_id),
                ("order_number", order_number),
                ("units", units),
                ("expression_type", expression.word()),
            ]),
            Self::Notation {
                account_number,
                order_number,
                subject,
                content,
            } => {
                let mut fields = listed([("account_number", account_number)]);
                fields.extend(
                    order_number
                        .iter()
                        .flat_map(|number| listed([("order_number", number)])),
                );
                fields.extend(listed([("subject", subject), ("content", content)]));
                fields
            }
            Self::CreateModule { name, description, url } => listed([
                ("type", "external"),
                ("name", name),
                ("description", description),
                ("url", url),
                ("status", ACTIVE),
            ]),
            Self::EditModule {
                module_id,
                name,
                description,
                url,
            } => listed([
                ("module_id", module_id.as_str()),
                ("name", name),
                ("description", description),
                ("url", url),
                ("status", ACTIVE),
            ]),
            Self::DeleteModule { module_id } => listed([("module_id", module_id.as_str())]),
            Self::EditProductGroup {
                product_group_id,
                status,
                module_id,
                events,
            } => {
                let mut fields = listed([
                    ("product_group_id", product_group_id.as_str()),
                    ("status", word(*status)),
                ]);
                fields.extend(
                    events
                        .iter()
                        .flat_map(|event| listed([(event.field(), module_id.as_str())])),
                );
                fields
            }
        }
    }
}

impl Expression {
    /// As TeleCloud spells it.
    fn word(self) -> &'static str {
        match self {
            Self::Cumulative => "cumulative",
            Self::Additive => "additive",
        }
    }
}

/// As TeleCloud spells it.
fn word(status: ProductGroupStatus) -> &'static str {
    match status {
        ProductGroupStatus::Unlocked => "1",
        ProductGroupStatus::Locked => "2",
    }
}

fn listed<'a, const N: usize>(fields: [(&'static str, &'a str); N]) -> Vec<(Cow<'static, str>, Cow<'a, str>)> {
    fields.map(|(name, value)| (name.into(), value.into())).into()
}
