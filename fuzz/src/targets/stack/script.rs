//! What a run is made of, and how bytes say it.

use arbitrary::{Arbitrary, Unstructured};

/// How much there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Limits that are never reached.
    Roomy,
    /// Limits that are reached all the time.
    Tiny,
    /// Thousands of connections; limits that are not reached.
    Crowd,
}

/// A host's settings: bits.
pub(super) mod setting {
    pub(crate) const NO_TIMESTAMPS: u16 = 1;
    pub(crate) const NO_SCALING: u16 = 2;
    pub(crate) const ACK_AT_ONCE: u16 = 4;
    pub(crate) const NO_NAGLE: u16 = 8;
    pub(crate) const NO_REOPEN: u16 = 16;
    pub(crate) const NO_LINGER: u16 = 32;
    pub(crate) const IMPATIENT: u16 = 64;
    pub(crate) const ANY_ADDRESS: u16 = 128;
    pub(crate) const SILLY_WINDOWS: u16 = 256;
    pub(crate) const KEEP_ALIVE: u16 = 512;
}

/// A segment to send to the host: of which connection, and what is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // `who`: a pair of sockets; `nth`: of those that the reference has
pub enum Shot {
    /// A SYN with these options, at this sequence number.
    Syn { who: u8, options: u8, seq: u32 },
    /// Of a connection or a TIME_WAIT, relative to its variables. `off`: which numbers are how wrong.
    Known {
        nth: u16,
        flags: u8,
        len: u8,
        off: u8,
        window: u8,
    },
    /// One of the last ones again.
    Again { back: u8 },
    /// Any flags and numbers, between any ends.
    Wild {
        who: u8,
        flags: u8,
        seq: u32,
        ack: u32,
    },
    /// Not quite a packet: cut off, or with a changed byte.
    Broken { who: u8, at: u8 },
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // `at`: a local socket; `which`: a listener, a user's connection; `by`: microseconds
pub enum Op {
    /// A passive OPEN.
    Listen { at: u8, backlog: u8, reuse: bool },
    /// Ends a listener.
    Unlisten { which: u8 },
    /// Takes a connection.
    Accept { which: u8 },
    /// An active OPEN; `local` none for a port of the host's choice.
    Connect {
        who: u8,
        chosen: bool,
        nowhere: bool,
        reuse: bool,
    },
    /// SEND.
    Send { which: u16, len: u16 },
    /// RECEIVE.
    Receive { which: u16, len: u16 },
    /// SHUTDOWN.
    Shutdown { which: u16 },
    /// CLOSE.
    Close { which: u16 },
    /// ABORT.
    Abort { which: u16 },
    /// Gives up what is over.
    Release { which: u16 },
    /// A packet.
    Packet(Shot),
    /// Packets together.
    Batch(Vec<Shot>),
    /// Time goes on, and nobody says so.
    Pass { by: u32 },
    /// Time goes on, and timers are looked at.
    Time { by: u32 },
    /// Time goes on until the host wants to be called.
    Wake,
    /// Many SYNs from as many sockets, and then so many rounds in which each peer answers.
    Crowd { size: u16, rounds: u8 },
    /// Every user does the same: bits of `all`.
    Everybody { what: u8 },
}

/// What every user does.
pub(super) mod all {
    pub(crate) const ACCEPT: u8 = 1;
    pub(crate) const SEND: u8 = 2;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const ABORT_EVERY_THIRD: u8 = 8;
    pub(crate) const SHUT_EVERY_OTHER: u8 = 16;
    /// Before anybody is told that the connection is there.
    pub(crate) const HASTY: u8 = 32;
}

/// A host, and what happens to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// How much there may be.
    pub family: Family,
    /// Bits: timestamps, scaling, and so on, off.
    pub settings: u16,
    /// Bytes of each buffer.
    pub buffers: [u16; 2],
    /// The most text of a segment.
    pub mss: u16,
    /// How long TIME_WAIT lasts, in milliseconds.
    pub time_wait: u16,
    /// Limits of [`Family::Tiny`]: connections, half-open, TIME_WAITs, orphans, replies, memory.
    pub limits: [u8; 6],
    /// Each byte of the secrets.
    pub secret: u8,
    /// The steps.
    pub ops: Vec<Op>,
}

/// Connections that a script opens by [`Op::Crowd`] at most.
const MOST_IN_CROWDS: usize = 3_000;
/// Segments that crowds send at most.
const MOST_OF_CROWDS: usize = 24_000;

