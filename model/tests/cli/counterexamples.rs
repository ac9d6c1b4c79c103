//! What is saved, plays again, and is held against what is pinned.

use std::fs;

use crate::harness::{Scratch, VIOLATED};

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
fn a_run_without_an_end_is_drawn_saved_and_plays_again() {
    let here = Scratch::new("endless");
    let r = here
        .run(&["check", "--liveness", "--size", "smoke", "never-closes"])
        .ends(0);
    r.says(&[
        "B's application never closes, as it must be",
        "again and again from here",
        "and so on, for ever",
        "CLOSE_WAIT",
        "no end can be reached any more",
        "Every scenario came out as declared: 0 always end, 1 do not, as they must.",
    ]);
    assert!(r.out.lines().all(|l| l.chars().count() <= 120), "{}", r.out);
    let file = here.saved();
    let name = file.to_str().unwrap();
    assert!(name.ends_with("never-closes-smoke-never-ends.farewell"));
    let again = here.run(&["replay", name]).ends(1);
    again.says(&["The run repeats itself for ever and is fair, as the file says."]);
    // From elsewhere on it does not come back to where it was.
    let text = fs::read_to_string(&file).unwrap();
    let begins = text.lines().find(|l| l.starts_with("again-from:")).unwrap();
    fs::write(&file, text.replace(begins, "again-from: 0")).unwrap();
    here.run(&["replay", name])
        .ends(2)
        .complains(&["does not repeat itself fairly"]);
}

#[test]
fn without_its_rule_an_end_is_not_clean() {
    let here = Scratch::new("unclean");
    let args = [
        "check",
        "--liveness",
        "--size",
        "smoke",
        "ends-half",
        "--without",
        "time-wait-answers",
    ];
    here.run(&args)
        .ends(1)
        .says(&["ENDS, BUT NOT CLEANLY", "LAST_ACK", "1 DO NOT"]);
    here.run(&["replay", here.saved().to_str().unwrap()])
        .ends(1)
        .says(&["The run is possible."]);
    here.run(&args[..5])
        .ends(0)
        .says(&["every fair run ends", "1 always end"]);
}

#[test]
fn liveness_and_safety_are_asked_apart() {
    let here = Scratch::new("apart");
    here.run(&["check", "ends-half"])
        .ends(2)
        .complains(&["ends-half is for liveness: add --liveness"]);
    for with in [
        ["--plain", ""],
        ["--property", "stream"],
        ["--threads", "1"],
    ] {
        let mut args = vec!["check", "--liveness", "ends-half"];
        args.extend(with.iter().filter(|w| !w.is_empty()));
        let r = here.run(&args).ends(2);
        assert!(r.err.contains("cannot be used with"), "{}", r.err);
    }
    let args = ["check", "--liveness", "ends-half", "--memory-limit", "1M"];
    let r = here.run(&args).ends(3);
    assert!(r.err.contains("does not fit the memory limit"), "{}", r.err);
    let shown = here.run(&["show", "assassinated"]).ends(0);
    shown.says(&["a fair run never ends", "time-wait-ignores-rst"]);
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
