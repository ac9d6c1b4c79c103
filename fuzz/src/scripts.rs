//! `conform scripts`: many random scripts in lockstep from one seed, and where they got.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use farewell_pcapng::{CaptureError, write_whole};

use crate::targets::lockstep::{Histogram, Script, play};
use crate::targets::{random, tape};

const USAGE: &str =
    "usage: conform scripts [--count N] [--seed N] [--pcapng OUT], of the script that differs";

/// A difference: what happened, and the script that shows it.
#[derive(Debug, thiserror::Error)]
#[error("{report}")]
pub struct Differs {
    report: String,
    script: Script,
}

impl Differs {
    /// The bytes of a capture of the script.
    fn capture(&self) -> Result<Vec<u8>, CaptureError> {
        let play = || {
            if let Some(difference) = play(&self.script, false).differs {
                tape::comment(|| format!("specification and engine differ: {difference}"));
            }
        };
        Ok(tape::record(tape::LOCKSTEP, play)?.1)
    }
}

/// Plays `count` scripts; the first difference ends it.
///
/// # Errors
///
/// The difference, with the script, what happened, and how many scripts it took.
pub fn play_many(seed: u64, count: u64) -> Result<Histogram, Box<Differs>> {
    let mut histogram = Histogram::default();
    let scripts = random(seed).filter_map(|data| Script::read(&data));
    for script in scripts.take(count as usize) {
        let came = play(&script, false);
        if let Some(difference) = &came.differs {
            let ladder = play(&script, true).ladder.join("\n");
            let n = histogram.scripts + 1;
            let report = format!("script {n} of seed {seed} differs\n{ladder}\n\n{difference}");
            return Err(Box::new(Differs { report, script }));
        }
        histogram.add(&came);
    }
    Ok(histogram)
}

/// The command: arguments after `scripts`.
pub fn run(args: &[OsString]) -> ExitCode {
    let (mut count, mut seed, mut pcapng) = (10_000, 1, None);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let value = words.next();
        let number = value.and_then(|v| v.to_str()?.parse().ok());
        match (word.to_str(), number) {
            (Some("--count"), Some(n)) => count = n,
            (Some("--seed"), Some(n)) => seed = n,
            (Some("--pcapng"), _) if value.is_some() => pcapng = value.map(Path::new),
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
            let Some(to) = pcapng else {
                return ExitCode::FAILURE;
            };
            let bytes = difference.capture().map_err(|e| e.to_string());
            let written = bytes.and_then(|b| write_whole(to, &b).map_err(|e| e.to_string()));
            if let Err(why) = written {
                eprintln!("conform: cannot write {}: {why}", to.display());
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farewell_testing::tshark;

    /// Any script will do: without a difference it is only longer.
    #[test]
    fn a_script_is_a_capture_that_tshark_reads() {
        if !tshark::is_there() {
            return;
        }
        let mut scripts = random(1).filter_map(|data| Script::read(&data));
        let script = scripts.find(|s| !play(s, true).ladder.is_empty());
        let script = script.expect("most scripts do something");
        let arrived = play(&script, true).ladder.join("\n").matches("──▶").count();
        let report = String::new();
        let bytes = Differs { report, script }.capture().unwrap();
        let to =
            std::env::temp_dir().join(format!("farewell-script-{}.pcapng", std::process::id()));
        write_whole(&to, &bytes).unwrap();
        let views = tshark::read(&to, &["frame.interface_name", "tcp.srcport"]);
        std::fs::remove_file(&to).unwrap();
        let at = |host: &str, port: &str| views.iter().filter(|v| **v == [host, port]).count();
        assert!(arrived > 0 && at("farewell", "80") > 0, "{views:?}");
        assert_eq!(at("farewell", "4242"), arrived);
        for port in ["80", "4242"] {
            assert_eq!(at("farewell", port), at("peer", port));
        }
    }
}
