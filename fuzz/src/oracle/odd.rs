//! Oddities: what a stack may do with one input instead of what the specification does. Each is a further reading of that
//! input, so that what a stack diverges by has the name of what it did, not of what was seen of it later; and so that one
//! that is known does not hide what comes after it.

use farewell_model::endpoint::{Call, Endpoint, Event, Flags, Segment, TcpState};
use farewell_model::rules::Rule;
use farewell_model::seq::Seq;
use farewell_model::spec::{Config, Spec, Tcb};

use crate::targets::lockstep::has_connection;

/// An oddity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Oddity {
    /// A clause is missing.
    Without(Rule),
    /// A segment is dropped, without an answer and without effect.
    Ignored,
    /// The same, but it is answered by an acknowledgment.
    OnlyAnswered,
    /// Its acknowledgment and its window are dropped.
    AckDropped,
    /// It ends the handshake though it does not acknowledge the SYN: by RFC 793's SND.UNA =< SEG.ACK. Nothing more is judged.
    OldAckEstablishes,
    /// Its FIN is.
    FinForgotten,
    /// Its text and its FIN are.
    TextForgotten,
    /// A FIN is taken that there is no room for.
    Overfilled,
    /// The same, and in the place of text that there is no room for: that text is lost.
    FinCutsText,
    /// Of a segment ahead, text that there is no room for is held. Nothing more is judged.
    TextOverfills,
    /// Text behind the peer's FIN is taken. What such a connection does later has no specification: nothing more is judged.
    BehindFin,
    /// Text that was never sent counts as acknowledged. Nothing more is judged.
    AckOfUnsent,
    /// CLOSE waits for the end of the handshake. Nothing more is judged.
    CloseWaits,
    /// It ends the connection as a RST does.
    Resets,
    /// Its window is taken, though another came behind it: SND.WL1 and SND.WL2 are not looked at.
    StaleWindow,
    /// Its acknowledgment is judged, its sequence number is not.
    SequenceUnchecked,
    /// OPEN begins a new connection although the old one is in TIME_WAIT.
    TimeWaitForgotten,
    /// A call draws a RST where it draws nothing.
    ExtraReset,
    /// The RST for a segment without ACK has none either.
    BareReset,
    /// A closed window is probed at once.
    EarlyProbe,
    /// It is acknowledged, and should be dropped in silence.
    Answered,
    /// An acknowledgment or a RST has the number of the peer's window's right edge, where SND.NXT lies right of it.
    SequenceAtEdge,
    /// What is in flight does not count: an acknowledgment or a RST has a number below SND.NXT.
    SequenceBack,
}

/// What else an input may draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lenience {
    pub(super) extra_reset: bool,
    pub(super) bare_reset: bool,
    pub(super) extra_ack: bool,
    pub(super) sequence_back: bool,
    pub(super) sequence_at_edge: bool,
    pub(super) early_probe: bool,
    /// SND.NXT does not count it.
    pub(super) uncounted: bool,
    /// A RST for text after CLOSE has the number that the segment acknowledges, as one from CLOSED has.
    pub(super) reset_as_closed: Option<Seq>,
    /// New text waits: a timeout has just closed the congestion window (RFC 5681 3.1).
    pub(super) unsent: bool,
}

/// An input as the odd stack takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Treated {
    pub(super) config: Config,
    pub(super) tcb: Tcb,
    /// None: nothing happens, and nothing comes out.
    pub(super) event: Option<Event>,
    pub(super) lenience: Lenience,
    /// What comes after is not judged.
    pub(super) lost: bool,
    /// It ends the connection.
    pub(super) resets: bool,
    /// What comes out now is judged, what comes after is not.
    pub(super) lost_after: bool,
}

