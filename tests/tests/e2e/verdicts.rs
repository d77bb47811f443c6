//! What TeleCloud is told, when a module's word and what the gateway saw are two things.

use std::time::Duration;

use patchbay_tests::carrier::{Behaviour, Delivery, FakeCarrier, Reply, StatusCode};
use serde_json::{Value, json};

use super::stage::{MODULE, Stage, TENANT, assert_failed, assert_open, assert_succeeded, detail_of, fields_of, grant};

const UNREACHABLE: &str = "Carrier Error: carrier unreachable, nothing was changed. Please retry.";
const UNKNOWN: &str = "Carrier Error: outcome unknown and being checked. Do not send this order again yet.";
const FAILED: &str = "Module Error: the module failed, nothing was changed. Ask the integrator to look at the call.";

/// Something was done, as far as the carrier says.
fn created() -> Behaviour {
    Behaviour::answer(Reply::new(StatusCode::CREATED, "application/json", "{}"))
}

/// The one exchange of a call, of which the record has only one.
#[track_caller]
fn only_exchange(call: &Value) -> &Value {
    assert_eq!(call["exchanges"].as_array().map(Vec::len), Some(1), "{call:#}");
    &call["exchanges"][0]
}

#[tokio::test]
async fn a_carrier_that_refuses_connections_was_not_reached() {
    let stage = Stage::with_sim_activation().await;
    stage.carrier.refuse_connections().await;
    assert_failed(&stage.activate().await, UNREACHABLE);
    let call = stage.call().await;
    let url = format!("{}/v1/activations", stage.carrier.url());
    assert_eq!(
        detail_of(&call, "unreachable"),
        format!("POST {url}: the connection was refused")
    );
    let exchange = only_exchange(&call);
    assert_eq!(exchange["end"]["result"], "not-sent");
    assert_eq!(
        (&exchange["request"]["url"], &exchange["grant"]),
        (&json!(url), &json!("orders"))
    );
}

