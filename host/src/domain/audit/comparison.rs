//! Bringing the two sides together, and saying what differs.

use std::collections::BTreeMap;

use super::{AuditSettings, Difference, MatchVars, OrderRef, Row};
use crate::domain::event::{ServiceStatus, Vars};
use crate::domain::order::{Order, OrderState};
use crate::domain::subscriber::Subscriber;

/// Compares the carrier's subscribers with the orders on record. Of a subscriber that was listed twice, as happens when the
/// list changes between two pages, the later word counts.
#[must_use]
pub fn differences(orders: &[Order], subscribers: &[Subscriber], settings: &AuditSettings) -> Vec<Row> {
    let latest: BTreeMap<&str, &Subscriber> = subscribers
        .iter()
        .map(|subscriber| (subscriber.id.as_str(), subscriber))
        .collect();
    let mut comparison = Comparison {
        vars: &settings.matching,
        rows: Vec::new(),
        orders: orders.iter().collect(),
        subscribers: latest.into_values().collect(),
    };
    for ended in [false, true] {
        for sign in Sign::ALL {
            comparison.bring_together(sign, ended);
        }
    }
    comparison.rest()
}

/// What an order and a subscriber are brought together by, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    SubscriberId,
    Mdn,
    Iccid,
}

impl Sign {
    const ALL: [Self; 3] = [Self::SubscriberId, Self::Mdn, Self::Iccid];

    fn var(self, vars: &MatchVars) -> Option<u8> {
        match self {
            Self::SubscriberId => vars.subscriber_id,
            Self::Mdn => vars.mdn,
            Self::Iccid => vars.iccid,
        }
    }

    fn difference(self) -> Difference {
        match self {
            Self::SubscriberId => Difference::SubscriberId,
            Self::Mdn => Difference::Number,
            Self::Iccid => Difference::Sim,
        }
    }

    /// As the order has it, and in a form that can be compared.
    fn here<'a>(self, order: &'a Order, vars: &MatchVars) -> Option<(&'a str, String)> {
        let text = order.record.vars.get(self.var(vars)?)?;
        Some((text, self.plain(text)?))
    }

    /// As the carrier has it, and in a form that can be compared.
    fn there(self, subscriber: &Subscriber) -> Option<(&str, String)> {
        let text = match self {
            Self::SubscriberId => Some(subscriber.id.as_str()),
            Self::Mdn => subscriber.mdn.as_deref(),
            Self::Iccid => subscriber.iccid.as_deref(),
        }?;
        Some((text, self.plain(text)?))
    }

    /// Numbers are compared by their digits alone: people and carriers write them with hyphens, and the number with or
    /// without the 1 of North America. `None` where nothing is left.
    fn plain(self, text: &str) -> Option<String> {
        let digits = || text.chars().filter(char::is_ascii_digit).collect::<String>();
        let plain = match self {
            Self::SubscriberId => text.trim().to_owned(),
            Self::Iccid => digits(),
            Self::Mdn => {
                let digits = digits();
                match digits.strip_prefix('1') {
                    Some(national) if national.len() == 10 => national.to_owned(),
                    _ => digits,
                }
            }
        };
        (!plain.is_empty()).then_some(plain)
    }
}

impl OrderState {
    /// Whether the carrier should have a line for the order, as far as is known.
    fn expects_a_line(self) -> bool {
        matches!(self, Self::Active | Self::Suspended | Self::NonPay | Self::Unknown)
    }

    /// Whether the order never came into service or is out of it for good.
    fn has_ended(self) -> bool {
        matches!(self, Self::Failed | Self::Cancelled)
    }

    /// Whether the carrier's state is what this one means. Suspended is suspended, whatever for: most carriers keep no
    /// reason. Nothing is said of an order whose state is not known.
    fn agrees_with(self, there: &ServiceStatus) -> bool {
        match self {
            Self::Unknown => true,
            Self::Active => *there == ServiceStatus::Active,
            Self::Suspended | Self::NonPay => {
                matches!(there, ServiceStatus::Suspended | ServiceStatus::NonPay)
            }
            Self::Pending | Self::Failed | Self::Cancelled => false,
        }
    }
}

struct Comparison<'a> {
    vars: &'a MatchVars,
    rows: Vec<Row>,
    /// Those that have not been brought together yet.
    orders: Vec<&'a Order>,
    /// Those that have not been brought together yet.
    subscribers: Vec<&'a Subscriber>,
}

/// Those that have one sign in common.
#[derive(Default)]
struct Group<'a> {
    orders: Vec<&'a Order>,
    subscribers: Vec<&'a Subscriber>,
}

