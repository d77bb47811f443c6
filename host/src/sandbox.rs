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
mod compile;
mod compiler;
mod cpu;
mod engine;
mod exports;
mod handed;
mod inspect;
mod invocation;
mod limiter;
mod log;
mod meter;
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
use crate::fair::{Computing, Places};
use crate::vault::Vault;
use artifact::{Artifacts, Compiled};
use engine::EpochTicker;
use exports::Exports;
use state::CallState;

pub use artifact::CodeShare;
pub use ask::{Ask, Check, Find, Handle, ListSubscribers, ReadUsage, Receive};
pub use compile::{CompileLimits, compile};
pub use compiler::Compiler;
pub use exports::Export;
pub use inspect::{Inspection, UploadRefused};
pub use invocation::{Fault, Invocation, Over, Ran};
pub use log::{LogLevel, LogSink};

/// What the sandbox is set up with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Calls that run at the same time. Each holds a slot of the pool; one more waits for a slot until its own deadline.
    /// Tenants leave some of the slots to others, see [`Places`].
    pub concurrent_calls: u32,
    /// Folder of compiled components. What is there was made here, and is made again if it is lost or changed.
    pub artifacts: PathBuf,
    /// What makes them.
    pub compiler: Compiler,
}

/// Calls that may wait for a slot, for each slot that there is: together with the largest post, this bounds the memory that
/// waiting takes.
const WAITING_PER_SLOT: usize = 4;

/// Calls that may wait for a slot, however few slots there are.
const WAITING_MIN: usize = 256;

/// Compiled components that are read from disk at once: each is in memory twice for the blink of an eye that it takes.
const LOADED_AT_ONCE: usize = 2;

/// Compiles components and runs calls of them.
pub struct Sandbox {
    engine: wasmtime::Engine,
    linker: Linker<CallState>,
    artifacts: Artifacts,
    compiler: Compiler,
    /// By digest, so that a component that many modules use is compiled and held once.
    prepared: Mutex<HashMap<Digest, Weak<Prepared>>>,
    slots: Arc<Places>,
    computing: Arc<Computing>,
    loads: Semaphore,
    _ticker: EpochTicker,
}

/// A component that is ready to be instantiated: compiled, linked, its exports looked up.
pub struct Prepared {
    component: InstancePre<CallState>,
    exports: Exports,
    inspection: Inspection,
}

impl Prepared {
    /// What the component needs and offers.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Bytes of memory that it takes for as long as it is ready: its machine code, with what its memories begin with.
    #[must_use]
    pub fn code_bytes(&self) -> u64 {
        let code = self.component.component().image_range();
        (code.end.addr() - code.start.addr()) as u64
    }

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
    /// The compiler, the disk or the machine failed.
    #[error("the component could not be compiled: {0}")]
    Failed(String),
    /// The compiler's system calls cannot be filtered, and it must not go on without.
    #[error(
        "nothing is compiled here, because the compiler cannot be confined: {0}. Run the gateway where processes may set \
         seccomp filters, or allow it to do without by the setting compile_unconfined"
    )]
    Unconfined(String),
}

/// The engine and its pool, which a [`Sandbox`] needs. What they use below `/proc/self` is open from now on.
pub struct Pool(wasmtime::Engine);

impl Pool {
    /// Reserves the address space for as many calls as may run at the same time.
    ///
    /// # Errors
    /// When there is not so much.
    pub fn reserve(config: &Config) -> Result<Self, PrepareError> {
        engine::engine(config.concurrent_calls)
            .map(Self)
            .map_err(|error| failed(&error))
    }
}

fn failed(error: &wasmtime::Error) -> PrepareError {
    PrepareError::Failed(format!("{error:#}"))
}

impl Sandbox {
    /// Sets up the engine, the pool and the ticker that interrupts modules.
    ///
    /// # Errors
    /// When the pool cannot be reserved or the folder of compiled components cannot be made.
    pub fn new(config: &Config, vault: Arc<Vault>) -> Result<Self, PrepareError> {
        Self::in_pool(Pool::reserve(config)?, config, vault)
    }

