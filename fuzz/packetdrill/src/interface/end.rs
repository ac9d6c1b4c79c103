//! The end of packetdrill, which frees nothing when a script fails.

use std::panic::catch_unwind;
use std::sync::OnceLock;

use crate::record::write_all;

/// Captures are written when the process exits, whichever way it comes to that.
pub(super) fn write_captures_at_exit() -> Result<(), String> {
    static ASKED: OnceLock<bool> = OnceLock::new();
    // SAFETY: the function takes nothing, and the library stays loaded (RTLD_NODELETE) or exits before it goes.
    let asked = ASKED.get_or_init(|| unsafe { libc::atexit(at_exit) } == 0);
    let why = "no memory to have the capture written at the end";
    asked.then_some(()).ok_or_else(|| why.into())
}

extern "C" fn at_exit() {
    let _ = catch_unwind(write_all);
}
