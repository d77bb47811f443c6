//! What one call's instance can see of the host.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::Module;
use super::capability::held;
use super::capability::http::Outbound;
use super::capability::stdio::Lines;
use super::handed::Handed;
use super::invocation::Invocation;
use super::limiter::{HeldTooMuch, Limiter};
use super::log::{LogLevel, LogSink};
use super::meter::Meter;
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
    pub(super) handed: Arc<Handed>,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) secrets: Arc<BTreeMap<SecretName, Secret>>,
    pub(super) log: Arc<dyn LogSink>,
}

impl CallState {
    pub(super) fn new(invocation: &Invocation, meter: &Arc<Meter>) -> Self {
        let limits = &invocation.passage.limits;
        let handed = Arc::<Handed>::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(usize::try_from(limits.handles).unwrap_or(usize::MAX));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        let wasi = WasiCtx::builder()
            .stdout(Lines::new(LogLevel::Stdout, &invocation.log, &handed))
            .stderr(Lines::new(LogLevel::Stderr, &invocation.log, &handed))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self {
            wasi,
            http,
            outbound: Outbound::new(
                Arc::clone(&invocation.door),
                Arc::clone(&invocation.passage),
                Arc::clone(&handed),
                Arc::clone(meter),
            ),
            table,
            limiter: Limiter::new(limits.memory_bytes),
            handed,
            config: Arc::clone(&invocation.config),
            secrets: Arc::clone(&invocation.passage.secrets),
            log: Arc::clone(&invocation.log),
        }
    }

    /// Counts bytes that are about to be held for the module, in its resources.
    pub(super) fn hold(&mut self, bytes: usize) -> Result<(), HeldTooMuch> {
        self.limiter.hold(bytes, || held::in_all(&mut self.table))
    }

    /// Most resources that were held at once. Asked last: nothing can be held afterwards.
    pub(super) fn most_resources(&mut self) -> usize {
        most_held(&mut self.table)
    }
}

/// A place of the table that became free is taken again before there is another, and none is ever given up: with the free
/// ones filled, there are as many as there ever were.
fn most_held(table: &mut ResourceTable) -> usize {
    table.set_max_capacity(0);
    while table.push(()).is_ok() {}
    table.iter_mut().count()
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
    held::count(&mut linker)?;
    Module::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_were_held_at_once_are_counted_whatever_was_let_go_since() {
        assert_eq!(most_held(&mut ResourceTable::new()), 0);
        for (first, gone, more, most) in [(5, 0, 0, 5), (5, 5, 0, 5), (5, 3, 2, 5), (5, 3, 7, 9), (1, 1, 1, 1)] {
            let mut table = ResourceTable::new();
            let mut held: Vec<_> = (0..first).map(|number| table.push(number).expect("room")).collect();
            for resource in held.drain(..gone) {
                table.delete(resource).expect("it is there");
            }
            held.extend((0..more).map(|number| table.push(number).expect("room")));
            assert_eq!(most_held(&mut table), most, "{first} held, {gone} let go, {more} more");
        }
    }
}
