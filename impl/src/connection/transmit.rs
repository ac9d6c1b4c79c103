//! What goes out, and when (RFC 9293 sections 3.7, 3.8; RFC 5681).

use super::{Buffers, Congestion, Connection, LARGEST_UNSCALED, is, owes};
use crate::config::Config;
use crate::seq::SeqNumber;
use crate::state::State;
use crate::time::Instant;
use crate::wire::{Flags, Header, Options, Timestamps};

/// A segment to send. Its ports are still to be filled in; its text is `len` bytes of the send queue from `from`
/// ([`Connection::text`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The header.
    pub header: Header,
    /// Where its text begins in the send queue.
    pub from: u32,
    /// How much text.
    pub len: u32,
}

/// Bytes that a timestamp takes in every segment.
const TIMESTAMP_LEN: u32 = 12;

impl<B: Buffers, C: Congestion> Connection<B, C> {
    /// The next segment to send, until there is none. Its text is valid until the connection is touched again.
    #[inline]
    pub fn poll_transmit(&mut self, config: &Config, now: Instant) -> Option<Outgoing> {
        const FIRST: u16 = owes::RESET | owes::SYN | owes::FRONT | owes::KEEP_ALIVE;
        if let Some(header) = self.poll_acknowledgment(config, now) {
            return Some(Outgoing::bare(header));
        }
        if self.owes.has(FIRST)
            && let Some(out) = self.poll_repeated(config, now)
        {
            return Some(out);
        }
        if self.has_unsent()
            && let Some(out) = self.send_new(config, now)
        {
            return Some(out);
        }
        if !self.owes.has(owes::ACK) {
            return None;
        }
        if self.flags.has(is::PROBED) {
            self.send_news_again(config);
        }
        Some(self.bare(config, now, self.snd_nxt, Flags::ACK))
    }

    /// The header of the next segment to send if all there is to send is an acknowledgment, and then
    /// [`Self::may_transmit`] says no.
    ///
    /// The last step of [`Self::poll_transmit`] where it is plain that those before have nothing: nothing but an
    /// acknowledgment is owed, nothing is unsent, and no probe of ours may have to carry it.
    #[inline(always)]
    pub(crate) fn poll_acknowledgment(&mut self, config: &Config, now: Instant) -> Option<Header> {
        let plain = self.owes.0 == owes::ACK && !self.flags.has(is::PROBED) && !self.has_unsent();
        plain.then(|| self.header(config, now, self.snd_nxt, Flags::ACK))
    }

    /// Behind a probe that was refused SND.NXT is beyond the peer's closed window, and so is an ACK: if it has news, the
    /// probe carries them once more.
    #[cold]
    fn send_news_again(&mut self, config: &Config) {
        let edge = self.rcv_nxt + self.window_to_offer(config);
        if self.snd_wnd == 0 && (self.last_ack_sent != self.rcv_nxt || self.rcv_edge != edge) {
            self.hurry_probe();
        }
    }

    /// The text of a segment that was just polled, in two parts because the send queue may be a ring.
    #[inline]
    pub fn text(&self, out: &Outgoing) -> (&[u8], &[u8]) {
        self.buffers.text(out.from, out.len)
    }

    /// Resets, SYNs, what is sent again, keep-alives.
    #[cold]
    #[inline(never)]
    fn poll_repeated(&mut self, config: &Config, now: Instant) -> Option<Outgoing> {
        let owed = |c: &mut Self, what| {
            let is = c.owes.has(what);
            c.owes.put(what, false);
            is
        };
        if owed(self, owes::RESET) {
            return Some(Outgoing {
                header: self.reset,
                from: 0,
                len: 0,
            });
        }
        if owed(self, owes::SYN) {
            return Some(self.syn(config, now));
        }
        if owed(self, owes::FRONT)
            && let Some(out) = self.send_front(config, now)
        {
            return Some(out);
        }
        // Left of the peer's window, so that it must answer (SHLD-12).
        owed(self, owes::KEEP_ALIVE).then(|| self.bare(config, now, self.snd_nxt - 1, Flags::ACK))
    }

