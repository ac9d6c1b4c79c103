//! The scripts of `scripts/`, run by packetdrill against the engine, where packetdrill is: the program that `PACKETDRILL` names, or
//! the one in `PATH`. Elsewhere they are skipped, which `FAREWELL_REQUIRE` makes a failure.

#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod common {
    mod library;
    pub(crate) use library::library;
}

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use farewell_testing::skip;

/// A script takes a tenth of a second, which packetdrill waits for the system's clock.
const PATIENCE: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 4;

/// The program, if it is there and runs.
fn packetdrill() -> Option<PathBuf> {
    let named = env::var_os("PACKETDRILL")
        .filter(|p| !p.is_empty())
        .map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = || {
        env::split_paths(&path)
            .map(|dir| dir.join("packetdrill"))
            .find(|p| p.is_file())
    };
    let Some(program) = named.or_else(in_path) else {
        skip(
            "packetdrill",
            "packetdrill is not installed (README, packetdrill): set PACKETDRILL to the program, or PATH",
        );
        return None;
    };
    let script = scripts().remove(0);
    match run(&program, &script) {
        Ok(out) if cannot_lock(&String::from_utf8_lossy(&out.stderr)) => {
            skip(
                "packetdrill",
                "packetdrill may not lock its memory: run it as root, or raise the limit (ulimit -l unlimited)",
            );
            None
        }
        Ok(_) => Some(program),
        Err(e) => {
            skip("packetdrill", format_args!("{}: {e}", program.display()));
            None
        }
    }
}

/// It locks all memory, that of its threads too.
fn cannot_lock(said: &str) -> bool {
    said.contains("lockall") || said.contains("pthread_create")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

fn scripts() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path());
    let mut scripts: Vec<_> = entries
        .filter(|p| p.extension().is_some_and(|e| e == "pkt"))
        .collect();
    scripts.sort();
    scripts
}

fn run(program: &Path, script: &Path) -> io::Result<Output> {
    let mut child = Command::new(program)
        .arg(format!("--so_filename={}", common::library().display()))
        .arg(script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            let out = child.wait_with_output()?;
            return Err(io::Error::other(format!("it hangs: {out:?}")));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output()
}

/// Does something with each, several at once.
fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}

#[test]
fn the_engine_passes_every_script() {
    let Some(program) = packetdrill() else { return };
    let scripts = scripts();
    each(&scripts, |script| {
        let out = run(&program, script).unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{}: {said}", script.display());
        assert_eq!(said, "", "{}", script.display());
    });
    println!("{} scripts", scripts.len());
}

/// A script whose last expectation of a packet says other flags, or another time, fails: none passes whatever happens.
#[test]
fn no_script_passes_when_it_expects_something_else() {
    let Some(program) = packetdrill() else { return };
    let here = env::temp_dir().join(format!("farewell-packetdrill-{}", std::process::id()));
    fs::create_dir_all(&here).unwrap();
    let mut altered = Vec::new();
    for script in scripts() {
        let text = fs::read_to_string(&script).unwrap();
        let name = script.file_stem().unwrap().to_string_lossy().into_owned();
        for (how, other) in [("flags", other_flags(&text)), ("time", other_time(&text))] {
            let path = here.join(format!("{name}-{how}.pkt"));
            fs::write(
                &path,
                other.unwrap_or_else(|| panic!("{name} expects no packet")),
            )
            .unwrap();
            altered.push(path);
        }
    }
    each(&altered, |script| {
        let out = run(&program, script).unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{} passes", script.display());
        let why = [
            "live packet field",
            "timing error",
            "live packet payload",
            "bad outbound TCP options",
            "packet of 0 bytes",
        ];
        assert!(
            why.iter().any(|w| said.contains(w)),
            "{}: {said}",
            script.display()
        );
    });
    println!("{} altered scripts", altered.len());
    fs::remove_dir_all(here).unwrap();
}

/// The text, and where the last packet that it expects begins.
fn last_expected(text: &str) -> Option<(usize, &str)> {
    let mut at = 0;
    let mut last = None;
    for line in text.split_inclusive('\n') {
        if !line.starts_with("//") && line.contains(" > ") {
            last = Some((at, line));
        }
        at += line.len();
    }
    last
}

fn other_flags(text: &str) -> Option<String> {
    let (at, line) = last_expected(text)?;
    let (before, packet) = line.split_once(" > ")?;
    let (flags, rest) = packet.split_once(' ')?;
    let other = if flags.contains('F') { "." } else { "F." };
    Some(format!(
        "{}{before} > {other} {rest}{}",
        &text[..at],
        &text[at + line.len()..]
    ))
}

fn other_time(text: &str) -> Option<String> {
    let (at, line) = last_expected(text)?;
    let (time, packet) = line.split_once(" > ")?;
    let seconds: f64 = time.trim().trim_start_matches('+').parse().ok()?;
    let late = 1.0 + seconds * 2.0;
    Some(format!(
        "{}+{late} > {packet}{}",
        &text[..at],
        &text[at + line.len()..]
    ))
}

/// Each says in front which clause it is about.
#[test]
fn every_script_names_its_clause() {
    let scripts = scripts();
    assert!(scripts.len() >= 60, "{} scripts", scripts.len());
    for script in scripts {
        let text = fs::read_to_string(&script).unwrap();
        let about: String = text.lines().take_while(|l| l.starts_with("//")).collect();
        assert!(about.contains("RFC "), "{}: {about}", script.display());
    }
}
