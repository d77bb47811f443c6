//! What most tests begin with: a gateway that serves one module, and a carrier.

use std::sync::Arc;
use std::time::Duration;

use patchbay_tests::carrier::{FakeCarrier, TOKEN};
use patchbay_tests::gateway::{Deployment, Gateway, guest};
use patchbay_tests::telecloud::{Encoding, Fields, Posted, client, post, scenarios};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whose module it is.
pub(super) const TENANT: &str = "acme";
/// The module.
pub(super) const MODULE: &str = "lines";

/// A gateway, a carrier, and TeleCloud.
pub(super) struct Stage {
    pub(super) gateway: Gateway,
    pub(super) carrier: FakeCarrier,
    pub(super) client: Client,
}

impl Stage {
    /// Nothing is deployed yet.
    pub(super) async fn empty(arguments: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Self {
            gateway: Gateway::start_in(folder, arguments).expect("the gateway starts"),
            carrier: FakeCarrier::start().await.expect("the carrier starts"),
            client: client().expect("a client"),
        }
    }

    /// The module is the example, with everything that it needs.
    pub(super) async fn with_sim_activation() -> Self {
        let stage = Self::empty(&[]).await;
        stage.deploy(stage.sim_activation()).await;
        stage
    }

    /// The module is the hostile one, with these settings and limits, and may POST and GET at the carrier.
    pub(super) async fn with_hostile(config: Value, limits: Value) -> Self {
        let stage = Self::empty(&[]).await;
        stage.deploy(stage.hostile(config, limits)).await;
        stage
    }

    /// The example against this carrier.
    pub(super) fn sim_activation(&self) -> Deployment {
        Deployment::sim_activation(&self.carrier.url(), TOKEN).expect("the example is built")
    }

    /// The same without the grant by which it asks what became of a request: an outcome that is unknown stays so, and
    /// nothing comes between a test and the carrier.
    pub(super) fn that_cannot_find_out(&self) -> Deployment {
        let mut module = self.sim_activation();
        let grants = module.grants.as_array_mut().expect("a list");
        grants.retain(|grant| grant["name"] != "operations");
        module
    }

    /// The hostile module against this carrier. A setting `url` or `second_url` that is only a path is one there.
    pub(super) fn hostile(&self, mut config: Value, limits: Value) -> Deployment {
        for key in ["url", "second_url"] {
            if let Some(path) = config[key].as_str().filter(|path| path.starts_with('/')) {
                config[key] = format!("{}{path}", self.carrier.url()).into();
            }
        }
        Deployment {
            config,
            limits,
            grants: json!([grant("carrier", &self.carrier)]),
            ..Deployment::of(guest("hostile").expect("the guest is built"))
        }
    }

    /// Makes this the module.
    pub(super) async fn deploy(&self, deployment: Deployment) {
        let admin = self.gateway.admin();
        admin.deploy(TENANT, MODULE, deployment).await.expect("deployed");
    }

    pub(super) fn url(&self) -> String {
        self.gateway.url(TENANT, MODULE)
    }

