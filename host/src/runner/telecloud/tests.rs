//! Calls over real sockets: what TeleCloud gets, what is on record, and what is known afterwards.

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use ulid::Ulid;

use super::*;
use crate::domain::call::CallId;
use crate::domain::event::Vars;
use crate::domain::name::{ModuleName, NetworkName, TenantName};
use crate::domain::secret::{MASK, Secret};
use crate::domain::telecloud::{TelecloudAccess, UrlTemplate};
use crate::domain::update::Update;
use crate::egress;
use crate::egress::networks::loopback;
use crate::journal::{Journal, NewCall};
use crate::storage::Durability;
use crate::storage::memory::Memory;

const KEY: &str = "canary key+4711";

/// Somebody who reads one request, says what he was told to say, and closes.
struct Server {
    port: u16,
    heard: JoinHandle<String>,
}

impl Server {
    async fn start(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut heard = Vec::new();
            while !is_whole(&heard) {
                assert_ne!(
                    stream.read_buf(&mut heard).await.expect("a request"),
                    0,
                    "the request ended early"
                );
            }
            stream.write_all(answer.as_bytes()).await.expect("written");
            String::from_utf8(heard).expect("text")
        });
        Self { port, heard }
    }

    fn telecloud(&self) -> Telecloud {
        telecloud(self.port, true)
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_none_or(|length| body.len() == length.parse::<usize>().expect("a length"))
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The door's own settings, and a network `loopback`.
fn on_loopback() -> egress::Config {
    egress::Config {
        networks: loopback(),
        ..egress::Config::default()
    }
}

fn telecloud(port: u16, on_loopback: bool) -> Telecloud {
    let scheme = if on_loopback { "http" } else { "https" };
    let url = format!("{scheme}://127.0.0.1:{port}/{{format}}/{{Service}}/{{Action}}");
    let access = TelecloudAccess {
        url: UrlTemplate::parse(&url).expect("a template"),
        api_id_key: "1234".to_owned(),
        network: on_loopback.then(|| NetworkName::parse("loopback").expect("a name")),
        set: Timestamp::now(),
    };
    let key = Secret::new(KEY.to_owned());
    let tenant = TenantName::parse("acme").expect("a name");
    Telecloud::new(tenant, access, key, Arc::new(Semaphore::new(1))).expect("ready")
}

fn update(vars: &[(u8, &str)]) -> Call {
    let mut given = Vars::default();
    for (index, value) in vars {
        given.set(*index, (*value).to_owned()).expect("a VAR");
    }
    Call::UpdateOrder {
        account_number: "7105045".to_owned(),
        order_number: "5401".to_owned(),
        update: Update::active(given),
    }
}

fn log(telecloud: &Telecloud) -> CallLog {
    Journal::new(Memory::stores().log).begin(NewCall {
        tenant: &TenantName::parse("acme").expect("a name"),
        module: &ModuleName::parse("sim").expect("a name"),
        version: None,
        id: CallId(Ulid::generate()),
        about: None,
        received: Timestamp::now(),
        durability: Durability::Synced,
        log_bytes: 0,
        secrets: &telecloud.known,
    })
}

async fn told(telecloud: &Telecloud, call: &Call) -> Result<Accepted, NotTold> {
    let door = Door::new(on_loopback());
    tell(&door, telecloud, &log(telecloud), call).await
}

#[tokio::test]
async fn telecloud_gets_the_key_and_the_record_does_not() {
    let body = format!("<telecloud trans_id=\"9\"><order>2025550143 {KEY}</order></telecloud>");
    let server = Server::start(answer("200 OK", &body)).await;
    let telecloud = server.telecloud();
    let (door, log) = (Door::new(on_loopback()), log(&telecloud));
    let call = update(&[(3, "2025550143"), (6, "old-pin-97531")]);
    let accepted = tell(&door, &telecloud, &log, &call).await.expect("accepted");
    assert_eq!(accepted.trans_id.as_deref(), Some("9"));

    let heard = server.heard.await.expect("served");
    let (head, form) = heard.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("PATCH /xml/Order/Update HTTP/1.1\r\n"), "{head}");
    let fields: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    let expected = [
        ("API_ID_KEY", "1234"),
        ("API_KEY", KEY),
        ("account_number", "7105045"),
        ("order_number", "5401"),
        ("service_status", "ACTIVE"),
        ("VAR3", "2025550143"),
        ("VAR6", "old-pin-97531"),
    ];
    assert_eq!(
        fields,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let record = log.record();
    assert_eq!(record.event.service, "Order/Update");
    assert_eq!(record.event.account_number.as_deref(), Some("7105045"));
    assert_eq!(record.event.order_number.as_deref(), Some("5401"));
    assert_eq!(record.event.request["VAR3"], "2025550143");
    assert_eq!(record.event.request["VAR6"], MASK);
    assert_eq!(record.exchanges.len(), 1);
    let recorded = serde_json::to_string(&record).expect("JSON");
    for secret in ["canary", "4711", "old-pin"] {
        assert!(!recorded.contains(secret), "{secret}: {recorded}");
    }
    assert!(recorded.contains("&API_KEY=***&"), "{recorded}");
}

#[tokio::test]
async fn a_deletion_sends_the_key_in_its_query() {
    let server = Server::start(answer("200 OK", "<telecloud><module module_id=\"8\"/></telecloud>")).await;
    let call = Call::DeleteModule {
        module_id: "8".parse().expect("an id"),
    };
    let accepted = told(&server.telecloud(), &call).await.expect("accepted");
    assert_eq!(accepted.module_id.map(String::from).as_deref(), Some("8"));
    let heard = server.heard.await.expect("served");
    let line = heard.lines().next().expect("a request line");
    assert_eq!(
        line,
        "DELETE /xml/Module/Delete?API_ID_KEY=1234&API_KEY=canary%20key%2B4711&module_id=8 HTTP/1.1"
    );
}

#[tokio::test]
async fn a_refusal_is_told_without_the_key_that_it_quotes() {
    let body = format!("<error>Key {KEY} is not valid</error>");
    let server = Server::start(answer("403 Forbidden", &body)).await;
    let refused = told(&server.telecloud(), &update(&[])).await;
    assert_eq!(refused, Err(NotTold::Refused("Key *** is not valid".to_owned())));
}

#[tokio::test]
async fn what_was_sent_and_not_clearly_answered_may_have_been_carried_out() {
    let whole = answer("200 OK", "<telecloud/>");
    for (answer, why) in [
        (String::new(), "there is no answer of TeleCloud: "),
        (whole[..whole.len() - 1].to_owned(), "there is no answer of TeleCloud: "),
        (answer("502 Bad Gateway", "<html>no</html>"), "TeleCloud answered 502 "),
        (answer("200 OK", "<telecloud>"), "TeleCloud answered 200 and not in XML"),
        (
            answer("302 Found", ""),
            "TeleCloud answered 302 and wants to be asked elsewhere",
        ),
        (
            answer("200 OK", &format!("<telecloud>{}</telecloud>", "x".repeat(1 << 20))),
            "there is no answer of TeleCloud: the carrier's answer is larger",
        ),
    ] {
        let server = Server::start(answer).await;
        match told(&server.telecloud(), &update(&[])).await {
            Err(NotTold::Unclear(said)) => assert!(said.starts_with(why), "{said}"),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_not_sent_is_known_not_to_be() {
    let not_sent = async |telecloud: &Telecloud, call: &Call, why: &str| match told(telecloud, call).await {
        Err(NotTold::NotSent(said)) => assert!(said.contains(why), "{said}"),
        other => panic!("{why}: {other:?}"),
    };
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = free.local_addr().expect("an address").port();
    not_sent(
        &telecloud(port, false),
        &update(&[]),
        "names a network that holds it, which takes a platform admin",
    )
    .await;
    for text in [
        "{{secret:telecloud-api-key}}",
        "x %7B%7Bsecret:telecloud-api-key}}",
        "{{basic:a:b}}",
    ] {
        not_sent(
            &telecloud(port, true),
            &update(&[(15, text)]),
            "VAR15 has the placeholder of a secret",
        )
        .await;
    }
    let mut misled = telecloud(port, true);
    misled.access.api_id_key = "{{secret:telecloud-api-key}}".to_owned();
    not_sent(&misled, &update(&[]), "API_ID_KEY has the placeholder of a secret").await;
    drop(free);
    not_sent(&telecloud(port, true), &update(&[]), "127.0.0.1").await;
}
