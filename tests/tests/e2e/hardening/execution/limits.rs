//! What is on record of the limits of a call.

use patchbay::domain::limits::Limits;
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{Deployment, Gateway};
use patchbay_tests::hostile::all;
use serde_json::{Value, json};

use crate::e2e::hostile::{MODULE, call, fetching};

const TENANT: &str = "acme";

/// What the guest POSTs: `{"call":"` and `"}` around the 26 characters of the call's id.
const POSTED_BYTES: u64 = 37;

/// Two POSTs, answered with 6 and with 9 bytes, under these limits; gives the record of the call.
async fn two_steps(limits: Value) -> Value {
    let gateway = Gateway::start().expect("the gateway starts");
    let carrier = FakeCarrier::start().await.expect("the carrier starts");
    for (path, body) in [("/first", "thanks"), ("/second", "thank you")] {
        carrier.always(path, Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", body)));
    }
    let second = format!("{}/second", carrier.url());
    let first = format!("{}/first", carrier.url());
    let mut module = fetching(&first, json!({ "second_url": second })).expect("the guest is built");
    module.config["mode"] = json!("two-step");
    module.limits = limits;
    gateway.admin().deploy(TENANT, MODULE, module).await.expect("deployed");
    call(&gateway, TENANT).await.expect("an answer");
    gateway.admin().newest_call(TENANT).await.expect("a call")
}

#[tokio::test]
async fn a_record_has_what_was_used_of_each_limit_beside_its_value() {
    let call = two_steps(json!({ "cpu_ms": 1_500 })).await;
    assert_eq!(call["outcome"], "done", "{call:#}");
    let usage = &call["usage"];
    let limits = Limits {
        cpu_ms: 1_500,
        ..Limits::default()
    };
    assert_eq!((&usage["limits"], &usage["hit"]), (&json!(limits), &Value::Null));
    let counted = [
        ("requests", 2),
        ("request_bytes", POSTED_BYTES),
        ("response_bytes", 9),
        ("sent_bytes", 2 * POSTED_BYTES),
        ("received_bytes", 6 + 9),
        ("host_call_bytes", POSTED_BYTES),
        ("log_bytes", 0),
        ("log_lines_dropped", 0),
    ];
    for (name, expected) in counted {
        assert_eq!(usage[name], expected, "{name}: {usage:#}");
    }
    let within = [
        ("cpu_micros", 1..1_500_000),
        ("memory_bytes", 64 << 10..64 << 20),
        // The event's documents, and for each request more than its headers, body and answer.
        ("handles", 4..100),
    ];
    for (name, range) in within {
        assert!(
            usage[name].as_u64().is_some_and(|used| range.contains(&used)),
            "{name}: {usage:#}"
        );
    }
}

#[tokio::test]
async fn a_limit_that_stood_in_the_way_of_a_request_is_marked() {
    let rows = [
        ("requests", 1),
        ("request_bytes", POSTED_BYTES - 1),
        ("response_bytes", 8),
        // Enough for the first request and its answer.
        ("traffic_bytes", 2 * POSTED_BYTES),
    ];
    for (name, most) in rows {
        let call = two_steps(json!({ name: most })).await;
        assert_eq!(call["usage"]["hit"], json!([name]), "{call:#}");
        assert_eq!(call["usage"]["limits"][name], most);
    }
}

#[tokio::test]
async fn the_limit_that_is_set_is_the_one_that_holds() {
    let gateway = Gateway::start().expect("the gateway starts");
    let hostile = all().expect("they can be read");
    let rows = [
        ("headers-many-held", json!({ "handles": 1_000 }), "done", Value::Null),
        (
            "headers-many-held",
            json!({ "handles": 800 }),
            "faulted",
            json!(["handles"]),
        ),
        (
            "answer-million-vars",
            json!({ "host_call_bytes": 64 << 20 }),
            "faulted",
            Value::Null,
        ),
        (
            "memory-declared",
            json!({ "memory_bytes": 81 << 20 }),
            "faulted",
            Value::Null,
        ),
        (
            "log-flood",
            json!({ "log_bytes": 1 << 20 }),
            "done",
            json!(["log_bytes"]),
        ),
        ("log-flood", json!({ "log_bytes": 0 }), "done", json!(["log_bytes"])),
    ];
    for (number, (name, limits, outcome, hit)) in rows.into_iter().enumerate() {
        let tenant = format!("t{number}");
        let found = hostile
            .iter()
            .find(|hostile| hostile.name == name)
            .expect("it is there");
        let deployment = Deployment {
            limits,
            ..Deployment::of(found.component.to_vec())
        };
        gateway
            .admin()
            .deploy(&tenant, MODULE, deployment)
            .await
            .expect("deployed");
        call(&gateway, &tenant).await.expect("an answer");
        let call = gateway.admin().newest_call(&tenant).await.expect("a call");
        let ended = (call["outcome"].clone(), call["usage"]["hit"].clone());
        assert_eq!(ended, (json!(outcome), hit), "{name}: {call:#}");
    }
}
