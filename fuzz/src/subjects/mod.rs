//! Stacks that the oracle judges from outside: each is a [`Stack`], which makes a fresh [`Subject`] for every script.
//!
//! To add one: a file here that implements the two traits, and its line in [`STACKS`]; or a program of another crate, that
//! hands its own to [`crate::oracle::command::conform`] (`fuzz/examples/other_stack.rs`). The subject's host is `192.0.2.1`, port
//! 80; its peer is `192.0.2.2`, port 4242; packets are IPv4 with checksums. A subject in real time sleeps in `advance`.

mod farewell;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod mutant;
mod smoltcp;
mod watched;

use std::ffi::OsString;
use std::process::ExitCode;

use farewell_model::endpoint::MAX_DATA;

use crate::subject::{Micros, Subject, SubjectError};

pub use farewell::Farewell;
#[cfg(target_os = "linux")]
pub use linux::Linux;
pub use mutant::{Mutant, Mutation};
pub use smoltcp::Smoltcp;
pub use watched::Watched;

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
    /// It offers a window of `buffer` whatever its user has not read. Scripts then read before more text arrives.
    pub steady_window: bool,
    /// It sends nothing into a window that its text does not fit into (RFC 9293 3.8.6.2.1): the peer's is closed or wide.
    pub whole_windows: bool,
    /// It is in real time: a timer may run out in the moment in which its answer is awaited.
    pub real_time: bool,
    /// How long its connections are watched after a script, in quarter seconds: forty seconds cost nothing in virtual time.
    pub watched: u32,
    /// And for how long at most while something has to be sent again: several times the longest bound of a repetition.
    pub watched_repeating: u32,
}

/// A stack in virtual time with smoltcp's sort of user: no indications, no CLOSE after which nobody reads.
impl Default for Terms {
    fn default() -> Terms {
        Terms {
            buffer: MAX_DATA as u8,
            time_wait: 240_000_000, // 2 MSL of RFC 9293
            fin_wait_2: None,
            tells: false,
            full_close: false,
            steady_window: false,
            whole_windows: false,
            real_time: false,
            watched: 160,
            watched_repeating: 1_920,
        }
    }
}

/// A kind of stack.
pub trait Stack: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What the oracle has to know.
    fn terms(&self) -> Terms;

    /// Its known divergences, as [`crate::oracle::expectations`] reads them: none.
    fn expectations(&self) -> &'static str {
        ""
    }

    /// How many scripts it bears at once. In virtual time one is best.
    fn at_once(&self) -> usize {
        1
    }

    /// A stack that needs a place of its own runs the whole program there, with these arguments, before anything else, and says
    /// how that ended.
    ///
    /// # Errors
    ///
    /// There is no such place here.
    fn elsewhere(&self, _args: &[OsString]) -> Result<Option<ExitCode>, SubjectError> {
        Ok(None)
    }

    /// A fresh host: CLOSED, at the moment 0. Nagle's algorithm is off, timestamps, SACK and window scaling are not used, nothing
    /// gives up.
    ///
    /// # Errors
    ///
    /// It cannot be had here.
    fn start(&self) -> Result<Box<dyn Subject>, SubjectError>;
}

/// Those that come with this crate.
pub const STACKS: &[&dyn Stack] = &[
    &Farewell,
    &Smoltcp,
    #[cfg(target_os = "linux")]
    &Linux,
];
