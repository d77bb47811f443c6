//! What the tests of the door need around it: carriers that do as they are told, a canary, a recorder that remembers.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::rustls::RootCertStore;

use crate::domain::event::ActionKind;
use crate::domain::grant::Grant;
use crate::domain::limits::Limits;
use crate::domain::name::{SecretName, TenantName};
use crate::domain::secret::Secret;
use crate::egress::lookup::Resolver;
use crate::egress::networks::loopback;
use crate::egress::policy::Policy;
use crate::egress::*;

/// Gives the same addresses for every name, and counts.
pub(super) struct Fixed {
    pub(super) ips: Vec<IpAddr>,
    pub(super) asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Fixed {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.ips.clone())
    }
}

pub(super) fn resolver(ips: &[&str]) -> Arc<Fixed> {
    Arc::new(Fixed {
        ips: ips.iter().map(|ip| ip.parse().expect("an address")).collect(),
        asked: AtomicUsize::new(0),
    })
}

/// Remembers what it was told, a line for each.
#[derive(Default)]
pub(super) struct Book {
    pub(super) refuses: bool,
    pub(super) lines: Mutex<Vec<String>>,
}

impl Book {
    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("a lock").clone()
    }

    fn write(&self, line: String) {
        self.lines.lock().expect("a lock").push(line);
    }
}

fn told(end: &Ended<'_>) -> String {
    match end {
        Ended::Answered { response } => format!("answered {}", response.status().as_u16()),
        Ended::Denied { reason } => format!("denied: {reason}"),
        Ended::NotSent { reason } => format!("not sent: {reason}"),
        Ended::NoAnswer { reason } => format!("no answer: {reason}"),
    }
}

#[async_trait]
impl Recorder for Book {
    async fn started(&self, exchange: Started<'_>) -> Result<ExchangeNumber, RecordFailed> {
        if self.refuses {
            return Err(RecordFailed("the disk is full".to_owned()));
        }
        let Started {
            method, url, headers, ..
        } = &exchange;
        let authorization = headers.get("authorization").map(|value| format!("{value:?} "));
        let body = String::from_utf8_lossy(exchange.body);
        self.write(format!(
            "{method} {url} {}{body:?} by {:?} read_only {} placed {}",
            authorization.unwrap_or_default(),
            exchange.grant,
            exchange.read_only,
            exchange.placed.len()
        ));
        Ok(ExchangeNumber(7))
    }

    async fn ended(&self, number: ExchangeNumber, end: Ended<'_>, _took: Duration) {
        assert_eq!(number, ExchangeNumber(7));
        self.write(told(&end));
    }

    fn cut(&self, number: ExchangeNumber, end: Ended<'_>, _took: Duration) {
        assert_eq!(number, ExchangeNumber(7));
        self.write(format!("cut: {}", told(&end)));
    }
}

/// Somebody listening on loopback who must never be called. A connection would wait in its queue, so there is nothing to
/// wait for to see that there is none.
pub(super) struct Canary(std::net::TcpListener);

impl Canary {
    pub(super) fn on(ip: IpAddr) -> Self {
        let listener = std::net::TcpListener::bind((ip, 0)).expect("a port");
        listener.set_nonblocking(true).expect("set");
        Self(listener)
    }

    pub(super) fn start() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    pub(super) fn assert_untouched(&self, case: &str) {
        match self.0.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            touched => panic!("{case}: {touched:?}"),
        }
    }
}

