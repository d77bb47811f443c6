//! What the gateway is compared with: a handler that parses and answers, and the carrier that both ask.
#![expect(clippy::print_stdout, reason = "the one line that it prints is its URL")]

use std::collections::BTreeMap;

use anyhow::Result;
use axum::extract::{Form, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use patchbay_tests::telecloud::client;
use serde_json::json;
use tokio::net::TcpListener;

const ANSWER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MODULE><SUCCESS>Y</SUCCESS></MODULE>";

/// Parses the form, asks the carrier if there is one, and answers.
pub(crate) async fn bare(carrier: Option<String>) -> Result<()> {
    let carrier = carrier
        .map(|url| Ok::<_, anyhow::Error>((client()?, url)))
        .transpose()?;
    let handler = async |State(carrier): State<Option<(reqwest::Client, String)>>,
                         Form(order): Form<BTreeMap<String, String>>| {
        if let Some((client, url)) = carrier {
            let body = json!({ "reference": order.get("VAR1") });
            let answered = client.post(url).json(&body).send().await;
            if !answered.is_ok_and(|response| response.status().is_success()) {
                return "the carrier did not answer".into_response();
            }
        }
        ([(CONTENT_TYPE, "text/xml; charset=utf-8")], ANSWER).into_response()
    };
    serve(Router::new().route("/", post(handler)).with_state(carrier)).await
}

/// Answers every POST at once.
pub(crate) async fn carrier() -> Result<()> {
    serve(Router::new().route("/", post(async || Json(json!({ "status": "ACTIVE" }))))).await
}

async fn serve(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}
