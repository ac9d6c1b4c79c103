//! The command `farewell`: a function over registered worlds.
//!
//! [`run`] parses the command line and dispatches; [`registry`] holds the worlds, without their types. One file per
//! command or per concern of `check`. How things look is decided in [`crate::report`], what is true in the worlds.

mod ablate;
mod args;
mod bounds;
mod check;
mod counterexample;
mod demands;
mod explore;
mod frontier;
mod json;
mod listing;
mod liveness;
mod names;
mod output;
mod progress;
pub mod registry;
mod replay;
mod session;
mod summary;
mod team;
mod verdict;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use output::Out;
pub use registry::{
    Card, ComesTo, Facts, Finding, Planned, Progressed, Registry, Setup, Subject, Worlds,
};

/// How a command ends; the number is the exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Status {
    /// Verified, or all as declared.
    Fine = 0,
    /// Violated, or not as declared.
    Violated = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// A bound or the budget ended it before there was a verdict.
    Bound = 3,
}

impl Status {
    /// Both together: a violation comes before a bound.
    fn and(self, other: Status) -> Status {
        let weight = |s: Status| match s {
            Status::Fine => 0,
            Status::Bound => 1,
            Status::Violated => 2,
            Status::Usage => 3,
        };
        if weight(other) > weight(self) {
            other
        } else {
            self
        }
    }
}

/// Why a command came to nothing, in one line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
struct Failure {
    status: Status,
    text: String,
}

impl Failure {
    /// The user should have said something else.
    fn usage(text: String) -> Failure {
        Failure {
            status: Status::Usage,
            text,
        }
    }

    /// There is no verdict, and not because of anything the user said.
    fn no_verdict(text: String) -> Failure {
        Failure {
            status: Status::Bound,
            text,
        }
    }
}

/// Runs the command line `args` (the program's name first) over the worlds of `registry`. Writes to the standard
/// output and the standard error. The status is 0 for verified, 1 violated or not as declared, 2 usage, 3 out of
/// bounds or budget.
pub fn run(args: impl IntoIterator<Item = OsString>, registry: &Registry) -> ExitCode {
    run_on(args, registry, None)
}

/// The same, where the file that `replay` plays has been read already: a pipe can be read once.
pub fn run_on(
    args: impl IntoIterator<Item = OsString>,
    registry: &Registry,
    replayed: Option<String>,
) -> ExitCode {
    let mut out = Out::standard();
    let status = match parse(args) {
        Ok(command) => dispatch(command, registry, replayed, &mut out).unwrap_or_else(|failure| {
            output::complain(&failure.text);
            failure.status
        }),
        Err(e) => {
            // What clap prints goes where it belongs: help is no error. A closed pipe is none either.
            let _ = e.print();
            if e.use_stderr() {
                Status::Usage
            } else {
                Status::Fine
            }
        }
    };
    match out.finish() {
        Ok(()) => ExitCode::from(status as u8),
        Err(e) => {
            output::complain(&format!("cannot write the report: {e}"));
            ExitCode::from(Status::Usage as u8)
        }
    }
}

fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    match Cli::try_parse_from(args)?.command {
        Some(command) => Ok(command),
        None => Ok(Command::Check(args::Check::by_default()?)),
    }
}

fn dispatch(
    command: Command,
    registry: &Registry,
    replayed: Option<String>,
    out: &mut Out,
) -> Result<Status, Failure> {
    match command {
        Command::Check(a) if a.liveness => liveness::run(&a, registry, out),
        Command::Check(a) => check::run(&a, registry, out),
        Command::Scenarios(a) => Ok(listing::scenarios(a.format, registry, out)),
        Command::Rules(a) => Ok(listing::rules(a.format, out)),
        Command::Ablate(a) => ablate::run(&a, registry, out),
        Command::Frontier(a) => frontier::run(&a, out),
        Command::Show(a) => listing::show(&a, registry, out),
        Command::Replay(a) => replay::run(&a, registry, replayed, out),
        Command::Explore(a) => explore::run(&a, registry, out),
        Command::Requirements(a) => Ok(listing::requirements(a.format, out)),
        Command::Diagram(a) => Ok(listing::diagram(a.format, out)),
    }
}
