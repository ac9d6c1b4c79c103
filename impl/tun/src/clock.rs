//! The time: the engine has none, it is handed over.

use std::time;

use farewell::Instant;

/// Tells the time in microseconds since a moment of its own.
pub trait Clock {
    /// Now. It never goes back.
    fn now(&self) -> Instant;
}

/// The operating system's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    began: time::Instant,
}

/// It begins this long after zero, so that what lies before now is a moment, too.
const HEAD_START: u64 = 1_000_000_000;

impl Monotonic {
    /// A clock that begins now.
    pub fn new() -> Self {
        Monotonic {
            began: time::Instant::now(),
        }
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Monotonic::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Instant {
        let since = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Instant(HEAD_START.saturating_add(since))
    }
}
