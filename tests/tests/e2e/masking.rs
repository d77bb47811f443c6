//! Secrets and personal data go to the carrier, and stay nowhere.

use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use patchbay_tests::carrier::{Behaviour, Reply, StatusCode};
use patchbay_tests::gateway::ADMIN_TOKEN;
use patchbay_tests::telecloud::{Encoding, Fields, post};
use reqwest::Method;
use serde_json::{Value, json};

use super::stage::{MODULE, Stage, TENANT, assert_succeeded, fields_of, grant, with};

/// What an order says that must not be kept, by field.
const PERSONAL: [(&str, &str); 7] = [
    ("VAR5", "acct-Vm3kQz81"),
    ("VAR6", "pin \"Tq7\"/wXr5é"),
    ("VAR7", "529-81-Kx4407"),
    ("Customer[password]", "pass&Word=Gj2<8"),
    ("Customer[SSN]", "ssn-Zb6110Yt"),
    ("Customer[DL]", "dl-Hn93c0Wd"),
    ("APIAuth[API_KEY]", "telecloud-key-Lf58Rs"),
];

/// Where in that list the sender's own key is.
const KEY: usize = 6;

/// The carrier's token, which the module does not know.
const TOKEN: &str = "module-secret-Pd47Uo";

/// How a value may be written down.
fn spellings(value: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(value).expect("a text");
    let json = &json[1..json.len() - 1];
    let percent = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string();
    vec![
        value.into(),
        json.into(),
        json.replace('/', "\\/").into(),
        percent.into(),
    ]
}

/// None of the values is in these bytes, however it is spelled.
#[track_caller]
pub(super) fn assert_none_in(bytes: &[u8], values: &[&str], place: &str) {
    let spelled: Vec<_> = values.iter().flat_map(|value| spellings(value)).collect();
    let search = AhoCorasick::builder().ascii_case_insensitive(true).build(&spelled);
    let found = search.expect("few and short").find(bytes);
    let found = found.map(|found| String::from_utf8_lossy(&spelled[found.pattern().as_usize()]));
    assert_eq!(found, None, "in {place}");
}

/// Every file below a folder.
fn assert_none_on_disk(folder: &Path, values: &[&str]) -> usize {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes += assert_none_on_disk(&path, values);
        } else {
            let content = fs::read(&path).expect("a file");
            assert_none_in(&content, values, &path.display().to_string());
            bytes += content.len();
        }
    }
    bytes
}

/// The carrier says all of it back, in its headers and its body, in each way to write it.
fn echo(status: StatusCode, extra: &Value) -> Behaviour {
    // The key it has never heard of.
    let values = || PERSONAL[..KEY].iter().map(|(_, value)| *value).chain([TOKEN]);
    let spelled = values()
        .flat_map(spellings)
        .map(|spelling| String::from_utf8(spelling).expect("text"));
    let mut body = json!({
        "you_sent": values().collect::<Vec<_>>(),
        "spelled": spelled.collect::<Vec<_>>(),
        "authorization": format!("Bearer {TOKEN}"),
        "inner": json!({ "again": values().collect::<Vec<_>>() }).to_string(),
    });
    for (name, value) in extra.as_object().expect("an object") {
        body[name] = value.clone();
    }
    Behaviour::answer(Reply::new(status, "application/json", body.to_string()))
}

fn port_in() -> Fields {
    with(fields_of("port-in-pending"), &PERSONAL)
}

/// A module that serves the key and has the secret of this test.
async fn stage() -> Stage {
    let stage = Stage::empty(&["--log", "info,patchbay=trace,hyper=trace"]).await;
    let mut module = stage.that_cannot_find_out();
    module.secrets = vec![("carrier-token".to_owned(), TOKEN.to_owned())];
    stage.deploy(module).await;
    let path = format!("/v1/tenants/{TENANT}/telecloud-keys");
    let key = json!({ "label": "masked", "key": PERSONAL[KEY].1 });
    stage.gateway.admin().post(&path, key).await.expect("made");
    stage
}

fn values() -> Vec<&'static str> {
    PERSONAL.iter().map(|(_, value)| *value).chain([TOKEN]).collect()
}

#[tokio::test]
async fn what_is_secret_is_in_no_record_no_log_and_no_file() {
    let stage = stage().await;
    let port = json!({ "activation_id": "A-1002", "port_status": "SUBMITTED" });
    let mut order = port_in();
    for encoding in Encoding::ALL {
        stage.carrier.next(echo(StatusCode::CREATED, &port));
        // An order number of its own, to be found by.
        order.insert("order_number".to_owned(), format!("N-{encoding:?}"));
        let posted = post(&stage.client, &stage.url(), encoding, &order).await;
        let expected = "<STATUS>PENDING</STATUS><VAR13>A-1002</VAR13><VAR15>SUBMITTED</VAR15>";
        assert_succeeded(&posted.expect("a whole answer"), expected);

        // The carrier did get all that it needs.
        let requests = stage.carrier.requests();
        let request = requests.last().expect("a request");
        assert_eq!(
            request.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str())
        );
        let port = &request.json["port"];
        assert_eq!(port["account_number"], PERSONAL[0].1, "{encoding:?}");
        assert_eq!(
            (&port["pin"], &port["tax_id"]),
            (&json!(PERSONAL[1].1), &json!(PERSONAL[2].1))
        );

        let call = stage.call().await;
        assert_eq!(call["event"]["order_number"], format!("N-{encoding:?}"));
        assert_none_in(
            call.to_string().as_bytes(),
            &values(),
            &format!("the record of {encoding:?}"),
        );
        // It was masked, and is not just missing.
        assert_eq!(call["exchanges"][0]["end"]["response"]["status"], 201);
        let body = call["exchanges"][0]["end"]["response"]["body"]
            .as_str()
            .expect("a body");
        assert!(body.contains("you_sent") && body.contains("***"), "{body}");
        let sent = call["exchanges"][0]["request"]["body"].as_str().expect("a body");
        assert!(sent.contains("\"pin\":\"***\""), "{sent}");
        assert_eq!(call["event"]["request"]["VAR5"], "***");
        assert_eq!(call["event"]["request"]["Customer"]["password"], "***");
    }
    assert_nothing_is_left(stage, &values()).await;
}

