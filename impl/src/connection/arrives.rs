//! SEGMENT ARRIVES (RFC 9293 sections 3.10.7.3 and 3.10.7.4), with RFC 5961, RFC 7323 and RFC 5681.

use core::time::Duration;

use super::{Buffers, Congestion, Connection, DEFAULT_MSS, Indication, LEAST_MSS, Piece, is, owes};
use crate::config::Config;
use crate::listen::reset_for;
use crate::seq::SeqNumber;
use crate::state::State;
use crate::time::Instant;
use crate::wire::{Flags, Header, Segment, Timestamps};

/// Why a segment, or the rest of it, was not taken. Nothing is wrong with the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, thiserror::Error)]
pub enum Dropped {
    /// The connection has left its protocol behind.
    #[error("no connection")]
    NoConnection,
    /// Its sequence numbers are outside the window (3.10.7.4, first).
    #[error("outside the window")]
    OutsideWindow,
    /// Its timestamp is older than TS.Recent (RFC 7323 section 5.3, R1).
    #[error("an old timestamp")]
    OldTimestamp,
    /// It has no timestamp on a connection that uses them (RFC 7323 section 3.2).
    #[error("no timestamp")]
    NoTimestamp,
    /// A RST outside the window, or one that does not acknowledge our SYN.
    #[error("a RST outside the window")]
    ResetOutside,
    /// A RST inside the window but not at RCV.NXT (RFC 5961 section 3.2).
    #[error("a RST not at RCV.NXT")]
    ResetChallenged,
    /// A SYN on a synchronized connection (RFC 5961 section 4.2).
    #[error("a SYN")]
    SynChallenged,
    /// It has no ACK.
    #[error("no ACK")]
    NoAck,
    /// It acknowledges what was never sent, or what was acknowledged long ago (RFC 5961 section 5.2).
    #[error("an unacceptable ACK")]
    AckOutOfRange,
    /// Neither SYN nor RST, in SYN_SENT.
    #[error("neither SYN nor RST")]
    NotSyn,
}

/// TS.Recent is not believed after so long a silence (RFC 7323 section 5.5).
const STALE: Duration = Duration::from_secs(24 * 24 * 60 * 60);

impl<B: Buffers, C: Congestion> Connection<B, C> {
    /// A segment of this connection arrives. Afterwards poll, as the [module](super) says.
    ///
    /// # Errors
    ///
    /// Why it was dropped, where it was; it may have been answered all the same.
    #[inline(always)]
    pub fn handle_segment(
        &mut self,
        config: &Config,
        now: Instant,
        s: &Segment<'_>,
    ) -> Result<(), Dropped> {
        if self.is_predicted(s) {
            self.arrives_as_predicted(config, now, s);
            return Ok(());
        }
        match self.state {
            State::Closed | State::Listen | State::TimeWait => Err(Dropped::NoConnection),
            State::SynSent => self.arrives_in_syn_sent(config, now, s),
            _ => self.arrives(config, now, s),
        }
    }

    /// Header prediction: whether it is the next segment of an established connection, its text, if any, next in order and
    /// its acknowledgment of what is in flight, or of nothing new. Most are.
    #[inline(always)]
    fn is_predicted(&self, s: &Segment<'_>) -> bool {
        let h = &s.header;
        let is_older = |ts: Timestamps| (ts.val.wrapping_sub(self.ts_recent) as i32) < 0;
        self.state == State::Established
            && h.flags.0 & !Flags::PSH.0 == Flags::ACK.0
            && h.seq == self.rcv_nxt
            && !self.flags.has(is::FIN_HELD)
            && h.ack.distance(self.snd_una) as u32 <= self.in_flight()
            && self.ahead.is_empty()
            && s.payload.len() as u64 <= self.buffers.window().into()
            && (!self.flags.has(is::TIMESTAMPS)
                || h.options.timestamps.is_some_and(|ts| !is_older(ts)))
    }

    /// What is left of [`Self::arrives`] for a predicted segment, in the same order. Of the steps left out each would have
    /// found nothing to do: its timestamp, if they are in use, is not old, SEG.SEQ is RCV.NXT and its text within the window, RST,
    /// SYN and FIN are not set and ACK is, SEG.ACK is neither old nor of what was never sent, no CLOSE has been called, and
    /// nothing waits for what is missing.
    #[inline(always)]
    fn arrives_as_predicted(&mut self, config: &Config, now: Instant, s: &Segment<'_>) {
        debug_assert!(
            !self
                .flags
                .has(is::CLOSE_CALLED | is::ORPHAN | is::FIN_RECEIVED),
            "each leaves ESTABLISHED at once"
        );
        self.hear(config, now);
        self.take_timestamp(now, &s.header);
        let new = s.header.ack.distance(self.snd_una);
        self.take_acceptable_ack(config, now, s, new);
        if !s.payload.is_empty() {
            self.take_next(s.payload);
            self.tell(Indication::Readable);
            self.acknowledge_text(config, now, false);
        }
    }

