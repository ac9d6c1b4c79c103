//! What is written is read, and what is broken is not.

use super::*;
use crate::seq::SeqNumber;
use core::net::{Ipv4Addr, Ipv6Addr};

const V4: Addresses = Addresses::V4 {
    src: Ipv4Addr::new(192, 0, 2, 1),
    dst: Ipv4Addr::new(198, 51, 100, 7),
};
const V6: Addresses = Addresses::V6 {
    src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
};

fn header() -> Header {
    Header {
        src_port: 49_152,
        dst_port: 80,
        seq: SeqNumber(u32::MAX - 1),
        ack: SeqNumber(7),
        flags: Flags::ACK.with(Flags::FIN),
        window: 1_024,
        urgent: 0,
        options: Options {
            timestamps: Some(Timestamps { val: 1, ecr: 2 }),
            ..Options::default()
        },
    }
}

#[test]
fn what_is_written_is_read() {
    for addresses in [V4, V6] {
        for payload in [&b""[..], b"x", b"farewell"] {
            let mut out = [0; 128];
            let n = header().emit(&addresses, payload, &mut out).unwrap();
            assert_eq!(n, 32 + payload.len());
            let segment = Segment::parse(&addresses, &out[..n]).unwrap();
            assert_eq!((segment.header, segment.payload), (header(), payload));
            assert_eq!(segment.len(), payload.len() as u32 + 1);
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut out = [0; 128];
    let n = header().emit(&V4, b"farewell", &mut out).unwrap();
    for bit in 0..n * 8 {
        let mut broken = out;
        broken[bit / 8] ^= 1 << (bit % 8);
        assert!(Segment::parse(&V4, &broken[..n]).is_err(), "bit {bit}");
    }
    // To somebody else.
    assert_eq!(
        Segment::parse(&V6, &out[..n]).unwrap_err(),
        SegmentError::Checksum
    );
}

#[test]
fn no_length_is_too_short_to_fail() {
    let mut out = [0; 128];
    let n = header().emit(&V4, b"farewell", &mut out).unwrap();
    for len in 0..n {
        assert!(Segment::parse(&V4, &out[..len]).is_err(), "{len}");
        let mut small = [0; 128];
        let room = header().emit(&V4, b"farewell", &mut small[..len]);
        assert_eq!(
            room,
            Err(NoRoom {
                needed: n,
                got: len
            })
        );
    }
}

/// An IPv4 packet around the segment, by hand.
fn v4_packet(segment: &[u8], out: &mut [u8]) -> usize {
    let total = 20 + segment.len();
    out[..20].copy_from_slice(&[
        0x45,
        0,
        0,
        total as u8,
        0,
        0,
        0x40,
        0,
        64,
        6,
        0,
        0,
        192,
        0,
        2,
        1,
        198,
        51,
        100,
        7,
    ]);
    let sum = Checksum::default().over(&out[..20]).finish();
    out[10..12].copy_from_slice(&sum.to_be_bytes());
    out[20..total].copy_from_slice(segment);
    total
}

#[test]
fn a_packet_is_read_to_its_own_length() {
    let (mut segment, mut packet) = ([0; 64], [0xee; 128]);
    let n = header().emit(&V4, b"farewell", &mut segment).unwrap();
    let total = v4_packet(&segment[..n], &mut packet);
    let read = Packet::parse(&packet).unwrap(); // the link's padding follows
    assert_eq!(
        (read.addresses, read.segment.payload),
        (V4, &b"farewell"[..])
    );
    for len in 0..total {
        assert!(Packet::parse(&packet[..len]).is_err(), "{len}");
    }
    let with = |at: usize, value: u8| {
        let mut p = packet;
        p[at] = value;
        p[10] = 0;
        p[11] = 0;
        let header = usize::from(p[0] & 15).max(5) * 4;
        let sum = Checksum::default().over(&p[..header]).finish();
        p[10..12].copy_from_slice(&sum.to_be_bytes());
        Packet::parse(&p).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(9, 17), IpError::Protocol(17));
    assert_eq!(with(6, 0x20), IpError::Fragment);
    assert_eq!(with(0, 0x44), IpError::HeaderLength(16));
    assert_eq!(with(0, 0x55), IpError::Version(5));
    packet[10] ^= 1;
    assert_eq!(Packet::parse(&packet).unwrap_err(), IpError::HeaderChecksum);
}

#[test]
fn ipv6_extension_headers_are_skipped_and_bounded() {
    let mut segment = [0; 64];
    let n = header().emit(&V6, b"farewell", &mut segment).unwrap();
    let packet = |extensions: usize, kind: u8, out: &mut [u8; 256]| {
        let len = extensions * 8 + n;
        out[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, len as u8, 6, 64]);
        let Addresses::V6 { src, dst } = V6 else {
            unreachable!()
        };
        out[8..24].copy_from_slice(&src.octets());
        out[24..40].copy_from_slice(&dst.octets());
        let mut next = 6; // in the header, or in the extension before
        for e in 0..extensions {
            out[next] = kind;
            next = 40 + e * 8;
            out[next..next + 8].fill(0);
        }
        out[next] = if extensions > 0 { 6 } else { out[next] };
        out[40 + extensions * 8..40 + len].copy_from_slice(&segment[..n]);
    };
    for (extensions, kind, ends) in [
        (0, 0, None),
        (1, 0, None),
        (2, 60, None),
        (8, 43, None),
        (9, 60, Some(IpError::Extensions)),
        (1, 44, Some(IpError::Fragment)),
        (1, 51, Some(IpError::Protocol(51))),
    ] {
        let mut out = [0; 256];
        packet(extensions, kind, &mut out);
        let read = Packet::parse(&out);
        assert_eq!(read.as_ref().err(), ends.as_ref(), "{extensions} of {kind}");
        if let Ok(read) = read {
            assert_eq!(
                (read.addresses, read.segment.payload),
                (V6, &b"farewell"[..])
            );
        }
    }
}

fn every_option(bits: u8) -> Header {
    let options = Options {
        mss: (bits & 1 != 0).then_some(1_460),
        window_scale: (bits & 2 != 0).then_some(7),
        timestamps: (bits & 4 != 0).then_some(Timestamps { val: 1, ecr: 2 }),
    };
    Header {
        options,
        ..header()
    }
}

/// Text in two pieces of any length, odd ones too, and any options.
#[test]
fn a_packet_that_is_written_is_read() {
    let text: [u8; 200] = core::array::from_fn(|n| (n * 31 + 7) as u8);
    for (addresses, ip) in [(V4, 20), (V6, 40)] {
        for (first, second) in [
            (0, 0),
            (1, 0),
            (0, 1),
            (1, 1),
            (3, 4),
            (7, 9),
            (64, 63),
            (65, 67),
        ] {
            for bits in 0..8 {
                let header = every_option(bits);
                let pieces = (&text[..first], &text[first..first + second]);
                let (mut out, mut whole) = ([0xee; 400], [0; 400]);
                let verify = Checksums::Verify;
                let n = emit_packet(&header, &addresses, pieces, &mut out, verify).unwrap();
                let read = Packet::parse(&out).unwrap();
                assert_eq!((read.addresses, read.segment.header), (addresses, header));
                assert_eq!(read.segment.payload, &text[..first + second]);
                assert_eq!(n, ip + 20 + header.options.emitted_len() + first + second);
                assert!(out[n..].iter().all(|b| *b == 0xee));
                // In one piece it is the same segment.
                let text = &text[..first + second];
                let m = header.emit(&addresses, text, &mut whole).unwrap();
                assert_eq!(out[ip..n], whole[..m]);
                for len in 0..n {
                    let mut small = [0; 400];
                    let out = &mut small[..len];
                    let room = emit_packet(&header, &addresses, pieces, out, verify);
                    let (needed, got) = (n, len);
                    assert_eq!(room, Err(NoRoom { needed, got }));
                }
            }
        }
    }
}

/// The headers of IP, byte by byte.
#[test]
fn the_headers_in_front_are_these() {
    let mut out = [0xee; 100];
    let header = every_option(0);
    emit_packet(&header, &V4, (b"x", b""), &mut out, Checksums::Verify).unwrap();
    let v4 = [0x45, 0, 0, 41, 0, 0, 0x40, 0, 64, 6];
    assert_eq!((&out[..10], &out[12..16]), (&v4[..], &[192, 0, 2, 1][..]));
    assert_eq!(out[16..20], [198, 51, 100, 7]);
    assert_eq!(Checksum::default().over(&out[..20]).finish(), 0);
    emit_packet(&header, &V6, (b"x", b""), &mut out, Checksums::Verify).unwrap();
    let Addresses::V6 { src, dst } = V6 else {
        unreachable!()
    };
    assert_eq!(out[..8], [0x60, 0, 0, 0, 0, 21, 6, 64]);
    assert_eq!(
        (&out[8..24], &out[24..40]),
        (&src.octets()[..], &dst.octets()[..])
    );
}

#[test]
fn what_a_device_checks_is_not_checked_again() {
    for (addresses, ip) in [(V4, 20), (V6, 40)] {
        let mut out = [0; 128];
        let offloaded = Checksums::Offloaded;
        let pieces = (&b"fare"[..], &b"well"[..]);
        let n = emit_packet(&header(), &addresses, pieces, &mut out, offloaded).unwrap();
        assert_eq!(out[ip + 16..ip + 18], [0, 0]);
        let read = Packet::parse_with(&out[..n], offloaded).unwrap();
        assert_eq!(
            (read.segment.header, read.segment.payload),
            (header(), &b"farewell"[..])
        );
        let v4 = addresses == V4;
        assert!(!v4 || out[10..12] == [0, 0]);
        let error = Packet::parse(&out[..n]).unwrap_err();
        let of_tcp = IpError::Segment(SegmentError::Checksum);
        assert_eq!(error, if v4 { IpError::HeaderChecksum } else { of_tcp });

        // The same for TCP alone.
        let segment = &out[ip..n];
        assert!(Segment::parse_with(&addresses, segment, offloaded).is_ok());
        assert_eq!(
            Segment::parse(&addresses, segment).unwrap_err(),
            SegmentError::Checksum
        );
        let mut alone = [0; 128];
        let m = header()
            .emit_with(&addresses, pieces, &mut alone, offloaded)
            .unwrap();
        assert_eq!(alone[..m], out[ip..n]);

        // A wrong one, where the header of IP is right.
        emit_packet(&header(), &addresses, pieces, &mut out, Checksums::Verify).unwrap();
        out[ip + 16] ^= 1;
        assert_eq!(Packet::parse(&out).unwrap_err(), of_tcp);
        assert!(Packet::parse_with(&out, offloaded).is_ok());
    }
}

#[test]
fn a_packet_is_no_longer_than_its_length_field() {
    static TEXT: [u8; 40_000] = [7; 40_000];
    static ROOM: [u8; 70_000] = [0; 70_000];
    for (addresses, ip, most) in [(V4, 20, 65_535), (V6, 40, 65_575)] {
        let fits = most - ip - 32;
        let mut out = ROOM;
        for more in [0, 1] {
            let pieces = (&TEXT[..], &TEXT[..fits - TEXT.len() + more]);
            let n = emit_packet(&header(), &addresses, pieces, &mut out, Checksums::Verify);
            if more == 0 {
                assert_eq!(n, Ok(most));
                let read = Packet::parse(&out).unwrap();
                assert_eq!(read.segment.payload.len(), fits);
            } else {
                let (needed, got) = (most + 1, most);
                assert_eq!(n, Err(NoRoom { needed, got }));
            }
        }
    }
}

/// Packets with any one byte changed, with and without timestamps, text and checksums: the short cut reads what the long
/// way reads, or leaves it to that.
#[test]
fn the_short_cut_through_a_packet_is_no_detour() {
    let addresses = Addresses::V4 {
        src: [192, 0, 2, 1].into(),
        dst: [198, 51, 100, 7].into(),
    };
    let stamps = Timestamps { val: 7, ecr: 8 };
    let mut taken = 0;
    for (timestamps, text, checksums) in [
        (None, &b""[..], Checksums::Verify),
        (None, b"farewell!", Checksums::Offloaded),
        (Some(stamps), b"", Checksums::Offloaded),
        (Some(stamps), b"farewell", Checksums::Verify),
    ] {
        let header = Header {
            src_port: 80,
            dst_port: 49_152,
            seq: SeqNumber(u32::MAX),
            ack: SeqNumber(9),
            flags: Flags::ACK,
            window: 1_024,
            options: Options {
                timestamps,
                ..Options::default()
            },
            ..Header::default()
        };
        let mut out = [0; 80];
        let len = emit_packet(&header, &addresses, (text, &[]), &mut out, checksums).unwrap();
        for at in 0..len {
            for value in 0..=255 {
                let mut packet = out;
                packet[at] = value;
                // With bytes of the link behind it.
                let Some(short) = Packet::plain(&packet, checksums) else {
                    continue;
                };
                let long = Packet::parse_any(&packet, checksums).unwrap();
                assert_eq!(short.addresses, long.addresses);
                assert_eq!(short.segment.header, long.segment.header);
                assert_eq!(short.segment.payload, long.segment.payload);
                taken += 1;
            }
        }
        assert!(Packet::plain(&out[..len], checksums).is_some());
        assert!(Packet::plain(&out[..len - 1], checksums).is_none());
    }
    assert!(taken > 5_000, "{taken}");
}
