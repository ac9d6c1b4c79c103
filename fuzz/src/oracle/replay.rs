//! `conform replay`: one script of a stack again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::command::{
    Usage, elsewhere, ended, known, mutation, only, option, read, say, say_part, stack,
    write_capture,
};
use super::drive::{End, drive};
use super::finding::findings;
use super::ladder::ladder;
use super::script::Script;
use crate::subjects::{Farewell, Mutant, Stack};

const REPLAY: &str = "write conform replay FILE [--subject NAME] [--expect FILE] [--pcapng OUT]";

/// What the files of the model begin with, of any version.
const MODELS: &str = "farewell counterexample";

/// The script itself instead of a file: for the program in a place of its own, where a pipe has been read already.
const SCRIPT: &str = "--script";

/// What came of `conform replay`.
pub enum Replayed {
    /// It was a script, or nothing that can be read.
    Ended(ExitCode),
    /// It is for the model; with the text, if the file has been read.
    Models(Option<String>),
}

#[derive(Default)]
struct Asked {
    file: Option<PathBuf>,
    script: Option<String>,
    subject: Option<String>,
    expect: Option<PathBuf>,
    pcapng: Option<PathBuf>,
}

fn asked(args: &[OsString]) -> Result<Asked, Usage> {
    let mut a = Asked::default();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let (name, value) = option(word, &mut words)?;
        match (name.as_str(), value) {
            ("--subject", Some(v)) => a.subject = Some(v.to_string_lossy().into_owned()),
            ("--expect", Some(v)) => a.expect = Some(v.into()),
            ("--pcapng", Some(v)) => a.pcapng = Some(v.into()),
            (SCRIPT, Some(v)) => a.script = Some(v.to_string_lossy().into_owned()),
            (_, None) if a.file.is_none() => a.file = Some(word.into()),
            _ => return Err(Usage(format!("no option {name}: {REPLAY}"))),
        }
    }
    Ok(a)
}

/// `conform replay FILE`: status 0 if everything is explained, 1 if not, 2 if it cannot be run, 3 if it is undecided. The file
/// is read once, for it may be a pipe.
pub fn replay(stacks: &[&dyn Stack], args: &[OsString]) -> Replayed {
    // Options that only the model has.
    let of_the_model = |a: &OsString| a == "--absolute" || a == "--help" || a == "-h";
    if args.iter().any(of_the_model) {
        return Replayed::Models(None);
    }
    let text = asked(args).and_then(|mut a| {
        let text = match (&a.file, a.script.take()) {
            (None, Some(script)) => script,
            (Some(file), None) => read(file)?,
            _ => return Err(Usage(format!("FILE is missing: {REPLAY}"))),
        };
        Ok((a, text))
    });
    match text {
        Ok((_, text)) if text.starts_with(MODELS) => Replayed::Models(Some(text)),
        text => Replayed::Ended(ended(
            text.and_then(|(a, text)| replayed(stacks, &a, &text)),
        )),
    }
}

fn replayed(stacks: &[&dyn Stack], a: &Asked, text: &str) -> Result<ExitCode, Usage> {
    let file = a.file.as_deref().unwrap_or(Path::new("the script"));
    let script = Script::read(text).map_err(|why| Usage(format!("{}: {why}", file.display())))?;
    let of = |key: &str| {
        text.lines()
            .find_map(|l| l.trim().strip_prefix(key))
            .map(str::trim)
    };
    let missing = || Usage("the script names no subject: add --subject NAME".into());
    let mut subject = match a.subject.as_deref().or(of("subject ")) {
        Some(name) => stack(stacks, name)?,
        None => only(stacks).ok_or_else(missing)?,
    };
    let name = subject.name();
    let mutant = of("mutation ").map(mutation).transpose()?.map(Mutant);
    if let Some(m) = &mutant {
        if name != Farewell.name() {
            let why = "the script's mutation goes with subject farewell";
            return Err(Usage(format!("{why}, not with {name}: take that line out")));
        }
        subject = m;
    }
    let mut again: Vec<OsString> = ["replay", "--subject", name, SCRIPT]
        .map(OsString::from)
        .into();
    again.push(script.to_string().into());
    for (option, path) in [("--expect", &a.expect), ("--pcapng", &a.pcapng)] {
        again.extend(path.iter().flat_map(|p| [option.into(), p.into()]));
    }
    if let Some(status) = elsewhere(subject, &again) {
        return Ok(status);
    }
    let known = known(subject, a.expect.as_deref())?;
    let run = drive(subject, &script, &known).map_err(|why| Usage(format!("{name}: {why}")))?;
    if let Some(to) = &a.pcapng {
        write_capture(to, name, &run)?;
    }
    say_part!("{}", ladder(&run));
    let found = findings(&known, &script, &run);
    for f in &found {
        say!("{}: {}; {}\n  {}", f.id, f.class.label(), f.section, f.what);
    }
    Ok(match run.end {
        End::Conforms if found.is_empty() => {
            say!("conforms: the specification explains everything");
            ExitCode::SUCCESS
        }
        End::Undecided => {
            say!("undecided: too many states explain it");
            ExitCode::from(3)
        }
        _ => ExitCode::FAILURE,
    })
}
