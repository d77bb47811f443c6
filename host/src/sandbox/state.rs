//! What one call's instance can see of the host.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::Module;
use super::capability::http::Outbound;
use super::capability::stdio::Lines;
use super::engine::TICK;
use super::invocation::Invocation;
use super::limiter::Limiter;
use super::log::{LogLevel, LogSink};
use crate::domain::event::Event;
use crate::domain::name::SecretName;
use crate::domain::secret::Secret;

/// Largest block of random bytes in one go. Keys and nonces are tens of bytes.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// Largest header set of one request or response, as wasmtime counts it. Carriers send hundreds of bytes.
const FIELDS_BYTES_MAX: usize = 32 << 10;

/// The documents of the event, lent to the module for the call.
pub struct PostedDocument(pub(super) Arc<Event>);

/// One call's store data.
pub struct CallState {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    /// Ticks of computing that are left to the call.
    pub(super) ticks: u64,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) secrets: Arc<BTreeMap<SecretName, Secret>>,
    pub(super) log: Arc<dyn LogSink>,
}

impl CallState {
    pub(super) fn new(invocation: &Invocation) -> Self {
        let limits = &invocation.passage.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        let wasi = WasiCtx::builder()
            .stdout(Lines::new(LogLevel::Stdout, &invocation.log))
            .stderr(Lines::new(LogLevel::Stderr, &invocation.log))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self {
            wasi,
            http,
            outbound: Outbound::new(Arc::clone(&invocation.door), Arc::clone(&invocation.passage)),
            table,
            limiter: Limiter::new(limits.memory_bytes),
            ticks: u128::from(limits.cpu_ms)
                .div_ceil(TICK.as_millis())
                .try_into()
                .unwrap_or(u64::MAX),
            config: Arc::clone(&invocation.config),
            secrets: Arc::clone(&invocation.passage.secrets),
            log: Arc::clone(&invocation.log),
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Links everything that a module may import. Done once; what a call may use is decided by its state.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Module::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}