    /// 3.10.7.3.
    #[cold]
    #[inline(never)]
    fn arrives_in_syn_sent(
        &mut self,
        config: &Config,
        now: Instant,
        s: &Segment<'_>,
    ) -> Result<(), Dropped> {
        let h = &s.header;
        let acks = h.flags.has(Flags::ACK);
        let acks_our_syn = acks && h.ack == self.snd_nxt;
        if h.flags.has(Flags::RST) {
            if !acks_our_syn {
                return Err(Dropped::ResetOutside);
            }
            self.end(Indication::Reset);
            return Ok(());
        }
        if acks && !acks_our_syn {
            self.answer_with_reset(s);
            return Err(Dropped::AckOutOfRange);
        }
        if !h.flags.has(Flags::SYN) {
            return Err(Dropped::NotSyn);
        }
        self.take_syn(config, now, h);
        if !acks {
            // Simultaneous open (MUST-10).
            self.enter(State::SynReceived);
            self.owes.put(owes::SYN, true);
            return Ok(());
        }
        self.measure_round_trip(config, now, h);
        self.snd_una = self.snd_nxt;
        self.enter(State::Established);
        self.established(config, now);
        self.owes.put(owes::ACK, true);
        // What stands behind the SYN.
        let behind = Segment {
            header: Header {
                seq: h.seq + 1,
                ..*h
            },
            payload: s.payload,
        };
        if !s.payload.is_empty() || h.flags.has(Flags::FIN) {
            self.text_and_fin(config, now, &behind);
        }
        Ok(())
    }

    /// IRS, the window and the options of a SYN.
    #[cold]
    #[inline(never)]
    pub(super) fn take_syn(&mut self, config: &Config, now: Instant, h: &Header) {
        self.rcv_nxt = h.seq + 1;
        self.last_ack_sent = self.rcv_nxt;
        self.rcv_edge = self.rcv_nxt;
        self.snd_wnd = u32::from(h.window);
        self.max_snd_wnd = self.snd_wnd;
        self.snd_wl1 = h.seq;
        self.snd_wl2 = h.ack;
        self.mss = h
            .options
            .mss
            .unwrap_or(DEFAULT_MSS)
            .max(LEAST_MSS)
            .min(config.mss);
        let scale = h.options.window_scale.filter(|_| config.window_scaling);
        self.flags.put(is::SCALES, scale.is_some());
        self.snd_shift = scale.unwrap_or(0);
        if scale.is_none() {
            self.rcv_shift = 0;
        }
        if let Some(ts) = h
            .options
            .timestamps
            .filter(|_| self.flags.has(is::OFFERS_TIMESTAMPS))
        {
            self.flags.put(is::TIMESTAMPS, true);
            self.ts_recent = ts.val;
            self.stamped = now;
        }
    }

    /// The handshake is over.
    #[cold]
    #[inline(never)]
    fn established(&mut self, config: &Config, now: Instant) {
        let waits = self.buffers.queued() > 0;
        self.timers.give_up.clear();
        self.timers.user.start_if(waits, now, config.user_timeout);
        self.timers.retransmit.clear();
        self.timers
            .keep_alive
            .start(now, config.keep_alive.map(|k| k.idle));
        self.reopened = None;
        self.resend = self.snd_una;
        if self.flags.has(is::SYN_REPEATED) {
            self.rto.syn_was_repeated(&config.rto);
        }
        let (mss, lost) = (self.text_per_segment(), self.flags.has(is::SYN_REPEATED));
        self.congestion.opened(mss, lost);
        self.tell(Indication::Connected);
        // A CLOSE that waited for the handshake.
        if self.flags.has(is::CLOSE_CALLED) {
            self.enter(State::FinWait1);
        }
    }

