//! A connection written down: complete, and relative to the moment, so that equal situations are equal values. For handing
//! a connection over to another process, and for exploring every situation that it can be in.

use core::time::Duration;

use super::timers::{Deadline, Timers};
use super::transmit::Outgoing;
use super::{Bits, Connection, Pieces, ts_clock};
use crate::rto::Rto;
use crate::seq::SeqNumber;
use crate::state::State;
use crate::time::Instant;
use crate::timewait::TimeWait;
use crate::wire::Header;

/// What is left of each timer; a timer that is due has nothing left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)] // as in `Timer`
pub struct SavedTimers {
    pub retransmit: Option<Duration>,
    pub delayed_ack: Option<Duration>,
    pub give_up: Option<Duration>,
    pub user: Option<Duration>,
    pub fin_wait_2: Option<Duration>,
    pub keep_alive: Option<Duration>,
}

/// A connection at a moment; [`Connection::restore`] makes it go on at another. The fields are those of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // as in `Connection`
pub struct Saved<B, C> {
    pub state: State,
    pub snd_shift: u8,
    pub rcv_shift: u8,
    pub duplicates: u8,
    /// What has happened to it, what it owes, what its user is to be told: bits.
    pub flags: u16,
    pub owes: u16,
    pub events: u16,
    pub mss: u16,
    pub rcv_nxt: SeqNumber,
    pub rcv_edge: SeqNumber,
    pub last_ack_sent: SeqNumber,
    pub snd_una: SeqNumber,
    pub snd_nxt: SeqNumber,
    pub snd_wnd: u32,
    pub max_snd_wnd: u32,
    pub snd_wl1: SeqNumber,
    pub snd_wl2: SeqNumber,
    /// The peer's clock as last heard.
    pub ts_recent: u32,
    /// TSval at the moment.
    pub ts_val: u32,
    pub timers: SavedTimers,
    pub rto: Rto,
    /// How long ago.
    pub stamped: Duration,
    /// How long ago.
    pub timed_at: Duration,
    /// How long until then.
    pub challenge_from: Duration,
    pub timed: SeqNumber,
    pub iss: SeqNumber,
    pub resend: SeqNumber,
    pub recover: SeqNumber,
    pub fin_at: SeqNumber,
    pub probes: u8,
    pub backoff: u8,
    pub ahead: Pieces,
    pub reset: Header,
    /// Its `ts_offset` is TSval at the moment.
    pub reopened: Option<TimeWait>,
    pub buffers: B,
    pub congestion: C,
}

impl<B: Clone, C: Clone> Connection<B, C> {
    /// All of it, relative to `now`.
    pub fn save(&self, now: Instant) -> Saved<B, C> {
        // Exhaustive: a new field cannot be forgotten.
        let Connection {
            state,
            snd_shift,
            rcv_shift,
            duplicates,
            flags: Bits(flags),
            owes: Bits(owes),
            events: Bits(events),
            mss,
            rcv_nxt,
            rcv_edge,
            last_ack_sent,
            snd_una,
            snd_nxt,
            snd_wnd,
            max_snd_wnd,
            snd_wl1,
            snd_wl2,
            ts_recent,
            ts_offset,
            timers,
            rto,
            stamped,
            challenge_from,
            timed_at,
            timed,
            iss,
            resend,
            recover,
            fin_at,
            probes,
            backoff,
            ahead,
            reset,
            reopened,
            buffers,
            congestion,
        } = self.clone();
        let clock = ts_clock(now);
        let left = |d: Deadline| d.get().map(|at| at.since(now));
        let Timers {
            retransmit,
            delayed_ack,
            give_up,
            user,
            fin_wait_2,
            keep_alive,
        } = timers;
        Saved {
            state,
            snd_shift,
            rcv_shift,
            duplicates,
            flags,
            owes,
            events,
            mss,
            rcv_nxt,
            rcv_edge,
            last_ack_sent,
            snd_una,
            snd_nxt,
            snd_wnd,
            max_snd_wnd,
            snd_wl1,
            snd_wl2,
            ts_recent,
            ts_val: clock.wrapping_add(ts_offset),
            timers: SavedTimers {
                retransmit: left(retransmit),
                delayed_ack: left(delayed_ack),
                give_up: left(give_up),
                user: left(user),
                fin_wait_2: left(fin_wait_2),
                keep_alive: left(keep_alive),
            },
            rto,
            stamped: now.since(stamped),
            timed_at: now.since(timed_at),
            challenge_from: challenge_from.since(now),
            timed,
            iss,
            resend,
            recover,
            fin_at,
            probes,
            backoff,
            ahead,
            reset,
            reopened: reopened.map(|old| old.shifted(clock)),
            buffers,
            congestion,
        }
    }

    /// The connection that goes on at `now` from what was saved.
    pub fn restore(saved: Saved<B, C>, now: Instant) -> Self {
        let clock = ts_clock(now);
        let at = |left: Option<Duration>| {
            let mut d = Deadline::default();
            d.start(now, left);
            d
        };
        let Saved {
            state,
            snd_shift,
            rcv_shift,
            duplicates,
            flags,
            owes,
            events,
            mss,
            rcv_nxt,
            rcv_edge,
            last_ack_sent,
            snd_una,
            snd_nxt,
            snd_wnd,
            max_snd_wnd,
            snd_wl1,
            snd_wl2,
            ts_recent,
            ts_val,
            timers,
            rto,
            stamped,
            timed_at,
            challenge_from,
            timed,
            iss,
            resend,
            recover,
            fin_at,
            probes,
            backoff,
            ahead,
            reset,
            reopened,
            buffers,
            congestion,
        } = saved;
        Connection {
            state,
            snd_shift,
            rcv_shift,
            duplicates,
            flags: Bits(flags),
            owes: Bits(owes),
            events: Bits(events),
            mss,
            rcv_nxt,
            rcv_edge,
            last_ack_sent,
            snd_una,
            snd_nxt,
            snd_wnd,
            max_snd_wnd,
            snd_wl1,
            snd_wl2,
            ts_recent,
            ts_offset: ts_val.wrapping_sub(clock),
            timers: Timers {
                retransmit: at(timers.retransmit),
                delayed_ack: at(timers.delayed_ack),
                give_up: at(timers.give_up),
                user: at(timers.user),
                fin_wait_2: at(timers.fin_wait_2),
                keep_alive: at(timers.keep_alive),
            },
            rto,
            stamped: now.before(stamped),
            timed_at: now.before(timed_at),
            challenge_from: now + challenge_from,
            timed,
            iss,
            resend,
            recover,
            fin_at,
            probes,
            backoff,
            ahead,
            reset,
            reopened: reopened.map(|old| old.shifted(clock.wrapping_neg())),
            buffers,
            congestion,
        }
    }
}

impl TimeWait {
    /// With its offset moved by the clock.
    #[must_use]
    pub(crate) fn shifted(mut self, by: u32) -> TimeWait {
        self.ts_offset = self.ts_offset.wrapping_add(by);
        self
    }
}

impl Outgoing {
    /// A segment without text.
    pub(crate) fn bare(header: Header) -> Outgoing {
        Outgoing {
            header,
            from: 0,
            len: 0,
        }
    }
}