impl<'a> Comparison<'a> {
    /// Brings together those that have `sign` in common, and reports what differs, or that it cannot be told who belongs
    /// together.
    fn bring_together(&mut self, sign: Sign, ended: bool) {
        let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
        let (candidates, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.orders)
            .into_iter()
            .partition(|order| order.record.state.has_ended() == ended && sign.here(order, self.vars).is_some());
        self.orders = others;
        for order in candidates {
            if let Some((_, plain)) = sign.here(order, self.vars) {
                groups.entry(plain).or_default().orders.push(order);
            }
        }
        for subscriber in std::mem::take(&mut self.subscribers) {
            match sign.there(subscriber).and_then(|(_, plain)| groups.get_mut(&plain)) {
                Some(group) => group.subscribers.push(subscriber),
                None => self.subscribers.push(subscriber),
            }
        }
        for group in groups.into_values() {
            match (group.orders.as_slice(), group.subscribers.as_slice()) {
                (_, []) => self.orders.extend(group.orders),
                ([order], [subscriber]) => self.compare(order, subscriber),
                _ => self.ambiguous(sign, &group),
            }
        }
    }

    fn ambiguous(&mut self, sign: Sign, group: &Group<'_>) {
        let here = group.orders.first().and_then(|order| sign.here(order, self.vars));
        let there = group.subscribers.first().and_then(|subscriber| sign.there(subscriber));
        self.rows.push(Row {
            difference: Difference::Ambiguous,
            orders: group.orders.iter().map(|order| reference(order)).collect(),
            subscribers: group
                .subscribers
                .iter()
                .map(|subscriber| subscriber.id.clone())
                .collect(),
            here: here.map(|(text, _)| text.to_owned()),
            there: there.map(|(text, _)| text.to_owned()),
            repair: Vars::default(),
        });
    }

    /// Reports what differs between an order and its subscriber.
    fn compare(&mut self, order: &Order, subscriber: &Subscriber) {
        let record = &order.record;
        let row = |difference, here: Option<String>, there: Option<String>| Row {
            difference,
            orders: vec![reference(order)],
            subscribers: vec![subscriber.id.clone()],
            here,
            there,
            repair: Vars::default(),
        };
        if let Some(there) = subscriber
            .status
            .as_ref()
            .filter(|there| !record.state.agrees_with(there))
        {
            let there = status(there).to_owned();
            self.rows
                .push(row(Difference::State, Some(record.state.to_string()), Some(there)));
        }
        if !record.state.expects_a_line() {
            // Of what is pending or over, only the state is of interest.
            return;
        }
        if let (Some(here), Some(there)) = (&record.carrier_product_id, &subscriber.carrier_product_id)
            && here != there
        {
            self.rows
                .push(row(Difference::Plan, Some(here.clone()), Some(there.clone())));
        }
        // Under another id the line may be somebody else's by now, so nothing of it is put on the order.
        let other = |sign: Sign| match (sign.here(order, self.vars), sign.there(subscriber)) {
            (Some((_, here)), Some((_, there))) => here != there,
            _ => false,
        };
        let repairable = !other(Sign::SubscriberId);
        for sign in Sign::ALL {
            let (Some(var), Some((there, plain_there))) = (sign.var(self.vars), sign.there(subscriber)) else {
                continue;
            };
            let here = sign.here(order, self.vars);
            if here.as_ref().is_some_and(|(_, plain_here)| *plain_here == plain_there) {
                continue;
            }
            let here = here.map(|(text, _)| text.to_owned());
            let mut found = row(sign.difference(), here, Some(there.to_owned()));
            if repairable {
                // The settings were checked: it is the number of a VAR.
                let _ = found.repair.set(var, there.to_owned());
            }
            self.rows.push(found);
        }
    }

    /// Reports what was not brought together.
    fn rest(mut self) -> Vec<Row> {
        self.orders.sort_by_key(|order| order.id);
        for order in self.orders {
            let state = order.record.state;
            if !state.expects_a_line() {
                continue;
            }
            let identified = Sign::ALL.iter().any(|sign| sign.here(order, self.vars).is_some());
            self.rows.push(Row {
                difference: if identified {
                    Difference::MissingThere
                } else {
                    Difference::Unidentified
                },
                orders: vec![reference(order)],
                subscribers: Vec::new(),
                here: Some(state.to_string()),
                there: None,
                repair: Vars::default(),
            });
        }
        for subscriber in self.subscribers {
            self.rows.push(Row {
                difference: Difference::MissingHere,
                orders: Vec::new(),
                subscribers: vec![subscriber.id.clone()],
                here: None,
                there: subscriber.status.as_ref().map(|there| status(there).to_owned()),
                repair: Vars::default(),
            });
        }
        self.rows
    }
}

fn reference(order: &Order) -> OrderRef {
    OrderRef {
        id: order.id,
        order_number: order.record.order_number.clone(),
    }
}

/// As [`OrderState`] is written, or in the carrier's own word.
fn status(status: &ServiceStatus) -> &str {
    match status {
        ServiceStatus::Active => "active",
        ServiceStatus::Suspended => "suspended",
        ServiceStatus::NonPay => "non-pay",
        ServiceStatus::Other(word) => word,
    }
}
