//! Running the built program, and asking what it said.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A directory of its own, removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("farewell-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let out = command().current_dir(&self.0).args(args).output().unwrap();
        Run::of(&out)
    }

    /// The one saved counterexample.
    pub(crate) fn saved(&self) -> PathBuf {
        let mut files: Vec<_> = fs::read_dir(self.0.join("counterexamples"))
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_farewell"))
}

pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(o: &Output) -> Run {
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
        Run {
            status: o.status.code(),
            out: text(&o.stdout),
            err: text(&o.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn ends(self, status: i32) -> Run {
        assert_eq!(self.status, Some(status), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for w in words {
            assert!(
                self.out.contains(w),
                "`{w}` is missing in\n{}{}",
                self.out,
                self.err
            );
        }
    }

    /// One line on the standard error, nothing else.
    #[track_caller]
    pub(crate) fn complains(&self, words: &[&str]) {
        assert_eq!(
            (self.out.as_str(), self.err.lines().count()),
            ("", 1),
            "{}{}",
            self.out,
            self.err
        );
        for w in words {
            assert!(self.err.contains(w), "`{w}` is missing in {}", self.err);
        }
    }
}

pub(crate) fn run(args: &[&str]) -> Run {
    Run::of(&command().args(args).output().unwrap())
}

/// A scenario and rule whose smoke run is violated at once.
pub(crate) const VIOLATED: [&str; 6] = [
    "check",
    "close-half",
    "--size",
    "smoke",
    "--without",
    "last-ack-needs-our-fin",
];
