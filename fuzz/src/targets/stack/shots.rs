//! Few ends, and the packets between them.

use std::net::{IpAddr, SocketAddr};

use farewell::endpoint::Phase;
use farewell::seq::SeqNumber;
use farewell::wire::{Checksums, Flags, Header, Options, Timestamps, emit_packet};
use farewell::{Instant, State};

use super::naive::{Ends, Naive, tuple};
use super::script::Shot;

/// The host's addresses, then one that it does not have.
pub(super) const HERE: [&str; 4] = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.9"];
const THERE: [&str; 2] = ["198.51.100.7", "198.51.100.8"];

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse::<IpAddr>().expect("an address"), port)
}

/// A local socket to listen on.
pub(super) fn local(n: u8) -> SocketAddr {
    let ips = [
        HERE[0],
        HERE[0],
        HERE[1],
        "0.0.0.0",
        HERE[2],
        "::",
        HERE[3],
        "224.0.0.1",
    ];
    let port = if n >= 248 {
        0
    } else {
        80 + u16::from(n >> 3 & 1)
    };
    at(ips[usize::from(n & 7)], port)
}

/// One of some hundred pairs of sockets, a few of which nobody has.
pub(super) fn ends(n: u8) -> Ends {
    let port = 49_152 + u16::from(n >> 3 & 7);
    if n >= 232 {
        let (here, there) = (at(HERE[0], 80), at(THERE[0], port));
        return match n & 7 {
            0 => (here, at(THERE[0], 0)),
            1 => (here, at("0.0.0.0", port)),
            2 => (here, at("224.0.0.1", port)),
            3 => (here, at("255.255.255.255", port)),
            4 => (at(HERE[3], 80), there),
            5 => (at(HERE[0], 0), there),
            6 => (at("0.0.0.0", 80), there),
            _ => (at(HERE[0], 7), there),
        };
    }
    if n & 3 == 3 {
        let host = ["2001:db8::7", "2001:db8::8"][usize::from(n >> 2 & 1)];
        return (at(HERE[2], 80), at(host, port));
    }
    let here = [at(HERE[0], 80), at(HERE[0], 81), at(HERE[1], 80)][usize::from(n & 3)];
    (here, at(THERE[usize::from(n >> 2 & 1)], port))
}

/// The `n`-th of a crowd: few ports here, a thousand at each address there.
pub(super) fn in_crowd(n: usize) -> Ends {
    let there = IpAddr::from([10, 0, (n >> 10) as u8, 1]);
    let there = SocketAddr::new(there, 1_000 + (n & 1_023) as u16);
    (at(HERE[0], 80 + (n & 1) as u16), there)
}

/// A packet that arrives.
pub(super) fn packet(ends: &Ends, header: Header, text: &[u8]) -> Vec<u8> {
    let header = Header {
        src_port: ends.1.port(),
        dst_port: ends.0.port(),
        ..header
    };
    let mut bytes = vec![0; 120 + text.len()];
    let from = tuple(ends).addresses().reversed();
    let len = emit_packet(&header, &from, (text, &[]), &mut bytes, Checksums::Verify);
    bytes.truncate(len.expect("room for any header"));
    bytes
}

/// The peer's clock.
fn stamp(now: Instant) -> u32 {
    (now.0 / 1_000) as u32 ^ 0x8000_0000
}

pub(super) fn syn(now: Instant, options: u8, seq: u32) -> Header {
    let timestamps = Timestamps {
        val: stamp(now),
        ecr: 0,
    };
    Header {
        seq: SeqNumber(seq),
        flags: Flags::SYN,
        window: 4_000,
        options: Options {
            timestamps: (options & 1 == 0).then_some(timestamps),
            window_scale: (options & 2 == 0).then_some(3),
            mss: (options & 4 == 0).then_some(300),
        },
        ..Header::default()
    }
}

/// What the peer knows: SND.UNA, SND.NXT, RCV.NXT and the window of the host, and its own last timestamp.
struct View {
    una: SeqNumber,
    nxt: SeqNumber,
    rcv: SeqNumber,
    wnd: u32,
    stamp: Option<u32>,
    state: State,
}

fn view(naive: &Naive, ends: &Ends) -> Option<View> {
    let e = naive.ends.get(ends)?;
    if let Phase::TimeWait(r, _) = e.tcp.phase() {
        return Some(View {
            una: r.snd_nxt,
            nxt: r.snd_nxt,
            rcv: r.rcv_nxt,
            wnd: u32::from(r.window) << r.shift,
            stamp: (r.flags.0 & 1 != 0).then_some(r.ts_recent),
            state: State::TimeWait,
        });
    }
    let c = e.tcp.connection()?;
    let state = c.state();
    let opening = state == State::SynSent;
    Some(View {
        una: c.snd_una(),
        nxt: c.snd_nxt(),
        rcv: if opening {
            SeqNumber(77_000)
        } else {
            c.rcv_nxt()
        },
        wnd: c.rcv_wnd(),
        stamp: c.ts_recent().or(opening.then_some(stamp(Instant(0)))),
        state,
    })
}

