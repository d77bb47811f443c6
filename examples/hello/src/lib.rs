//! The smallest module that serves: it activates nothing and says so under an id of its own.

use patchbay_module::{Answer, Module, Order, Outcome};

struct Hello;

impl Module for Hello {
    /// Answers with the call's id as VAR13, the activation id.
    fn create(order: &Order) -> Outcome {
        Ok(Answer::done().var(13, order.call_id()))
    }
}

patchbay_module::export!(Hello);

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_module::Failure;
    use patchbay_module::testing::{CALL_ID, Event, Gateway};

    #[test]
    fn an_order_is_answered_with_the_id_of_its_call() {
        let run = Gateway::new().run::<Hello>(Event::create());
        assert_eq!(run.outcome, Ok(Answer::done().var(13, CALL_ID)));
        assert!(run.requests.is_empty());
    }

    #[test]
    fn everything_else_is_refused() {
        let run = Gateway::new().run::<Hello>(Event::swap());
        assert_eq!(run.outcome, Err(Failure::rejected("Unsupported SERVICE: Order/Swap")));
    }
}
