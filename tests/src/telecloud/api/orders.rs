//! Orders: their status, their variables, their usage, and the money that is given back for them.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::form::{Form, Refusal, invalid};
use super::requests::Books;
use super::units::Units;
use crate::telecloud::encoding::xml_text;

/// How an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    /// Its module has not finished yet. Nobody can set this.
    Pending,
    /// It works.
    Active,
    /// Not for now.
    Suspended,
    /// Not until it is paid.
    NonPay,
    /// It never came about.
    Failed,
    /// It is over.
    Cancelled,
}

impl ServiceStatus {
    /// A status that can be set.
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "ACTIVE" => Ok(Self::Active),
            "SUSPENDED" => Ok(Self::Suspended),
            "NON-PAY" => Ok(Self::NonPay),
            "FAILED" => Ok(Self::Failed),
            "CANCELLED" => Ok(Self::Cancelled),
            other => Err(invalid("service_status", other)),
        }
    }
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The customer's account.
    pub account_number: String,
    /// Unique.
    pub order_number: String,
    /// How it stands.
    pub service_status: ServiceStatus,
    /// Its variables, 1 to 20.
    pub vars: BTreeMap<u8, String>,
    /// M/D/YYYY, once it was set.
    pub cycle_end_date: Option<String>,
    /// Why it failed, once that was said.
    pub error_text: Option<String>,
    /// What its usage is counted by, by component id.
    pub components: BTreeMap<String, Component>,
}

impl Order {
    /// An order without variables and components.
    #[must_use]
    pub fn new(account_number: &str, order_number: &str, service_status: ServiceStatus) -> Self {
        Self {
            account_number: account_number.to_owned(),
            order_number: order_number.to_owned(),
            service_status,
            vars: BTreeMap::new(),
            cycle_end_date: None,
            error_text: None,
            components: BTreeMap::new(),
        }
    }

    /// The same with one more component.
    #[must_use]
    pub fn with_component(mut self, component_id: &str, component: Component) -> Self {
        self.components.insert(component_id.to_owned(), component);
        self
    }
}

/// The usage of an order, of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Component {
    /// What has been used so far.
    pub units: Units,
    /// What one more unit costs.
    pub unit_price: Units,
    /// Usage that the status module hears of when it is reached.
    pub maximum: Option<Units>,
}

/// A pending order that ended as failed or cancelled: the customer has the money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The customer's account.
    pub account_number: String,
    /// The order.
    pub order_number: String,
    /// What it became.
    pub service_status: ServiceStatus,
    /// Why, if that was said.
    pub error_text: Option<String>,
}

/// What was noted on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notation {
    /// The customer's account.
    pub account_number: String,
    /// The order that it is about.
    pub order_number: Option<String>,
    /// In short.
    pub subject: String,
    /// In full.
    pub content: String,
}

/// Usage that reached a maximum.
pub(super) struct MaximumReached {
    pub(super) account_number: String,
    pub(super) order_number: String,
}

/// Order/Update. What is not passed stays as it is.
pub(super) fn update(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let account_number = form.required("account_number")?;
    let order_number = form.required("order_number")?;
    let status = form.optional("service_status");
    let status = status.map(|text| ServiceStatus::parse(&text)).transpose()?;
    let cycle_end_date = form.optional("cycle_end_date");
    if let Some(text) = cycle_end_date.as_deref().filter(|text| !is_date(text)) {
        return Err(invalid("cycle_end_date", text));
    }
    let error_text = form.optional("error_text");
    if error_text.is_some() && status != Some(ServiceStatus::Failed) {
        return Err(Refusal("error_text is only for service_status FAILED".to_owned()));
    }
    let vars = form.vars();
    form.finish()?;

    let refunded = books.refunds.iter().any(|refund| refund.order_number == order_number);
    let order = order(&mut books.orders, &account_number, &order_number)?;
    if let Some(status) = status {
        if refunded && status != order.service_status {
            return Err(Refusal(format!("Order {order_number} has been refunded")));
        }
        let ends = matches!(status, ServiceStatus::Failed | ServiceStatus::Cancelled);
        if ends && order.service_status == ServiceStatus::Pending {
            books.refunds.push(Refund {
                account_number,
                order_number: order_number.clone(),
                service_status: status,
                error_text: error_text.clone(),
            });
        }
        order.service_status = status;
    }
    order.cycle_end_date = cycle_end_date.or(order.cycle_end_date.take());
    order.error_text = error_text.or(order.error_text.take());
    order.vars.extend(vars);
    Ok(format!("<order order_number=\"{}\"/>", xml_text(&order_number)))
}

