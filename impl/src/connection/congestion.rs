//! Congestion control: how much may be in flight besides what the peer's window allows.

/// A congestion controller. Lengths are bytes; `mss` is the most text of a segment.
pub trait Congestion {
    /// The congestion window.
    fn window(&self) -> u32;

    /// Whether everything sent counts as lost when the retransmission timer expires, and is sent again as the window lets
    /// it. Otherwise only the front of the queue is (RFC 6298 (5.4)), each time the timer expires.
    fn resends_all(&self) -> bool;

    /// The handshake is over; a SYN was lost on the way, or not.
    fn opened(&mut self, mss: u32, lost: bool);

    /// An acknowledgment of `bytes` new bytes, with `in_flight` left.
    fn acknowledged(&mut self, bytes: u32, mss: u32);

    /// The `count`-th duplicate acknowledgment in a row. Says whether the front of the queue is to be sent again at once.
    fn duplicate(&mut self, count: u8, in_flight: u32, mss: u32) -> bool;

    /// What was in flight at the third duplicate is acknowledged: recovery is over.
    fn recovered(&mut self, mss: u32);

    /// Part of it is acknowledged (RFC 6582): `bytes`.
    fn partially_acknowledged(&mut self, bytes: u32, mss: u32);

    /// The retransmission timer has expired.
    fn timed_out(&mut self, in_flight: u32, mss: u32);
}

/// No congestion control: for links that cannot be congested, and for comparing with a specification that has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unlimited;

impl Congestion for Unlimited {
    #[inline]
    fn window(&self) -> u32 {
        u32::MAX
    }

    #[inline]
    fn resends_all(&self) -> bool {
        false
    }

    fn opened(&mut self, _: u32, _: bool) {}

    #[inline]
    fn acknowledged(&mut self, _: u32, _: u32) {}

    fn duplicate(&mut self, _: u8, _: u32, _: u32) -> bool {
        false
    }

    fn recovered(&mut self, _: u32) {}

    fn partially_acknowledged(&mut self, _: u32, _: u32) {}

    fn timed_out(&mut self, _: u32, _: u32) {}
}

/// Slow start, congestion avoidance, fast retransmit and fast recovery (RFC 5681, with RFC 6582's partial acknowledgments).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reno {
    cwnd: u32,
    ssthresh: u32,
    /// Bytes acknowledged towards the next segment of growth (3.1, (3)).
    counted: u32,
}

impl Default for Reno {
    fn default() -> Self {
        Reno {
            cwnd: 0,
            ssthresh: u32::MAX,
            counted: 0,
        }
    }
}

/// The count of duplicates that means loss (RFC 5681 section 3.2).
const LOST: u8 = 3;
/// No window grows beyond this: RFC 7323's largest.
const LARGEST: u32 = 1 << 30;

impl Reno {
    /// RFC 5681 (4): half of what was in flight, at least two segments.
    fn halve(&mut self, in_flight: u32, mss: u32) {
        self.ssthresh = (in_flight / 2).max(2 * mss);
        self.counted = 0;
    }

    /// The slow-start threshold.
    pub fn threshold(&self) -> u32 {
        self.ssthresh
    }
}

impl Congestion for Reno {
    #[inline]
    fn window(&self) -> u32 {
        self.cwnd
    }

    fn resends_all(&self) -> bool {
        true
    }

    /// The initial window of RFC 6928: ten segments, at most 14600 bytes but no fewer than two segments. After the loss of a SYN
    /// one segment (RFC 5681 section 3.1).
    fn opened(&mut self, mss: u32, lost: bool) {
        self.cwnd = if lost {
            mss
        } else {
            (10 * mss).min((2 * mss).max(14_600))
        };
    }

    #[inline]
    fn acknowledged(&mut self, bytes: u32, mss: u32) {
        if self.cwnd < self.ssthresh {
            self.cwnd += bytes.min(mss); // (2)
        } else {
            self.counted = self.counted.saturating_add(bytes);
            if self.counted >= self.cwnd {
                self.counted -= self.cwnd;
                self.cwnd += mss;
            }
        }
        self.cwnd = self.cwnd.min(LARGEST);
    }

