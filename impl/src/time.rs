//! Moments and lengths of time. The engine has no clock: every call that needs the time is given it.

use core::ops::Add;
use core::time::Duration;

/// A moment: microseconds since whenever the caller's clock began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Instant(pub u64);

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates at the end of time.
    #[inline]
    fn add(self, d: Duration) -> Instant {
        let micros = d.as_secs().saturating_mul(1_000_000);
        Instant(
            self.0
                .saturating_add(micros.saturating_add(u64::from(d.subsec_micros()))),
        )
    }
}

impl Instant {
    /// The end of time: later than anything that happens.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// How long ago `earlier` was; nothing if it lies ahead.
    #[inline]
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// That long ago; the beginning of time if that is later.
    pub fn before(self, d: Duration) -> Instant {
        let micros = d.as_secs().saturating_mul(1_000_000);
        Instant(
            self.0
                .saturating_sub(micros.saturating_add(u64::from(d.subsec_micros()))),
        )
    }
}
