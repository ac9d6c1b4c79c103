//! A stack with a mistake: what our engine says is changed on its way out, or what it hears on its way in. The oracle must
//! catch every one of them.

use core::time::Duration;

use farewell_model::endpoint::{Call, Flags, Indication, Segment, TcpState};
use farewell_model::seq::Seq;

use super::{Farewell, Stack, Terms};
use crate::engine::Live;
use crate::oracle::packet::{self, PEER, SUBJECT};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};

const SECOND: Micros = 1_000_000;
/// Where TCP's checksum is, behind an IP header of 20 bytes.
const CHECKSUM: usize = 20 + 16;

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    /// The acknowledgment of a FIN is not sent.
    FinUnanswered,
    /// Acknowledgments are one too low once something has been received.
    AckShort,
    /// A RST has a sequence number one too high.
    ResetElsewhere,
    /// A SYN inside the window resets the connection.
    SynResets,
    /// TIME_WAIT is half as long.
    TimeWaitHalved,
    /// Behind the end of the stream there is data.
    DataAfterEnd,
    /// A FIN is sent once and never again.
    FinOnce,
    /// Text is changed.
    TextChanged,
    /// A RST inside the window resets the connection.
    ResetInWindow,
    /// The window is one too large.
    WindowTooLarge,
    /// TIME_WAIT never ends: OPEN is refused for ever.
    TimeWaitForEver,
    /// TIME_WAIT answers nothing.
    TimeWaitSilent,
    /// Acknowledgments are one too low in TIME_WAIT.
    TimeWaitAckShort,
    /// TIME_WAIT answers with a RST.
    TimeWaitResets,
    /// FIN_WAIT_2 never ends though nobody reads.
    OrphanForEver,
    /// A FIN is sent again although it was acknowledged, once a second until the connection is gone.
    FinForEver,
    /// Text is sent once and never again.
    TextOnce,
    /// Text and FIN are sent again twice, and then never.
    RepeatsTwice,
    /// What is in flight is sent again twice a second.
    NoBackOff,
    /// The window is what is left of the first one.
    WindowStuck,
    /// A RST carries text.
    ResetWithText,
    /// A SYN carries text that nobody sent.
    SynWithText,
    /// The user of a connection that was reset reads the end of the stream, and is told nothing.
    ResetAsEnd,
    /// A RST has no ACK, though it answers a segment without ACK.
    ResetBare,
    /// No RST is sent.
    ResetMissing,
    /// The user is not told of a reset.
    ResetUntold,
    /// The last byte that a RECEIVE returns is missing.
    TextLost,
    /// The user never reads the end of the stream.
    EndMissing,
    /// Every acknowledgment is sent twice.
    AckTwice,
    /// Text and FIN are sent four times at once.
    FourAtOnce,
    /// Text of odd length has a wrong checksum.
    ChecksumWrong,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 31] = [
        Mutation::FinUnanswered,
        Mutation::AckShort,
        Mutation::ResetElsewhere,
        Mutation::SynResets,
        Mutation::TimeWaitHalved,
        Mutation::DataAfterEnd,
        Mutation::FinOnce,
        Mutation::TextChanged,
        Mutation::ResetInWindow,
        Mutation::WindowTooLarge,
        Mutation::TimeWaitForEver,
        Mutation::TimeWaitSilent,
        Mutation::TimeWaitAckShort,
        Mutation::TimeWaitResets,
        Mutation::OrphanForEver,
        Mutation::FinForEver,
        Mutation::TextOnce,
        Mutation::RepeatsTwice,
        Mutation::NoBackOff,
        Mutation::WindowStuck,
        Mutation::ResetWithText,
        Mutation::SynWithText,
        Mutation::ResetAsEnd,
        Mutation::ResetBare,
        Mutation::ResetMissing,
        Mutation::ResetUntold,
        Mutation::TextLost,
        Mutation::EndMissing,
        Mutation::AckTwice,
        Mutation::FourAtOnce,
        Mutation::ChecksumWrong,
    ];

    /// The name on the command line: `fin-unanswered`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// The mistake of that name.
    pub fn named(name: &str) -> Option<Mutation> {
        Mutation::ALL.into_iter().find(|m| m.name() == name)
    }
}

/// Our engine with a mistake.
#[derive(Clone, Copy, Debug)]
pub struct Mutant(pub Mutation);

