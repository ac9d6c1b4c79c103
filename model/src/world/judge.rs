//! Judging a step of one host: what must hold of every endpoint, seen from outside.
//!
//! Written from the RFCs, without looking into the endpoint: only its observed variables before and after, the
//! event, and what came out.

use super::net::{InFlight, Symbol};
use super::state::{App, State};
use crate::endpoint::{Armed, Effects, Flags, Indication, Observed, Segment, TcpState, Timer};
use crate::properties::Fault;

/// A step of one host, for judging.
pub(super) struct Judged<'a> {
    pub(super) host: usize,
    pub(super) before: &'a Observed,
    pub(super) after: &'a Observed,
    /// Timers after the step.
    pub(super) armed: Armed,
    /// The segment that arrived.
    pub(super) arrived: Option<(&'a Segment, InFlight)>,
    pub(super) out: &'a Effects,
    /// The user's current script step is beyond its CLOSE or SHUTDOWN.
    pub(super) user_closed: bool,
    /// The user opened passively.
    pub(super) user_listens: bool,
    pub(super) orphan_timer: bool,
    /// A user call, which may end TIME_WAIT.
    pub(super) by_user: bool,
    /// The timer that fired.
    pub(super) timer: Option<Timer>,
}

fn when(fault: Fault, happened: bool) -> u32 {
    if happened { fault.bit() } else { 0 }
}

