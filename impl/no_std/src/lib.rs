//! The engine without std: one connection is opened, so that there is something to link.

#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use farewell::connection::{Begin, Owned, Reno};
use farewell::seq::SeqNumber;
use farewell::{Config, Endpoint, Instant};

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// There is no memory to be had: what is proved is that nothing else is missing.
struct Nothing;

// SAFETY: it never hands out memory, which is allowed at any time.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;

/// Opens a connection; the sequence number of its SYN.
#[unsafe(no_mangle)]
pub extern "C" fn farewell_open(iss: u32, now: u64) -> u32 {
    let (config, now) = (Config::default(), Instant(now));
    let mut tcp = Endpoint::<Owned, Reno>::default();
    let begin = Begin {
        iss: SeqNumber(iss),
        ts_offset: 0,
        timestamps: true,
    };
    let _ = tcp.connect(&config, now, (begin, Owned::new(64, 64), Reno::default()));
    tcp.poll_transmit(&config, now).map_or(0, |s| s.header.seq.0)
}
