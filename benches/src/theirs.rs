//! smoltcp as a [`Peer`].
//!
//! It is given every advantage that its interface allows: no Ethernet, no reassembly, no logging, no wakers; packets are
//! read where they lie and written where they will be read; one pass over the sockets sends, where `Interface::poll`
//! makes a second one to see that nothing is left (a connection here never has two segments to send).

use std::net::SocketAddrV4;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, Ipv4Packet, Ipv4Repr};
use smoltcp::wire::{IpProtocol, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use crate::packets::{ACK, FIN, PSH, Packets, RST, SYN, Segment};
use crate::peer::{Checksums, Peer, Setup, State, Wire};

/// Bytes of the largest packet, without a link's header.
const MTU: usize = 1_500;
/// Packets that may go out at a time.
const BURST: usize = 64;

fn capabilities(checksums: Checksums) -> ChecksumCapabilities {
    match checksums {
        Checksums::Verified => ChecksumCapabilities::default(),
        Checksums::Ignored => ChecksumCapabilities::ignored(),
    }
}

/// A network card: packets arrive from an iterator, and leave into a list.
struct Card<'a, I> {
    arriving: I,
    leaving: &'a mut Packets,
    capabilities: &'a DeviceCapabilities,
}

struct Arriving<'a>(&'a [u8]);

struct Leaving<'a>(&'a mut Packets);

impl<'p, I: Iterator<Item = &'p [u8]>> Device for Card<'_, I> {
    type RxToken<'a>
        = Arriving<'p>
    where
        Self: 'a;
    type TxToken<'a>
        = Leaving<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Arriving<'p>, Leaving<'_>)> {
        Some((Arriving(self.arriving.next()?), Leaving(self.leaving)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        self.leaving.has_room(MTU).then_some(Leaving(self.leaving))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}

impl RxToken for Arriving<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        self.0.push(len, f)
    }
}

/// A host of smoltcp's.
pub struct Smoltcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    capabilities: DeviceCapabilities,
    now: Instant,
    sent: Packets,
    /// Sockets that are CLOSED, the next to be used last.
    free: Vec<SocketHandle>,
    listening: Option<SocketHandle>,
}

impl Smoltcp {
    fn socket(&mut self, id: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(id)
    }

    fn take_socket(&mut self) -> SocketHandle {
        let free = self.free.pop();
        free.unwrap_or_else(|| panic!("more connections than the host was made for"))
    }

    /// Takes in what arrives, then sends what there is to send: at most a segment a connection.
    fn poll<'p>(&mut self, arriving: impl Iterator<Item = &'p [u8]>) -> usize {
        self.sent.clear();
        let mut card = Card {
            arriving,
            leaving: &mut self.sent,
            capabilities: &self.capabilities,
        };
        let (now, sockets) = (self.now, &mut self.sockets);
        loop {
            let one = self.interface.poll_ingress_single(now, &mut card, sockets);
            if one == PollIngressSingleResult::None {
                break;
            }
        }
        self.interface.poll_egress(now, &mut card, sockets);
        self.sent.bytes()
    }
}

impl Peer for Smoltcp {
    const NAME: &'static str = "smoltcp";
    /// `SocketSet::add` looks for a free place from the first on, and so does every segment for its socket: a million
    /// would take hours to open.
    const MOST: usize = 1_000;
    const TIME_WAIT: Duration = Duration::from_secs(10);
    type Id = SocketHandle;