impl Judged<'_> {
    /// What holds of any step, even one that changes nothing.
    pub(super) fn answers(&self) -> u32 {
        let Some((s, _)) = self.arrived else { return 0 };
        let b = self.before;
        let mut faults = 0;
        if s.is(Flags::RST) {
            faults |= when(
                Fault::RstAnswered,
                self.out.segments.iter().any(|o| o.is(Flags::RST)),
            );
            return faults;
        }
        let plain = !s.is(Flags::SYN) && s.is(Flags::ACK);
        let in_time = match (b.ts_recent, s.ts) {
            (Some(recent), Some(ts)) => ts.val >= recent,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let repeats_fin = s.is(Flags::FIN) && b.fin_received && s.seq + s.seq_len() == b.rcv_nxt;
        if plain
            && in_time
            && repeats_fin
            && b.state.is_synchronized()
            && self.after.state != TcpState::Closed
        {
            let answered = self
                .out
                .segments
                .iter()
                .any(|o| o.is(Flags::ACK) && o.ack == b.rcv_nxt);
            faults |= when(Fault::FinUnanswered, !answered);
        }
        // Text or FIN at RCV.NXT, everything else in order: it must be taken.
        let receiving = matches!(
            b.state,
            TcpState::Established | TcpState::FinWait1 | TcpState::FinWait2
        );
        let at_edge = s.seq.at_or_before(b.rcv_nxt) && b.rcv_nxt.before(s.seq + s.seq_len());
        let acks = b.snd_una.at_or_before(s.ack) && s.ack.at_or_before(b.snd_nxt);
        if plain && in_time && receiving && at_edge && acks && b.rcv_wnd > 0 && !self.out.broken {
            let ended = self.after.state == TcpState::Closed || self.after.lingering;
            faults |= when(Fault::NoProgress, !ended && self.after.rcv_nxt == b.rcv_nxt);
        }
        faults
    }

    /// What holds of a step that changed the endpoint.
    pub(super) fn machine(&self) -> u32 {
        let (b, a) = (self.before, self.after);
        let same_life =
            !self.out.isn_used && a.state != TcpState::Closed && a.state != TcpState::Listen;
        let goes_back =
            b.lingering && a.state == TcpState::TimeWait && b.state == TcpState::SynReceived;
        let mut faults = 0;
        faults |= when(
            Fault::Transition,
            self.out.broken || (a.state != b.state && !(may_become(b, a) && self.has_cause())),
        );
        faults |= when(
            Fault::FinAck,
            same_life && !goes_back && b.snd_nxt.before(a.snd_una) && b.state != TcpState::Closed,
        );
        let after_fin = matches!(a.state, TcpState::FinWait2 | TcpState::TimeWait);
        faults |= when(
            Fault::FinAck,
            after_fin && !a.lingering && !a.fin_is_acknowledged(),
        );
        if b.state == TcpState::LastAck && self.out.told.contains(&Indication::Closed) {
            let acks_fin = self
                .arrived
                .is_some_and(|(s, _)| s.is(Flags::ACK) && s.ack == b.snd_nxt)
                && b.fin_sent;
            faults |= when(Fault::FinAck, !acks_fin);
        }
        if b.fin_sent && same_life {
            let new = self
                .out
                .segments
                .iter()
                .any(|s| !s.is(Flags::RST) && b.snd_nxt.before(s.seq + s.seq_len()));
            faults |= when(Fault::AfterFin, new);
        }
        faults |= when(Fault::Difference, a.differs);
        let reset =
            self.arrived.is_some_and(|(s, _)| s.is(Flags::RST)) && a.state == TcpState::Closed;
        let owed = b.state.is_synchronized() && b.state != TcpState::TimeWait;
        faults |= when(Fault::Untold, reset && owed && self.out.told.is_empty());
        faults |= self.timers();
        faults |= when(
            Fault::CloseForgotten,
            self.user_closed && is_open(a.state) && !a.close_called && !a.lingering,
        );
        faults |= when(
            Fault::CloseForgotten,
            a.close_called && a.state == TcpState::Established,
        );
        faults |= when(
            Fault::StrayListen,
            a.state == TcpState::Listen && !self.user_listens,
        );
        let by_timer = self.arrived.is_none();
        let ended = b.state == TcpState::TimeWait && !b.lingering && a.state == TcpState::Closed;
        // A reopening that ends neither in a connection nor back in TIME_WAIT ends it as well.
        let lost = b.state == TcpState::SynReceived
            && b.lingering
            && matches!(a.state, TcpState::Closed | TcpState::Listen);
        faults |= when(
            Fault::Assassinated,
            (ended || lost) && !by_timer && !self.by_user,
        );
        // A FIN_WAIT_2, TIME_WAIT or CLOSED reached with received data that no user will read, and no RST.
        let thrown_away = b.readable > 0 && a.orphan && a.readable == 0;
        let reset_sent = self.out.segments.iter().any(|s| s.is(Flags::RST));
        faults |= when(Fault::SilentLoss, thrown_away && !reset_sent);
        if let Some((s, _)) = self.arrived {
            let swallowed =
                b.orphan && same_life && s.len > 0 && b.rcv_nxt.before(a.rcv_nxt) && !reset_sent;
            let only_fin = a.fin_received
                && a.rcv_nxt == b.rcv_nxt + 1
                && s.seq + u32::from(s.len) == b.rcv_nxt;
            faults |= when(Fault::SilentLoss, swallowed && !only_fin);
        }
        faults
    }

    /// Whether what happened may take the TCP to where it is now.
    fn has_cause(&self) -> bool {
        let (b, a) = (self.before, self.after);
        let arrived = |flag| self.arrived.is_some_and(|(s, _)| s.is(flag));
        let fired = |timers: &[Timer]| self.timer.is_some_and(|t| timers.contains(&t));
        let reset = self.out.segments.iter().any(|s| s.is(Flags::RST));
        let acks_all = self.arrived.is_some_and(|(s, _)| s.ack == b.snd_nxt) && arrived(Flags::ACK);
        let ends = || match b.state {
            TcpState::TimeWait => fired(&[Timer::TimeWait]) || arrived(Flags::RST) || reset,
            TcpState::LastAck if acks_all => true,
            TcpState::FinWait2 if fired(&[Timer::FinWait2]) => true,
            _ => fired(&[Timer::User, Timer::GiveUp]) || arrived(Flags::RST) || reset,
        };
        match a.state {
            TcpState::Closed => self.by_user || ends(),
            TcpState::Listen => self.by_user || arrived(Flags::RST) || arrived(Flags::SYN),
            TcpState::SynSent => self.by_user,
            TcpState::SynReceived => arrived(Flags::SYN),
            TcpState::Established => arrived(Flags::ACK),
            TcpState::FinWait1 | TcpState::LastAck => a.close_called,
            TcpState::FinWait2 => acks_all && b.fin_sent,
            TcpState::CloseWait | TcpState::Closing => a.fin_received && self.arrived.is_some(),
            // From a reopening that failed, at the end of an abort, or when both FINs have been seen to.
            TcpState::TimeWait => b.lingering || a.lingering || (a.fin_received && b.fin_sent),
        }
    }

    /// Every closing state has a timer, or waits on its user or the peer; TIME_WAIT has only its own.
    fn timers(&self) -> u32 {
        let a = self.after;
        let running = self.armed.running;
        let sends = running.has(Timer::Retransmit) || running.has(Timer::Persist);
        let silent = match a.state {
            TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => !sends,
            TcpState::Established | TcpState::CloseWait => {
                (a.unsent > 0 || a.snd_una != a.snd_nxt) && !sends
            }
            TcpState::TimeWait => !running.has(Timer::TimeWait),
            TcpState::FinWait2 => a.orphan && self.orphan_timer && !running.has(Timer::FinWait2),
            TcpState::SynSent | TcpState::SynReceived => !sends,
            TcpState::Closed | TcpState::Listen => false,
        };
        let strays =
            a.state == TcpState::TimeWait && running.0 & !(1 << Timer::TimeWait as u8) != 0;
        when(Fault::NoTimer, silent) | when(Fault::StrayTimer, strays)
    }

    /// The life of the FIN that took effect in this step, and of the one held afterwards, as kept in the application.
    pub(super) fn follow_fin<I, const N: usize>(&self, next: &mut State<I, N>) {
        let (b, a) = (self.before, self.after);
        let app: &mut App = &mut next.apps[self.host];
        let arrived = self.arrived.filter(|(s, _)| s.is(Flags::FIN));
        let fin_at = arrived.map(|(s, _)| s.seq + u32::from(s.len));
        if a.fin_received && !b.fin_received {
            let fin = a.rcv_nxt - 1;
            let here = arrived.filter(|_| fin_at == Some(fin) && b.fin_held != Some(fin));
            let of = here.map_or(app.fin_held_of, |(_, f)| f.life() + 1);
            app.fin_of = of;
            app.fin_held_of = 0;
            if let Some(l) = of.checked_sub(1) {
                next.seen.life_mut(1 - self.host, l).set_fin_accepted();
            }
        } else if a.fin_held.is_none() {
            app.fin_held_of = 0;
        } else if a.fin_held != b.fin_held
            && let Some((_, f)) = arrived.filter(|_| fin_at == a.fin_held)
        {
            app.fin_held_of = f.life() + 1;
        }
    }
}

