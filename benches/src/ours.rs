//! This project's engine as a [`Peer`].
//!
//! It does what smoltcp does: no Nagle, no delayed ACK, no options but the MSS, the window offered as it is. What smoltcp
//! does not have and this engine does stays switched on: congestion control (RFC 5681), R2 (RFC 9293 MUST-20), keyed hashes
//! and ISNs. CLOSE is that of a user who has done with it, so that TIME-WAIT takes no connection's place.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use farewell::connection::{Buffers, Received};
use farewell::seq::SeqNumber;
use farewell::stack::{Handle, Heap, Limits, ListenerId, Reuse, Secrets};
use farewell::timewait;
use farewell::tuple::{Tuple, V4};
use farewell::wire::{self, Addresses, Flags, Header, Options, Packet, emit_packet};
use farewell::{Config, Instant, Stack};

use crate::packets::{Packets, Segment};
use crate::peer::{Checksums, Peer, Setup, State, Wire};

/// Bytes of the largest packet.
const MTU: usize = 1_500;
/// Packets that may go out, or arrive together, at a time.
const BURST: usize = 64;

/// A host of ours.
#[derive(Debug)]
pub struct Farewell {
    stack: Stack<Heap>,
    address: Ipv4Addr,
    now: Instant,
    sent: Packets,
    listening: Option<ListenerId>,
}

/// A connection: as its user calls it until he closes it, and its ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id {
    handle: Handle,
    ends: V4,
}

impl Farewell {
    fn id(&self, handle: Handle) -> Id {
        match self.stack.tuple(handle) {
            Ok(Tuple::V4(ends)) => Id { handle, ends },
            other => panic!("a connection with the ends {other:?}"),
        }
    }
}

fn setting(checksums: Checksums) -> wire::Checksums {
    match checksums {
        Checksums::Verified => wire::Checksums::Verify,
        Checksums::Ignored => wire::Checksums::Offloaded,
    }
}

impl Peer for Farewell {
    const NAME: &'static str = "farewell";
    const MOST: usize = 10_000_000;
    /// As long as smoltcp's.
    const TIME_WAIT: Duration = Duration::from_secs(10);
    type Id = Id;

    fn new(setup: &Setup) -> Self {
        let config = Config {
            time_wait: Self::TIME_WAIT,
            fin_wait_2: None,
            keep_alive: None,
            delayed_ack: None,
            nagle: false,
            avoid_silly_windows: false,
            mss: (MTU - 40) as u16,
            timestamps: false,
            window_scaling: false,
            ..Config::default()
        };
        let count = |n: usize| u32::try_from(n.max(1)).unwrap_or(u32::MAX);
        let connections = count(setup.connections);
        let limits = Limits {
            orphans: connections,
            time_waits: timewait::Limits {
                v4: count(setup.time_waits),
                v6: 0,
            },
            ..Limits::for_connections(connections)
        };
        let budget = 2 * setup.buffer * connections as usize;
        let heap = Heap::new(setup.buffer, setup.buffer, budget);
        let now = Instant(1_000_000);
        let secrets = Secrets::new(std::array::from_fn(|n| n as u8));
        let mut stack = match Stack::new(config, limits, secrets, heap, now) {
            Ok(stack) => stack,
            Err(error) => panic!("{error}"),
        };
        stack.set_checksums(setting(setup.checksums));
        let added = stack.add_address(setup.address.into());
        assert!(added.is_ok(), "{added:?}");
        let most = setup.connections.max(setup.time_waits);
        Farewell {
            stack,
            address: setup.address,
            now,
            sent: Packets::with_room(most.clamp(1, BURST), MTU),
            listening: None,
        }
    }

    fn listen(&mut self, port: u16) {
        if self.listening.is_none() {
            let local = SocketAddrV4::new(self.address, port);
            let listening = self.stack.listen(local.into(), u32::MAX, Reuse::Address);
            assert!(listening.is_ok(), "{listening:?}");
            self.listening = listening.ok();
        }
    }

    fn accept(&mut self) -> Option<Id> {
        let handle = self.stack.accept(self.listening?)?;
        Some(self.id(handle))
    }

    fn connect(&mut self, port: u16, to: SocketAddrV4) -> Id {
        let local = SocketAddrV4::new(self.address, port).into();
        let connecting = self
            .stack
            .connect(self.now, Some(local), to.into(), Reuse::Address);
        match connecting {
            Ok(handle) => self.id(handle),
            Err(error) => panic!("{error}"),
        }
    }

    #[inline]
    fn write(&mut self, id: Id, bytes: &[u8]) -> usize {
        self.stack.send(self.now, id.handle, bytes).unwrap_or(0)
    }

    #[inline]
    fn read(&mut self, id: Id, into: &mut [u8]) -> usize {
        match self.stack.receive(self.now, id.handle, into) {
            Ok(Received::Data(n)) => n,
            _ => 0,
        }
    }

    fn close(&mut self, id: Id) {
        let closed = self.stack.close(self.now, id.handle);
        assert!(closed.is_ok(), "{closed:?}");
    }

    /// CLOSE has done it.
    fn release(&mut self, id: Id) {
        assert_eq!(self.state(id), State::Closed);
    }

    #[inline]
    fn flush(&mut self) -> usize {
        self.sent.clear();
        let (stack, now) = (&mut self.stack, self.now);
        while self.sent.has_room(MTU) {
            let write = |out: &mut [u8]| Some(stack.poll_transmit(now, out).ok()??.len);
            if self.sent.push_found(MTU, write).is_none() {
                break;
            }
        }
        while stack.poll_event().is_some() {}
        self.sent.bytes()
    }

    #[inline]
    fn deliver(&mut self, packet: &[u8]) -> usize {
        let _ = self.stack.handle_packet(self.now, packet); // a benchmark sees by the answer
        self.flush()
    }

    fn deliver_all(&mut self, packets: &Packets) -> usize {
        let mut burst = [&[][..]; BURST];
        let mut len = 0;
        for packet in packets.iter() {
            if len == BURST {
                self.stack.handle_batch(self.now, &burst);
                len = 0;
            }
            burst[len] = packet;
            len += 1;
        }
        self.stack.handle_batch(self.now, &burst[..len]);
        self.flush()
    }

    fn advance(&mut self, by: Duration) -> usize {
        self.now = self.now + by;
        while self.stack.poll_timeout().is_some_and(|at| at <= self.now) {
            self.stack.handle_timeout(self.now);
        }
        self.flush()
    }

    fn sent(&self) -> &Packets {
        &self.sent
    }

    fn state(&self, id: Id) -> State {
        let between = || self.stack.state_between(&Tuple::V4(id.ends));
        match self.stack.state(id.handle).unwrap_or_else(|_| between()) {
            farewell::State::Closed => State::Closed,
            farewell::State::Established => State::Established,
            farewell::State::FinWait2 => State::FinWait2,
            farewell::State::TimeWait => State::TimeWait,
            _ => State::Other,
        }
    }

    fn unacknowledged(&self, id: Id) -> usize {
        let connection = self.stack.connection(id.handle);
        connection.map_or(0, |c| c.buffers().queued() as usize)
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