impl Stack for Mutant {
    fn name(&self) -> &'static str {
        Farewell.name()
    }

    fn terms(&self) -> Terms {
        Terms {
            // Who tells nothing can still lie.
            tells: self.0 != Mutation::ResetAsEnd,
            ..Farewell.terms()
        }
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        let time_wait = match self.0 {
            Mutation::TimeWaitHalved => Duration::from_secs(5),
            Mutation::TimeWaitForEver => Duration::from_secs(100_000),
            _ => Duration::from_micros(self.terms().time_wait),
        };
        let fin_wait_2 = match self.0 {
            Mutation::OrphanForEver => None,
            _ => self.terms().fin_wait_2.map(Duration::from_micros),
        };
        let inner = Farewell::with_times(time_wait, fin_wait_2);
        Ok(Box::new(Mutated {
            mutation: self.0,
            inner,
            fin_came: false,
            fin_sent: None,
            text_sent: None,
            repeats: None,
            edge: None,
            last_again: None,
            fin_again: None,
            ended: false,
            reset: false,
            reads: Vec::new(),
        }))
    }
}

struct Mutated {
    mutation: Mutation,
    inner: Live,
    /// The last segment that arrived had a FIN.
    fin_came: bool,
    /// The number of the FIN that was sent.
    fin_sent: Option<u32>,
    /// The number behind the text that was sent last.
    text_sent: Option<u32>,
    /// Where the segment ended that was sent last, and how often it was.
    repeats: Option<(u32, u32)>,
    /// The right edge of the first window.
    edge: Option<Seq>,
    /// The last text or FIN, and when it goes out again.
    last_again: Option<(Segment, Micros)>,
    /// The last FIN, and when it goes out again.
    fin_again: Option<(Segment, Micros)>,
    ended: bool,
    /// The connection was reset.
    reset: bool,
    /// What the user reads besides.
    reads: Vec<Output>,
}

impl Mutated {
    /// What becomes of a segment on its way out.
    fn out(&mut self, mut s: Segment) -> Vec<Segment> {
        let lingers = self.inner.observe().unwrap_or_default().state == TcpState::TimeWait;
        let pure_ack = s.flags == Flags::ACK && s.len == 0;
        let carries_ack = s.is(Flags::ACK) && !s.is(Flags::SYN) && !s.is(Flags::RST);
        let again = |sent: &mut Option<u32>, at: u32| sent.replace(at) == Some(at);
        match self.mutation {
            Mutation::FinUnanswered if self.fin_came && pure_ack => return Vec::new(),
            Mutation::AckShort if carries_ack => s.ack = s.ack - 1,
            Mutation::TimeWaitAckShort if carries_ack && lingers => s.ack = s.ack - 1,
            Mutation::TimeWaitSilent if lingers => return Vec::new(),
            Mutation::TimeWaitResets if lingers => s.flags = Flags::RST.with(Flags::ACK),
            Mutation::ResetElsewhere if s.is(Flags::RST) => s.seq = s.seq + 1,
            Mutation::ResetBare if s.is(Flags::RST) => {
                (s.flags, s.ack) = (Flags::RST, Seq::default());
            }
            Mutation::ResetMissing if s.is(Flags::RST) => return Vec::new(),
            Mutation::TextChanged if s.len > 0 => s.text[0] ^= 1,
            Mutation::WindowTooLarge if !s.is(Flags::SYN) && !s.is(Flags::RST) => s.wnd += 1,
            Mutation::FinOnce
                if s.is(Flags::FIN)
                    && again(&mut self.fin_sent, (s.seq + u32::from(s.len)).raw()) =>
            {
                return Vec::new();
            }
            Mutation::TextOnce
                if s.len > 0 && again(&mut self.text_sent, (s.seq + u32::from(s.len)).raw()) =>
            {
                return Vec::new();
            }
            Mutation::RepeatsTwice if s.seq_len() > 0 => {
                let end = (s.seq + s.seq_len()).raw();
                let before = self.repeats.filter(|r| r.0 == end).map_or(0, |r| r.1);
                self.repeats = Some((end, before + 1));
                if before > 2 {
                    return Vec::new();
                }
            }
            Mutation::WindowStuck if s.is(Flags::ACK) && !s.is(Flags::RST) => {
                let first = s.ack + u32::from(s.wnd);
                let edge = *self.edge.get_or_insert(first);
                s.wnd = if s.ack.before(edge) {
                    (edge - s.ack) as u8
                } else {
                    0
                };
            }
            Mutation::ResetWithText if s.is(Flags::RST) => (s.len, s.text[0]) = (1, b'z'),
            Mutation::SynWithText if s.is(Flags::SYN) => (s.len, s.text[0]) = (1, b'z'),
            Mutation::AckTwice if pure_ack => return vec![s, s],
            Mutation::FourAtOnce if s.seq_len() > 0 && !s.is(Flags::SYN) => return vec![s; 4],
            _ => {}
        }
        vec![s]
    }

