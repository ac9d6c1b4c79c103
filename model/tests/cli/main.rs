//! The command as its users meet it: the built program, its output, its exit status.

mod captures;
mod checkpoints;
mod counterexamples;
mod frontier;
mod harness;
mod matrix;
mod processes;
mod team;

use harness::{Run, Scratch, VIOLATED, run};
use serde_json::Value;

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
fn a_reduced_run_says_what_was_stored_and_what_that_stands_for() {
    let here = Scratch::new("reduction");
    let smoke = ["check", "close-half", "both-alike", "--size", "smoke"];
    let with = |more: &[&'static str]| here.run(&[&smoke, more].concat());
    let r = with(&["--reduction", "all"]).ends(0);
    r.says(&[
        "reduction all",
        "stored",
        "represented",
        "--reduction none visits every one",
        "2 verified",
    ]);
    let count = |which: &'static str| {
        let r = with(&["--format", "json", "--reduction", which]).ends(0);
        let v: Value = serde_json::from_str(&r.out).unwrap();
        [0, 1].map(|n| {
            let one = &v["scenarios"][n]["counts"];
            let stored = one["unique_states"].as_u64().unwrap();
            let represented = one["represented_states"].as_u64().unwrap();
            (
                one["reduction"].as_str().unwrap().to_owned(),
                stored,
                represented,
            )
        })
    };
    let named = |r: &str, stored, represented| (r.to_owned(), stored, represented);
    assert_eq!(
        count("none"),
        [named("none", 21_412, 21_412), named("none", 52_887, 52_887)]
    );
    // The hosts of the first do not do the same.
    assert_eq!(
        count("symmetry"),
        [
            named("none", 21_412, 21_412),
            named("symmetry", 26_511, 52_887)
        ]
    );
    assert_eq!(
        count("all"),
        [named("network", 118, 229), named("all", 732, 2_670)]
    );
    with(&["--reduction", "network", "--engine", "stateright"])
        .ends(2)
        .complains(&["leave out --reduction"]);
    with(&["--reduction", "none", "--engine", "stateright"]).ends(0);
    with(&["--reduction", "some"]).ends(2);
    here.run(&["check", "--liveness", "--reduction", "network"])
        .ends(2);
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
