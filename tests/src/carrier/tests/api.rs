use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use reqwest::Method;
use serde_json::{Value, json};

use super::{activate, activate_under, activated, ask, carrier, client, error, new_line, status_and_json};
use crate::carrier::requests::Carrier;
use crate::carrier::{Change, Line, LineStatus, Numbers, TOKEN};
use crate::peer::{Party, lock};

#[tokio::test]
async fn activations_count_up_from_the_first_numbers() {
    let carrier = carrier().await;
    assert_eq!(activate(&carrier).await, (201, activated()));
    let second = json!({"activation_id": "A-1002", "subscriber_id": "S-2002", "mdn": "2025550144"});
    assert_eq!(activate(&carrier).await, (201, second));
    let line = carrier.line("S-2001").expect("the first line");
    assert_eq!(
        (line.plan.as_str(), line.imei.as_str(), line.iccid.as_str(), line.status),
        (
            "VZW-15GB-UNLTT",
            "356938035643809",
            "8901260000000000014",
            LineStatus::Active
        )
    );
}

#[tokio::test]
async fn a_test_sets_the_next_numbers() {
    let carrier = carrier().await;
    carrier.set_numbers(Numbers {
        activation: 7,
        subscriber: 8,
        mdn: 2_025_550_199,
        renewal: 9,
    });
    let expected = json!({"activation_id": "A-7", "subscriber_id": "S-8", "mdn": "2025550199"});
    assert_eq!(activate(&carrier).await, (201, expected));
    assert_eq!(
        ask(&carrier, Method::POST, "/v1/lines/S-8/renewals", json!({"plan": "P"})).await,
        (201, json!({"renewal_id": "R-9"}))
    );
}

#[tokio::test]
async fn every_request_is_seen_as_it_was_sent() {
    let carrier = carrier().await;
    activate(&carrier).await;
    ask(&carrier, Method::GET, "/v1/lines/S-2001?verbose=1", Value::Null).await;
    let [first, second] = carrier.requests().try_into().expect("two requests");
    assert_eq!(
        (first.method.as_str(), first.path.as_str()),
        ("POST", "/v1/activations")
    );
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("x-absent"), None);
    assert_eq!((&first.json, first.authorized), (&new_line(), true));
    assert_eq!(
        (second.method.as_str(), second.path.as_str()),
        ("GET", "/v1/lines/S-2001?verbose=1")
    );
    assert_eq!((second.json, second.body.len()), (Value::Null, 0));
    assert_eq!(carrier.connections(), 2);
}

#[tokio::test]
async fn a_request_without_the_right_token_has_no_effect() {
    let carrier = carrier().await;
    for token in [None, Some("carrier-token-of-the-test"), Some("")] {
        let mut request = client()
            .post(format!("{}/v1/activations", carrier.url()))
            .json(&new_line());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = status_and_json(request.send().await.expect("an answer")).await;
        assert_eq!(
            answer,
            (401, error("UNAUTHORIZED", "the token is missing or wrong")),
            "{token:?}"
        );
    }
    assert!(carrier.requests().iter().all(|request| !request.authorized));
    assert_eq!(carrier.history(), []);
}

#[tokio::test]
async fn the_same_idempotency_key_has_one_effect_and_one_answer() {
    let carrier = carrier().await;
    assert_eq!(activate_under(&carrier, "one", &new_line()).await, (201, activated()));
    assert_eq!(activate_under(&carrier, "one", &new_line()).await, (201, activated()));
    assert_eq!(carrier.history(), [("A-1001".to_owned(), Change::Activated)]);

    let mut other = new_line();
    other["plan"] = json!("ANOTHER");
    let reused = error("IDEMPOTENCY_KEY_REUSED", "another request had this Idempotency-Key");
    assert_eq!(activate_under(&carrier, "one", &other).await, (422, reused));
    assert_eq!(carrier.history().len(), 1);

    let (_, second) = activate_under(&carrier, "two", &new_line()).await;
    assert_eq!(second["activation_id"], "A-1002");
}

