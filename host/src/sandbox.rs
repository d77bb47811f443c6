//! Runs components: the only place that knows wasmtime.
//!
//! Each call gets a fresh instance from a pool and nothing but what its [`Ask`] and its [`Invocation`] hold: settings, the
//! documents of an event, a log, clocks, randomness, and the door out. There is no file system and no network behind the WASI
//! interfaces that guest toolchains import all the same.
//!
//! What may go wrong is told apart everywhere: a module's own answer or failure is `Ok`, a [`Fault`] is the module breaking
//! a rule, and neither stops the process.

mod artifact;
mod ask;
mod bindings;
mod capability;
mod cpu;
mod engine;
mod exports;
mod handed;
mod inspect;
mod invocation;
mod limiter;
mod log;
mod refusal;
mod state;
mod words;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Semaphore;
use wasmtime::component::{InstancePre, Linker};

use crate::domain::module::Digest;
use crate::vault::Vault;
use artifact::Artifacts;
use engine::EpochTicker;
use exports::Exports;
use state::CallState;

pub use ask::{Ask, Check, Find, Handle, ListSubscribers, ReadUsage, Receive};
pub use exports::Export;
pub use inspect::{Inspection, UploadRefused};
pub use invocation::{Fault, Invocation, Over, Ran};
pub use log::{LogLevel, LogSink};

/// What the sandbox is set up with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Calls that run at the same time. Each holds a slot of the pool; one more waits for a slot until its own deadline.
    pub concurrent_calls: u32,
    /// Folder of compiled components. What is there was made here, and is made again if it is lost or changed.
    pub artifacts: PathBuf,
}

/// Components that are worked on at once: read, checked, compiled. Compiling takes a core and some hundred MiB for as long as
/// it lasts, and calls need theirs.
const WORKED_ON_MAX: usize = 2;

/// Compiles components and runs calls of them.
pub struct Sandbox {
    engine: wasmtime::Engine,
    linker: Linker<CallState>,
    artifacts: Artifacts,
    /// By digest, so that a component that many modules use is compiled and held once.
    prepared: Mutex<HashMap<Digest, Weak<Prepared>>>,
    slots: Arc<Semaphore>,
    work: Arc<Semaphore>,
    _ticker: EpochTicker,
}

/// A component that is ready to be instantiated: compiled, linked, its exports looked up.
pub struct Prepared {
    component: InstancePre<CallState>,
    exports: Exports,
}

impl Prepared {
    /// Whether the component exports this interface besides its handler.
    #[must_use]
    pub fn exports(&self, export: Export) -> bool {
        self.exports.has(export)
    }
}

/// Why a component cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It is not what a module has to be. The sentence is for the integrator.
    #[error(transparent)]
    Refused(#[from] UploadRefused),
    /// The compiler or the disk failed.
    #[error("the component could not be compiled: {0}")]
    Failed(String),
}

impl Sandbox {
    /// Sets up the engine, the pool and the ticker that interrupts modules.
    ///
    /// # Errors
    /// When the pool cannot be reserved or the folder of compiled components cannot be made.
    pub fn new(config: &Config, vault: Arc<Vault>) -> Result<Self, PrepareError> {
        let failed = |error: wasmtime::Error| PrepareError::Failed(format!("{error:#}"));
        let engine = engine::engine(config.concurrent_calls).map_err(failed)?;
        let linker = state::linker(&engine).map_err(failed)?;
        let artifacts = Artifacts::open(config.artifacts.clone(), &engine, vault)
            .map_err(|error| PrepareError::Failed(format!("{}: {error}", config.artifacts.display())))?;
        Ok(Self {
            _ticker: EpochTicker::start(&engine),
            engine,
            linker,
            artifacts,
            prepared: Mutex::default(),
            slots: Arc::new(Semaphore::new(config.concurrent_calls as usize)),
            work: Arc::new(Semaphore::new(WORKED_ON_MAX)),
        })
    }

    /// Permits to work on components. Whoever has one checked or prepared holds one meanwhile.
    #[must_use]
    pub fn work(&self) -> Arc<Semaphore> {
        Arc::clone(&self.work)
    }

    /// Reads what a component imports and exports, without compiling it.
    ///
    /// # Errors
    /// A sentence that says what was expected and what was found.
    pub fn inspect(component: &[u8]) -> Result<Inspection, UploadRefused> {
        inspect::inspect(component)
    }

    /// Makes a component ready to run: from memory, from the folder of compiled components, or by compiling it.
    ///
    /// Compiling takes from a tenth of a second (Rust) to some fifteen (JavaScript, Python) and does not block other calls.
    ///
    /// # Errors
    /// [`PrepareError::Refused`] when its imports or exports have other types than the module interface has.
    pub async fn prepare(self: &Arc<Self>, digest: &Digest, component: Bytes) -> Result<Arc<Prepared>, PrepareError> {
        if let Some(ready) = self.lookup(digest) {
            return Ok(ready);
        }
        let sandbox = Arc::clone(self);
        let digest = *digest;
        let work = tokio::task::spawn_blocking(move || sandbox.prepare_now(digest, &component));
        work.await.map_err(|error| PrepareError::Failed(error.to_string()))?
    }

    fn prepare_now(&self, digest: Digest, component: &[u8]) -> Result<Arc<Prepared>, PrepareError> {
        let compiled = self.artifacts.load_or_compile(&self.engine, digest, component)?;
        let component = self
            .linker
            .instantiate_pre(&compiled)
            .map_err(|error| UploadRefused::mismatch(&error))?;
        let exports = Exports::find(&component).map_err(|error| UploadRefused::mismatch(&error))?;
        let ready = Arc::new(Prepared { component, exports });
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|_, held| held.strong_count() > 0);
        prepared.insert(digest, Arc::downgrade(&ready));
        Ok(ready)
    }

    fn lookup(&self, digest: &Digest) -> Option<Arc<Prepared>> {
        self.prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)?
            .upgrade()
    }

    /// Runs one call to its end: the module's word, or the fault that kept it from giving one.
    pub async fn run<A: Ask>(&self, prepared: &Prepared, ask: A, invocation: Invocation) -> Ran<A::Word> {
        invocation::run(&self.engine, &self.slots, prepared, ask, invocation).await
    }
}

#[cfg(test)]
mod tests;
