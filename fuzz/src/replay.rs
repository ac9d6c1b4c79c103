//! Replaying findings on stable Rust, without libFuzzer.

use std::path::Path;
use std::process::ExitCode;

use crate::targets::{body, case};

/// Runs a target on each file named on the command line.
///
/// What fails panics, with a report; a file that cannot be read is status 2.
pub fn main(target: &str) -> ExitCode {
    let Some(run) = body(target) else {
        eprintln!("{target}: no such fuzz target");
        return ExitCode::from(2);
    };
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        eprintln!(
            "usage: {target} FILE...   replays inputs; to fuzz: cargo +nightly fuzz run {target}"
        );
        return ExitCode::from(2);
    }
    for file in &files {
        let file = Path::new(file);
        let data = match std::fs::read(file) {
            Ok(data) => data,
            Err(why) => {
                eprintln!("{target}: {}: {why}", file.display());
                return ExitCode::from(2);
            }
        };
        case::comes_from(Some(file));
        run(&data);
        println!("{}: passed", file.display());
    }
    ExitCode::SUCCESS
}
