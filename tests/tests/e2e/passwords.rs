//! A new password for the service of an order: the carrier gets it, and nobody else does.

use std::time::{Duration, Instant};

use patchbay_tests::carrier::{Behaviour, Change, Delivery, Reply, StatusCode};
use patchbay_tests::gateway::Answer;
use patchbay_tests::telecloud::{FakeTelecloud, Order, ServiceStatus};
use reqwest::Method;
use serde_json::{Value, json};

use super::masking::{assert_none_in, assert_nothing_is_left};
use super::stage::{MODULE, Stage, TENANT, assert_succeeded, detail_of, fields_of, grant, with};

const ORDER: &str = "4617ZU4617";
const ACCOUNT: &str = "9105012";

/// With what has to be escaped in JSON.
const PASSWORD: &str = "Zq81-\"correct/horse\"-Vw";

/// Long enough for a job that has nothing else to wait for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The example with an order that was activated, and every line in the log.
async fn stage() -> Stage {
    let stage = Stage::empty(&["--log", "info,patchbay=trace,hyper=trace"]).await;
    stage.deploy(stage.sim_activation()).await;
    activate(&stage).await;
    stage
}

async fn activate(stage: &Stage) {
    let posted = stage
        .post(&with(fields_of("activate"), &[("order_number", ORDER)]))
        .await;
    let vars = "<VAR3>2025550143</VAR3><VAR13>A-1001</VAR13><VAR14>S-2001</VAR14>";
    assert_succeeded(&posted, vars);
}

/// What is on record of the order.
async fn on_record(stage: &Stage) -> Value {
    let admin = stage.gateway.admin();
    let path = format!("/v1/tenants/{TENANT}/orders?account={ACCOUNT}");
    let mut listed = admin.get(&path).await.expect("a listing");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    listed["items"][0].take()
}

/// Changes the order's password; what comes back never has it in it.
async fn change(stage: &Stage, password: &str) -> Answer {
    let id = on_record(stage).await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/tenants/{TENANT}/orders/{id}/password");
    let body = json!({ "password": password });
    let answer = stage.gateway.admin().send(Method::POST, &path, Some(&body)).await;
    let answer = answer.expect("an answer");
    assert_none_in(answer.body.to_string().as_bytes(), &[password], "the API's answer");
    answer
}

/// It was refused so, for this reason.
#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, detail: &str) {
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &json!(code)));
    let said = answer.body["detail"].as_str().expect("a detail");
    assert!(said.contains(detail), "{said}");
}

#[tokio::test]
async fn the_carrier_gets_the_password_and_nobody_else() {
    let stage = stage().await;
    let changed = change(&stage, PASSWORD).await.ok().expect("changed");
    let line = stage.carrier.line(ORDER).expect("a line");
    assert_eq!(line.password.as_deref(), Some(PASSWORD));

    let call = stage.call().await;
    assert_eq!(call["id"], changed["call"]);
    assert_eq!(detail_of(&call, "done"), "asked for by platform admin");
    assert_eq!(call["event"]["service"], "Order/ChangePassword");
    assert_eq!(call["event"]["request"]["new_password"], "{{secret:new-password}}");
    let request = &call["exchanges"][0]["request"];
    assert_eq!(request["body"], "{\"password\":\"{{secret:new-password}}\"}");
    let order = on_record(&stage).await;
    assert_eq!((&order["last_call"], &order["state"]), (&call["id"], &json!("active")));
    assert_none_in(call.to_string().as_bytes(), &[PASSWORD], "the record");
    assert_none_in(order.to_string().as_bytes(), &[PASSWORD], "the record of the order");
    // There was nothing to tell TeleCloud.
    let jobs = stage.gateway.admin().jobs(TENANT).await.expect("a listing");
    assert_eq!(jobs, Vec::<Value>::new());
    assert_nothing_is_left(stage, &[PASSWORD]).await;
}

