//! The command as its users meet it: the built program, its output, its exit status.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("farewell-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }

    fn run(&self, args: &[&str]) -> Run {
        let out = command().current_dir(&self.0).args(args).output().unwrap();
        Run::of(&out)
    }

    /// The one saved counterexample.
    fn saved(&self) -> PathBuf {
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

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_farewell"))
}

struct Run {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn of(o: &Output) -> Run {
        let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
        Run {
            status: o.status.code(),
            out: text(&o.stdout),
            err: text(&o.stderr),
        }
    }

    #[track_caller]
    fn ends(self, status: i32) -> Run {
        assert_eq!(self.status, Some(status), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
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
    fn complains(&self, words: &[&str]) {
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

fn run(args: &[&str]) -> Run {
    Run::of(&command().args(args).output().unwrap())
}

/// A scenario and rule whose smoke run is violated at once.
const VIOLATED: [&str; 6] = [
    "check",
    "close-half",
    "--size",
    "smoke",
    "--without",
    "last-ack-needs-our-fin",
];

#[test]
fn names_that_do_not_exist_are_answered_with_the_nearest() {
    run(&["check", "close-hlaf"])
        .ends(2)
        .complains(&["scenario `close-hlaf`", "`close-half`"]);
    run(&["show", "Close_Half"])
        .ends(2)
        .complains(&["`close-half`"]);
    run(&["check", "--without", "time-wiat"])
        .ends(2)
        .complains(&["rule `time-wiat`", "`time-wait`"]);
    run(&["ablate", "paw"])
        .ends(2)
        .complains(&["rule `paw`", "`paws`"]);
    run(&["check", "--property", "steam"])
        .ends(2)
        .complains(&["property `steam`", "`stream`"]);
    run(&["check", "qqqqqqqq"])
        .ends(2)
        .complains(&["farewell scenarios"]);
    for args in [
        ["check", "--wihtout", "paws"],
        ["chekc", "", ""],
        ["check", "--size", "smok"],
    ] {
        let r = run(&args).ends(2);
        assert!(r.err.contains("similar") && r.out.is_empty(), "{}", r.err);
    }
    run(&["check", "--memory-limit", "4X"]).ends(2);
    run(&["replay", "no-such-file"])
        .ends(2)
        .complains(&["cannot read no-such-file"]);
}

#[test]
fn a_clean_scenario_is_verified() {
    let here = Scratch::new("clean");
    let r = here
        .run(&["check", "close-half", "--size", "smoke"])
        .ends(0);
    r.says(&[
        "close-half",
        "verified",
        "ended as declared: 1 verified. No bound was hit.",
        "collision",
    ]);
    assert!(r.out.lines().all(|l| l.chars().count() <= 110), "{}", r.out);
    assert_eq!(r.err, "", "no progress where nobody watches");
    assert!(!here.0.join("counterexamples").exists());
}

#[test]
fn a_violation_is_drawn_saved_and_plays_again() {
    let here = Scratch::new("violated");
    let r = here.run(&VIOLATED).ends(1);
    r.says(&[
        "VIOLATED: told-truthfully",
        "│◀",
        "▶│ → SYN_RECEIVED",
        "FIN=1 ACK=1 seq=1 ack=1 len=1",
        "LAST_ACK",
        "told \"closed\"",
    ]);
    let ladder = |out: &str| {
        let lines: Vec<&str> = out.lines().filter(|l| l.contains('│')).collect();
        assert!(lines.len() > 10, "{out}");
        lines.join("\n")
    };
    assert!(
        ladder(&r.out).lines().all(|l| l.chars().count() <= 100),
        "{}",
        r.out
    );
    let file = here.saved();
    let file = file.to_str().unwrap();
    assert!(file.ends_with("close-half-smoke-without-last-ack-needs-our-fin.farewell"));
    let again = here.run(&["replay", file]).ends(1);
    again.says(&["The violation occurs, as the file says."]);
    assert_eq!(ladder(&again.out), ladder(&r.out));
    let absolute = here.run(&["replay", file, "--absolute"]).ends(1);
    absolute.says(&["SYN=1 seq=1000", "SYN=1 ACK=1 seq=5000 ack=1001"]);
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_its_line() {
    let here = Scratch::new("malformed");
    here.run(&VIOLATED).ends(1);
    let file = here.saved();
    let text = fs::read_to_string(&file).unwrap();
    let name = file.to_str().unwrap();
    let line_of = |words: &str| text.lines().position(|l| l.contains(words)).unwrap() + 1;
    let refused = |from: &str, to: &str, words: &[&str]| {
        assert!(text.contains(from), "{from} in {text}");
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        here.run(&["replay", name]).ends(2).complains(words);
    };
    let at = |words: &str| format!("line {}: ", line_of(words));
    refused(
        "B: application",
        "B: applause",
        &[
            &at("B: application"),
            "not possible here: `B: applause`",
            "has changed",
        ],
    );
    refused(
        "scenario: close-half",
        "scenario: close-hlaf",
        &["line 2: ", "`close-half`"],
    );
    refused(
        "size: smoke",
        "size: small",
        &["line 3: ", "no size `small`"],
    );
    refused(
        "last-ack-needs-our-fin",
        "last-ack",
        &[&at("without:"), "no rule `last-ack`"],
    );
    refused("start: 0", "start: 7", &["no initial state 7"]);
    refused("version 1", "version 2", &["line 1: ", "another version"]);
    // Without its last step nothing is wrong yet; with the rule on, the same steps are not possible any more.
    let all_but_one: Vec<&str> = text.lines().collect();
    fs::write(&file, all_but_one[..all_but_one.len() - 1].join("\n")).unwrap();
    here.run(&["replay", name])
        .ends(0)
        .says(&["does NOT occur"]);
    fs::write(&file, [0x66, 0x0a, 0xff, 0xfe]).unwrap();
    here.run(&["replay", name])
        .ends(2)
        .complains(&["line 2: not text"]);
}

#[test]
fn too_little_memory_is_a_bound_and_no_verdict() {
    let here = Scratch::new("memory");
    let r = here
        .run(&[
            "check",
            "close-half",
            "--size",
            "smoke",
            "--memory-limit",
            "1M",
        ])
        .ends(3);
    r.says(&[
        "no violation within the bound",
        "memory limit",
        "not a verification",
    ]);
    assert!(!r.out.contains("No bound was hit"));
}

#[test]
fn a_declared_violation_must_happen_and_then_is_no_failure() {
    let here = Scratch::new("declared");
    let r = here
        .run(&["check", "reuse-menu-at-once", "--size", "smoke"])
        .ends(0);
    r.says(&[
        "violated, as it must be",
        "1 violated as it must be",
        "from life 1",
        "reads byte 1 of life",
    ]);
    // With another set of rules nothing is declared.
    here.run(&[
        "check",
        "reuse-menu-at-once",
        "--size",
        "smoke",
        "--without",
        "paws",
    ])
    .ends(1)
    .says(&["VIOLATED: stream"]);
}

#[test]
fn json_is_one_document_with_the_counts() {
    let here = Scratch::new("json");
    let parse = |r: Run| -> Value { serde_json::from_str(&r.out).unwrap() };
    let v = parse(
        here.run(&["check", "close-half", "--size", "smoke", "--format", "json"])
            .ends(0),
    );
    let one = &v["scenarios"][0];
    assert_eq!(
        (one["scenario"].as_str(), one["verdict"].as_str()),
        (Some("close-half"), Some("verified"))
    );
    assert!(one["counts"]["unique_states"].as_u64().unwrap() > 1_000);
    assert!(
        one["states"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s == "TIME_WAIT")
    );
    assert_eq!(
        (v["status"].as_u64(), v["setup"]["size"].as_str()),
        (Some(0), Some("smoke"))
    );

    let v = parse(
        here.run(&[&VIOLATED[..], &["--format", "json"]].concat())
            .ends(1),
    );
    let story = &v["scenarios"][0]["counterexample"];
    assert_eq!(
        story["steps"].as_u64().unwrap() as usize,
        story["actions"].as_array().unwrap().len()
    );
    assert!(
        story["properties"]
            .as_array()
            .unwrap()
            .iter()
            .any(|p| p == "told-truthfully")
    );

    let v = parse(run(&["scenarios", "--format", "json"]).ends(0));
    assert!(v["scenarios"].as_array().unwrap().len() > 10);
    let v = parse(run(&["rules", "--format", "json"]).ends(0));
    assert_eq!(
        v["rules"].as_array().unwrap().len(),
        farewell_model::rules::RULES.len()
    );
    let v = parse(run(&["show", "reuse", "--format", "json"]).ends(0));
    assert_eq!(v["card"]["scenario"], "reuse");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for args in [&["scenarios"][..], &["rules"], &["diagram"], &["--help"]] {
        let mut child = command()
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = Run::of(&child.wait_with_output().unwrap());
        assert_eq!((done.status, done.err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn what_there_is_can_be_listed_and_shown() {
    run(&["scenarios"])
        .ends(0)
        .says(&["close-half", "reuse-menu-at-once", "as it must"]);
    run(&["rules"])
        .ends(0)
        .says(&["time-wait", "MUST-13", "without it:"]);
    run(&["requirements"])
        .ends(0)
        .says(&["MUST-13", "src/spec/", "time-wait"]);
    run(&["show", "reuse"]).ends(0).says(&[
        "MSL",
        "2 tick(s)",
        "A, life 2",
        "TIME_WAIT",
        "any of previous",
        "stream",
    ]);
    run(&["diagram"]).ends(0).says(&["FIN_WAIT_2", "rcv FIN"]);
    run(&["diagram", "--format", "dot"])
        .ends(0)
        .says(&["digraph", "LAST_ACK -> CLOSED"]);
    run(&["diagram", "--format", "svg"])
        .ends(0)
        .says(&["<svg", "</svg>"]);
}

#[test]
fn ablation_compares_with_what_is_pinned() {
    use farewell_model::ablation::{Case, Without};
    use farewell_model::cli::{self, Registry};
    use farewell_model::rules::Rule;
    use farewell_model::scenarios::Size;
    use std::process::ExitCode;

    let here = Scratch::new("ablate");
    let measured = here.run(&[
        "check",
        "close-half",
        "--size",
        "smoke",
        "--property",
        "told-truthfully",
        "--format",
        "json",
    ]);
    let with: Value = serde_json::from_str(&measured.ends(0).out).unwrap();
    let with = with["scenarios"][0]["counts"]["unique_states"]
        .as_u64()
        .unwrap();
    let violated = [
        &VIOLATED[..],
        &["--property", "told-truthfully", "--format", "json"],
    ]
    .concat();
    let without: Value = serde_json::from_str(&here.run(&violated).ends(1).out).unwrap();
    let steps = without["scenarios"][0]["counterexample"]["steps"]
        .as_u64()
        .unwrap() as u32;
    let save = here.0.join("ablated");
    let ablate = |with: u64, without: Without| -> ExitCode {
        let case = Case {
            rule: Rule::LastAckNeedsOurFin,
            scenario: "close-half",
            size: Size::Smoke,
            property: "told-truthfully",
            without,
            with,
        };
        let registry = Registry {
            cases: Vec::leak(vec![case]),
            ..Registry::of_the_specification()
        };
        let args = [
            "farewell",
            "ablate",
            "last-ack-needs-our-fin",
            "--save",
            save.to_str().unwrap(),
        ];
        cli::run(args.into_iter().map(Into::into), &registry)
    };
    // An exit code has no other comparison than its words.
    let same =
        |a: ExitCode, b: u8| assert_eq!(format!("{a:?}"), format!("{:?}", ExitCode::from(b)));
    same(ablate(with, Without::Violated(steps)), 0);
    assert_eq!(fs::read_dir(&save).unwrap().count(), 1);
    same(ablate(with + 1, Without::Violated(steps)), 1);
    same(ablate(with, Without::Violated(steps + 1)), 1);
    same(ablate(with, Without::Survives("no reason")), 1);
}

/// Runs a command until it has written a line with `words`, hands that line on, and waits for the end.
#[cfg(unix)]
fn until(args: &[&str], words: &str, then: impl FnOnce(&str, u32)) -> Option<i32> {
    use std::io::{BufRead, BufReader, Read};
    let mut child = command()
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "`{words}` never came"
        );
    }
    then(&line, child.id());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap().code();
    if status == Some(3) {
        assert!(
            rest.contains("interrupted") && rest.contains("not a verification"),
            "{rest}"
        );
    }
    status
}

#[cfg(unix)]
fn signal(name: &str, process: u32) {
    assert!(
        Command::new("kill")
            .args([name, &process.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_run_with_the_table_so_far() {
    let args = [
        "check",
        "close-half",
        "reuse",
        "--size",
        "deep",
        "--threads",
        "1",
        "--memory-limit",
        "1G",
    ];
    let status = until(&args, "scenario", |_, process| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        signal("-INT", process);
    });
    assert_eq!(status, Some(3));
}

#[test]
#[cfg(unix)]
fn the_explorer_answers_on_this_machine_only() {
    use std::io::{Read, Write};
    let status = until(
        &["explore", "close-half", "--port", "0"],
        "http://",
        |line, process| {
            let at = line
                .split("http://")
                .nth(1)
                .and_then(|l| l.split('/').next())
                .unwrap()
                .to_owned();
            assert!(at.starts_with("127.0.0.1:"), "{line}");
            let mut text = String::new();
            for _ in 0..100 {
                if let Ok(mut web) = std::net::TcpStream::connect(&at) {
                    web.write_all(
                        b"GET /.status HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
                    )
                    .unwrap();
                    web.read_to_string(&mut text).unwrap();
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            signal("-KILL", process);
            assert!(text.contains("unique_state_count"), "{text}");
        },
    );
    assert_eq!(status, None, "killed");
    run(&["explore", "close-hlaf"])
        .ends(2)
        .complains(&["`close-half`"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    run(&["explore", "close-half", "--port", &port])
        .ends(2)
        .complains(&["cannot listen"]);
}
