//! A new password: what is asked of the gateway, and what is refused before.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::StatusCode;
use serde_json::{Value, json};
use ulid::Ulid;

use super::world::{ADMIN, World};
use crate::domain::call::CallId;
use crate::domain::tenant::Scope;
use crate::gateway::{ChangePassword, NotRun, Passwords};

const PASSWORD: &str = "/v1/tenants/acme/orders/{order}/password";

/// Changes nothing, and remembers what it was asked.
pub(super) struct Asked {
    /// A call that was done.
    call: CallId,
    all: Mutex<Vec<ChangePassword>>,
}

impl Asked {
    pub(super) fn in_call(call: &str) -> Self {
        Self {
            call: CallId(Ulid::from_string(call).expect("an id")),
            all: Mutex::default(),
        }
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.all.lock().expect("whole").is_empty()
    }
}

#[async_trait]
impl Passwords for Asked {
    async fn change(self: Arc<Self>, asked: ChangePassword) -> Result<CallId, NotRun> {
        self.all.lock().expect("whole").push(asked);
        Ok(self.call)
    }
}

#[tokio::test]
async fn the_gateway_is_asked_for_the_order_on_record_in_the_name_of_the_token() {
    let world = World::new().await;
    let token = world.token("acme", &[Scope::Operate]).await;
    let body = json!({"password": "canary-new"});
    let answer = world.send("POST", PASSWORD, &token, Some(&body)).await;
    assert_eq!(answer.body, json!({"call": world.call}));
    let asked = world.passwords.all.lock().expect("whole");
    let [asked] = asked.as_slice() else {
        panic!("asked once: {asked:?}");
    };
    assert_eq!(asked.tenant.as_str(), "acme");
    assert_eq!(asked.order.order_number.as_deref(), Some("4711"));
    assert_eq!(
        asked.order.vars.get(6),
        Some("canary-pin"),
        "the module gets it unmasked"
    );
    assert!(asked.who.starts_with("token "), "{}", asked.who);
    assert!(!format!("{asked:?}").contains("canary-new"));
}

#[tokio::test]
async fn what_is_no_password_of_an_order_is_refused_and_not_said_back() {
    let world = World::new().await;
    let form = "The body must be {\"password\": ";
    let short = "password must have 4 characters or more";
    let rows: [(&str, Value, u16, &str, &str); 6] = [
        (PASSWORD, json!({"password": "abc"}), 422, "invalid-field", short),
        (
            PASSWORD,
            json!({"password": "x".repeat(1025)}),
            422,
            "invalid-field",
            short,
        ),
        (PASSWORD, json!({"password": ["canary"]}), 422, "invalid-field", form),
        (PASSWORD, json!({"canary": "canary"}), 422, "invalid-field", form),
        (PASSWORD, json!("canary"), 422, "invalid-field", form),
        (
            "/v1/tenants/acme/orders/4711/password",
            json!({"password": "canary"}),
            404,
            "order-not-found",
            "4711",
        ),
    ];
    for (path, body, status, code, detail) in rows {
        let answer = world.send("POST", path, ADMIN, Some(&body)).await;
        let said = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &json!(code)),
            "{body}: {said}"
        );
        assert!(said.contains(detail), "{body}: {said}");
        assert!(!said.contains("canary"), "{said}");
    }
    assert!(world.passwords.all.lock().expect("whole").is_empty());
    let there = world.send("GET", "/v1/tenants/acme/orders/{order}", ADMIN, None).await;
    assert_eq!(there.status, StatusCode::OK);
}
