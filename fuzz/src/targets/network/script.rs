//! What two hosts, their applications and the network between them do, and how bytes say it.

use arbitrary::{Arbitrary, Unstructured};

/// A whole run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Over IPv6.
    pub v6: bool,
    /// A second connection on the same pair of sockets.
    pub second_life: bool,
    /// In the second life host 1 connects, and host 0 listens.
    pub swapped: bool,
    /// How the first life begins.
    pub opening: Opening,
    /// Milliseconds on the way.
    pub latency: u16,
    /// The hosts.
    pub hosts: [HostPlan; 2],
    /// What becomes of the packets, in the order in which they are sent; later ones arrive, one behind the other.
    pub fates: Vec<Fate>,
}

/// How a connection begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// Host 0 connects, host 1 listens.
    Passive,
    /// Both connect, host 1 this many milliseconds later; until then it is closed.
    Simultaneous(u16),
    /// Host 1 listens, and connects after so many milliseconds if nothing came.
    FromListen(u16),
}

/// A host: its settings, and what its application does.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the settings have the names of `farewell::Config`
pub struct HostPlan {
    pub nagle: bool,
    pub delayed_ack: bool,
    pub timestamps: bool,
    pub window_scaling: bool,
    pub reopen: bool,
    pub keep_alive: bool,
    /// The text is sent as soon as the connection is asked for.
    pub early: bool,
    pub mss: u16,
    /// Bytes of the send queue.
    pub send: u32,
    /// Bytes of the receive buffer.
    pub receive: u32,
    /// Of each life.
    pub isn: [u32; 2],
    pub ts_offset: u32,
    /// In each life.
    pub apps: [AppPlan; 2],
}

/// An application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppPlan {
    /// Bytes that it writes.
    pub total: u32,
    /// At most so many at a time.
    pub write: u32,
    /// Milliseconds between two writes.
    pub write_gap: u16,
    /// At most so many are read at a time.
    pub read: u32,
    /// Milliseconds between two reads.
    pub read_gap: u16,
    /// It stops reading when so many bytes are read,
    pub nap_at: u32,
    /// for so many seconds.
    pub nap: u8,
    /// It writes only when the peer has finished.
    pub late: bool,
    /// How it ends.
    pub finish: Finish,
}

/// How an application ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finish {
    /// Shuts down when all is written, and reads to the end.
    Shutdown,
    /// Reads to the end, writes all, and closes.
    AfterPeer,
    /// Closes when all is written, whatever there is to read.
    Close,
    /// Closes after so many milliseconds.
    CloseAt(u16),
    /// Aborts when so many bytes are written.
    AbortWritten(u32),
    /// Aborts after so many milliseconds.
    AbortAt(u16),
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It arrives.
    Deliver,
    /// It does not.
    Lose,
    /// It arrives so many milliseconds later than others.
    Delay(u16),
    /// It arrives, and once more so many milliseconds later.
    Duplicate(u16),
    /// It arrives with this bit turned over.
    Corrupt(u16),
}

/// Fates of a script; the network is fair when they are used up.
const MOST_FATES: usize = 400;
/// Reads, writes and segments of full size that a transfer is divided into at most.
const PARTS: u32 = 50;

impl<'a> Arbitrary<'a> for Fate {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let short = |u: &mut Unstructured<'a>| u8::arbitrary(u).map(|b| u16::from(b) * 8);
        // Shorter than MSL by far.
        let long = |u: &mut Unstructured<'a>| u8::arbitrary(u).map(|b| u16::from(b) * 200);
        Ok(match u8::arbitrary(u)? & 15 {
            0..=6 | 15 => Fate::Deliver,
            7..=9 => Fate::Lose,
            10 => Fate::Delay(short(u)?),
            11 => Fate::Delay(long(u)?),
            12 => Fate::Duplicate(short(u)?),
            13 => Fate::Duplicate(long(u)?),
            _ => Fate::Corrupt(u16::arbitrary(u)?),
        })
    }
}

/// The bytes of an application.
struct RawApp {
    total: u16,
    parts: [u8; 8],
}

impl RawApp {
    fn take(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(RawApp {
            total: u16::arbitrary(u)?,
            parts: Arbitrary::arbitrary(u)?,
        })
    }