    /// What becomes of a packet on its way out.
    fn packet(&mut self, at: Micros, bytes: Vec<u8>, out: &mut dyn FnMut(Micros, Output)) {
        let Ok(s) = packet::read(&bytes, SUBJECT, PEER) else {
            return out(at, Output::Packet(bytes));
        };
        if s.is(Flags::FIN) {
            self.fin_again = Some((s, at + SECOND));
        }
        if s.seq_len() > 0 && !s.is(Flags::SYN) {
            self.last_again = Some((s, at + SECOND / 2));
        }
        for s in self.out(s) {
            if let Ok(mut bytes) = packet::write(&s, SUBJECT, PEER) {
                if self.mutation == Mutation::ChecksumWrong && s.len % 2 == 1 {
                    bytes[CHECKSUM] ^= 1;
                }
                out(at, Output::Packet(bytes));
            }
        }
    }

    /// What is in flight goes out again.
    fn repeat_last(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        let o = self.inner.observe().unwrap_or_default();
        if let Some((s, at)) = &mut self.last_again
            && self.mutation == Mutation::NoBackOff
            && o.state.is_synchronized()
            && o.snd_una.before(s.seq + s.seq_len())
            && *at <= to
        {
            *at = to + SECOND / 2;
            s.ack = o.rcv_nxt;
            if let Ok(bytes) = packet::write(s, SUBJECT, PEER) {
                out(to, Output::Packet(bytes));
            }
        }
    }

    /// A FIN that was acknowledged goes out again.
    fn repeat_fin(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        let o = self.inner.observe().unwrap_or_default();
        if self.mutation != Mutation::FinForEver
            || !matches!(o.state, TcpState::FinWait2 | TcpState::TimeWait)
        {
            return;
        }
        if let Some((s, at)) = &mut self.fin_again
            && *at <= to
        {
            *at += SECOND;
            s.ack = o.rcv_nxt;
            if let Ok(bytes) = packet::write(s, SUBJECT, PEER) {
                out(to, Output::Packet(bytes));
            }
        }
    }
}

impl Subject for Mutated {
    fn input(&mut self, at: Micros, input: Input) -> Result<(), SubjectError> {
        if let Input::Packet(bytes, _) = &input
            && let Ok(s) = packet::read(bytes, PEER, SUBJECT)
        {
            self.fin_came = s.is(Flags::FIN);
            let o = self.inner.observe().unwrap_or_default();
            let inside = o.state.is_synchronized() && s.seq.within(o.rcv_nxt, o.rcv_wnd.into());
            let resets = match self.mutation {
                Mutation::SynResets => s.is(Flags::SYN) && !s.is(Flags::RST),
                Mutation::ResetInWindow => s.is(Flags::RST) && s.seq != o.rcv_nxt,
                _ => false,
            };
            if resets && inside {
                return match self.inner.input(at, Input::Call(Call::Abort, None)) {
                    Err(broken @ SubjectError::Broken(_)) => Err(broken),
                    _ => Ok(()),
                };
            }
        } else {
            self.fin_came = false;
        }
        if self.reset && matches!(input, Input::Call(Call::Receive(_), _)) {
            self.reads.push(Output::Read(Vec::new(), true));
        }
        let opens = matches!(
            input,
            Input::Call(Call::OpenActive { .. } | Call::OpenPassive { .. }, _)
        );
        self.reset &= !opens;
        self.inner.input(at, input)
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        let mut outputs = Vec::new();
        self.inner.advance(to, &mut |at, o| outputs.push((at, o)));
        for (at, output) in outputs {
            match (self.mutation, output) {
                (_, Output::Packet(bytes)) => self.packet(at, bytes, out),
                (Mutation::ResetUntold, Output::Told(Indication::Reset)) => {}
                (Mutation::ResetAsEnd, Output::Told(told)) => {
                    self.reset |= told == Indication::Reset;
                }
                (Mutation::EndMissing, Output::Read(text, true)) => {
                    out(at, Output::Read(text, false));
                }
                (Mutation::TextLost, Output::Read(mut text, end)) => {
                    text.pop();
                    out(at, Output::Read(text, end));
                }
                (Mutation::DataAfterEnd, Output::Read(_, true)) if !self.ended => {
                    self.ended = true;
                    out(at, Output::Read(b"x".to_vec(), false));
                }
                (_, other) => out(at, other),
            }
        }
        self.reads.drain(..).for_each(|read| out(to, read));
        self.repeat_fin(to, out);
        self.repeat_last(to, out);
    }
}