    /// The same, in a pool that was reserved for this configuration.
    ///
    /// # Errors
    /// When the folder of compiled components cannot be made, or no more threads can be had.
    pub fn in_pool(Pool(engine): Pool, config: &Config, vault: Arc<Vault>) -> Result<Self, PrepareError> {
        let linker = state::linker(&engine).map_err(|error| failed(&error))?;
        let artifacts = Artifacts::open(config.artifacts.clone(), engine.clone(), vault)
            .map_err(|error| PrepareError::Failed(format!("{}: {error}", config.artifacts.display())))?;
        let slots = config.concurrent_calls as usize;
        let workers = tokio::runtime::Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers());
        let computing = Computing::new(workers).map_err(|error| PrepareError::Failed(error.to_string()))?;
        Ok(Self {
            _ticker: EpochTicker::start(&engine),
            engine,
            linker,
            artifacts,
            compiler: config.compiler.clone(),
            prepared: Mutex::default(),
            slots: Places::leaving_some(slots, (slots * WAITING_PER_SLOT).max(WAITING_MIN)),
            computing: Arc::new(computing),
            loads: Semaphore::new(LOADED_AT_ONCE),
        })
    }

    /// Whose turn it is to compute.
    #[must_use]
    pub fn computing(&self) -> Arc<Computing> {
        Arc::clone(&self.computing)
    }

    /// Reads what a component imports and exports, without compiling it.
    ///
    /// # Errors
    /// A sentence that says what was expected and what was found.
    pub fn inspect(component: &[u8]) -> Result<Inspection, UploadRefused> {
        inspect::inspect(component)
    }

    /// A component that was compiled before, ready to run: from memory, or from the folder of compiled components.
    pub async fn load(self: &Arc<Self>, digest: &Digest) -> Option<Arc<Prepared>> {
        if let Some(ready) = self.lookup(digest) {
            return Some(ready);
        }
        let _turn = self.loads.acquire().await.ok()?;
        let (sandbox, digest) = (Arc::clone(self), *digest);
        let work = move || {
            let compiled = sandbox.artifacts.load(digest)?;
            sandbox.link(digest, &compiled).ok()
        };
        tokio::task::spawn_blocking(work).await.ok()?
    }

    /// Makes a component ready to run: as [`Sandbox::load`] does, or by compiling it in a process of its own.
    ///
    /// Compiling takes from a tenth of a second (Rust) to some fifteen (JavaScript, Python) and does not block calls.
    ///
    /// # Errors
    /// [`PrepareError::Refused`] when it is no module, takes more than a component may, or its imports or exports have
    /// other types than the module interface has.
    pub async fn prepare(self: &Arc<Self>, digest: &Digest, component: Bytes) -> Result<Arc<Prepared>, PrepareError> {
        if let Some(ready) = self.load(digest).await {
            return Ok(ready);
        }
        let (sandbox, digest) = (Arc::clone(self), *digest);
        let work = tokio::task::spawn_blocking(move || sandbox.compile_now(digest, &component));
        work.await.map_err(|error| PrepareError::Failed(error.to_string()))?
    }

    fn compile_now(&self, digest: Digest, component: &[u8]) -> Result<Arc<Prepared>, PrepareError> {
        let frame = self.compiler.compile(component, engine::fingerprint(&self.engine))?;
        let compiled = self.artifacts.accept(&frame)?;
        let ready = self.link(digest, &compiled)?;
        // Only now: what cannot serve is not worth its place.
        self.artifacts.store(digest, &frame);
        Ok(ready)
    }

    fn link(&self, digest: Digest, compiled: &Compiled) -> Result<Arc<Prepared>, PrepareError> {
        let component = self
            .linker
            .instantiate_pre(&compiled.component)
            .map_err(|error| UploadRefused::mismatch(&error))?;
        let exports = Exports::find(&component).map_err(|error| UploadRefused::mismatch(&error))?;
        let ready = Arc::new(Prepared {
            component,
            exports,
            inspection: compiled.inspection.clone(),
        });
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.retain(|_, held| held.strong_count() > 0);
        prepared.insert(digest, Arc::downgrade(&ready));
        Ok(ready)
    }

    /// Removes from disk what was compiled of other components than these.
    pub async fn keep(self: &Arc<Self>, shares: Vec<CodeShare>) {
        let sandbox = Arc::clone(self);
        // It only reads and removes files, and what it cannot remove it logs.
        let _ = tokio::task::spawn_blocking(move || sandbox.artifacts.keep(&shares)).await;
    }

    fn lookup(&self, digest: &Digest) -> Option<Arc<Prepared>> {
        self.prepared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)?
            .upgrade()
    }

    /// Runs one call to its end: the module's word, or the fault that kept it from giving one.
    pub async fn run<A: Ask>(&self, prepared: &Arc<Prepared>, ask: A, invocation: Invocation) -> Ran<A::Word> {
        let account = self.computing.account(&invocation.line.tenant);
        invocation::run(&self.slots, account, Arc::clone(prepared), ask, invocation).await
    }
}