    /// 3.10.7.4.
    #[inline(never)]
    fn arrives(&mut self, config: &Config, now: Instant, s: &Segment<'_>) -> Result<(), Dropped> {
        let h = &s.header;
        self.hear(config, now);
        let takes_text = self.check_sequence(config, now, s)?;
        if h.flags.has(Flags::RST) {
            return self.check_reset(config, now, h);
        }
        if h.flags.has(Flags::SYN) {
            // A passive embryo's peer starts over; anyone else is asked to prove itself.
            if self.state == State::SynReceived && (self.is_passive() || self.is_reopening()) {
                self.refuse();
                return Ok(());
            }
            self.challenge(config, now);
            return Err(Dropped::SynChallenged);
        }
        self.check_ack(config, now, s)?;
        if self.state == State::Closed {
            return Ok(());
        }
        if !takes_text {
            self.owes.put(owes::ACK, true); // a probe of our closed window
        } else if !s.is_empty() {
            self.text_and_fin(config, now, s);
        }
        Ok(())
    }

    /// The peer is there, whatever it says (RFC 9293 MUST-26): while it probes our closed window its numbers are not acceptable.
    #[inline]
    fn hear(&mut self, config: &Config, now: Instant) {
        self.probes = 0;
        if self.timers.keep_alive.is_set() {
            self.timers
                .keep_alive
                .start(now, config.keep_alive.map(|k| k.idle));
        }
    }

    /// First: PAWS and the window. Says whether text may be taken: not from a segment at a closed window.
    #[inline]
    fn check_sequence(
        &mut self,
        config: &Config,
        now: Instant,
        s: &Segment<'_>,
    ) -> Result<bool, Dropped> {
        let h = &s.header;
        let rst = h.flags.has(Flags::RST);
        if self.flags.has(is::TIMESTAMPS) && !rst {
            let Some(ts) = h.options.timestamps else {
                return Err(Dropped::NoTimestamp);
            };
            let old = (ts.val.wrapping_sub(self.ts_recent) as i32) < 0;
            if old && now.since(self.stamped) < STALE {
                self.answer(config, now, s);
                return Err(Dropped::OldTimestamp);
            }
        }
        let window = self.buffers.window();
        let len = if rst { 0 } else { s.len() };
        if !is_acceptable(h.seq, len, self.rcv_nxt, window) {
            if rst {
                return Err(Dropped::ResetOutside);
            }
            // "Special allowance should be made to accept valid ACKs" (MUST-66).
            if window != 0 || h.seq != self.rcv_nxt {
                self.answer(config, now, s);
                return Err(Dropped::OutsideWindow);
            }
            self.take_timestamp(now, h);
            return Ok(false);
        }
        self.take_timestamp(now, h);
        Ok(true)
    }

    /// TS.Recent (RFC 7323 section 4.3, (2)). Of an acceptable RST it does not matter: that far left it ends the connection.
    #[inline(always)]
    fn take_timestamp(&mut self, now: Instant, h: &Header) {
        if self.flags.has(is::TIMESTAMPS)
            && let Some(ts) = h.options.timestamps
            && h.seq.distance(self.last_ack_sent) <= 0
        {
            // It is newer, or what we had is too old to be compared.
            self.ts_recent = ts.val;
            self.stamped = now;
        }
    }

    /// Second: the RST bit. The segment is acceptable.
    #[cold]
    #[inline(never)]
    fn check_reset(&mut self, config: &Config, now: Instant, h: &Header) -> Result<(), Dropped> {
        if h.seq != self.rcv_nxt {
            self.challenge(config, now);
            return Err(Dropped::ResetChallenged);
        }
        match self.state {
            State::SynReceived => self.refuse(),
            _ => self.end(Indication::Reset),
        }
        Ok(())
    }

    /// A connection that never was goes back to where it came from (MUST-11, MAY-2 (2)).
    #[cold]
    #[inline(never)]
    pub(super) fn refuse(&mut self) {
        if self.is_reopening() {
            self.go_back_to_time_wait();
        } else if self.is_passive() {
            self.enter(State::Listen);
        } else {
            self.end(Indication::Refused);
        }
    }

    pub(super) fn go_back_to_time_wait(&mut self) {
        self.flags.put(is::ORPHAN, true);
        self.owes.put(owes::ACK, false);
        self.enter(State::TimeWait);
    }