impl Oddity {
    /// All, those that say most first.
    pub const ALL: [Oddity; 29] = [
        Oddity::Without(Rule::RstExact),
        Oddity::Without(Rule::SynChallenge),
        Oddity::Without(Rule::ResetUnread),
        Oddity::Without(Rule::ResetLateData),
        Oddity::Without(Rule::TrimOverlap),
        Oddity::Without(Rule::SynSentAck),
        Oddity::Without(Rule::ReopenGoesBack),
        Oddity::BareReset,
        Oddity::EarlyProbe,
        Oddity::TimeWaitForgotten,
        Oddity::ExtraReset,
        Oddity::Answered,
        Oddity::SequenceBack,
        Oddity::SequenceAtEdge,
        Oddity::FinForgotten,
        Oddity::TextForgotten,
        Oddity::Ignored,
        Oddity::OnlyAnswered,
        Oddity::Overfilled,
        Oddity::FinCutsText,
        Oddity::AckDropped,
        Oddity::OldAckEstablishes,
        Oddity::StaleWindow,
        Oddity::SequenceUnchecked,
        Oddity::Resets,
        Oddity::CloseWaits,
        Oddity::AckOfUnsent,
        Oddity::TextOverfills,
        Oddity::BehindFin,
    ];

    /// A word for it.
    pub fn id(self) -> String {
        match self {
            Oddity::Without(rule) => format!("without-{}", rule.info().id),
            odd => super::set::words_of(&format!("{odd:?}")),
        }
    }

    /// Whether the specification has no state for what comes after.
    pub(super) fn ends_judgement(self) -> bool {
        matches!(
            self,
            Oddity::BehindFin
                | Oddity::CloseWaits
                | Oddity::AckOfUnsent
                | Oddity::OldAckEstablishes
                | Oddity::TextOverfills
        )
    }

