//! A call as a person reads it: what was asked, what was said to carriers and heard from them, what was answered, and what
//! happened later.

use std::io::{self, Write};

use super::super::printer::{fields, milliseconds, plain, time, word};
use crate::domain::answer::Reply;
use crate::domain::call::{CallRecord, Exchange, ExchangeEnd, Share};
use crate::domain::job::{After, By};
use crate::domain::name::TenantName;

pub(super) fn tell(out: &mut dyn Write, tenant: &TenantName, call: &CallRecord) -> io::Result<()> {
    let version = call
        .version
        .map_or_else(|| "none ran".to_owned(), |number| number.to_string());
    let mut rows = vec![
        ("call", call.id.to_string()),
        ("module", format!("{tenant}/{}", call.module)),
        ("version", version),
        ("received", call.received.to_string()),
        ("took", milliseconds(call.micros)),
        ("outcome", word(&call.outcome)),
    ];
    rows.extend(call.about.map(|about| ("about", about.to_string())));
    rows.extend(call.detail.clone().map(|detail| ("detail", detail)));
    fields(out, &rows)?;

    tell_event(out, call)?;

    for (number, exchange) in call.exchanges.iter().enumerate() {
        tell_exchange(out, number + 1, call.exchanges.len(), exchange)?;
    }

    if !call.log.is_empty() || call.usage.log_lines_dropped > 0 {
        writeln!(out, "\nLog")?;
        for line in &call.log {
            indented(out, &format!("  {:6} ", line.level), &line.message)?;
        }
        if call.usage.log_lines_dropped > 0 {
            writeln!(out, "  {} more lines were dropped", call.usage.log_lines_dropped)?;
        }
    }

    tell_answers(out, call)?;
    tell_usage(out, call)?;
    tell_later(out, call)
}

/// What was used of each limit, and which ones the module ran into.
fn tell_usage(out: &mut dyn Write, call: &CallRecord) -> io::Result<()> {
    let shares: Vec<_> = call.shares().collect();
    let usage = &call.usage;
    if shares.is_empty() {
        // No module ran, or an older gateway did not record the limits.
        return writeln!(
            out,
            "\nUsed {} bytes of memory, {} bytes of log, {} requests",
            usage.memory_bytes, usage.log_bytes, usage.requests
        );
    }
    writeln!(out, "\n{:18}{:>12}{:>12}", "Used", "", "of")?;
    for Share { limit, used, most, hit } in shares {
        let mark = if hit { "  ran into it" } else { "" };
        writeln!(out, "  {:16}{used:>12}{most:>12}{mark}", limit.as_str())?;
    }
    Ok(())
}

/// What was asked.
pub(in crate::cli) fn tell_event(out: &mut dyn Write, call: &CallRecord) -> io::Result<()> {
    writeln!(out, "\nEvent")?;
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let service = Some(call.event.service.clone()).filter(|service| !service.is_empty());
    let rows = [
        ("  SERVICE", or_none(&service)),
        ("  account", or_none(&call.event.account_number)),
        ("  order", or_none(&call.event.order_number)),
    ];
    fields(out, &rows)?;
    if call.event.request.is_null() {
        writeln!(out, "  The request could not be read.")?;
    } else {
        indented(out, "  ", &format!("{:#}", call.event.request))?;
    }
    Ok(())
}

/// What TeleCloud was told, and what the call came to if that is something else.
pub(in crate::cli) fn tell_answers(out: &mut dyn Write, call: &CallRecord) -> io::Result<()> {
    match &call.told {
        Some(told) => {
            writeln!(out, "\nAnswer at the deadline, after {}", milliseconds(told.micros))?;
            tell_reply(out, Some(&told.reply))?;
            writeln!(out, "\nCame to")?;
        }
        None => writeln!(out, "\nAnswer")?,
    }
    tell_reply(out, call.reply.as_ref())
}

