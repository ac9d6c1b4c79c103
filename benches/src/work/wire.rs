//! Packets read and written, without a host.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::packets::{ACK, PSH, Packets, Segment};
use crate::peer::{Checksums, Wire};
use crate::scene::{ADDRESS, MTU, PORT};
use crate::work::{ROUND, Undone, Work, expect};

fn segment(n: usize, payload: &[u8]) -> Segment<'_> {
    Segment {
        from: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 49_152),
        to: SocketAddrV4::new(ADDRESS, PORT),
        seq: (u32::MAX - 20).wrapping_add((n * payload.len()) as u32),
        ack: 7,
        flags: if payload.is_empty() { ACK } else { ACK | PSH },
        window: 1_024,
        mss: None,
        payload,
    }
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|n| n as u8).collect()
}

/// Times, per packet: an IPv4 header and a TCP header without options are checked and read.
pub struct Parse {
    packets: Packets,
    checksums: Checksums,
    run: fn(&Packets, Checksums) -> usize,
    fields: fn(&[u8], Checksums) -> Option<Segment<'_>>,
    last: Vec<u8>,
    read: usize,
}

impl Parse {
    /// With `len` bytes of payload.
    pub fn new<W: Wire>(len: usize, checksums: Checksums) -> Self {
        let (mut packets, last) = (Packets::with_room(ROUND, MTU), text(len));
        for n in 0..ROUND {
            segment(n, &last).push_to(&mut packets);
        }
        Parse {
            packets,
            checksums,
            run: parse_all::<W>,
            fields: W::fields,
            last,
            read: 0,
        }
    }
}

fn parse_all<W: Wire>(packets: &Packets, checksums: Checksums) -> usize {
    let mut read = 0;
    for packet in packets.iter() {
        if let Some(parsed) = W::parse(black_box(packet), checksums) {
            black_box(W::used(parsed));
            read += 1;
        }
    }
    read
}

impl Work for Parse {
    fn prepare(&mut self) {
        self.read = 0;
    }

    fn run(&mut self) {
        self.read = (self.run)(&self.packets, black_box(self.checksums));
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("packets read", ROUND, self.read)?;
        let fields = self
            .packets
            .last()
            .and_then(|p| (self.fields)(p, self.checksums));
        let right = fields == Some(segment(ROUND - 1, &self.last));
        expect("the last is what was written", 1, right.into())
    }
}

/// Times, per packet: an IPv4 header, a TCP header without options and the payload are written.
pub struct Emit {
    payload: Vec<u8>,
    checksums: Checksums,
    run: fn(&[u8], Checksums, &mut [u8]) -> usize,
    out: Vec<u8>,
    written: usize,
}

impl Emit {
    /// With `len` bytes of payload.
    pub fn new<W: Wire>(len: usize, checksums: Checksums) -> Self {
        Emit {
            payload: text(len),
            checksums,
            run: emit_all::<W>,
            out: vec![0; MTU],
            written: 0,
        }
    }
}

fn emit_all<W: Wire>(payload: &[u8], checksums: Checksums, out: &mut [u8]) -> usize {
    let template = W::template(&segment(0, payload));
    let write = |_| black_box(W::emit(black_box(&template), checksums, black_box(out)));
    (0..ROUND).map(write).sum()
}

impl Work for Emit {
    fn prepare(&mut self) {
        self.out.fill(0xff);
        self.written = 0;
    }

    fn run(&mut self) {
        self.written = (self.run)(&self.payload, black_box(self.checksums), &mut self.out);
    }

    fn verify(&self) -> Result<(), Undone> {
        let wanted = segment(0, &self.payload);
        let len = wanted.packet_len();
        expect("bytes written", ROUND * len, self.written)?;
        let right = Segment::read(&self.out[..len]) == Some(wanted);
        expect("the packet says what it should", 1, right.into())?;
        let sums = Segment::sums_are_right(&self.out[..len]);
        let wanted = self.checksums == Checksums::Verified;
        expect("its checksums are right", wanted.into(), sums.into())
    }
}
