//! The admin API as an operator uses it.

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Deployment, loopback};
use crate::telecloud::{API_ID_KEY, API_KEY};

/// A client of the admin API.
#[derive(Clone)]
pub struct Admin {
    base: String,
    token: String,
    client: reqwest::Client,
}

/// An answer of the admin API.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The body; null when there is none.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// For any other status, with the problem document.
    pub fn ok(self) -> anyhow::Result<Value> {
        if self.status.is_success() {
            Ok(self.body)
        } else {
            bail!("{}: {}", self.status, self.body)
        }
    }
}

impl Admin {
    /// A client with a bearer token.
    #[must_use]
    pub fn new(base: String, token: &str, client: reqwest::Client) -> Self {
        Self {
            base,
            token: token.to_owned(),
            client,
        }
    }

    /// The same API with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// The token that it sends.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where it is, without a path.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends one request with a JSON body, if any.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::answer(request).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        let response = request.send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)?
        };
        Ok(Answer { status, body })
    }

    /// GET, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await?.ok()
    }

    /// PUT, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(&body)).await?.ok()
    }

    /// POST, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(&body)).await?.ok()
    }

    /// DELETE, which has to succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, path, None).await?.ok().map(drop)
    }

    /// Uploads a component.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn upload(&self, tenant: &str, module: &str, component: Vec<u8>) -> anyhow::Result<Answer> {
        let url = format!("{}/v1/tenants/{tenant}/modules/{module}/versions", self.base);
        let request = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .header("content-type", "application/wasm");
        Self::answer(request.body(component)).await
    }

    /// Makes a module that serves: the tenant with the TeleCloud key `key_good`, the module, its settings, grants, secrets
    /// and component. Each of these may be there already.
    ///
    /// # Errors
    /// When any of it is refused.
    pub async fn deploy(&self, tenant: &str, module: &str, deployment: Deployment) -> anyhow::Result<()> {
        self.name_loopback().await?;
        let at = format!("/v1/tenants/{tenant}");
        self.put(&at, json!({ "title": tenant })).await?;
        let keys = self.get(&format!("{at}/telecloud-keys")).await?;
        if keys["items"].as_array().is_none_or(Vec::is_empty) {
            self.post(
                &format!("{at}/telecloud-keys"),
                json!({ "label": "test", "key": "key_good" }),
            )
            .await?;
        }
        let at = format!("{at}/modules/{module}");
        let settings = json!({ "title": module, "limits": deployment.limits, "handling": deployment.handling });
        self.put(&at, settings).await?;
        self.put(&format!("{at}/config"), deployment.config).await?;
        // A grant that names a client key wants it to be there.
        for (name, value) in deployment.secrets {
            self.put(&format!("{at}/secrets/{name}"), json!({ "value": value }))
                .await?;
        }
        self.put(&format!("{at}/grants"), deployment.grants).await?;
        let version = self.upload(tenant, module, deployment.component).await?.ok()?;
        self.put(&format!("{at}/active"), json!({ "version": version["number"] }))
            .await?;
        Ok(())
    }

    /// Sets how a tenant's calls to TeleCloud are made: to a fake one, with the credentials that it knows.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn set_telecloud(&self, tenant: &str, base: &str) -> anyhow::Result<()> {
        let access = json!({
            "url": format!("{base}/{{format}}/{{Service}}/{{Action}}"), "api_id_key": API_ID_KEY, "api_key": API_KEY,
            "network": "loopback",
        });
        self.name_loopback().await?;
        let path = format!("/v1/tenants/{tenant}/telecloud");
        self.put(&path, access).await.map(drop)
    }

    /// Names the network `loopback`, where carriers and TeleCloud are in tests.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn name_loopback(&self) -> anyhow::Result<()> {
        self.put("/v1/networks/loopback", json!({ "blocks": loopback().blocks }))
            .await
            .map(drop)
    }

    /// A tenant's open jobs, oldest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn jobs(&self, tenant: &str) -> anyhow::Result<Vec<Value>> {
        let mut listed = self.get(&format!("/v1/tenants/{tenant}/jobs?limit=200")).await?;
        serde_json::from_value(listed["items"].take()).context("a list")
    }

    /// Does something about a job, such as `{"action": "check-again"}`.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn act(&self, tenant: &str, job: &Value, action: Value) -> anyhow::Result<Answer> {
        let call = job["call"].as_str().context("a job has a call")?;
        let path = format!("/v1/tenants/{tenant}/jobs/{call}/actions");
        self.send(Method::POST, &path, Some(&action)).await
    }

    /// The newest call of a tenant, whole.
    ///
    /// # Errors
    /// When there is none.
    pub async fn newest_call(&self, tenant: &str) -> anyhow::Result<Value> {
        let listed = self.get(&format!("/v1/tenants/{tenant}/calls?limit=1")).await?;
        let id = listed["items"][0]["id"]
            .as_str()
            .context("no call is recorded")?
            .to_owned();
        self.get(&format!("/v1/tenants/{tenant}/calls/{id}")).await
    }
}