    /// It in words.
    pub fn what(self) -> &'static str {
        match self {
            Oddity::Without(rule) => rule.info().without,
            Oddity::Ignored => "a segment is dropped without an answer and without effect",
            Oddity::OnlyAnswered => "a segment is acknowledged, and dropped with all that is in it",
            Oddity::AckDropped => "the acknowledgment and the window of a segment are dropped",
            Oddity::OldAckEstablishes => {
                "an acknowledgment that leaves out the SYN ends the handshake"
            }
            Oddity::FinForgotten => "the FIN of a segment is dropped",
            Oddity::TextForgotten => "the text of a segment is dropped",
            Oddity::Overfilled => "a FIN that does not fit into the window is taken",
            Oddity::FinCutsText => "a FIN is taken in the place of text that does not fit",
            Oddity::TextOverfills => "text ahead is held that does not fit into the window",
            Oddity::BehindFin => "text behind the peer's FIN is taken",
            Oddity::AckOfUnsent => "text that was never sent counts as acknowledged",
            Oddity::CloseWaits => "CLOSE sends no FIN before the handshake has ended",
            Oddity::StaleWindow => {
                "the window of a segment is taken though a later one had another"
            }
            Oddity::Resets => "a segment ends the connection that should not",
            Oddity::SequenceUnchecked => {
                "the acknowledgment of a segment is judged before its sequence number"
            }
            Oddity::TimeWaitForgotten => "OPEN ends TIME_WAIT",
            Oddity::ExtraReset => "a call draws a RST that nothing asks for",
            Oddity::BareReset => "the RST for a segment without ACK has none either",
            Oddity::Answered => "a segment is acknowledged that should be dropped in silence",
            Oddity::SequenceBack => "an acknowledgment or a RST has a number below SND.NXT",
            Oddity::SequenceAtEdge => {
                "an acknowledgment or a RST has the number of the window's edge, not SND.NXT"
            }
            Oddity::EarlyProbe => "a window is probed at once when it has just been found closed",
        }
    }

    /// The input as this stack takes it in that state; none where the oddity makes no difference. It acknowledged so far last.
    pub(super) fn treats(
        self,
        c: &Config,
        tcb: &Tcb,
        e: &Event,
        acked: Option<Seq>,
    ) -> Option<Treated> {
        let o = Spec::observe(c, tcb);
        let connected = has_connection(o.state);
        let mut t = Treated {
            config: *c,
            tcb: *tcb,
            event: Some(*e),
            lenience: Lenience::default(),
            lost: false,
            resets: false,
            lost_after: false,
        };
        match (self, *e) {
            (Oddity::Without(rule), _) => t.config.rules = c.rules.without(rule),
            (Oddity::EarlyProbe, Event::Call(Call::Send { .. }) | Event::Segment(_)) => {
                t.lenience.early_probe = true;
            }
            (Oddity::SequenceBack, _) => t.lenience.sequence_back = true,
            (Oddity::SequenceAtEdge, _) => t.lenience.sequence_at_edge = true,
            (Oddity::ExtraReset, Event::Call(Call::Abort | Call::Shutdown | Call::Close)) => {
                t.lenience.extra_reset = true;
            }
            (
                Oddity::TimeWaitForgotten,
                Event::Call(Call::OpenActive { .. } | Call::OpenPassive { .. }),
            ) if o.state == TcpState::TimeWait => t.tcb = Spec::boot(c),
            (Oddity::CloseWaits, Event::Call(Call::Shutdown | Call::Close)) => {
                t.lost = o.state == TcpState::SynReceived;
                return t.lost.then_some(t);
            }
            (_, Event::Segment(s)) => {
                t.event = self.segment(s, connected, &mut t, &o.snd_una, acked)?
            }
            _ => return None,
        }
        Some(t)
    }

    fn segment(
        self,
        mut s: Segment,
        connected: bool,
        t: &mut Treated,
        snd_una: &Seq,
        acked: Option<Seq>,
    ) -> Option<Option<Event>> {
        let without = |s: &Segment, bit: Flags| Flags(s.flags.0 & !bit.0);
        let cut = |s: &mut Segment| (s.len, s.text) = (0, Default::default());
        let o = Spec::observe(&t.config, &t.tcb);
        match self {
            Oddity::Ignored => return Some(None),
            Oddity::BareReset if !s.is(Flags::ACK) && !s.is(Flags::RST) => {
                t.lenience.bare_reset = true;
            }
            Oddity::OnlyAnswered if connected && !s.is(Flags::RST) => {
                (s.seq, s.ack, s.wnd, s.flags) = (o.rcv_nxt, *snd_una, o.snd_wnd, Flags::ACK);
                cut(&mut s);
                t.lenience.extra_ack = true;
            }
            Oddity::AckDropped if connected && s.is(Flags::ACK) => {
                (s.ack, s.wnd) = (*snd_una, o.snd_wnd);
                t.lenience.extra_ack = true;
            }
            Oddity::OldAckEstablishes
                if o.state == TcpState::SynReceived
                    && s.is(Flags::ACK)
                    && !s.is(Flags::RST)
                    && !s.is(Flags::SYN)
                    && s.ack == *snd_una =>
            {
                s.ack = *snd_una + 1;
                t.lenience.sequence_back = true;
                if s.seq == o.rcv_nxt + u32::from(o.rcv_wnd) {
                    (s.seq, s.flags) = (o.rcv_nxt, Flags::ACK);
                    cut(&mut s);
                    t.lenience.extra_ack = true;
                }
                t.lost_after = true; // our SYN is still unacknowledged, and may be sent again
            }
            Oddity::FinForgotten if s.is(Flags::FIN) => s.flags = without(&s, Flags::FIN),
            Oddity::TextForgotten if s.len > 0 => {
                s.flags = without(&s, Flags::FIN);
                cut(&mut s);
            }
            Oddity::Overfilled if connected && s.is(Flags::FIN) => t.config.receive_buffer += 1,
            Oddity::FinCutsText if connected && s.is(Flags::FIN) => {
                let fits = (o.rcv_nxt + u32::from(o.rcv_wnd)) - s.seq;
                let fits = u8::try_from(fits).ok().filter(|n| *n < s.len)?;
                s.len = fits;
                s.text[usize::from(fits)..].fill(0);
                t.config.receive_buffer += 1;
            }
            Oddity::AckOfUnsent if connected && s.is(Flags::ACK) && !s.is(Flags::RST) => {
                let queued = t.tcb.snd_una + t.tcb.queued.as_slice().len() as u32;
                let last = queued + u32::from(o.close_called);
                t.lost = o.snd_nxt.before(s.ack) && s.ack.at_or_before(last);
                return t.lost.then_some(None);
            }
            Oddity::TextOverfills if connected && s.is(Flags::ACK) && !s.is(Flags::RST) => {
                let edge = o.rcv_nxt + u32::from(o.rcv_wnd);
                let ahead = o.rcv_nxt.before(s.seq) && s.seq.before(edge);
                t.lost_after = ahead && edge.before(s.seq + u32::from(s.len));
                if !t.lost_after {
                    return None;
                }
            }
            Oddity::BehindFin if o.fin_received && s.len > 0 => t.lost = true,
            // Or it was there before the FIN.
            Oddity::BehindFin if s.is(Flags::FIN) => {
                t.lost = t.tcb.held.reaches(s.seq + u32::from(s.len) - o.rcv_nxt);
                return t.lost.then_some(None);
            }
            Oddity::Resets if connected => {
                t.resets = true;
                t.config.rules = t.config.rules.without(Rule::TimeWaitIgnoresRst);
                (s.seq, s.flags) = (o.rcv_nxt, Flags::RST);
                cut(&mut s);
            }
            Oddity::StaleWindow if connected && s.is(Flags::ACK) && !s.is(Flags::RST) => {
                (t.tcb.snd_wl1, t.tcb.snd_wl2) = (s.seq, s.ack);
            }
            Oddity::Answered if connected => t.lenience.extra_ack = true,
            // It ends where the window begins, or where it began when that was last said.
            Oddity::SequenceUnchecked
                if connected
                    && s.is(Flags::ACK)
                    && !s.is(Flags::RST)
                    && !s.is(Flags::SYN)
                    && s.seq.before(o.rcv_nxt)
                    && (s.seq + s.seq_len()).at_or_before(o.rcv_nxt)
                    && acked.unwrap_or(o.rcv_nxt).at_or_before(s.seq + s.seq_len()) =>
            {
                t.lenience.extra_ack = true;
                (s.seq, s.flags) = (o.rcv_nxt, Flags::ACK);
                cut(&mut s);
            }
            // It begins right behind the window: its text has no place.
            Oddity::SequenceUnchecked
                if connected
                    && s.is(Flags::ACK)
                    && !s.is(Flags::RST)
                    && !s.is(Flags::SYN)
                    && s.seq == o.rcv_nxt + u32::from(o.rcv_wnd) =>
            {
                (t.lenience.extra_ack, t.lenience.sequence_at_edge) = (true, true);
                t.config.receive_buffer += 1;
                s.flags = Flags::ACK;
                cut(&mut s);
            }
            Oddity::SequenceUnchecked if o.state == TcpState::SynReceived && s.is(Flags::ACK) => {
                t.config.choices.ack_check_first = false;
                (s.seq, s.flags) = (o.rcv_nxt, Flags::ACK);
                cut(&mut s);
            }
            _ => return None,
        }
        Some(Some(Event::Segment(s)))
    }
}