    /// Sends bytes over a connection of their own, and gives what comes back until it is closed. The server closes it after
    /// `Connection: close`, or because it cannot go on.
    #[expect(clippy::disallowed_methods, reason = "a test dials the gateway itself")]
    pub(super) async fn exchange(&self, bytes: &[u8], after: After) -> String {
        let address = self.gateway.public().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(bytes).await.expect("sent");
        if after == After::End {
            stream.shutdown().await.expect("ended");
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("closed in order");
        String::from_utf8(answer).expect("text")
    }

    /// Posts the order of the scenario `activate` to one of the tenant's modules.
    pub(super) async fn activate_at(&self, module: &str) -> Posted {
        let url = self.gateway.url(TENANT, module);
        let posted = post(&self.client, &url, Encoding::Form, &fields_of("activate")).await;
        posted.expect("a whole answer")
    }

    /// Posts an order to the module.
    pub(super) async fn post(&self, fields: &Fields) -> Posted {
        let posted = post(&self.client, &self.url(), Encoding::Form, fields).await;
        posted.expect("a whole answer")
    }

    /// Posts the order of the scenario `activate`.
    pub(super) async fn activate(&self) -> Posted {
        self.activate_at(MODULE).await
    }

    /// Posts the order of the scenario `activate` under this number: another event than under any other.
    pub(super) async fn activate_as(&self, number: &str) -> Posted {
        self.post(&numbered("activate", number)).await
    }

    /// The calls of the tenant in short, newest first.
    pub(super) async fn calls(&self) -> Vec<Value> {
        let path = format!("/v1/tenants/{TENANT}/calls?limit=200");
        let listed = self.gateway.admin().get(&path).await.expect("a listing");
        listed["items"].as_array().expect("a list").clone()
    }

    /// The newest call, whole.
    pub(super) async fn call(&self) -> Value {
        self.call_of(MODULE).await
    }

    /// The newest call of one of the tenant's modules, whole. What was done for a job is not meant.
    pub(super) async fn call_of(&self, module: &str) -> Value {
        let calls = self.calls().await;
        let meant = |call: &&Value| call["module"] == module && call["about"].is_null();
        let newest = calls.iter().find(meant).expect("a call");
        let path = format!("/v1/tenants/{TENANT}/calls/{}", newest["id"].as_str().expect("an id"));
        self.gateway.admin().get(&path).await.expect("a call")
    }

    /// What the process has logged, as soon as `times` of its lines say `what`. Lines come through a pipe, and so at times
    /// after the answers that they are about.
    pub(super) async fn log_that_says(&self, what: &str, times: usize) -> Vec<String> {
        let whole = async {
            loop {
                let log = self.gateway.log();
                if log.iter().filter(|line| line.contains(what)).count() >= times {
                    return log;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let log = tokio::time::timeout(Duration::from_secs(60), whole).await;
        log.expect("the log says it within a minute")
    }

    /// Nothing came near the carrier.
    pub(super) fn assert_carrier_untouched(&self) {
        assert_eq!((self.carrier.connections(), self.carrier.requests().len()), (0, 0));
    }
}

/// What a sender does once it has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Waits, ready to send more.
    Wait,
    /// Sends no more.
    End,
}

/// A grant for everything at this carrier that a test does.
pub(super) fn grant(name: &str, carrier: &FakeCarrier) -> Value {
    json!({
        "name": name, "scheme": "http", "host": "127.0.0.1", "port": carrier.address().port(),
        "methods": ["GET", "POST"], "paths": ["/**"], "network": "loopback",
    })
}

/// What a scenario posts.
pub(super) fn fields_of(scenario: &str) -> Fields {
    let scenarios = scenarios().expect("the file is valid");
    let found = scenarios.into_iter().find(|other| other.id == scenario);
    found.expect("there is such a scenario").fields
}

/// What a scenario posts, of the order of this number.
pub(super) fn numbered(scenario: &str, number: &str) -> Fields {
    with(fields_of(scenario), &[("order_number", number)])
}

/// These fields with some others, or with other values.
pub(super) fn with(mut fields: Fields, others: &[(&str, &str)]) -> Fields {
    for (name, value) in others {
        fields.insert((*name).to_owned(), (*value).to_owned());
    }
    fields
}

/// The answer is a success with exactly this after `SUCCESS`.
#[track_caller]
pub(super) fn assert_succeeded(posted: &Posted, rest: &str) {
    assert_module_xml(posted, &format!("<SUCCESS>Y</SUCCESS>{rest}"));
}

/// The answer leaves a new order open, because nobody knows yet what became of it.
#[track_caller]
pub(super) fn assert_open(posted: &Posted) {
    assert_succeeded(posted, "<STATUS>PENDING</STATUS>");
}

/// The answer is a failure with exactly this sentence, which has nothing in it that XML would escape.
#[track_caller]
pub(super) fn assert_failed(posted: &Posted, sentence: &str) {
    assert_module_xml(posted, &format!("<SUCCESS>N</SUCCESS><ERROR>{sentence}</ERROR>"));
    let document = roxmltree::Document::parse(&posted.body).expect("well-formed");
    let texts: Vec<_> = document.root_element().children().map(|child| child.text()).collect();
    assert_eq!(texts, [Some("N"), Some(sentence)]);
}

#[track_caller]
fn assert_module_xml(posted: &Posted, content: &str) {
    let expected = Posted {
        status: 200,
        content_type: Some("text/xml; charset=utf-8".to_owned()),
        body: format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MODULE>{content}</MODULE>"),
    };
    assert_eq!(*posted, expected);
}

/// The record ended so; gives the detail.
#[track_caller]
pub(super) fn detail_of<'a>(call: &'a Value, outcome: &str) -> &'a str {
    assert_eq!(call["outcome"], outcome, "{call:#}");
    call["detail"].as_str().unwrap_or_default()
}
