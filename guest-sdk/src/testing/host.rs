//! The gateway that is in force in this thread, as the rest of the crate sees it.

use std::cell::RefCell;

use super::gateway::{Gateway, Reply};
use super::placeholder;
use crate::bindings::wasi::http::types::ErrorCode;
use crate::http::{Fault, Request, Response, Target};
use crate::log::Level;

thread_local! {
    static CURRENT: RefCell<Option<Gateway>> = const { RefCell::new(None) };
}

/// Runs `call` with `gateway` in force, and hands the gateway back.
pub(super) fn with<T>(gateway: Gateway, call: impl FnOnce() -> T) -> (T, Gateway) {
    CURRENT.set(Some(gateway));
    let result = call();
    (result, CURRENT.take().unwrap_or_default())
}

pub(crate) fn setting(key: &str) -> Option<String> {
    ask(|gateway| gateway.config.get(key).cloned()).flatten()
}

pub(crate) fn settings() -> Vec<(String, String)> {
    ask(|gateway| gateway.config.clone().into_iter().collect()).unwrap_or_default()
}

pub(crate) fn secret(name: &str) -> Option<String> {
    ask(|gateway| gateway.secrets.contains(name).then(|| placeholder(name))).flatten()
}

pub(crate) fn log(level: Level, message: &str) {
    ask(|gateway| gateway.log.push((level, message.to_owned())));
}

pub(crate) fn send(request: &Request, _: Target<'_>) -> Result<Response, Fault> {
    // The carrier is lent out while it thinks, so that it may itself ask for settings or write to the log.
    let carrier = ask(|gateway| {
        gateway.requests.push(request.clone());
        gateway.carrier.take()
    });
    let Some(mut carrier) = carrier.flatten() else {
        return Err(ErrorCode::HttpRequestDenied.into());
    };
    let reply = carrier(request);
    ask(|gateway| gateway.carrier = Some(carrier));
    match reply {
        Reply::Answered { status, headers, body } => {
            let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes()));
            Ok(Response::new(request, status, headers.collect(), body))
        }
        Reply::Refused => Err(ErrorCode::ConnectionRefused.into()),
        Reply::Lost => Err(ErrorCode::ConnectionTerminated.into()),
        Reply::Denied => Err(ErrorCode::HttpRequestDenied.into()),
    }
}

fn ask<T>(question: impl FnOnce(&mut Gateway) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|gateway| gateway.as_mut().map(question))
}
