//! Whether what came out at one instant can come from the specification's step.

use farewell_model::endpoint::Endpoint;
use farewell_model::endpoint::{Effects, Flags, Segment, Timer};
use farewell_model::seq::Seq;
use farewell_model::spec::{Config, Spec, Tcb};

use super::odd::Lenience;
use super::set::Why;
use crate::targets::lockstep::has_connection;

/// What a state looks like from outside, as far as segments go.
pub(super) struct View<'a> {
    pub(super) t: &'a Tcb,
    pub(super) fin_received: bool,
    pub(super) room: u32,
    /// A closed window is probed.
    pub(super) persists: bool,
}

impl<'a> View<'a> {
    pub(super) fn of(c: &Config, t: &'a Tcb) -> Self {
        let o = Spec::observe(c, t);
        View {
            t,
            fin_received: o.fin_received,
            room: o.rcv_wnd.into(),
            persists: Spec::armed(c, t).running.has(Timer::Persist),
        }
    }

    /// Whether the segment probes a closed window by an old number.
    pub(super) fn is_old_probe(&self, s: &Segment) -> bool {
        self.persists && is_pure_ack(s) && s.seq + 1 == self.t.snd_nxt
    }

    /// Whether the segment repeats what is in flight: same numbers, same text.
    pub(super) fn has_in_flight(&self, s: &Segment) -> bool {
        let t = self.t;
        if s.is(Flags::SYN) {
            return t.syn_in_flight() && s.seq == t.iss && s.len == 0 && !s.is(Flags::FIN);
        }
        let text = t.snd_una + u32::from(t.syn_in_flight());
        let end = t.snd_nxt - u32::from(t.fin_in_flight());
        let from = s.seq - text;
        let queued = t.queued.as_slice();
        let there = s.seq_len() > 0
            && from <= end - text
            && from + u32::from(s.len) <= end - text
            && queued.get(from as usize..from as usize + usize::from(s.len)) == Some(s.data());
        there && (!s.is(Flags::FIN) || t.fin_in_flight() && s.seq + u32::from(s.len) == end)
    }

    /// What is wrong with the acknowledgment.
    pub(super) fn acknowledged_wrongly(&self, s: &Segment) -> Why {
        if self.fin_received && self.t.rcv_nxt.before(s.ack) {
            Why::AfterFin
        } else {
            Why::Acknowledgment
        }
    }

    /// The window is no larger than there is room for, and its right edge has not moved left.
    pub(super) fn offers(&self, s: &Segment, edge: Option<Seq>) -> bool {
        if self.fin_received || s.is(Flags::SYN) || s.is(Flags::RST) {
            return true;
        }
        let offered = s.ack + u32::from(s.wnd);
        offered.at_or_before(self.t.rcv_nxt + self.room)
            && edge.is_none_or(|e| e.at_or_before(offered))
    }
}

/// A segment that only acknowledges.
pub(super) fn is_pure_ack(s: &Segment) -> bool {
    s.flags == Flags::ACK && s.len == 0
}