#[tokio::test]
async fn a_carrier_that_says_it_back_gives_nothing_away() {
    let stage = stage().await;
    let quoting = |status: StatusCode| {
        let quoted =
            json!({"error": {"code": "X", "message": format!("{PASSWORD} is too weak")}, "you_sent": PASSWORD});
        Behaviour::answer(Reply::new(status, "application/json", quoted.to_string()))
    };
    // With the status, code and detail of the answer, and how the call counts.
    let rows = [
        (
            quoting(StatusCode::UNPROCESSABLE_ENTITY),
            (409, "action-refused", "Carrier Error: *** is too weak"),
            "rejected",
        ),
        (
            quoting(StatusCode::TOO_MANY_REQUESTS),
            (502, "nothing-changed", "nothing was changed"),
            "unreachable",
        ),
        (
            quoting(StatusCode::INTERNAL_SERVER_ERROR),
            (504, "outcome-unknown", "Nothing is tried again by itself"),
            "unknown",
        ),
        (
            Behaviour::normal().delivered(Delivery::Closed),
            (504, "outcome-unknown", "Nothing is tried again by itself"),
            "unknown",
        ),
    ];
    for (behaviour, (status, code, detail), outcome) in rows {
        stage.carrier.next(behaviour);
        let asked = stage.carrier.requests().len();
        let answer = change(&stage, PASSWORD).await;
        assert_refused(&answer, status, code, detail);
        assert_eq!(stage.carrier.requests().len(), asked + 1, "asked once");
        let call = stage.call().await;
        let detail = detail_of(&call, outcome);
        assert!(detail.starts_with("asked for by platform admin"), "{detail}");
        assert_none_in(call.to_string().as_bytes(), &[PASSWORD], "the record");
    }
    // The answer of the last one was lost, and nobody tries again.
    let changes = stage.carrier.history();
    let changes = changes.iter().filter(|(_, change)| *change == Change::PasswordChanged);
    assert_eq!(changes.count(), 1);
    assert_eq!(stage.gateway.admin().jobs(TENANT).await.expect("a listing").len(), 0);
    assert_nothing_is_left(stage, &[PASSWORD]).await;
}