/// What happened after the call, and who did it.
pub(in crate::cli) fn tell_later(out: &mut dyn Write, call: &CallRecord) -> io::Result<()> {
    if !call.after.is_empty() {
        writeln!(out, "\nLater")?;
    }
    for After {
        at,
        by,
        what,
        run,
        outcome,
    } in &call.after
    {
        let who = match by {
            By::Gateway => "the gateway",
            By::Carrier => "the carrier",
            By::Telecloud => "TeleCloud",
            By::Operator(who) => who,
        };
        indented(out, &format!("  {}  ", time(*at)), &format!("{who}: {what}"))?;
        let run = run.map(|run| format!("; call {run}")).unwrap_or_default();
        writeln!(out, "  {:20}  counts as {outcome}{run}", "")?;
    }
    Ok(())
}

fn tell_exchange(out: &mut dyn Write, number: usize, of: usize, exchange: &Exchange) -> io::Result<()> {
    let grant = match &exchange.grant {
        Some(grant) => format!("by grant {}", plain(grant)),
        None => "by no grant".to_owned(),
    };
    let took = match exchange.end {
        Some(_) => format!("took {}", milliseconds(exchange.micros)),
        None => "never ended".to_owned(),
    };
    writeln!(out, "\nExchange {number} of {of}, {grant}, {took}")?;
    let request = &exchange.request;
    indented(out, "  > ", &format!("{} {}", request.method, request.url))?;
    message(out, "  > ", &request.headers, &request.body, request.body_bytes)?;
    match &exchange.end {
        Some(ExchangeEnd::Answered { response }) => {
            writeln!(out, "  < {}", response.status)?;
            message(out, "  < ", &response.headers, &response.body, response.body_bytes)
        }
        Some(ExchangeEnd::Denied { reason }) => indented(out, "  ! denied: ", reason),
        Some(ExchangeEnd::NotSent { reason }) => indented(out, "  ! not sent: ", reason),
        Some(ExchangeEnd::NoAnswer { reason }) => indented(out, "  ! sent, and no answer: ", reason),
        None => writeln!(out, "  ! nothing is known of what came of it"),
    }
}

fn message(
    out: &mut dyn Write,
    mark: &str,
    headers: &[(String, String)],
    body: &str,
    body_bytes: u64,
) -> io::Result<()> {
    for (name, value) in headers {
        indented(out, mark, &format!("{name}: {value}"))?;
    }
    if !body.is_empty() {
        writeln!(out, "{}", mark.trim_end())?;
        indented(out, mark, body)?;
    }
    if body_bytes > body.len() as u64 {
        writeln!(out, "{mark}({body_bytes} bytes in all)")?;
    }
    Ok(())
}

fn tell_reply(out: &mut dyn Write, reply: Option<&Reply>) -> io::Result<()> {
    match reply {
        Some(Reply::Success { pending, vars }) => {
            writeln!(out, "  SUCCESS  Y")?;
            if *pending {
                writeln!(out, "  STATUS   PENDING")?;
            }
            for (index, value) in vars.iter() {
                indented(out, &format!("  {:8} ", format!("VAR{index}")), value)?;
            }
            Ok(())
        }
        Some(Reply::Failure { error }) => {
            writeln!(out, "  SUCCESS  N")?;
            indented(out, "  ERROR    ", error)
        }
        None => writeln!(out, "  none is on record"),
    }
}

