//! All events so far, and the next ones: new lines, and one thing after another on lines that are there.

use anyhow::Context;

use super::events::{Answer, Event, Kind};
use crate::power::Numbers;
use crate::telecloud::{FakeTelecloud, Fields, Order, ServiceStatus, scenarios};

/// The tenants whose modules are posted to.
pub(super) const TENANTS: [&str; 2] = ["acme-mobile", "birch-mobile"];

/// Lines that are looked at for one on which the next thing can be done.
const TRIES: usize = 12;

/// A line with things still to be done on it.
#[derive(Debug)]
struct Line {
    /// The event that made it.
    made: usize,
    /// The latest event of it: the next one waits for its last word.
    latest: usize,
    /// Whether it was put out of service.
    suspended: bool,
    /// The next one last.
    todo: Vec<Kind>,
}

/// Every event that there was, and what can come next.
#[derive(Debug)]
pub(super) struct Orders {
    numbers: Numbers,
    /// What every post has.
    base: Fields,
    pub(super) events: Vec<Event>,
    lines: Vec<Line>,
}

impl Orders {
    pub(super) fn new(numbers: Numbers) -> anyhow::Result<Self> {
        let mut scenarios = scenarios()?.into_iter();
        let scenario = scenarios.find(|scenario| scenario.id == "activate");
        let mut base = scenario.context("a scenario of an activation")?.fields;
        base.retain(|name, _| !name.starts_with("VAR") || name.contains('['));
        Ok(Self {
            numbers,
            base,
            events: Vec::new(),
            lines: Vec::new(),
        })
    }

    /// The order of an event, as TeleCloud has it.
    pub(super) fn settled(&self, event: usize, telecloud: &FakeTelecloud) -> bool {
        let event = &self.events[event];
        event.settled(telecloud.order(&event.order).as_ref())
    }

    /// Makes one more event, which is not posted yet, and gives its position.
    pub(super) fn make(&mut self, telecloud: &FakeTelecloud) -> usize {
        let event = match self.numbers.below(5) {
            0..2 => self.on_a_line(telecloud),
            _ => None,
        };
        let event = event.unwrap_or_else(|| self.new_line());
        if event.kind.creates() {
            telecloud.put_order(Order::new(&event.account, &event.order, ServiceStatus::Pending));
        }
        self.events.push(event);
        self.events.len() - 1
    }

    fn new_line(&mut self) -> Event {
        let position = self.events.len();
        let kind = match self.numbers.below(3) {
            0 => Kind::PortIn,
            _ => Kind::Activation,
        };
        let account = format!("{}", 91_000_000 + position);
        let (imei, iccid) = (imei(position), iccid(position));
        let mut fields = self.fields(kind, &account);
        fields.insert("VAR1".to_owned(), imei);
        fields.insert("VAR2".to_owned(), iccid.clone());
        let (trace, port) = match kind {
            Kind::PortIn => (format!("port-in {iccid}"), "YES"),
            _ => (format!("activation {iccid}"), "NO"),
        };
        fields.insert("VAR4".to_owned(), port.to_owned());
        if kind == Kind::PortIn {
            fields.insert("VAR5".to_owned(), "778899".to_owned());
            fields.insert("VAR6".to_owned(), "4321".to_owned());
            fields.insert("VAR8".to_owned(), ported(position));
        }
        let order = format!("L{position}ZU");
        // TeleCloud does not always say the number of a new order.
        if self.numbers.below(2) == 0 {
            fields.insert("order_number".to_owned(), order.clone());
        }
        let todo = self.todo();
        self.lines.push(Line {
            made: position,
            latest: position,
            suspended: false,
            todo,
        });
        let tenant = if self.numbers.below(2) == 0 {
            TENANTS[0]
        } else {
            TENANTS[1]
        };
        Event {
            tenant,
            kind,
            account,
            order,
            fields,
            trace,
            posts: Vec::new(),
        }
    }

    /// What is to be done on a new line, the last one first. Nothing comes twice, because the same event is the same event.
    fn todo(&mut self) -> Vec<Kind> {
        let all = [
            Kind::Cancel,
            Kind::TopUp,
            Kind::Restore,
            Kind::SwapDevice,
            Kind::Renewal,
            Kind::Suspend,
            Kind::SwapSim,
        ];
        all.into_iter().filter(|_| self.numbers.below(2) == 0).collect()
    }