#[tokio::test]
async fn what_the_module_answers_is_told_without_the_password() {
    let stage = stage().await;
    let telecloud = FakeTelecloud::start().await.expect("TeleCloud starts");
    telecloud.put_order(Order::new(ACCOUNT, ORDER, ServiceStatus::Active));
    let set = stage.gateway.admin().set_telecloud(TENANT, &telecloud.url()).await;
    set.expect("access is set");
    // It answers the carrier's status as VAR1 and the carrier's words as VAR2.
    let settings = json!({
        "mode": "fetch", "method": "POST", "url": "/passwords", "secret": "new-password", "secret_in": "body",
    });
    let mut module = stage.hostile(settings, json!({}));
    let mut grant = grant("carrier", &stage.carrier);
    grant["secrets"] = json!(["new-password"]);
    module.grants = json!([grant]);
    stage.deploy(module).await;
    let version = json!({ "version": 2 });
    let active = format!("/v1/tenants/{TENANT}/modules/{MODULE}/active");
    stage.gateway.admin().put(&active, version).await.expect("activated");

    let says = format!("it is {PASSWORD} now");
    stage
        .carrier
        .next(Behaviour::answer(Reply::new(StatusCode::CREATED, "text/plain", says)));
    change(&stage, PASSWORD).await.ok().expect("changed");
    let requests = stage.carrier.requests();
    assert_eq!(requests.last().expect("a request").json, json!({ "token": PASSWORD }));

    let began = Instant::now();
    while telecloud.received().is_empty() {
        assert!(began.elapsed() < PATIENCE, "TeleCloud is told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let told = &telecloud.received()[0];
    assert_eq!(told.service_action, "Order/Update");
    let expected = [("VAR1", "201"), ("account_number", ACCOUNT), ("order_number", ORDER)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(told.fields.clone().into_iter().collect::<Vec<_>>(), expected);
    while !stage.gateway.admin().jobs(TENANT).await.expect("a listing").is_empty() {
        assert!(began.elapsed() < PATIENCE, "the job is over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(on_record(&stage).await["vars"]["1"], "201");
    let calls = stage.calls().await;
    let changed = calls.iter().find(|call| call["service"] == "Order/ChangePassword");
    let path = format!(
        "/v1/tenants/{TENANT}/calls/{}",
        changed.expect("a call")["id"].as_str().expect("an id")
    );
    let call = stage.gateway.admin().get(&path).await.expect("a call");
    let left_out = "asked for by platform admin; VAR2 of the answer had the password in it and was left out";
    assert_eq!(detail_of(&call, "done"), left_out);
    assert_eq!(call["after"][0]["what"], "TeleCloud was told");
    assert_none_in(call.to_string().as_bytes(), &[PASSWORD], "the record");
    assert_nothing_is_left(stage, &[PASSWORD]).await;
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_asked() {
    let stage = stage().await;
    let (admin, module) = (stage.gateway.admin(), format!("/v1/tenants/{TENANT}/modules/{MODULE}"));
    let asked = stage.carrier.requests().len();
    let refused = async |detail: &str| {
        let answer = change(&stage, PASSWORD).await;
        assert_refused(&answer, 409, "action-refused", detail);
    };

    let mut grants = stage.sim_activation().grants;
    for grant in grants.as_array_mut().expect("a list") {
        if grant["name"] == "passwords" {
            grant["actions"] = json!(["swap"]);
        }
    }
    admin.put(&format!("{module}/grants"), grants).await.expect("set");
    refused(
        "no grant of module acme/lines lets the secret \"new-password\" out during change-password: add \"new-password\" to \
         the secrets of the grant for the request that sets a password, and change-password to its actions if it names any",
    )
    .await;
    let grants = stage.sim_activation().grants;
    admin.put(&format!("{module}/grants"), grants).await.expect("set");

    let suspended = json!({"status": "suspended"});
    admin.put(&module, suspended).await.expect("suspended");
    refused("module acme/lines is suspended").await;
    admin.put(&module, json!({"status": "active"})).await.expect("resumed");

    admin.delete(&module).await.expect("removed");
    refused("module acme/lines, which was removed").await;
    admin.put(&module, json!({})).await.expect("made again");
    refused("module acme/lines has no active version").await;

    let order = format!("/v1/tenants/{TENANT}/orders/4QZ8T1W6S9E7R2B5N3M0K4H8GD/password");
    let none = admin
        .send(Method::POST, &order, Some(&json!({ "password": PASSWORD })))
        .await;
    assert_refused(
        &none.expect("an answer"),
        404,
        "order-not-found",
        "4QZ8T1W6S9E7R2B5N3M0K4H8GD",
    );
    assert_eq!(stage.carrier.requests().len(), asked);
    assert_eq!(stage.calls().await.len(), 1, "only the activation is a call");
}

#[tokio::test]
async fn a_request_that_goes_out_by_another_grant_says_which_one() {
    let stage = stage().await;
    let mut grants = stage.sim_activation().grants;
    // The grant for all that is done to lines comes first now.
    grants.as_array_mut().expect("a list").reverse();
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}/grants");
    stage.gateway.admin().put(&path, grants).await.expect("set");
    let answer = change(&stage, PASSWORD).await;
    let detail = "grant \"lines\" does not let secret \"new-password\" out: add it to the grant's secrets";
    assert_refused(&answer, 502, "nothing-changed", detail);
    let line = stage.carrier.line(ORDER).expect("a line");
    assert_eq!(line.password, None);
}

#[tokio::test]
async fn an_order_without_a_number_has_to_be_linked_first() {
    let stage = Stage::with_sim_activation().await;
    assert_succeeded(
        &stage.activate().await,
        "<VAR3>2025550143</VAR3><VAR13>A-1001</VAR13><VAR14>S-2001</VAR14>",
    );
    let answer = change(&stage, PASSWORD).await;
    assert_refused(&answer, 409, "action-refused", "link it first");
}
