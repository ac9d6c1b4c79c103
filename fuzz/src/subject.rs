//! The adapter through which the model drives a stack that it cannot look into: no copy of it, no hash, only what goes in
//! and what comes out.

use farewell_model::endpoint::{Call, CallError, Indication, Observed};

/// Microseconds since the beginning.
pub type Micros = u64;

/// What goes into a stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A user call. Should an incarnation begin, this is its ISN.
    Call(Call, Option<u32>),
    /// A packet arrives: IP and TCP, with checksums. Should an incarnation begin, this is its ISN.
    Packet(Vec<u8>, Option<u32>),
}

/// What comes out of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A packet.
    Packet(Vec<u8>),
    /// The user is told something.
    Told(Indication),
    /// A RECEIVE returned bytes, or none and the end of the stream.
    Read(Vec<u8>, bool),
}

/// Why a stack could not take an input.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubjectError {
    /// It replied to the call with an error.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The packet is none, or the stack has left what the model can say.
    #[error("{0}")]
    Broken(String),
}

/// A stack.
pub trait Subject {
    /// Something happens to it; what follows comes out with [`Self::advance`].
    ///
    /// # Errors
    ///
    /// The reply to a call that failed, or that it is broken.
    fn input(&mut self, at: Micros, input: Input) -> Result<(), SubjectError>;

    /// Time goes on; what comes out until then is handed over with the moment.
    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output));

    /// What time it is there, for a stack in real time: an input takes a moment. In virtual time no input does.
    fn now(&self) -> Micros {
        0
    }

    /// Its state and variables, if it shows them.
    fn observe(&self) -> Option<Observed> {
        None
    }
}
