//! A host and the far ends of its connections, which are no stack but a few numbers.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::packets::{ACK, FIN, Packets, SYN, Segment};
use crate::peer::{Checksums, Peer, Setup, State};

/// The host's address.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// The port that it serves.
pub const PORT: u16 = 443;
/// Bytes of the largest payload.
pub const MSS: usize = 1_460;
/// Bytes of the largest packet.
pub const MTU: usize = 1_500;

/// The window that the far ends offer.
const WINDOW: u16 = u16::MAX;
/// Ports of an address that far ends use.
const PORTS: usize = 50_000;
const FIRST_PORT: u16 = 10_000;

/// The far end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Line<Id> {
    /// The connection, as the host calls it.
    pub id: Id,
    /// Where the far end is.
    pub at: SocketAddrV4,
    /// Its SND.NXT.
    pub snd_nxt: u32,
    /// Its RCV.NXT.
    pub rcv_nxt: u32,
}

impl<Id> Line<Id> {
    /// The next segment to the host, which is not sent yet.
    pub fn segment<'a>(&self, flags: u8, payload: &'a [u8]) -> Segment<'a> {
        Segment {
            from: self.at,
            to: SocketAddrV4::new(ADDRESS, PORT),
            seq: self.snd_nxt,
            ack: self.rcv_nxt,
            flags,
            window: WINDOW,
            mss: None,
            payload,
        }
    }

    /// Sends a segment: adds it to `packets`.
    pub fn send(&mut self, flags: u8, payload: &[u8], packets: &mut Packets) {
        self.segment(flags | ACK, payload).push_to(packets);
        let control = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.snd_nxt = self
            .snd_nxt
            .wrapping_add(payload.len() as u32)
            .wrapping_add(control);
    }

    /// Whether `packet` is a segment to this far end that acknowledges all it sent.
    pub fn is_acknowledged_by(&self, packet: Option<&[u8]>) -> bool {
        packet.and_then(Segment::read).is_some_and(|s| {
            s.to == self.at && s.flags & ACK != 0 && (s.ack, s.seq) == (self.snd_nxt, self.rcv_nxt)
        })
    }
}

/// A host and the far ends of its connections.
#[derive(Debug)]
pub struct Scene<P: Peer> {
    /// The host.
    pub host: P,
    /// The far ends, by number.
    pub lines: Vec<Line<P::Id>>,
    packets: Packets,
    opened: u32,
}

impl<P: Peer> Scene<P> {
    /// A host without connections.
    pub fn new(setup: &Setup) -> Self {
        Scene {
            host: P::new(setup),
            lines: Vec::with_capacity(setup.connections.max(setup.time_waits)),
            packets: Packets::with_room(4, MTU),
            opened: 0,
        }
    }

    /// A host with `connections` in ESTABLISHED, each with `buffer` bytes each way.
    pub fn established(connections: usize, buffer: usize, checksums: Checksums) -> Self {
        let mut scene = Self::new(&Setup {
            address: ADDRESS,
            connections,
            time_waits: 1,
            buffer,
            checksums,
        });
        for n in 0..connections {
            scene.open(n);
        }
        scene
    }

    /// The far end opens connection `n`, the next or an old one that is over: SYN, SYN-ACK, ACK.
    ///
    /// # Panics
    ///
    /// When the host does not go along. The same is true of the steps that follow: what is measured later must be there.
    pub fn open(&mut self, n: usize) {
        let high = u32::try_from(n / PORTS).unwrap_or(u32::MAX);
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + high);
        let at = SocketAddrV4::new(ip, FIRST_PORT + (n % PORTS) as u16);
        self.opened = self.opened.wrapping_add(1);
        let iss = self.opened.wrapping_mul(0x9e37_79b9);
        self.host.listen(PORT);

        let mut line = Line {
            id: (),
            at,
            snd_nxt: iss,
            rcv_nxt: 0,
        };
        let syn = Segment {
            mss: Some(MSS as u16),
            ..line.segment(SYN, &[])
        };
        self.packets.clear();
        syn.push_to(&mut self.packets);
        self.deliver();
        line.snd_nxt = iss.wrapping_add(1);
        let answer = self.host.sent().last().and_then(Segment::read);
        line.rcv_nxt = match answer {
            Some(s) if (s.flags, s.ack) == (SYN | ACK, line.snd_nxt) => s.seq.wrapping_add(1),
            other => panic!("SYN is answered by {other:?}"),
        };
        self.packets.clear();
        line.send(0, &[], &mut self.packets);
        assert_eq!(self.deliver(), 0, "nothing answers an ACK");