    fn new(setup: &Setup) -> Self {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities.checksum = self::capabilities(setup.checksums);
        // A socket stays the same in TIME-WAIT.
        let most = setup.connections.max(setup.time_waits);
        let mut sent = Packets::with_room(most.clamp(1, BURST), MTU);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = 0x4661_7265_7765_6c6c;
        let now = Instant::from_secs(1);
        let mut card = Card {
            arriving: std::iter::empty(),
            leaving: &mut sent,
            capabilities: &capabilities,
        };
        let mut interface = Interface::new(config, &mut card, now);
        interface.update_ip_addrs(|addresses| {
            let own = IpCidr::new(IpAddress::Ipv4(setup.address), 32);
            assert!(addresses.push(own).is_ok(), "no room for an address");
        });
        let mut sockets = SocketSet::new(Vec::with_capacity(most));
        let mut free: Vec<_> = (0..most)
            .map(|_| {
                let buffer = || tcp::SocketBuffer::new(vec![0; setup.buffer]);
                let mut socket = tcp::Socket::new(buffer(), buffer());
                socket.set_ack_delay(None);
                socket.set_nagle_enabled(false);
                sockets.add(socket)
            })
            .collect();
        free.reverse();
        Smoltcp {
            interface,
            sockets,
            capabilities,
            now,
            sent,
            free,
            listening: None,
        }
    }

    fn listen(&mut self, port: u16) {
        if self.listening.is_none() {
            let id = self.take_socket();
            let listening = self.socket(id).listen(port);
            assert!(listening.is_ok(), "{listening:?}");
            self.listening = Some(id);
        }
    }

    fn accept(&mut self) -> Option<SocketHandle> {
        let id = self.listening?;
        let opened = self.socket(id).may_send();
        opened.then(|| self.listening.take())?
    }

    fn connect(&mut self, port: u16, to: SocketAddrV4) -> SocketHandle {
        let id = self.take_socket();
        let to = IpEndpoint::from(to);
        let socket = self.sockets.get_mut::<tcp::Socket>(id);
        let connecting = socket.connect(self.interface.context(), to, port);
        assert!(connecting.is_ok(), "{connecting:?}");
        id
    }

    fn write(&mut self, id: SocketHandle, bytes: &[u8]) -> usize {
        self.socket(id).send_slice(bytes).unwrap_or(0)
    }

    fn read(&mut self, id: SocketHandle, into: &mut [u8]) -> usize {
        self.socket(id).recv_slice(into).unwrap_or(0)
    }

    fn close(&mut self, id: SocketHandle) {
        self.socket(id).close();
    }

    fn release(&mut self, id: SocketHandle) {
        assert_eq!(self.state(id), State::Closed);
        self.free.push(id);
    }

    fn flush(&mut self) -> usize {
        self.poll(std::iter::empty())
    }

    /// `poll_ingress_single` for the packet and `poll_egress` for the answer: what `Interface::poll` does, less a pass.
    fn deliver(&mut self, packet: &[u8]) -> usize {
        self.sent.clear();
        let mut card = Card {
            arriving: std::iter::once(packet),
            leaving: &mut self.sent,
            capabilities: &self.capabilities,
        };
        let (now, sockets) = (self.now, &mut self.sockets);
        self.interface.poll_ingress_single(now, &mut card, sockets);
        self.interface.poll_egress(now, &mut card, sockets);
        self.sent.bytes()
    }

    fn deliver_all(&mut self, packets: &Packets) -> usize {
        self.poll(packets.iter())
    }

    fn advance(&mut self, by: Duration) -> usize {
        self.now += by.into();
        self.flush()
    }

    fn sent(&self) -> &Packets {
        &self.sent
    }

    fn state(&self, id: SocketHandle) -> State {
        match self.sockets.get::<tcp::Socket>(id).state() {
            tcp::State::Closed => State::Closed,
            tcp::State::Established => State::Established,
            tcp::State::FinWait2 => State::FinWait2,
            tcp::State::TimeWait => State::TimeWait,
            _ => State::Other,
        }
    }

    fn unacknowledged(&self, id: SocketHandle) -> usize {
        self.sockets.get::<tcp::Socket>(id).send_queue()
    }
}

