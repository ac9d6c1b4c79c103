//! Runs worth starting from, as the bytes that [`super::Script`] reads.

use crate::targets::Seeds;

const ROOMY: u8 = 0;
const TINY: u8 = 200;
const CROWD: u8 = 252;
/// With a family: keep-alives.
const KEEP_ALIVE: u8 = 2;
/// Limits of eight each.
const LIMITS: [u8; 6] = [8; 6];

const REUSE: u8 = 0x80;
const LISTEN: [u8; 3] = [0, 0, 255];
const ACCEPT: [u8; 2] = [3, 0];
const WAKE: u8 = 57;

fn with(family: u8, settings: u8, limits: [u8; 6], steps: &[&[u8]]) -> Vec<u8> {
    // TIME_WAIT of 0.8 seconds, an MSS of 1,048, buffers of 1,025 bytes.
    let head = [family, settings, 200, 50, 7, 128, 128];
    [&head[..], &limits, &steps.concat()].concat()
}

/// A SYN, all options.
fn syn(who: u8) -> [u8; 5] {
    [23, 0, who, 1, 2]
}

/// As it should be, of the `nth` connection.
fn known(nth: u8, flags: u8, len: u8) -> [u8; 5] {
    [23, 3, nth, flags, len]
}

fn open(who: u8) -> Vec<u8> {
    [&syn(who)[..], &known(0, 0, 0), &ACCEPT].concat()
}

fn connect(who: u8, how: u8) -> [u8; 2] {
    [6 | how, who]
}

fn send(which: u8) -> [u8; 3] {
    [9, which, 100]
}

fn receive(which: u8) -> [u8; 3] {
    [13, which, 200]
}

const SHUTDOWN: [u8; 2] = [16, 0];
const CLOSE: [u8; 2] = [18, 0];
const ABORT: [u8; 2] = [21, 0];
const RELEASE: [u8; 2] = [22, 0];
const FIN: u8 = 5;
const RST: u8 = 11;
const SYN: u8 = 9;

fn crowd(size: u16, rounds: u8) -> Vec<u8> {
    [&[61][..], &size.to_le_bytes(), &[rounds]].concat()
}