    /// Fifth: the ACK field.
    #[inline]
    fn check_ack(&mut self, config: &Config, now: Instant, s: &Segment<'_>) -> Result<(), Dropped> {
        let h = &s.header;
        if !h.flags.has(Flags::ACK) {
            return Err(Dropped::NoAck);
        }
        let beyond = h.ack.distance(self.snd_nxt) > 0;
        let new = h.ack.distance(self.snd_una);
        if beyond || new < -(self.max_snd_wnd as i32) {
            self.challenge(config, now);
            return Err(Dropped::AckOutOfRange);
        }
        if self.state == State::SynReceived {
            return self.acks_our_syn(config, now, s, new);
        }
        self.take_acceptable_ack(config, now, s, new);
        if self.flags.has(is::CLOSE_CALLED) && self.fin_is_acknowledged() {
            self.our_fin_is_acknowledged(config, now);
        }
        Ok(())
    }

    /// `new` sequence numbers from SND.UNA on are acknowledged, if it is more than none.
    #[inline(always)]
    fn take_acceptable_ack(&mut self, config: &Config, now: Instant, s: &Segment<'_>, new: i32) {
        let h = &s.header;
        if new > 0 {
            self.take_ack(config, now, h, new as u32);
        } else if new == 0 {
            self.count_duplicate(s);
        }
        if new >= 0 {
            self.update_window(h);
        }
        // As long as its answers say that its window is closed the peer is there (MUST-37).
        if self.snd_wnd == 0 && self.timers.give_up.is_set() {
            self.timers.give_up.start(now, config.give_up);
        }
    }

    /// SYN_RECEIVED: nothing but the SYN has been sent.
    #[cold]
    #[inline(never)]
    fn acks_our_syn(
        &mut self,
        config: &Config,
        now: Instant,
        s: &Segment<'_>,
        new: i32,
    ) -> Result<(), Dropped> {
        if new <= 0 {
            self.answer_with_reset(s);
            return Err(Dropped::AckOutOfRange);
        }
        let h = &s.header;
        self.measure_round_trip(config, now, h);
        self.snd_una = self.snd_nxt;
        self.set_window(h);
        self.enter(State::Established);
        self.established(config, now);
        Ok(())
    }

    /// Our FIN has been acknowledged, by this segment or before.
    #[cold]
    #[inline(never)]
    fn our_fin_is_acknowledged(&mut self, config: &Config, now: Instant) {
        match self.state {
            State::FinWait1 => {
                self.tell(Indication::Closed);
                self.enter(State::FinWait2);
                if self.is_orphan() {
                    self.start_orphan_timer(config, now);
                }
            }
            State::Closing => {
                self.tell(Indication::Closed);
                self.enter(State::TimeWait);
            }
            State::LastAck => self.end(Indication::Closed),
            _ => {}
        }
    }

    /// `n` sequence numbers from SND.UNA on are acknowledged.
    #[inline(always)]
    fn take_ack(&mut self, config: &Config, now: Instant, h: &Header, n: u32) {
        self.measure_round_trip(config, now, h);
        let syn = u32::from(self.syn_is_in_flight());
        let fin = u32::from(self.flags.has(is::FIN_SENT) && h.ack == self.snd_nxt);
        let text = n - syn - fin;
        self.buffers.drop_front(text);
        self.snd_una = h.ack;
        self.flags.put(is::PROBED, false);
        self.backoff = 0;
        if !self.flags.has(is::RECOVERING) {
            self.duplicates = 0; // within a recovery they go on (RFC 6582 section 3.2): it is entered once
        }
        if self.flags.has(is::WAITS_FOR_ROOM) && text > 0 {
            self.flags.put(is::WAITS_FOR_ROOM, false);
            self.tell(Indication::Writable);
        }
        let waits = self.snd_una != self.snd_nxt;
        self.timers.give_up.start_if(waits, now, config.give_up);
        let unsent = waits || self.buffers.queued() > 0;
        self.timers.user.start_if(unsent, now, config.user_timeout);
        if waits {
            self.timers.retransmit.set(self.rto.after(now)); // RFC 6298 (5.3)
        } else {
            self.timers.retransmit.clear(); // (5.2)
        }
        self.control_congestion(text);
    }

    #[inline]
    fn control_congestion(&mut self, acked: u32) {
        let mss = self.text_per_segment();
        if !self.flags.has(is::RECOVERING) {
            return self.congestion.acknowledged(acked, mss);
        }
        if self.snd_una >= self.recover {
            if !self.flags.has(is::LOST) {
                self.congestion.recovered(mss);
            }
            self.flags.put(is::RECOVERING | is::LOST, false);
            self.owes.put(owes::FRONT, false);
            self.duplicates = 0;
            return;
        }
        if self.flags.has(is::LOST) {
            self.congestion.acknowledged(acked, mss);
        } else {
            self.congestion.partially_acknowledged(acked, mss);
            self.resend = self.snd_una;
        }
        self.owes.put(owes::FRONT, true);
    }

