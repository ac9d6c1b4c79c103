//! A situation of the engine as plain bytes: what [`Saved`] holds, less what the model profile makes constant.
//!
//! Left out, each with its reason: `rto` (its limits leave one value), `duplicates`, `resend`, `recover` and the flags of
//! recovery and timing (without congestion control and with a fixed timeout they decide nothing), `stamped`, `timed_at`,
//! `challenge_from` (a fixed moment, no limit on challenges), `probes` (keep-alives never give up), `backoff` and the flag
//! of a probe (when it is sent again is any moment), `mss`, `rcv_shift`, `snd_shift` (one of each), `reset`, `owes` and
//! `events` (polled until there is nothing). With a window that never changes SND.WL1 and SND.WL2 decide nothing, for every
//! segment offers the same.

use core::time::Duration;

use farewell::connection::{MOST, Piece, Pieces, Saved, SavedTimers, Unlimited};
use farewell::endpoint::Phase;
use farewell::rto::Rto;
use farewell::seq::SeqNumber;
use farewell::timewait::{TimeWait, TimeWaitFlags};
use farewell::wire::Header;
use farewell::{Connection, Instant, State};
use farewell_model::endpoint::{MAX_DATA, NOW, OLDEST, Timer};
use farewell_model::seq::Seq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::buffers::Few;
use super::{EngineConfig, Tcp};

/// The moment at which every event happens: the model's timestamp clock.
pub(crate) const MOMENT: Instant = Instant(NOW as u64 * 1_000);
/// A tick of the model: a step of the timestamp clock.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// A timer that fires at any moment: much shorter than a tick.
pub(crate) const SOON: Duration = Duration::from_micros(1);

/// Flags that decide nothing in the model profile.
const IDLE_FLAGS: u16 = 256 | 512 | 1024 | 2048 | 16384 | 32768;

/// TIME_WAIT's record, or one that may come back.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Record {
    snd_nxt: Seq,
    rcv_nxt: Seq,
    max_snd_wnd: u8,
    window: u8,
    ts_age: u8,
    flags: u8,
}

/// The engine for one pair of sockets.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Image {
    /// 0 CLOSED, 1 LISTEN, 2 open, 3 TIME_WAIT.
    pub(crate) phase: u8,
    /// LISTEN takes timestamps; in TIME_WAIT there is a user who may read.
    pub(crate) detail: u8,
    pub(crate) state: u8,
    flags: [u8; 2],
    iss: Seq,
    snd_una: Seq,
    snd_nxt: Seq,
    snd_wl1: Seq,
    snd_wl2: Seq,
    rcv_nxt: Seq,
    rcv_edge: u8,
    unacked: u8,
    snd_wnd: u8,
    max_snd_wnd: u8,
    ts_age: u8,
    fin_ahead: u8,
    /// Runs, by bits of [`Timer`].
    pub(crate) soon: u8,
    /// Ticks left plus one, 0 for off: user, R2, FIN_WAIT_2, keep-alive, TIME_WAIT.
    pub(crate) countdowns: [u8; 5],
    pieces: [[u8; 2]; MOST],
    ahead: [u8; MAX_DATA],
    queued: [u8; MAX_DATA],
    queued_len: u8,
    received: [u8; MAX_DATA],
    received_len: u8,
    reopened: u8,
    /// Of TIME_WAIT, or of the one that was reopened.
    record: Record,
    /// Something did not fit: never without a fault.
    pub(crate) misfit: u8,
}

/// Timers by ticks, in the order of [`Image::countdowns`].
pub(crate) const BY_TICKS: [Timer; 5] = [
    Timer::User,
    Timer::GiveUp,
    Timer::FinWait2,
    Timer::KeepAlive,
    Timer::TimeWait,
];

fn seq(n: SeqNumber) -> Seq {
    Seq::new(n.0)
}

fn number(s: Seq) -> SeqNumber {
    SeqNumber(s.raw())
}

fn age_of(val: u32) -> u8 {
    (NOW.wrapping_sub(val) as i32).clamp(0, OLDEST.into()) as u8
}

/// A length that must fit a byte.
fn byte(n: u32, misfit: &mut u8) -> u8 {
    u8::try_from(n).unwrap_or_else(|_| {
        *misfit = 1;
        u8::MAX
    })
}

impl Record {
    fn of(t: &TimeWait, misfit: &mut u8) -> Record {
        let aborted = t.flags.has(TimeWaitFlags::ABORTED);
        if aborted {
            // It answers by a segment's own numbers.
            return Record {
                snd_nxt: seq(t.snd_nxt),
                flags: TimeWaitFlags::ABORTED.0,
                ..Record::default()
            };
        }
        let stamps = t.flags.has(TimeWaitFlags::TIMESTAMPS);
        Record {
            snd_nxt: seq(t.snd_nxt),
            rcv_nxt: seq(t.rcv_nxt),
            max_snd_wnd: byte(t.max_snd_wnd, misfit),
            window: byte(t.window.into(), misfit),
            ts_age: if stamps { age_of(t.ts_recent) } else { 0 },
            flags: t.flags.0,
        }
    }

