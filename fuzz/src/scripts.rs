//! `conform scripts`: many random scripts in lockstep from one seed, and where they got.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::targets::lockstep::{Histogram, Script, play};
use crate::targets::random;

const USAGE: &str = "usage: conform scripts [--count N] [--seed N]";

/// Plays `count` scripts; the first difference ends it.
///
/// # Errors
///
/// The difference, with the script, what happened, and how many scripts it took.
pub fn play_many(seed: u64, count: u64) -> Result<Histogram, String> {
    let mut histogram = Histogram::default();
    let scripts = random(seed).filter_map(|data| Script::read(&data));
    for script in scripts.take(count as usize) {
        let came = play(&script, false);
        if let Some(difference) = &came.differs {
            let ladder = play(&script, true).ladder.join("\n");
            let n = histogram.scripts + 1;
            return Err(format!(
                "script {n} of seed {seed} differs\n{ladder}\n\n{difference}"
            ));
        }
        histogram.add(&came);
    }
    Ok(histogram)
}

/// The command: arguments after `scripts`.
pub fn run(args: &[OsString]) -> ExitCode {
    let (mut count, mut seed) = (10_000, 1);
    let mut words = args.iter().map(|a| a.to_string_lossy());
    while let Some(word) = words.next() {
        let value = words.next().and_then(|v| v.parse().ok());
        match (word.as_ref(), value) {
            ("--count", Some(n)) => count = n,
            ("--seed", Some(n)) => seed = n,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    match play_many(seed, count) {
        Ok(histogram) => {
            print!("{histogram}");
            println!("no difference");
            ExitCode::SUCCESS
        }
        Err(difference) => {
            println!("{difference}");
            ExitCode::FAILURE
        }
    }
}
