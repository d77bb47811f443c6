//! Memory for modules: a static arena first, growth only after it.
//!
//! Growing a WebAssembly memory makes the gateway's process change page protections, which stops its other threads for a
//! moment. An ordinary call fits into the arena and so never grows.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::Layout;
use core::arch::wasm32::memory_grow;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc::base::Talc;
use talc::base::binning::Binning;
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

/// Bytes to begin with. An order with 20 VARs and an exchange with a carrier fits with room to spare.
const ARENA_BYTES: usize = 256 << 10;
/// Size of a page of WebAssembly memory, in bytes.
const PAGE_BYTES: usize = 64 << 10;
/// Fewest pages to grow by: each growth is costly, whatever its size.
const GROWTH_PAGES: usize = 4;
/// Room for the allocator's own notes in a newly grown region, in bytes; it needs a few words.
const OVERHEAD_BYTES: usize = 256;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<ArenaThenGrow, WasmBinning> = TalcSyncCell::new_wasm(ArenaThenGrow {
    arena_is_used: false,
    end: None,
});

static mut ARENA: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];

#[derive(Debug)]
struct ArenaThenGrow {
    arena_is_used: bool,
    /// End of the region that was grown last.
    end: Option<NonNull<u8>>,
}

// SAFETY: `acquire` allocates nothing and does not touch the cell that the allocator is in.
unsafe impl Source for ArenaThenGrow {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.arena_is_used {
            talc.source.arena_is_used = true;
            // SAFETY: the arena is named nowhere else, and the flag above keeps it from being claimed twice.
            return unsafe { talc.claim((&raw mut ARENA).cast(), ARENA_BYTES) }.map_or(Err(()), |_| Ok(()));
        }
        let bytes = layout.size().checked_add(layout.align() + OVERHEAD_BYTES).ok_or(())?;
        let pages = bytes.div_ceil(PAGE_BYTES).max(GROWTH_PAGES);
        let before = memory_grow::<0>(pages);
        if before == usize::MAX {
            return Err(());
        }
        let base = (before * PAGE_BYTES) as *mut u8;
        // SAFETY: `memory.grow` has just made these pages, and nobody else knows of them. The last region is extended
        // only if they begin where it ends.
        talc.source.end = unsafe {
            match talc.source.end {
                Some(end) if end.as_ptr() == base => Some(talc.extend(end, base.wrapping_add(pages * PAGE_BYTES))),
                _ => talc.claim(base, pages * PAGE_BYTES),
            }
        };
        talc.source.end.map_or(Err(()), |_| Ok(()))
    }
}