    /// `most` bytes can be sent by it, `theirs` by the peer.
    fn plan(&self, total: u32, theirs: u32) -> AppPlan {
        let [write, write_gap, read, read_gap, nap_at, nap, how, arg] = self.parts;
        let part = |whole: u32, n: u8| whole / (u32::from(n) % PARTS + 1) + 1;
        let share = |whole: u32| whole * u32::from(arg) / 255;
        let millis = u16::from(arg) * 16;
        AppPlan {
            total,
            write: part(total, write),
            write_gap: u16::from(write_gap) * 4,
            read: part(theirs, read),
            read_gap: u16::from(read_gap) * 4,
            nap_at: theirs * u32::from(nap_at) / 255,
            nap: if how & 0x20 == 0 { nap } else { 0 },
            late: how & 0x30 == 0x30,
            finish: match how & 15 {
                0..=5 => Finish::Shutdown,
                6..=9 => Finish::AfterPeer,
                10..=12 => Finish::Close,
                13 => Finish::CloseAt(millis),
                14 => Finish::AbortWritten(share(total)),
                _ => Finish::AbortAt(millis),
            },
        }
    }
}

/// Any number, but one in four so that it is about to wrap.
fn near_the_edge(u: &mut Unstructured<'_>) -> arbitrary::Result<u32> {
    let n = u32::arbitrary(u)?;
    Ok(if n >> 24 & 3 == 3 { !(n & 0xfff) } else { n })
}

/// The bytes of a host.
struct RawHost {
    settings: u8,
    mss: u16,
    send: u16,
    receive: u16,
    isn: [u32; 2],
    ts_offset: u32,
    apps: [RawApp; 2],
}

impl RawHost {
    fn take(u: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        Ok(RawHost {
            settings: u8::arbitrary(u)?,
            mss: 48 + u16::arbitrary(u)? % (1_460 - 48 + 1),
            send: 1 + u16::arbitrary(u)? % 20_000,
            receive: 1 + u16::arbitrary(u)? % 20_000,
            isn: [near_the_edge(u)?, near_the_edge(u)?],
            ts_offset: Arbitrary::arbitrary(u)?,
            apps: [RawApp::take(u)?, RawApp::take(u)?],
        })
    }

    /// Now and then so much that windows are scaled.
    fn receives_much(&self) -> bool {
        self.settings & 0xc0 == 0xc0
    }

    fn receive(&self) -> u32 {
        u32::from(self.receive) * if self.receives_much() { 8 } else { 1 }
    }

    /// Bytes that this host's application writes: a bounded number of segments, and of round trips.
    fn total(&self, peer: &RawHost, life: usize) -> u32 {
        let least = u32::from(self.send)
            .min(peer.receive())
            .min(self.mss.min(peer.mss).into());
        let much = u32::from(peer.receives_much());
        let total = u32::from(self.apps[life].total) << much | much;
        total % (PARTS * least + 1)
    }

    fn plan(&self, peer: &RawHost) -> HostPlan {
        let bit = |n: u8| self.settings & 1 << n == 0;
        let app =
            |life: usize| self.apps[life].plan(self.total(peer, life), peer.total(self, life));
        HostPlan {
            nagle: bit(0),
            delayed_ack: bit(1),
            timestamps: bit(2),
            window_scaling: bit(3),
            reopen: bit(4),
            keep_alive: self.settings & 0xc0 == 0x80,
            early: !bit(5),
            mss: self.mss,
            send: self.send.into(),
            receive: self.receive(),
            isn: self.isn,
            ts_offset: self.ts_offset,
            apps: [app(0), app(1)],
        }
    }
}

impl<'a> Arbitrary<'a> for Script {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let [how, latency, offset] = <[u8; 3]>::arbitrary(u)?;
        let offset = u16::from(offset) * 4;
        let raw = [RawHost::take(u)?, RawHost::take(u)?];
        let mut hosts = [raw[0].plan(&raw[1]), raw[1].plan(&raw[0])];
        // Two that wait for each other would wait for ever.
        for life in 0..2 {
            let waits =
                |h: &HostPlan| h.apps[life].late || h.apps[life].finish == Finish::AfterPeer;
            if hosts.iter().all(waits) {
                let app = &mut hosts[1].apps[life];
                app.late = false;
                app.finish = Finish::Shutdown;
            }
        }
        let mut fates = Vec::new();
        while !u.is_empty() && fates.len() < MOST_FATES {
            fates.push(Fate::arbitrary(u)?);
        }
        Ok(Script {
            v6: how & 1 != 0,
            second_life: how & 2 != 0,
            swapped: how & 4 != 0,
            opening: match how >> 3 & 7 {
                0..=5 => Opening::Passive,
                6 => Opening::Simultaneous(offset),
                _ => Opening::FromListen(offset),
            },
            latency: u16::from(latency) * 2,
            hosts,
            fates,
        })
    }

    fn arbitrary_take_rest(mut u: Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::arbitrary(&mut u)
    }
}