    /// An acknowledgment of nothing new: the sign of a loss, if nothing else changes (RFC 5681 section 2).
    #[inline(always)]
    fn count_duplicate(&mut self, s: &Segment<'_>) {
        if self.snd_una == self.snd_nxt || !s.is_empty() {
            return;
        }
        let same_window = u32::from(s.header.window) << self.snd_shift == self.snd_wnd;
        // What answers a probe of a closed window says nothing of a loss.
        let probes = self.snd_wnd == 0 || self.flags.has(is::PROBED);
        if !self.syn_is_in_flight() && same_window && !probes && !self.flags.has(is::LOST) {
            self.take_duplicate();
        }
    }

    #[inline(never)]
    fn take_duplicate(&mut self) {
        self.duplicates = self.duplicates.saturating_add(1);
        let (in_flight, mss) = (self.in_flight(), self.text_per_segment());
        if self.congestion.duplicate(self.duplicates, in_flight, mss)
            && !self.flags.has(is::RECOVERING)
        {
            self.flags.put(is::RECOVERING, true);
            self.flags.put(is::TIMING, false);
            self.recover = self.snd_nxt;
            self.resend = self.snd_una;
            self.owes.put(owes::FRONT, true);
        }
    }

    /// RFC 6298 section 3 and RFC 7323 section 4.
    #[inline(always)]
    fn measure_round_trip(&mut self, config: &Config, now: Instant, h: &Header) {
        // Most segments acknowledge nothing that is being timed.
        if self.flags.has(is::TIMESTAMPS | is::TIMING) && !config.rto.fixed() {
            self.measure(config, now, h.ack, h.options.timestamps);
        }
    }

    #[inline(never)]
    fn measure(
        &mut self,
        config: &Config,
        now: Instant,
        ack: SeqNumber,
        timestamps: Option<Timestamps>,
    ) {
        if self.flags.has(is::TIMESTAMPS)
            && let Some(ts) = timestamps
        {
            let millis = self.ts_now(now).wrapping_sub(ts.ecr) as i32;
            if millis >= 0 && ts.ecr != 0 {
                let r = Duration::from_millis(millis as u64);
                self.rto
                    .measured(&config.rto, r.max(config.rto.granularity));
            }
            return;
        }
        if self.flags.has(is::TIMING) && ack >= self.timed {
            self.flags.put(is::TIMING, false);
            self.rto.measured(&config.rto, now.since(self.timed_at));
        }
    }

    /// The acknowledgment is not older than SND.UNA.
    #[inline]
    fn update_window(&mut self, h: &Header) {
        let by_seq = h.seq.distance(self.snd_wl1);
        if by_seq > 0 || (by_seq == 0 && h.ack.distance(self.snd_wl2) >= 0) {
            self.set_window(h);
        }
    }

    #[inline]
    fn set_window(&mut self, h: &Header) {
        let was_closed = self.snd_wnd == 0;
        self.snd_wnd = u32::from(h.window) << self.snd_shift;
        if was_closed && self.snd_wnd > 0 {
            self.hurry_probe(); // it was refused, and would be missing
        }
        self.max_snd_wnd = self.max_snd_wnd.max(self.snd_wnd);
        self.snd_wl1 = h.seq;
        self.snd_wl2 = h.ack;
    }

    /// Seventh and eighth: the text and the FIN of an acceptable segment that has some.
    #[inline]
    fn text_and_fin(&mut self, config: &Config, now: Instant, s: &Segment<'_>) {
        if !self.state.receives() {
            self.owes.put(owes::ACK, true);
            return;
        }
        let end = s.header.seq + s.payload.len() as u32;
        if !s.payload.is_empty() && end > self.rcv_nxt && self.is_orphan() {
            // SHLD-3: text that nobody will read.
            return self.abort_now(config);
        }
        let before = self.rcv_nxt;
        let gap = !self.ahead.is_empty() || self.flags.has(is::FIN_HELD);
        let fin = s.header.flags.has(Flags::FIN);
        if s.header.seq == before && !gap && !fin && s.payload.len() as u32 <= self.buffers.window()
        {
            self.take_next(s.payload);
        } else {
            self.store(s);
            self.take_stored();
        }
        let advanced = self.rcv_nxt.distance(before) as u32;
        if advanced > 0 {
            self.tell(Indication::Readable);
        }
        let at_once = advanced == 0 || gap || self.fin_received();
        self.acknowledge_text(config, now, at_once);
    }

