//! A stack with a mistake: what our engine says is changed on its way out, or what it hears on its way in. The oracle must
//! catch every one of them.

use core::time::Duration;

use farewell_model::endpoint::{Call, Flags, Segment};

use super::{Farewell, Stack, Terms};
use crate::engine::{Live, from_wire, packet_from_subject};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};

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
}

impl Mutation {
    /// All of them.
    pub const ALL: [Mutation; 11] = [
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
        Farewell.terms()
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        let time_wait = match self.0 {
            Mutation::TimeWaitHalved => Duration::from_secs(5),
            Mutation::TimeWaitForEver => Duration::from_secs(100_000),
            _ => Duration::from_micros(self.terms().time_wait),
        };
        let inner = Farewell::with_time_wait(time_wait);
        Ok(Box::new(Mutated {
            mutation: self.0,
            inner,
            fin_came: false,
            fin_sent: None,
            ended: false,
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
    ended: bool,
}

impl Mutated {
    /// What becomes of a segment on its way out.
    fn out(&mut self, mut s: Segment) -> Option<Segment> {
        match self.mutation {
            Mutation::FinUnanswered if self.fin_came && s.flags == Flags::ACK && s.len == 0 => {
                return None;
            }
            Mutation::AckShort if s.is(Flags::ACK) && !s.is(Flags::SYN) && !s.is(Flags::RST) => {
                s.ack = s.ack - 1
            }
            Mutation::ResetElsewhere if s.is(Flags::RST) => s.seq = s.seq + 1,
            Mutation::TextChanged if s.len > 0 => s.text[0] ^= 1,
            Mutation::WindowTooLarge if !s.is(Flags::SYN) && !s.is(Flags::RST) => s.wnd += 1,
            Mutation::FinOnce if s.is(Flags::FIN) => {
                let at = (s.seq + u32::from(s.len)).raw();
                if self.fin_sent.replace(at) == Some(at) {
                    return None;
                }
            }
            _ => {}
        }
        Some(s)
    }
}

fn segment(bytes: &[u8]) -> Option<Segment> {
    let p = farewell::wire::Packet::parse(bytes).ok()?;
    from_wire(&p.segment.header, p.segment.payload)
}

impl Subject for Mutated {
    fn input(&mut self, at: Micros, input: Input) -> Result<(), SubjectError> {
        if let Input::Packet(bytes, _) = &input
            && let Some(s) = segment(bytes)
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
        self.inner.input(at, input)
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        let mut outputs = Vec::new();
        self.inner.advance(to, &mut |at, o| outputs.push((at, o)));
        for (at, output) in outputs {
            match output {
                Output::Packet(bytes) => match segment(&bytes) {
                    Some(s) => {
                        if let Some(s) = self.out(s) {
                            out(at, Output::Packet(packet_from_subject(&s)));
                        }
                    }
                    None => out(at, Output::Packet(bytes)),
                },
                Output::Read(_, true) if self.mutation == Mutation::DataAfterEnd && !self.ended => {
                    self.ended = true;
                    out(at, Output::Read(b"x".to_vec(), false));
                }
                other => out(at, other),
            }
        }
    }
}
