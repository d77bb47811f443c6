//! However an order is encoded, it is the same order.

use patchbay_tests::telecloud::{Encoding, Fields, get, head, post, post_body};
use serde_json::json;

use super::stage::{MODULE, Stage, TENANT, assert_succeeded, detail_of, fields_of, with};

const ACTIVATED: &str = "<VAR3>2025550143</VAR3><VAR13>A-1001</VAR13><VAR14>S-2001</VAR14>";

/// The example. An order that is posted again runs again.
async fn stage_without_memory() -> Stage {
    let stage = Stage::with_sim_activation().await;
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let forgets = json!({ "handling": { "repeat_s": 0 } });
    stage.gateway.admin().put(&path, forgets).await.expect("set");
    stage
}

#[tokio::test]
async fn an_order_is_answered_with_the_same_bytes_in_every_encoding() {
    let stage = stage_without_memory().await;
    let order = with(fields_of("activate"), &[("order_number", "4617ZU4617")]);
    let mut seen = Vec::new();
    for encoding in Encoding::ALL {
        stage.carrier.reset().await.expect("the carrier starts again");
        let posted = post(&stage.client, &stage.url(), encoding, &order).await;
        assert_succeeded(&posted.expect("a whole answer"), ACTIVATED);
        let requests = stage.carrier.requests();
        assert_eq!(requests.len(), 1, "{encoding:?}");
        seen.push(requests[0].json.clone());
    }
    assert_eq!(seen[0]["customer"]["first_name"], "Avery");
    assert_eq!(seen[0]["reference"], "4617ZU4617");
    for (encoding, json) in Encoding::ALL.iter().zip(&seen) {
        assert_eq!(*json, seen[0], "{encoding:?}");
    }
}

#[tokio::test]
async fn a_name_reaches_the_carrier_as_utf_8_whatever_it_came_in() {
    let stage = stage_without_memory().await;
    let order = with(
        fields_of("activate"),
        &[("Customer[first_name]", "José"), ("Customer[last_name]", "Ñandú €5")],
    );
    // Otherwise this would show nothing about windows-1252.
    let (_, body) = Encoding::FormWindows1252.encode(&order);
    assert!(String::from_utf8(body).expect("percent-encoded").contains("=Jos%E9&"));
    for encoding in Encoding::ALL {
        stage.carrier.reset().await.expect("the carrier starts again");
        let posted = post(&stage.client, &stage.url(), encoding, &order).await;
        assert_succeeded(&posted.expect("a whole answer"), ACTIVATED);
        let customer = &stage.carrier.requests()[0].json["customer"];
        assert_eq!(customer["first_name"], "José", "{encoding:?}");
        assert_eq!(customer["last_name"], "Ñandú €5", "{encoding:?}");
    }
}

#[tokio::test]
async fn a_test_request_succeeds_without_a_module_or_a_carrier_in_every_shape() {
    let stage = Stage::with_sim_activation().await;
    let (client, url) = (&stage.client, stage.url());
    assert_succeeded(&get(client, &url).await.expect("an answer"), "");
    let asked = head(client, &url).await.expect("an answer");
    assert_eq!((asked.status, asked.body.as_str()), (200, ""));
    assert_eq!(asked.content_type.as_deref(), Some("text/xml; charset=utf-8"));
    for encoding in Encoding::ALL {
        // Nothing at all, and nothing in terms of the encoding, such as `{}`.
        let (content_type, empty) = encoding.encode(&Fields::new());
        for body in [Vec::new(), empty] {
            let posted = post_body(client, &url, content_type, body).await;
            assert_succeeded(&posted.expect("an answer"), "");
        }
    }
    // Tests carry no key, and a key alone is no order.
    let fields = Fields::from([("APIAuth[API_KEY]".to_owned(), "key_good".to_owned())]);
    assert_succeeded(&stage.post(&fields).await, "");

    let calls = stage.calls().await;
    assert_eq!(calls.len(), 2 + 2 * Encoding::ALL.len() + 1);
    assert!(calls.iter().all(|call| call["outcome"] == "done"), "{calls:#?}");
    let call = stage.call().await;
    assert_eq!(detail_of(&call, "done"), "a test request");
    assert_eq!(call["usage"]["memory_bytes"], 0, "no module ran");
    stage.assert_carrier_untouched();
}
