//! What can happen, and how it and a segment are written down.

use super::net::InFlight;
use crate::endpoint::{Flags, Segment, Timer};
use crate::seq::Seq;

/// One thing that happens. Numbers name hosts: 0 is A, 1 is B.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Action {
    /// A segment in flight reaches the other host, which would use this ISN (a distance from its first) to answer a SYN.
    Deliver(InFlight, Option<i8>),
    /// A timer fires.
    Fire(u8, Timer),
    /// The application takes its next step; an OPEN with this ISN.
    App(u8, Option<i8>),
    /// The application aborts.
    Abort(u8),
    /// The host crashes and forgets everything.
    Crash(u8),
    /// The host vanishes.
    Vanish(u8),
    /// A segment from long ago turns up.
    Stray(u8),
    /// A tick, of both clocks or (in turn) of one.
    Tick,
}

/// Host names.
pub const NAMES: [&str; 2] = ["A", "B"];

impl Action {
    /// In words that also name it: no two actions of one state read alike.
    pub fn describe(&self, bases: &[Seq; 2]) -> String {
        let isn = |i: &Option<i8>| i.map_or(String::new(), |n| format!(" isn={n:+}"));
        match self {
            Action::Deliver(s, i) => {
                let to = NAMES[1 - usize::from(s.from())];
                let mark = if s.is_in_stream() {
                    format!(" life={}", s.life() + 1)
                } else {
                    String::new()
                };
                let stamp = s.unpack(bases).ts.map_or(String::new(), |t| {
                    format!(" ts=now-{}", crate::endpoint::NOW - t.val)
                });
                format!(
                    "deliver to {to}: {}{mark}{stamp} ttl={}{}",
                    textbook(&s.unpack(bases), s.from(), bases),
                    s.ttl(),
                    isn(i)
                )
            }
            Action::Fire(h, t) => format!("{}: {} timer", NAMES[usize::from(*h & 1)], t.name()),
            Action::App(h, i) => format!("{}: application{}", NAMES[usize::from(*h & 1)], isn(i)),
            Action::Abort(h) => format!("{}: ABORT", NAMES[usize::from(*h & 1)]),
            Action::Crash(h) => format!("{}: crash", NAMES[usize::from(*h & 1)]),
            Action::Vanish(h) => format!("{}: vanishes", NAMES[usize::from(*h & 1)]),
            Action::Stray(n) => format!("stray {n} turns up"),
            Action::Tick => "tick".into(),
        }
    }
}

/// A segment in the notation of textbooks, numbers relative to the hosts' first ISNs: `FIN=1 ACK=1 seq=2 ack=3`.
pub fn textbook(s: &Segment, from: u8, bases: &[Seq; 2]) -> String {
    let own = bases[usize::from(from & 1)];
    let other = bases[usize::from(1 - (from & 1))];
    let mut out = String::new();
    for (flag, name) in [
        (Flags::SYN, "SYN"),
        (Flags::FIN, "FIN"),
        (Flags::RST, "RST"),
        (Flags::ACK, "ACK"),
    ] {
        if s.is(flag) {
            out += &format!("{name}=1 ");
        }
    }
    let zero = s.flags == Flags::RST.with(Flags::ACK) && s.seq.raw() == 0;
    if zero {
        out += "seq=0(absolute)";
    } else {
        out += &format!("seq={}", (s.seq - own) as i32);
    }
    if s.is(Flags::ACK) {
        out += &format!(" ack={}", (s.ack - other) as i32);
    }
    if s.len > 0 {
        out += &format!(" len={}", s.len);
    }
    out += &format!(" wnd={}", s.wnd);
    out
}