fn state_id(s: TcpState) -> String {
    s.name().to_lowercase().replace('_', "-")
}

/// What an input is, to the state that it meets: `state/flags/place/acknowledgment` for a segment, `state/call`,
/// `state/time`, or `state/time-at-closed` where something is in flight and the peer's window is closed.
/// The window ends at `edge`, if that was offered last and there is more room by now.
/// An orphan in FIN_WAIT_2 is `orphan`, SYN_RECEIVED after an active open `syn-received-active`.
pub fn kind(
    c: &Config,
    tcb: &Tcb,
    edge: Option<Seq>,
    is_active: bool,
    e: Option<&Event>,
) -> String {
    let o = Spec::observe(c, tcb);
    let state = match o.state {
        TcpState::FinWait2 if o.orphan => "orphan".to_owned(),
        // A reopened TIME_WAIT is passive whatever it was.
        TcpState::SynReceived if is_active && !o.lingering => "syn-received-active".to_owned(),
        state => state_id(state),
    };
    match e {
        Some(Event::Segment(s)) => {
            let mut flags = format!("{:?}", s.flags).to_lowercase().replace(',', "-");
            if flags.is_empty() {
                flags += "none";
            }
            if s.len > 0 {
                flags += "-text";
            }
            let connected = has_connection(o.state);
            let offered = edge
                .filter(|e| o.rcv_nxt.at_or_before(*e))
                .map_or(u32::MAX, |e| e - o.rcv_nxt);
            let at = if connected {
                place(s, o.rcv_nxt, offered.min(o.rcv_wnd.into()))
            } else {
                "anywhere"
            };
            let ack = if !s.is(Flags::ACK) {
                "no-ack"
            } else if matches!(o.state, TcpState::Closed | TcpState::Listen) {
                "any-ack"
            } else if s.ack.before(o.snd_una) {
                "old-ack"
            } else if o.snd_nxt.before(s.ack) {
                "future-ack"
            } else if s.ack == o.snd_una {
                "same-ack"
            } else {
                "new-ack"
            };
            format!("{state}/{flags}/{at}/{ack}")
        }
        Some(Event::Call(call)) => {
            let call = match call {
                Call::OpenActive { .. } => "connect".into(),
                Call::OpenPassive { .. } => "listen".into(),
                Call::Send { .. } => "send".into(),
                Call::Receive(_) => "receive".into(),
                c => format!("{c:?}").to_lowercase(),
            };
            format!("{state}/{call}")
        }
        Some(Event::Timer(_) | Event::Tick) | None => {
            let closed = o.snd_wnd == 0 && o.snd_una.before(o.snd_nxt);
            format!("{state}/time{}", if closed { "-at-closed" } else { "" })
        }
    }
}

