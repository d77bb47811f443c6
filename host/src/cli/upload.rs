//! Uploading a component: the one request that may take minutes, or has to be made again.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;

use super::Session;
use super::failure::Failure;
use super::printer::plain;

/// A Rust component is there by then, and nobody needs to read of what is over already.
const QUIET: Duration = Duration::from_secs(2);

/// For how long a busy gateway is asked again.
const PATIENCE: Duration = Duration::from_secs(600);

/// Uploads a component, again as long as the gateway has no place for it.
pub(super) async fn upload(session: &mut Session<'_>, path: &[&str], component: Bytes) -> Result<Value, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        match once(session, path, component.clone()).await {
            Err(Failure::Busy { problem, after }) if Instant::now() + after < end => {
                let line = format!("{} Trying again in {} s.", problem.detail, after.as_secs());
                note(session.errors, &line);
                tokio::time::sleep(after).await;
            }
            other => return other,
        }
    }
}

/// Uploads it once. A person who waits is told for what.
async fn once(session: &mut Session<'_>, path: &[&str], component: Bytes) -> Result<Value, Failure> {
    let kibibytes = component.len().div_ceil(1 << 10);
    let mut sent = std::pin::pin!(session.client.post_component(path, component));
    if session.errors_are_seen {
        if let Ok(answer) = tokio::time::timeout(QUIET, sent.as_mut()).await {
            return answer;
        }
        let what = "are being sent and compiled, or wait for their turn; JavaScript and Python take a minute";
        note(session.errors, &format!("{kibibytes} KiB {what}"));
    }
    sent.await
}

fn note(errors: &mut dyn Write, line: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(errors, "patchbay: {}", plain(line));
}