/// Whether these segments, all that came out at once, are the step's: it owes an acknowledgment, or one
/// was owed before it. Says whether
/// the latest acknowledgment is among them.
pub(super) fn group(
    [before, after]: [&View<'_>; 2],
    effects: &Effects,
    seen: &[Segment],
    [owes, owed]: [bool; 2],
    mut edge: Option<Seq>,
    lenience: Lenience,
) -> Result<bool, Why> {
    let (t0, t1) = (before.t, after.t);
    let fresh = effects.isn_used;
    let mut wanted: Vec<Segment> = effects
        .segments
        .iter()
        .filter(|s| s.is(Flags::SYN) || s.is(Flags::RST))
        .copied()
        .collect();
    let mut allowance = u8::from(owes) + u8::from(owed) + u8::from(lenience.extra_ack);
    let mut covered = if fresh { t1.snd_nxt } else { t0.snd_nxt };
    let mut acknowledged = false;
    // An ABORT, or what is like it.
    let ends = has_connection(t0.state) && t0.state != t1.state;
    let numbered = |next: Seq, s: &Segment| {
        let in_flight = t0.snd_una.at_or_before(s.seq) && s.seq.before(next);
        let edges = [t0, t1].map(|t| t.snd_una + u32::from(t.snd_wnd));
        let at_edge = edges.contains(&s.seq) && s.seq.before(next);
        s.seq == next || lenience.sequence_back && in_flight || lenience.sequence_at_edge && at_edge
    };
    for s in seen {
        if s.is(Flags::RST) {
            let plain = s.len == 0 && Flags::RST.with(Flags::ACK).has(s.flags);
            let same = |w: &Segment| {
                let free = ends
                    && !w.is(Flags::ACK)
                    && s.is(Flags::ACK)
                    && (s.ack == t0.rcv_nxt || s.ack == t1.rcv_nxt);
                let as_closed = s.flags == Flags::RST && lenience.reset_as_closed == Some(s.seq);
                plain
                    && w.is(Flags::RST)
                    && (numbered(w.seq, s) && (w.flags == s.flags && w.ack == s.ack || free)
                        || as_closed)
            };
            let bare = |w: &Segment| {
                lenience.bare_reset && w.is(Flags::RST) && w.is(Flags::ACK) && s.flags == Flags::RST
            };
            match wanted.iter().position(|w| same(w) || bare(w)) {
                Some(found) => drop(wanted.remove(found)),
                None if lenience.extra_reset && plain => {}
                None => return Err(Why::Reset),
            }
            continue;
        }
        if s.is(Flags::SYN) {
            let same = |w: &Segment| {
                w.seq == s.seq && w.flags == s.flags && w.ack == s.ack && w.len == s.len
            };
            match wanted.iter().position(same) {
                Some(found) => drop(wanted.remove(found)),
                None if before.has_in_flight(s)
                    && s.ack
                        == if s.is(Flags::ACK) {
                            t0.rcv_nxt
                        } else {
                            Seq::default()
                        } => {}
                None => return Err(Why::Syn),
            }
            acknowledged |= s.is(Flags::ACK);
            continue;
        }
        if !s.is(Flags::ACK) {
            return Err(Why::NoAck);
        }
        if !has_connection(t1.state) && t0.state == t1.state {
            return Err(Why::Silence);
        }
        if s.ack != t1.rcv_nxt && s.ack != t0.rcv_nxt {
            return Err(after.acknowledged_wrongly(s));
        }
        if !after.offers(s, edge) {
            return Err(Why::Window);
        }
        let offered = s.ack + u32::from(s.wnd);
        let opens = edge.is_some_and(|e| e.before(offered));
        edge = Some(offered);
        if before.is_old_probe(s) {
            continue; // its timer ran out just before the input: it answers nothing
        }
        if is_pure_ack(s) {
            if !numbered(t0.snd_nxt, s) && !numbered(t1.snd_nxt, s) && s.seq != covered {
                return Err(Why::Sequence);
            }
            if allowance == 0 && !opens {
                return Err(Why::Unasked);
            }
            allowance = allowance.saturating_sub(1);
        } else {
            if !after.has_in_flight(s) && !before.has_in_flight(s) {
                return Err(Why::Text);
            }
            let end = s.seq + s.seq_len();
            if covered.before(s.seq) {
                return Err(Why::Text);
            }
            if covered.before(end) {
                covered = end;
            }
        }
        acknowledged |= s.ack == t1.rcv_nxt;
    }
    if let Some(w) = wanted.first() {
        return Err(if w.is(Flags::RST) {
            Why::NoReset
        } else {
            Why::NoSyn
        });
    }
    // What is past may be forgotten: TIME_WAIT and CLOSED have nothing to send.
    let sends = effects
        .segments
        .iter()
        .any(|s| !s.is(Flags::SYN) && !s.is(Flags::RST) && s.seq_len() > 0);
    if sends && covered != t1.snd_nxt && !lenience.unsent {
        return Err(Why::Unsent);
    }
    Ok(acknowledged)
}

/// Whether the step owes an acknowledgment: by itself, or on text for a segment that occupies sequence space.
pub(super) fn acknowledges(effects: &Effects, occupied: bool) -> bool {
    let carries = |s: &Segment| s.is(Flags::ACK) && !s.is(Flags::RST) && !s.is(Flags::SYN);
    effects
        .segments
        .iter()
        .any(|s| is_pure_ack(s) || occupied && carries(s))
}
