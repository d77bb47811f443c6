//! What the gateway holds for a module's requests: header sets, texts, and bodies that are not on their way yet.
//!
//! wasmtime bounds how many resources there are, and not what is in them. So every function of wasi:http that makes one
//! larger is linked again here, in front of the one that does the work: it counts the bytes against the memory that the
//! instance may have, and ends the instance that wants more.

use http::HeaderMap;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, Host, HostFields, HostOutgoingBody, HostOutgoingRequest, HostOutgoingResponse, Method,
};
use wasmtime_wasi_http::p2::body::HostOutgoingBody as Body;
use wasmtime_wasi_http::p2::types::{
    HostIncomingResponse as Incoming, HostOutgoingRequest as Outgoing, HostOutgoingResponse as Response,
};
use wasmtime_wasi_http::{FieldMap, WasiHttpView};

use crate::sandbox::state::CallState;

/// The interface, as wasmtime names it.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Most bytes of a body that are taken at once.
pub(super) const CHUNK_BYTES: usize = 16 << 10;

/// Of a body that nobody reads yet, this is held: wasmtime takes one chunk more than the one that it is told.
const BODY_BYTES: usize = 2 * CHUNK_BYTES;

/// What a header takes besides its texts: its place in the set, which may have room for as many again.
const FIELD_BYTES: usize = 144;

/// Longest method. WebDAV's are the longest that are registered, with up to 17 characters.
const METHOD_BYTES_MAX: usize = 32;

/// Longest authority: a host name, and a port.
const AUTHORITY_BYTES_MAX: usize = 253 + ":65535".len();

/// Longest path with a query. It is twice what the door lets out, so that what is somewhat too long gets there and is on
/// record with the reason.
const PATH_BYTES_MAX: usize = 16 << 10;

type Set<T> = Result<T, ()>;
type Fields<T> = Result<T, types::HeaderError>;

/// What all resources of an instance hold together. A header set counts as often as it is open.
pub(in crate::sandbox) fn in_all(table: &mut ResourceTable) -> usize {
    let body = |open: bool| if open { BODY_BYTES } else { 0 };
    let held = table.iter_mut().map(|entry| {
        if let Some(fields) = entry.downcast_ref::<FieldMap>() {
            fields_bytes(fields)
        } else if let Some(request) = entry.downcast_ref::<Outgoing>() {
            let method = match &request.method {
                Method::Other(method) => method.len(),
                _ => 0,
            };
            let texts = method + text_bytes(request.authority.as_ref()) + text_bytes(request.path_with_query.as_ref());
            texts + fields_bytes(&request.headers) + body(request.body.is_some())
        } else if let Some(response) = entry.downcast_ref::<Response>() {
            fields_bytes(&response.headers) + body(response.body.is_some())
        } else if let Some(response) = entry.downcast_ref::<Incoming>() {
            fields_bytes(&response.headers)
        } else {
            0
        }
    });
    held.sum()
}

fn fields_bytes(fields: &HeaderMap) -> usize {
    let texts: usize = fields
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    // Second values of a name have a place of their own.
    texts + (fields.capacity() + fields.len() - fields.keys_len()) * FIELD_BYTES
}

