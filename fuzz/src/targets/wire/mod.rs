//! Packets and segments: no bytes make the reader panic, what is written is what is read, and another reader agrees.
//!
//! The first byte says what the others are: a packet, a packet whose lengths and checksums are mended first, what a packet is
//! to be written from, or options. `mend` mends; `judge` is the other reader, with the list of what it reads otherwise.

mod judge;
mod mend;
mod seeds;
mod write;

use std::net::{Ipv4Addr, Ipv6Addr};

use farewell::wire::{Addresses, Checksums, Options, Packet, Segment, emit_packet};

use super::case;
pub use judge::{DISAGREEMENTS, Disagreement};
pub use seeds::seeds;

const V4: Addresses = Addresses::V4 {
    src: Ipv4Addr::new(192, 0, 2, 1),
    dst: Ipv4Addr::new(198, 51, 100, 7),
};
const V6: Addresses = Addresses::V6 {
    src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
};

/// Runs an input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let (mode, shown) = (*mode, rest.to_vec());
    let tell = move || match mode % 4 {
        0 => format!("a packet: {shown:02x?}"),
        1 => format!("a packet, mended: {:02x?}", mend::mended(&shown)),
        2 => format!("written from: {:#?}", write::Plan::read(&shown)),
        _ => format!("options: {shown:02x?}"),
    };
    case::run("wire", data, tell, || match mode % 4 {
        0 => any_bytes(rest),
        1 => any_bytes(&mend::mended(rest)),
        2 => write::check(&write::Plan::read(rest)),
        _ => options(rest),
    });
}

/// All readers over the same bytes.
fn any_bytes(bytes: &[u8]) {
    for addresses in [V4, V6] {
        let verified = Segment::parse(&addresses, bytes);
        let offloaded = Segment::parse_with(&addresses, bytes, Checksums::Offloaded);
        if let Ok(s) = verified {
            let o = offloaded.expect("a checksum that is right is no reason to refuse");
            assert_eq!((s.header, s.payload), (o.header, o.payload));
        }
        if let Ok(s) = offloaded {
            judge::segment(&addresses, bytes, &s, verified.is_ok());
            rewritten(&addresses, &s);
        }
    }
    let verified = Packet::parse(bytes);
    let offloaded = Packet::parse_with(bytes, Checksums::Offloaded);
    if let Ok(p) = &verified {
        let o = offloaded
            .as_ref()
            .expect("right checksums are no reason to refuse");
        assert_eq!(
            (p.addresses, p.segment.header, p.segment.payload),
            (o.addresses, o.segment.header, o.segment.payload)
        );
    }
    if let Ok(p) = &offloaded {
        rewritten(&p.addresses, &p.segment);
    }
    judge::packet(bytes, &offloaded, verified.is_ok());
}

/// What was read, written and read again, is the same.
fn rewritten(addresses: &Addresses, s: &Segment<'_>) {
    let mut out = vec![0xee; s.payload.len() + 60 + 40];
    let n = s
        .header
        .emit(addresses, s.payload, &mut out)
        .expect("room for the longest header");
    let again = Segment::parse(addresses, &out[..n]).expect("what is written can be read");
    assert_eq!((again.header, again.payload), (s.header, s.payload));
    assert_eq!(again.len(), s.len());
    let text = (s.payload, &[][..]);
    let Ok(n) = emit_packet(&s.header, addresses, text, &mut out, Checksums::Verify) else {
        assert!(s.payload.len() > 65_000, "there is room for it");
        return;
    };
    let again = Packet::parse(&out[..n]).expect("what is written can be read");
    assert_eq!(
        (again.addresses, again.segment.header, again.segment.payload),
        (*addresses, s.header, s.payload)
    );
}

/// Options by themselves: read, and what is read written and read again.
fn options(bytes: &[u8]) {
    let read = Options::parse(bytes);
    judge::options(bytes, &read);
    if let Ok(read) = read {
        let (out, len) = read.emit();
        assert_eq!((len, len % 4), (read.emitted_len(), 0));
        assert_eq!(Options::parse(&out[..len]), Ok(read));
        assert!(out[len..].iter().all(|b| *b == 1 || *b == 0), "padding");
    }
}
