//! Using wasi:http against its rules, one rule at a time, as no library does. The setting `rule` says which:
//!
//! | rule | what it does |
//! |---|---|
//! | `lengths` | gives a request two lengths, one after the other and both at once |
//! | `no-length` | gives a request lengths that are no numbers |
//! | `lost-body` | announces a body and sends a request without one |
//! | `short-body` | announces more than it writes |
//! | `long-body` | announces less than it writes |
//! | `paths` | gives a request paths that would address another host |
//! | `flood` | writes more at once than it was told that it may |
//! | `empty` | writes nothing, 20,000 times |
//! | `trailers` | ends a body with trailers |
//! | `timeouts` | asks for time limits of zero |
//! | `fields` | makes 40,000 header fields at once |
//! | `appended` | makes 40,000 header fields one by one |
//!
//! Answers done, with the status that the carrier gave as VAR1, if it gave one, and what it was told as VAR2. What was let
//! through that must not be is rejected, and says so.

use patchbay_module::bindings::wasi::http::outgoing_handler;
use patchbay_module::bindings::wasi::http::types::{
    ErrorCode, Fields, HeaderError, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use patchbay_module::{Answer, Failure, Outcome, config};

/// As many as the `http` crate panics at, and some more.
const FIELDS: usize = 40_000;

/// Empty writes.
const WRITES: usize = 20_000;

pub(crate) fn cross() -> Outcome {
    let rule = config::require("rule")?;
    match rule.as_str() {
        "lengths" => lengths(),
        "no-length" => no_length(),
        "lost-body" => lost_body(),
        "short-body" => exchange(
            request(&[("content-length", "5")])?,
            |body| write(body, b"12"),
            None,
            None,
        ),
        "long-body" => exchange(
            request(&[("content-length", "2")])?,
            |body| write(body, b"12345"),
            None,
            None,
        ),
        "paths" => paths(),
        "flood" => flood(),
        "empty" => exchange(request(&[])?, nothing_often, None, None),
        "trailers" => {
            let trailers = fields(&[("x-trailer", "late"), ("content-length", "5")])?;
            exchange(request(&[])?, |body| write(body, b"{}"), Some(trailers), None)
        }
        "timeouts" => exchange(request(&[])?, |body| write(body, b"{}"), None, Some(no_time()?)),
        "fields" => fields_at_once(),
        "appended" => fields_one_by_one(),
        other => Err(Failure::rejected(format!("No such rule: {other}"))),
    }
}

fn told(what: impl std::fmt::Debug) -> Answer {
    Answer::done().var(2, format!("{what:?}"))
}

fn let_through(what: &str) -> Failure {
    Failure::rejected(format!("let through: {what}"))
}

fn fields(entries: &[(&str, &str)]) -> Result<Fields, Failure> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Fields::from_list(&entries).map_err(|error| Failure::rejected(format!("fields: {error:?}")))
}

/// A POST to the setting `authority`, in clear text.
fn request(headers: &[(&str, &str)]) -> Result<OutgoingRequest, Failure> {
    let request = OutgoingRequest::new(fields(headers)?);
    let authority = config::require("authority")?;
    request
        .set_method(&Method::Post)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(&authority)))
        .and_then(|()| request.set_path_with_query(Some("/v1/a")))
        .map_err(|()| Failure::rejected("the authority is not valid"))?;
    Ok(request)
}

fn lengths() -> Outcome {
    let headers = Fields::new();
    let value = |digits: &str| digits.as_bytes().to_vec();
    let appended = headers
        .append("content-length", &value("2"))
        .and_then(|()| headers.append("Content-Length", &value("5")));
    let at_once = headers.set("content-length", &[value("2"), value("5")]);
    let listed = Fields::from_list(&[
        ("content-length".to_owned(), value("2")),
        ("content-length".to_owned(), value("5")),
    ]);
    match (appended, at_once, listed) {
        (Err(first), Err(second), Err(third)) => Ok(told((first, second, third))),
        _ => Err(let_through("two lengths")),
    }
}