/// Whether one event can take a TCP from the one to the other: the arrows of RFC 9293's figure 5, what sections 3.10.4,
/// 3.10.5 and 3.10.8 and MAY-2 add, and two arrows at once where one segment brings both. A second opinion: an endpoint's
/// own table of transitions is not asked.
fn may_become(before: &Observed, after: &Observed) -> bool {
    use TcpState::*;
    let to = after.state;
    // The lingering end of an abort, and a reopening that goes back.
    let lingers = to == TimeWait && after.lingering;
    match before.state {
        Closed => matches!(to, Listen | SynSent),
        Listen => matches!(to, Closed | SynSent | SynReceived),
        // SYN,ACK with a FIN: CLOSE_WAIT.
        SynSent => matches!(to, Closed | SynReceived | Established | CloseWait),
        // The handshake's ACK lets go a FIN that was waiting, or brings one, or both.
        SynReceived => {
            matches!(
                to,
                Closed | Listen | Established | FinWait1 | CloseWait | Closing
            ) || lingers
                || (to == TimeWait && before.lingering)
        }
        Established => matches!(to, Closed | FinWait1 | CloseWait) || lingers,
        // The peer's FIN with the ACK of ours: TIME_WAIT.
        FinWait1 => matches!(to, Closed | FinWait2 | Closing | TimeWait),
        FinWait2 => matches!(to, Closed | TimeWait),
        CloseWait => matches!(to, Closed | LastAck) || lingers,
        Closing => matches!(to, Closed | TimeWait),
        LastAck => to == Closed,
        TimeWait => matches!(to, Closed | SynReceived),
    }
}

fn is_open(s: TcpState) -> bool {
    !matches!(s, TcpState::Closed | TcpState::Listen | TcpState::SynSent)
}

