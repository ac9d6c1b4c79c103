//! Segments by hand, and what a stack answers to them.

use farewell::seq::SeqNumber;
use farewell::stack::{Handle, Heap, Limits, Refused};
use farewell::wire::{Addresses, Checksums, Flags, Header, Packet, emit_packet};
use farewell::{Instant, Stack};

use super::net::*;

pub(crate) fn few() -> Limits {
    Limits::for_connections(64)
}

/// A segment from anybody to B's port 80.
pub(crate) fn packet(from: &str, port: u16, header: Header) -> Vec<u8> {
    packet_to(from, port, B_IP, header)
}

pub(crate) fn packet_to(from: &str, port: u16, to: &str, header: Header) -> Vec<u8> {
    let addresses = match (ip(from), ip(to)) {
        (std::net::IpAddr::V4(src), std::net::IpAddr::V4(dst)) => Addresses::V4 { src, dst },
        _ => unreachable!(),
    };
    let header = Header {
        src_port: port,
        dst_port: 80,
        window: 1_000,
        ..header
    };
    let mut buf = [0; 100];
    let n = emit_packet(&header, &addresses, (&[], &[]), &mut buf, Checksums::Verify).unwrap();
    buf[..n].to_vec()
}

pub(crate) fn syn() -> Header {
    Header {
        seq: SeqNumber(100),
        flags: Flags::SYN,
        ..Header::default()
    }
}

/// What an established pair can still do.
pub(crate) fn still_talk(net: &mut Net, a: Handle, b: Handle) {
    net.send(A, a, b"still");
    net.settle();
    assert_eq!(net.read(B, b).0, b"still");
    net.send(B, b, b"here");
    net.settle();
    assert_eq!(net.read(A, a).0, b"here");
    net.secs(1);
}

/// What B answers to a segment.
pub(crate) fn answers(
    b: &mut Stack<Heap>,
    now: Instant,
    packet: &[u8],
) -> (Result<(), Refused>, Vec<Header>) {
    let taken = b.handle_packet(now, packet);
    let mut buf = [0; 1_600];
    let mut out = Vec::new();
    while let Some(sent) = b.poll_transmit(now, &mut buf).unwrap() {
        out.push(Packet::parse(&buf[..sent.len]).unwrap().segment.header);
    }
    (taken, out)
}
