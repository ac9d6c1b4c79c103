//! `conform replay`, as it is called: what it reads, and what it refuses.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const SCRIPT: &str = include_str!("../reproducers/smoltcp/fin-overfills.txt");

/// The command with that text on its standard input.
fn replay(args: &[&str], text: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_conform"))
        .arg("replay")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Who refuses the arguments does not read.
    let _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("it ends");
    let words = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        status.code().expect("it ends by itself"),
        words(stdout),
        words(stderr),
    )
}

#[test]
fn a_pipe_is_read_once() {
    let (status, out, err) = replay(&["/dev/stdin"], SCRIPT);
    assert_eq!(status, 1, "{out}{err}");
    assert!(out.contains("\nfin-overfills: "), "{out}{err}");
}

/// The program runs again in a namespace, where the pipe is empty.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_once_for_the_kernel_too() {
    let script = include_str!("../reproducers/linux/without-ack-dropped.txt");
    let (status, out, err) = replay(&["/dev/stdin"], script);
    if status == 4 {
        farewell_testing::skip("tun", err.trim());
        return;
    }
    assert!(out.contains(" FIN "), "{status}: {out}{err}");
}

#[test]
fn what_cannot_be_replayed_is_refused_in_a_line() {
    let hours = format!("subject smoltcp\n{}", "wait 600000\n".repeat(1_000));
    for (args, text, words) in [
        (&["no-such-file"][..], "", "cannot read no-such-file: "),
        (&["/"], "", "cannot read /: "),
        (&[], "", "FILE is missing"),
        (&["a", "b"], "", "no option b"),
        (
            &["/dev/stdin"],
            "",
            "line 1: the script ends without a call or a segment",
        ),
        (
            &["/dev/stdin"],
            "# a\nsubject smoltcp\n",
            "line 2: the script ends without a call or a segment",
        ),
        (
            &["/dev/stdin"],
            "subject smoltcp\nagain 0\nwait 9\n",
            "line 3: the script ends without a call or a segment",
        ),
        (
            &["/dev/stdin"],
            "subject smoltcp\nmutation fin-unanswered\nclose\n",
            "mutation goes with subject farewell, not with smoltcp",
        ),
        (
            &["/dev/stdin", "--expect", "no-such-file"],
            "subject smoltcp\nclose\n",
            "cannot read no-such-file: ",
        ),
        (
            &["/dev/stdin"],
            &hours,
            "line 8: more than 3600000 milliseconds",
        ),
        (&["/dev/stdin"], "subject x\nclose\n", "no subject x"),
        (&["/dev/stdin"], "close\n", "names no subject"),
        (&["/dev/stdin"], "jump\n", "line 1: jump: no such step"),
    ] {
        let (status, out, err) = replay(args, text);
        assert_eq!(status, 2, "{args:?}: {out}{err}");
        assert!(err.contains(words), "{args:?}: {err}");
        assert_eq!((err.lines().count(), out.as_str()), (1, ""), "{err}");
    }
}

/// Without its line, the same divergence has another name.
#[test]
fn what_is_known_may_be_in_a_file() {
    let (status, out, err) = replay(&["/dev/stdin", "--expect", "/dev/null"], SCRIPT);
    assert_eq!(status, 1, "{out}{err}");
    assert!(!out.contains("\nfin-overfills: "), "{out}{err}");
    let smoltcps = concat!(env!("CARGO_MANIFEST_DIR"), "/expectations/smoltcp.txt");
    let (_, out, err) = replay(&["/dev/stdin", "--expect", smoltcps], SCRIPT);
    assert!(out.contains("\nfin-overfills: "), "{out}{err}");
}

/// A campaign of no script would find nothing, whatever the stack.
#[test]
fn a_campaign_has_a_script() {
    let run = Command::new(env!("CARGO_BIN_EXE_conform"))
        .args(["run", "--subject", "farewell", "--count", "0"])
        .output()
        .expect("it ends");
    let err = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{err}");
    assert!(err.contains("--count: at least one script"), "{err}");
}

/// The model's files are replayed by the same command, from a pipe as well.
#[cfg(feature = "worlds")]
#[test]
fn what_the_model_saved_is_for_the_model() {
    let text = "farewell counterexample, version 1
scenario: engine-close-half
size: smoke
profile: hardened
without: nothing
network: saturated
property: all
faults: FalseReset
start: 0
actions:
";
    for args in [&["/dev/stdin"][..], &["--absolute", "/dev/stdin"]] {
        let (status, out, err) = replay(args, text);
        assert_eq!(status, 0, "{out}{err}");
        assert!(out.contains("engine-close-half, size smoke"), "{out}");
        assert!(out.contains("does NOT occur any more"), "{out}");
    }
    let wrong = text.replace("start: 0", "start: x");
    let (status, _, err) = replay(&["/dev/stdin"], &wrong);
    assert!(status == 2 && err.contains("line 9"), "{err}");
}