/// Inputs worth starting from.
pub fn seeds() -> Seeds {
    let fin = known(0, FIN, 0);
    let ack = known(0, 0, 0);
    let data = known(0, 3, 50);
    let listen81 = [0, 8, 255];
    let roomy = |steps: &[&[u8]]| with(ROOMY, 0, LIMITS, steps);
    let tiny = |n, limit, steps: &[&[u8]]| {
        let mut limits = LIMITS;
        limits[n] = limit;
        with(TINY, 0, limits, steps)
    };
    let o = open(0);
    let wait: [u8; 5] = [WAKE, WAKE, WAKE, WAKE, WAKE];
    let many_syns: Vec<u8> = (0..12).flat_map(|n| syn(n << 3)).collect();
    let everybody = |what| [63u8, what];
    let in_time_wait: &[&[u8]] = &[&LISTEN, &o, &CLOSE, &fin];
    let and = |more: &[&[u8]]| roomy(&[in_time_wait, more].concat());
    vec![
        ("nothing-happens", roomy(&[])),
        (
            "open-and-text-both-ways",
            roomy(&[&LISTEN, &o, &send(0), &ack, &data, &receive(0)]),
        ),
        (
            "peer-closes-first",
            roomy(&[&LISTEN, &o, &data, &fin, &receive(0), &CLOSE, &ack]),
        ),
        (
            "unread-in-time-wait",
            roomy(&[
                &LISTEN,
                &o,
                &SHUTDOWN,
                &data,
                &fin,
                &receive(0),
                &fin,
                &RELEASE,
            ]),
        ),
        ("time-wait-ends", and(&[&wait])),
        (
            "time-wait-reopened",
            and(&[&known(0, SYN, 0), &ack, &ACCEPT]),
        ),
        (
            "time-wait-reopened-at-all-addresses",
            roomy(&[&[0, 3, 255], &o, &CLOSE, &fin, &known(0, SYN, 0)]),
        ),
        (
            "time-wait-gone-back-to",
            and(&[&known(0, SYN, 0), &known(0, RST, 0), &fin]),
        ),
        (
            "time-wait-over-and-not-yet-gone",
            and(&[&[50, 255, 255], &syn(0), &connect(0, REUSE)]),
        ),
        (
            "ends-that-are-taken",
            roomy(&[
                &LISTEN,
                &o,
                &connect(0, REUSE),
                &CLOSE,
                &fin,
                &connect(0, REUSE),
            ]),
        ),
        (
            "time-wait-over-and-connected-over",
            and(&[&[50, 255, 255], &connect(0, REUSE)]),
        ),
        (
            "time-wait-over-and-still-held",
            roomy(&[&LISTEN, &o, &SHUTDOWN, &fin, &wait, &ABORT]),
        ),
        (
            "aborted-in-time-wait",
            roomy(&[&LISTEN, &o, &SHUTDOWN, &fin, &ABORT, &fin, &syn(0)]),
        ),
        (
            "keep-alives-that-nobody-answers",
            with(ROOMY | KEEP_ALIVE, 0, LIMITS, &[&LISTEN, &o, &wait, &wait]),
        ),
        (
            "keep-alives-in-fin-wait-2",
            with(
                ROOMY | KEEP_ALIVE,
                0,
                LIMITS,
                &[&LISTEN, &o, &SHUTDOWN, &ack, &wait, &ack, &wait],
            ),
        ),
        (
            "bind-in-time-wait",
            and(&[&[2 | REUSE, 0], &LISTEN, &[REUSE, 0, 9], &connect(0, 0)]),
        ),
        (
            "aborted-and-its-answers",
            roomy(&[&LISTEN, &o, &ABORT, &data, &known(0, SYN, 0), &RELEASE]),
        ),
        (
            "embryo-reset",
            roomy(&[&LISTEN, &syn(0), &known(0, RST, 0), &syn(0)]),
        ),
        (
            "unaccepted-reset",
            roomy(&[&LISTEN, &syn(0), &ack, &known(0, RST, 0), &ACCEPT]),
        ),
        (
            "listener-ends",
            roomy(&[
                &LISTEN,
                &listen81,
                &many_syns,
                &ack,
                &[2 | REUSE, 0],
                &syn(1),
            ]),
        ),
        (
            "active-open",
            roomy(&[
                &connect(0, 0),
                &known(0, 0, 0),
                &send(0),
                &ack,
                &CLOSE,
                &fin,
            ]),
        ),
        (
            "active-open-refused",
            roomy(&[&connect(0, 0), &known(0, 12, 0), &RELEASE]),
        ),
        (
            "simultaneous-open",
            roomy(&[&connect(0, 0), &known(0, 0x80, 0), &ack, &send(0)]),
        ),
        (
            "ports-of-the-hosts-choice",
            roomy(&[[connect(0, 0x40), connect(0, 0xc0)]
                .concat()
                .repeat(8)
                .as_slice()]),
        ),
        (
            "all-addresses-and-one",
            roomy(&[&[0, 3, 9], &[REUSE, 0, 9], &many_syns, &[3, 1, 3, 0, 3, 1]]),
        ),
        (
            "nobody-listens",
            roomy(&[&many_syns, &[23, 14, 0, 17, 1, 1, 1, 1, 2, 2, 2, 2]]),
        ),
        (
            "ends-that-nobody-has",
            roomy(&[(232..=255).flat_map(syn).collect::<Vec<_>>().as_slice()]),
        ),
        (
            "a-life-in-one-batch",
            roomy(&[
                &LISTEN,
                &[44, 4],
                &syn(0)[1..],
                &ack[1..],
                &data[1..],
                &fin[1..],
                &known(0, RST, 0)[1..],
                &ACCEPT,
                &RELEASE,
            ]),
        ),
        (
            "retransmits-until-it-gives-up",
            roomy(&[&LISTEN, &o, &send(0), &[WAKE; 60]]),
        ),
        (
            "limit-connections",
            tiny(0, 2, &[&LISTEN, &many_syns, &connect(1, 0), &wait]),
        ),
        (
            "limit-half-open",
            tiny(1, 2, &[&LISTEN, &many_syns, &ack, &syn(9)]),
        ),
        (
            "limit-time-waits",
            tiny(2, 0, &[&LISTEN, &o, &CLOSE, &fin, &wait]),
        ),
        ("limit-orphans", tiny(3, 0, &[&LISTEN, &o, &CLOSE, &wait])),
        (
            "limit-replies",
            tiny(
                4,
                1,
                &[&[44, 3], &syn(0)[1..], &syn(1)[1..], &syn(2)[1..], &wait],
            ),
        ),
        (
            "limit-memory",
            tiny(5, 1, &[&LISTEN, &many_syns, &connect(1, 0), &wait]),
        ),
        (
            "limit-backlog",
            tiny(0, 8, &[&[0, 0, 2], &many_syns, &ack, &ACCEPT, &syn(64)]),
        ),
        (
            "a-crowd-comes-and-goes",
            with(
                CROWD,
                0,
                LIMITS,
                &[
                    &LISTEN,
                    &listen81,
                    &crowd(3_000, 3),
                    &everybody(1 | 2),
                    &everybody(4 | 8),
                    &wait,
                    &wait,
                ],
            ),
        ),
        (
            "a-crowd-accepted-and-closed-at-once",
            with(
                CROWD,
                0,
                LIMITS,
                &[
                    &LISTEN,
                    &crowd(300, 1),
                    &everybody(1 | 4 | 8 | 32),
                    &crowd(300, 2),
                    &wait,
                ],
            ),
        ),
        (
            "a-crowd-in-time-wait",
            with(
                CROWD,
                4,
                LIMITS,
                &[
                    &LISTEN,
                    &listen81,
                    &crowd(1_500, 1),
                    &everybody(1 | 16),
                    &crowd(500, 5),
                    &everybody(1 | 4),
                    &[52, 255, 255],
                    &wait,
                ],
            ),
        ),
        (
            "a-crowd-is-aborted",
            with(
                CROWD,
                1,
                LIMITS,
                &[
                    &LISTEN,
                    &listen81,
                    &crowd(1_000, 2),
                    &[2 | REUSE, 0],
                    &everybody(8),
                    &wait,
                ],
            ),
        ),
    ]
}
