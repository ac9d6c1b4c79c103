//! The short run of `farewell-lives`: a few lives in every cell, in a network namespace of its own. Where that cannot be it is
//! skipped, which `FAREWELL_REQUIRE` makes a failure. The long run is ignored: `cargo test -p farewell-tun --release -- --ignored`.

#![cfg(target_os = "linux")]

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use farewell_testing::tshark;
use rustix::process::{Pid, Signal, kill_process};

/// "It cannot run on this machine."
const CANNOT_RUN: i32 = 3;

/// Says whether it ran.
fn run(args: &[&str]) -> bool {
    let lives = Command::new(env!("CARGO_BIN_EXE_farewell-lives"))
        .args(args)
        .output()
        .expect("the program is there");
    let (out, err) = (
        String::from_utf8_lossy(&lives.stdout),
        String::from_utf8_lossy(&lives.stderr),
    );
    if lives.status.code() == Some(CANNOT_RUN) {
        farewell_testing::skip("tun", err.trim_end());
        return false;
    }
    println!("{out}{err}");
    assert!(lives.status.success(), "{out}{err}");
    assert!(out.contains("All is well."), "{out}");
    true
}

/// Every way of closing, either side first, with each kind of fault: three lives each.
#[test]
fn every_cell_against_the_kernel() {
    run(&[
        "--lives",
        "324",
        "--at-once",
        "324",
        "--deadline",
        "20",
        "--time-wait",
        "2000",
    ]);
}

/// A life in each cell, of which tshark reads every packet at both hosts.
#[test]
fn wireshark_reads_the_capture() {
    let name = format!("farewell-lives-{}.pcapng", std::process::id());
    let file = std::env::temp_dir().join(name);
    let Some(path) = file.to_str() else {
        panic!("{file:?} is no name for a flag");
    };
    if !tshark::is_there() || !run(&["--lives", "108", "--time-wait", "500", "--pcapng", path]) {
        return;
    }
    for host in ["kernel", "farewell"] {
        let n = tshark::fins(&file, host);
        assert!(n >= 150, "{n} FINs at {host}");
    }
    std::fs::remove_file(&file).expect("it was written");
}

/// Ten thousand with faults, two thousand at once, and the kernel's TIME_WAIT is waited for.
#[test]
#[ignore = "minutes"]
fn ten_thousand_lives_against_the_kernel() {
    run(&[
        "--lives",
        "12096",
        "--at-once",
        "2016",
        "--deadline",
        "120",
        "--wait-for-kernel",
    ]);
}

/// By hand, without the namespace: the host's network is not touched.
#[test]
fn the_network_of_the_host_is_refused() {
    let path = "/proc/self/ns/net";
    let here = std::fs::metadata(path).expect("proc");
    let here = format!("--inside={}:{}", here.dev(), here.ino());
    for inside in ["--inside", "--inside=", here.as_str()] {
        let lives = Command::new(env!("CARGO_BIN_EXE_farewell-lives"))
            .args([inside, "--lives", "1"])
            .output()
            .expect("the program is there");
        let err = String::from_utf8_lossy(&lives.stderr);
        assert_eq!(lives.status.code(), Some(2), "{inside}: {err}");
        assert!(err.contains("no network namespace of its own"), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

/// A signal ends it, and nothing of it lives on: it is one process.
#[test]
fn a_signal_ends_it_in_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut lives = Command::new(env!("CARGO_BIN_EXE_farewell-lives"))
            .args(["--lives", "1000000"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let pid = Pid::from_child(&lives);
        // Until it is in its namespace, has its TUN and catches signals.
        let began = Instant::now();
        let proc = format!("/proc/{}/net/dev", lives.id());
        let is_up = || std::fs::read_to_string(&proc).is_ok_and(|t| t.contains("farewell0:"));
        while !is_up() && lives.try_wait().expect("a child").is_none() {
            assert!(began.elapsed() < Duration::from_secs(60), "no TUN");
            thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process(pid, signal); // it may be over, for it cannot run
        let output = lives.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(CANNOT_RUN) {
            farewell_testing::skip("tun", err.trim_end());
            return;
        }
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert_eq!(
            err.trim_end(),
            "farewell-lives: interrupted: there is no report"
        );
    }
}
