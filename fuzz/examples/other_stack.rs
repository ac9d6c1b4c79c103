//! A stack of another crate under the oracle: a host that answers every segment with a RST, and whose user cannot open. That is
//! what `run` finds first: in CLOSED an OPEN is not to be refused (RFC 9293 3.10.1).
//!
//! `cargo run --release -p farewell-fuzz --no-default-features --example other_stack -- run --count 100`

use std::process::ExitCode;

use farewell_fuzz::oracle::command::conform;
use farewell_fuzz::oracle::packet::{PEER, SUBJECT, read, write};
use farewell_fuzz::subject::{Input, Micros, Output, Subject, SubjectError};
use farewell_fuzz::subjects::{Stack, Terms};
use farewell_model::endpoint::{CallError, Flags, Segment};
use farewell_model::seq::Seq;

struct Resets;

impl Stack for Resets {
    fn name(&self) -> &'static str {
        "resets"
    }

    fn terms(&self) -> Terms {
        Terms::default()
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        Ok(Box::new(Host(Vec::new())))
    }
}

/// What it has to say.
struct Host(Vec<Vec<u8>>);

impl Subject for Host {
    fn input(&mut self, _: Micros, input: Input) -> Result<(), SubjectError> {
        let Input::Packet(bytes, _) = input else {
            return Err(CallError::InsufficientResources.into());
        };
        // A stack has its own eyes; this one borrows the oracle's.
        let broken = |e: &dyn std::fmt::Display| SubjectError::Broken(e.to_string());
        let s = read(&bytes, PEER, SUBJECT).map_err(|e| broken(&e))?;
        let (seq, ack, flags) = if s.is(Flags::ACK) {
            (s.ack, Seq::default(), Flags::RST)
        } else {
            let both = Flags::RST.with(Flags::ACK);
            (Seq::default(), s.seq + s.seq_len(), both)
        };
        let rst = Segment {
            seq,
            ack,
            flags,
            ..Segment::default()
        };
        self.0
            .push(write(&rst, SUBJECT, PEER).map_err(|e| broken(&e))?);
        Ok(())
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        self.0.drain(..).for_each(|p| out(to, Output::Packet(p)));
    }
}

fn main() -> ExitCode {
    conform(&[&Resets])
}
