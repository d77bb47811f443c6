//! The fake TeleCloud keeps its own promises.

use http::Method;
use http::header::CONTENT_TYPE;

use super::{API_ID_KEY, API_KEY, FakeTelecloud, Order, Outcome, ServiceStatus};
use crate::telecloud::client;

mod calls;
mod modules;
mod orders;

const ACCOUNT: &str = "9105012";
const ORDER: &str = "4617ZU4617";
const FORM: &str = "application/x-www-form-urlencoded";

/// With the order [`ORDER`] in this status.
async fn telecloud(status: ServiceStatus) -> FakeTelecloud {
    let telecloud = FakeTelecloud::start().await.expect("a free port");
    telecloud.put_order(Order::new(ACCOUNT, ORDER, status));
    telecloud
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Calls a service with the right credentials, and gives what is inside of the answer's root.
async fn call(telecloud: &FakeTelecloud, method: Method, service: &str, fields: &[(&str, &str)]) -> String {
    let body = try_call(telecloud, method, service, fields).await.expect("an answer");
    let document = roxmltree::Document::parse(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let root = document.root_element();
    match root.tag_name().name() {
        "telecloud" => {
            assert!(root.attribute("trans_id").is_some(), "{body}");
            let inside = root.first_element_child().expect("an answer").range();
            body[inside].to_owned()
        }
        "error" => format!("error: {}", root.text().expect("a text")),
        other => panic!("unknown root {other}: {body}"),
    }
}

/// As [`call`]; gives the body, which is there only if there is a whole answer with status 200.
async fn try_call(
    telecloud: &FakeTelecloud,
    method: Method,
    service: &str,
    fields: &[(&str, &str)],
) -> Result<String, reqwest::Error> {
    let fields = [&[("API_ID_KEY", API_ID_KEY), ("API_KEY", API_KEY)], fields].concat();
    let url = format!("{}/xml/{service}", telecloud.url());
    let client = client().expect("a client");
    let request = match method {
        Method::DELETE | Method::GET => client.request(method, format!("{url}?{}", form(&fields))),
        _ => client
            .request(method, url)
            .header(CONTENT_TYPE, FORM)
            .body(form(&fields)),
    };
    request.send().await?.error_for_status()?.text().await
}

/// Order/Update of [`ORDER`].
async fn update(telecloud: &FakeTelecloud, fields: &[(&str, &str)]) -> String {
    let fields = [&[("account_number", ACCOUNT), ("order_number", ORDER)], fields].concat();
    call(telecloud, Method::PATCH, "Order/Update", &fields).await
}

fn outcomes(telecloud: &FakeTelecloud) -> Vec<Outcome> {
    telecloud.received().into_iter().map(|call| call.outcome).collect()
}
