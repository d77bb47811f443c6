//! `patchbay order`

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use ulid::Ulid;

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::{ValueSource, id};
use super::printer::{fields, table, time, word as written};
use crate::api::{OrderListing, OrderQuery, PasswordChange};
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::Order;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay order find acme --mdn 2025550143
  patchbay order find acme --iccid 8901260000000000017 --module sim
  patchbay order list acme --module sim
  patchbay order show acme 4711
  patchbay order show acme 4QZ8T1W6S9E7R2B5N3M0K4H8GD   # by its id, as it is listed
  pwgen -s 16 1 | patchbay order change-password acme 4711

This is the gateway's own record of orders, kept from what passed through it: what TeleCloud
posted, what modules answered, what TeleCloud was told. TeleCloud or the carrier may know more.
An order that was created without a number goes by its id until its number is known.
Secrets and personal data are masked; orders are found by them all the same.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find orders by what is at hand
    ///
    /// Give one or more; an order has to match all of them. Values are whole, as they are on the order: a part of one
    /// finds nothing.
    Find {
        /// The tenant's name
        tenant: TenantName,
        #[command(flatten)]
        wanted: Wanted,
        #[command(flatten)]
        part: Part,
    },
    /// List orders
    List {
        /// The tenant's name
        tenant: TenantName,
        #[command(flatten)]
        part: Part,
    },
    /// Show what is on record of an order
    Show {
        /// The tenant's name
        tenant: TenantName,
        /// Its number, or its id as it is listed
        order: String,
    },
    /// Change the password of an order's service at the carrier, from standard input unless stated
    ///
    /// The module sees a placeholder: one of its grants has to let the secret new-password out during change-password.
    ChangePassword {
        /// The tenant's name
        tenant: TenantName,
        /// Its number, or its id as it is listed
        order: String,
        #[command(flatten)]
        password: ValueSource,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Wanted {
    /// With this order_number
    #[arg(long, value_name = "ORDER_NUMBER")]
    order: Option<String>,
    /// Of this account
    #[arg(long, value_name = "ACCOUNT_NUMBER")]
    account: Option<String>,
    /// With this telephone number: VAR3, or any VAR of 10 to 15 digits
    #[arg(long)]
    mdn: Option<String>,
    /// With this SIM: VAR2, or any VAR of 18 to 22 digits
    #[arg(long)]
    iccid: Option<String>,
    /// With this value in any VAR but VAR5 to VAR7, which are not shown
    #[arg(long)]
    value: Option<String>,
}

#[derive(Debug, Args)]
pub struct Part {
    /// Orders of this module
    #[arg(long)]
    module: Option<ModuleName>,
    /// Orders that follow this one
    #[arg(long, value_name = "ID", value_parser = id)]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Find { tenant, wanted, part } => {
            let query = OrderQuery {
                order_number: wanted.order,
                account: wanted.account,
                mdn: wanted.mdn,
                iccid: wanted.iccid,
                value: wanted.value,
                ..part.query()?
            };
            list(&tenant, &query, session).await
        }
        Command::List { tenant, part } => list(&tenant, &part.query()?, session).await,
        Command::Show { tenant, order } => {
            let found = named(&tenant, order, session).await?;
            session
                .printer
                .show(&found, |out| Ok(tell(out, &tenant, &read(&found)?)?))
        }
        Command::ChangePassword {
            tenant,
            order,
            password,
        } => {
            let body = json!({"password": password.read(session)?});
            let found: Order = read(&named(&tenant, order.clone(), session).await?)?;
            let id = found.id.to_string();
            let path = ["tenants", tenant.as_str(), "orders", &id, "password"];
            let changed = session.client.post(&path, &body).await?;
            let PasswordChange { call } = read(&changed)?;
            let line = format!("the password of order {order} is changed, by call {call}");
            session.printer.done(&changed, &line)
        }
    }
}