/// A carrier on loopback that runs `serve` for each connection, and stops when it is dropped.
pub(super) struct Carrier {
    pub(super) port: u16,
    pub(super) heard: Arc<Mutex<Vec<u8>>>,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Carrier {
    pub(super) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(stream));
            }
        });
        Self {
            port,
            heard: Arc::default(),
            accepted,
            task,
        }
    }

    /// Reads one request, says `answer` word for word and hangs up.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (keep, answer) = (Arc::clone(&heard), Arc::new(answer.into()));
        let mut carrier = Self::start(move |mut stream| {
            let (keep, answer) = (Arc::clone(&keep), Arc::clone(&answer));
            async move {
                let request = read_request(&mut stream).await?;
                *keep.lock().expect("a lock") = request;
                stream.write_all(&answer).await?;
                stream.shutdown().await
            }
        })
        .await;
        carrier.heard = heard;
        carrier
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(super) fn heard(&self) -> String {
        String::from_utf8(self.heard.lock().expect("a lock").clone()).expect("text")
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a head and as much body as it announces.
pub(super) async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(request);
        }
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |digits| digits.parse().expect("a number")) {
                return Ok(request);
            }
        }
    }
}

/// A call to a carrier at `api.carrier.example`, which is where the resolver says.
pub(super) struct Rig {
    pub(super) config: Config,
    pub(super) resolver: Arc<Fixed>,
    pub(super) roots: RootCertStore,
    pub(super) grants: Vec<Value>,
    pub(super) limits: Limits,
    pub(super) secrets: BTreeMap<SecretName, Secret>,
    pub(super) connections: usize,
    pub(super) book: Arc<Book>,
}

impl Rig {
    /// With a grant for everything on this port in clear text, on the network `loopback`, and a resolver that says loopback.
    pub(super) fn to(port: u16) -> Self {
        Self {
            config: Config {
                networks: loopback(),
                ..Config::default()
            },
            resolver: resolver(&["127.0.0.1"]),
            roots: RootCertStore::empty(),
            grants: vec![json!({
                "name": "carrier-api",
                "scheme": "http",
                "host": "api.carrier.example",
                "port": port,
                "methods": ["GET", "HEAD", "POST"],
                "paths": ["/**"],
                "network": "loopback",
            })],
            limits: Limits::default(),
            secrets: BTreeMap::new(),
            connections: 10,
            book: Arc::default(),
        }
    }

    pub(super) fn with_grant(mut self, field: &str, value: Value) -> Self {
        self.grants[0][field] = value;
        self
    }

    pub(super) fn door(&self) -> Door {
        let tls = Tls::trusting(self.roots.clone());
        Door::with(
            self.config.clone(),
            Arc::clone(&self.resolver) as Arc<dyn Resolver>,
            tls,
        )
    }

    pub(super) fn passage(&self) -> Passage {
        let grants = serde_json::from_value(Value::Array(self.grants.clone())).expect("grants");
        Passage {
            tenant: TenantName::parse("acme").expect("a name"),
            policy: Arc::new(self.policy(grants)),
            secrets: Arc::new(self.secrets.clone()),
            limits: self.limits.clone(),
            action: ActionKind::Create,
            deadline: Instant::now() + Duration::from_secs(20),
            connections: Arc::new(Semaphore::new(self.connections)),
            recorder: Arc::clone(&self.book) as Arc<dyn Recorder>,
            spent: Spent::default(),
        }
    }

    fn policy(&self, grants: Vec<Grant>) -> Policy {
        let policy = Policy::compile(grants).and_then(|policy| policy.with_keys(&self.secrets));
        policy.expect("valid grants")
    }

    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, DoorError> {
        self.door().send(&self.passage(), request, Timeouts::default()).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        let port = self.grants[0]["port"].as_u64().expect("a port");
        let scheme = self.grants[0]["scheme"].as_str().expect("a scheme");
        format!("{scheme}://api.carrier.example:{port}{path}")
    }

    pub(super) fn post(&self, body: &'static str) -> Request<Full<Bytes>> {
        Request::post(self.url("/v1/lines"))
            .body(Full::from(body))
            .expect("a request")
    }

    pub(super) fn get(&self, path: &str) -> Request<Full<Bytes>> {
        Request::get(self.url(path)).body(Full::default()).expect("a request")
    }

    /// How the last exchange ended, as recorded.
    pub(super) fn end(&self) -> String {
        self.book.lines().pop().expect("something is recorded")
    }
}

pub(super) fn local(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}