    pub(crate) fn time_wait(&self) -> TimeWait {
        TimeWait {
            snd_nxt: number(self.snd_nxt),
            rcv_nxt: number(self.rcv_nxt),
            max_snd_wnd: self.max_snd_wnd.into(),
            ts_recent: NOW - u32::from(self.ts_age),
            ts_offset: 0,
            window: self.window.into(),
            flags: TimeWaitFlags(self.flags),
            shift: 0,
        }
    }

    fn tick(&mut self) {
        if TimeWaitFlags(self.flags).has(TimeWaitFlags::TIMESTAMPS) {
            self.ts_age = older(self.ts_age);
        }
    }
}

/// The age of TS.Recent a tick later, in the model's convention: one younger than what is simply old.
fn older(age: u8) -> u8 {
    if age + 1 < OLDEST { age + 1 } else { age }
}

fn left(d: Option<Duration>) -> u8 {
    d.map_or(0, |d| (d.as_millis() as u8).saturating_add(1))
}

impl Image {
    /// What the engine has become. All of it must be said by an image, so nothing may be left to poll.
    pub(crate) fn of(c: &EngineConfig, tcp: Tcp) -> Image {
        let (phase, connection) = tcp.into_parts();
        let mut i = Image::default();
        match phase {
            Phase::Closed => {}
            Phase::Listen { timestamps } => {
                i.phase = 1;
                i.detail = timestamps.into();
            }
            Phase::Open => {
                i.phase = 2;
                if let Some(connection) = connection {
                    i.take_connection(c, connection.save(MOMENT));
                }
            }
            Phase::TimeWait(record, ends) => {
                i.phase = 3;
                i.record = Record::of(&record, &mut i.misfit);
                i.countdowns[4] = left(Some(ends.since(MOMENT)));
                let reads = connection.filter(|c| !c.is_orphan());
                if let Some(saved) = reads.map(|c| c.save(MOMENT)) {
                    i.detail = 1;
                    i.received = saved.buffers.received;
                    i.received_len = saved.buffers.received_len;
                }
            }
        }
        i
    }

    fn take_connection(&mut self, c: &EngineConfig, s: Saved<Few, Unlimited>) {
        let Saved {
            state,
            snd_shift,
            rcv_shift,
            duplicates: _,
            flags,
            owes,
            events,
            mss: _,
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
            stamped: _,
            timed_at: _,
            challenge_from: _,
            timed: _,
            iss,
            resend: _,
            recover: _,
            fin_at,
            probes: _,
            backoff: _,
            ahead,
            reset: _,
            reopened,
            buffers,
            congestion: Unlimited,
        } = s;
        let constant = snd_shift == 0 && rcv_shift == 0 && ts_val == NOW && rto.get() == SOON;
        if !constant || owes != 0 || events != 0 {
            self.misfit = 1;
        }
        let mut misfit = self.misfit;
        let knows_peer = state != State::SynSent;
        let (timestamps, fin_held) = (flags & 64 != 0, flags & 128 != 0);
        self.state = state as u8;
        self.flags = (flags & !IDLE_FLAGS).to_le_bytes();
        self.iss = seq(iss);
        self.snd_una = seq(snd_una);
        self.snd_nxt = seq(snd_nxt);
        if knows_peer {
            self.rcv_nxt = seq(rcv_nxt);
            self.rcv_edge = byte(rcv_edge.distance(rcv_nxt).max(0) as u32, &mut misfit);
            self.unacked = byte(rcv_nxt.distance(last_ack_sent).max(0) as u32, &mut misfit);
            if !c.fixed_window {
                self.snd_wl1 = seq(snd_wl1);
                self.snd_wl2 = seq(snd_wl2);
            }
        }
        self.snd_wnd = byte(snd_wnd, &mut misfit);
        self.max_snd_wnd = byte(max_snd_wnd, &mut misfit);
        self.ts_age = if timestamps { age_of(ts_recent) } else { 0 };
        self.fin_ahead = if fin_held {
            byte(fin_at.distance(rcv_nxt) as u32, &mut misfit)
        } else {
            0
        };
        let SavedTimers {
            retransmit,
            delayed_ack,
            give_up,
            user,
            fin_wait_2,
            keep_alive,
        } = timers;
        self.soon = u8::from(retransmit.is_some()) | u8::from(delayed_ack.is_some()) << 1;
        self.countdowns = [
            left(user),
            left(give_up),
            left(fin_wait_2),
            left(keep_alive),
            0,
        ];
        for (slot, p) in self.pieces.iter_mut().zip(ahead.as_slice()) {
            let at = |n: SeqNumber| n.distance(rcv_nxt) as u32;
            *slot = [byte(at(p.from), &mut misfit), byte(at(p.to), &mut misfit)];
            for n in slot[0]..slot[1] {
                let n = usize::from(n);
                match (self.ahead.get_mut(n), buffers.ahead.get(n)) {
                    (Some(to), Some(from)) => *to = *from,
                    _ => misfit = 1,
                }
            }
        }
        self.queued = buffers.queued;
        self.queued_len = buffers.queued_len;
        self.received = buffers.received;
        self.received_len = buffers.received_len;
        if let Some(old) = reopened {
            self.reopened = 1;
            self.record = Record::of(
                &TimeWait {
                    ts_offset: 0,
                    ..old
                },
                &mut misfit,
            );
        }
        self.misfit = misfit;
    }

