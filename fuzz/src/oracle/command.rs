//! `conform run`: a stack under the oracle. What [`super::replay`] needs as well is here, too.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::campaign::{AGAIN, Campaign};
use super::capture::capture;
use super::drive::Run;
use super::expectations::{self, Expectation};
use super::finding::Finding;
use super::freedom::FREEDOM;
use super::ladder::ladder;
use super::replay::{Replayed, replay};
use farewell_pcapng::write_whole;

use crate::subjects::{Farewell, Mutant, Mutation, Stack, Watched};

const RUN: &str = "`conform run --help` says what there is";
const USAGE: &str = "usage: conform run --subject NAME [--count N] [--seed N] [--mutation NAME] [--expect FILE] [--save FOLDER] [--as-found] [--wait-at-most MILLISECONDS] [--watch SECONDS]
       conform run --freedom     what is not compared, and why
       conform replay FILE [--subject NAME] [--expect FILE] [--pcapng OUT]";

/// The largest file that is read: far more than any script needs.
const LARGEST: u64 = 10_000_000;

/// The status where the same scripts mostly do not show again what was found.
const UNSTEADY: u8 = 5;

/// Seconds for which stacks can be watched.
const LONGEST_WATCH: u32 = 3_600;

/// The status where a stack cannot be had on this machine.
const CANNOT: u8 = 4;

/// What is said goes to the standard output, as long as anyone listens.
pub(super) fn print(words: std::fmt::Arguments<'_>) {
    let _ = std::io::stdout().lock().write_fmt(words);
}

macro_rules! say_part {
    ($($words:tt)*) => { $crate::oracle::command::print(format_args!($($words)*)) };
}

macro_rules! say {
    ($($words:tt)*) => {{
        $crate::oracle::command::print(format_args!($($words)*));
        $crate::oracle::command::print(format_args!("\n"));
    }};
}

pub(super) use {say, say_part};

/// Status 2: what was asked makes no sense.
pub(super) struct Usage(pub(super) String);

struct Asked<'a> {
    stack: &'a dyn Stack,
    mutation: Option<Mutation>,
    count: u64,
    seed: u64,
    expect: Option<PathBuf>,
    save: Option<PathBuf>,
    as_found: bool,
    most: u32,
    watch: Option<u32>,
}

fn names(stacks: &[&dyn Stack]) -> String {
    let names: Vec<&str> = stacks.iter().map(|s| s.name()).collect();
    names.join(", ")
}

/// The stack that needs no name, for there is no other.
pub(super) fn only<'a>(stacks: &[&'a dyn Stack]) -> Option<&'a dyn Stack> {
    match stacks {
        [only] => Some(*only),
        _ => None,
    }
}

pub(super) fn stack<'a>(stacks: &[&'a dyn Stack], name: &str) -> Result<&'a dyn Stack, Usage> {
    let found = stacks.iter().find(|s| s.name() == name);
    found
        .copied()
        .ok_or_else(|| Usage(format!("no subject {name}: there are {}", names(stacks))))
}

pub(super) fn mutation(name: &str) -> Result<Mutation, Usage> {
    Mutation::named(name).ok_or_else(|| {
        let names: Vec<String> = Mutation::ALL.iter().map(|m| m.name()).collect();
        Usage(format!(
            "no mutation {name}: there are {}",
            names.join(", ")
        ))
    })
}

/// An option and its value, attached or the next word; no value for what is no option.
pub(super) fn option<'a>(
    word: &OsString,
    words: &mut impl Iterator<Item = &'a OsString>,
) -> Result<(String, Option<OsString>), Usage> {
    let name = word.to_string_lossy().into_owned();
    if !name.starts_with("--") {
        return Ok((name, None));
    }
    if let Some((name, value)) = name.split_once('=') {
        return Ok((name.to_owned(), Some(value.into())));
    }
    let value = words
        .next()
        .ok_or_else(|| Usage(format!("{name} needs a value")))?;
    Ok((name, Some(value.clone())))
}