    #[cold]
    #[inline(never)]
    fn syn(&mut self, config: &Config, now: Instant) -> Outgoing {
        let answers = self.state != State::SynSent;
        let flags = if answers {
            Flags::SYN.with(Flags::ACK)
        } else {
            Flags::SYN
        };
        let mut out = self.bare(config, now, self.iss, flags);
        let timestamps = if answers {
            is::TIMESTAMPS
        } else {
            is::OFFERS_TIMESTAMPS
        };
        out.header.options = Options {
            mss: Some(config.mss),
            window_scale: (config.window_scaling && (!answers || self.flags.has(is::SCALES)))
                .then_some(self.rcv_shift),
            timestamps: self.flags.has(timestamps).then(|| Timestamps {
                val: self.ts_now(now),
                ecr: if answers { self.ts_recent } else { 0 },
            }),
        };
        out.header.window = self.buffers.window().min(LARGEST_UNSCALED) as u16;
        self.rcv_edge = self.rcv_nxt + u32::from(out.header.window);
        self.timed_at = now;
        out
    }

    /// A segment without text.
    #[inline]
    fn bare(&mut self, config: &Config, now: Instant, seq: SeqNumber, flags: Flags) -> Outgoing {
        Outgoing {
            header: self.header(config, now, seq, flags),
            from: 0,
            len: 0,
        }
    }

    /// A header with everything that goes on every segment. It carries the acknowledgment that is owed.
    #[inline]
    fn header(&mut self, config: &Config, now: Instant, seq: SeqNumber, flags: Flags) -> Header {
        let window = self.window_to_offer(config);
        if flags.has(Flags::ACK) {
            self.owes.put(owes::ACK, false);
            self.timers.delayed_ack.clear();
            self.last_ack_sent = self.rcv_nxt;
            self.rcv_edge = self.rcv_nxt + window;
        }
        let timestamps = self.flags.has(is::TIMESTAMPS).then(|| Timestamps {
            val: self.ts_now(now),
            ecr: self.ts_recent,
        });
        Header {
            seq,
            ack: if flags.has(Flags::ACK) {
                self.rcv_nxt
            } else {
                SeqNumber(0)
            },
            flags,
            window: (window >> self.rcv_shift).min(LARGEST_UNSCALED) as u16,
            options: Options {
                timestamps,
                ..Options::default()
            },
            ..Header::default()
        }
    }

    /// What is left of the window that was last offered.
    #[inline]
    pub(super) fn offered_window(&self) -> u32 {
        self.rcv_edge.distance(self.rcv_nxt).max(0) as u32
    }

    /// The window, in whole units of its scale. It does not open by a silly step (MUST-39), and its right edge never moves
    /// left (SHLD-14), but for what the scale rounds off (RFC 7323 section 2.4).
    #[inline]
    pub(super) fn window_to_offer(&self, config: &Config) -> u32 {
        let room = self
            .buffers
            .window()
            .min(LARGEST_UNSCALED << self.rcv_shift);
        let window = room >> self.rcv_shift << self.rcv_shift;
        if !config.avoid_silly_windows {
            return window;
        }
        let offered = self.offered_window();
        let step = (self.buffers.receive_capacity() / 2).min(config.mss.into());
        if window < offered + step {
            offered.min(room)
        } else {
            window
        }
    }

    /// The window as it stands in the header of an acknowledgment.
    pub(super) fn window_field(&self) -> u16 {
        (self.buffers.window() >> self.rcv_shift).min(LARGEST_UNSCALED) as u16
    }

    /// The most text of a segment that we send.
    #[inline]
    pub(super) fn text_per_segment(&self) -> u32 {
        self.less_options(self.mss)
    }

    /// The text of a segment of that size beside its options (RFC 6691).
    #[inline]
    pub(super) fn less_options(&self, mss: u16) -> u32 {
        let options = if self.flags.has(is::TIMESTAMPS) {
            TIMESTAMP_LEN
        } else {
            0
        };
        u32::from(mss).saturating_sub(options).max(1)
    }

