//! Posts that are no orders of this tenant.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use patchbay_tests::telecloud::{Encoding, Posted, post_body};
use reqwest::Body;
use serde_json::{Value, json};

use crate::e2e::stage::{After, Stage, assert_failed, detail_of, fields_of, with};

const WRONG_KEY: &str = "Module authentication failed";
const TOO_LARGE: &str = "The order could not be read: its body is too large";
const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// The newest call was refused before any module ran, for this reason.
async fn assert_refused(stage: &Stage, detail: &str) {
    let call = stage.call().await;
    assert_eq!(detail_of(&call, "refused"), detail);
    assert_eq!(call["exchanges"], json!([]));
    assert_eq!(call["log"], json!([]));
    assert_eq!(call["usage"], json!(patchbay::domain::call::Usage::default()));
    stage.assert_carrier_untouched();
}

async fn post(stage: &Stage, content_type: Option<&str>, body: impl Into<Body>) -> Posted {
    let posted = post_body(&stage.client, &stage.url(), content_type, body).await;
    posted.expect("a whole answer")
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_told_to_nobody() {
    let stage = Stage::with_sim_activation().await;
    let order = with(fields_of("activate"), &[("APIAuth[API_KEY]", "wrong-key-7Hq2")]);
    for encoding in Encoding::ALL {
        let (content_type, body) = encoding.encode(&order);
        assert_failed(&post(&stage, content_type, body).await, WRONG_KEY);
        assert_refused(&stage, "the API key in APIAuth is none of the tenant's TeleCloud keys").await;
        let call = stage.call().await;
        assert_eq!(call["event"]["service"], "Order/Create", "what was asked is on record");
        assert!(!call.to_string().contains("wrong-key-7Hq2"), "{call:#}");
    }
    let log = stage.log_that_says("call ended", Encoding::ALL.len()).await;
    assert!(!log.concat().contains("wrong-key-7Hq2"), "{log:#?}");
}

#[tokio::test]
async fn another_tenants_key_is_a_wrong_key() {
    let stage = Stage::with_sim_activation().await;
    let admin = stage.gateway.admin();
    admin
        .put("/v1/tenants/other", json!({ "title": "Other" }))
        .await
        .expect("made");
    let key = json!({ "label": "test", "key": "key_of_other" });
    admin.post("/v1/tenants/other/telecloud-keys", key).await.expect("made");
    let order = with(fields_of("activate"), &[("APIAuth[API_KEY]", "key_of_other")]);
    assert_failed(&stage.post(&order).await, WRONG_KEY);
    assert_refused(&stage, "the API key in APIAuth is none of the tenant's TeleCloud keys").await;
}

#[tokio::test]
async fn an_order_without_a_key_is_refused() {
    let stage = Stage::with_sim_activation().await;
    let mut order = fields_of("activate");
    order.retain(|name, _| !name.starts_with("APIAuth"));
    assert_failed(&stage.post(&order).await, WRONG_KEY);
    assert_refused(&stage, "the post has no API key in APIAuth").await;
    // Nor does one that says no SERVICE learn that it should.
    order.remove("SERVICE");
    assert_failed(&stage.post(&order).await, WRONG_KEY);
    assert_refused(&stage, "the post has no API key in APIAuth").await;
}

#[tokio::test]
async fn order_data_without_a_service_is_refused() {
    let stage = Stage::with_sim_activation().await;
    let mut order = fields_of("activate");
    order.remove("SERVICE");
    assert_failed(&stage.post(&order).await, "Missing SERVICE");
    assert_refused(&stage, "the post has order data and no SERVICE").await;
    assert_eq!(stage.call().await["event"]["service"], "");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let stage = Stage::with_sim_activation().await;
    let many: String = (0..2_001).map(|number| format!("a{number}=1&")).collect();
    let rows: [(Option<&str>, String, &str, &str); 8] = [
        (
            JSON,
            "{\"SERVICE\":\"Order/Create\"".into(),
            "The order could not be read: its body is not valid JSON",
            "the body was taken for JSON and is not: ",
        ),
        (
            FORM,
            "{\"SERVICE\":}".into(),
            "The order could not be read: its body is not valid JSON",
            "the body was taken for JSON and is not: ",
        ),
        (
            Some("text/xml"),
            "<order><SERVICE>Order/Create</order>".into(),
            "The order could not be read: its body is not valid XML",
            "the body was taken for XML and is not: ",
        ),
        (
            Some("multipart/form-data"),
            "--x\r\n".into(),
            "The order could not be read: its body is not valid multipart/form-data",
            "the body was taken for multipart/form-data and is not: ",
        ),
        (
            FORM,
            many,
            "The order could not be read: it has too many fields",
            "the request has more than 2000 fields",
        ),
        (
            FORM,
            format!("Customer{}=1", "[a]".repeat(10_000)),
            "The order could not be read: its fields are nested too deeply",
            "the request has fields that are nested deeper than 16 levels",
        ),
        (
            FORM,
            "SERVICE=Order/Create&Customer=Array".into(),
            "The order could not be read: Customer arrived as plain text and its fields are lost",
            "Customer arrived as a text instead of an object, so what was in it is lost",
        ),
        (
            FORM,
            "SERVICE=Order/Create&service=Order/Cancel".into(),
            "The order could not be read: SERVICE has two different values",
            "SERVICE came more than once, with different values",
        ),
    ];
    let count = rows.len();
    for (content_type, body, sentence, detail) in rows {
        assert_failed(&post(&stage, content_type, body).await, sentence);
        let call = stage.call().await;
        let found = detail_of(&call, "refused").to_owned();
        assert!(found.starts_with(detail), "{found}");
        assert_refused(&stage, &found).await;
    }
    assert_eq!(stage.calls().await.len(), count);
}

#[tokio::test]
async fn orders_come_by_post_only() {
    let stage = Stage::with_sim_activation().await;
    let (_, order) = Encoding::Form.encode(&fields_of("activate"));
    let order = String::from_utf8(order).expect("a form");
    let by_query = stage.client.get(format!("{}?{order}", stage.url()));
    let put = stage.client.put(stage.url()).body(order.clone());
    for request in [by_query, put] {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        let body = response.text().await.expect("a body");
        assert!(
            body.ends_with("<ERROR>Orders must be sent by POST</ERROR></MODULE>"),
            "{body}"
        );
        assert_refused(
            &stage,
            "an order came by another method than POST; only POST carries orders",
        )
        .await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_however_it_announces_itself() {
    const LIMIT: usize = 1 << 20;
    let stage = Stage::with_sim_activation().await;
    let detail = format!("the body is larger than {LIMIT} bytes");
    // One byte over it, and so much that the sender is still sending when it is answered.
    for size in [LIMIT + 1, 8 * LIMIT] {
        let body = format!("SERVICE=Order/Create&a={}", "x".repeat(size - 23));
        assert_eq!(body.len(), size);
        assert_failed(&post(&stage, FORM, body.clone()).await, TOO_LARGE);
        assert_refused(&stage, &detail).await;
        assert_failed(&post(&stage, FORM, chunked(body)).await, TOO_LARGE);
        assert_refused(&stage, &detail).await;
    }
    let call = stage.call().await;
    assert_eq!(call["event"]["service"], "", "nothing of it was read");
    assert_eq!(stage.calls().await.len(), 4);
    // The largest that is not over it.
    let largest = format!("a={}", "x".repeat(LIMIT - 2));
    assert_failed(&post(&stage, FORM, largest).await, WRONG_KEY);
}

/// A body of no stated length.
fn chunked(body: String) -> Body {
    Body::wrap(Full::new(Bytes::from(body)).map_frame(|frame| frame))
}

#[tokio::test]
async fn a_body_that_is_shorter_than_declared_is_no_order() {
    let stage = Stage::with_sim_activation().await;
    let (_, order) = Encoding::Form.encode(&fields_of("activate"));
    // What has arrived would be an order by itself.
    let mut request = format!(
        "POST /m/acme/lines HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        order.len() + 1
    )
    .into_bytes();
    request.extend_from_slice(&order);
    let answer = stage.exchange(&request, After::End).await;
    let sentence = "The order could not be read: its body did not arrive whole. Please retry.";
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with(&format!("<ERROR>{sentence}</ERROR></MODULE>")),
        "{answer}"
    );
    let call = stage.call().await;
    let detail = detail_of(&call, "refused").to_owned();
    assert!(detail.starts_with("the body ended before it was whole: "), "{detail}");
    assert_eq!(call["reply"], json!({ "success": "N", "error": sentence }));
    assert_eq!(call["event"]["request"], Value::Null, "nothing of it was read");
    assert_refused(&stage, &detail).await;
}

#[tokio::test]
async fn the_placeholder_of_a_secret_is_not_taken_from_a_sender() {
    let stage = Stage::with_sim_activation().await;
    let order = with(
        fields_of("activate"),
        &[("Customer[first_name]", "{{secret:carrier-token}}")],
    );
    let posted = stage.post(&order).await;
    assert_failed(
        &posted,
        "The order could not be taken: a field holds the placeholder of a secret",
    );
    assert_refused(&stage, "a posted field holds the placeholder of a secret").await;
}

#[tokio::test]
async fn nothing_that_was_refused_keeps_the_next_order_from_being_served() {
    let stage = Stage::with_sim_activation().await;
    let (_, order) = Encoding::Form.encode(&fields_of("activate"));
    post(&stage, JSON, "{").await;
    post(&stage, FORM, "VAR1=1").await;
    assert!(post(&stage, FORM, order).await.body.contains("<SUCCESS>Y</SUCCESS>"));
}
