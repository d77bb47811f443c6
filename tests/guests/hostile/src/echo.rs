//! Showing what a module can see.
//!
//! | VAR | holds |
//! |---|---|
//! | 1 | SERVICE |
//! | 2 | the call's id |
//! | 3 | the account number |
//! | 4 | the order number |
//! | 5 | the parent order number |
//! | 6 | CARRIER_PRODUCT_ID |
//! | 7 | every setting, as `key=value` joined by `;` |
//! | 8 | the placeholder of the secret that the setting `secret` names |
//! | 9 | every VAR of the event, as `number=value` joined by `;` |

use patchbay_module::{Answer, Order, Outcome, config, log};

pub(crate) fn echo(order: &Order) -> Outcome {
    if let Some(json) = order.document().json("") {
        log::info(json);
    }
    let settings = config::all().into_iter().map(|(key, value)| format!("{key}={value}"));
    let vars = order.vars().map(|(index, value)| format!("{index}={value}"));
    let mut answer = Answer::done()
        .var(1, order.service())
        .var(2, order.call_id())
        .var(3, order.account_number().unwrap_or_default())
        .var(4, order.order_number().unwrap_or_default())
        .var(5, order.parent_order_number().unwrap_or_default())
        .var(6, order.carrier_product_id().unwrap_or_default())
        .var(7, settings.collect::<Vec<_>>().join(";"))
        .var(9, vars.collect::<Vec<_>>().join(";"));
    if let Some(name) = config::get("secret") {
        answer = answer.var(8, config::secret(&name)?);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use crate::Hostile;
    use patchbay_module::log::Level;
    use patchbay_module::testing::{Event, Gateway};
    use patchbay_module::{Answer, Failure};

    #[test]
    fn echo_logs_the_documents() {
        let document = "{\"Customer\":{\"first_name\":\"Avery\"}}";
        let run = Gateway::new()
            .config("mode", "echo")
            .run::<Hostile>(Event::create().document(document.parse().expect("JSON")));
        assert!(run.outcome.is_ok_and(|answer| answer != Answer::done()));
        assert_eq!(run.log, [(Level::Info, document.to_owned())]);
    }

    #[test]
    fn a_mode_that_there_is_not_is_refused() {
        let run = Gateway::new().run::<Hostile>(Event::create().var(1, "dance"));
        assert_eq!(run.outcome, Err(Failure::rejected("No such mode: dance")));
    }
}