    /// New text within the windows, the FIN behind it.
    fn send_new(&mut self, config: &Config, now: Instant) -> Option<Outgoing> {
        let in_flight = self.in_flight();
        let unsent = self.unsent();
        let room = self.snd_wnd.saturating_sub(in_flight);
        let allowed = room.min(self.congestion.window().saturating_sub(in_flight));
        let mss = self.text_per_segment();
        let mut len = unsent.min(allowed).min(mss);
        let closes = self.flags.has(is::CLOSE_CALLED);
        if len > 0
            && !self.owes.has(owes::PROBE)
            && !self.is_worth_sending(config, len, unsent, mss, closes)
        {
            self.wait_for_window(now);
            return None;
        }
        // A SYN that is still unacknowledged says nothing about the peer's window yet.
        let mut fin = closes && len == unsent && (room > len || self.syn_is_in_flight());
        if len == 0 && !fin {
            if !self.owes.has(owes::PROBE) {
                self.wait_for_window(now);
                return None;
            }
            // Into a closed window: one octet, or the FIN (MUST-36).
            self.flags.put(is::PROBED, self.snd_wnd == 0);
            len = unsent.min(1);
            fin = unsent == 0;
        }
        let probes = self.owes.has(owes::PROBE);
        self.owes.put(owes::PROBE, false);
        let (seq, from) = (self.snd_nxt, self.text_in_flight());
        let begins = in_flight == 0 && !probes;
        self.snd_nxt += len + u32::from(fin);
        if begins || !self.timers.retransmit.is_set() {
            self.timers.retransmit.set(self.rto.after(now)); // RFC 6298 (5.1)
        }
        if !self.timers.give_up.is_set() {
            self.timers.give_up.start(now, config.give_up);
        }
        if !self.timers.user.is_set() {
            self.timers.user.start(now, config.user_timeout);
        }
        // A probe waits for the window, not for the network.
        if !probes && !self.flags.has(is::TIMING | is::TIMESTAMPS) {
            self.flags.put(is::TIMING, true);
            self.timed = self.snd_nxt;
            self.timed_at = now;
        }
        let out = self.segment(config, now, seq, from, len, fin);
        if fin {
            self.flags.put(is::FIN_SENT, true);
            if self.state == State::CloseWait {
                self.enter(State::LastAck);
            }
        }
        Some(out)
    }

    /// Nagle and the silly windows of the sender (RFC 9293 section 3.8.6.2.1): whether `len` bytes may go now.
    #[inline]
    fn is_worth_sending(
        &self,
        config: &Config,
        len: u32,
        unsent: u32,
        mss: u32,
        closes: bool,
    ) -> bool {
        let idle = self.snd_una == self.snd_nxt;
        if len >= mss || len == unsent && (idle || !config.nagle || closes) {
            return true;
        }
        if !config.avoid_silly_windows {
            return !(config.nagle && len == unsent && !idle);
        }
        len < unsent && len >= self.max_snd_wnd / 2
    }

    /// Something is to be sent, and nothing in flight will bring an answer: the persist timer asks for one.
    fn wait_for_window(&mut self, now: Instant) {
        if self.snd_una == self.snd_nxt {
            self.timers.retransmit.set_if_clear(self.rto.after(now));
        }
    }

    /// "The segment at the front of the retransmission queue": what is at `resend`.
    #[cold]
    #[inline(never)]
    fn send_front(&mut self, config: &Config, now: Instant) -> Option<Outgoing> {
        let text = self.text_in_flight();
        let from = self.resend.distance(self.snd_una).max(0) as u32;
        let left = text.saturating_sub(from);
        let len = left.min(self.text_per_segment());
        let fin = self.fin_is_in_flight() && len == left;
        if (len == 0 && !fin) || (self.flags.has(is::RECOVERING) && self.resend >= self.recover) {
            return None;
        }
        let seq = self.snd_una + from;
        self.resend = seq + len + u32::from(fin);
        let next = self.resend.distance(self.snd_una) as u32 + len.max(1);
        // What is lost goes out again as the congestion window lets it.
        let more = self.flags.has(is::LOST)
            && next <= self.congestion.window()
            && self.resend < self.recover;
        self.owes.put(owes::FRONT, more);
        Some(self.segment(config, now, seq, from, len, fin))
    }

    #[inline]
    fn segment(
        &mut self,
        config: &Config,
        now: Instant,
        seq: SeqNumber,
        from: u32,
        len: u32,
        fin: bool,
    ) -> Outgoing {
        let mut flags = Flags::ACK;
        if fin {
            flags = flags.with(Flags::FIN);
        }
        if len > 0 && from + len == self.buffers.queued() {
            flags = flags.with(Flags::PSH); // MUST-60
        }
        Outgoing {
            header: self.header(config, now, seq, flags),
            from,
            len,
        }
    }
}
