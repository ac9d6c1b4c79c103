//! SEGMENT ARRIVES: RFC 9293 section 3.10.7, in the RFC's order of checks.

use super::Machine;
use super::choices::{Answers, Restart, SynSentRst};
use super::tcb::{Countdown, Flag};
use super::transition::Cause;
use crate::endpoint::TcpState::*;
use crate::endpoint::{Flags, Indication, NOW, OLDEST, Segment};
use crate::rules::Rule;

impl Machine<'_> {
    pub(super) fn segment_arrives(&mut self, s: &Segment) {
        match self.t.state {
            Closed => self.arrives_in_closed(s),
            Listen => self.arrives_in_listen(s),
            SynSent => self.arrives_in_syn_sent(s),
            TimeWait if self.t.has(Flag::Aborted) => self.arrives_in_closed(s),
            _ => self.arrives_in_other(s),
        }
    }

    /// 3.10.7.1, and the lingering end of an aborted connection.
    //= RFC 9293 3.10.7.1 => test:spec::tests::closed_answers_with_reset
    //= RFC 9293 3.5.2 => rule:never-answer-rst
    fn arrives_in_closed(&mut self, s: &Segment) {
        if !s.is(Flags::RST) || !self.rule(Rule::NeverAnswerRst) {
            self.send_reset_for(s);
        }
    }

    /// 3.10.7.2.
    //= RFC 9293 3.10.7.2 => test:spec::tests::listen_checks_rst_ack_syn
    fn arrives_in_listen(&mut self, s: &Segment) {
        if s.is(Flags::RST) {
            return;
        }
        if s.is(Flags::ACK) {
            return self.send_reset_for(s);
        }
        let Some(iss) = self.isn else { return };
        if s.is(Flags::SYN) {
            self.out.isn_used = true;
            self.t.iss = iss;
            self.t.snd_una = iss;
            self.t.snd_nxt = iss + 1;
            self.take_syn(s);
            self.enter(SynReceived, Cause::Syn);
            self.start_waiting_for_ack();
            self.send_syn();
        }
    }

    /// IRS, the window and the options of a SYN.
    pub(super) fn take_syn(&mut self, s: &Segment) {
        self.t.rcv_nxt = s.seq + 1;
        self.t.snd_wnd = s.wnd;
        self.t.max_snd_wnd = s.wnd;
        if !self.c.fixed_window {
            self.t.snd_wl1 = s.seq;
            self.t.snd_wl2 = s.ack;
        }
        if let (Some(ts), true) = (s.ts, self.t.has(Flag::OffersTimestamps)) {
            self.t.put(Flag::Timestamps, true);
            self.t.ts_recent_age = age_of(ts.val);
        }
    }

    /// 3.10.7.3.
    fn arrives_in_syn_sent(&mut self, s: &Segment) {
        // First, the ACK bit.
        //= RFC 9293 3.10.7.3 first => rule:syn-sent-ack
        let mut ack_acceptable = false;
        if s.is(Flags::ACK) {
            ack_acceptable = self.t.snd_una.before(s.ack) && s.ack.at_or_before(self.t.snd_nxt);
            if !ack_acceptable && self.rule(Rule::SynSentAck) {
                if !s.is(Flags::RST) {
                    self.send_reset_for(s);
                    return;
                }
                if self.rule(Rule::SynSentRst) {
                    return;
                }
            }
        }
        // Second, the RST bit.
        //= RFC 9293 3.10.7.3 second => rule:syn-sent-rst
        if s.is(Flags::RST) {
            let exact = match self.c.choices.syn_sent_rst {
                SynSentRst::AckOnly => true,
                SynSentRst::ExactZero => s.seq.raw() == 0,
            };
            if exact && (ack_acceptable || !self.rule(Rule::SynSentRst)) {
                self.end_with(Indication::Reset, Cause::Rst);
            }
            return;
        }
        // Third, security: out of scope. Fourth, the SYN bit; fifth, neither.
        if !s.is(Flags::SYN) {
            return;
        }
        self.take_syn(s);
        if s.is(Flags::ACK) {
            self.t.snd_una = self.t.snd_nxt; // the SYN is all there is to acknowledge
            self.enter(Established, Cause::SynAck);
            self.established();
            self.owes_ack = true;
            self.transmit_after_ack();
            // "If there are other controls or text in the segment": they stand behind the SYN.
            if s.len > 0 || s.is(Flags::FIN) {
                self.text_and_fin(&Segment {
                    seq: s.seq + 1,
                    flags: Flags(s.flags.0 & !Flags::SYN.0),
                    ..*s
                });
            }
        } else {
            //= RFC 9293 MUST-10 => test:spec::tests::figure_7_simultaneous_open, scenario:open-simultaneous
            self.enter(SynReceived, Cause::Syn);
            self.send_syn();
        }
    }

    fn established(&mut self) {
        self.t.give_up = Countdown::OFF;
        self.t.user = Countdown::OFF;
        self.t.keep_alive = Countdown::start(self.c.keep_alive);
        self.t.put(Flag::Reopened, false);
        self.t.put(Flag::OldTimestamps, false);
        self.t.old_snd_nxt = Default::default();
        self.t.old_rcv_nxt = Default::default();
        self.t.old_ts_recent_age = 0;
        self.t.old_max_snd_wnd = 0;
        if !self.t.queued.is_empty() {
            self.t.user = Countdown::start(self.c.user_timeout);
        }
        // A CLOSE that was queued behind the handshake.
        if self.t.has(Flag::CloseCalled) {
            self.enter(FinWait1, Cause::Close);
        }
    }

    /// 3.10.7.4: first to eighth.
    fn arrives_in_other(&mut self, s: &Segment) {
        if self.t.state == TimeWait && s.is(Flags::SYN) && self.reopens(s) {
            return;
        }
        if self.t.keep_alive.is_running() {
            self.t.keep_alive = Countdown::start(self.c.keep_alive);
        }
        let Some(takes_text) = self.first_check_sequence(s) else {
            return;
        };
        if s.is(Flags::RST) {
            return self.second_check_rst(s);
        }
        // Third, security and compartment: out of scope.
        if s.is(Flags::SYN) && self.fourth_check_syn() {
            return;
        }
        if !self.fifth_check_ack(s) {
            return;
        }
        // Sixth, urgent data: out of scope.
        if takes_text {
            self.text_and_fin(s);
        } else {
            self.owes_ack = true;
        }
    }

    /// First: PAWS and the acceptability of the sequence number. `None` ends processing; otherwise whether text may be taken.
    //= RFC 9293 3.10.7.4 first => rule:trim-overlap
    fn first_check_sequence(&mut self, s: &Segment) -> Option<bool> {
        //= RFC 7323 5.3 R1 => rule:paws
        if self.t.has(Flag::Timestamps) && !s.is(Flags::RST) {
            match s.ts {
                // RFC 7323 3.2: a non-RST segment without the option SHOULD be silently dropped.
                None => return None,
                Some(ts) => {
                    let old = ts.val.wrapping_sub(self.t.ts_recent()) as i32;
                    if old < 0 {
                        if self.rule(Rule::Paws) {
                            self.answer_unacceptable(s);
                            return None;
                        }
                    } else if self.c.choices.stamp_before_window {
                        self.record_stamp(s);
                    }
                }
            }
        }
        let wnd = u32::from(self.t.rcv_wnd(self.c));
        // A RST is valid by its sequence number alone (3.5.3), whatever text it carries (SHLD-2).
        //= RFC 9293 SHLD-2 => test:spec::tests::a_reset_may_carry_text
        let len = if s.is(Flags::RST) { 0 } else { s.seq_len() };
        let acceptable = match (len, wnd) {
            (0, 0) => s.seq == self.t.rcv_nxt,
            (0, _) => s.seq.within(self.t.rcv_nxt, wnd),
            (_, 0) => false,
            (_, _) => {
                s.seq.within(self.t.rcv_nxt, wnd) || (s.seq + (len - 1)).within(self.t.rcv_nxt, wnd)
            }
        };
        if acceptable {
            let straddles = s.seq.before(self.t.rcv_nxt);
            if straddles && !self.rule(Rule::TrimOverlap) {
                self.owes_ack = true;
                return None;
            }
            self.record_stamp(s);
            return Some(true);
        }
        // "Special allowance should be made to accept valid ACKs, URGs, and RSTs."
        //= RFC 9293 MUST-66 => test:spec::tests::zero_window_still_takes_ack_and_rst
        if wnd == 0 && s.seq == self.t.rcv_nxt {
            self.record_stamp(s);
            return Some(false);
        }
        //= RFC 9293 3.10.7.4 first => rule:rst-in-window
        if s.is(Flags::RST) {
            return if self.rule(Rule::RstInWindow) {
                None
            } else {
                Some(false)
            };
        }
        self.answer_unacceptable(s);
        None
    }

    /// TS.Recent, if the segment begins at or before what was last acknowledged and is no older.
    //= RFC 7323 5.3 R3 => test:spec::tests::a_stamp_is_recorded_within_the_window
    fn record_stamp(&mut self, s: &Segment) {
        // RFC 7323 5.2: a RST does not change TS.Recent.
        let stamp = s.ts.filter(|_| !s.is(Flags::RST));
        let Some(ts) = stamp.filter(|_| self.t.has(Flag::Timestamps)) else {
            return;
        };
        let newer = ts.val.wrapping_sub(self.t.ts_recent()) as i32 >= 0;
        let last_ack_sent = self.t.rcv_nxt - u32::from(self.t.unacked);
        if newer && s.seq.at_or_before(last_ack_sent) {
            self.t.ts_recent_age = age_of(ts.val);
        }
    }

    /// An ACK for a segment that is not acceptable; in TIME_WAIT also 2 MSL afresh if it repeats the peer's FIN.
    //= RFC 9293 3.10.7.4 eighth => rule:time-wait-answers
    fn answer_unacceptable(&mut self, s: &Segment) {
        if self.t.state != TimeWait {
            self.owes_ack = true;
            return;
        }
        let repeats_fin = s.is(Flags::FIN) && s.seq + s.seq_len() == self.t.rcv_nxt;
        if s.seq_len() == 0 && self.c.choices.answers == Answers::SequenceSpace {
            return;
        }
        if repeats_fin && !self.rule(Rule::TimeWaitAnswers) {
            return;
        }
        self.owes_ack = true;
        if repeats_fin && self.c.choices.restart == Restart::RepeatedFin {
            self.restart_time_wait();
        }
    }

    pub(super) fn restart_time_wait(&mut self) {
        if self.t.time_wait.is_running() {
            self.t.time_wait = self.two_msl();
        }
    }

    /// Second: the RST bit.
    //= RFC 5961 3.2 => rule:rst-exact, test:spec::tests::only_an_exact_reset_resets
    fn second_check_rst(&mut self, s: &Segment) {
        //= RFC 1337 3 F1 => rule:time-wait-ignores-rst
        if self.t.state == TimeWait && self.rule(Rule::TimeWaitIgnoresRst) {
            return;
        }
        if s.seq != self.t.rcv_nxt
            && s.seq
                .within(self.t.rcv_nxt, u32::from(self.t.rcv_wnd(self.c)))
            && self.rule(Rule::RstExact)
        {
            self.owes_ack = true;
            return;
        }
        match self.t.state {
            //= RFC 9293 MUST-11 => rule:remember-passive, test:spec::tests::syn_received_remembers_how_it_was_opened
            SynReceived => self.refuse_embryo(Cause::Rst),
            //= RFC 9293 MUST-12 => rule:reset-is-not-end
            Established | FinWait1 | FinWait2 | CloseWait => {
                let reads = !self.t.has(Flag::Orphan);
                if reads && !self.rule(Rule::ResetIsNotEnd) {
                    self.enter(Closed, Cause::Rst);
                    self.t.put(Flag::FalseEnd, true);
                    return;
                }
                self.end_with(Indication::Reset, Cause::Rst);
            }
            Closing | LastAck if self.c.choices.rst_tells_when_closing => {
                self.end_with(Indication::Reset, Cause::Rst)
            }
            _ => self.enter(Closed, Cause::Rst),
        }
    }

    /// A connection that never was: back to where it came from.
    fn refuse_embryo(&mut self, cause: Cause) {
        if self.t.has(Flag::Reopened) {
            self.go_back_to_time_wait(cause);
        } else if self.t.has(Flag::Passive) || !self.rule(Rule::RememberPassive) {
            self.enter(Listen, cause);
        } else {
            self.end_with(Indication::Refused, cause);
        }
    }

    /// Fourth: the SYN bit. Says whether processing ends.
    //= RFC 5961 4.2 => rule:syn-challenge, test:spec::tests::a_syn_in_a_synchronized_state_is_challenged
    fn fourth_check_syn(&mut self) -> bool {
        if self.t.state == SynReceived && (self.t.has(Flag::Passive) || self.t.has(Flag::Reopened))
        {
            self.refuse_embryo(Cause::Syn);
            return true;
        }
        if self.rule(Rule::SynChallenge) || self.t.state == SynReceived {
            self.owes_ack = true;
            return true;
        }
        // RFC 793: "send a reset … enter the CLOSED state".
        let reset = Segment {
            seq: self.t.snd_nxt,
            flags: Flags::RST,
            ..Segment::default()
        };
        self.out.send(reset);
        if self.t.state == TimeWait {
            self.enter(Closed, Cause::Syn);
        } else {
            self.end_with(Indication::Reset, Cause::Syn);
        }
        true
    }

    /// Fifth: the ACK field. Says whether processing goes on.
    //= RFC 9293 3.10.7.4 fifth => rule:ack-bound
    fn fifth_check_ack(&mut self, s: &Segment) -> bool {
        if !s.is(Flags::ACK) {
            return false;
        }
        let acks_new = self.t.snd_una.before(s.ack) && s.ack.at_or_before(self.t.snd_nxt);
        if self.t.state == SynReceived {
            // RFC 5961's check, in front of this state's own.
            if self.c.choices.ack_check_first
                && !self.ack_is_in_range(s)
                && self.rule(Rule::AckWindow)
            {
                self.owes_ack = true;
                return false;
            }
            //= RFC 9293 3.10.7.4 fifth => rule:syn-received-ack
            if !acks_new && self.rule(Rule::SynReceivedAck) {
                self.send_reset_for(s);
                return false;
            }
            self.t.snd_una = self.t.snd_nxt; // the SYN is all there is to acknowledge
            self.t.snd_wnd = s.wnd;
            self.t.max_snd_wnd = self.t.max_snd_wnd.max(s.wnd);
            if !self.c.fixed_window {
                self.t.snd_wl1 = s.seq;
                self.t.snd_wl2 = s.ack;
            }
            self.enter(Established, Cause::Ack);
            self.established();
            self.transmit_after_ack();
            return true;
        }
        //= RFC 5961 5 => rule:ack-window, test:spec::tests::acknowledgments_have_a_window
        //= RFC 9293 MAY-12 => rule:ack-window
        if !self.ack_is_in_range(s) {
            let beyond = self.t.snd_nxt.before(s.ack);
            let rule = if beyond {
                Rule::AckBound
            } else {
                Rule::AckWindow
            };
            if self.rule(rule) {
                let silent = self.t.state == TimeWait
                    && self.c.choices.answers == Answers::SequenceSpace
                    && s.seq_len() == 0;
                self.owes_ack |= !silent;
                return false;
            }
            if beyond {
                self.believe_beyond(s);
            }
        } else if acks_new {
            self.take_ack(s.ack - self.t.snd_una);
        }
        self.update_window(s);
        let arrived_in = self.t.state;
        self.after_ack();
        match self.t.state {
            Closed => false,
            TimeWait => {
                if arrived_in == TimeWait && self.c.choices.restart == Restart::AsWritten {
                    self.owes_ack = true;
                    self.restart_time_wait();
                }
                true
            }
            _ => {
                self.transmit_after_ack();
                true
            }
        }
    }

    /// `SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT`; the lower bound is RFC 5961's.
    fn ack_is_in_range(&mut self, s: &Segment) -> bool {
        let lowest = self.t.snd_una - u32::from(self.t.max_snd_wnd);
        s.ack.at_or_before(self.t.snd_nxt) && lowest.at_or_before(s.ack)
    }

    /// `n` sequence numbers from SND.UNA on are acknowledged.
    fn take_ack(&mut self, n: u32) {
        let syn = u32::from(self.t.syn_in_flight());
        let fin = u32::from(self.t.fin_in_flight() && self.t.snd_una + n == self.t.snd_nxt);
        self.t.queued.drop_front((n - syn - fin) as u8);
        self.t.snd_una = self.t.snd_una + n;
        let waits = self.t.snd_una != self.t.snd_nxt;
        self.t.give_up = if waits {
            Countdown::start(self.c.give_up)
        } else {
            Countdown::OFF
        };
        self.t.user = if waits || self.t.unsent() > 0 {
            Countdown::start(self.c.user_timeout)
        } else {
            Countdown::OFF
        };
    }

    /// Without `ack-bound`: what is queued counts as acknowledged, sent or not.
    fn believe_beyond(&mut self, s: &Segment) {
        let fin = u32::from(self.t.has(Flag::CloseCalled) && !self.t.has(Flag::FinSent));
        let end = self.t.snd_nxt + u32::from(self.t.unsent()) + fin;
        let una = if s.ack.before(end) { s.ack } else { end };
        if self.t.snd_nxt.before(una) {
            self.t.snd_nxt = una;
            if fin == 1 && una == end {
                self.t.put(Flag::FinSent, true);
                if self.t.state == CloseWait {
                    self.enter(LastAck, Cause::FinSent);
                }
            }
        }
        let n = una - self.t.snd_una;
        self.take_ack(n);
    }

    fn update_window(&mut self, s: &Segment) {
        let newer = self.t.snd_wl1.before(s.seq)
            || (self.t.snd_wl1 == s.seq && self.t.snd_wl2.at_or_before(s.ack));
        let current = self.t.snd_una.at_or_before(s.ack) && s.ack.at_or_before(self.t.snd_nxt);
        if !matches!(self.t.state, TimeWait | Closed) && current && (self.c.fixed_window || newer) {
            self.t.snd_wnd = s.wnd;
            self.t.max_snd_wnd = self.t.max_snd_wnd.max(s.wnd);
            if !self.c.fixed_window {
                self.t.snd_wl1 = s.seq;
                self.t.snd_wl2 = s.ack;
            }
        }
        // As long as probes are answered the connection stays.
        //= RFC 9293 MUST-37 => test:spec::tests::answered_probes_restart_r2_but_not_the_user_timeout
        if self.t.state != TimeWait && self.t.snd_wnd == 0 && self.t.give_up.is_running() {
            self.t.give_up = Countdown::start(self.c.give_up);
        }
    }

    /// What an acknowledgment of our FIN does in each state.
    fn after_ack(&mut self) {
        let fin = self.t.fin_acknowledged();
        //= RFC 9293 3.10.7.4 fifth => rule:last-ack-needs-our-fin
        let ends_last_ack =
            self.t.state == LastAck && (fin || !self.rule(Rule::LastAckNeedsOurFin));
        match self.t.state {
            FinWait1 if fin => {
                self.out.tell(Indication::Closed);
                self.enter(FinWait2, Cause::Ack);
            }
            Closing if fin => {
                self.out.tell(Indication::Closed);
                self.enter(TimeWait, Cause::Ack);
            }
            LastAck if ends_last_ack => self.end_with(Indication::Closed, Cause::Ack),
            _ => {}
        }
    }

    /// Seventh and eighth: the text and the FIN, in sequence order.
    fn text_and_fin(&mut self, s: &Segment) {
        if !matches!(self.t.state, Established | FinWait1 | FinWait2) {
            // "This should not occur since a FIN has been received": ignored, but what occupies sequence space is acknowledged.
            self.owes_ack |= s.seq_len() > 0;
            return;
        }
        if s.seq_len() == 0 {
            return;
        }
        //= RFC 9293 SHLD-3 => rule:reset-late-data
        let new_text = s.len > 0 && self.t.rcv_nxt.before(s.seq + u32::from(s.len));
        if new_text && self.t.has(Flag::Orphan) && self.rule(Rule::ResetLateData) {
            return self.abort();
        }
        //= RFC 9293 3.6.1 => rule:receive-in-fin-wait-2
        if new_text && self.t.state == FinWait2 && !self.rule(Rule::ReceiveInFinWait2) {
            self.owes_ack = true;
            return;
        }
        let before = self.t.rcv_nxt;
        let gap = !self.t.held.is_empty();
        self.hold(s);
        //= RFC 9293 3.10.7.4 eighth => rule:fin-in-order
        let overtakes = s.is(Flags::FIN) && before.before(s.seq);
        let fin_at = s.seq + u32::from(s.len);
        self.take_held();
        if overtakes
            && fin_at != self.t.rcv_nxt
            && !self.t.has(Flag::FinReceived)
            && !self.rule(Rule::FinInOrder)
        {
            self.t.rcv_nxt = fin_at;
            self.take_fin();
        }
        let advanced = (self.t.rcv_nxt - before) as u8;
        if advanced == 0 {
            //= RFC 9293 MAY-13 => test:spec::tests::segments_ahead_are_held
            self.owes_ack = true; // out of order: a duplicate ACK
        } else {
            self.acknowledge_soon(advanced, gap);
        }
    }

    /// Puts what is new and within the window where [`Self::take_held`] finds it.
    //= RFC 9293 SHLD-31 => test:spec::tests::segments_ahead_are_held
    fn hold(&mut self, s: &Segment) {
        if !self.c.choices.reassembly && self.t.rcv_nxt.before(s.seq) {
            return;
        }
        let wnd = u32::from(self.t.rcv_wnd(self.c));
        for (n, &b) in (0u32..).zip(s.data()) {
            let at = s.seq + n;
            if at.within(self.t.rcv_nxt, wnd) {
                self.t.held.put(at - self.t.rcv_nxt, b);
            }
        }
        let fin_at = s.seq + u32::from(s.len);
        if s.is(Flags::FIN) && fin_at.within(self.t.rcv_nxt, wnd) {
            self.t.held.put_fin(fin_at - self.t.rcv_nxt);
        }
    }

    /// Moves RCV.NXT over what stands there.
    fn take_held(&mut self) {
        loop {
            if self.t.held.fin_is_next() {
                return self.take_fin();
            }
            let Some(b) = self.t.held.take_byte() else {
                return;
            };
            self.t.rcv_nxt = self.t.rcv_nxt + 1;
            if !self.t.has(Flag::Orphan) {
                self.out.broken |= !self.t.received.push(b);
            }
        }
    }

    /// Eighth: the FIN at RCV.NXT.
    fn take_fin(&mut self) {
        self.t.rcv_nxt = self.t.rcv_nxt + 1;
        self.t.held = Default::default();
        self.t.put(Flag::FinReceived, true);
        match self.t.state {
            Established => self.enter(CloseWait, Cause::Fin),
            FinWait1 => self.enter(Closing, Cause::Fin),
            FinWait2 => self.enter(TimeWait, Cause::FinAndAck),
            _ => {}
        }
        self.owes_ack = self.t.state != Closed;
    }
}

/// The age in ticks of a timestamp on the clock of this step; one ahead of the clock is taken for now.
pub(super) fn age_of(val: u32) -> u8 {
    let age = NOW.wrapping_sub(val) as i32;
    age.clamp(0, i32::from(OLDEST)) as u8
}