fn asked<'a>(stacks: &[&'a dyn Stack], args: &[OsString]) -> Result<Asked<'a>, Usage> {
    let mut subject = only(stacks);
    let mut a = Asked {
        stack: &Farewell,
        mutation: None,
        count: 1_000,
        seed: 1,
        expect: None,
        save: None,
        as_found: false,
        most: u32::MAX,
        watch: None,
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        if word == "--as-found" {
            a.as_found = true;
            continue;
        }
        let (name, given) = option(word, &mut words)?;
        let given = given.ok_or_else(|| Usage(format!("no option {name}: {RUN}")))?;
        let text = given.to_string_lossy();
        let number = || {
            text.parse()
                .map_err(|_| Usage(format!("{name}: {text} is not a number")))
        };
        match name.as_str() {
            "--subject" => subject = Some(stack(stacks, &text)?),
            "--mutation" => a.mutation = Some(mutation(&text)?),
            "--count" => match number()? {
                0 => return Err(Usage(format!("{name}: at least one script"))),
                n => a.count = n,
            },
            "--seed" => a.seed = number()?,
            "--wait-at-most" => {
                let wrong = |_| Usage(format!("{name}: {text} is no number of milliseconds"));
                a.most = text.parse().map_err(wrong)?;
                // Some scripts do not wait at all; but none waits less.
                a.most = a.most.max(1_000);
            }
            "--watch" => match text.parse() {
                Ok(seconds @ 1..=LONGEST_WATCH) => a.watch = Some(seconds),
                _ => {
                    let why = format!("{name}: {text} is not 1 to {LONGEST_WATCH} seconds");
                    return Err(Usage(why));
                }
            },
            "--expect" => a.expect = Some(given.into()),
            "--save" => a.save = Some(given.into()),
            _ => return Err(Usage(format!("no option {name}: {RUN}"))),
        }
    }
    a.stack =
        subject.ok_or_else(|| Usage(format!("--subject is missing: one of {}", names(stacks))))?;
    if a.mutation.is_some() && a.stack.name() != Farewell.name() {
        return Err(Usage("--mutation goes with --subject farewell".into()));
    }
    Ok(a)
}

pub(super) fn ended(done: Result<ExitCode, Usage>) -> ExitCode {
    done.unwrap_or_else(|Usage(why)| {
        eprintln!("conform: {why}");
        ExitCode::from(2)
    })
}

/// `conform` over the stacks of another crate: a program whose `main` is this has `run` and `replay`, with the statuses of both.
pub fn conform(stacks: &[&dyn Stack]) -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let rest = args.get(1..).unwrap_or_default();
    match args.first().and_then(|a| a.to_str()) {
        Some("run") => run(stacks, rest),
        Some("replay") => match replay(stacks, rest) {
            Replayed::Ended(status) => status,
            Replayed::Models(_) => {
                ended(Err(Usage("that is for the model's own `farewell`".into())))
            }
        },
        _ => ended(Err(Usage(
            "write run or replay: `run --help` says how".into(),
        ))),
    }
}

/// `conform run`: status 0 if every script conforms or its divergence is expected, 1 if not, 2 for wrong arguments, 3 if some
/// script was not decided, 4 where the stack cannot be had, 5 if all that is not expected is not seen again either.
pub fn run(stacks: &[&dyn Stack], args: &[OsString]) -> ExitCode {
    if args.iter().any(|a| a == "--help" || a == "-h") {
        say!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    if args == ["--freedom"] {
        FREEDOM
            .iter()
            .for_each(|(what, why)| say!("{what}\n    {why}"));
        return ExitCode::SUCCESS;
    }
    ended(asked(stacks, args).and_then(|a| campaign(&a, args)))
}

pub(super) fn read(file: &Path) -> Result<String, Usage> {
    let mut text = String::new();
    File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_string(&mut text))
        .map_err(|why| Usage(format!("cannot read {}: {why}", file.display())))?;
    if text.len() as u64 > LARGEST {
        let name = file.display();
        return Err(Usage(format!("{name} has more than {LARGEST} bytes")));
    }
    Ok(text)
}

/// The known divergences of a stack.
pub(super) fn known(stack: &dyn Stack, file: Option<&Path>) -> Result<Vec<Expectation>, Usage> {
    let text = match file {
        Some(file) => read(file)?,
        None => stack.expectations().to_owned(),
    };
    let whose = file.map_or_else(
        || format!("expectations of {}", stack.name()),
        |file| file.display().to_string(),
    );
    expectations::read(&text).map_err(|why| Usage(format!("{whose}: {why}")))
}

/// Status 4, where the stack cannot be had on this machine; or that of the program that has run in a place of its own, with
/// these arguments.
pub(super) fn elsewhere(stack: &dyn Stack, args: &[OsString]) -> Option<ExitCode> {
    stack.elsewhere(args).unwrap_or_else(|why| {
        eprintln!("conform: {}: {why}", stack.name());
        Some(ExitCode::from(CANNOT))
    })
}