    /// Text that begins at RCV.NXT, with nothing ahead.
    #[inline(always)]
    fn take_next(&mut self, text: &[u8]) {
        self.buffers.place(0, text);
        self.buffers.advance(text.len() as u32);
        self.rcv_nxt += text.len() as u32;
    }

    /// At once what fills a gap or shows one (RFC 5681 section 4.2), the FIN, and more than a segment's worth.
    #[inline(always)]
    fn acknowledge_text(&mut self, config: &Config, now: Instant, at_once: bool) {
        let unacked = self.rcv_nxt.distance(self.last_ack_sent) as u32;
        let much = unacked > self.less_options(config.mss);
        let now_due = at_once || much;
        match config.delayed_ack {
            Some(delay) if !now_due => self.timers.delayed_ack.set_if_clear(now + delay),
            _ => self.owes.put(owes::ACK, true),
        }
    }

    /// Puts what is new and within the window where it belongs; of what has come before, the first stays.
    #[cold]
    #[inline(never)]
    fn store(&mut self, s: &Segment<'_>) {
        let (next, window) = (self.rcv_nxt, self.buffers.window());
        let (seq, end) = (s.header.seq, s.header.seq + s.payload.len() as u32);
        if s.header.flags.has(Flags::FIN)
            && end.is_in(next, window)
            && !self.flags.has(is::FIN_HELD)
        {
            self.flags.put(is::FIN_HELD, true);
            self.fin_at = end;
        }
        let piece = Piece {
            from: if seq < next { next } else { seq },
            to: if end > next + window {
                next + window
            } else {
                end
            },
        };
        let buffers = &mut self.buffers;
        self.ahead.add(piece, next, |p| {
            let skip = p.from.distance(seq) as usize;
            let len = p.to.distance(p.from) as usize;
            let text = s.payload.get(skip..skip + len).unwrap_or_default();
            buffers.place(p.from.distance(next) as u32, text);
        });
    }

    /// Moves RCV.NXT over what stands there; a FIN takes effect only when RCV.NXT has reached it.
    #[cold]
    #[inline(never)]
    fn take_stored(&mut self) {
        if let Some(to) = self.ahead.take(self.rcv_nxt) {
            let stop = self.fin_held().filter(|fin| *fin < to).unwrap_or(to);
            self.buffers.advance(stop.distance(self.rcv_nxt) as u32);
            self.rcv_nxt = stop;
        }
        if self.fin_held() == Some(self.rcv_nxt) {
            self.take_fin();
        }
    }

    fn take_fin(&mut self) {
        self.rcv_nxt += 1;
        self.ahead.clear();
        self.flags.put(is::FIN_HELD, false);
        self.flags.put(is::FIN_RECEIVED, true);
        self.owes.put(owes::ACK, true);
        self.tell(Indication::Readable);
        match self.state {
            State::Established => self.enter(State::CloseWait),
            State::FinWait1 => self.enter(State::Closing),
            State::FinWait2 => self.enter(State::TimeWait),
            _ => {}
        }
    }

    /// An acknowledgment for what is not acceptable. Pure ones are limited: two ends could answer each other for ever.
    #[cold]
    #[inline(never)]
    fn answer(&mut self, config: &Config, now: Instant, s: &Segment<'_>) {
        if s.is_empty() || s.header.flags.has(Flags::SYN) {
            self.challenge(config, now);
        } else {
            self.owes.put(owes::ACK, true);
        }
    }

    /// A challenge ACK, unless the last one was just sent (RFC 5961 section 7).
    #[cold]
    #[inline(never)]
    fn challenge(&mut self, config: &Config, now: Instant) {
        if now >= self.challenge_from {
            self.challenge_from = now + config.challenge_interval;
            self.owes.put(owes::ACK, true);
        }
    }

    #[cold]
    #[inline(never)]
    fn answer_with_reset(&mut self, s: &Segment<'_>) {
        self.reset = reset_for(s);
        self.owes.put(owes::RESET, true);
    }
}

/// The four cases of section 3.10.7.4, first: whether a segment of `len` numbers from `seq` on touches the window.
#[inline]
pub(crate) fn is_acceptable(seq: SeqNumber, len: u32, rcv_nxt: SeqNumber, window: u32) -> bool {
    if len == 0 {
        seq.is_in(rcv_nxt, window.max(1))
    } else {
        seq.is_in(rcv_nxt, window) || (seq + (len - 1)).is_in(rcv_nxt, window)
    }
}
