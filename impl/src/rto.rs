//! The retransmission timeout (RFC 6298).

use core::time::Duration;

use crate::time::Instant;

/// What a timeout may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// At least this ((2.4): one second; stacks take less).
    pub min: Duration,
    /// At most this ((2.5): 60 seconds or more).
    pub max: Duration,
    /// The clock's granularity, G.
    pub granularity: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            min: Duration::from_secs(1),
            max: Duration::from_secs(60),
            granularity: Duration::from_millis(1),
        }
    }
}

impl Limits {
    /// Whether they leave no choice.
    #[inline]
    pub fn fixed(&self) -> bool {
        self.min == self.max
    }
}

/// SRTT, RTTVAR and RTO of a connection, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rto {
    /// 0 until a round trip has been measured.
    srtt: u32,
    rttvar: u32,
    current: u32,
}

/// (2.1): until there is a measurement.
const INITIAL: Duration = Duration::from_secs(1);
/// (5.7): when the SYN had to be sent again.
const AFTER_SYN: Duration = Duration::from_secs(3);

/// Longer round trips count as this long: far beyond any timeout, and no sum of them overflows.
const LONGEST: Duration = Duration::from_secs(240);

impl Rto {
    /// Before any measurement.
    pub fn new(limits: &Limits) -> Self {
        let mut rto = Rto {
            srtt: 0,
            rttvar: 0,
            current: 0,
        };
        rto.set(limits, micros(INITIAL));
        rto
    }

    /// The timeout now.
    #[inline]
    pub fn get(&self) -> Duration {
        Duration::from_micros(self.current.into())
    }

    /// When a timer that begins now expires: `now + self.get()`.
    #[inline]
    pub(crate) fn after(&self, now: Instant) -> Instant {
        Instant(now.0.saturating_add(self.current.into()))
    }

    /// SRTT, once a round trip has been measured.
    pub fn smoothed(&self) -> Option<Duration> {
        (self.srtt != 0).then(|| Duration::from_micros(self.srtt.into()))
    }

    /// A round trip took `r`; not that of a segment that was sent again, unless its timestamp tells which (3, Karn).
    pub fn measured(&mut self, limits: &Limits, r: Duration) {
        let r = micros(r.min(LONGEST)).max(1);
        if self.srtt == 0 {
            (self.srtt, self.rttvar) = (r, r / 2); // (2.2)
        } else {
            // (2.3), with alpha 1/8 and beta 1/4; RTTVAR by the old SRTT.
            self.rttvar = self.rttvar - self.rttvar / 4 + self.srtt.abs_diff(r) / 4;
            self.srtt = (self.srtt - self.srtt / 8 + r / 8).max(1);
        }
        let granularity = micros(limits.granularity);
        self.set(
            limits,
            self.srtt
                .saturating_add(self.rttvar.saturating_mul(4).max(granularity)),
        );
    }

    /// The timer has expired: the timeout doubles (5.5).
    pub fn expired(&mut self, limits: &Limits) {
        self.set(limits, self.current.saturating_mul(2));
    }

    /// The handshake is over, and the SYN had been sent again: data begins with three seconds (5.7).
    pub fn syn_was_repeated(&mut self, limits: &Limits) {
        if self.srtt == 0 {
            self.set(limits, micros(AFTER_SYN));
        }
    }

    fn set(&mut self, limits: &Limits, to: u32) {
        self.current = to.max(micros(limits.min)).min(micros(limits.max));
    }
}

/// Saturates after more than an hour.
fn micros(d: Duration) -> u32 {
    let micros = d.as_secs().saturating_mul(1_000_000) + u64::from(d.subsec_micros());
    u32::try_from(micros).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const QUICK: Limits = Limits {
        min: ms(10),
        max: Duration::from_secs(60),
        granularity: ms(1),
    };

    #[test]
    fn the_first_measurement_and_the_next() {
        let mut rto = Rto::new(&QUICK);
        assert_eq!((rto.get(), rto.smoothed()), (ms(1_000), None));
        rto.measured(&QUICK, ms(200)); // SRTT 200, RTTVAR 100
        assert_eq!((rto.get(), rto.smoothed()), (ms(600), Some(ms(200))));
        rto.measured(&QUICK, ms(120)); // RTTVAR 3/4 of 100 and 1/4 of 80: 95; SRTT 7/8 of 200 and 1/8 of 120: 190
        assert_eq!((rto.get(), rto.smoothed()), (ms(190 + 380), Some(ms(190))));
    }

    #[test]
    fn it_stays_within_its_limits() {
        const SLOW: Limits = Limits {
            min: ms(1_000),
            ..QUICK
        };
        let mut rto = Rto::new(&SLOW);
        rto.measured(&SLOW, ms(2));
        assert_eq!(rto.get(), ms(1_000));
        for doubled in [2, 4, 8, 16, 32, 60, 60] {
            rto.expired(&SLOW);
            assert_eq!(rto.get(), Duration::from_secs(doubled));
        }
        rto.measured(&SLOW, ms(2)); // a new measurement ends the backing off
        assert_eq!(rto.get(), ms(1_000));
        rto.measured(&SLOW, Duration::MAX);
        assert_eq!(rto.get(), Duration::from_secs(60));
    }

    #[test]
    fn a_steady_round_trip_leaves_the_granularity() {
        let mut rto = Rto::new(&QUICK);
        for _ in 0..200 {
            rto.measured(&QUICK, ms(50));
        }
        let (least, most) = (ms(50), ms(52));
        assert!(rto.get() > least && rto.get() <= most, "{:?}", rto.get());
    }

    #[test]
    fn a_repeated_syn_makes_it_careful_until_something_is_measured() {
        let mut rto = Rto::new(&QUICK);
        rto.expired(&QUICK);
        rto.syn_was_repeated(&QUICK);
        assert_eq!(rto.get(), ms(3_000));
        rto.measured(&QUICK, ms(100));
        rto.syn_was_repeated(&QUICK);
        assert_eq!(rto.get(), ms(300));
    }
}
