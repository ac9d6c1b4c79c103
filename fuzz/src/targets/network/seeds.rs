//! Runs worth starting from, as the bytes that [`super::Script`] reads.

use crate::targets::Seeds;

const SHUTDOWN: u8 = 0;
const AFTER_PEER: u8 = 6;
const CLOSE: u8 = 10;
const CLOSE_AT: u8 = 13;
const ABORT_WRITTEN: u8 = 14;
const ABORT_AT: u8 = 15;
/// With a `Finish`: writes only when the peer has finished.
const LATE: u8 = 0x30;
/// With a `Finish`: never stops reading.
const AWAKE: u8 = 0x20;

const LOSE: u8 = 7;
const DELAY: u8 = 10;
const DELAY_LONG: u8 = 11;
const DUPLICATE: u8 = 12;
const DUPLICATE_LONG: u8 = 13;
const CORRUPT: u8 = 14;
const PASS: u8 = 0;

#[derive(Clone, Copy)]
struct App {
    total: u16,
    /// Parts of a write, gap, parts of a read, gap.
    pace: [u8; 4],
    nap_at: u8,
    nap: u8,
    how: u8,
    arg: u8,
}

#[derive(Clone, Copy)]
struct Host {
    settings: u8,
    mss: u16,
    send: u16,
    receive: u16,
    isn: [u32; 2],
    ts_offset: u32,
    apps: [App; 2],
}

/// A life with 3,000 bytes and a shutdown on each side.
const APP: App = App {
    total: 3_000,
    pace: [0; 4],
    nap_at: 0,
    nap: 0,
    how: SHUTDOWN | AWAKE,
    arg: 0,
};

const HOST: Host = Host {
    settings: 0,
    mss: 1_460,
    send: 8_000,
    receive: 8_000,
    isn: [1_000, 2_000_000],
    ts_offset: 5,
    apps: [APP; 2],
};

const SECOND: u8 = 2;
const SWAPPED: u8 = 4;
const SIMULTANEOUS: u8 = 6 << 3;
const FROM_LISTEN: u8 = 7 << 3;

fn bytes(how: u8, offset: u8, hosts: [Host; 2], fates: &[u8]) -> Vec<u8> {
    let mut out = vec![how, 10, offset];
    for h in hosts {
        out.push(h.settings);
        for n in [h.mss - 48, h.send - 1, h.receive - 1] {
            out.extend(n.to_le_bytes());
        }
        for n in [h.isn[0], h.isn[1], h.ts_offset] {
            out.extend(n.to_le_bytes());
        }
        for a in h.apps {
            out.extend(a.total.to_le_bytes());
            out.extend(a.pace);
            out.extend([a.nap_at, a.nap, a.how, a.arg]);
        }
    }
    out.extend(fates);
    out
}

/// Hosts whose applications end like this in their first life.
fn ends(how: [u8; 2]) -> [Host; 2] {
    how.map(|how| Host {
        apps: [
            App {
                how: how | AWAKE,
                ..APP
            },
            APP,
        ],
        ..HOST
    })
}

/// The same, `arg` times 16 milliseconds later where it goes by the clock.
fn timed(how: [u8; 2], arg: u8) -> [Host; 2] {
    ends(how).map(|mut h| {
        h.apps[0].arg = arg;
        h
    })
}