/// Holds the turn that each request has to take, so that both are certain to be there before either has had its effect.
#[tokio::test]
async fn equal_requests_at_once_have_one_effect() {
    let carrier = Arc::new(Carrier::new(TOKEN));
    let turn = carrier.turn.lock().await;
    let posts = [(), ()].map(|()| {
        let carrier = Arc::clone(&carrier);
        let body = Bytes::from(new_line().to_string());
        let asked = Request::post("/v1/activations")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "one");
        let (parts, ()) = asked.body(()).expect("a request").into_parts();
        tokio::spawn(async move {
            let mut received = carrier.read(&parts, &body);
            carrier.act(&mut received, parts, body).await
        })
    });
    // Lets each of them run as far as it can: there is one thread.
    tokio::task::yield_now().await;
    assert_eq!(lock(&carrier.book).history, [], "neither acts out of turn");
    drop(turn);
    for post in posts {
        assert_eq!(post.await.expect("no panic").status.as_u16(), 201);
    }
    assert_eq!(lock(&carrier.book).history.len(), 1);
}

#[tokio::test]
async fn a_line_is_found_by_each_of_its_names() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    for name in ["S-2000", "2025550142", "4617ZU4617"] {
        let (status, body) = ask(&carrier, Method::GET, &format!("/v1/lines/{name}"), Value::Null).await;
        assert_eq!((status, &body["mdn"]), (200, &json!("2025550142")), "{name}");
    }
    let missing = error("LINE_NOT_FOUND", "no line A-1000");
    assert_eq!(
        ask(&carrier, Method::GET, "/v1/lines/A-1000", Value::Null).await,
        (404, missing)
    );
}

#[tokio::test]
async fn of_two_lines_of_one_name_the_newest_that_exists_is_meant() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    activate(&carrier).await;
    for expected in ["2025550143", "2025550142"] {
        let (_, line) = ask(&carrier, Method::GET, "/v1/lines/4617ZU4617", Value::Null).await;
        assert_eq!(line["mdn"], expected);
        let (status, _) = ask(&carrier, Method::DELETE, "/v1/lines/4617ZU4617", Value::Null).await;
        assert_eq!(status, 204);
    }
}