fn no_length() -> Outcome {
    for text in ["+5", "-5", " 5", "0x5", "5,5", ""] {
        let listed = Fields::from_list(&[("content-length".to_owned(), text.as_bytes().to_vec())]);
        let refused = match listed {
            Err(HeaderError::InvalidSyntax) => true,
            Err(_) => false,
            Ok(headers) => OutgoingRequest::new(headers).body().is_err(),
        };
        if !refused {
            return Err(let_through(text));
        }
    }
    Ok(told("refused"))
}

fn lost_body() -> Outcome {
    match outgoing_handler::handle(request(&[("content-length", "5")])?, None) {
        Err(error) => Ok(told(error)),
        Ok(_) => Err(let_through("a length without a body")),
    }
}

fn paths() -> Outcome {
    let request = OutgoingRequest::new(Fields::new());
    for path in [
        "http://evil.example/",
        "//\u{7f}",
        "*",
        "x",
        "evil.example:80",
        "/a b",
        "/a\r\nhost: b",
    ] {
        if request.set_path_with_query(Some(path)).is_ok() {
            return Err(let_through(path));
        }
    }
    Ok(told("refused"))
}

/// The host ends the instance for this, so nothing after it runs.
fn flood() -> Outcome {
    let request = request(&[])?;
    let body = request.body().map_err(|()| let_through("no body"))?;
    let stream = body.write().map_err(|()| let_through("no stream"))?;
    let may = stream.check_write().map_err(|_| let_through("no permit"))?;
    let more = usize::try_from(may).unwrap_or(usize::MAX).saturating_add(1);
    let written = stream.write(&vec![0; more]);
    Err(let_through(&format!("{written:?}")))
}

fn no_time() -> Result<RequestOptions, Failure> {
    let options = RequestOptions::new();
    options
        .set_connect_timeout(Some(0))
        .and_then(|()| options.set_first_byte_timeout(Some(0)))
        .and_then(|()| options.set_between_bytes_timeout(Some(0)))
        .map_err(|()| Failure::rejected("no time limits"))?;
    Ok(options)
}

// The host ends the instance for these too.

fn fields_at_once() -> Outcome {
    let listed: Vec<_> = (0..FIELDS).map(|number| (format!("x{number}"), Vec::new())).collect();
    let fields = Fields::from_list(&listed);
    Err(let_through(&format!("{fields:?}")))
}

fn fields_one_by_one() -> Outcome {
    let headers = Fields::new();
    for number in 0..FIELDS {
        if let Err(error) = headers.append(&format!("x{number}"), &[]) {
            return Ok(told(error));
        }
    }
    Err(let_through("too many fields"))
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    stream
        .blocking_write_and_flush(bytes)
        .map_err(|error| format!("{error:?}"))
}

fn nothing_often(body: &OutgoingBody) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream".to_owned())?;
    for _ in 0..WRITES {
        while stream.check_write().map_err(|error| format!("{error:?}"))? == 0 {
            stream.subscribe().block();
        }
        stream.write(&[]).map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

/// Sends a request, writes its body and waits for the answer.
fn exchange(
    request: OutgoingRequest,
    fill: impl FnOnce(&OutgoingBody) -> Result<(), String>,
    trailers: Option<Fields>,
    options: Option<RequestOptions>,
) -> Outcome {
    let body = request.body().map_err(|()| Failure::rejected("no body"))?;
    let future = match outgoing_handler::handle(request, options) {
        Ok(future) => future,
        Err(error) => return Ok(told(error)),
    };
    let filled = fill(&body);
    let finished = OutgoingBody::finish(body, trailers);
    let answered: Result<u16, ErrorCode> = loop {
        match future.get() {
            Some(Ok(answer)) => break answer.map(|response| response.status()),
            Some(Err(())) => return Err(Failure::rejected("answered twice")),
            None => future.subscribe().block(),
        }
    };
    match answered {
        Ok(status) => Ok(told((filled, finished)).var(1, status.to_string())),
        Err(error) => Ok(told((filled, finished, error))),
    }
}