fn campaign(a: &Asked, args: &[OsString]) -> Result<ExitCode, Usage> {
    let mutant = a.mutation.map(Mutant);
    let stack: &dyn Stack = mutant.as_ref().map_or(a.stack, |m| m);
    let watched = a.watch.map(|seconds| Watched { stack, seconds });
    let stack: &dyn Stack = watched.as_ref().map_or(stack, |w| w);
    let again: Vec<OsString> = ["run".into()].into_iter().chain(args.to_vec()).collect();
    if let Some(status) = elsewhere(stack, &again) {
        return Ok(status);
    }
    let known = known(stack, a.expect.as_deref())?;
    if let Some(folder) = &a.save {
        std::fs::create_dir_all(folder)
            .map_err(|why| Usage(format!("{}: {why}", folder.display())))?;
    }
    let cannot = |why: crate::subject::SubjectError| Usage(format!("{}: {why}", stack.name()));
    let mut all = Campaign::run_brief(stack, &known, a.seed, a.count, a.most).map_err(cannot)?;
    say!("{}, seed {}", stack.name(), a.seed);
    say_part!("{all}");
    all.again(stack, &known).map_err(cannot)?;
    if !a.as_found {
        all.minimise(stack, &known).map_err(cannot)?;
    }
    for found in all.findings.values() {
        let f = &found.finding;
        say!(
            "\n{} ({} scripts): {}; {}\n  {}",
            f.id,
            found.times,
            f.class.label(),
            f.section,
            f.what
        );
        if let Some(n) = found.again {
            say!(
                "  NOT EXPECTED, and seen {n} of {AGAIN} times when the same script was done again"
            );
        }
        if !f.expected || !a.as_found {
            say_part!("{}", ladder(&found.run));
        }
        if let Some(folder) = &a.save {
            let file = folder.join(format!("{}.txt", f.id.replace('/', "_")));
            write(&file, saved(stack, a.mutation, f).as_bytes())?;
            write_capture(&file.with_extension("pcapng"), stack.name(), &found.run)?;
            say!("  again: conform replay {}", file.display());
        }
    }
    let (status, unexpected, unsteady) = verdict(&all);
    say!(
        "\n{} divergences, {unexpected} of them not expected, {unsteady} more not expected and not seen again",
        all.findings.len()
    );
    Ok(ExitCode::from(status))
}

/// The status, how many are not expected, and of how many others that is not certain.
fn verdict(all: &Campaign) -> (u8, usize, usize) {
    let unexpected = || all.findings.values().filter(|f| !f.finding.expected);
    let unsteady = unexpected().filter(|f| f.is_unsteady()).count();
    let steady = unexpected().count() - unsteady;
    let status = match (steady, unsteady, all.undecided) {
        (1.., _, _) => 1,
        (_, 1.., _) => UNSTEADY,
        (_, _, 1..) => 3,
        _ => 0,
    };
    (status, steady, unsteady)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Usage> {
    write_whole(file, bytes).map_err(|why| Usage(format!("cannot write {}: {why}", file.display())))
}

pub(super) fn write_capture(file: &Path, subject: &str, run: &Run) -> Result<(), Usage> {
    let bytes = capture(subject, run).map_err(|why| Usage(why.to_string()))?;
    write(file, &bytes)
}

fn saved(stack: &dyn Stack, mutation: Option<Mutation>, f: &Finding) -> String {
    let mutation = mutation.map_or_else(String::new, |m| format!("mutation {}\n", m.name()));
    format!(
        "# {}: {}; {}\n# {}\nsubject {}\n{mutation}{}",
        f.id,
        f.class.label(),
        f.section,
        f.what,
        stack.name(),
        f.script
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::oracle::script::Script;
    use crate::subject::{Subject, SubjectError};
    use crate::subjects::Terms;

    /// Our engine, which does not answer a FIN the first `bad` times that it is started.
    struct Moody {
        bad: usize,
        started: AtomicUsize,
    }

    impl Stack for Moody {
        fn name(&self) -> &'static str {
            "moody"
        }

        fn terms(&self) -> Terms {
            Farewell.terms()
        }

        fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
            match self.started.fetch_add(1, Ordering::Relaxed) {
                n if n < self.bad => Mutant(Mutation::FinUnanswered).start(),
                _ => Farewell.start(),
            }
        }
    }

    #[test]
    fn what_is_not_seen_again_is_shown_and_has_a_status_of_its_own() {
        let text = "open active\nsegment SYN,ACK seq=initial+0\nsegment FIN,ACK\n";
        let script = Script::read(text).unwrap();
        // The script is done once, and five times more.
        for (bad, again, status) in [(1, 0, UNSTEADY), (3, 2, UNSTEADY), (4, 3, 1), (9, 5, 1)] {
            let started = AtomicUsize::new(0);
            let moody = Moody { bad, started };
            let mut all = Campaign::default();
            all.add(&moody, &[], &script).unwrap();
            all.again(&moody, &[]).unwrap();
            all.minimise(&moody, &[]).unwrap();
            let found = all.findings.values().next().unwrap();
            assert_eq!(found.again, Some(again), "{bad}");
            assert!(ladder(&found.run).contains("NO STATE EXPLAINS THIS"));
            assert_eq!(verdict(&all).0, status, "{bad}");
        }
        assert_eq!(verdict(&Campaign::default()).0, 0);
    }
}