/// A segment of a connection that the reference has.
pub(super) fn known(
    naive: &Naive,
    now: Instant,
    ends: &Ends,
    [flags, len, off, window]: [u8; 4],
) -> Option<Vec<u8>> {
    const KINDS: [Flags; 16] = [
        Flags::ACK,
        Flags::ACK,
        Flags::ACK,
        Flags::ACK.with(Flags::PSH),
        Flags::ACK.with(Flags::PSH),
        Flags::ACK.with(Flags::FIN),
        Flags::ACK.with(Flags::FIN),
        Flags::ACK.with(Flags::FIN),
        Flags::SYN.with(Flags::ACK),
        Flags::SYN,
        Flags::SYN,
        Flags::RST,
        Flags::RST.with(Flags::ACK),
        Flags::FIN,
        Flags(0),
        Flags::SYN.with(Flags::FIN).with(Flags::ACK),
    ];
    let v = view(naive, ends)?;
    let mut kind = KINDS[usize::from(flags & 15)];
    if v.state == State::SynSent && kind.has(Flags::ACK) && !kind.has(Flags::RST) && off == 0 {
        kind = [Flags::SYN.with(Flags::ACK), Flags::SYN][usize::from(flags >> 7)];
    }
    let text = if flags & 16 != 0 || kind.has(Flags::PSH) {
        usize::from(len)
    } else {
        0
    };
    let seq = match off & 15 {
        1 => v.rcv - 1,
        2 => v.rcv + 1,
        3 => v.rcv + v.wnd,
        4 => v.rcv + v.wnd - 1,
        5 => v.rcv - text as u32,
        6 => v.rcv + 100,
        7 => v.rcv + 0x8000_0000,
        _ if kind == Flags::SYN && v.state == State::TimeWait => v.rcv + 1_000,
        _ => v.rcv,
    };
    let ack = match off >> 4 {
        1 => v.una,
        2 => v.nxt + 1,
        3 => v.una + 1,
        4 => v.una - 1,
        5 => v.nxt + 0x8000_0000,
        _ => v.nxt,
    };
    let newer = v.stamp.map(|s| {
        if (stamp(now).wrapping_sub(s) as i32) < 0 {
            s
        } else {
            stamp(now)
        }
    });
    let val = match off >> 4 {
        6 => None,
        7 => v.stamp.map(|s| s.wrapping_sub(1)),
        _ => newer,
    };
    let offset = naive.isn.ts_offset(&tuple(ends));
    let header = Header {
        seq,
        ack: if kind.has(Flags::ACK) {
            ack
        } else {
            SeqNumber(0)
        },
        flags: kind,
        window: u16::from(window) << 4,
        options: Options {
            timestamps: val.map(|val| Timestamps {
                val,
                ecr: ((now.0 / 1_000) as u32).wrapping_add(offset),
            }),
            window_scale: kind.has(Flags::SYN).then_some(2),
            mss: kind.has(Flags::SYN).then_some(200),
        },
        ..Header::default()
    };
    let text: Vec<u8> = (0..text)
        .map(|n| (n as u32).wrapping_add(seq.0) as u8)
        .collect();
    Some(packet(ends, header, &text))
}

/// The bytes of a shot; none if there is no such connection.
pub(super) fn bytes(
    naive: &Naive,
    now: Instant,
    shot: &Shot,
    recent: &[Vec<u8>],
) -> Option<Vec<u8>> {
    Some(match *shot {
        Shot::Syn { who, options, seq } => {
            let text: &[u8] = if options & 8 == 0 { &[] } else { b"early" };
            packet(&ends(who), syn(now, options, seq), text)
        }
        Shot::Known {
            nth,
            flags,
            len,
            off,
            window,
        } => {
            let n = usize::from(nth).checked_rem(naive.ends.len())?;
            let ends = *naive.ends.keys().nth(n)?;
            known(naive, now, &ends, [flags, len, off, window])?
        }
        Shot::Again { back } => {
            let n = usize::from(back).checked_rem(recent.len())?;
            recent[recent.len() - 1 - n].clone()
        }
        Shot::Wild {
            who,
            flags,
            seq,
            ack,
        } => {
            let header = Header {
                seq: SeqNumber(seq),
                ack: SeqNumber(if flags & 16 == 0 { 0 } else { ack }),
                flags: Flags(flags & 31),
                window: seq as u16,
                ..Header::default()
            };
            packet(&ends(who), header, &[7; 3][..usize::from(flags >> 6)])
        }
        Shot::Broken { who, at } => {
            let mut bytes = packet(&ends(who), syn(now, 0, 1), &[]);
            if at < 128 {
                bytes.truncate(at.into());
            } else if let Some(b) = bytes.get_mut(usize::from(at) - 128) {
                *b ^= 0x10;
            }
            bytes
        }
    })
}
