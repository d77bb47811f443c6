//! A job as a person reads it: where it stands, what can be done about it, and how it came to that.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::super::call::story;
use super::super::failure::Failure;
use super::super::printer::{fields, plain, table, time, word};
use crate::api::JobView;
use crate::domain::call::{CallId, CallRecord};
use crate::domain::name::TenantName;

/// How to see the rest of a listing.
pub(super) fn more(out: &mut dyn Write, next: Option<CallId>) -> io::Result<()> {
    match next {
        Some(next) => writeln!(out, "Later jobs: the same command with --after {next}"),
        None => Ok(()),
    }
}

/// What needs a person, and what each reason means.
pub(super) fn fallout(out: &mut dyn Write, tenant: &TenantName, jobs: &[JobView]) -> Result<(), Failure> {
    let reason = |job: &JobView| job.reason.as_ref().map(word).unwrap_or_default();
    let row = |job: &JobView| {
        vec![
            job.call.to_string(),
            time(job.since),
            job.module.to_string(),
            job.service.clone(),
            job.order_number.clone().unwrap_or_else(|| "-".to_owned()),
            reason(job),
            job.actions.join(", "),
        ]
    };
    let headings = ["CALL", "SINCE", "MODULE", "SERVICE", "ORDER", "REASON", "POSSIBLE NOW"];
    table(
        out,
        &headings,
        jobs.iter().map(row).collect(),
        "Nothing needs a person.",
    )?;
    let why: BTreeMap<String, &str> = jobs.iter().map(|job| (reason(job), why(job))).collect();
    if !why.is_empty() {
        writeln!(out)?;
        let rows: Vec<_> = why
            .iter()
            .map(|(reason, why)| (reason.as_str(), (*why).to_owned()))
            .collect();
        fields(out, &rows)?;
        writeln!(out, "\nThe whole story of one: patchbay job show {tenant} CALL")?;
    }
    Ok(())
}

fn why(job: &JobView) -> &str {
    job.why.as_deref().unwrap_or_default()
}

/// Everything about a job, or about a call of which the job is over.
pub(super) fn whole(
    out: &mut dyn Write,
    tenant: &TenantName,
    job: Option<&JobView>,
    call: &CallRecord,
) -> io::Result<()> {
    match job {
        Some(job) => standing(out, tenant, job)?,
        None => {
            let rows = [
                ("job", call.id.to_string()),
                ("module", format!("{tenant}/{}", call.module)),
                ("stage", "none: there is no open job for this call".to_owned()),
                ("outcome", word(&call.outcome)),
            ];
            fields(out, &rows)?;
        }
    }
    story::tell_event(out, call)?;
    story::tell_answers(out, call)?;
    story::tell_later(out, call)?;
    writeln!(
        out,
        "\nWhat was said to carriers: patchbay call show {tenant} {id}\n\
         What was done for the job: patchbay call list {tenant} --about {id}",
        id = call.id
    )
}

fn standing(out: &mut dyn Write, tenant: &TenantName, job: &JobView) -> io::Result<()> {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut rows = vec![
        ("job", job.call.to_string()),
        ("module", format!("{tenant}/{}", job.module)),
        ("order", or_none(&job.order_number)),
        ("account", or_none(&job.account_number)),
        ("stage", format!("{} since {}", job.stage, time(job.since))),
    ];
    if !why(job).is_empty() {
        rows.push(("why", why(job).to_owned()));
    }
    rows.extend(job.was.map(|was| ("before", was.to_string())));
    rows.push(("outcome", word(&job.outcome)));
    rows.push(("told", word(&job.told)));
    if job.news {
        rows.push(("news", "TeleCloud has not taken all of it yet".to_owned()));
    }
    rows.push(("attempts", job.attempts.to_string()));
    rows.push(("next", job.due.map_or_else(|| "-".to_owned(), time)));
    fields(out, &rows)?;

    writeln!(out, "\nPossible now")?;
    for action in &job.actions {
        let (options, meaning) = explained(action);
        writeln!(
            out,
            "  patchbay job {} {tenant} {}{options}\n      {meaning}",
            plain(action),
            job.call
        )?;
    }
    if job.actions.is_empty() {
        writeln!(out, "  nothing: the module is at it")?;
    }
    Ok(())
}