#[tokio::test]
async fn a_line_goes_through_its_life() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    let suspend = json!({"status": "SUSPENDED", "reason": "non-payment"});
    let restore = json!({"status": "ACTIVE"});
    let empty = json!({});
    let plan = |plan: &str| json!({"plan": plan});
    let steps = [
        (
            Method::PUT,
            "/status",
            suspend.clone(),
            200,
            json!({"status": "SUSPENDED"}),
        ),
        (
            Method::PUT,
            "/status",
            suspend,
            409,
            error("ALREADY_IN_STATE", "already suspended"),
        ),
        (
            Method::PUT,
            "/status",
            restore.clone(),
            200,
            json!({"status": "ACTIVE"}),
        ),
        (
            Method::PUT,
            "/status",
            restore,
            409,
            error("ALREADY_IN_STATE", "already active"),
        ),
        (
            Method::PUT,
            "/sim",
            json!({"iccid": "8901260000000000022"}),
            200,
            empty.clone(),
        ),
        (
            Method::PUT,
            "/device",
            json!({"imei": "490154203237518"}),
            200,
            empty.clone(),
        ),
        (Method::PUT, "/password", json!({"password": "4321"}), 200, empty),
        (
            Method::PUT,
            "/password",
            json!({"password": "432"}),
            422,
            error("BAD_PASSWORD", "a password has 4 to 64 characters"),
        ),
        (
            Method::POST,
            "/renewals",
            plan("NEXT"),
            201,
            json!({"renewal_id": "R-3001"}),
        ),
        (
            Method::POST,
            "/top-ups",
            plan("DATA-1GB"),
            201,
            json!({"balance": "8.00"}),
        ),
        (
            Method::POST,
            "/top-ups",
            plan("DATA-1GB"),
            201,
            json!({"balance": "16.00"}),
        ),
    ];
    for (method, path, body, status, answer) in steps {
        let path = format!("/v1/lines/4617ZU4617{path}");
        let found = ask(&carrier, method, &path, body.clone()).await;
        assert_eq!(found, (status, answer), "{path} {body}");
    }
    let (_, line) = ask(&carrier, Method::GET, "/v1/lines/4617ZU4617", Value::Null).await;
    let expected = json!({
        "activation_id": "A-1000", "subscriber_id": "S-2000", "mdn": "2025550142", "reference": "4617ZU4617",
        "plan": "NEXT", "imei": "490154203237518", "iccid": "8901260000000000022",
        "status": "ACTIVE", "suspended_for": null, "balance": "16.00",
    });
    assert_eq!(line, expected);

    let path = "/v1/lines/4617ZU4617";
    assert_eq!(
        ask(&carrier, Method::DELETE, path, Value::Null).await,
        (204, Value::Null)
    );
    let missing = error("LINE_NOT_FOUND", "no line 4617ZU4617");
    assert_eq!(
        ask(&carrier, Method::DELETE, path, Value::Null).await,
        (404, missing.clone())
    );
    assert_eq!(ask(&carrier, Method::GET, path, Value::Null).await, (404, missing));
    assert_eq!(
        carrier.line("4617ZU4617").map(|line| line.status),
        Some(LineStatus::Cancelled)
    );

    let changes: Vec<Change> = carrier.history().into_iter().map(|(_, change)| change).collect();
    let top_up = || Change::ToppedUp("DATA-1GB".to_owned());
    let expected = [
        Change::Suspended,
        Change::Restored,
        Change::SimSwapped("8901260000000000022".to_owned()),
        Change::DeviceSwapped("490154203237518".to_owned()),
        Change::PasswordChanged,
        Change::Renewed("NEXT".to_owned()),
        top_up(),
        top_up(),
        Change::Cancelled,
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn a_suspended_line_may_get_another_reason() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617").suspended());
    let already = || (409, error("ALREADY_IN_STATE", "already suspended"));
    let suspended = || (200, json!({"status": "SUSPENDED"}));
    let steps = [
        (Value::Null, already(), None),
        (json!("NON-PAY"), suspended(), Some("NON-PAY")),
        (json!("NON-PAY"), already(), Some("NON-PAY")),
        (json!("lost"), suspended(), Some("lost")),
        (Value::Null, suspended(), None),
        (json!("NON-PAY"), suspended(), Some("NON-PAY")),
    ];
    for (reason, answer, expected) in steps {
        let body = json!({"status": "SUSPENDED", "reason": reason});
        assert_eq!(
            ask(&carrier, Method::PUT, "/v1/lines/4617ZU4617/status", body).await,
            answer
        );
        let (_, line) = ask(&carrier, Method::GET, "/v1/lines/4617ZU4617", Value::Null).await;
        assert_eq!(
            (&line["status"], &line["suspended_for"]),
            (&json!("SUSPENDED"), &json!(expected))
        );
    }
    let restore = json!({"status": "ACTIVE", "reason": "paid"});
    ask(&carrier, Method::PUT, "/v1/lines/4617ZU4617/status", restore).await;
    let line = carrier.line("4617ZU4617").expect("the line");
    assert_eq!((line.status, line.suspended_for), (LineStatus::Active, None));

    let changes: Vec<Change> = carrier.history().into_iter().map(|(_, change)| change).collect();
    let for_reason = |reason: &str| Change::SuspendedFor(Some(reason.to_owned()));
    let expected = [
        for_reason("NON-PAY"),
        for_reason("lost"),
        Change::SuspendedFor(None),
        for_reason("NON-PAY"),
        Change::Restored,
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn a_malformed_body_is_a_422_and_has_no_effect() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("4617ZU4617"));
    let mut without_plan = new_line();
    without_plan.as_object_mut().expect("an object").remove("plan");
    let mut misspelt = new_line();
    misspelt["refrence"] = json!("4617ZU4617");
    let rows = [
        ("no plan", Method::POST, "/v1/activations", without_plan),
        (
            "a field that the API does not have",
            Method::POST,
            "/v1/activations",
            misspelt,
        ),
        (
            "a number for a text",
            Method::PUT,
            "/v1/lines/4617ZU4617/sim",
            json!({"iccid": 8}),
        ),
        ("no port", Method::POST, "/v1/port-ins", new_line()),
        (
            "a state that is not the caller's to set",
            Method::PUT,
            "/v1/lines/4617ZU4617/status",
            json!({"status": "CANCELLED"}),
        ),
        ("no body", Method::POST, "/v1/lines/4617ZU4617/renewals", Value::Null),
    ];
    for (what, method, path, body) in rows {
        let (status, answer) = ask(&carrier, method, path, body).await;
        assert_eq!((status, &answer["error"]["code"]), (422, &json!("MALFORMED")), "{what}");
    }
    assert_eq!(carrier.history(), []);
}

#[tokio::test]
async fn what_the_api_does_not_have_is_an_error_of_its_own_form() {
    let carrier = carrier().await;
    let nothing = error("NOT_FOUND", "there is nothing here");
    assert_eq!(
        ask(&carrier, Method::GET, "/v2/lines", Value::Null).await,
        (404, nothing)
    );
    let not_so = error("METHOD_NOT_ALLOWED", "this cannot be done here");
    assert_eq!(
        ask(&carrier, Method::PATCH, "/v1/lines/1", Value::Null).await,
        (405, not_so)
    );
}
