use patchbay_module::testing::Event;
use patchbay_module::{Answer, Failure};
use serde_json::json;
use sim_activation::SimActivation;

use crate::{activation, answers, gateway};

fn port_in() -> Event {
    activation()
        .order_number("4617ZU4617")
        .var(4, "yes")
        .var(5, "778899")
        .var(6, "4321")
        .var(8, "2025550177")
}

#[test]
fn a_port_stays_pending_under_the_carriers_id() {
    let body = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let run = answers("POST", "/v1/port-ins", 202, body).run::<SimActivation>(port_in());
    let answer = Answer::pending("A-1002").var(13, "A-1002").var(15, "SUBMITTED");
    assert_eq!(run.outcome, Ok(answer));
    let sent = run.requests[0].body_json();
    assert_eq!(
        sent["port"],
        json!({ "number": "2025550177", "account_number": "778899", "pin": "4321" })
    );
    assert_eq!(sent["reference"], "4617ZU4617");
    assert_eq!(sent["plan"], "unlimited-15");
}

#[test]
fn a_tax_id_goes_along_where_there_is_one() {
    let body = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let run = answers("POST", "/v1/port-ins", 202, body).run::<SimActivation>(port_in().var(7, "12-3456789"));
    assert!(run.outcome.is_ok());
    assert_eq!(run.requests[0].body_json()["port"]["tax_id"], "12-3456789");
}

#[test]
fn a_port_without_its_particulars_is_refused_by_name() {
    for (index, text) in [
        (5, "VAR5 (Account_Number) is missing"),
        (6, "VAR6 (PIN_or_Password) is missing"),
        (8, "VAR8 (Number_to_Port) is missing"),
    ] {
        let run = gateway().run::<SimActivation>(port_in().var(index, ""));
        assert_eq!(run.outcome, Err(Failure::rejected(text)));
        assert!(run.requests.is_empty());
    }
}
