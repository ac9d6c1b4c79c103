//! What RFC 9293 leaves open, as values; and the readings of its contradictions.

use crate::endpoint::{MAX_DATA, TcpState};
use crate::rules::RuleSet;

/// When acknowledgments of data go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AckWhen {
    /// At the end of the event.
    #[default]
    Now,
    /// When the delayed-ACK timer fires or something else goes out (RFC 9293 3.8.6.3).
    Delayed,
}

/// How an incoming SYN may reopen TIME_WAIT.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reopen {
    /// Not at all.
    #[default]
    Never,
    /// RFC 9293 MAY-2, extended by RFC 6191 when timestamps are in use.
    Newer,
}

/// What a SYN draws that TIME_WAIT does not accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OldSyn {
    /// RFC 9293 3.10.7.4, first and fourth: an ACK.
    #[default]
    Challenge,
    /// RFC 6191 2: "silently drop".
    Drop,
}

/// The check of a RST in SYN_SENT (errata 8167: RCV.NXT is not defined there).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SynSentRst {
    /// The acknowledgment alone decides.
    #[default]
    AckOnly,
    /// As written: the sequence number must also equal RCV.NXT, which is still zero.
    ExactZero,
}

/// What starts 2 MSL afresh.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// A retransmission of the peer's FIN, acceptable or not: what the RFC means.
    #[default]
    RepeatedFin,
    /// Every acknowledgment that TIME_WAIT sends: 2 MSL from the last of them.
    EveryAnswer,
    /// As written in step five: whatever passes steps one to five (and never the FIN itself, which is left of the window).
    AsWritten,
}

/// Which old segments TIME_WAIT answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Answers {
    /// RFC 9293 3.10.7.4, first: every unacceptable segment.
    #[default]
    Every,
    /// Only those that occupy sequence space.
    SequenceSpace,
}

/// When what an acknowledgment lets go goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SendWhen {
    /// At the ACK check, before the segment's text is looked at.
    #[default]
    AtTheAck,
    /// At the end of the event, with the acknowledgment of its text.
    AtTheEnd,
}

/// Freedom that the RFC leaves; contradictions number as in the README.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choices {
    /// When acknowledgments go out.
    pub ack: AckWhen,
    /// When what an acknowledgment lets go goes out.
    pub send: SendWhen,
    /// FIN rides on the last data.
    pub fin_rides: bool,
    /// FIN goes out into a zero window when no data stands in front of it.
    pub fin_into_zero_window: bool,
    /// Segments beyond RCV.NXT are held (SHLD-31) rather than dropped.
    pub reassembly: bool,
    /// Most text in a segment, in bytes.
    pub mss: u8,
    /// Reading 2: what restarts 2 MSL.
    pub restart: Restart,
    /// Reading 4: RFC 5961's ACK check comes before SYN_RECEIVED's own.
    pub ack_check_first: bool,
    /// Reading 5: a RST in CLOSING or LAST_ACK is told to the user (3.5.3, MUST-12).
    pub rst_tells_when_closing: bool,
    /// Reading 6: how TIME_WAIT may be reopened.
    pub reopen: Reopen,
    /// Reading 6: what a refused SYN draws.
    pub old_syn: OldSyn,
    /// Reading 7: the RST check of SYN_SENT.
    pub syn_sent_rst: SynSentRst,
    /// Which old segments TIME_WAIT answers.
    pub answers: Answers,
    /// Reading 8: TS.Recent is recorded before the window is looked at (RFC 7323 appendix D), not after (5.3, R2 and R3).
    pub stamp_before_window: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            ack: AckWhen::Now,
            send: SendWhen::AtTheAck,
            fin_rides: true,
            fin_into_zero_window: false,
            reassembly: true,
            mss: MAX_DATA as u8,
            restart: Restart::RepeatedFin,
            ack_check_first: true,
            rst_tells_when_closing: true,
            reopen: Reopen::Never,
            old_syn: OldSyn::Challenge,
            syn_sent_rst: SynSentRst::AckOnly,
            answers: Answers::Every,
            stamp_before_window: false,
        }
    }
}

/// One endpoint's configuration. Lengths are in ticks, buffers in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The clauses that are on.
    pub rules: RuleSet,
    /// What the RFC leaves open.
    pub choices: Choices,
    /// TIME_WAIT.
    pub time_wait: u8,
    /// The orphan's timeout in FIN_WAIT_2.
    pub fin_wait_2: Option<u8>,
    /// The user timeout; `None` is for ever.
    pub user_timeout: Option<u8>,
    /// R2; `None` is for ever.
    //= RFC 9293 MUST-21 => test:spec::tests::r2_ends_what_is_never_acknowledged
    pub give_up: Option<u8>,
    /// Keep-alive idle time; `None` is off.
    //= RFC 9293 MUST-24 => test:spec::tests::keep_alive_probes_when_idle
    //= RFC 9293 MUST-25 => test:spec::tests::keep_alive_is_off_unless_asked_for
    //= RFC 9293 MUST-27 => test:spec::tests::keep_alive_probes_when_idle
    pub keep_alive: Option<u8>,
    /// The receive buffer, at most [`MAX_DATA`].
    pub receive_buffer: u8,
    /// The user reads at once, so the window never changes: SND.WL1 and SND.WL2 decide nothing and stay zero.
    pub fixed_window: bool,
    /// A state in which the retransmission timer does not run, though it should: to see what it is for.
    pub no_timer_in: Option<TcpState>,
}
