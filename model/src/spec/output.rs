//! Forming segments: what goes out and when (RFC 9293 sections 3.7, 3.8, 3.10.2, 3.10.4).

use super::Machine;
use super::choices::{AckWhen, Restart, SendWhen};
use super::tcb::{Countdown, Flag};
use super::transition::Cause;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Flags, MAX_DATA, NOW, Segment, Timestamps};
use crate::rules::Rule;
use crate::seq::Seq;

impl Machine<'_> {
    /// A segment at `seq` with everything that goes on every segment of this connection.
    //= RFC 7323 3.2 => test:spec::tests::timestamps_are_negotiated_and_echoed
    pub(super) fn segment(&self, seq: Seq, flags: Flags) -> Segment {
        let ts = self.t.has(Flag::Timestamps).then(|| Timestamps {
            val: NOW,
            ecr: self.t.ts_recent(),
        });
        Segment {
            seq,
            ack: if flags.has(Flags::ACK) {
                self.t.rcv_nxt
            } else {
                Seq::default()
            },
            flags,
            wnd: self.t.rcv_wnd(self.c),
            ts,
            ..Segment::default()
        }
    }

    /// `<SEQ=ISS><CTL=SYN>` or `<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>`.
    pub(super) fn send_syn(&mut self) {
        let flags = if self.t.state == SynSent {
            Flags::SYN
        } else {
            Flags::SYN.with(Flags::ACK)
        };
        let mut s = self.segment(self.t.iss, flags);
        if self.t.state == SynSent && self.t.has(Flag::OffersTimestamps) {
            s.ts = Some(Timestamps { val: NOW, ecr: 0 });
        }
        self.note_ack_sent(flags);
        self.out.send(s);
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, at once.
    pub(super) fn send_ack(&mut self) {
        self.note_ack_sent(Flags::ACK);
        let s = self.segment(self.t.snd_nxt, Flags::ACK);
        self.out.send(s);
    }

    /// `<SEQ=SND.NXT-1><ACK=RCV.NXT><CTL=ACK>`: left of the peer's window, so that it must answer.
    //= RFC 9293 SHLD-12 => test:spec::tests::keep_alive_probes_when_idle
    pub(super) fn keep_alive_probe(&mut self) {
        self.note_ack_sent(Flags::ACK);
        let s = self.segment(self.t.snd_nxt - 1, Flags::ACK);
        self.out.send(s);
    }

    /// The RST that answers `s`, formed so that its sender finds it acceptable (3.10.7.1).
    //= RFC 9293 3.5.2 => test:spec::tests::closed_answers_with_reset
    pub(super) fn send_reset_for(&mut self, s: &Segment) {
        let reset = if s.is(Flags::ACK) {
            Segment {
                seq: s.ack,
                flags: Flags::RST,
                ..Segment::default()
            }
        } else {
            Segment {
                ack: s.seq + s.seq_len(),
                flags: Flags::RST.with(Flags::ACK),
                ..Segment::default()
            }
        };
        self.out.send(reset);
    }

    fn note_ack_sent(&mut self, flags: Flags) {
        if flags.has(Flags::ACK) {
            self.owes_ack = false;
            self.t.unacked = 0;
        }
    }

    /// Something is to be acknowledged from now on: R2 and the user timeout begin.
    pub(super) fn start_waiting_for_ack(&mut self) {
        if !self.t.give_up.is_running() {
            self.t.give_up = Countdown::start(self.c.give_up);
        }
        if !self.t.user.is_running() {
            self.t.user = Countdown::start(self.c.user_timeout);
        }
    }

    /// An acknowledgment has been taken: sends what may be sent, now or at the end of the event.
    pub(super) fn transmit_after_ack(&mut self) {
        match self.c.choices.send {
            SendWhen::AtTheAck => self.transmit(),
            SendWhen::AtTheEnd => self.may_send = true,
        }
    }

    /// Sends what may be sent: data within the window, the FIN behind it.
    //= RFC 9293 3.6 => rule:closing-sends
    //= RFC 9293 MUST-34 => test:spec::tests::a_window_that_shrinks_stops_only_new_data
    //= RFC 9293 SHLD-15 => test:spec::tests::a_window_that_shrinks_stops_only_new_data
    pub(super) fn transmit(&mut self) {
        if !matches!(
            self.t.state,
            Established | FinWait1 | CloseWait | Closing | LastAck
        ) {
            return;
        }
        if self.t.state == Closing && !self.t.has(Flag::FinSent) && !self.rule(Rule::ClosingSends) {
            return;
        }
        while !self.t.has(Flag::FinSent) && !self.out.segments.is_full() {
            let in_flight = self.t.snd_nxt - self.t.snd_una;
            let room = u32::from(self.t.snd_wnd).saturating_sub(in_flight);
            let unsent = u32::from(self.t.unsent());
            let data = unsent.min(room).min(u32::from(self.c.choices.mss));
            let closes = self.t.has(Flag::CloseCalled) && data == unsent;
            // A SYN that is still unacknowledged says nothing about the peer's window yet.
            let fin_fits = room > data
                || self.t.syn_in_flight()
                || (unsent == 0 && self.c.choices.fin_into_zero_window);
            let fin = closes && fin_fits && (data == 0 || self.c.choices.fin_rides);
            if data == 0 && !fin {
                return;
            }
            self.send_new(data, fin);
        }
    }

    /// Sends `data` new bytes, and the FIN.
    pub(super) fn send_new(&mut self, data: u32, fin: bool) {
        let seq = self.t.snd_nxt;
        let offset = self.t.queued.len() - self.t.unsent();
        self.t.snd_nxt = seq + data + u32::from(fin);
        self.emit(seq, offset, data as u8, fin);
        self.start_waiting_for_ack();
        if fin {
            self.t.put(Flag::FinSent, true);
            match self.t.state {
                CloseWait => self.enter(LastAck, Cause::FinSent),
                // Only without `close-at-once` is the state still ESTABLISHED.
                Established => self.enter(FinWait1, Cause::Close),
                _ => {}
            }
        }
    }

    /// Text of the send queue from `offset`, at `seq`.
    fn emit(&mut self, seq: Seq, offset: u8, len: u8, fin: bool) {
        let mut s = self.segment(
            seq,
            if fin {
                Flags::ACK.with(Flags::FIN)
            } else {
                Flags::ACK
            },
        );
        let from = usize::from(offset);
        let queued = self.t.queued.as_slice();
        let text = &queued[from.min(queued.len())..(from + usize::from(len)).min(queued.len())];
        s.text[..text.len().min(MAX_DATA)].copy_from_slice(text);
        s.len = text.len() as u8;
        self.note_ack_sent(Flags::ACK);
        self.out.send(s);
    }

    /// "Send the segment at the front of the retransmission queue again."
    //= RFC 9293 3.10.8 => rule:retransmit-fin, test:spec::tests::retransmission_sends_the_front_of_the_queue_only
    //= RFC 9293 SHLD-16 => test:spec::tests::a_window_that_shrinks_stops_only_new_data
    //= RFC 9293 MAY-7 => test:spec::tests::a_window_that_shrinks_stops_only_new_data
    pub(super) fn retransmit(&mut self) {
        if self.t.syn_in_flight() {
            return self.send_syn();
        }
        let fin = self.t.fin_in_flight();
        let sent = self.t.queued.len() - self.t.unsent();
        let data = sent.min(self.c.choices.mss);
        if data == 0 && !fin {
            return;
        }
        let with_fin = fin && data == sent && (data == 0 || self.c.choices.fin_rides);
        self.emit(self.t.snd_una, 0, data, with_fin);
    }

    /// A probe into a closed window: one octet of new data, or the FIN (MUST-36).
    //= RFC 9293 MUST-35 => test:spec::tests::a_window_that_shrinks_stops_only_new_data
    //= RFC 9293 MUST-36 => rule:persist, scenario:zero-window
    pub(super) fn probe(&mut self) {
        if self.t.unsent() > 0 {
            self.send_new(1, false);
        } else if self.t.has(Flag::CloseCalled) && !self.t.has(Flag::FinSent) {
            self.send_new(0, true);
        }
    }

    /// The end of an event: the acknowledgment that is owed, unless it has gone out on something else.
    //= RFC 9293 MUST-58 => test:spec::tests::one_acknowledgment_an_event
    //= RFC 9293 MUST-59 => test:spec::tests::one_acknowledgment_an_event
    pub(super) fn flush(&mut self) {
        if self.may_send {
            self.transmit();
        }
        if self.owes_ack && !matches!(self.t.state, Closed | Listen | SynSent) {
            if self.t.state == TimeWait && self.c.choices.restart == Restart::EveryAnswer {
                self.restart_time_wait();
            }
            self.send_ack();
        }
    }

    /// Text or a FIN has been accepted: acknowledge it now or later.
    //= RFC 9293 SHLD-18 => test:spec::tests::acknowledgments_may_be_delayed, scenario:delayed-ack
    //= RFC 9293 SHLD-19 => test:spec::tests::acknowledgments_may_be_delayed
    pub(super) fn acknowledge_soon(&mut self, advanced: u8, fills_gap: bool) {
        match self.c.choices.ack {
            AckWhen::Now => self.owes_ack = true,
            // A FIN, more than one segment's worth, and what fills a gap (RFC 5681 section 4.2) are acknowledged at once.
            AckWhen::Delayed => {
                self.t.unacked = self.t.unacked.saturating_add(advanced);
                let much = self.t.unacked > self.c.choices.mss;
                if self.t.has(Flag::FinReceived) || much || fills_gap {
                    self.owes_ack = true;
                }
            }
        }
    }
}
