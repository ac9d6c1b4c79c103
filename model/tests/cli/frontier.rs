//! `farewell frontier`.

use std::fs;

use serde_json::Value;

use crate::harness::{Scratch, run};

/// The cells that differ from each other only in what TIME_WAIT answers.
const FEW: &[&str] = &[
    "frontier",
    "--msl",
    "1",
    "--only",
    "equal,plain,client,finished,drained,f1,fixed",
];

#[test]
fn the_textbook_needs_two_msl_and_says_how_it_is_known() {
    let here = Scratch::new("frontier");
    let r = here.run(FEW).ends(0);
    r.says(&[
        "least for data",
        "2 of 2 cells; 2 values with a counterexample one tick below",
        "2 \"never\" with one that was pumped",
    ]);
    assert!(r.out.lines().all(|l| l.chars().count() <= 130), "{}", r.out);
    // One tick below it is violated, and the file plays.
    let name = "frontier.equal.plain.client.finished.drained.f1.fixed.every.empty.data.2";
    let file = here
        .0
        .join(format!("counterexamples/{name}-smoke.farewell"));
    here.run(&["replay", &file.display().to_string()])
        .ends(1)
        .says(&["The violation occurs, as the file says."]);
    here.run(&["check", name, "--size", "smoke"]).ends(1);
    let enough = name.replace("data.2", "data.3");
    here.run(&["check", &enough, "--size", "smoke"])
        .ends(0)
        .says(&["verified, late resets apart"]);
    here.run(&["show", &enough])
        .ends(0)
        .says(&["TIME_WAIT", "3 ticks"]);
}

#[test]
fn what_was_answered_is_not_asked_again() {
    let here = Scratch::new("frontier-again");
    let json = |n: &str| -> Value {
        let mut args = FEW.to_vec();
        args.extend(["--format", "json", "--cache", n]);
        serde_json::from_str(&here.run(&args).ends(0).out).expect("JSON")
    };
    let first = json("kept");
    let cells = first["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 2);
    for c in cells {
        let [data, all] = &c["decided"].as_array().expect("both")[..] else {
            panic!("data and all");
        };
        assert_eq!(
            (&data["verdict"], &data["ticks"]),
            (&"least".into(), &3.into())
        );
        assert_eq!(data["against"]["ticks"], 2);
        assert_eq!(
            (&all["verdict"], &all["ticks"]),
            (&"never".into(), &Value::Null)
        );
        assert!(
            all["against"]["performed_with"]
                .as_array()
                .expect("some")
                .len()
                > 3
        );
    }
    assert_eq!(json("kept"), first);
    let mut again = FEW.to_vec();
    again.extend(["--cache", "kept"]);
    here.run(&again)
        .ends(0)
        .says(&["this run: 0 worlds, 0 states"]);
    // A line that was torn off when the run was killed is asked again; one that is no answer is refused.
    let file = fs::read_dir(here.0.join("kept"))
        .expect("it is there")
        .next()
        .expect("one file")
        .expect("readable")
        .path();
    let text = fs::read_to_string(&file).expect("text");
    // Another model's answers are not this one's, whatever they say: here that 0 ticks were enough.
    let another = text
        .replace("\"time_wait\":2", "\"time_wait\":0")
        .replace("\"time_wait\":3", "\"time_wait\":2");
    let besides = here.0.join("other");
    fs::create_dir(&besides).expect("a directory");
    fs::write(besides.join("frontier-0123456789abcdef.jsonl"), another).expect("written");
    assert_eq!(json("other"), first);
    fs::write(&file, &text[..text.len() - 20]).expect("torn");
    here.run(&again).ends(0).says(&["this run: 1 worlds"]);
    fs::write(&file, format!("nonsense\n{text}")).expect("spoilt");
    here.run(&again)
        .ends(2)
        .complains(&["line 1", "delete the line or the file"]);
}

#[test]
fn wrong_values_are_refused_with_what_there_is() {
    run(&["frontier", "--only", "abvoe"])
        .ends(2)
        .complains(&["`abvoe` is no value of an axis", "above, equal, window"]);
    run(&["frontier", "--msl", "4"]).ends(2);
    run(&["frontier", "--msl", "0"]).ends(2);
    run(&["frontier", "--bytes", "7"]).ends(2);
    run(&["frontier", "--engine", "stateright"])
        .ends(2)
        .complains(&["leave out --engine"]);
    run(&["check", "frontier.above.plain"]).ends(2);
}

#[test]
fn a_cache_that_cannot_be_written_is_told_before_anything_runs() {
    let here = Scratch::new("frontier-file");
    fs::write(here.0.join("file"), "in the way").expect("written");
    let mut args = FEW.to_vec();
    args.extend(["--cache", "file"]);
    here.run(&args).ends(2).complains(&["file"]);
}

#[test]
fn where_a_tick_is_too_coarse_it_says_so() {
    let here = Scratch::new("frontier-coarse");
    let cells = "equal,stamps,both,finished,drained,f1,fixed";
    let coarse = "An MSL of one tick is too coarse for 1 of them";
    here.run(&["frontier", "--only", cells])
        .ends(0)
        .says(&[coarse]);
    let fine = here.run(FEW).ends(0);
    assert!(!fine.out.contains("too coarse"), "{}", fine.out);
}

#[test]
fn a_cell_with_text_has_the_room_it_needs() {
    let here = Scratch::new("frontier-room");
    let cell = "frontier.above.plain.server.finished.once.f1.fixed.every.byte.all.0";
    here.run(&["check", cell, "--size", "smoke", "--reduction", "all"])
        .ends(0)
        .says(&["1 verified"]);
}