    /// The next event on some line, if one is found that waits for nothing.
    fn on_a_line(&mut self, telecloud: &FakeTelecloud) -> Option<Event> {
        for _ in 0..TRIES.min(self.lines.len()) {
            let count = u64::try_from(self.lines.len()).ok()?;
            let at = usize::try_from(self.numbers.below(count)).ok()?;
            let line = &self.lines[at];
            let (made, latest) = (&self.events[line.made], &self.events[line.latest]);
            let order = telecloud.order(&made.order);
            let exists = made.done() || made.told(order.as_ref()) == Some(ServiceStatus::Active);
            if !self.settled(line.latest, telecloud) {
                continue;
            }
            let may_come = made.pending() && made.told(order.as_ref()).is_none();
            if !(exists || may_come) || line.todo.is_empty() {
                self.lines.swap_remove(at);
                continue;
            }
            // A port that is under way, or a line whose top-up is.
            let waits = latest.pending() && latest.told(telecloud.order(&latest.order).as_ref()).is_none();
            let Some(named) = named(made, order.as_ref()).filter(|_| exists && !waits) else {
                continue;
            };
            if latest.kind == Kind::Suspend && latest.done() {
                self.lines[at].suspended = true;
            }
            let line = &mut self.lines[at];
            let kind = line.todo.pop()?;
            if kind == Kind::Restore && !line.suspended {
                continue;
            }
            line.latest = self.events.len();
            let made = line.made;
            return Some(self.next_of(made, kind, named));
        }
        None
    }

    fn next_of(&mut self, made: usize, kind: Kind, named: Named) -> Event {
        let position = self.events.len();
        let made = &self.events[made];
        let (tenant, account) = (made.tenant, made.account.clone());
        let (order, parent) = match kind {
            Kind::TopUp => (format!("T{position}ZU"), Some(made.order.clone())),
            _ => (made.order.clone(), None),
        };
        let mut fields = self.fields(kind, &account);
        fields.insert("order_number".to_owned(), order.clone());
        let line = match named {
            Named::ByOrder(number) => number,
            Named::ByVar(index, value) => {
                fields.insert(format!("VAR{index}"), value.clone());
                value
            }
        };
        let mut set = |name: &str, value: &str| fields.insert(name.to_owned(), value.to_owned());
        let trace = match kind {
            Kind::TopUp => {
                set("CARRIER_PRODUCT_ID", "DATA-1GB");
                set("parent_order_number", &parent.unwrap_or_default());
                format!("top-up {line}")
            }
            Kind::Suspend => {
                let states = ["SUSPENDED", "NON-PAY"];
                set("NEW_STATE", states[position % states.len()]);
                format!("status {line} SUSPENDED")
            }
            Kind::Restore => {
                set("NEW_STATE", "ACTIVE");
                format!("status {line} ACTIVE")
            }
            Kind::SwapSim => {
                set("VAR2", &iccid(position));
                format!("sim {line} {}", iccid(position))
            }
            Kind::SwapDevice => {
                set("VAR1", &imei(position));
                format!("device {line} {}", imei(position))
            }
            Kind::Renewal => format!("renewal {line}"),
            Kind::Cancel => format!("cancel {line}"),
            Kind::Activation | Kind::PortIn => unreachable!("a line is made once"),
        };
        Event {
            tenant,
            kind,
            account,
            order,
            fields,
            trace,
            posts: Vec::new(),
        }
    }

    fn fields(&self, kind: Kind, account: &str) -> Fields {
        let mut fields = self.base.clone();
        fields.insert("SERVICE".to_owned(), kind.service().to_owned());
        fields.insert("Customer[account_number]".to_owned(), account.to_owned());
        fields
    }
}

/// How an event says which line it is about.
enum Named {
    /// The carrier knows it by the number of its order.
    ByOrder(String),
    /// By a VAR.
    ByVar(u8, String),
}

/// The line's name, once it is known: an order whose number was sent, else the carrier's own id, else its number.
fn named(made: &Event, order: Option<&Order>) -> Option<Named> {
    if made.fields.contains_key("order_number") {
        return Some(Named::ByOrder(made.order.clone()));
    }
    if let Some(number) = made.fields.get("VAR8") {
        return Some(Named::ByVar(3, number.clone()));
    }
    let answered = made.posts.iter().find_map(|post| match &post.answer {
        Answer::Done(id) => id.clone(),
        _ => None,
    });
    let told = || order?.vars.get(&14).cloned();
    Some(Named::ByVar(14, answered.or_else(told)?))
}

fn imei(number: usize) -> String {
    checked(format!("35{number:012}"))
}

fn iccid(number: usize) -> String {
    checked(format!("890126{number:012}"))
}

/// The number to be ported.
fn ported(number: usize) -> String {
    format!("30{number:08}")
}

/// These digits and the one that checks them: from the right, every second one counts twice, and all add up to a ten.
fn checked(mut digits: String) -> String {
    let doubled = |value: u32| value * 2 / 10 + value * 2 % 10;
    let values = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = values
        .enumerate()
        .map(|(place, value)| if place % 2 == 0 { doubled(value) } else { value })
        .sum();
    digits += &((10 - sum % 10) % 10).to_string();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_the_textbook() {
        assert_eq!(checked("7992739871".to_owned()), "79927398713");
        assert_eq!(checked("49015420323751".to_owned()), "490154203237518");
        assert_eq!(checked("890126000000000001".to_owned()), "8901260000000000014");
    }
}