#[tokio::test]
async fn a_request_that_no_grant_allows_names_the_grant_that_is_missing() {
    let stage = Stage::with_sim_activation().await;
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}/grants");
    stage.gateway.admin().put(&path, json!([])).await.expect("set");
    assert_failed(&stage.activate().await, UNREACHABLE);
    let call = stage.call().await;
    detail_of(&call, "unreachable");
    let port = stage.carrier.address().port();
    assert_eq!(
        only_exchange(&call)["end"],
        json!({
            "result": "denied",
            "reason": format!(
                "no grant allows POST http://127.0.0.1:{port}/v1/activations during create: add a grant with scheme \"http\", \
                 host \"127.0.0.1\", port {port}, method \"POST\" and a path that matches \"/v1/activations\""
            ),
        })
    );
    stage.assert_carrier_untouched();
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_effect_leaves_the_outcome_unknown() {
    let stage = Stage::empty(&[]).await;
    let mut module = stage.that_cannot_find_out();
    module.limits = json!({ "response_bytes": 64 << 10 });
    stage.deploy(module).await;
    let closed = "the carrier closed the connection without an answer";
    let broken_off = "the carrier's answer broke off before its end";
    let rows = [
        ("closed without an answer", Delivery::Closed, closed),
        ("reset after the request", Delivery::Reset, closed),
        ("broken off", Delivery::Declared(1_000), broken_off),
        (
            "too large",
            Delivery::Flood(1 << 20),
            "the carrier's answer is larger than 65536 bytes, the module's limit",
        ),
        (
            "announced as too large",
            Delivery::Declared(1 << 30),
            "the carrier's answer is larger than 65536 bytes, the module's limit",
        ),
    ];
    for (name, delivery, reason) in rows {
        stage.carrier.reset().await.expect("the carrier starts again");
        stage.carrier.next(Behaviour::normal().delivered(delivery));
        let posted = stage.activate_as(name).await;
        assert_eq!(stage.carrier.history().len(), 1, "{name}: it did happen");
        assert_open(&posted);
        let call = stage.call().await;
        detail_of(&call, "unknown");
        let end = json!({ "result": "no-answer", "reason": reason });
        assert_eq!(only_exchange(&call)["end"], end, "{name}");
        assert_eq!(stage.carrier.requests().len(), 1, "{name}: nothing is sent twice");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_reliable_leaves_the_outcome_unknown() {
    let stage = Stage::empty(&[]).await;
    stage.deploy(stage.that_cannot_find_out()).await;
    let status = |status| Behaviour::normal().delivered(Delivery::Replaced(Reply::error(status, "OOPS", "oops")));
    let rows = [
        ("500", status(StatusCode::INTERNAL_SERVER_ERROR), 500),
        ("502", status(StatusCode::BAD_GATEWAY), 502),
        ("503", status(StatusCode::SERVICE_UNAVAILABLE), 503),
        (
            "cut by its own length",
            Behaviour::normal().delivered(Delivery::Declared(5)),
            201,
        ),
    ];
    for (name, behaviour, answered) in rows {
        stage.carrier.reset().await.expect("the carrier starts again");
        stage.carrier.next(behaviour);
        let posted = stage.activate_as(name).await;
        assert_eq!(stage.carrier.history().len(), 1, "{name}: it did happen");
        assert_open(&posted);
        let call = stage.call().await;
        let detail = detail_of(&call, "unknown");
        assert!(detail.starts_with("POST http://127.0.0.1:"), "{name}: {detail}");
        assert_eq!(only_exchange(&call)["end"]["response"]["status"], answered, "{name}");
        assert_eq!(stage.carrier.requests().len(), 1, "{name}: nothing is sent twice");
    }
}

#[tokio::test]
async fn a_carrier_that_never_answers_leaves_the_outcome_unknown_when_its_grant_runs_out() {
    let stage = Stage::empty(&[]).await;
    let mut module = stage.that_cannot_find_out();
    module.grants[0]["timeout_ms"] = json!(1_000);
    stage.deploy(module).await;
    stage.carrier.next(Behaviour::normal().delivered(Delivery::Never));
    assert_open(&stage.activate().await);
    let call = stage.call().await;
    let detail = detail_of(&call, "unknown");
    assert!(detail.ends_with("/v1/activations: no answer in time"), "{detail}");
    let end = json!({ "result": "no-answer", "reason": "the carrier did not begin to answer in time" });
    assert_eq!(only_exchange(&call)["end"], end);
    assert_eq!(stage.carrier.history().len(), 1, "it did happen");
}

#[tokio::test]
async fn a_deadline_that_passes_while_the_carrier_acts_leaves_the_outcome_unknown() {
    let stage = Stage::empty(&[]).await;
    let module = stage.that_cannot_find_out();
    stage.deploy(module).await;
    // Enough to get the request out, however busy the machine is.
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let hasty = json!({ "limits": { "deadline_ms": 2_000 }, "handling": { "overtime_ms": 100 } });
    stage.gateway.admin().put(&path, hasty).await.expect("set");
    // The first byte is there at once, and the last would be hours later.
    let drip = Delivery::Drip(Duration::from_secs(60));
    stage.carrier.next(Behaviour::normal().delivered(drip));
    assert_open(&stage.activate().await);
    // It goes on for as long as it may, in the background, and that is over soon as well.
    let over = async {
        loop {
            let call = stage.call().await;
            if call["outcome"] == "unknown" {
                return call;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let call = tokio::time::timeout(Duration::from_secs(60), over)
        .await
        .expect("it ends");
    assert_eq!(call["told"]["reply"]["pending"], true);
    assert_eq!(only_exchange(&call)["end"]["result"], "no-answer");
    assert_eq!(stage.carrier.history().len(), 1, "it did happen");
}

#[tokio::test]
async fn a_second_step_that_is_refused_does_not_undo_the_first() {
    let stage = Stage::empty(&[]).await;
    let second = FakeCarrier::start().await.expect("a second carrier");
    second.refuse_connections().await;
    let steps = json!({ "mode": "two-step", "url": "/first", "second_url": format!("{}/second", second.url()) });
    for (number, read_only, outcome) in [("1ZU1", false, "unknown"), ("2ZU2", true, "unreachable")] {
        let mut module = stage.hostile(steps.clone(), json!({}));
        let mut first_grant = grant("first", &stage.carrier);
        first_grant["read_only"] = json!(read_only);
        module.grants = json!([first_grant, grant("second", &second)]);
        stage.deploy(module).await;
        stage.carrier.next(created());

        let posted = stage.activate_as(number).await;
        if read_only {
            assert_failed(&posted, UNREACHABLE);
        } else {
            assert_open(&posted);
        }
        let call = stage.call().await;
        let refused = format!("POST {}/second: the connection was refused", second.url());
        let expected = if read_only {
            refused
        } else {
            format!(
                "the module says the carrier was unreachable ({refused}), but POST {}/first, answered with 201 may have \
                 changed something there; if it cannot, mark its grant read_only",
                stage.carrier.url()
            )
        };
        assert_eq!(detail_of(&call, outcome), expected);
        assert_eq!(call["exchanges"][0]["end"]["response"]["status"], 201);
        assert_eq!(call["exchanges"][1]["end"]["result"], "not-sent");
        assert_eq!(call["usage"]["requests"], 2);
    }
}

#[tokio::test]
async fn a_claim_that_nothing_was_changed_is_believed_only_when_nothing_can_have_been() {
    let stage = Stage::empty(&[]).await;
    let lost = || created().delivered(Delivery::Closed);
    let rejected = || Behaviour::reject(StatusCode::UNPROCESSABLE_ENTITY, "NO", "no");
    let rows = [
        ("unreachable", created(), "unknown", None),
        ("unreachable", lost(), "unknown", None),
        ("unreachable", rejected(), "unreachable", Some(UNREACHABLE)),
        ("trap", created(), "unknown", None),
        ("trap", lost(), "unknown", None),
        ("trap", rejected(), "faulted", Some(FAILED)),
        ("var-21", created(), "unknown", None),
        ("var-21", rejected(), "faulted", Some(FAILED)),
        ("unknown", created(), "unknown", None),
    ];
    for (number, (claim, carrier, outcome, sentence)) in rows.into_iter().enumerate() {
        let settings = json!({ "mode": "claim", "claim": claim, "url": "/change" });
        stage.deploy(stage.hostile(settings, json!({}))).await;
        stage.carrier.next(carrier);
        let posted = stage.activate_as(&number.to_string()).await;
        match sentence {
            Some(sentence) => assert_failed(&posted, sentence),
            None => assert_open(&posted),
        }
        let call = stage.call().await;
        assert_ne!(detail_of(&call, outcome), "", "an operator is told why");
        assert_eq!(only_exchange(&call)["request"]["method"], "POST");
    }
}

#[tokio::test]
async fn an_unknown_outcome_of_nothing_is_known() {
    let stage = Stage::with_hostile(json!({ "mode": "claim", "claim": "unknown" }), json!({})).await;
    assert_failed(&stage.activate().await, UNREACHABLE);
    assert_eq!(
        detail_of(&stage.call().await, "unreachable"),
        "the module says the outcome is unknown (so it says), but no request of it got out"
    );
}

#[tokio::test]
async fn pending_is_an_answer_to_a_new_order_only() {
    let stage = Stage::with_hostile(json!({ "mode": "claim", "claim": "pending" }), json!({})).await;
    assert_succeeded(&stage.activate().await, "<STATUS>PENDING</STATUS><VAR13>A-1</VAR13>");
    detail_of(&stage.call().await, "pending");
    for (scenario, action) in [("cancel", "cancel"), ("swap-sim", "swap"), ("suspend", "set-status")] {
        assert_failed(&stage.post(&fields_of(scenario)).await, UNKNOWN);
        assert_eq!(
            detail_of(&stage.call().await, "unknown"),
            format!(
                "the module answered pending to {action}, which TeleCloud knows for Order/Create only; answer done or a \
                 failure"
            )
        );
    }
}

#[tokio::test]
async fn a_rejection_goes_out_in_the_modules_own_words() {
    let stage = Stage::with_hostile(json!({ "mode": "claim", "claim": "rejected" }), json!({})).await;
    assert_failed(&stage.activate().await, "so it says");
    assert_eq!(detail_of(&stage.call().await, "rejected"), "");
}
