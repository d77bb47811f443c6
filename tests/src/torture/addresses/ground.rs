//! Where it takes place: a gateway that looks names up as told, canaries, and one carrier that may be reached.

use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

use super::element;
use crate::gateway::{Deployment, Gateway, guest};
use crate::telecloud::{Encoding, client, post};

/// The address that may be reached, in a network that has nothing else.
pub(super) const CONTROL: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);

const TENANT: &str = "acme";
const MODULE: &str = "hostile";

/// Where canaries listen. An address that no machine has is not among them, and neither is one that all have in common.
const CANARIES: [Ipv4Addr; 4] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::new(127, 1, 2, 3),
    Ipv4Addr::new(127, 255, 255, 254),
];

/// Longest text of one setting, in bytes.
const SETTING_BYTES: usize = 8 << 10;

pub(super) struct Ground {
    gateway: Gateway,
    canaries: Vec<TcpListener>,
    control: Control,
    port: u16,
    calls: AtomicUsize,
}

/// What came of one call.
pub(super) struct Call {
    /// A character for each URL, see the guest.
    pub(super) outcomes: String,
    /// As recorded.
    pub(super) exchanges: Vec<Value>,
}

impl Ground {
    pub(super) async fn prepare() -> Result<Self> {
        let (control, canaries) = listeners()?;
        let port = control.local_addr()?.port();
        let gateway = Gateway::start_with_names()?;
        let admin = gateway.admin();
        admin
            .put("/v1/networks/lab", json!({ "blocks": [format!("{CONTROL}/32")] }))
            .await?;
        let deployment = Deployment {
            limits: json!({ "requests": 200, "deadline_ms": 120_000, "cpu_ms": 30_000 }),
            ..Deployment::of(guest("hostile")?)
        };
        admin.deploy(TENANT, MODULE, deployment).await?;
        Ok(Self {
            gateway,
            canaries,
            control: Control::start(control)?,
            port,
            calls: AtomicUsize::new(0),
        })
    }

    /// The port of all canaries and of the one that may be reached.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Those of the gateway itself.
    pub(super) fn own_ports(&self) -> Result<[u16; 2]> {
        let port = |url: &str| Ok::<_, anyhow::Error>(url.rsplit(':').next().context("a port")?.parse()?);
        Ok([port(self.gateway.public())?, port(self.gateway.admin().base())?])
    }

    /// A grant for everything of a host.
    pub(super) fn grant(&self, name: &str, host: impl Display, port: u16, network: Option<&str>) -> Value {
        json!({
            "name": name, "scheme": "http", "host": host.to_string(), "port": port, "methods": ["GET"], "paths": ["/**"],
            "network": network, "timeout_ms": 5_000,
        })
    }

    /// Has the module ask for these under these grants.
    pub(super) async fn call(&self, urls: &[String], grants: Value) -> Result<Call> {
        let admin = self.gateway.admin();
        let module = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
        admin.put(&format!("{module}/grants"), grants).await?;
        admin.put(&format!("{module}/config"), settings(urls)).await?;
        // The same event again would be given the answer that there is.
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let fields = [
            ("SERVICE", "Order/Create".to_owned()),
            ("order_number", number.to_string()),
            ("Customer[account_number]", "9105012".to_owned()),
            ("APIAuth[API_KEY]", "key_good".to_owned()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
        let posted = post(&client()?, &self.gateway.url(TENANT, MODULE), Encoding::Form, &fields).await?;
        let outcomes = element(&posted.body, "VAR1")?.to_owned();
        ensure!(
            outcomes.len() == urls.len(),
            "{} outcomes of {}",
            outcomes.len(),
            urls.len()
        );
        let mut call = admin.newest_call(TENANT).await?;
        let exchanges = serde_json::from_value(call["exchanges"].take())?;
        Ok(Call { outcomes, exchanges })
    }

    /// Connections at canaries since the last time, which is not counted again. They wait in a queue until they are asked
    /// for, so there is nothing to wait for to see that there is none.
    pub(super) fn touched(&self) -> usize {
        let accepted = |canary: &TcpListener| std::iter::from_fn(|| canary.accept().ok()).count();
        self.canaries.iter().map(accepted).sum()
    }

    /// Where the one that may be reached sends those who ask for `/to/0`, `/to/1` and so on.
    pub(super) fn redirect_to(&self, locations: Vec<String>) {
        *self.control.locations.lock().unwrap_or_else(PoisonError::into_inner) = locations;
    }

    pub(super) fn control_connections(&self) -> usize {
        self.control.connections.load(Ordering::SeqCst)
    }
}

/// The one that may be reached, and the canaries, all on one port.
fn listeners() -> Result<(TcpListener, Vec<TcpListener>)> {
    let on = |port: u16| -> io::Result<(TcpListener, Vec<TcpListener>)> {
        let control = TcpListener::bind((CONTROL, port))?;
        let port = control.local_addr()?.port();
        let canaries = CANARIES.map(|address| TcpListener::bind((address, port)));
        let mut canaries = canaries.into_iter().collect::<io::Result<Vec<_>>>()?;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(canary) => canaries.push(canary),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A machine without IPv6 has nothing there to be reached.
            Err(_) => {}
        }
        for listener in canaries.iter().chain([&control]) {
            listener.set_nonblocking(true)?;
        }
        Ok((control, canaries))
    };
    // Somebody else may have the port at one of them.
    let mut tries = std::iter::repeat_with(|| on(0)).take(20);
    tries
        .find_map(Result::ok)
        .context("no port is free at all of the addresses")
}

/// The URLs as the guest reads them, a line each, in as few settings as hold them.
fn settings(urls: &[String]) -> Value {
    let mut lists: Vec<String> = Vec::new();
    for url in urls {
        match lists
            .last_mut()
            .filter(|list| list.len() + 1 + url.len() <= SETTING_BYTES)
        {
            Some(list) => {
                list.push('\n');
                list.push_str(url);
            }
            None => lists.push(url.clone()),
        }
    }
    let lists = lists
        .into_iter()
        .enumerate()
        .map(|(number, list)| (format!("urls.{number}"), list.into()));
    let mut settings = Map::from_iter(lists);
    settings.insert("mode".to_owned(), "fetch-all".into());
    Value::Object(settings)
}

/// A carrier that has nothing to say, and sends on who asks for it. Dropping it stops it.
struct Control {
    locations: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Control {
    fn start(listener: TcpListener) -> Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (locations, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (kept, counter) = (Arc::clone(&locations), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            let mut served = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                served.spawn(serve(stream, Arc::clone(&kept)));
                while served.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            locations,
            connections,
            task,
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, locations: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&request);
    let number = head
        .split(' ')
        .nth(1)
        .and_then(|path| path.strip_prefix("/to/")?.parse::<usize>().ok());
    let location = {
        let locations = locations.lock().unwrap_or_else(PoisonError::into_inner);
        number.and_then(|number| locations.get(number).cloned())
    };
    let answer = match location {
        Some(location) => format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"),
        None => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
