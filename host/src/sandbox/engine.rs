//! The engine's settings, and the clock that interrupts what runs in it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::domain::limits::CEILING;

/// How often a running module is interrupted: its computing time is looked at, and others have their turn. So this is also
/// by how much it can go over its budget.
const TICK: Duration = Duration::from_millis(10);

/// Stack for a module's own frames. Deep recursion ends in a trap here.
const WASM_STACK_BYTES: usize = 512 << 10;

/// Stack of the fiber that a call runs on: the module's, and below it room for the host's functions.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// How much of a used memory is reset in place instead of being given back to the system, which costs a system call in each
/// call: a small module's data and heap fit.
const MEMORY_KEPT_BYTES: usize = 128 << 10;

/// How much of a used stack is reset in place. The rest is given back, by one system call in each call: otherwise what deep
/// recursion has touched once would be kept for good.
const STACK_KEPT_BYTES: usize = 32 << 10;

/// How much of a used table is reset in place.
const TABLE_KEPT_BYTES: usize = 64 << 10;

/// Core instances, memories and tables in one component. A Rust component has 3 to 5 core instances, one memory and a few
/// tables, a Python component some twenty. The pool has this much for every call at once: a component that takes all it may
/// takes nothing from others.
const CORE_INSTANCES_PER_COMPONENT: u32 = 32;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 8;

/// Elements in one table. Python's has some 12,000.
const TABLE_ELEMENTS: usize = 50_000;

/// Most of a memory's beginning that is kept as it is at the start, however little of it was written: with a few bytes far
/// from each other, a small component would have much machine code. Of what is larger, half of the pages have to be in use.
const SPARSE_IMAGE_BYTES: u64 = 1 << 20;

/// Makes the engine with a pool for so many calls at once.
pub(super) fn engine(concurrent_calls: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrent_calls)
        .total_stacks(concurrent_calls)
        .total_core_instances(concurrent_calls.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(concurrent_calls.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(concurrent_calls.saturating_mul(TABLES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memory_size(usize::try_from(CEILING.memory_bytes)?)
        .table_elements(TABLE_ELEMENTS)
        // Asks the kernel which pages a call has touched and resets only those. Together with the kept parts below, a
        // small call changes no mapping at all, and mapping changes are what stops two threads from being faster than one.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .async_stack_keep_resident(STACK_KEPT_BYTES);

    let mut config = for_all();
    config.async_stack_zeroing(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// Makes an engine whose code runs in that of [`engine`], and that reserves nothing to run any.
pub(super) fn for_compiling() -> wasmtime::Result<Engine> {
    let mut config = for_all();
    // The other cores are for calls.
    config.parallel_compilation(false);
    Engine::new(&config)
}

/// Tells engines of other versions, settings or processors apart: their code does not run here.
pub(super) fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    // It decides over the code as well, and is no part of that.
    engine.get_memory_guaranteed_dense_image_size().hash(&mut hasher);
    hasher.finish()
}

/// What decides over the code.
fn for_all() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .memory_guaranteed_dense_image_size(SPARSE_IMAGE_BYTES)
        // Guests get the language features of WASI 0.2's toolchains and no more: each is attack surface.
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .shared_memory(false);
    config
}

/// Advances the engine's epoch from a thread of its own, so that a module that never waits is interrupted even when every
/// worker thread is busy. Stops when it is dropped.
pub(super) struct EpochTicker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EpochTicker {
    pub(super) fn start(engine: &Engine) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (engine.weak(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It only sleeps and counts; it cannot have panicked.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_apart_runs_in_the_pool() {
        let (pool, apart) = (engine(1).expect("a pool"), for_compiling().expect("an engine"));
        assert_eq!(fingerprint(&pool), fingerprint(&apart));
    }

    #[test]
    fn what_keeps_more_of_sparse_memories_is_another_engine() {
        let other = Engine::new(for_all().memory_guaranteed_dense_image_size(16 << 20)).expect("an engine");
        assert_ne!(fingerprint(&other), fingerprint(&for_compiling().expect("an engine")));
    }

    #[test]
    fn a_few_bytes_far_from_each_other_make_little_code() {
        let apart = for_compiling().expect("an engine");
        let component = |offset: u32| {
            let data = format!(r#"(data (i32.const 0) "a") (data (i32.const {offset}) "z")"#);
            wat::parse_str(format!("(component (core module (memory 256) {data}))")).expect("well-formed")
        };
        for (offset, most) in [(15 << 20, 256 << 10), (1 << 19, 1 << 20)] {
            let code = apart.precompile_component(&component(offset)).expect("compiled");
            assert!(code.len() < most, "{offset}: {}", code.len());
        }
    }
}
