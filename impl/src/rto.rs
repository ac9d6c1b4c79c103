//! The retransmission timeout (RFC 6298).

use core::time::Duration;

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

/// SRTT, RTTVAR and RTO of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rto {
    limits: Limits,
    /// SRTT and RTTVAR, once a round trip has been measured.
    smoothed: Option<(Duration, Duration)>,
    current: Duration,
}

/// (2.1): until there is a measurement.
const INITIAL: Duration = Duration::from_secs(1);
/// (5.7): when the SYN had to be sent again.
const AFTER_SYN: Duration = Duration::from_secs(3);

/// Longer round trips count as this long: far beyond any timeout, and no sum of them overflows.
const LONGEST: Duration = Duration::from_secs(1 << 20);

impl Rto {
    /// Before any measurement.
    pub fn new(limits: Limits) -> Self {
        let mut rto = Rto {
            limits,
            smoothed: None,
            current: INITIAL,
        };
        rto.set(INITIAL);
        rto
    }

    /// The timeout now.
    pub fn get(&self) -> Duration {
        self.current
    }

    /// SRTT, once a round trip has been measured.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|s| s.0)
    }

    /// A round trip took `r`; not that of a segment that was sent again, unless its timestamp tells which (3, Karn).
    pub fn measured(&mut self, r: Duration) {
        let r = r.min(LONGEST);
        let (srtt, rttvar) = match self.smoothed {
            // (2.2)
            None => (r, r / 2),
            // (2.3), with alpha 1/8 and beta 1/4; RTTVAR by the old SRTT.
            Some((srtt, rttvar)) => {
                let rttvar = rttvar * 3 / 4 + srtt.abs_diff(r) / 4;
                (srtt * 7 / 8 + r / 8, rttvar)
            }
        };
        self.smoothed = Some((srtt, rttvar));
        self.set(srtt + (rttvar * 4).max(self.limits.granularity));
    }

    /// The timer has expired: the timeout doubles (5.5).
    pub fn expired(&mut self) {
        self.set(self.current.saturating_mul(2));
    }

    /// The handshake is over, and the SYN had been sent again: data begins with three seconds (5.7).
    pub fn syn_was_repeated(&mut self) {
        if self.smoothed.is_none() {
            self.set(AFTER_SYN);
        }
    }

    fn set(&mut self, to: Duration) {
        self.current = to.max(self.limits.min).min(self.limits.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn quick() -> Rto {
        Rto::new(Limits {
            min: ms(10),
            ..Limits::default()
        })
    }

    #[test]
    fn the_first_measurement_and_the_next() {
        let mut rto = quick();
        assert_eq!((rto.get(), rto.smoothed()), (ms(1_000), None));
        rto.measured(ms(200)); // SRTT 200, RTTVAR 100
        assert_eq!((rto.get(), rto.smoothed()), (ms(600), Some(ms(200))));
        rto.measured(ms(120)); // RTTVAR 3/4 of 100 and 1/4 of 80: 95; SRTT 7/8 of 200 and 1/8 of 120: 190
        assert_eq!((rto.get(), rto.smoothed()), (ms(190 + 380), Some(ms(190))));
    }

    #[test]
    fn it_stays_within_its_limits() {
        let mut rto = Rto::new(Limits::default());
        rto.measured(ms(2));
        assert_eq!(rto.get(), ms(1_000));
        for doubled in [2, 4, 8, 16, 32, 60, 60] {
            rto.expired();
            assert_eq!(rto.get(), Duration::from_secs(doubled));
        }
        rto.measured(ms(2)); // a new measurement ends the backing off
        assert_eq!(rto.get(), ms(1_000));
        rto.measured(Duration::MAX);
        assert_eq!(rto.get(), Duration::from_secs(60));
    }

    #[test]
    fn a_steady_round_trip_leaves_the_granularity() {
        let mut rto = quick();
        for _ in 0..200 {
            rto.measured(ms(50));
        }
        let (least, most) = (ms(50), ms(52));
        assert!(rto.get() > least && rto.get() <= most, "{:?}", rto.get());
    }

    #[test]
    fn a_repeated_syn_makes_it_careful_until_something_is_measured() {
        let mut rto = quick();
        rto.expired();
        rto.syn_was_repeated();
        assert_eq!(rto.get(), ms(3_000));
        rto.measured(ms(100));
        rto.syn_was_repeated();
        assert_eq!(rto.get(), ms(300));
    }
}
