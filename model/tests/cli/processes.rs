//! Signals, pipes and sockets.

use std::process::{Command, Stdio};

use crate::harness::{Run, command, run};

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