/// Where a segment lies, beside the window.
fn place(s: &Segment, next: Seq, wnd: u32) -> &'static str {
    let end = s.seq + s.seq_len();
    if s.seq == next {
        if wnd == 0 && s.seq_len() > 0 {
            "at-closed"
        } else if (next + wnd).before(end) {
            "overfull"
        } else {
            "next"
        }
    } else if s.is(Flags::RST) && s.seq + 1 == next {
        "before"
    } else if s.seq.before(next) {
        // Not "RCV.NXT before the end": half the sequence space away, each is before the other.
        if next.within(s.seq, s.seq_len()) {
            "overlap"
        } else if s.seq - next == 1 << 31 {
            "opposite"
        } else {
            "left"
        }
    } else if s.seq.before(next + wnd) {
        "ahead"
    } else if s.seq == next + wnd {
        "edge"
    } else {
        "right"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_where_a_segment_begins_and_ends() {
        let next = Seq::new(100);
        let at = |flags, seq: u32, len| {
            let seq = Seq::new(seq);
            let segment = Segment {
                seq,
                ack: next,
                flags,
                wnd: 4,
                len,
                text: Default::default(),
                ts: None,
            };
            place(&segment, next, 4)
        };
        let half = 1 << 31;
        for (seq, len, name) in [
            (100, 0, "next"),
            (100, 4, "next"),
            (100, 5, "overfull"),
            (99, 0, "left"),
            (99, 1, "left"), // ends at RCV.NXT
            (99, 2, "overlap"),
            (103, 1, "ahead"),
            (104, 0, "edge"),
            (104, 2, "edge"),
            (105, 0, "right"),
            (100 + half - 1, 0, "right"),
            (100 + half, 0, "opposite"), // before RCV.NXT, and RCV.NXT before it
            (100 + half, 4, "opposite"),
            (101 + half, 0, "left"),
        ] {
            assert_eq!(
                at(Flags::ACK, seq, len),
                name,
                "SEG.SEQ={seq} SEG.LEN={len}"
            );
        }
        // A RST is known by its number.
        for (seq, len, name) in [(99, 0, "before"), (99, 2, "before"), (98, 3, "overlap")] {
            assert_eq!(at(Flags::RST, seq, len), name);
        }
    }
}
