//! What a connection in TIME_WAIT answers (RFC 9293 section 3.10.7.4, RFC 1337, RFC 6191).

use super::record::{TimeWait, TimeWaitFlags};
use crate::connection::{is_acceptable, ts_clock};
use crate::listen;
use crate::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::{Flags, Header, Options, Segment, Timestamps};

/// What follows from a segment that arrives in TIME_WAIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// [`TimeWait::acknowledgment`] goes out.
    Acknowledge,
    /// The peer's FIN again: it is acknowledged again, and 2 MSL start afresh.
    AcknowledgeAndRestart,
    /// The connection was aborted: this RST goes out; its ports are still to be filled in.
    Reset(Header),
}

impl TimeWait {
    /// A segment arrives that does not reopen the connection.
    pub fn handle_segment(&mut self, s: &Segment<'_>) -> Answer {
        if self.flags.has(TimeWaitFlags::ABORTED) {
            return listen::in_closed(s).map_or(Answer::Nothing, Answer::Reset);
        }
        let h = &s.header;
        // RFC 1337, F1.
        if h.flags.has(Flags::RST) {
            return Answer::Nothing;
        }
        if self.flags.has(TimeWaitFlags::TIMESTAMPS) {
            let Some(ts) = h.options.timestamps else {
                return Answer::Nothing; // RFC 7323 section 3.2
            };
            if (ts.val.wrapping_sub(self.ts_recent) as i32) < 0 {
                return self.unacceptable(s);
            }
        }
        let window = u32::from(self.window) << self.shift;
        let at_closed_window = window == 0 && h.seq == self.rcv_nxt;
        if !is_acceptable(h.seq, s.len(), self.rcv_nxt, window) && !at_closed_window {
            return self.unacceptable(s);
        }
        if let Some(ts) = h.options.timestamps
            && h.seq.distance(self.rcv_nxt) <= 0
        {
            self.ts_recent = ts.val;
        }
        if h.flags.has(Flags::SYN) {
            return Answer::Acknowledge; // RFC 5961 section 4.2
        }
        if !h.flags.has(Flags::ACK) {
            return Answer::Nothing;
        }
        let oldest = self.snd_nxt - self.max_snd_wnd;
        if h.ack.distance(self.snd_nxt) > 0 || h.ack.distance(oldest) < 0 {
            return Answer::Acknowledge; // RFC 5961 section 5.2
        }
        if !s.is_empty() {
            return Answer::Acknowledge;
        }
        Answer::Nothing
    }

    /// A repeated FIN is left of the window: acknowledged as any other, and 2 MSL start afresh.
    fn unacceptable(&self, s: &Segment<'_>) -> Answer {
        let repeats_fin = s.header.flags.has(Flags::FIN) && s.header.seq + s.len() == self.rcv_nxt;
        if repeats_fin {
            Answer::AcknowledgeAndRestart
        } else {
            Answer::Acknowledge
        }
    }

    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`; its ports are still to be filled in.
    pub fn acknowledgment(&self, now: Instant) -> Header {
        let timestamps = self
            .flags
            .has(TimeWaitFlags::TIMESTAMPS)
            .then(|| Timestamps {
                val: ts_clock(now).wrapping_add(self.ts_offset),
                ecr: self.ts_recent,
            });
        Header {
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags: Flags::ACK,
            window: self.window,
            options: Options {
                timestamps,
                ..Options::default()
            },
            ..Header::default()
        }
    }

    /// Whether this SYN may reopen the connection (RFC 6191 section 2; without timestamps RFC 9293 MAY-2).
    /// `timestamps` says whether the new connection would use them if the SYN offers them.
    pub fn is_reopened_by(&self, syn: &Header, timestamps: bool) -> bool {
        let plain =
            syn.flags.has(Flags::SYN) && !syn.flags.has(Flags::ACK) && !syn.flags.has(Flags::RST);
        if !plain || self.flags.has(TimeWaitFlags::ABORTED) {
            return false;
        }
        let higher = syn.seq.distance(self.rcv_nxt) >= 0;
        let used = self.flags.has(TimeWaitFlags::TIMESTAMPS);
        match syn.options.timestamps.filter(|_| timestamps) {
            Some(ts) if used => match ts.val.wrapping_sub(self.ts_recent) as i32 {
                1.. => true,
                0 => higher,
                _ => false,
            },
            Some(_) => true,
            None => higher,
        }
    }

    /// The ISS of a connection that reopens this one: above all that it used (MAY-2 (1)).
    pub fn iss_above(&self, isn: SeqNumber) -> SeqNumber {
        if isn.distance(self.snd_nxt) < 0 {
            self.snd_nxt
        } else {
            isn
        }
    }

    /// The window that its answers offer, in bytes. It grows when a user reads what was unread.
    pub fn set_window(&mut self, bytes: u32) {
        self.window = (bytes >> self.shift).min(0xffff) as u16;
    }
}
