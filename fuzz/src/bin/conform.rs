//! The command `conform`: the engine in the model's worlds (with the feature `worlds`), in lockstep with the specification,
//! and it and other stacks under the oracle.

use std::ffi::OsString;
use std::process::ExitCode;

use farewell_fuzz::oracle::replay::Replayed;
use farewell_fuzz::subjects::STACKS;
use farewell_fuzz::{oracle, scripts};

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    #[cfg(target_os = "linux")]
    if args
        .get(1)
        .is_some_and(|a| farewell_tun::namespace::outside(a).is_some())
    {
        args.remove(1);
    }
    let rest = args.get(2..).unwrap_or_default();
    match args.get(1).and_then(|a| a.to_str()) {
        Some("scripts") => scripts::run(rest),
        Some("run") => oracle::command::run(STACKS, rest),
        Some("replay") => match oracle::replay::replay(STACKS, rest) {
            Replayed::Ended(status) => status,
            Replayed::Models(text) => worlds(args, text),
        },
        _ => worlds(args, None),
    }
}

#[cfg(feature = "worlds")]
fn worlds(args: Vec<OsString>, replayed: Option<String>) -> ExitCode {
    farewell_fuzz::worlds::conform(args, replayed)
}

#[cfg(not(feature = "worlds"))]
fn worlds(_: Vec<OsString>, _: Option<String>) -> ExitCode {
    eprintln!(
        "conform: built without the feature `worlds`: only scripts, run and replay of a script (replay FILE) are here"
    );
    ExitCode::from(2)
}
