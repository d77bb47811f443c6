//! What modules in tests are set up with.

use anyhow::Context;
use serde_json::{Value, json};

use super::guest;
use patchbay::domain::network::Network;

/// The network where carriers and TeleCloud are in tests.
#[must_use]
pub fn loopback() -> Network {
    let loopback = json!({ "name": "loopback", "blocks": ["127.0.0.0/8", "::1/128"] });
    serde_json::from_value(loopback).expect("the text above is a network")
}

/// What a module is set up with.
pub struct Deployment {
    /// The component.
    pub component: Vec<u8>,
    /// Its settings: an object of texts.
    pub config: Value,
    /// Its grants: a list.
    pub grants: Value,
    /// Its secrets by name.
    pub secrets: Vec<(String, String)>,
    /// Its limits; those not named are the default.
    pub limits: Value,
    /// How its events are handled; what is not named is the default. The fake carrier acts on a request at once or never,
    /// so that nothing has to settle.
    pub handling: Value,
}

impl Deployment {
    /// A component with nothing set and nothing granted.
    #[must_use]
    pub fn of(component: Vec<u8>) -> Self {
        Self {
            component,
            config: json!({}),
            grants: json!([]),
            secrets: Vec::new(),
            limits: json!({}),
            handling: json!({ "settle_s": 0 }),
        }
    }

    /// The sample activation module against a carrier at `base`, with everything it needs.
    ///
    /// # Errors
    /// When the example is not built.
    pub fn sim_activation(base: &str, token: &str) -> anyhow::Result<Self> {
        let port: u16 = base.rsplit(':').next().context("no port")?.parse()?;
        let grant = |name: &str, methods: Value, paths: Value| {
            json!({
                "name": name, "scheme": "http", "host": "127.0.0.1", "port": port, "methods": methods, "paths": paths,
                "secrets": ["carrier-token"], "network": "loopback", "timeout_ms": 15_000,
            })
        };
        let mut passwords = grant("passwords", json!(["PUT"]), json!(["/v1/lines/{line}/password"]));
        passwords["actions"] = json!(["change-password"]);
        passwords["secrets"] = json!(["carrier-token", "new-password"]);
        Ok(Self {
            config: json!({
                "carrier_url": base,
                "plan.VZW-15GB-UNLTT": "unlimited-15",
                "plan.DATA-1GB": "data-1",
            }),
            grants: json!([
                grant("orders", json!(["POST"]), json!(["/v1/activations", "/v1/port-ins"])),
                passwords,
                grant(
                    "lines",
                    json!(["GET", "PUT", "POST", "DELETE"]),
                    json!(["/v1/lines/**"])
                ),
                grant("ports", json!(["GET", "PUT"]), json!(["/v1/port-ins/{activation_id}"])),
                grant("operations", json!(["GET"]), json!(["/v1/operations/{key}"])),
            ]),
            secrets: vec![("carrier-token".to_owned(), token.to_owned())],
            ..Self::of(guest("sim-activation")?)
        })
    }
}
