//! Packets and options worth starting from.

use farewell::seq::SeqNumber;
use farewell::wire::{Addresses, Checksums, Flags, Header, Options, Timestamps, emit_packet};

use super::{V4, V6};
use crate::targets::Seeds;

const PACKET: u8 = 0;
const MENDED: u8 = 1;
const WRITTEN: u8 = 2;
const OPTIONS: u8 = 3;

fn header(flags: Flags, options: Options) -> Header {
    Header {
        src_port: 49_152,
        dst_port: 80,
        seq: SeqNumber(u32::MAX - 1),
        ack: SeqNumber(7),
        flags,
        window: 1_024,
        urgent: 0,
        options,
    }
}

fn packet(addresses: &Addresses, header: &Header, text: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 200];
    let n = emit_packet(header, addresses, (text, &[]), &mut out, Checksums::Verify)
        .expect("room for a small packet");
    out.truncate(n);
    out
}

/// With something changed behind the checksum's back.
fn with(mut bytes: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// With so many extension headers of a kind in front of the segment.
fn extended(packet: &[u8], kinds: &[u8]) -> Vec<u8> {
    let mut out = packet[..40].to_vec();
    let follows = kinds.iter().skip(1).copied().chain([6]);
    for (kind, next) in kinds.iter().zip(follows) {
        let len = if *kind == 51 { 2 } else { 0 }; // of an authentication header: words, without two
        out.extend([next, len, 0, 0, 0, 0, 0, 0]);
        out.extend(vec![0; if *kind == 51 { 8 } else { 0 }]);
    }
    out[6] = kinds.first().copied().unwrap_or(6);
    out.extend(&packet[40..]);
    let len = ((out.len() - 40) as u16).to_be_bytes();
    with(out, 4, &len)
}

/// Inputs worth starting from.
pub fn seeds() -> Seeds {
    let ts = Options {
        timestamps: Some(Timestamps { val: 1, ecr: 2 }),
        ..Options::default()
    };
    let all = Options {
        mss: Some(1_460),
        window_scale: Some(7),
        ..ts
    };
    let none = Options::default();
    let ack = Flags::ACK;
    let text = packet(&V4, &header(ack.with(Flags::PSH), ts), b"farewell");
    let text6 = packet(&V6, &header(ack.with(Flags::PSH), ts), b"farewell");
    let bare = packet(&V4, &header(ack, none), b"");
    let syn = packet(&V4, &header(Flags::SYN, all), b"");
    let fin6 = packet(&V6, &header(ack.with(Flags::FIN), ts), b"");
    let hops: Vec<u8> = vec![60; 9];
    // A segment to be written: all options, ports, numbers, flags, addresses, a cut, text.
    let plan = |which: u8, flags: u8, text: &[u8]| {
        let mut p = vec![which, 0xb4, 5, 7];
        p.extend([1, 0, 0, 0, 2, 0, 0, 0, 0, 0xc0, 80, 0]);
        p.extend([0xfe, 0xff, 0xff, 0xff, 7, 0, 0, 0, flags, 0, 4, 0, 0]);
        p.extend(vec![9; if which & 8 == 0 { 8 } else { 32 }]);
        p.extend([3, 0]);
        p.extend(text);
        p
    };
    let seeds: Vec<(&'static str, u8, Vec<u8>)> = vec![
        ("v4-text", PACKET, text.clone()),
        ("v4-bare-ack", PACKET, bare.clone()),
        ("v4-syn-all-options", PACKET, syn),
        (
            "v4-padding-of-the-link",
            PACKET,
            [&bare[..], &[0; 6]].concat(),
        ),
        (
            "v4-bad-tcp-checksum",
            PACKET,
            with(text.clone(), 36, &[0, 1]),
        ),
        (
            "v4-bad-ip-checksum",
            PACKET,
            with(bare.clone(), 10, &[0, 1]),
        ),
        ("v4-truncated", PACKET, text[..30].to_vec()),
        (
            "v4-data-offset-too-small",
            PACKET,
            with(bare.clone(), 32, &[0x40]),
        ),
        (
            "v4-data-offset-beyond",
            PACKET,
            with(bare.clone(), 32, &[0xf0]),
        ),
        ("v4-ip-options", MENDED, with(text.clone(), 0, &[0x46])),
        (
            "v4-first-fragment",
            MENDED,
            with(text.clone(), 1, &[1, 0, 0, 0, 0, 0x20, 0]),
        ),
        (
            "v4-last-fragment",
            MENDED,
            with(text.clone(), 1, &[1, 0, 0, 0, 0, 0, 1]),
        ),
        (
            "v4-not-tcp",
            MENDED,
            with(with(text.clone(), 1, &[2]), 9, &[17]),
        ),
        (
            "v4-authentication",
            MENDED,
            with(with(text.clone(), 1, &[2]), 9, &[51]),
        ),
        ("v4-mended-text", MENDED, text.clone()),
        (
            "v4-mended-all-flags",
            MENDED,
            with(bare.clone(), 33, &[0xff]),
        ),
        ("v4-no-ack-but-a-number", MENDED, with(bare, 33, &[2])),
        ("v6-text", PACKET, text6.clone()),
        ("v6-fin", PACKET, fin6),
        ("v6-hop-by-hop-first", PACKET, extended(&text6, &[0, 60])),
        ("v6-hop-by-hop-late", PACKET, extended(&text6, &[60, 0])),
        ("v6-eight-extensions", PACKET, extended(&text6, &hops[..8])),
        ("v6-nine-extensions", PACKET, extended(&text6, &hops)),
        ("v6-atomic-fragment", PACKET, extended(&text6, &[44])),
        ("v6-authentication", PACKET, extended(&text6, &[51])),
        ("v6-length-zero", PACKET, with(text6.clone(), 4, &[0, 0])),
        ("v6-mended-text", MENDED, with(text6, 0, &[0xe0])),
        ("write-v4", WRITTEN, plan(7, 0x18, b"farewell")),
        ("write-v4-without-ack", WRITTEN, plan(3, 2, b"")),
        ("write-v6", WRITTEN, plan(15, 0x11, b"farewell, odd")),
        ("write-v4-longest", WRITTEN, plan(0xf7, 0x10, b"")),
        ("write-v6-longest", WRITTEN, plan(0xf8, 0x10, b"")),
        (
            "options-timestamp",
            OPTIONS,
            vec![1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8],
        ),
        (
            "options-of-a-syn",
            OPTIONS,
            vec![
                2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7,
            ],
        ),
        (
            "options-sack-of-one",
            OPTIONS,
            vec![1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        ),
        (
            "options-sack-of-no-shape",
            OPTIONS,
            vec![5, 4, 0, 0, 3, 3, 2, 0],
        ),
        (
            "options-unknown-then-mss",
            OPTIONS,
            vec![77, 4, 0, 0, 2, 4, 2, 24],
        ),
        ("options-twice", OPTIONS, vec![2, 4, 5, 180, 2, 4, 2, 24]),
        ("options-behind-the-end", OPTIONS, vec![0, 2, 3, 1]),
        ("options-shift-above-14", OPTIONS, vec![3, 3, 200, 0]),
        ("options-length-zero", OPTIONS, vec![77, 0, 1, 1]),
        ("options-length-beyond", OPTIONS, vec![77, 5, 1, 1]),
        ("options-length-missing", OPTIONS, vec![1, 1, 1, 8]),
        ("options-mss-of-three", OPTIONS, vec![2, 3, 1, 0]),
    ];
    seeds
        .into_iter()
        .map(|(name, mode, bytes)| (name, [&[mode], &bytes[..]].concat()))
        .collect()
}
