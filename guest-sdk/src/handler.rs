//! What every module exports.

use crate::bindings::patchbay::module::orders as wit;
use crate::host;
use crate::orders::{Document, Failure, Order, Outcome, Suspension};

/// A module: one method per action. What is not implemented is refused with `Unsupported SERVICE: …`.
///
/// There is no `self`, because each call runs in a fresh instance.
pub trait Module {
    /// Order/Create: activate a line, port a number in, or add something to [`Order::parent_order_number`].
    ///
    /// # Errors
    /// Why it was not done; see [`Failure`]. So for every method below.
    fn create(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// Order/Replenish: another cycle of the same plan.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn replenish(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// Order/Status to SUSPENDED or NON-PAY. A line that is suspended already is a success.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn suspend(order: &Order, why: Suspension) -> Outcome {
        let _ = why;
        unsupported(order)
    }

    /// Order/Status to ACTIVE. A line that is active already is a success.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn restore(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// Order/Swap: the SIM or the device changed. The VARs may be all of the order's or only those that changed.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn swap(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// Order/Cancel: end the service. Nothing to end at the carrier is a success.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn cancel(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// The customer has used up what was bought.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn usage_limit(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// An operator set a new password for the service. The module never sees it: `order.document().get("new_password")` is a
    /// placeholder, to be written where the password belongs, in a header's value, the query or the body of a request. The
    /// grant for that request has to list the secret `new-password`. VARs and account are those on record of the order.
    ///
    /// It is asked once, and [`Reconcile`](crate::Reconcile) is not asked about it: when the outcome is unknown, the operator
    /// decides.
    ///
    /// # Errors
    /// See [`Module::create`].
    fn change_password(order: &Order) -> Outcome {
        unsupported(order)
    }

    /// A SERVICE that none of the above is for; see [`Order::service`].
    ///
    /// # Errors
    /// See [`Module::create`].
    fn other(order: &Order) -> Outcome {
        unsupported(order)
    }
}

fn unsupported(order: &Order) -> Outcome {
    Err(Failure::rejected(format!("Unsupported SERVICE: {}", order.service())))
}

/// Hands one event to the method that it is for.
pub(crate) fn dispatch<M: Module>(order: &Order) -> Outcome {
    match order.action() {
        wit::Action::Create => M::create(order),
        wit::Action::Replenish => M::replenish(order),
        wit::Action::SetStatus(wit::ServiceStatus::Active) => M::restore(order),
        wit::Action::SetStatus(wit::ServiceStatus::Suspended) => M::suspend(order, Suspension::Requested),
        wit::Action::SetStatus(wit::ServiceStatus::NonPay) => M::suspend(order, Suspension::NonPayment),
        wit::Action::SetStatus(wit::ServiceStatus::Other(state)) => {
            Err(Failure::rejected(format!("Unsupported NEW_STATE: {state}")))
        }
        wit::Action::Swap => M::swap(order),
        wit::Action::Cancel => M::cancel(order),
        wit::Action::UsageLimit => M::usage_limit(order),
        wit::Action::ChangePassword => M::change_password(order),
        wit::Action::Other(_) => M::other(order),
    }
}

/// What the exported function does. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub fn handle<M: Module>(event: wit::Event, tree: host::Tree<'_>) -> Result<wit::Answer, wit::Failure> {
    host::begin();
    dispatch::<M>(&Order::new(event, Document::new(tree)))
        .map(Into::into)
        .map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;
    use crate::testing::{Event, Gateway};

    struct Bare;
    impl Module for Bare {}

    /// Says which of its methods was called.
    struct Parrot;
    impl Module for Parrot {
        fn create(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "create"))
        }
        fn replenish(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "replenish"))
        }
        fn suspend(_: &Order, why: Suspension) -> Outcome {
            Ok(Answer::done().var(1, format!("suspend {why:?}")))
        }
        fn restore(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "restore"))
        }
        fn swap(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "swap"))
        }
        fn cancel(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "cancel"))
        }
        fn usage_limit(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "usage_limit"))
        }
        fn change_password(_: &Order) -> Outcome {
            Ok(Answer::done().var(1, "change_password"))
        }
        fn other(order: &Order) -> Outcome {
            Ok(Answer::done().var(1, order.service()))
        }
    }

    #[test]
    fn each_action_reaches_its_method() {
        for (event, called) in [
            (Event::create(), "create"),
            (Event::replenish(), "replenish"),
            (Event::set_status("SUSPENDED"), "suspend Requested"),
            (Event::set_status("NON-PAY"), "suspend NonPayment"),
            (Event::set_status("ACTIVE"), "restore"),
            (Event::swap(), "swap"),
            (Event::cancel(), "cancel"),
            (Event::usage_limit(), "usage_limit"),
            (Event::change_password(), "change_password"),
            (Event::other("Order/Teleport"), "Order/Teleport"),
        ] {
            let run = Gateway::new().run::<Parrot>(event);
            assert_eq!(run.outcome, Ok(Answer::done().var(1, called)));
        }
    }

    #[test]
    fn what_a_module_does_not_implement_is_refused_by_name() {
        for (event, text) in [
            (Event::create(), "Unsupported SERVICE: Order/Create"),
            (Event::set_status("SUSPENDED"), "Unsupported SERVICE: Order/Status"),
            (Event::other("Order/Teleport"), "Unsupported SERVICE: Order/Teleport"),
        ] {
            let run = Gateway::new().run::<Bare>(event);
            assert_eq!(run.outcome, Err(Failure::rejected(text)));
        }
    }

    #[test]
    fn an_unknown_state_is_refused_before_any_method_is_called() {
        let run = Gateway::new().run::<Parrot>(Event::set_status("PAUSED"));
        assert_eq!(run.outcome, Err(Failure::rejected("Unsupported NEW_STATE: PAUSED")));
    }
}