    /// The engine that goes on from here. Of the timers that are due only `fires` does so now.
    pub(crate) fn tcp(&self, c: &EngineConfig, fires: Option<Timer>) -> Tcp {
        let at = |n: usize| {
            let left = self.countdowns[n].checked_sub(1)?;
            let due = left == 0 && fires != Some(BY_TICKS[n]);
            Some(if due { SOON } else { TICK * left.into() })
        };
        match self.phase {
            1 => Tcp::from_parts(
                Phase::Listen {
                    timestamps: self.detail != 0,
                },
                None,
            ),
            2 => {
                let saved = self.saved(c, fires, at);
                Tcp::from_parts(Phase::Open, Some(Connection::restore(saved, MOMENT)))
            }
            3 => {
                let ends = MOMENT + at(4).unwrap_or_default();
                let record = self.record.time_wait();
                let reader = (self.detail != 0).then(|| {
                    let mut saved = self.saved(c, None, |_| None);
                    saved.state = State::TimeWait;
                    saved.flags = 16; // the peer's FIN
                    saved.rcv_nxt = record.rcv_nxt;
                    Connection::restore(saved, MOMENT)
                });
                Tcp::from_parts(Phase::TimeWait(record, ends), reader)
            }
            _ => Tcp::default(),
        }
    }

    fn saved(
        &self,
        c: &EngineConfig,
        fires: Option<Timer>,
        at: impl Fn(usize) -> Option<Duration>,
    ) -> Saved<Few, Unlimited> {
        let buffers = Few {
            queued: self.queued,
            queued_len: self.queued_len,
            received: self.received,
            received_len: self.received_len,
            ahead: self.ahead,
            ..c.buffers()
        };
        let rcv_nxt = number(self.rcv_nxt);
        let soon = |bit: u8, timer: Timer| {
            let now = fires == Some(timer) || (bit == 0 && fires == Some(Timer::Persist));
            (self.soon & 1 << bit != 0).then_some(if now { Duration::ZERO } else { SOON })
        };
        let mut ahead = Pieces::default();
        for [from, to] in self.pieces {
            let piece = Piece {
                from: rcv_nxt + from.into(),
                to: rcv_nxt + to.into(),
            };
            ahead.add(piece, rcv_nxt, |_| {});
        }
        Saved {
            state: State::ALL[usize::from(self.state).min(10)],
            flags: u16::from_le_bytes(self.flags),
            owes: 0,
            events: 0,
            snd_shift: 0,
            rcv_shift: 0,
            duplicates: 0,
            mss: c.tcp.mss,
            rto: Rto::new(&c.tcp.rto),
            stamped: Duration::ZERO,
            timed_at: Duration::ZERO,
            challenge_from: Duration::ZERO,
            timed: rcv_nxt,
            iss: number(self.iss),
            resend: number(self.snd_una),
            recover: number(self.snd_una),
            probes: 0,
            backoff: 0,
            reset: Header::default(),
            ts_val: NOW,
            buffers,
            congestion: Unlimited,
            rcv_nxt,
            rcv_edge: rcv_nxt + self.rcv_edge.into(),
            last_ack_sent: rcv_nxt - self.unacked.into(),
            snd_una: number(self.snd_una),
            snd_nxt: number(self.snd_nxt),
            snd_wnd: self.snd_wnd.into(),
            max_snd_wnd: self.max_snd_wnd.into(),
            snd_wl1: number(self.snd_wl1),
            snd_wl2: number(self.snd_wl2),
            ts_recent: NOW - u32::from(self.ts_age),
            timers: SavedTimers {
                retransmit: soon(0, Timer::Retransmit),
                delayed_ack: soon(1, Timer::DelayedAck),
                user: at(0),
                give_up: at(1),
                fin_wait_2: at(2),
                keep_alive: at(3),
            },
            fin_at: rcv_nxt + self.fin_ahead.into(),
            ahead,
            reopened: (self.reopened != 0).then(|| {
                // As saved: its offset is TSval at the moment.
                TimeWait {
                    ts_offset: NOW,
                    ..self.record.time_wait()
                }
            }),
        }
    }

    /// A tick passes: what is left of every timer shrinks, TS.Recent grows older.
    pub(crate) fn tick(&mut self) {
        for c in &mut self.countdowns {
            if *c > 1 {
                *c -= 1;
            }
        }
        if self.phase == 2 && u16::from_le_bytes(self.flags) & 64 != 0 {
            self.ts_age = older(self.ts_age);
        }
        if self.phase == 3 || self.reopened != 0 {
            self.record.tick();
        }
    }
}