        let Some(id) = self.host.accept() else {
            panic!("the host has no new connection")
        };
        assert_eq!(self.host.state(id), State::Established);
        let line = Line {
            id,
            at,
            snd_nxt: line.snd_nxt,
            rcv_nxt: line.rcv_nxt,
        };
        match self.lines.get_mut(n) {
            Some(old) => *old = line,
            None => self.lines.push(line),
        }
    }

    /// The host is sent a byte and its user reads it.
    pub fn send_byte(&mut self, n: usize) {
        self.packets.clear();
        self.lines[n].send(0, b"x", &mut self.packets);
        self.deliver();
        let line = self.lines[n];
        assert!(line.is_acknowledged_by(self.host.sent().last()));
        assert_eq!(self.host.read(line.id, &mut [0; 8]), 1);
    }

    /// The host closes connection `n`, and the far end acknowledges that: FIN-WAIT-2.
    pub fn half_close(&mut self, n: usize) {
        let line = &mut self.lines[n];
        self.host.close(line.id);
        self.host.flush();
        let fin = self.host.sent().last().and_then(Segment::read);
        assert!(fin.is_some_and(|s| s.flags & FIN != 0), "{fin:?} is no FIN");
        line.rcv_nxt = line.rcv_nxt.wrapping_add(1);
        self.packets.clear();
        line.send(0, &[], &mut self.packets);
        self.deliver();
        assert_eq!(self.host.state(self.lines[n].id), State::FinWait2);
    }

    /// The far end closes its half of connection `n`: TIME-WAIT.
    pub fn finish(&mut self, n: usize) {
        self.packets.clear();
        self.lines[n].send(FIN, &[], &mut self.packets);
        self.deliver();
        let line = self.lines[n];
        assert!(line.is_acknowledged_by(self.host.sent().last()));
        assert_eq!(self.host.state(line.id), State::TimeWait);
    }

    /// The user forgets connection `n`, which is over.
    pub fn release(&mut self, n: usize) {
        let id = self.lines[n].id;
        assert_eq!(self.host.state(id), State::Closed);
        self.host.release(id);
    }

    /// Delivers what is in `packets`, one at a time. Returns how many bytes went out.
    fn deliver(&mut self) -> usize {
        self.packets.iter().map(|p| self.host.deliver(p)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theirs::Smoltcp;

    fn scene(checksums: Checksums) -> Scene<Smoltcp> {
        Scene::established(3, 4_096, checksums)
    }

    #[test]
    fn data_is_delivered_and_acknowledged() {
        for checksums in Checksums::ALL {
            let mut scene = scene(checksums);
            let mut packets = Packets::with_room(1, MTU);
            let text: Vec<u8> = (0..MSS).map(|n| n as u8).collect();
            for len in [1, 64, MSS] {
                packets.clear();
                scene.lines[1].send(0, &text[..len], &mut packets);
                let sent = scene.host.deliver(packets.last().unwrap());
                assert_eq!((sent, scene.host.sent().len()), (40, 1));
                let line = scene.lines[1];
                assert!(line.is_acknowledged_by(scene.host.sent().last()));
                let mut into = [0; 4_096];
                let read = scene.host.read(line.id, &mut into);
                assert_eq!(into[..read], text[..len]);
            }
            for other in [0, 2] {
                let id = scene.lines[other].id;
                assert_eq!(scene.host.read(id, &mut [0]), 0);
            }
        }
    }

    #[test]
    fn checksums_are_verified_or_ignored_both_ways() {
        for checksums in Checksums::ALL {
            let mut scene = scene(checksums);
            let mut packets = Packets::with_room(1, MTU);
            scene.lines[0].send(0, b"farewell", &mut packets);
            let mut broken = packets.last().unwrap().to_vec();
            broken[45] ^= 1;
            let verified = checksums == Checksums::Verified;
            assert_eq!(scene.host.deliver(&broken), if verified { 0 } else { 40 });
            scene.host.deliver(packets.last().unwrap());
            if verified {
                assert!(Segment::sums_are_right(scene.host.sent().last().unwrap()));
            }
        }
    }

    #[test]
    fn packets_that_arrive_together_are_all_answered() {
        let mut scene = scene(Checksums::Verified);
        let mut packets = Packets::with_room(3, MTU);
        for line in &mut scene.lines {
            line.send(0, b"x", &mut packets);
        }
        assert_eq!(scene.host.deliver_all(&packets), 3 * 40);
        for (line, answer) in scene.lines.iter().zip(scene.host.sent().iter()) {
            assert!(line.is_acknowledged_by(Some(answer)));
        }
    }

    #[test]
    fn a_close_ends_in_time_wait_and_time_wait_ends() {
        let mut scene = scene(Checksums::Verified);
        for n in 0..3 {
            scene.send_byte(n);
            scene.half_close(n);
            scene.finish(n);
        }
        let almost = Smoltcp::TIME_WAIT - std::time::Duration::from_millis(1);
        scene.host.advance(almost);
        assert_eq!(scene.host.state(scene.lines[2].id), State::TimeWait);
        scene.host.advance(Smoltcp::TIME_WAIT - almost);
        for n in 0..3 {
            scene.release(n);
        }
        scene.open(1);
        scene.send_byte(1);
    }
}
