use reqwest::Method;
use serde_json::{Value, json};

use super::{activate, ask, carrier, error};
use crate::carrier::{FakeCarrier, Line};

/// Every page from the first on, each as the list under `name`.
async fn pages(carrier: &FakeCarrier, path: &str, name: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut pages = Vec::new();
    let mut here = path.to_owned();
    loop {
        let (status, mut page) = ask(carrier, Method::GET, &here, Value::Null).await;
        assert_eq!(status, 200, "{page}");
        pages.push(page[name].take());
        match page["next"].as_str() {
            Some(cursor) => here = format!("{path}{separator}cursor={cursor}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn lines_are_listed_page_by_page_without_those_that_were_cancelled() {
    let carrier = carrier().await;
    carrier.put_line(Line::active("first").suspended());
    for _ in 0..4 {
        activate(&carrier).await;
    }
    ask(&carrier, Method::DELETE, "/v1/lines/S-2002", Value::Null).await;
    let [all] = pages(&carrier, "/v1/lines", "lines")
        .await
        .try_into()
        .expect("one page");
    let first = json!({
        "subscriber_id": "S-2000", "mdn": "2025550142", "iccid": "8901260000000000014", "imei": "356938035643809",
        "plan": "VZW-15GB-UNLTT", "status": "SUSPENDED", "reference": "first",
    });
    assert_eq!(all[0], first);
    let names = |page: &Value| -> Vec<String> {
        let lines = page.as_array().expect("a list").iter();
        lines
            .map(|line| line["subscriber_id"].as_str().expect("a text").to_owned())
            .collect()
    };
    assert_eq!(names(&all), ["S-2000", "S-2001", "S-2003", "S-2004"]);

    carrier.set_page_size(2);
    let pages = pages(&carrier, "/v1/lines", "lines").await;
    let pages: Vec<_> = pages.iter().map(names).collect();
    assert_eq!(pages, [["S-2000", "S-2001"], ["S-2003", "S-2004"]]);
}

#[tokio::test]
async fn a_line_that_ends_between_two_pages_hides_no_other() {
    let carrier = carrier().await;
    for _ in 0..3 {
        activate(&carrier).await;
    }
    carrier.set_page_size(1);
    let (_, first) = ask(&carrier, Method::GET, "/v1/lines", Value::Null).await;
    assert_eq!(first["lines"][0]["subscriber_id"], "S-2001");
    ask(&carrier, Method::DELETE, "/v1/lines/S-2001", Value::Null).await;
    let cursor = first["next"].as_str().expect("there is more");
    let (_, second) = ask(
        &carrier,
        Method::GET,
        &format!("/v1/lines?cursor={cursor}"),
        Value::Null,
    )
    .await;
    assert_eq!(second["lines"][0]["subscriber_id"], "S-2002");
}

#[tokio::test]
async fn usage_is_listed_for_the_lines_asked_for() {
    let carrier = carrier().await;
    let used = |line: &str, bucket: &str, kind: &str, used: &str, unit: &str| {
        carrier.set_usage(line, bucket, kind, used, unit);
        json!({"line": line, "kind": kind, "bucket": bucket, "used": used, "unit": unit})
    };
    used("S-2001", "DATA", "recurring", "1", "bytes");
    let entries = [
        used("S-2001", "DATA", "recurring", "123456789", "bytes"),
        used("S-2001", "DATA", "once-off", "77", "bytes"),
        used("S-2002", "VOICE", "recurring", "61", "seconds"),
        used("S-2003", "SMS", "loyalty", "-1", "messages"),
    ];
    let all = |page: &[Value]| vec![json!(page)];
    assert_eq!(pages(&carrier, "/v1/usage", "usage").await, all(&entries));
    let some = pages(&carrier, "/v1/usage?lines=S-2001,S-2003", "usage").await;
    assert_eq!(some, all(&[entries[0].clone(), entries[1].clone(), entries[3].clone()]));
    assert_eq!(pages(&carrier, "/v1/usage?lines=S-9", "usage").await, all(&[]));
    assert_eq!(pages(&carrier, "/v1/usage?lines=", "usage").await, all(&[]));

    carrier.set_page_size(2);
    let [first, second] = pages(&carrier, "/v1/usage?lines=S-2001,S-2003", "usage")
        .await
        .try_into()
        .expect("two");
    assert_eq!((first, second), (json!(entries[..2]), json!(entries[3..])));
}

#[tokio::test]
async fn a_listing_takes_no_query_that_it_does_not_have() {
    let carrier = carrier().await;
    let unknown = (422, error("UNKNOWN_CURSOR", "no cursor of ours: next"));
    for path in ["/v1/lines?cursor=next", "/v1/usage?cursor=next"] {
        assert_eq!(ask(&carrier, Method::GET, path, Value::Null).await, unknown);
    }
    for path in ["/v1/lines?lines=S-1", "/v1/usage?line=S-1"] {
        let (status, body) = ask(&carrier, Method::GET, path, Value::Null).await;
        assert_eq!((status, &body["error"]["code"]), (422, &json!("MALFORMED")), "{path}");
    }
}
