//! Stacks that the oracle judges from outside: each is a [`Stack`], which makes a fresh [`Subject`] for every script.
//!
//! To add one: a file here that implements the two traits, and its line in [`named`]. The subject's host is `192.0.2.1`, port
//! 80; its peer is `192.0.2.2`, port 4242; packets are IPv4 with checksums. A subject in real time sleeps in `advance`.

mod farewell;
pub mod mutant;
mod smoltcp;

use crate::subject::{Micros, Subject, SubjectError};

pub use farewell::Farewell;
pub use mutant::{Mutant, Mutation};
pub use smoltcp::Smoltcp;

/// What the oracle has to know of a stack: lengths that it chose, and what its interface does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The receive and the send buffer, in bytes: at most the model's four.
    pub buffer: u8,
    /// TIME_WAIT.
    pub time_wait: Micros,
    /// The orphan's timeout in FIN_WAIT_2.
    pub fin_wait_2: Option<Micros>,
    /// It tells its user of resets and acknowledged closes by indications. If not, these are not compared.
    pub tells: bool,
    /// It has MAY-1's CLOSE, after which nobody reads. If not, scripts close by SHUTDOWN.
    pub full_close: bool,
}

/// A kind of stack.
pub trait Stack {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What the oracle has to know.
    fn terms(&self) -> Terms;

    /// A fresh host: CLOSED, at the moment 0. Nagle's algorithm is off, timestamps, SACK and window scaling are not used, nothing
    /// gives up.
    ///
    /// # Errors
    ///
    /// It cannot be had here.
    fn start(&self) -> Result<Box<dyn Subject>, SubjectError>;
}

/// The names of all.
pub const NAMES: [&str; 2] = ["farewell", "smoltcp"];

/// The stack of that name.
pub fn named(name: &str) -> Option<Box<dyn Stack>> {
    Some(match name {
        "farewell" => Box::new(Farewell),
        "smoltcp" => Box::new(Smoltcp),
        _ => return None,
    })
}