fn text_bytes(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

fn field_bytes(name: &str, value: &[u8]) -> usize {
    name.len() + value.len() + FIELD_BYTES
}

/// Puts the counting functions in front of wasmtime's own.
pub(in crate::sandbox) fn count(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    count_fields(linker)?;
    count_texts(linker)?;
    count_bodies(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn count_fields(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type Named<T> = (Resource<FieldMap>, String, T);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[static]fields.from-list",
        |mut store: StoreContextMut<'_, CallState>, (list,): (Vec<(String, Vec<u8>)>,)| {
            let state = store.data_mut();
            state.hold(list.iter().map(|(name, value)| field_bytes(name, value)).sum())?;
            let made = HostFields::from_list(&mut state.http(), list);
            Ok((told(state, made)?,))
        },
    )?;
    types.func_wrap(
        "[method]fields.set",
        |mut store: StoreContextMut<'_, CallState>, (fields, name, values): Named<Vec<Vec<u8>>>| {
            let state = store.data_mut();
            state.hold(values.iter().map(|value| field_bytes(&name, value)).sum())?;
            let done = HostFields::set(&mut state.http(), fields, name, values);
            Ok((told(state, done)?,))
        },
    )?;
    types.func_wrap(
        "[method]fields.append",
        |mut store: StoreContextMut<'_, CallState>, (fields, name, value): Named<Vec<u8>>| {
            let state = store.data_mut();
            state.hold(field_bytes(&name, &value))?;
            let done = HostFields::append(&mut state.http(), fields, name, value);
            Ok((told(state, done)?,))
        },
    )?;
    types.func_wrap(
        "[method]fields.clone",
        |mut store: StoreContextMut<'_, CallState>, (fields,): (Resource<FieldMap>,)| {
            let state = store.data_mut();
            let bytes = fields_bytes(state.table.get(&fields)?);
            state.hold(bytes)?;
            Ok((HostFields::clone(&mut state.http(), fields)?,))
        },
    )
}

/// A function's word on header sets, as a module is told it.
fn told<T>(state: &mut CallState, done: HeaderResult<T>) -> wasmtime::Result<Fields<T>> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(error) => Host::convert_header_error(&mut state.http(), error).map(Err),
    }
}

fn count_texts(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type With<T> = (Resource<Outgoing>, T);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, CallState>, (request, method): With<Method>| {
            let state = store.data_mut();
            if let Method::Other(other) = &method {
                if other.len() > METHOD_BYTES_MAX {
                    return Ok((Set::Err(()),));
                }
                state.hold(other.len())?;
            }
            Ok((HostOutgoingRequest::set_method(&mut state.http(), request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, CallState>, (request, authority): With<Option<String>>| {
            let (state, bytes) = (store.data_mut(), text_bytes(authority.as_ref()));
            if bytes > AUTHORITY_BYTES_MAX {
                return Ok((Set::Err(()),));
            }
            state.hold(bytes)?;
            Ok((HostOutgoingRequest::set_authority(
                &mut state.http(),
                request,
                authority,
            )?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: StoreContextMut<'_, CallState>, (request, path): With<Option<String>>| {
            let (state, bytes) = (store.data_mut(), text_bytes(path.as_ref()));
            if bytes > PATH_BYTES_MAX {
                return Ok((Set::Err(()),));
            }
            state.hold(bytes)?;
            Ok((HostOutgoingRequest::set_path_with_query(
                &mut state.http(),
                request,
                path,
            )?,))
        },
    )
}

fn count_bodies(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.body",
        |mut store: StoreContextMut<'_, CallState>, (request,): (Resource<Outgoing>,)| {
            let state = store.data_mut();
            state.hold(BODY_BYTES)?;
            Ok((HostOutgoingRequest::body(&mut state.http(), request)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-response.body",
        |mut store: StoreContextMut<'_, CallState>, (response,): (Resource<Response>,)| {
            let state = store.data_mut();
            state.hold(BODY_BYTES)?;
            Ok((HostOutgoingResponse::body(&mut state.http(), response)?,))
        },
    )?;
    types.func_wrap(
        "[static]outgoing-body.finish",
        |mut store: StoreContextMut<'_, CallState>, (body, trailers): (Resource<Body>, Option<Resource<FieldMap>>)| {
            let state = store.data_mut();
            // The door lets no trailers out. In the body, nobody would see that they are held.
            if let Some(trailers) = trailers {
                state.table.delete(trailers)?;
            }
            let finished = HostOutgoingBody::finish(&mut state.http(), body, None);
            let finished: Result<(), ErrorCode> = match finished {
                Ok(()) => Ok(()),
                Err(error) => Err(Host::convert_error_code(&mut state.http(), error)?),
            };
            Ok((finished,))
        },
    )
}
