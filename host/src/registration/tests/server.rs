//! A TeleCloud on this machine that says what it is told to say.

use std::collections::BTreeMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// What every request has to come with.
pub(super) const API_ID_KEY: &str = "1234";
/// See there.
pub(super) const API_KEY: &str = "canary-4711";

/// One request: method and path, and its fields.
pub(super) type Heard = (String, BTreeMap<String, String>);

/// A TeleCloud that answers each request with the next text that it is given, once it is given.
pub(super) struct Telecloud {
    pub(super) url: String,
    answers: UnboundedSender<&'static str>,
    heard: UnboundedReceiver<Heard>,
    serving: JoinHandle<()>,
}

impl Drop for Telecloud {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Telecloud {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (answers, mut given) = unbounded_channel::<&'static str>();
        let (hear, heard) = unbounded_channel();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                hear.send(read(&mut stream).await).expect("the test listens");
                let Some(body) = given.recv().await else { return };
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let answer = [head.as_bytes(), body.as_bytes()].concat();
                stream.write_all(&answer).await.expect("written");
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}/{{format}}/{{Service}}/{{Action}}"),
            answers,
            heard,
            serving,
        }
    }

    pub(super) fn will_answer(&self, answers: &[&'static str]) {
        for answer in answers {
            self.answers.send(answer).expect("it serves");
        }
    }

    /// Waits for the next request, and forgets it.
    pub(super) async fn wait(&mut self) {
        self.heard.recv().await.expect("it serves");
    }

    /// All that was heard so far, without the credentials, which are checked.
    pub(super) fn heard(&mut self) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Ok((line, mut fields)) = self.heard.try_recv() {
            assert_eq!(fields.remove("API_ID_KEY").as_deref(), Some(API_ID_KEY));
            assert_eq!(fields.remove("API_KEY").as_deref(), Some(API_KEY));
            all.push((line, fields));
        }
        all
    }
}

async fn read(stream: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.expect("a length").parse::<usize>().expect("a number") {
                let line = head.lines().next().expect("a line").trim_end_matches(" HTTP/1.1");
                let fields = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                return (line.to_owned(), fields);
            }
        }
        assert_ne!(
            stream.read_buf(&mut bytes).await.expect("a request"),
            0,
            "it ended early"
        );
    }
}
