//! Runs that were killed and go on.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Run, Scratch, command};
use crate::team::{end, hosts, lasting, start, together};

const ARGS: [&str; 8] = [
    "reuse",
    "reuse-late-reset",
    "--size",
    "smoke",
    "--threads",
    "1",
    "--format",
    "json",
];

/// Kills a run with -9 when a level is complete.
fn kill_at(child: &mut Child, done: &Path) {
    let begun = Instant::now();
    while !done.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} never came",
            done.display()
        );
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before {}",
            done.display()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_goes_on_to_the_same_end() {
    let here = Scratch::new("resume");
    let alone = here.run(&[&["check"], &ARGS[..]].concat()).ends(0);
    let dir = here.0.join("kept/reuse/process-0");
    let mut child = command()
        .current_dir(&here.0)
        .arg("check")
        .args(ARGS)
        .args(["--checkpoint", "kept"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    kill_at(&mut child, &dir.join("level-00020.done"));
    assert!(
        !dir.join("level-00018-0.states").exists(),
        "what is not needed any more is removed"
    );

    // It is not begun anew, nor gone on with as another.
    let run = |args: &[&str]| here.run(&[&["check"], args].concat());
    run(&[
        "reuse",
        "--size",
        "smoke",
        "--threads",
        "1",
        "--checkpoint",
        "kept",
    ])
    .ends(2)
    .complains(&["kept has a run of reuse already", "--resume"]);
    run(&["close-half", "--resume", "kept"])
        .ends(2)
        .complains(&["no run of what is to be checked", "--checkpoint"]);
    fs::write(here.0.join("file"), "").unwrap();
    for option in ["--checkpoint", "--resume", "--save"] {
        run(&["reuse", option, "file"])
            .ends(2)
            .complains(&["file is no directory"]);
    }
    for (other, fact) in [
        (["--size", "standard", "--threads", "1"], "size"),
        (["--size", "smoke", "--threads", "2"], "workers"),
    ] {
        let refused = run(&[&["reuse", "--resume", "kept"], &other[..]].concat()).ends(3);
        assert!(
            refused.err.contains("another run") && refused.err.contains(fact),
            "{}",
            refused.err
        );
    }
    run(&["reuse", "--resume", "nowhere"])
        .ends(2)
        .complains(&["nowhere"]);

    // A file of a complete level is damaged: named. One of a level that is not complete: dropped.
    let resume = || here.run(&[&["check"], &ARGS[..], &["--resume", "kept"]].concat());
    let last = (20..40)
        .take_while(|n| dir.join(format!("level-{n:05}.done")).exists())
        .last()
        .unwrap();
    let parents = dir.join("level-00017-0.parents");
    let states = dir.join(format!("level-{last:05}-0.states"));
    for file in [parents, states] {
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        let middle = good.len() / 2;
        flipped[middle] ^= 4;
        for bad in [flipped, good[..good.len() - 3].to_vec()] {
            fs::write(&file, bad).unwrap();
            let refused = resume().ends(3);
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(
                refused.err.contains(name) && refused.err.contains("damaged"),
                "{}",
                refused.err
            );
        }
        fs::remove_file(&file).unwrap();
        assert!(resume().ends(3).err.contains("cannot read"));
        fs::write(&file, good).unwrap();
    }
    fs::write(dir.join(format!("level-{:05}-0.parents", last + 1)), "torn").unwrap();
    fs::write(dir.join(format!("level-{:05}-0.states", last + 1)), "torn").unwrap();

    let resumed = resume().ends(0);
    assert_eq!(lasting(&resumed.out), lasting(&alone.out));
    // And once more, when there is nothing left to do.
    assert_eq!(lasting(&resume().ends(0).out), lasting(&alone.out));
}

#[test]
fn a_team_that_was_killed_goes_on_to_the_same_end() {
    let here = Scratch::new("team-resume");
    let alone = here.run(&[&["check"], &ARGS[..]].concat()).ends(0);
    hosts(&here, 2);
    let args = [&ARGS[..], &["--checkpoint", "kept"]].concat();
    let first = start(&here, 0, &args);
    let mut second = start(&here, 1, &args);
    kill_at(
        &mut second,
        &here.0.join("kept/reuse/process-1/level-00020.done"),
    );
    let first = end(first).ends(3);
    assert!(first.err.contains("is gone"), "{}", first.err);
    // One of them has come further than the other.
    let dir = here.0.join("kept/reuse/process-1");
    let last = (20..40)
        .take_while(|n| dir.join(format!("level-{n:05}.done")).exists())
        .last()
        .unwrap();
    if here
        .0
        .join(format!(
            "kept/reuse/process-0/level-{:05}-0.states",
            last - 1
        ))
        .exists()
    {
        fs::remove_file(dir.join(format!("level-{last:05}.done"))).unwrap();
    }
    let args = [&ARGS[..], &["--resume", "kept"]].concat();
    let mut runs = together(&here, 2, &args);
    assert_eq!(runs.remove(1).ends(0).out, "");
    assert_eq!(lasting(&runs.remove(0).ends(0).out), lasting(&alone.out));
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_written_is_told_and_the_last_level_remains() {
    let here = Scratch::new("full");
    // Files of more than 16 or 32 KiB fail, as on a disk that is full.
    let line = "trap '' XFSZ; ulimit -f 32; exec \"$0\" check close-half --size smoke --threads 1 --checkpoint kept";
    let full = Command::new("sh")
        .current_dir(&here.0)
        .args(["-c", line, env!("CARGO_BIN_EXE_farewell")])
        .output()
        .unwrap();
    let full = Run::of(&full).ends(3);
    assert!(
        full.err
            .contains("cannot write kept/close-half/process-0/level-"),
        "{}",
        full.err
    );
    assert!(full.err.contains("File too large"), "{}", full.err);
    assert!(
        here.0
            .join("kept/close-half/process-0/level-00005.done")
            .exists()
    );
    here.run(&[
        "check",
        "close-half",
        "--size",
        "smoke",
        "--threads",
        "1",
        "--resume",
        "kept",
    ])
    .ends(0)
    .says(&["21,412", "1 verified"]);
}

#[test]
fn mirror_images_are_left_out_of_files_and_what_dominates_is_refused() {
    let here = Scratch::new("reduced");
    let run = |id: &str, reduction: &str, more: &[&str]| {
        let args = ["check", id, "--size", "smoke", "--reduction", reduction];
        here.run(&[&args[..], &["--format", "json"], more].concat())
    };
    // Both are symmetric. One holds, one is violated: the way to that is found in the files.
    for id in ["both-alike", "reuse-alike"] {
        let alone = run(id, "symmetry", &[]).ends(0);
        let kept = run(id, "symmetry", &["--checkpoint", "kept"]).ends(0);
        assert_eq!(lasting(&kept.out), lasting(&alone.out), "{id}");
        let again = run(id, "symmetry", &["--resume", "kept"]).ends(0);
        assert_eq!(lasting(&again.out), lasting(&alone.out), "{id}");
        let other = run(id, "none", &["--resume", "kept"]).ends(3);
        assert!(other.err.contains("reduction: "), "{}", other.err);
    }
    for reduction in ["network", "all"] {
        run("both-alike", reduction, &["--checkpoint", "other"])
            .ends(2)
            .complains(&["--reduction", "symmetry or none"]);
    }
    assert!(!here.0.join("other").exists());
}
