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

/// The program. None, and the test is skipped, if it is not found, may not be executed or may not lock its memory; what else is wrong
/// with it, or with the library that it loads, is a failure, and so is a `PACKETDRILL` that is no program.
fn packetdrill() -> Option<PathBuf> {
    let named = env::var_os("PACKETDRILL").filter(|p| !p.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = || {
        env::split_paths(&path)
            .map(|dir| dir.join("packetdrill"))
            .find(|p| p.is_file())
    };
    let Some(program) = named.clone().map(PathBuf::from).or_else(in_path) else {
        skip(
            "packetdrill",
            "packetdrill is not installed (README, packetdrill): set PACKETDRILL to the program, or PATH",
        );
        return None;
    };
    match run(&program, &scripts()[0]) {
        Ok(out) if !out.status.success() && cannot_lock(&String::from_utf8_lossy(&out.stderr)) => {
            skip(
                "packetdrill",
                "packetdrill may not lock its memory: run it as root, or raise the limit (ulimit -l unlimited)",
            );
            None
        }
        Ok(_) => Some(program),
        Err(e) if named.is_none() && e.kind() == io::ErrorKind::PermissionDenied => {
            skip("packetdrill", format_args!("{}: {e}", program.display()));
            None
        }
        Err(e) if named.is_some() => panic!("PACKETDRILL={}: {e}", program.display()),
        Err(e) => panic!("{}: {e}", program.display()),
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

/// A script fails if any packet that it expects is to have other flags, or the last to come at another time: none passes whatever
/// happens. Behind its last packet it expects one, so that none is unseen.
#[test]
fn no_script_passes_when_it_expects_something_else() {
    let Some(program) = packetdrill() else { return };
    let here = env::temp_dir().join(format!("farewell-packetdrill-{}", std::process::id()));
    fs::create_dir_all(&here).unwrap();
    let mut altered = Vec::new();
    for script in scripts() {
        let text = fs::read_to_string(&script).unwrap();
        let name = script.file_stem().unwrap().to_string_lossy().into_owned();
        let packets: Vec<_> = lines(&text).filter(|l| is_packet(l.1)).collect();
        let Some(&last) = packets.last() else {
            panic!("{name}: no packet")
        };
        assert!(
            last.1.contains(" > "),
            "{name} ends with a packet of the peer: whether it is answered is not seen"
        );
        let expected = packets.iter().filter(|l| l.1.contains(" > "));
        let mut others: Vec<_> = expected
            .enumerate()
            .map(|(n, line)| (format!("flags-{n}"), other_flags(&text, *line)))
            .collect();
        others.push(("time".into(), other_time(&text, last)));
        for (how, other) in others {
            let path = here.join(format!("{name}-{how}.pkt"));
            let other = other.unwrap_or_else(|| panic!("{name}: {how}"));
            fs::write(&path, other).unwrap();
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

/// Each line, and where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

/// One that is sent, or one that is expected.
fn is_packet(line: &str) -> bool {
    !line.starts_with("//") && (line.contains(" > ") || line.contains(" < "))
}

fn other_flags(text: &str, (at, line): (usize, &str)) -> Option<String> {
    let (before, packet) = line.split_once(" > ")?;
    let (flags, rest) = packet.split_once(' ')?;
    let other = if flags.contains('F') { "." } else { "F." };
    Some(format!(
        "{}{before} > {other} {rest}{}",
        &text[..at],
        &text[at + line.len()..]
    ))
}

fn other_time(text: &str, (at, line): (usize, &str)) -> Option<String> {
    let (time, packet) = line.split_once(" > ")?;
    let seconds: f64 = time.trim().trim_start_matches('+').parse().ok()?;
    let late = 1.0 + seconds * 2.0;
    Some(format!(
        "{}+{late} > {packet}{}",
        &text[..at],
        &text[at + line.len()..]
    ))
}

/// What is about no clause of an RFC: a script, and why.
const WITHOUT_CLAUSE: [(&str, &str); 1] = [(
    "fin-wait-2-orphan",
    "RFC 9293 waits in FIN_WAIT_2 for ever; the timer of orphans is ours",
)];

/// Each says in front which clause it is about.
#[test]
fn every_script_names_its_clause() {
    let scripts = scripts();
    assert!(scripts.len() >= 60, "{} scripts", scripts.len());
    for script in scripts {
        let text = fs::read_to_string(&script).unwrap();
        let name = script.file_stem().unwrap().to_string_lossy();
        let about: Vec<_> = text.lines().take_while(|l| l.starts_with("//")).collect();
        let names = names_a_clause(&about.join(" "));
        let excused = WITHOUT_CLAUSE.iter().find(|e| e.0 == name);
        assert_eq!(names, excused.is_none(), "{name}: {about:?}");
    }
}

/// Whether `RFC <number> <section>` stands in it, perhaps with the word "section" between them.
fn names_a_clause(text: &str) -> bool {
    let numeric = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    text.split("RFC ").skip(1).any(|behind| {
        let mut words = behind.split_whitespace();
        let number = words
            .next()
            .is_some_and(|w| w.parse().is_ok_and(|n: u16| n > 0));
        let section = words.find(|w| !["section", "sections"].contains(w));
        number && section.is_some_and(numeric)
    })
}
