//! What can be looked up at large: all lines, their usage, and what became of an operation.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Books, Query, Refusal};
use crate::carrier::book::{Line, LineStatus, Usage};
use crate::peer::lock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesQuery {
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    /// Names with commas between them. All lines if it is absent.
    lines: Option<String>,
    cursor: Option<String>,
}

pub(super) async fn operation(State(book): Books, Path(key): Path<String>) -> Result<Json<Value>, Refusal> {
    let book = lock(&book);
    let settled = book.settled.get(&key).ok_or_else(|| {
        let message = format!("no operation {key}");
        Refusal(StatusCode::NOT_FOUND, "OPERATION_NOT_FOUND", message)
    })?;
    Ok(Json(settled.document()))
}

pub(super) async fn lines(State(book): Books, Query(query): Query<LinesQuery>) -> Result<Json<Value>, Refusal> {
    let book = lock(&book);
    let live = |line: &&Line| line.status != LineStatus::Cancelled;
    let (lines, next) = page(&book.lines, query.cursor.as_deref(), book.page_size, live)?;
    let document = |line: &Line| {
        json!({
            "subscriber_id": line.subscriber_id,
            "mdn": line.mdn,
            "iccid": line.iccid,
            "imei": line.imei,
            "plan": line.plan,
            "status": line.status,
            "reference": line.reference,
        })
    };
    let lines: Vec<_> = lines.into_iter().map(document).collect();
    Ok(Json(json!({"lines": lines, "next": next})))
}

pub(super) async fn usage(State(book): Books, Query(query): Query<UsageQuery>) -> Result<Json<Value>, Refusal> {
    let book = lock(&book);
    let asked = |usage: &&Usage| {
        let lines = query.lines.as_deref();
        lines.is_none_or(|lines| lines.split(',').any(|line| line == usage.line))
    };
    let (usage, next) = page(&book.usage, query.cursor.as_deref(), book.page_size, asked)?;
    Ok(Json(json!({"usage": usage, "next": next})))
}

/// The entries from `cursor` on that are wanted, as many as a page has, and the cursor of the next one that is. Entries
/// are never taken out, so a cursor keeps its meaning while others are being added.
fn page<'book, T>(
    entries: &'book [T],
    cursor: Option<&str>,
    size: usize,
    wanted: impl Fn(&&'book T) -> bool,
) -> Result<(Vec<&'book T>, Option<String>), Refusal> {
    let start = match cursor {
        Some(cursor) => cursor.parse().map_err(|_| {
            let message = format!("no cursor of ours: {cursor}");
            Refusal(StatusCode::UNPROCESSABLE_ENTITY, "UNKNOWN_CURSOR", message)
        })?,
        None => 0,
    };
    let from_start = entries.iter().enumerate().skip(start);
    let mut left = from_start.filter(|(_, entry)| wanted(entry));
    let page = left.by_ref().take(size).map(|(_, entry)| entry).collect();
    Ok((page, left.next().map(|(position, _)| position.to_string())))
}