/// Order/ReportUsage.
pub(super) fn report_usage(books: &mut Books, mut form: Form) -> Result<(String, Option<MaximumReached>), Refusal> {
    let account_number = form.required("account_number")?;
    let component_id = form.required("component_id")?;
    let order_number = form.required("order_number")?;
    let units = form.required("units")?;
    let units: Units = units.parse().map_err(|_| invalid("units", &units))?;
    let expression_type = form.required("expression_type")?;
    let adds = match expression_type.as_str() {
        "additive" => true,
        "cumulative" => false,
        other => return Err(invalid("expression_type", other)),
    };
    form.finish()?;

    let order = order(&mut books.orders, &account_number, &order_number)?;
    if order.service_status != ServiceStatus::Active {
        return Err(Refusal(format!("Order {order_number} is not active")));
    }
    let component = order.components.get_mut(&component_id);
    let component = component.ok_or_else(|| Refusal(format!("Component not found: {component_id}")))?;
    let old = component.units;
    component.units = if adds { old + units } else { units };
    let new = component.units;
    let reached = component.maximum.is_some_and(|maximum| old < maximum && maximum <= new);
    let answer = format!(
        "<order order_number=\"{}\"><ProductComponents><component component_id=\"{}\"><old_value>{old}</old_value>\
         <new_value>{new}</new_value><unit_price>{}</unit_price><total>{}</total></component></ProductComponents></order>",
        xml_text(&order_number),
        xml_text(&component_id),
        component.unit_price,
        new.beyond(old).times(component.unit_price),
    );
    let maximum = reached.then_some(MaximumReached {
        account_number,
        order_number,
    });
    Ok((answer, maximum))
}

/// Customer/Notation.
pub(super) fn notation(books: &mut Books, mut form: Form) -> Result<String, Refusal> {
    let notation = Notation {
        account_number: form.required("account_number")?,
        order_number: form.optional("order_number").filter(|number| !number.is_empty()),
        subject: form.required("subject")?,
        content: form.required("content")?,
    };
    form.finish()?;
    let account_number = &notation.account_number;
    match &notation.order_number {
        Some(order_number) => {
            order(&mut books.orders, account_number, order_number)?;
        }
        None => {
            let mut orders = books.orders.values();
            if !orders.any(|order| order.account_number == *account_number) {
                return Err(Refusal(format!("Customer not found: {account_number}")));
            }
        }
    }
    let answer = format!(
        "<customer account_number=\"{}\"><notation id=\"{}\"><subject>{}</subject><content>{}</content></notation></customer>",
        xml_text(account_number),
        books.notations.len() + 1,
        xml_text(&notation.subject),
        xml_text(&notation.content),
    );
    books.notations.push(notation);
    Ok(answer)
}

fn order<'books>(
    orders: &'books mut BTreeMap<String, Order>,
    account_number: &str,
    order_number: &str,
) -> Result<&'books mut Order, Refusal> {
    let order = orders.get_mut(order_number);
    let order = order.filter(|order| order.account_number == account_number);
    order.ok_or_else(|| Refusal(format!("Order not found on account {account_number}: {order_number}")))
}

/// M/D/YYYY, without zeros in front, and a day that exists.
fn is_date(text: &str) -> bool {
    let read = || {
        let (month, rest) = text.split_once('/')?;
        let (day, year) = rest.split_once('/')?;
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        Some(format!("{}/{}/{:04}", date.month(), date.day(), date.year()))
    };
    read().is_some_and(|written| written == text)
}
