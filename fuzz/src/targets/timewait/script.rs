//! Scripts for the table, how bytes say them, and a few worth starting from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use arbitrary::{Arbitrary, Unstructured};
use farewell::tuple::Tuple;

use crate::targets::Seeds;

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // `who`: the connection; `hashed`: by the method that is given the hash
pub enum Op {
    /// Enters a record.
    Enter { who: Tuple, hashed: bool },
    /// Restarts one.
    Restart { who: Tuple, hashed: bool },
    /// Takes one out.
    Remove { who: Tuple, hashed: bool },
    /// Changes one where it stands.
    Change { who: Tuple, hashed: bool },
    /// Looks one up, both ways.
    Get { who: Tuple },
    /// Time goes on.
    Forward { micros: u16 },
    /// The clock is set back.
    Back { micros: u8 },
    /// Takes out one whose time is over.
    ExpireOne,
    /// Takes out all whose time is over.
    ExpireAll,
}

/// A table and what happens to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Limit of IPv4: at most 16.
    pub v4: u8,
    /// Limit of IPv6: at most 16.
    pub v6: u8,
    /// How long TIME_WAIT lasts, in microseconds.
    pub lasts: u8,
    /// Each byte of the hash key.
    pub key: u8,
    /// Time begins near its end.
    pub late: bool,
    /// The steps.
    pub ops: Vec<Op>,
}

const MOST: u8 = 16;

/// 256 connections: of both families, and with few different addresses and ports.
fn tuple(n: u8) -> Tuple {
    let host = |h: u8| match n & 1 {
        0 => IpAddr::V4(Ipv4Addr::new(192, 0, 2, h)),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, h.into())),
    };
    let local = SocketAddr::new(host(1), 80 + u16::from(n >> 1 & 1));
    let remote = SocketAddr::new(host(2 + (n >> 7)), 49_152 + u16::from(n >> 2 & 31));
    Tuple::new(local, remote).expect("both of one family")
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let kind = u8::arbitrary(u)?;
        let hashed = kind & 0x80 != 0;
        let mut who = || u8::arbitrary(u).map(tuple);
        Ok(match kind & 15 {
            0..=3 => Op::Enter {
                who: who()?,
                hashed,
            },
            4 | 5 => Op::Restart {
                who: who()?,
                hashed,
            },
            6 | 7 => Op::Remove {
                who: who()?,
                hashed,
            },
            8 => Op::Change {
                who: who()?,
                hashed,
            },
            9 => Op::Get { who: who()? },
            10 | 11 => Op::Forward {
                micros: u8::arbitrary(u)?.into(),
            },
            12 => Op::Forward {
                micros: u16::arbitrary(u)?,
            },
            13 => Op::Back {
                micros: u8::arbitrary(u)?,
            },
            14 => Op::ExpireOne,
            _ => Op::ExpireAll,
        })
    }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let [v4, v6, lasts, key, late] = <[u8; 5]>::arbitrary(u)?;
        let mut ops = Vec::new();
        while !u.is_empty() && ops.len() < 2_000 {
            ops.push(Op::arbitrary(u)?);
        }
        Ok(Script {
            v4: v4 % (MOST + 1),
            v6: v6 % (MOST + 1),
            lasts,
            key,
            late: late & 1 != 0,
            ops,
        })
    }

    fn arbitrary_take_rest(mut u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::arbitrary(&mut u)
    }
}