#[tokio::test]
async fn what_fails_tells_no_secret_either() {
    let stage = stage().await;
    let admin = stage.gateway.admin();
    let unreadable = json!({ "activation_id": 7 });
    let rows = [
        ("1ZU1", "PENDING", echo(StatusCode::INTERNAL_SERVER_ERROR, &json!({}))),
        (
            "2ZU2",
            "<SUCCESS>N</SUCCESS>",
            echo(StatusCode::UNAUTHORIZED, &json!({})),
        ),
        ("3ZU3", "PENDING", echo(StatusCode::CREATED, &unreadable)),
        (
            "4ZU4",
            "<SUCCESS>N</SUCCESS>",
            Behaviour::reject(
                StatusCode::UNPROCESSABLE_ENTITY,
                "BAD_TOKEN",
                &format!("token {TOKEN} may not port in"),
            ),
        ),
    ];
    for (number, answer, behaviour) in rows {
        stage.carrier.next(behaviour);
        let posted = stage.post(&with(port_in(), &[("order_number", number)])).await;
        assert!(posted.body.contains(answer), "{posted:?}");
        assert_none_in(posted.body.as_bytes(), &values(), "the answer to TeleCloud");
        let call = stage.call().await;
        assert_none_in(call.to_string().as_bytes(), &values(), "the record");
    }
    let posted = stage.post(&with(port_in(), &[("SERVICE", "Order/Teleport")])).await;
    assert_none_in(posted.body.as_bytes(), &values(), "the answer to TeleCloud");
    let call = stage.call().await;
    assert_none_in(call.to_string().as_bytes(), &values(), "the record");

    // The admin API does not say back what it refuses.
    let module = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let keys = format!("/v1/tenants/{TENANT}/telecloud-keys");
    let key = PERSONAL[KEY].1;
    for (method, path, body) in [
        (
            Method::PUT,
            format!("{module}/secrets/no%20name"),
            json!({ "value": TOKEN }),
        ),
        (
            Method::PUT,
            format!("{module}/secrets/token"),
            json!({ "value": [TOKEN] }),
        ),
        (
            Method::PUT,
            format!("{module}/secrets/token"),
            json!({ TOKEN: "value" }),
        ),
        (Method::PUT, format!("{module}/secrets/token"), json!(TOKEN)),
        (Method::POST, keys.clone(), json!({ "label": "again", "key": key })),
        (Method::POST, keys.clone(), json!({ "label": "again", "key": [key] })),
        (
            Method::POST,
            keys,
            json!({ "label": "again", "key": format!(" {key}") }),
        ),
    ] {
        let answer = admin.send(method.clone(), &path, Some(&body)).await.expect("an answer");
        assert!(answer.status.is_client_error(), "{method} {path} {body}: {answer:?}");
        assert_none_in(
            answer.body.to_string().as_bytes(),
            &values(),
            &format!("{method} {path}"),
        );
    }
    assert_nothing_is_left(stage, &values()).await;
}

#[tokio::test]
async fn a_user_name_and_a_password_are_masked_in_the_form_in_which_they_went_out() {
    let (user, password, joined) = ("user-Bw20xC", "secret-Mk66eV", "dXNlci1CdzIweEM6c2VjcmV0LU1rNjZlVg==");
    let stage = Stage::empty(&["--log", "info,patchbay=trace,hyper=trace"]).await;
    let settings = json!({
        "mode": "claim", "claim": "done", "url": "/echo", "authorization": "Basic {{basic:user:password}}",
    });
    let mut module = stage.hostile(settings, json!({}));
    module.secrets = vec![("user".into(), user.into()), ("password".into(), password.into())];
    let mut grant = grant("carrier", &stage.carrier);
    grant["secrets"] = json!(["user", "password"]);
    module.grants = json!([grant]);
    stage.deploy(module).await;

    let says = format!("who is {user}, {password} or {joined}?");
    stage
        .carrier
        .next(Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", says)));
    stage.activate().await;
    let requests = stage.carrier.requests();
    assert_eq!(
        requests[0].header("authorization"),
        Some(format!("Basic {joined}").as_str())
    );
    let call = stage.call().await;
    let end = &call["exchanges"][0]["end"];
    assert_eq!(end["response"]["body"], "who is ***, *** or ***?");
    let values = [user, password, joined];
    assert_none_in(call.to_string().as_bytes(), &values, "the record");
    assert_nothing_is_left(stage, &values).await;
}

/// The process's log and every file that it has written, once it is gone.
pub(super) async fn assert_nothing_is_left(stage: Stage, values: &[&str]) {
    let calls = stage.calls().await;
    // Those that follow another one end without a line.
    let ended = calls.iter().filter(|call| call["about"].is_null()).count();
    let log = stage.log_that_says("call ended", ended).await;
    let folder = stage.gateway.kill().expect("it ran");
    let values: Vec<_> = values.iter().copied().chain([ADMIN_TOKEN]).collect();
    assert_none_in(log.join("\n").as_bytes(), &values, "the log");
    let bytes = assert_none_on_disk(folder.path(), &values);
    assert!(bytes > 100_000, "only {bytes} bytes were looked at");
}
