//! URLs that name no module.

use patchbay_tests::telecloud::{Encoding, post};

use crate::e2e::stage::{After, MODULE, Stage, TENANT, assert_failed, fields_of};

const NO_MODULE: &str = "Module Error: there is no module at this URL. Check the module's URL in TeleCloud.";

#[tokio::test]
async fn an_unknown_tenant_and_an_unknown_module_are_answered_alike() {
    let stage = Stage::with_sim_activation().await;
    let order = fields_of("activate");
    for (tenant, module) in [("nobody", MODULE), (TENANT, "nothing"), ("nobody", "nothing")] {
        let url = stage.gateway.url(tenant, module);
        let posted = post(&stage.client, &url, Encoding::Form, &order).await;
        assert_failed(&posted.expect("a whole answer"), NO_MODULE);
    }
    assert_eq!(
        stage.calls().await,
        [] as [serde_json::Value; 0],
        "nobody's calls are nobody's record"
    );
    let noted = "a post to a URL that names no module";
    stage.log_that_says(noted, 3).await;
    stage.assert_carrier_untouched();
}

#[tokio::test]
async fn what_is_no_name_is_no_module() {
    let stage = Stage::with_sim_activation().await;
    let long = "a".repeat(64);
    let rows = [
        "/m/",
        "/m/acme",
        "/m/acme/",
        "/m/acme/lines/",
        "/m/acme/lines/more",
        "/m//lines",
        "/m/Acme/lines",
        "/m/acme/LINES",
        "/m/acme/lines.",
        "/m/acme/lines%00",
        "/m/acme%00/lines",
        "/m/acme/lines%20",
        "/m/acme/%2e%2e",
        "/m/acme%2flines",
        "/m/acme%2Flines/lines",
        "/m/%2e%2e%2facme/lines",
        "/m/../acme/lines",
        "/m/./acme/lines",
        "/m/acme/../acme/lines",
        "/m/acme/lines%ff",
        "/m/acme/lin%C3%A9s",
        "/m/acme/%D0%B0cme",
        "/m/acme/lines%",
        "/m/acme/%zz",
        "/m/acme/lines;x=1",
        &format!("/m/{long}/lines"),
        &format!("/m/acme/{long}"),
        &format!("/m/acme/{}", "a".repeat(300)),
    ];
    let (_, order) = Encoding::Form.encode(&fields_of("activate"));
    let order = String::from_utf8(order).expect("a form");
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MODULE><SUCCESS>N</SUCCESS><ERROR>{NO_MODULE}</ERROR></MODULE>"
    );
    for path in rows {
        // By hand, because a client would tidy the path up.
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{order}",
            order.len()
        );
        let answer = stage.exchange(request.as_bytes(), After::Wait).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
        assert!(head.contains("content-type: text/xml; charset=utf-8"), "{path}: {head}");
        assert_eq!(body, expected, "{path}");
    }
    assert_eq!(stage.calls().await.len(), 0);
    stage.assert_carrier_untouched();
}

#[tokio::test]
async fn a_raw_nul_or_line_break_in_the_url_is_not_even_http() {
    let stage = Stage::with_sim_activation().await;
    for path in ["/m/acme/lin\0es", "/m/acme\0/lines", "/m/acme/lines\n"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n");
        let answer = stage.exchange(request.as_bytes(), After::Wait).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path:?}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "nothing is said: {answer}");
    }
    assert_eq!(stage.calls().await.len(), 0);
}

#[tokio::test]
async fn other_paths_have_nothing_to_say() {
    let stage = Stage::with_sim_activation().await;
    for path in ["/", "/m", "/v1/tenants", "/healthz", "/favicon.ico"] {
        let answer = stage
            .client
            .get(format!("{}{path}", stage.gateway.public()))
            .send()
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.text().await.expect("a body"), "", "{path}");
    }
}