/// Scripts worth starting from.
pub fn seeds() -> Seeds {
    const ENTER: u8 = 0;
    const RESTART: u8 = 4;
    const REMOVE: u8 = 6;
    const CHANGE: u8 = 8;
    const GET: u8 = 9;
    const FORWARD: u8 = 10;
    const FAR: u8 = 12;
    const BACK: u8 = 13;
    const ONE: u8 = 14;
    const ALL: u8 = 15;
    const HASHED: u8 = 0x80;
    // Limits of 4 and 3, ten microseconds, key 7.
    let table = [4, 3, 10, 7, 0];
    let with = |ops: &[u8]| [&table[..], ops].concat();
    let fill = [ENTER, 0, ENTER, 4, ENTER, 8, ENTER, 12];
    let fill6 = [ENTER, 1, ENTER, 5, ENTER, 9];
    let mut long: Vec<u8> = Vec::new();
    for n in 0..60u8 {
        long.extend([
            ENTER,
            n,
            FORWARD,
            3,
            ONE,
            RESTART,
            n / 2,
            ENTER | HASHED,
            n ^ 1,
        ]);
    }
    vec![
        ("nothing-happens", with(&[])),
        (
            "one-ends-in-time",
            with(&[ENTER, 0, FORWARD, 9, ONE, FORWARD, 1, ONE, GET, 0]),
        ),
        (
            "refused-when-full",
            with(&[&fill[..], &[ENTER, 16, ENTER, 0, ENTER, 16]].concat()),
        ),
        (
            "each-family-has-its-limit",
            with(&[&fill[..], &fill6[..], &[ENTER, 13, GET, 13]].concat()),
        ),
        (
            "restarted-goes-to-the-end",
            with(
                &[
                    &fill[..],
                    &[FORWARD, 2, RESTART, 0, FORWARD, 8, ALL, FORWARD, 2, ALL],
                ]
                .concat(),
            ),
        ),
        (
            "entered-again-is-replaced",
            with(&[
                ENTER, 0, FORWARD, 5, ENTER, 0, FORWARD, 5, ALL, GET, 0, FORWARD, 5, ALL,
            ]),
        ),
        (
            "removed-from-front-middle-end",
            with(
                &[
                    &fill[..],
                    &[REMOVE, 4, REMOVE, 0, REMOVE, 12, REMOVE, 12, GET, 8],
                ]
                .concat(),
            ),
        ),
        (
            "slots-are-used-again",
            with(
                &[
                    &fill[..],
                    &[REMOVE, 4, ENTER, 20, REMOVE, 8, ENTER, 24, FORWARD, 10, ALL],
                ]
                .concat(),
            ),
        ),
        (
            "families-end-in-one-order",
            with(
                &[
                    &fill6[..],
                    &[FORWARD, 1],
                    &fill[..],
                    &[FORWARD, 9, ALL, FORWARD, 1, ALL],
                ]
                .concat(),
            ),
        ),
        (
            "both-families-at-one-moment",
            with(&[&fill6[..], &fill[..], &[FORWARD, 10, ONE, ONE, ALL]].concat()),
        ),
        (
            "changed-where-it-stands",
            with(&[
                ENTER,
                0,
                CHANGE,
                0,
                GET,
                0,
                CHANGE | HASHED,
                4,
                FORWARD,
                10,
                ALL,
            ]),
        ),
        (
            "by-their-hashes",
            with(&[
                ENTER | HASHED,
                0,
                RESTART | HASHED,
                0,
                REMOVE | HASHED,
                0,
                REMOVE | HASHED,
                0,
            ]),
        ),
        (
            "the-clock-goes-back",
            with(&[
                FORWARD, 50, ENTER, 0, BACK, 30, ENTER, 4, ENTER, 1, ALL, FORWARD, 35, ALL,
                RESTART, 0,
            ]),
        ),
        (
            "at-the-end-of-time",
            [
                &[4, 3, 10, 7, 1],
                &fill[..],
                &[FAR, 0xff, 0xff, ALL, ENTER, 0, ALL],
            ]
            .concat(),
        ),
        (
            "no-room-at-all",
            [
                &[0, 0, 10, 7, 0],
                &[ENTER, 0, ENTER, 1, RESTART, 0, ALL][..],
            ]
            .concat(),
        ),
        (
            "lasts-no-time",
            [
                &[4, 3, 0, 7, 0],
                &[ENTER, 0, ENTER, 1, ONE, RESTART, 1, ONE, ONE][..],
            ]
            .concat(),
        ),
        ("many-come-and-go", [&[16, 5, 40, 9, 0], &long[..]].concat()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_connections_are_the_same() {
        let all: std::collections::HashSet<Tuple> = (0..=255).map(tuple).collect();
        assert_eq!(all.len(), 256);
    }

    #[test]
    fn a_seed_is_the_script_it_looks_like() {
        let seeds = seeds();
        let (_, data) = seeds.iter().find(|s| s.0 == "one-ends-in-time").unwrap();
        let script = Script::arbitrary_take_rest(Unstructured::new(data)).unwrap();
        assert_eq!(
            (script.v4, script.v6, script.lasts, script.late),
            (4, 3, 10, false)
        );
        let who = tuple(0);
        let expected = [
            Op::Enter { who, hashed: false },
            Op::Forward { micros: 9 },
            Op::ExpireOne,
            Op::Forward { micros: 1 },
            Op::ExpireOne,
            Op::Get { who },
        ];
        assert_eq!(script.ops, expected);
    }
}