impl<'a> Arbitrary<'a> for Shot {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let kind = u8::arbitrary(u)?;
        Ok(match kind & 15 {
            0..=2 => Shot::Syn {
                who: u.arbitrary()?,
                options: kind >> 4,
                seq: u32::from(u16::arbitrary(u)?) << 8,
            },
            3..=11 => Shot::Known {
                nth: u8::arbitrary(u)?.into(),
                flags: u.arbitrary()?,
                len: u.arbitrary()?,
                // Half of them are as they should be.
                off: if kind & 16 == 0 { 0 } else { u.arbitrary()? },
                window: if kind & 32 == 0 { 200 } else { u.arbitrary()? },
            },
            12 | 13 => Shot::Again {
                back: u.arbitrary()?,
            },
            14 => Shot::Wild {
                who: u.arbitrary()?,
                flags: u.arbitrary()?,
                seq: u.arbitrary()?,
                ack: u.arbitrary()?,
            },
            _ => Shot::Broken {
                who: u.arbitrary()?,
                at: u.arbitrary()?,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Op {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let kind = u8::arbitrary(u)?;
        let flag = kind & 0x80 != 0;
        let which = |u: &mut Unstructured<'a>| u8::arbitrary(u).map(u16::from);
        Ok(match kind & 63 {
            0 | 1 => Op::Listen {
                at: u.arbitrary()?,
                backlog: u.arbitrary()?,
                reuse: flag,
            },
            2 if flag => Op::Unlisten {
                which: u.arbitrary()?,
            },
            2..=5 => Op::Accept {
                which: u.arbitrary()?,
            },
            6..=8 => Op::Connect {
                who: u.arbitrary()?,
                chosen: kind & 0x40 != 0,
                nowhere: kind & 0xc0 == 0xc0,
                reuse: flag,
            },
            9..=12 => Op::Send {
                which: which(u)?,
                len: u16::from(u8::arbitrary(u)?) << if flag { 4 } else { 0 },
            },
            13..=15 => Op::Receive {
                which: which(u)?,
                len: u16::from(u8::arbitrary(u)?) << if flag { 4 } else { 0 },
            },
            16 | 17 => Op::Shutdown { which: which(u)? },
            18..=20 => Op::Close { which: which(u)? },
            21 => Op::Abort { which: which(u)? },
            22 => Op::Release { which: which(u)? },
            23..=43 => Op::Packet(u.arbitrary()?),
            44..=49 => {
                let many = 1 + (usize::from(u8::arbitrary(u)?) & 31);
                let mut shots = Vec::new();
                while shots.len() < many && !u.is_empty() {
                    shots.push(u.arbitrary()?);
                }
                Op::Batch(shots)
            }
            50 | 51 => Op::Pass {
                by: u32::from(u16::arbitrary(u)?) << 6,
            },
            52..=56 => Op::Time {
                by: u32::from(u16::arbitrary(u)?) << [6, 10][usize::from(flag)],
            },
            57..=60 => Op::Wake,
            61 | 62 => Op::Crowd {
                size: u.arbitrary()?,
                rounds: u.arbitrary()?,
            },
            _ => Op::Everybody {
                what: u.arbitrary()?,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let [family, settings, mss, time_wait, secret] = <[u8; 5]>::arbitrary(u)?;
        let [send, receive] = <[u8; 2]>::arbitrary(u)?;
        let limits = <[u8; 6]>::arbitrary(u)?;
        let more = u16::from(family & 3) << 8;
        let family = match family {
            0..=119 => Family::Roomy,
            120..=247 => Family::Tiny,
            _ => Family::Crowd,
        };
        // A crowd takes time: a few steps of it do what thousands of others would.
        let most = [400, 40][usize::from(family == Family::Crowd)];
        let (mut in_crowds, mut of_crowds) = (0, 0);
        let mut ops = Vec::new();
        while !u.is_empty() && ops.len() < most {
            let mut op = Op::arbitrary(u)?;
            if let Op::Crowd { size, rounds } = &mut op {
                let size_most = [60, MOST_IN_CROWDS][usize::from(family == Family::Crowd)];
                *size %= size_most as u16 + 1;
                *rounds %= 6;
                in_crowds += usize::from(*size);
                of_crowds += usize::from(*size) * (1 + usize::from(*rounds));
                if in_crowds > MOST_IN_CROWDS || of_crowds > MOST_OF_CROWDS {
                    continue;
                }
            }
            ops.push(op);
        }
        Ok(Script {
            family,
            settings: u16::from(settings) | more,
            buffers: [send, receive].map(|n| 1 + u16::from(n) * 8),
            mss: 48 + u16::from(mss) * 5,
            time_wait: 1 + u16::from(time_wait) * 16,
            limits: limits.map(|n| n % 9),
            secret,
            ops,
        })
    }

    fn arbitrary_take_rest(mut u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::arbitrary(&mut u)
    }
}