/// The user of `host` has read `bytes`.
pub(super) fn read<I, const N: usize>(next: &mut State<I, N>, host: usize, out: &Effects) -> u32 {
    let life = next.apps[host].life;
    let mut faults = 0;
    for &b in &out.read {
        let s = Symbol::of(b);
        faults |= when(Fault::Mixed, usize::from(s.host) == host);
        faults |= next.seen.read_byte(host, life, s.life, s.offset);
    }
    if out.end {
        let of = next.apps[host].fin_of.checked_sub(1);
        faults |= next.seen.read_the_end(host, life, of);
    }
    faults
}

/// The user of `host` has been told something.
pub(super) fn told<I, const N: usize>(
    next: &mut State<I, N>,
    j: &Judged<'_>,
    out: &Effects,
) -> u32 {
    let (host, b) = (j.host, j.before);
    let life = next.apps[host].life;
    let mut faults = 0;
    for &i in &out.told {
        let fin_pending = b.fin_sent && !b.fin_is_acknowledged();
        match i {
            Indication::Closed => {
                faults |= when(
                    Fault::FalseClosed,
                    !next.seen.life(host, life).fin_accepted(),
                );
                next.seen.life_mut(host, life).set_told_closed();
            }
            Indication::Reset | Indication::Refused => {
                let refused = next.apps[host].refused != 0 && !b.state.is_synchronized();
                let truthful = fin_pending || refused || next.seen.peer_is_cause(host, life);
                faults |= when(Fault::FalseReset, !truthful);
                // By whatever, it takes a segment: a RST, or (RFC 793) a SYN in the window.
                let by = |flag| j.arrived.is_some_and(|(s, _)| s.is(flag));
                faults |= when(Fault::Transition, !by(Flags::RST) && !by(Flags::SYN));
                next.seen.life_mut(host, life).set_told_error();
            }
            Indication::UserTimeout | Indication::GaveUp => {
                // A network may lose everything: a time-out needs no cause but something outstanding.
                let outstanding = b.snd_una != b.snd_nxt || b.unsent > 0;
                let truthful = outstanding || next.seen.peer_is_cause(host, life);
                faults |= when(Fault::FalseTimeout, !truthful);
                let l = next.seen.life_mut(host, life);
                l.set_told_error();
                l.set_cause();
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;
    use crate::spec::transition::TABLE;
    use TcpState::*;

    fn at(state: TcpState, lingering: bool) -> Observed {
        Observed {
            state,
            lingering,
            ..Observed::default()
        }
    }

    /// Whether it is ever allowed.
    fn joined(from: TcpState, to: TcpState) -> bool {
        let may = |b, a| may_become(&at(from, b), &at(to, a));
        may(false, false) || may(false, true) || may(true, false)
    }

    /// The judge and the specification were written apart: they must agree on what a TCP may become, but for the
    /// places where one segment brings two arrows.
    #[test]
    fn judge_and_specification_know_the_same_arrows() {
        const TWO_AT_ONCE: &[(TcpState, TcpState)] = &[
            (SynSent, CloseWait),
            (SynReceived, CloseWait),
            (SynReceived, Closing),
            (FinWait1, TimeWait),
        ];
        for from in TcpState::ALL {
            for to in TcpState::ALL.into_iter().filter(|to| *to != from) {
                let arrow = TABLE.iter().any(|t| (t.from, t.to) == (from, to));
                let two = TWO_AT_ONCE.contains(&(from, to));
                assert_eq!(joined(from, to), arrow || two, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn time_wait_is_reached_by_closing_or_as_a_lingerer() {
        for from in [Established, CloseWait, SynReceived] {
            assert!(!may_become(&at(from, false), &at(TimeWait, false)));
            assert!(may_become(&at(from, false), &at(TimeWait, true)));
        }
        assert!(may_become(&at(SynReceived, true), &at(TimeWait, false)));
        assert!(may_become(&at(Closing, false), &at(TimeWait, false)));
        assert!(!may_become(&at(Established, false), &at(LastAck, false)));
    }

    /// A step from one observation to another, with nothing else to it.
    fn step<'a>(before: &'a Observed, after: &'a Observed, out: &'a Effects) -> Judged<'a> {
        Judged {
            host: 0,
            before,
            after,
            armed: Armed::default(),
            arrived: None,
            out,
            user_closed: false,
            user_listens: false,
            orphan_timer: false,
            by_user: false,
            timer: None,
        }
    }

    fn segment(flags: Flags, seq: u32, ack: u32) -> Segment {
        Segment {
            seq: Seq::new(seq),
            ack: Seq::new(ack),
            flags,
            ..Segment::default()
        }
    }

    #[test]
    fn an_arrow_needs_its_cause() {
        let out = Effects::default();
        let closed = at(Closed, false);
        let is_fault = |j: Judged<'_>| j.machine() & Fault::Transition.bit() != 0;
        let (ack, reset) = (segment(Flags::ACK, 1, 0), segment(Flags::RST, 1, 0));
        let by = |s| Some((s, InFlight::NONE));
        for from in [
            Established,
            FinWait1,
            FinWait2,
            CloseWait,
            Closing,
            TimeWait,
        ] {
            let mut from = at(from, false);
            from.snd_nxt = Seq::new(9);
            let base = || step(&from, &closed, &out);
            // A connection does not end by an ACK of nothing, or by nothing at all.
            assert!(is_fault(base()));
            assert!(is_fault(Judged {
                arrived: by(&ack),
                ..base()
            }));
            assert!(!is_fault(Judged {
                arrived: by(&reset),
                ..base()
            }));
            assert!(!is_fault(Judged {
                by_user: true,
                ..base()
            }));
        }
        // Each by its own timer only.
        let fired = |from, t| {
            let from = at(from, false);
            is_fault(Judged {
                timer: Some(t),
                ..step(&from, &closed, &out)
            })
        };
        assert!(!fired(TimeWait, Timer::TimeWait) && !fired(FinWait2, Timer::FinWait2));
        assert!(fired(TimeWait, Timer::User) && fired(Established, Timer::FinWait2));
        assert!(fired(LastAck, Timer::Retransmit) && !fired(LastAck, Timer::GiveUp));
        // CLOSE_WAIT without a FIN, FIN_WAIT_1 without a CLOSE.
        for to in [CloseWait, FinWait1] {
            let (from, to) = (at(Established, false), at(to, false));
            assert!(is_fault(Judged {
                by_user: true,
                ..step(&from, &to, &out)
            }));
        }
    }

    #[test]
    fn nothing_new_goes_out_behind_the_fin() {
        let mut b = at(LastAck, false);
        (b.fin_sent, b.snd_nxt) = (true, Seq::new(3));
        let sends = |seq| {
            let mut out = Effects::default();
            out.send(Segment {
                len: 1,
                ..segment(Flags::ACK, seq, 0)
            });
            step(&b, &b, &out).machine() & Fault::AfterFin.bit() != 0
        };
        assert!(sends(3) && !sends(2));
    }

    #[test]
    fn a_time_out_needs_something_outstanding_and_a_reset_a_segment() {
        let told_by = |i, b: Observed, arrived: Option<&Segment>| {
            let mut out = Effects::default();
            out.tell(i);
            let a = at(Closed, false);
            let judged = Judged {
                arrived: arrived.map(|s| (s, InFlight::NONE)),
                ..step(&b, &a, &out)
            };
            let mut next: State<[u8; 1], 1> = State {
                ends: [[0], [0]],
                apps: [App::default(); 2],
                seen: Default::default(),
                fault: [0; 4],
                phase: 0,
                live: 0,
                net: [InFlight::NONE],
            };
            told(&mut next, &judged, &out)
        };
        let idle = at(Established, false);
        let mut waiting = idle;
        waiting.snd_nxt = Seq::new(1);
        let fault = Fault::FalseTimeout.bit();
        assert_eq!(told_by(Indication::GaveUp, idle, None), fault);
        assert_eq!(told_by(Indication::UserTimeout, waiting, None), 0);
        let reset = segment(Flags::RST, 1, 0);
        let (lie, bare) = (Fault::FalseReset.bit(), Fault::Transition.bit());
        assert_eq!(told_by(Indication::Reset, idle, Some(&reset)), lie);
        assert_eq!(told_by(Indication::Reset, idle, None), lie | bare);
        assert_eq!(
            told_by(Indication::Closed, idle, None),
            Fault::FalseClosed.bit()
        );
    }
}
