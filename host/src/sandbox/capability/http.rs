//! Requests to carriers: wasi:http on the module's side, the door on the other.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::egress::{Door, DoorError, Passage, Timeouts};
use crate::sandbox::capability::held::CHUNK_BYTES;
use crate::sandbox::handed::Handed;
use crate::sandbox::meter::Meter;

/// A future that wasi:http takes.
type Boxed<T> = Box<dyn Future<Output = T> + Send>;

/// One call's way out.
pub(in crate::sandbox) struct Outbound {
    door: Arc<Door>,
    passage: Arc<Passage>,
    handed: Arc<Handed>,
    meter: Arc<Meter>,
    /// Requests that the module wanted to send.
    asked: u32,
}

impl Outbound {
    pub(in crate::sandbox) fn new(
        door: Arc<Door>,
        passage: Arc<Passage>,
        handed: Arc<Handed>,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            door,
            passage,
            handed,
            meter,
            asked: 0,
        }
    }
}

impl WasiHttpHooks for Outbound {
    /// A request says whether it is encrypted; nothing is assumed.
    fn default_scheme(&mut self) -> Option<Scheme> {
        None
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Boxed<Result<(), Error>>,
    ) -> Boxed<Result<(Response<WasiBody>, Boxed<Result<(), Error>>), Error>> {
        // The door refuses the first one over the limit, and has it recorded. Those after it are let go before anything of
        // them is held for a task that may have to wait.
        if self.asked > self.passage.limits.requests {
            return Box::new(std::future::ready(Err(Error::ConnectionLimitReached)));
        }
        self.asked = self.asked.saturating_add(1);
        let (door, passage) = (Arc::clone(&self.door), Arc::clone(&self.passage));
        let meter = Arc::clone(&self.meter);
        let handed = Arc::clone(&self.handed);
        let request = request.map(|body| {
            body.map_frame(move |frame| {
                handed.note(frame.data_ref().map_or(0, Bytes::len));
                frame
            })
        });
        let asked = options.map_or_else(Timeouts::default, |options| Timeouts {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        });
        Box::new(async move {
            let response = meter
                .run_beside(door.send(&passage, request, asked))
                .await
                .map_err(|error| guest_error(&error))?;
            let response = response.map(|body| Full::new(body).map_err(Error::from).boxed_unsync());
            // The answer is here, whole: nothing is left to be done in the background.
            Ok((response, Box::new(std::future::ready(Ok(()))) as Boxed<_>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn p2_error_from_hyper(&mut self, _: &hyper::Error) -> ErrorCode {
        // Bodies do not come from hyper here: both are whole before they are handed on.
        ErrorCode::HttpProtocolError
    }
}

/// What the module is told. Codes tell apart what was never sent from what may have arrived; the door's own sentence is in
/// the call's record.
fn guest_error(error: &DoorError) -> Error {
    match *error {
        DoorError::Denied(_) | DoorError::NotRecorded(_) => Error::HttpRequestDenied,
        DoorError::AddressDenied(_) => Error::DestinationIpProhibited,
        DoorError::UrlInvalid(_) => Error::HttpRequestUriInvalid,
        DoorError::UrlTooLong { .. } => Error::HttpRequestUriTooLong,
        DoorError::RequestHeadersTooLarge { most } => Error::HttpRequestHeaderSectionSize(u32::try_from(most).ok()),
        DoorError::RequestTooLarge { most } => Error::HttpRequestBodySize(Some(most)),
        DoorError::RequestIncomplete(_) => Error::HttpRequestBodySize(None),
        DoorError::LimitReached(_) => Error::ConnectionLimitReached,
        DoorError::DnsFailed(_) => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        DoorError::Refused(_) => Error::ConnectionRefused,
        DoorError::Unreachable(_) => Error::DestinationUnavailable,
        DoorError::ConnectTimeout(_) => Error::ConnectionTimeout,
        DoorError::TlsFailed(_) => Error::TlsProtocolError,
        DoorError::CertificateInvalid(_) => Error::TlsCertificateError,
        DoorError::Terminated(_) => Error::ConnectionTerminated,
        DoorError::ResponseTimeout(_) => Error::HttpResponseTimeout,
        DoorError::ResponseIncomplete => Error::HttpResponseIncomplete,
        DoorError::ResponseHeadersTooLarge { most_bytes, .. } => {
            Error::HttpResponseHeaderSectionSize(u32::try_from(most_bytes).ok())
        }
        DoorError::TrafficUsedUp { most } | DoorError::ResponseTooLarge { most } => {
            Error::HttpResponseBodySize(Some(most))
        }
        DoorError::ProtocolError(_) => Error::HttpProtocolError,
    }
}