/// What to type after the id, and what it does.
fn explained(action: &str) -> (&'static str, &'static str) {
    match action {
        "check-again" => ("", "asks the carrier again, or tries TeleCloud again"),
        "run-again" => (
            " --it-did-not-happen",
            "runs the event again; look at the carrier first, because it would be done twice there",
        ),
        "link" => (
            " --order ORDER_NUMBER",
            "says which order it is, so that TeleCloud can be told",
        ),
        "tell" => (
            " --status STATUS",
            "tells TeleCloud how the order stands; failed and cancelled refund a pending order",
        ),
        "done" => ("", "closes it: all is done, at the carrier and at TeleCloud"),
        _ => ("", "see patchbay job --help"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tenant() -> TenantName {
        TenantName::parse("acme").expect("a name")
    }

    fn job() -> JobView {
        serde_json::from_value(json!({
            "call": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "module": "sim", "service": "Order/Create",
            "account_number": "9105012", "order_number": null, "received": "2026-11-21T09:14:05.25Z",
            "told": "pending", "stage": "fallout", "since": "2026-11-21T10:00:00Z", "reason": "not-linked",
            "why": "there is news for TeleCloud, and the number of the order is not known: link it",
            "was": "telling", "attempts": 0, "due": "2026-11-21T16:00:00Z", "news": true, "outcome": "done",
            "actions": ["check-again", "link", "done"],
        }))
        .expect("a job")
    }

    #[test]
    fn the_fallout_queue_says_why_and_what_can_be_done() {
        let mut out = Vec::new();
        fallout(&mut out, &tenant(), &[job()]).expect("written");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .collect();
        assert_eq!(
            lines[1].join(" "),
            "01KAJ3X0V5R7W2Q8N4M6B1C9DF 2026-11-21 10:00:00Z sim Order/Create - not-linked check-again, link, done"
        );
        assert_eq!(
            text.lines().nth(3),
            Some("not-linked  there is news for TeleCloud, and the number of the order is not known: link it")
        );
    }

    #[test]
    fn a_job_says_where_it_stands_what_can_be_typed_and_how_it_came_to_that() {
        let call: CallRecord = serde_json::from_value(json!({
            "id": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "module": "sim", "version": 1,
            "received": "2026-11-21T09:14:05.25Z", "micros": 12_450,
            "event": {"service": "Order/Create", "account_number": "9105012", "order_number": null, "request": null},
            "exchanges": [], "log": [], "outcome": "done", "detail": null,
            "reply": {"success": "Y", "pending": true, "vars": {}},
            "usage": {"memory_bytes": 0, "log_bytes": 0, "log_lines_dropped": 0, "requests": 1},
            "after": [
                {"at": "2026-11-21T09:20:00Z", "by": "carrier", "what": "the carrier has finished the order",
                 "run": "01KAJ3X0V5R7W2Q8N4M6B1C9DG", "outcome": "done"},
                {"at": "2026-11-21T10:00:00Z", "by": {"operator": "night\u{7} shift"}, "what": "to be checked again",
                 "outcome": "done"},
            ],
        }))
        .expect("a record");
        let mut out = Vec::new();
        whole(&mut out, &tenant(), Some(&job()), &call).expect("written");
        let expected = "\
job       01KAJ3X0V5R7W2Q8N4M6B1C9DF
module    acme/sim
order     -
account   9105012
stage     fallout since 2026-11-21 10:00:00Z
why       there is news for TeleCloud, and the number of the order is not known: link it
before    telling
outcome   done
told      pending
news      TeleCloud has not taken all of it yet
attempts  0
next      2026-11-21 16:00:00Z

Possible now
  patchbay job check-again acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF
      asks the carrier again, or tries TeleCloud again
  patchbay job link acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF --order ORDER_NUMBER
      says which order it is, so that TeleCloud can be told
  patchbay job done acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF
      closes it: all is done, at the carrier and at TeleCloud

Event
  SERVICE  Order/Create
  account  9105012
  order    -
  The request could not be read.

Answer
  SUCCESS  Y
  STATUS   PENDING

Later
  2026-11-21 09:20:00Z  the carrier: the carrier has finished the order
                        counts as done; call 01KAJ3X0V5R7W2Q8N4M6B1C9DG
  2026-11-21 10:00:00Z  night\\u{7} shift: to be checked again
                        counts as done

What was said to carriers: patchbay call show acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF
What was done for the job: patchbay call list acme --about 01KAJ3X0V5R7W2Q8N4M6B1C9DF
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