    fn duplicate(&mut self, count: u8, in_flight: u32, mss: u32) -> bool {
        if count == LOST {
            self.halve(in_flight, mss);
            self.cwnd = self.ssthresh + u32::from(LOST) * mss;
            return true;
        }
        if count > LOST {
            self.cwnd = (self.cwnd + mss).min(LARGEST); // a segment has left the network
        }
        false
    }

    fn recovered(&mut self, _: u32) {
        self.cwnd = self.ssthresh;
    }

    fn partially_acknowledged(&mut self, bytes: u32, mss: u32) {
        self.cwnd = self.cwnd.saturating_sub(bytes).max(mss);
        if bytes >= mss {
            self.cwnd += mss;
        }
    }

    fn timed_out(&mut self, in_flight: u32, mss: u32) {
        self.halve(in_flight, mss);
        self.cwnd = mss; // the loss window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1_000;

    fn opened() -> Reno {
        let mut r = Reno::default();
        r.opened(MSS, false);
        r
    }

    #[test]
    fn slow_start_doubles_a_round_trip_and_avoidance_adds_a_segment() {
        let mut r = opened();
        assert_eq!(r.window(), 10_000);
        for _ in 0..10 {
            r.acknowledged(MSS, MSS);
        }
        assert_eq!(r.window(), 20_000);
        r.timed_out(20_000, MSS);
        assert_eq!((r.window(), r.threshold()), (1_000, 10_000));
        while r.window() < r.threshold() {
            r.acknowledged(MSS, MSS);
        }
        for _ in 0..10 {
            r.acknowledged(MSS, MSS);
        }
        assert_eq!(r.window(), 11_000);
    }

    #[test]
    fn large_segments_open_with_two() {
        let mut r = Reno::default();
        for (mss, window) in [(1_460, 14_600), (2_000, 14_600), (9_000, 18_000)] {
            r.opened(mss, false);
            assert_eq!(r.window(), window);
        }
    }

    /// RFC 5681 (3.1): what is beyond a window's worth counts for the next.
    #[test]
    fn avoidance_counts_bytes() {
        let mut r = opened();
        r.timed_out(10_000, MSS);
        while r.window() < r.threshold() {
            r.acknowledged(MSS, MSS);
        }
        assert_eq!(r.window(), 5_000);
        r.acknowledged(4_000, MSS);
        assert_eq!(r.window(), 5_000);
        r.acknowledged(3_000, MSS);
        assert_eq!(r.window(), 6_000, "two thousand are left over");
        r.acknowledged(3_999, MSS);
        assert_eq!(r.window(), 6_000);
        r.acknowledged(1, MSS);
        assert_eq!(r.window(), 7_000);
    }

    #[test]
    fn an_acknowledgment_of_much_opens_by_a_segment_only() {
        let mut r = opened();
        r.acknowledged(50 * MSS, MSS);
        assert_eq!(r.window(), 11_000);
    }

    #[test]
    fn three_duplicates_halve_and_recovery_deflates() {
        let mut r = opened();
        assert!(!r.duplicate(1, 10_000, MSS) && !r.duplicate(2, 10_000, MSS));
        assert!(r.duplicate(3, 10_000, MSS));
        assert_eq!((r.window(), r.threshold()), (8_000, 5_000));
        assert!(!r.duplicate(4, 10_000, MSS));
        assert_eq!(r.window(), 9_000);
        r.partially_acknowledged(2_000, MSS);
        assert_eq!(r.window(), 8_000);
        r.recovered(MSS);
        assert_eq!(r.window(), 5_000);
    }

    #[test]
    fn the_threshold_is_never_below_two_segments() {
        let mut r = opened();
        r.timed_out(1, MSS);
        assert_eq!(r.threshold(), 2_000);
    }
}