/// Inputs worth starting from.
pub fn seeds() -> Seeds {
    let both = [HOST; 2];
    let all = |change: fn(&mut Host)| {
        both.map(|mut h| {
            change(&mut h);
            h
        })
    };
    let small = all(|h| (h.send, h.receive, h.mss) = (700, 300, 100));
    let tiny = all(|h| (h.send, h.receive, h.mss) = (1, 1, 48));
    let wraps = all(|h| (h.isn, h.ts_offset) = ([u32::MAX - 1_500, u32::MAX], u32::MAX - 100));
    let plain = all(|h| h.settings = 0x0f); // no Nagle, ACKs at once, no timestamps, no scaling
    let large = all(|h| (h.settings, h.receive) = (0xc0, 20_000));
    let slow = all(|h| {
        (h.send, h.receive) = (2_000, 1_000);
        h.apps[0] = App {
            pace: [9, 50, 9, 200],
            nap_at: 80,
            nap: 200,
            how: SHUTDOWN,
            ..APP
        };
    });
    let nothing = all(|h| h.apps[0].total = 0);
    let one_way = [HOST, nothing[1]];
    let low = all(|h| h.isn = [9_000, 1_000]);
    // What is unread when the FIN comes leaves room for one byte, less than a unit of the scaled window.
    let mut full = ends([AFTER_PEER, SHUTDOWN]);
    (full[1].settings, full[1].receive) = (0xc4, 8_192);
    full[0].apps[0].total = 33_497;
    full[1].apps[0] = App {
        total: 0,
        nap: 100,
        how: SHUTDOWN,
        ..APP
    };
    // One end has shut down and waits, the other naps.
    let mut patient = ends([SHUTDOWN, AFTER_PEER]);
    patient[0].settings = 0x80;
    patient[1].apps[0] = App {
        total: 0,
        nap: 200,
        how: AFTER_PEER,
        ..APP
    };
    let lost = [PASS, LOSE, PASS, PASS, LOSE, LOSE, PASS, LOSE];
    let many_lost: Vec<u8> = (0..120)
        .map(|n| if n % 4 == 3 { LOSE } else { PASS })
        .collect();
    let only_losses = [LOSE; 40];
    let shuffled: Vec<u8> = (0..60)
        .flat_map(|n: u8| [DELAY, n.wrapping_mul(37)])
        .collect();
    let doubled: Vec<u8> = (0..60).flat_map(|n: u8| [DUPLICATE, n]).collect();
    let old: Vec<u8> = (0..60)
        .flat_map(|n: u8| [DUPLICATE_LONG, 100 + n])
        .collect();
    let late: Vec<u8> = (0..30).flat_map(|n: u8| [DELAY_LONG, n, PASS]).collect();
    let broken: Vec<u8> = (0..30).flat_map(|n: u8| [CORRUPT, n, n, PASS]).collect();
    let close_behind = |n: usize, fate: &[u8]| [&vec![PASS; n][..], fate].concat();
    vec![
        ("transfer-both-ways", bytes(0, 0, both, &[])),
        ("transfer-one-way", bytes(0, 0, one_way, &[])),
        ("transfer-nothing", bytes(0, 0, nothing, &[])),
        ("over-ipv6", bytes(1, 0, both, &lost)),
        ("plain-settings", bytes(0, 0, plain, &lost)),
        ("numbers-wrap", bytes(SECOND, 0, wraps, &lost)),
        ("windows-are-scaled", bytes(0, 0, large, &lost)),
        ("small-buffers", bytes(0, 0, small, &many_lost)),
        ("buffers-of-one-byte", bytes(0, 0, tiny, &lost)),
        ("slow-readers-that-nap", bytes(0, 0, slow, &lost)),
        ("one-in-four-lost", bytes(0, 0, both, &many_lost)),
        ("forty-lost-and-given-up", bytes(0, 0, both, &only_losses)),
        ("shuffled", bytes(0, 0, small, &shuffled)),
        ("everything-twice", bytes(0, 0, small, &doubled)),
        ("old-copies-come-back", bytes(SECOND, 0, nothing, &old)),
        ("some-come-very-late", bytes(0, 0, both, &late)),
        ("broken-bits", bytes(0, 0, small, &broken)),
        ("simultaneous-open", bytes(SIMULTANEOUS, 0, both, &[])),
        (
            "simultaneous-open-crossing",
            bytes(SIMULTANEOUS, 2, both, &[PASS, PASS, LOSE]),
        ),
        (
            "simultaneous-open-too-late",
            bytes(SIMULTANEOUS, 60, both, &[]),
        ),
        ("listener-connects", bytes(FROM_LISTEN, 2, both, &[])),
        (
            "listener-connects-after-a-loss",
            bytes(FROM_LISTEN, 60, both, &[LOSE]),
        ),
        (
            "client-closes-first",
            bytes(0, 0, ends([SHUTDOWN, AFTER_PEER]), &[]),
        ),
        (
            "server-closes-first",
            bytes(0, 0, ends([AFTER_PEER, SHUTDOWN]), &[]),
        ),
        (
            "answers-after-the-end",
            bytes(0, 0, ends([SHUTDOWN, AFTER_PEER | LATE]), &lost),
        ),
        (
            "closes-with-text-to-come",
            bytes(0, 0, ends([CLOSE, SHUTDOWN]), &[]),
        ),
        ("both-close", bytes(0, 0, ends([CLOSE, CLOSE]), &[])),
        (
            "closes-in-syn-sent",
            bytes(0, 0, ends([CLOSE_AT, AFTER_PEER]), &[]),
        ),
        (
            "closes-in-syn-received",
            bytes(SIMULTANEOUS, 3, timed([CLOSE_AT, AFTER_PEER], 2), &[]),
        ),
        (
            "closes-in-the-middle",
            bytes(0, 0, timed([AFTER_PEER, CLOSE_AT], 4), &[]),
        ),
        (
            "aborts-in-syn-sent",
            bytes(0, 0, ends([ABORT_AT, SHUTDOWN]), &[]),
        ),
        (
            "aborts-when-connected",
            bytes(0, 0, ends([SHUTDOWN, ABORT_WRITTEN]), &[]),
        ),
        (
            "aborts-in-the-middle",
            bytes(0, 0, timed([ABORT_AT, SHUTDOWN], 4), &lost),
        ),
        (
            "aborts-when-closing",
            bytes(0, 0, timed([SHUTDOWN, ABORT_AT], 6), &lost),
        ),
        (
            "full-window-in-time-wait",
            bytes(0, 0, full, &[&old[..], &[PASS; 13], &[LOSE; 6]].concat()),
        ),
        ("keep-alives-answered", bytes(0, 0, patient, &[])),
        (
            "keep-alives-lost-and-given-up",
            bytes(0, 0, patient, &close_behind(10, &[LOSE; 12])),
        ),
        ("fin-lost", bytes(0, 0, nothing, &close_behind(3, &[LOSE]))),
        (
            "last-ack-lost",
            bytes(0, 0, nothing, &close_behind(5, &[LOSE, LOSE, LOSE])),
        ),
        (
            "syn-lost-three-times",
            bytes(0, 0, both, &[LOSE, LOSE, LOSE]),
        ),
        (
            "second-life-reopens",
            bytes(SECOND, 0, ends([AFTER_PEER, SHUTDOWN]), &[]),
        ),
        (
            "second-life-reopens-among-old-copies",
            bytes(SECOND, 0, ends([AFTER_PEER, SHUTDOWN]), &old),
        ),
        (
            "second-life-swapped",
            bytes(SECOND | SWAPPED, 0, ends([SHUTDOWN, AFTER_PEER]), &lost),
        ),
        (
            "second-life-with-lower-numbers",
            bytes(SECOND, 0, low, &lost),
        ),
        (
            "second-life-after-an-abort",
            bytes(SECOND, 0, timed([ABORT_AT, SHUTDOWN], 4), &[]),
        ),
    ]
}
