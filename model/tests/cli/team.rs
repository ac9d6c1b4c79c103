//! Several processes over the loopback: the same findings as one, and a clear end when one is lost.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Run, Scratch, command};

/// A file of hosts with ports that are free.
pub(crate) fn hosts(here: &Scratch, count: usize) -> Vec<String> {
    let doors: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let hosts: Vec<_> = doors
        .iter()
        .map(|door| door.local_addr().unwrap().to_string())
        .collect();
    fs::write(here.0.join("hosts"), hosts.join("\n")).unwrap();
    hosts
}

pub(crate) fn start(here: &Scratch, process: usize, args: &[&str]) -> Child {
    command()
        .current_dir(&here.0)
        .arg("check")
        .args(args)
        .args(["--hosts", "hosts", "--process", &process.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a process, for a minute at most.
#[track_caller]
pub(crate) fn end(mut child: Child) -> Run {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Run::of(&child.wait_with_output().unwrap())
}

/// Runs a team to its end.
#[track_caller]
pub(crate) fn together(here: &Scratch, count: usize, args: &[&str]) -> Vec<Run> {
    hosts(here, count);
    let started: Vec<_> = (0..count)
        .map(|process| start(here, process, args))
        .collect();
    started.into_iter().map(end).collect()
}

/// A report without what differs from run to run.
pub(crate) fn lasting(report: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| !["seconds", "peak_memory", "processes"].contains(&&key[..]));
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(report).unwrap_or_else(|e| panic!("{e}:\n{report}"));
    strip(&mut value);
    value
}

#[test]
fn several_processes_find_what_one_finds() {
    let here = Scratch::new("team");
    // With the reduction a state's owner does not follow from its fingerprint, and all are asked on the way back.
    for (reduction, counts) in [("none", &[2, 4][..]), ("all", &[2, 3])] {
        let args = [
            "close-half",
            "both-alike",
            "reuse-late-reset",
            "crash-no-quiet",
            "--size",
            "smoke",
            "--threads",
            "1",
            "--format",
            "json",
            "--reduction",
            reduction,
        ];
        let alone = here.run(&[&["check"], &args[..]].concat()).ends(0);
        for &count in counts {
            for (process, run) in together(&here, count, &args).into_iter().enumerate() {
                let run = run.ends(0);
                if process == 0 {
                    let (here, alone) = (lasting(&run.out), lasting(&alone.out));
                    assert_eq!(here, alone, "{count} processes, {reduction}");
                } else {
                    assert_eq!((&run.out[..], &run.err[..]), ("", ""));
                }
            }
        }
    }
}

#[test]
fn every_process_ends_with_the_verdict() {
    let here = Scratch::new("verdict");
    let args = [
        "close-half",
        "--size",
        "smoke",
        "--without",
        "last-ack-needs-our-fin",
        "--threads",
        "2",
    ];
    let runs = together(&here, 2, &args);
    for (process, run) in runs.into_iter().enumerate() {
        let run = run.ends(1);
        let lines = run.out.lines().count();
        if process == 0 {
            run.says(&["VIOLATED", "in a process"]);
        } else {
            assert_eq!(lines, 1, "{}", run.out);
            run.says(&["process 1 of 2", "1 VIOLATED"]);
        }
    }
    here.saved();
    for run in together(
        &here,
        2,
        &[
            "close-half",
            "--size",
            "smoke",
            "--threads",
            "1",
            "--memory-limit",
            "1M",
        ],
    ) {
        run.ends(3).says(&["not a verification"]);
    }
}

#[test]
fn a_process_that_is_killed_ends_the_others_at_once() {
    let here = Scratch::new("killed");
    let hosts = hosts(&here, 3);
    let args = [
        "reuse",
        "--size",
        "deep",
        "--threads",
        "1",
        "--memory-limit",
        "1G",
    ];
    let mut started: Vec<_> = (0..3).map(|process| start(&here, process, &args)).collect();
    std::thread::sleep(Duration::from_millis(1500));
    started[1].kill().unwrap();
    let killed = Instant::now();
    let runs: Vec<_> = started.into_iter().map(end).collect();
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(runs[1].status, None);
    for run in [&runs[0], &runs[2]] {
        let gone = format!("farewell: reuse: process 1 at {} is gone\n", hosts[1]);
        assert_eq!((run.status, &run.err[..]), (Some(3), &gone[..]));
        run.says(&["0 verified", "1 not run"]);
    }
}

#[test]
fn a_process_that_does_not_come_is_named() {
    let here = Scratch::new("late");
    let hosts = hosts(&here, 3);
    let args = [
        "refused",
        "--size",
        "smoke",
        "--threads",
        "1",
        "--join-timeout",
        "1",
    ];
    let begun = Instant::now();
    let started = [0, 2].map(|process| start(&here, process, &args));
    let late = format!(
        "farewell: process 1 at {} did not come within 1 s\n",
        hosts[1]
    );
    for child in started {
        let run = end(child).ends(3);
        assert_eq!((&run.out[..], &run.err[..]), ("", &late[..]));
    }
    end(start(&here, 1, &args))
        .ends(3)
        .complains(&["process 0 at", "did not come within 1 s"]);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn processes_that_run_something_else_are_refused() {
    let here = Scratch::new("differ");
    for other in [
        &["refused", "--size", "standard", "--threads", "1"][..],
        &["refused", "--size", "smoke", "--threads", "2"],
        &["close-half", "--size", "smoke", "--threads", "1"],
        &[
            "refused",
            "--size",
            "smoke",
            "--threads",
            "1",
            "--without",
            "paws",
        ],
        &[
            "refused",
            "--size",
            "smoke",
            "--threads",
            "1",
            "--property",
            "stream",
        ],
    ] {
        hosts(&here, 2);
        let first = start(&here, 0, &["refused", "--size", "smoke", "--threads", "1"]);
        let second = start(&here, 1, other);
        for child in [first, second] {
            end(child).complains(&["process 1 at", "runs something else", " there, ", " here"]);
        }
    }
}

#[test]
fn hosts_that_make_no_sense_are_usage() {
    let here = Scratch::new("hosts");
    let hosts = hosts(&here, 2);
    let run = |args: &[&str]| {
        here.run(&[&["check", "refused", "--size", "smoke"], args].concat())
            .ends(2)
    };
    run(&["--hosts", "hosts", "--process", "2"]).complains(&["no process 2", "0 to 1"]);
    run(&["--hosts", "none", "--process", "0"]).complains(&["cannot read none"]);
    fs::write(here.0.join("bad"), "# mine\nnowhere\n").unwrap();
    run(&["--hosts", "bad", "--process", "0"]).complains(&["bad: line 2", "`nowhere`"]);
    run(&[
        "--hosts",
        "hosts",
        "--process",
        "0",
        "--engine",
        "stateright",
    ])
    .complains(&["timely"]);
    let _taken = TcpListener::bind(&hosts[1]).unwrap();
    run(&["--hosts", "hosts", "--process", "1"]).complains(&["cannot listen at", &hosts[1]]);
    assert!(run(&["--hosts", "hosts"]).err.contains("--process"));
    assert!(run(&["--process", "1"]).err.contains("--hosts"));
    assert!(
        run(&["--liveness", "--hosts", "hosts", "--process", "1"])
            .err
            .contains("cannot be used")
    );
}

#[test]
fn strangers_at_the_door_do_no_harm() {
    let here = Scratch::new("strangers");
    let hosts = hosts(&here, 2);
    let args = ["refused", "close-half", "--size", "smoke", "--threads", "1"];
    let first = start(&here, 0, &args);
    let call = || {
        for _ in 0..500 {
            if let Ok(stream) = TcpStream::connect(&hosts[0]) {
                return stream;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody listens at {}", hosts[0]);
    };
    let silent = call();
    for words in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"farewel\x01",
        &[0xff; 4096],
        b"farewel\x01\x00garbage garbage garbage",
    ] {
        let mut stream = call();
        let _ = stream.write_all(words);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0; 64]);
    }
    let second = start(&here, 1, &args);
    end(first).ends(0).says(&["2 verified"]);
    end(second).ends(0);
    drop(silent);
}