impl Wire for Smoltcp {
    type Parsed<'a> = (Ipv4Repr, TcpRepr<'a>);
    type Template<'a> = (Ipv4Repr, TcpRepr<'a>);

    #[inline]
    fn parse(packet: &[u8], checksums: Checksums) -> Option<(Ipv4Repr, TcpRepr<'_>)> {
        let capabilities = capabilities(checksums);
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        let ip = Ipv4Repr::parse(&packet, &capabilities).ok()?;
        if ip.next_header != IpProtocol::Tcp {
            return None;
        }
        let (src, dst) = (IpAddress::Ipv4(ip.src_addr), IpAddress::Ipv4(ip.dst_addr));
        let segment = TcpPacket::new_checked(packet.payload()).ok()?;
        let tcp = TcpRepr::parse(&segment, &src, &dst, &capabilities).ok()?;
        Some((ip, tcp))
    }

    #[inline]
    fn used((ip, tcp): (Ipv4Repr, TcpRepr<'_>)) -> u32 {
        let ports = u32::from(tcp.src_port) << 16 | u32::from(tcp.dst_port);
        let options = tcp.max_seg_size.map_or(0, u32::from)
            + tcp.window_scale.map_or(0, u32::from)
            + tcp.timestamp.map_or(0, |t| t.tsval ^ t.tsecr);
        ip.src_addr.to_bits()
            ^ ip.dst_addr.to_bits()
            ^ ports
            ^ tcp.seq_number.0 as u32
            ^ tcp.ack_number.map_or(0, |ack| ack.0 as u32)
            ^ tcp.control as u32
            ^ u32::from(tcp.window_len)
            ^ options
            ^ tcp.payload.len() as u32
    }

    fn fields(packet: &[u8], checksums: Checksums) -> Option<Segment<'_>> {
        let (ip, tcp) = Self::parse(packet, checksums)?;
        let control = match tcp.control {
            TcpControl::None => 0,
            TcpControl::Psh => PSH,
            TcpControl::Syn => SYN,
            TcpControl::Fin => FIN,
            TcpControl::Rst => RST,
        };
        Some(Segment {
            from: SocketAddrV4::new(ip.src_addr, tcp.src_port),
            to: SocketAddrV4::new(ip.dst_addr, tcp.dst_port),
            seq: tcp.seq_number.0 as u32,
            ack: tcp.ack_number.map_or(0, |ack| ack.0 as u32),
            flags: control | tcp.ack_number.map_or(0, |_| ACK),
            window: tcp.window_len,
            mss: tcp.max_seg_size,
            payload: tcp.payload,
        })
    }

    fn template<'a>(segment: &Segment<'a>) -> (Ipv4Repr, TcpRepr<'a>) {
        let control = match segment.flags & (FIN | SYN | RST | PSH) {
            0 => TcpControl::None,
            PSH => TcpControl::Psh,
            SYN => TcpControl::Syn,
            FIN => TcpControl::Fin,
            RST => TcpControl::Rst,
            more => panic!("flags {more:#x} together"),
        };
        let number = |n: u32| TcpSeqNumber(n as i32);
        let tcp = TcpRepr {
            src_port: segment.from.port(),
            dst_port: segment.to.port(),
            control,
            seq_number: number(segment.seq),
            ack_number: (segment.flags & ACK != 0).then(|| number(segment.ack)),
            window_len: segment.window,
            window_scale: None,
            max_seg_size: segment.mss,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: segment.payload,
        };
        let ip = Ipv4Repr {
            src_addr: *segment.from.ip(),
            dst_addr: *segment.to.ip(),
            next_header: IpProtocol::Tcp,
            payload_len: tcp.buffer_len(),
            hop_limit: 64,
        };
        (ip, tcp)
    }

    #[inline]
    fn emit((ip, tcp): &(Ipv4Repr, TcpRepr<'_>), checksums: Checksums, out: &mut [u8]) -> usize {
        let capabilities = capabilities(checksums);
        let header = ip.buffer_len();
        let len = header + tcp.buffer_len();
        let out = &mut out[..len];
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut *out), &capabilities);
        let (src, dst) = (IpAddress::Ipv4(ip.src_addr), IpAddress::Ipv4(ip.dst_addr));
        let mut segment = TcpPacket::new_unchecked(&mut out[header..]);
        tcp.emit(&mut segment, &src, &dst, &capabilities);
        len
    }
}
