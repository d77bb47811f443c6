use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::config::Settings;

const TOKEN: &str = "an-admin-token-of-enough-letters";

fn config(folder: &TempDir) -> Config {
    let settings = Settings {
        data_dir: Some(folder.path().join("data")),
        public_listen: Some(([127, 0, 0, 1], 0).into()),
        admin_listen: Some(([127, 0, 0, 1], 0).into()),
        concurrent_calls: Some(1),
        fields_max: Some(100),
        ..Settings::default()
    };
    let token = ("PATCHBAY_ADMIN_TOKEN".to_owned(), TOKEN.to_owned());
    settings.resolve([token].into_iter()).expect("settings")
}

async fn start(folder: &TempDir) -> App {
    App::start(config(folder), || ()).await.expect("started")
}

async fn begin(to: SocketAddr, head: &str, body_bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.expect("connected");
    let head = format!(
        "{head} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {body_bytes}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream
}

async fn finish(mut stream: TcpStream, body: &str) -> String {
    stream.write_all(body.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

async fn ask(to: SocketAddr, head: &str, body: &str) -> String {
    finish(begin(to, head, body.len()).await, body).await
}

#[tokio::test]
async fn memory_is_closed_before_there_is_a_key_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, mut closed) = (folder.path().join("data.key"), false);
    let close = || {
        assert!(!key.exists(), "the first start makes it when it opens the keys");
        closed = true;
    };
    let app = App::start(config(&folder), close).await.expect("started");
    assert!(key.exists());
    app.stop().await;
    assert!(closed);
}

#[tokio::test]
async fn while_calls_drain_the_admin_listener_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = start(&folder).await;
    let (public, admin) = (app.public(), app.admin());
    assert!(ask(admin, "GET /readyz", "").await.ends_with("ready\n"));

    let mut order = begin(public, "POST /m/acme/sim", 1).await;
    let mut go_on = [0; 25];
    order.read_exact(&mut go_on).await.expect("its body is being read");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    let stopping = tokio::spawn(app.stop());
    let draining = async {
        while !ask(admin, "GET /readyz", "").await.ends_with("draining\n") {}
        while TcpStream::connect(public).await.is_ok() {}
    };
    let draining = tokio::time::timeout(Duration::from_secs(10), draining);
    draining.await.expect("not ready, and no more is taken");
    assert!(ask(admin, "GET /healthz", "").await.ends_with("ok\n"));

    let answer = finish(order, "x").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stopping.await.expect("stopped");
    assert!(TcpStream::connect(admin).await.is_err(), "the admin listener ends last");
}

#[tokio::test]
async fn what_a_post_may_contain_is_as_it_was_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = start(&folder).await;
    for path in ["acme", "acme/modules/sim"] {
        let made = ask(app.admin(), &format!("PUT /v1/tenants/{path}"), "{}").await;
        assert!(made.contains("HTTP/1.1 201 Created"), "{made}");
    }
    for (fields, refused) in [(100, false), (101, true)] {
        let body = vec!["\"x\""; fields].join(",");
        let answer = ask(app.public(), "POST /m/acme/sim", &format!("{{\"a\":[{body}]}}")).await;
        assert_eq!(answer.contains("it has too many fields"), refused, "{fields}: {answer}");
    }
    app.stop().await;
}
