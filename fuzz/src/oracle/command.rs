//! `conform run`: a stack under the oracle; `conform replay`: one script of it again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::campaign::Campaign;
use super::drive::{End, drive};
use super::expectations;
use super::finding::{Finding, finding, ladder};
use super::freedom::FREEDOM;
use super::script::Script;
use crate::subjects::{Mutant, Mutation, NAMES, Stack, named};

const USAGE: &str = "usage: conform run --subject NAME [--count N] [--seed N] [--mutation NAME] [--expect FILE] [--save FOLDER]
       conform run --freedom     what is not compared, and why
       conform replay FILE [--subject NAME]";

/// Status 2: what was asked makes no sense.
struct Usage(String);

struct Asked {
    stack: Box<dyn Stack>,
    mutation: Option<Mutation>,
    count: u64,
    seed: u64,
    expect: Option<PathBuf>,
    save: Option<PathBuf>,
}

fn stack(name: &str) -> Result<Box<dyn Stack>, Usage> {
    named(name).ok_or_else(|| Usage(format!("no subject {name}: there are {}", NAMES.join(", "))))
}

fn mutation(name: &str) -> Result<Mutation, Usage> {
    Mutation::named(name).ok_or_else(|| {
        let names: Vec<String> = Mutation::ALL.iter().map(|m| m.name()).collect();
        Usage(format!(
            "no mutation {name}: there are {}",
            names.join(", ")
        ))
    })
}

fn asked(args: &[OsString]) -> Result<Asked, Usage> {
    let mut subject = None;
    let mut a = Asked {
        stack: Box::new(crate::subjects::Farewell),
        mutation: None,
        count: 1_000,
        seed: 1,
        expect: None,
        save: None,
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(OsString::from(value))),
            None => (word.into_owned(), None),
        };
        let given = match attached {
            Some(v) => v,
            None => words
                .next()
                .cloned()
                .ok_or_else(|| Usage(format!("{name} needs a value\n{USAGE}")))?,
        };
        let text = given.to_string_lossy();
        let number = || {
            text.parse()
                .map_err(|_| Usage(format!("{name}: {text} is not a number")))
        };
        match name.as_str() {
            "--subject" => subject = Some(stack(&text)?),
            "--mutation" => a.mutation = Some(mutation(&text)?),
            "--count" => a.count = number()?,
            "--seed" => a.seed = number()?,
            "--expect" => a.expect = Some(given.into()),
            "--save" => a.save = Some(given.into()),
            _ => return Err(Usage(format!("no option {name}\n{USAGE}"))),
        }
    }
    a.stack = subject.ok_or_else(|| {
        Usage(format!(
            "--subject is missing: {}\n{USAGE}",
            NAMES.join(", ")
        ))
    })?;
    if let Some(m) = a.mutation {
        if a.stack.name() != "farewell" {
            return Err(Usage("--mutation goes with --subject farewell".into()));
        }
        a.stack = Box::new(Mutant(m));
    }
    Ok(a)
}

fn ended(done: Result<ExitCode, Usage>) -> ExitCode {
    done.unwrap_or_else(|Usage(why)| {
        eprintln!("conform: {why}");
        ExitCode::from(2)
    })
}

/// `conform run`: status 0 if every script conforms or its divergence is expected, 1 if not, 2 for wrong arguments, 3 if some
/// script was not decided.
pub fn run(args: &[OsString]) -> ExitCode {
    if args == ["--freedom"] {
        FREEDOM
            .iter()
            .for_each(|(what, why)| println!("{what}\n    {why}"));
        return ExitCode::SUCCESS;
    }
    ended(asked(args).and_then(|a| campaign(&a)))
}

fn read(file: &Path) -> Result<String, Usage> {
    std::fs::read_to_string(file).map_err(|why| Usage(format!("{}: {why}", file.display())))
}

