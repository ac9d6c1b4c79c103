//! Replays of fuzz targets as captures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use farewell_testing::tshark;

const LOCKSTEP: &str = env!("CARGO_BIN_EXE_lockstep");
const NETWORK: &str = env!("CARGO_BIN_EXE_network");
const STACK: &str = env!("CARGO_BIN_EXE_stack");
const TIMEWAIT: &str = env!("CARGO_BIN_EXE_timewait");

fn replay(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().expect("it runs")
}

fn input(name: &str) -> String {
    format!("{}/corpus/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Of the seeds of `network`, in microseconds: ten times two milliseconds.
const LATENCY: u64 = 20_000;
/// In `what` of a [`View`].
const SOURCE_PORT: usize = 2;

/// A packet as tshark reads it, at one host.
#[derive(Debug)]
struct View {
    host: String,
    leaves: bool,
    at: String,
    /// Sockets, numbers, flags, bytes of text.
    what: Vec<String>,
}

/// What a replay of an input captures, without a complaint of tshark; none where tshark is not.
fn captured(program: &str, name: &str) -> Option<Vec<View>> {
    let file = name.replace('/', "-") + &format!("-{}.pcapng", std::process::id());
    let file: PathBuf = std::env::temp_dir().join(file);
    let to = file.to_str().unwrap();
    let out = replay(program, &[&input(name), "--pcapng", to]);
    assert!(out.status.success(), "{out:?}");
    let rows = tshark::is_there().then(|| {
        let fields = [
            "frame.interface_name",
            "frame.packet_flags_direction",
            "frame.time_epoch",
            "ip.src",
            "ipv6.src",
            "tcp.srcport",
            "tcp.seq_raw",
            "tcp.ack_raw",
            "tcp.flags",
            "tcp.len",
        ];
        tshark::read(&file, &fields)
    });
    fs::remove_file(&file).unwrap();
    let views = rows?.into_iter().map(|mut row| View {
        what: row.split_off(3),
        at: row.pop().unwrap(),
        leaves: match row.pop().unwrap().as_str() {
            "0x00000002" | "2" => true,
            "0x00000001" | "1" => false,
            other => panic!("{name}: direction {other:?}"),
        },
        host: row.pop().unwrap(),
    });
    Some(views.collect())
}

/// The specification and the engine, the stack and its reference: nothing is between a host and its peers.
#[test]
fn what_leaves_one_host_reaches_the_other_at_once() {
    for (program, name, port, hosts) in [
        (
            LOCKSTEP,
            "lockstep/from-time-wait",
            "80",
            ["farewell", "peer"],
        ),
        (
            LOCKSTEP,
            "lockstep/from-closing",
            "80",
            ["farewell", "peer"],
        ),
        (
            STACK,
            "stack/peer-closes-first",
            "80",
            ["farewell", "peers"],
        ),
        (
            STACK,
            "stack/time-wait-reopened",
            "80",
            ["farewell", "peers"],
        ),
    ] {
        let Some(views) = captured(program, name) else {
            return;
        };
        assert!(views.len() > 10, "{name}: {views:?}");
        let mut ours = 0;
        for both in views.chunks(2) {
            let [a, b] = both else {
                panic!("{name}: {both:?}")
            };
            assert!(a.leaves && !b.leaves, "{name}: {both:?}");
            assert_eq!((&a.at, &a.what), (&b.at, &b.what), "{name}");
            let is_ours = a.what[SOURCE_PORT] == port;
            ours += usize::from(is_ours);
            let [here, there] = hosts;
            let expected = if is_ours {
                [here, there]
            } else {
                [there, here]
            };
            assert_eq!([&a.host, &b.host], expected, "{name}: {both:?}");
        }
        assert!(ours > 1 && ours < views.len() / 2, "{name}: {views:?}");
    }
}

/// Two hosts and a network: what arrives was sent, and a latency before if nothing happened to it.
#[test]
fn what_the_network_does_is_in_the_views() {
    for (name, lost, twice) in [
        ("network/transfer-both-ways", false, false),
        ("network/over-ipv6", true, false),
        ("network/fin-lost", true, false),
        ("network/everything-twice", false, true),
    ] {
        let Some(views) = captured(NETWORK, name) else {
            return;
        };
        let micros = |v: &View| (v.at.parse::<f64>().unwrap() * 1e6).round() as u64;
        let (mut sent, mut arrived) = (0, 0);
        for (n, view) in views.iter().enumerate() {
            let from = ["host 1", "host 0"][usize::from(view.what[SOURCE_PORT] == "49152")];
            assert_eq!(view.host == from, view.leaves, "{name}: {view:?}");
            if view.leaves {
                sent += 1;
                continue;
            }
            arrived += 1;
            let mut before = views[..n]
                .iter()
                .filter(|v| v.leaves && v.what == view.what);
            let on_time = before.any(|v| micros(view) == micros(v) + LATENCY);
            assert!(on_time || lost || twice, "{name}: {view:?}");
            assert!(on_time || views[..n].iter().any(|v| v.leaves && v.what == view.what));
        }
        assert!(sent > 6, "{name}: {views:?}");
        let ends = [arrived < sent, arrived > sent];
        assert_eq!(
            ends,
            [lost, twice],
            "{name}: {sent} sent, {arrived} arrived"
        );
        let v6 = views.iter().all(|v| v.what[0].is_empty());
        assert_eq!(v6, name.ends_with("ipv6"), "{name}");
    }
}

#[test]
fn what_cannot_be_captured_is_said_in_a_line() {
    let name = input("lockstep/from-closed");
    let wait = input("timewait/at-the-end-of-time");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.to_str().unwrap();
    for (program, args, why) in [
        (
            LOCKSTEP,
            &[&name[..], "--pcapng", "/nowhere/it"][..],
            "cannot write /nowhere/it",
        ),
        (LOCKSTEP, &[&name, "--pcapng", folder], "cannot write"),
        (LOCKSTEP, &[&name, "--pcapng"], "write lockstep FILE"),
        (
            LOCKSTEP,
            &[&name, &name, "--pcapng", "it"],
            "write lockstep FILE",
        ),
        (LOCKSTEP, &[&name, "--pcap", "it"], "write lockstep FILE"),
        (LOCKSTEP, &["--pcapng", "it"], "write lockstep FILE"),
        (LOCKSTEP, &["/nowhere/it"], "/nowhere/it: No such file"),
        (
            TIMEWAIT,
            &[&wait, "--pcapng", "it"],
            "there is nothing to capture",
        ),
    ] {
        let out = replay(program, args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
        assert!(
            said.contains(why) && said.lines().count() == 1,
            "{args:?}: {said}"
        );
    }
}
