//! In the gateway: the component's imports.

use crate::bindings::patchbay::module::{config, log as lines};
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme,
    http_error_code,
};
use crate::bindings::wasi::io::streams::StreamError;
use crate::http::{Fault, Request, Response, Target};
use crate::log::Level;

/// Most that one write may take, as wasi:io says, in bytes.
const WRITE_BYTES: usize = 4096;
/// Most to ask for in one read, in bytes: a small part of the memory that a module starts with.
const READ_BYTES: u64 = 32 << 10;

pub(crate) fn setting(key: &str) -> Option<String> {
    config::get(key)
}

pub(crate) fn settings() -> Vec<(String, String)> {
    config::all()
}

pub(crate) fn secret(name: &str) -> Option<String> {
    config::secret(name)
}

pub(crate) fn log(level: Level, message: &str) {
    lines::write(level, message);
}

/// Has a panic say in the record of the call where it came from and why. Where there is no standard error, or with the
/// hook that the standard library brings, an instance ends without a word.
pub(super) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("without a message");
        log(Level::Error, &format!("panicked at {place}: {why}"));
    }));
}

pub(crate) fn send(request: &Request, target: Target<'_>) -> Result<Response, Fault> {
    let (outgoing, body) = outgoing(request, target)?;
    let future = outgoing_handler::handle(outgoing, None)?;
    // A carrier may answer before it has read everything, so a body that cannot be written is no failure yet: the
    // response, or the want of one, tells.
    let _ = write(body, request.body_bytes());
    let response = wait(&future)?;
    let headers = response.headers().entries();
    let body = read(response.consume())?;
    Ok(Response::new(request, response.status(), headers, body))
}

fn outgoing(request: &Request, target: Target<'_>) -> Result<(OutgoingRequest, OutgoingBody), Fault> {
    let headers = Fields::new();
    for (name, value) in request.headers() {
        headers
            .append(name, value.as_bytes())
            .map_err(|error| Fault::not_sent(format!("header {name}: {error:?}")))?;
    }
    // Some carriers refuse a body of unstated length, and a POST that does not say it has none.
    if !matches!(request.method(), "GET" | "DELETE") || !request.body_bytes().is_empty() {
        let length = request.body_bytes().len().to_string();
        headers
            .append("content-length", length.as_bytes())
            .map_err(|error| Fault::not_sent(format!("header content-length: {error:?}")))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if target.https { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&method(request.method()))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(target.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(target.path_with_query)))
        .and_then(|()| outgoing.body())
        .map(|body| (outgoing, body))
        .map_err(|()| Fault::not_sent("the URL is not valid"))
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), ()> {
    // The stream belongs to the body and has to go before it.
    {
        let stream = body.write()?;
        for chunk in bytes.chunks(WRITE_BYTES) {
            stream.blocking_write_and_flush(chunk).map_err(|_| ())?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|_| ())
}

fn wait(future: &FutureIncomingResponse) -> Result<crate::bindings::wasi::http::types::IncomingResponse, Fault> {
    let answered_twice = || Fault::sent("the answer was taken already");
    loop {
        match future.get() {
            Some(answer) => return Ok(answer.map_err(|()| answered_twice())??),
            None => future.subscribe().block(),
        }
    }
}

fn read(body: Result<IncomingBody, ()>) -> Result<Vec<u8>, Fault> {
    let taken = |()| Fault::sent("the answer's body was taken already");
    let body = body.map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(chunk) if bytes.is_empty() => bytes = chunk,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                // Whatever the code is, the request was sent: a part of the answer is here.
                let code = http_error_code(&error).unwrap_or(ErrorCode::HttpResponseIncomplete);
                return Err(Fault::sent(Fault::from(code).cause));
            }
        }
    }
}