fn campaign(a: &Asked) -> Result<ExitCode, Usage> {
    let stack = a.stack.as_ref();
    let text = match &a.expect {
        Some(file) => read(file)?,
        None => expectations::of(stack.name()).to_owned(),
    };
    let known = expectations::read(&text)
        .map_err(|why| Usage(format!("expectations of {}: {why}", stack.name())))?;
    if let Some(folder) = &a.save {
        std::fs::create_dir_all(folder)
            .map_err(|why| Usage(format!("{}: {why}", folder.display())))?;
    }
    let cannot = |why: crate::subject::SubjectError| Usage(format!("{}: {why}", stack.name()));
    let mut all = Campaign::run(stack, a.seed, a.count).map_err(cannot)?;
    all.minimise(stack).map_err(cannot)?;
    println!("{}, seed {}", stack.name(), a.seed);
    print!("{all}");
    let mut unexpected = 0;
    for (count, f) in all.findings.values() {
        let reason = known.iter().find(|k| k.is_about(&f.id));
        println!(
            "\n{} ({count} scripts): {}; {}\n  {}",
            f.id,
            f.class.label(),
            f.section,
            f.what
        );
        match reason {
            Some(k) => println!("  expected, {}: {}", k.section, k.reason),
            None => {
                unexpected += 1;
                println!("  NOT EXPECTED");
            }
        }
        let run = drive(stack, &f.script).map_err(cannot)?;
        if reason.is_none() {
            print!("{}", ladder(&run));
        }
        if let Some(folder) = &a.save {
            let file = folder.join(format!("{}.txt", f.id.replace('/', "_")));
            std::fs::write(&file, saved(stack, a.mutation, f))
                .map_err(|why| Usage(format!("{}: {why}", file.display())))?;
            println!("  again: conform replay {}", file.display());
        }
    }
    println!(
        "\n{} divergences, {unexpected} of them not expected",
        all.findings.len()
    );
    Ok(if unexpected > 0 {
        ExitCode::FAILURE
    } else if all.undecided > 0 {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    })
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

/// Whether the file is one of ours, so that `conform replay` need not ask the model.
pub fn is_script(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .any(|l| l.starts_with("subject ") || l.starts_with("peer-isn "))
}

/// `conform replay FILE`: status 0 if everything is explained, 1 if not, 2 if it cannot be run, 3 if it is undecided.
pub fn replay(args: &[OsString]) -> ExitCode {
    ended(replayed(args))
}

fn replayed(args: &[OsString]) -> Result<ExitCode, Usage> {
    let (file, other) = match args {
        [file] => (file, None),
        [file, option, name] if option == "--subject" => {
            (file, Some(name.to_string_lossy().into_owned()))
        }
        _ => return Err(Usage(USAGE.into())),
    };
    let text = read(Path::new(file))?;
    let script =
        Script::read(&text).map_err(|why| Usage(format!("{}: {why}", file.to_string_lossy())))?;
    let of = |key: &str| {
        text.lines()
            .find_map(|l| l.trim().strip_prefix(key))
            .map(str::trim)
    };
    let name = other
        .as_deref()
        .or(of("subject "))
        .ok_or_else(|| Usage("the script names no subject: add --subject NAME".into()))?;
    let mut subject = stack(name)?;
    if let (Some(m), "farewell") = (of("mutation "), name) {
        subject = Box::new(Mutant(mutation(m)?));
    }
    let run = drive(subject.as_ref(), &script).map_err(|why| Usage(format!("{name}: {why}")))?;
    print!("{}", ladder(&run));
    if let Some(f) = finding(subject.as_ref(), &script, &run) {
        println!("{}: {}; {}\n  {}", f.id, f.class.label(), f.section, f.what);
    }
    Ok(match run.end {
        End::Conforms => {
            println!("conforms: the specification explains everything");
            ExitCode::SUCCESS
        }
        End::Undecided => {
            println!("undecided: too many states explain it");
            ExitCode::from(3)
        }
        End::Diverges(_) | End::Broken(_) => ExitCode::FAILURE,
    })
}
