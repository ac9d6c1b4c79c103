//! Replaying findings on stable Rust, without libFuzzer.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use farewell_pcapng::write_whole;

use crate::targets::{body, case, tape};

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    files: Vec<PathBuf>,
    pcapng: Option<PathBuf>,
}

/// Runs a target on each file named on the command line; with `--pcapng OUT`, on one, of which it writes a capture.
///
/// What fails panics, with a report; what cannot be read or written, and wrong arguments, are status 2.
pub fn main(target: &str) -> ExitCode {
    let done = asked(target, std::env::args_os().skip(1)).and_then(|asked| run(target, &asked));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{target}: {why}");
            ExitCode::from(2)
        }
    }
}

fn asked(target: &str, mut words: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let usage = || {
        format!(
            "write {target} FILE... or {target} FILE --pcapng OUT, which replay inputs; to fuzz: cargo +nightly fuzz run {target}"
        )
    };
    let mut asked = Asked::default();
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--pcapng") if asked.pcapng.is_none() => {
                asked.pcapng = Some(words.next().ok_or_else(usage)?.into());
            }
            Some(option) if option.starts_with("--") => return Err(usage()),
            _ => asked.files.push(word.into()),
        }
    }
    if asked.files.is_empty() || asked.pcapng.is_some() && asked.files.len() > 1 {
        return Err(usage());
    }
    Ok(asked)
}

fn run(target: &str, asked: &Asked) -> Result<(), String> {
    let body = body(target).ok_or("no such fuzz target")?;
    for file in &asked.files {
        let data = std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
        case::comes_from(Some(file));
        match &asked.pcapng {
            Some(to) => captured(target, body, &data, to)?,
            None => body(&data),
        }
        println!("{}: passed", file.display());
    }
    Ok(())
}

/// Runs it and writes the capture, also if it fails.
fn captured(target: &str, body: fn(&[u8]), data: &[u8], to: &Path) -> Result<(), String> {
    let hosts = tape::hosts(target).ok_or("nothing is sent here: there is nothing to capture")?;
    let run = || {
        let ended = catch_unwind(AssertUnwindSafe(|| body(data)));
        if let Err(panic) = &ended {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            tape::comment(|| format!("fails: {}", text.unwrap_or("a panic")));
        }
        ended
    };
    let (ended, bytes) = tape::record(hosts, run).map_err(|e| e.to_string())?;
    let written =
        write_whole(to, &bytes).map_err(|e| format!("cannot write {}: {e}", to.display()));
    match ended {
        Ok(()) => written,
        Err(panic) => {
            if let Err(why) = written {
                eprintln!("{target}: {why}");
            }
            resume_unwind(panic)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fails is captured all the same, with the reason; the report, which may play it again, is not part of it.
    #[test]
    fn a_failure_is_captured() {
        let to =
            std::env::temp_dir().join(format!("farewell-replay-{}.pcapng", std::process::id()));
        let fails = |data: &[u8]| {
            body("lockstep").unwrap()(data);
            case::comes_from(Some(Path::new("it")));
            let tell = || {
                tape::comment(|| "told again".into());
                String::new()
            };
            case::run("lockstep", data, tell, || panic!("planted"));
        };
        let (_, data) = crate::targets::corpus("lockstep").unwrap().remove(0);
        let ended = catch_unwind(|| captured("lockstep", fails, &data, &to));
        assert!(ended.is_err());
        let bytes = std::fs::read(&to).unwrap();
        std::fs::remove_file(&to).unwrap();
        let has = |words: &str| bytes.windows(words.len()).any(|w| w == words.as_bytes());
        assert!(has("fails: planted") && has("OpenPassive"), "{bytes:?}");
        assert!(!has("told again"));
    }
}
