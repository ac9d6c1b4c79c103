//! What is kept of a connection in TIME_WAIT.

use crate::seq::SeqNumber;

/// What TIME_WAIT remembers of its connection: enough to answer old segments and to judge a SYN. 24 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimeWait {
    /// SND.NXT: past our FIN.
    pub snd_nxt: SeqNumber,
    /// RCV.NXT: past the peer's FIN.
    pub rcv_nxt: SeqNumber,
    /// The largest window the peer ever offered (RFC 5961 section 5), in bytes.
    pub max_snd_wnd: u32,
    /// TS.Recent (RFC 7323 section 4.3), if the connection used timestamps.
    pub ts_recent: u32,
    /// What is added to the clock in TSval.
    pub ts_offset: u32,
    /// The window that its answers offer, as it stands in the header.
    pub window: u16,
    /// What else is to be known.
    pub flags: TimeWaitFlags,
    /// How far `window` is shifted to give bytes (RFC 7323 section 2.2).
    pub shift: u8,
}

/// Yes and no of a connection in TIME_WAIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TimeWaitFlags(pub u8);

impl TimeWaitFlags {
    /// The connection used timestamps: TS.Recent counts.
    pub const TIMESTAMPS: TimeWaitFlags = TimeWaitFlags(1);
    /// This host offers timestamps to a SYN that reopens it.
    pub const OFFERS_TIMESTAMPS: TimeWaitFlags = TimeWaitFlags(2);
    /// It came here by ABORT (RFC 9293 section 3.5.2).
    pub const ABORTED: TimeWaitFlags = TimeWaitFlags(4);

    /// Whether all of `other` are set.
    #[inline]
    pub const fn has(self, other: TimeWaitFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// With `other` set too.
    #[must_use]
    #[inline]
    pub const fn with(self, other: TimeWaitFlags) -> TimeWaitFlags {
        TimeWaitFlags(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_24_bytes() {
        assert_eq!((size_of::<TimeWait>(), align_of::<TimeWait>()), (24, 4));
    }

    #[test]
    fn flags_are_apart() {
        type F = TimeWaitFlags;
        let all = [F::TIMESTAMPS, F::OFFERS_TIMESTAMPS, F::ABORTED];
        for (n, flag) in all.into_iter().enumerate() {
            let with = F::default().with(flag);
            for (m, other) in all.into_iter().enumerate() {
                assert_eq!(with.has(other), n == m);
            }
            assert!(with.with(F::ABORTED).has(flag) && !F::default().has(flag));
        }
    }
}
