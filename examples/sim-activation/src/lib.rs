//! Mobile lines at a carrier with a REST API: the module that an integrator copies and changes.
//!
//! One file per thing that can be ordered. `carrier.rs` is the only one that knows how the carrier is spoken to, and
//! `CARRIER.md` describes its API. The VARs are those of the sample product group:
//!
//! | VAR | meaning | | VAR | meaning |
//! |---|---|---|---|---|
//! | 1 | IMEI | | 7 | SSN or tax id |
//! | 2 | ICCID | | 8 | number to port |
//! | 3 | MDN | | 12 | cash balance |
//! | 4 | port a number in: YES or NO | | 13 | activation id |
//! | 5 | account number at the other carrier | | 14 | subscriber id |
//! | 6 | PIN or password there | | 15 | port status |

mod activation;
mod cancellation;
mod carrier;
mod identifier;
mod line;
mod password;
mod plan;
mod port_in;
mod reconcile;
mod renewal;
mod service_status;
mod swap;
mod top_up;

use patchbay_module::{
    Callback, Completion, Failure, Finding, Module, Notice, Order, Outcome, Progress, Reconcile, Suspension,
};

/// The module.
pub struct SimActivation;

impl Module for SimActivation {
    /// A new line, a number ported in, or an add-on to a line that is there.
    fn create(order: &Order) -> Outcome {
        if order.parent_order_number().is_some() {
            return top_up::top_up(order);
        }
        match order.var(4) {
            Some(port) if port.eq_ignore_ascii_case("YES") => port_in::port_in(order),
            Some(port) if !port.eq_ignore_ascii_case("NO") => Err(Failure::rejected(format!(
                "VAR4 (Number_Port) must be YES or NO: {port}"
            ))),
            _ => activation::activate(order),
        }
    }

    fn replenish(order: &Order) -> Outcome {
        renewal::renew(order)
    }

    fn suspend(order: &Order, why: Suspension) -> Outcome {
        service_status::suspend(order, why)
    }

    fn restore(order: &Order) -> Outcome {
        service_status::restore(order)
    }

    fn swap(order: &Order) -> Outcome {
        swap::swap(order)
    }

    fn cancel(order: &Order) -> Outcome {
        cancellation::cancel(order)
    }

    fn change_password(order: &Order) -> Outcome {
        password::change(order)
    }
}

/// Only a port stays pending. Its state is the carrier's activation id.
impl Completion for SimActivation {
    fn check(_: &Order, state: &str) -> Result<Progress, String> {
        port_in::check(state)
    }

    fn receive(callback: &Callback) -> Result<Vec<Notice>, String> {
        port_in::receive(callback)
    }
}

impl Reconcile for SimActivation {
    fn find(order: &Order) -> Result<Finding, String> {
        reconcile::find(order)
    }
}

patchbay_module::export!(SimActivation: completion, reconcile);