impl Part {
    fn query(self) -> Result<OrderQuery, Failure> {
        Ok(OrderQuery {
            module: self.module,
            after: self.after.map(|id| read(&id.into())).transpose()?,
            limit: Some(self.limit),
            ..OrderQuery::default()
        })
    }
}

async fn list(tenant: &TenantName, query: &OrderQuery, session: &mut Session<'_>) -> Result<(), Failure> {
    let listing = session
        .client
        .query(&["tenants", tenant.as_str(), "orders"], query)
        .await?;
    session.printer.show(&listing, |out| {
        let listing: OrderListing = read(&listing)?;
        let rows = listing.items.into_iter().map(row).collect();
        let headings = ["ID", "ORDER", "ACCOUNT", "MODULE", "STATE", "PLAN", "CHANGED"];
        table(out, &headings, rows, "There are no such orders here.")?;
        if let Some(next) = listing.next {
            writeln!(out, "More orders: the same command with --after {next}")?;
        }
        Ok(())
    })
}

/// The order of this id or this number.
async fn named(tenant: &TenantName, order: String, session: &Session<'_>) -> Result<Value, Failure> {
    let found = match Ulid::from_string(&order) {
        Ok(_) => {
            session
                .client
                .find(&["tenants", tenant.as_str(), "orders", &order])
                .await?
        }
        Err(_) => None,
    };
    match found {
        Some(found) => Ok(found),
        None => of_number(tenant, order, session).await,
    }
}

/// The order of this number. Modules are apart, so several can have one of it.
async fn of_number(tenant: &TenantName, number: String, session: &Session<'_>) -> Result<Value, Failure> {
    let query = OrderQuery {
        order_number: Some(number.clone()),
        ..OrderQuery::default()
    };
    let listing = session
        .client
        .query(&["tenants", tenant.as_str(), "orders"], &query)
        .await?;
    let listing: OrderListing = read(&listing)?;
    match &listing.items[..] {
        [] => Err(Failure::Declined(format!(
            "no order {number} of tenant {tenant} is on record"
        ))),
        [order] => {
            let id = order.id.to_string();
            session.client.get(&["tenants", tenant.as_str(), "orders", &id]).await
        }
        several => {
            let each = several
                .iter()
                .map(|order| format!("{} of {}", order.id, order.record.module));
            Err(Failure::Declined(format!(
                "several modules have an order {number}; name one by its id: {}",
                each.collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

fn row(Order { id, record }: Order) -> Vec<String> {
    vec![
        id.to_string(),
        or_none(record.order_number.as_ref()),
        or_none(record.account_number.as_ref()),
        record.module.to_string(),
        written(&record.state),
        or_none(record.carrier_product_id.as_ref()),
        time(record.last_change),
    ]
}

fn tell(out: &mut dyn Write, tenant: &TenantName, Order { id, record }: &Order) -> io::Result<()> {
    let number = record.order_number.clone();
    let vars: Vec<_> = record
        .vars
        .iter()
        .map(|(index, value)| (format!("VAR{index}"), value.to_owned()))
        .collect();
    let mut rows = vec![
        ("order", number.unwrap_or_else(|| "not known yet".to_owned())),
        ("id", id.to_string()),
        ("module", format!("{tenant}/{}", record.module)),
        ("state", format!("{}, by call {}", record.state, record.state_by)),
        ("account", or_none(record.account_number.as_ref())),
        ("parent order", or_none(record.parent_order_number.as_ref())),
        ("carrier product", or_none(record.carrier_product_id.as_ref())),
        ("product", or_none(record.product_id.as_ref())),
        ("created by call", or_none(record.created_by.as_ref())),
        ("latest call", format!("{}, {}", record.last_call, record.last_outcome)),
        ("first seen", time(record.first_seen)),
        ("changed", time(record.last_change)),
    ];
    rows.extend(vars.iter().map(|(name, value)| (name.as_str(), value.clone())));
    fields(out, &rows)
}

fn or_none(text: Option<&impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), ToString::to_string)
}
