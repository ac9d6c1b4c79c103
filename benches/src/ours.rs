//! This project's engine: so far what it reads and writes. Its host is still to come.

use std::net::SocketAddrV4;

use farewell::seq::SeqNumber;
use farewell::wire::{self, Addresses, Flags, Header, Options, Packet, emit_packet};

use crate::packets::Segment;
use crate::peer::{Checksums, Wire};

/// The engine.
pub struct Farewell;

fn setting(checksums: Checksums) -> wire::Checksums {
    match checksums {
        Checksums::Verified => wire::Checksums::Verify,
        Checksums::Ignored => wire::Checksums::Offloaded,
    }
}

impl Wire for Farewell {
    type Parsed<'a> = Packet<'a>;
    type Template<'a> = (Header, Addresses, &'a [u8]);

    #[inline]
    fn parse(packet: &[u8], checksums: Checksums) -> Option<Packet<'_>> {
        Packet::parse_with(packet, setting(checksums)).ok()
    }

    #[inline]
    fn used(Packet { addresses, segment }: Packet<'_>) -> u32 {
        let addresses = match addresses {
            Addresses::V4 { src, dst } => src.to_bits() ^ dst.to_bits(),
            Addresses::V6 { .. } => 0, // there are none here
        };
        let h = segment.header;
        let ports = u32::from(h.src_port) << 16 | u32::from(h.dst_port);
        let options = h.options.mss.map_or(0, u32::from)
            + h.options.window_scale.map_or(0, u32::from)
            + h.options.timestamps.map_or(0, |t| t.val ^ t.ecr);
        addresses
            ^ ports
            ^ h.seq.0
            ^ h.ack.0
            ^ u32::from(h.flags.0)
            ^ u32::from(h.window)
            ^ options
            ^ segment.payload.len() as u32
    }

    fn fields(packet: &[u8], checksums: Checksums) -> Option<Segment<'_>> {
        let Packet { addresses, segment } = Self::parse(packet, checksums)?;
        let Addresses::V4 { src, dst } = addresses else {
            return None;
        };
        let header = segment.header;
        Some(Segment {
            from: SocketAddrV4::new(src, header.src_port),
            to: SocketAddrV4::new(dst, header.dst_port),
            seq: header.seq.0,
            ack: header.ack.0,
            flags: header.flags.0,
            window: header.window,
            mss: header.options.mss,
            payload: segment.payload,
        })
    }

    fn template<'a>(segment: &Segment<'a>) -> (Header, Addresses, &'a [u8]) {
        let header = Header {
            src_port: segment.from.port(),
            dst_port: segment.to.port(),
            seq: SeqNumber(segment.seq),
            ack: SeqNumber(segment.ack),
            flags: Flags(segment.flags),
            window: segment.window,
            urgent: 0,
            options: Options {
                mss: segment.mss,
                ..Options::default()
            },
        };
        let addresses = Addresses::V4 {
            src: *segment.from.ip(),
            dst: *segment.to.ip(),
        };
        (header, addresses, segment.payload)
    }

    #[inline]
    fn emit(
        (header, addresses, payload): &(Header, Addresses, &[u8]),
        checksums: Checksums,
        out: &mut [u8],
    ) -> usize {
        let payload = (*payload, &[][..]);
        emit_packet(header, addresses, payload, out, setting(checksums)).unwrap_or(0)
    }
}
