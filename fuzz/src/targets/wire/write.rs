//! Segments that are written: what is read of them is what they were written from.

use std::net::{Ipv4Addr, Ipv6Addr};

use arbitrary::{Arbitrary, Unstructured};
use farewell::seq::SeqNumber;
use farewell::wire::{
    Addresses, Checksums, Flags, Header, NoRoom, Options, Packet, Segment, SegmentError,
    Timestamps, emit_packet,
};

use super::judge;

/// What a packet is written from.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    addresses: Addresses,
    header: Header,
    /// Where the text is cut in two pieces.
    cut: usize,
    text: Vec<u8>,
}

impl Plan {
    pub(super) fn read(data: &[u8]) -> Plan {
        // Zeros stand for what is missing, so this never fails.
        Self::take(Unstructured::new(data))
            .unwrap_or_else(|_| unreachable!("bytes run out without an error"))
    }

    fn take(mut u: Unstructured<'_>) -> arbitrary::Result<Plan> {
        let which = u8::arbitrary(&mut u)?;
        let (mss, shift) = (u16::arbitrary(&mut u)?, u8::arbitrary(&mut u)?);
        let (val, ecr) = (u32::arbitrary(&mut u)?, u32::arbitrary(&mut u)?);
        let options = Options {
            mss: (which & 1 != 0).then_some(mss),
            window_scale: (which & 2 != 0).then_some(shift),
            timestamps: (which & 4 != 0).then_some(Timestamps { val, ecr }),
        };
        let header = Header {
            src_port: u16::arbitrary(&mut u)?,
            dst_port: u16::arbitrary(&mut u)?,
            seq: SeqNumber(u32::arbitrary(&mut u)?),
            ack: SeqNumber(u32::arbitrary(&mut u)?),
            flags: Flags(u8::arbitrary(&mut u)?),
            window: u16::arbitrary(&mut u)?,
            urgent: u16::arbitrary(&mut u)?,
            options,
        };
        let addresses = if which & 8 == 0 {
            Addresses::V4 {
                src: Ipv4Addr::from(u32::arbitrary(&mut u)?),
                dst: Ipv4Addr::from(u32::arbitrary(&mut u)?),
            }
        } else {
            Addresses::V6 {
                src: Ipv6Addr::from(u128::arbitrary(&mut u)?),
                dst: Ipv6Addr::from(u128::arbitrary(&mut u)?),
            }
        };
        let cut = usize::from(u16::arbitrary(&mut u)?);
        let mut text = u.take_rest().to_vec();
        if which & 0xf0 == 0xf0 {
            text.resize(65_400 + usize::from(mss % 256), shift); // about as long as it may be
        }
        let cut = cut.checked_rem(text.len() + 1).unwrap_or(0);
        Ok(Plan {
            addresses,
            header,
            cut,
            text,
        })
    }
}

pub(super) fn check(plan: &Plan) {
    let Plan {
        addresses,
        header,
        cut,
        text,
    } = plan;
    let pieces = text.split_at(*cut);
    // What cannot be said on the wire is not read.
    let mut expected = *header;
    if !header.flags.has(Flags::ACK) {
        expected.ack = SeqNumber(0);
    }
    expected.options.window_scale = header.options.window_scale.map(|s| s.min(14));

    let length = 20 + header.options.emitted_len() + text.len();
    let mut out = vec![0xee; length + 48];
    let n = header
        .emit(addresses, text, &mut out)
        .expect("there is room");
    assert_eq!(n, length);
    assert!(
        out[n..].iter().all(|b| *b == 0xee),
        "nothing behind it is touched"
    );
    let read = Segment::parse(addresses, &out[..n]).expect("what is written can be read");
    assert_eq!((read.header, read.payload), (expected, &text[..]));
    judge::segment(addresses, &out[..n], &read, true);

    // In two pieces it is the same, and so it is with IP in front.
    let mut apart = vec![0; n];
    let verify = Checksums::Verify;
    assert_eq!(
        header.emit_with(addresses, pieces, &mut apart, verify),
        Ok(n)
    );
    assert_eq!(apart, out[..n]);
    let short = header.emit_with(addresses, pieces, &mut apart[..n - 1], verify);
    let got = n - 1;
    assert_eq!(short, Err(NoRoom { needed: n, got }));
    let (ip, most) = match addresses {
        Addresses::V4 { .. } => (20, 65_535),
        Addresses::V6 { .. } => (40, 65_575),
    };
    let mut packet = vec![0xee; ip + n + 8];
    let whole = emit_packet(header, addresses, pieces, &mut packet, verify);
    if ip + n > most {
        assert_eq!(
            whole.map_err(|e| (e.needed, e.got)),
            Err((ip + n, most.min(packet.len())))
        );
    } else {
        assert_eq!(whole, Ok(ip + n));
        assert_eq!(packet[ip..ip + n], out[..n]);
        let read = Packet::parse(&packet).expect("padding of the link may follow");
        assert_eq!(
            (read.addresses, read.segment.header, read.segment.payload),
            (*addresses, expected, &text[..])
        );
        judge::packet(&packet[..ip + n], &Ok(read), true);
    }

    // A device does the sums.
    let offloaded = Checksums::Offloaded;
    assert_eq!(
        header.emit_with(addresses, pieces, &mut apart, offloaded),
        Ok(n)
    );
    assert_eq!(apart[16..18], [0, 0]);
    let read = Segment::parse_with(addresses, &apart, offloaded).expect("no sum is looked at");
    assert_eq!((read.header, read.payload), (expected, &text[..]));
    apart[16..18].copy_from_slice(&out[16..18]);
    assert_eq!(apart, out[..n], "the sums apart it is the same");

    // One bit less is noticed.
    let bit = *cut % (n * 8);
    apart[bit / 8] ^= 1 << (bit % 8);
    match Segment::parse(addresses, &apart) {
        Err(SegmentError::Checksum | SegmentError::HeaderLength { .. }) => {}
        other => panic!("bit {bit} was turned over: {other:?}"),
    }
}