/// Each line of the text after the same mark.
fn indented(out: &mut dyn Write, mark: &str, text: &str) -> io::Result<()> {
    for line in plain(text).lines() {
        writeln!(out, "{mark}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::limits::Limits;

    #[test]
    fn the_whole_story_is_told_and_cannot_command_the_terminal() {
        let call: CallRecord = serde_json::from_value(json!({
            "id": "01KAJ3X0V5R7W2Q8N4M6B1C9DF", "module": "sim", "version": 2,
            "received": "2026-11-21T09:14:05.25Z", "micros": 12_450,
            "event": {"service": "Order/Swap", "account_number": "100", "order_number": null,
                      "request": {"SERVICE": "Order/Swap"}},
            "exchanges": [
                {"grant": "carrier", "read_only": false, "started": "2026-11-21T09:14:05.26Z", "micros": 8_000,
                 "request": {"method": "POST", "url": "https://a.example/v1", "body": "{}", "body_bytes": 2,
                             "headers": [["content-type", "application/json"]]},
                 "end": {"result": "answered", "response":
                    {"status": 201, "headers": [], "body": "\u{1b}[2Jfirst\nsecond", "body_bytes": 9_000}}},
                {"grant": null, "read_only": true, "started": "2026-11-21T09:14:05.27Z", "micros": 10,
                 "request": {"method": "GET", "url": "https://b.example/", "headers": [], "body": "", "body_bytes": 0},
                 "end": {"result": "denied", "reason": "no grant for https://b.example"}},
                {"grant": "carrier", "read_only": false, "started": "2026-11-21T09:14:05.28Z", "micros": 0,
                 "request": {"method": "GET", "url": "https://a.example/", "headers": [], "body": "", "body_bytes": 0},
                 "end": null},
            ],
            "log": [{"level": "warn", "message": "one\ntwo"}],
            "outcome": "pending", "detail": "the carrier takes its time",
            "told": {"micros": 20_000_100, "reply": {"success": "N", "error": "outcome unknown and being checked"}},
            "reply": {"success": "Y", "pending": true, "vars": {"3": "2025550143"}},
            "usage": {"cpu_micros": 1_001, "memory_bytes": 65_536, "handles": 9, "host_call_bytes": 6, "requests": 2,
                      "request_bytes": 2, "response_bytes": 9_000, "sent_bytes": 2, "received_bytes": 9_000,
                      "log_bytes": 70_000, "log_lines_dropped": 4, "limits": Limits::default(),
                      "hit": ["log_bytes"]},
            "about": "01KAJ3X0V5R7W2Q8N4M6B1C9DA",
            "after": [
                {"at": "2026-11-21T09:20:00Z", "by": "gateway", "what": "the carrier has not finished the order yet",
                 "run": "01KAJ3X0V5R7W2Q8N4M6B1C9DG", "outcome": "pending"},
                {"at": "2026-11-21T10:00:00Z", "by": {"operator": "night\u{7} shift"}, "what": "closed by hand",
                 "outcome": "done"},
            ],
        }))
        .expect("a record");
        let mut out = Vec::new();
        tell(&mut out, &TenantName::parse("acme").expect("a name"), &call).expect("told");
        let expected = "\
call      01KAJ3X0V5R7W2Q8N4M6B1C9DF
module    acme/sim
version   2
received  2026-11-21T09:14:05.25Z
took      12.4 ms
outcome   pending
about     01KAJ3X0V5R7W2Q8N4M6B1C9DA
detail    the carrier takes its time

Event
  SERVICE  Order/Swap
  account  100
  order    -
  {
    \"SERVICE\": \"Order/Swap\"
  }

Exchange 1 of 3, by grant carrier, took 8.0 ms
  > POST https://a.example/v1
  > content-type: application/json
  >
  > {}
  < 201
  <
  < \\u{1b}[2Jfirst
  < second
  < (9000 bytes in all)

Exchange 2 of 3, by no grant, took 0.0 ms
  > GET https://b.example/
  ! denied: no grant for https://b.example

Exchange 3 of 3, by grant carrier, never ended
  > GET https://a.example/
  ! nothing is known of what came of it

Log
  warn   one
  warn   two
  4 more lines were dropped

Answer at the deadline, after 20000.1 ms
  SUCCESS  N
  ERROR    outcome unknown and being checked

Came to
  SUCCESS  Y
  STATUS   PENDING
  VAR3     2025550143

Used                                    of
  deadline_ms               13       20000
  cpu_ms                     2        2000
  memory_bytes           65536    67108864
  handles                    9        1000
  host_call_bytes            6    16777216
  requests                   2          20
  request_bytes              2     1048576
  response_bytes          9000     4194304
  traffic_bytes           9002    33554432
  log_bytes              70000       65536  ran into it

Later
  2026-11-21 09:20:00Z  the gateway: the carrier has not finished the order yet
                        counts as pending; call 01KAJ3X0V5R7W2Q8N4M6B1C9DG
  2026-11-21 10:00:00Z  night\\u{7} shift: closed by hand
                        counts as done
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
