//! Packets in one piece of memory, and segments made by hand: IPv4 and TCP headers without a stack's help.

use std::net::{Ipv4Addr, SocketAddrV4};

/// No more data from the sender.
pub const FIN: u8 = 1;
/// Synchronise sequence numbers.
pub const SYN: u8 = 2;
/// Reset the connection.
pub const RST: u8 = 4;
/// Push.
pub const PSH: u8 = 8;
/// The acknowledgment number is significant.
pub const ACK: u8 = 16;

/// Bytes of an IPv4 header and a TCP header without options: what a pure ACK takes.
pub const HEADERS: usize = IP + TCP;

const IP: usize = 20;
const TCP: usize = 20;
const MSS_OPTION: usize = 4;

/// Packets one behind the other, in memory that is taken once.
#[derive(Clone, Debug)]
pub struct Packets {
    bytes: Box<[u8]>,
    /// Where each packet ends.
    ends: Vec<usize>,
    most: usize,
}

impl Packets {
    /// Room for `most` packets of `len` bytes.
    pub fn with_room(most: usize, len: usize) -> Self {
        Packets {
            bytes: vec![0; most * len].into(),
            ends: Vec::with_capacity(most),
            most,
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Whether one more of `len` bytes fits.
    pub fn has_room(&self, len: usize) -> bool {
        self.ends.len() < self.most && self.bytes() + len <= self.bytes.len()
    }

    /// Adds a packet of `len` bytes, all of which `write` has to write: what was there before is still there.
    ///
    /// # Panics
    ///
    /// When it does not fit.
    pub fn push<R>(&mut self, len: usize, write: impl FnOnce(&mut [u8]) -> R) -> R {
        assert!(self.has_room(len), "no room for a packet of {len} bytes");
        let begin = self.bytes();
        self.ends.push(begin + len);
        write(&mut self.bytes[begin..begin + len])
    }

    /// Adds a packet of at most `most` bytes, whose length `write` says when it has written it; none if there is none.
    ///
    /// # Panics
    ///
    /// When `most` do not fit.
    pub fn push_found(
        &mut self,
        most: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        assert!(self.has_room(most), "no room for a packet of {most} bytes");
        let begin = self.bytes();
        let len = write(&mut self.bytes[begin..begin + most])?;
        self.ends.push(begin + len.min(most));
        Some(len)
    }

    /// The `n`th.
    pub fn get(&self, n: usize) -> Option<&[u8]> {
        let end = *self.ends.get(n)?;
        let begin = n.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(begin..end)
    }

    /// The one that was added last.
    pub fn last(&self) -> Option<&[u8]> {
        self.get(self.len().checked_sub(1)?)
    }

    /// All of them, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| {
            let packet = &self.bytes[begin..end];
            begin = end;
            packet
        })
    }
}

/// A segment and its two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Source.
    pub from: SocketAddrV4,
    /// Destination.
    pub to: SocketAddrV4,
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK.
    pub ack: u32,
    /// Control bits.
    pub flags: u8,
    /// SEG.WND, not scaled.
    pub window: u16,
    /// The option for the maximum segment size; the only one that is ever written.
    pub mss: Option<u16>,
    /// Its text.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Bytes of the packet that carries it.
    pub fn packet_len(&self) -> usize {
        HEADERS + self.options_len() + self.payload.len()
    }

    fn options_len(&self) -> usize {
        self.mss.map_or(0, |_| MSS_OPTION)
    }

    /// Adds the packet that carries it, with both checksums.
    pub fn push_to(&self, packets: &mut Packets) {
        packets.push(self.packet_len(), |out| self.write(out));
    }

    fn write(&self, out: &mut [u8]) {
        let len = out.len() as u16;
        out[..10].copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6]);
        out[2..4].copy_from_slice(&len.to_be_bytes());
        out[10..12].fill(0);
        out[12..16].copy_from_slice(&self.from.ip().octets());
        out[16..20].copy_from_slice(&self.to.ip().octets());
        let sum = !folded(sum_of(&out[..IP]));
        out[10..12].copy_from_slice(&sum.to_be_bytes());

        let header = TCP + self.options_len();
        let tcp = &mut out[IP..];
        tcp[0..2].copy_from_slice(&self.from.port().to_be_bytes());
        tcp[2..4].copy_from_slice(&self.to.port().to_be_bytes());
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&self.ack.to_be_bytes());
        tcp[12] = (header as u8 / 4) << 4;
        tcp[13] = self.flags;
        tcp[14..16].copy_from_slice(&self.window.to_be_bytes());
        tcp[16..20].fill(0); // the checksum, below, and the urgent pointer
        if let Some(mss) = self.mss {
            tcp[20..22].copy_from_slice(&[2, 4]);
            tcp[22..24].copy_from_slice(&mss.to_be_bytes());
        }
        tcp[header..].copy_from_slice(self.payload);
        let sum = !folded(tcp_sum(out));
        out[IP + 16..IP + 18].copy_from_slice(&sum.to_be_bytes());
    }

    /// What a packet says, options apart, if it is IPv4 without options around TCP.
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        if packet.len() < HEADERS || packet[0] != 0x45 || packet[9] != 6 {
            return None;
        }
        let be16 = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        let be32 = |at: usize| u32::from(be16(at)) << 16 | u32::from(be16(at + 2));
        let end = |ip: usize, port: usize| {
            SocketAddrV4::new(Ipv4Addr::from_bits(be32(ip)), be16(IP + port))
        };
        let header = usize::from(packet[IP + 12] >> 4) * 4;
        Some(Segment {
            from: end(12, 0),
            to: end(16, 2),
            seq: be32(IP + 4),
            ack: be32(IP + 8),
            flags: packet[IP + 13],
            window: be16(IP + 14),
            mss: None,
            payload: packet.get(IP + header..)?,
        })
    }

    /// Whether both checksums of a packet that can be read are right.
    pub fn sums_are_right(packet: &[u8]) -> bool {
        folded(sum_of(&packet[..IP])) == 0xffff && folded(tcp_sum(packet)) == 0xffff
    }
}

/// Pseudo-header and segment.
fn tcp_sum(packet: &[u8]) -> u32 {
    let len = (packet.len() - IP) as u32;
    sum_of(&packet[12..20]) + 6 + len + sum_of(&packet[IP..])
}

fn sum_of(bytes: &[u8]) -> u32 {
    let pair = |p: &[u8]| u32::from(p[0]) << 8 | u32::from(p.get(1).copied().unwrap_or(0));
    bytes.chunks(2).map(pair).sum()
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(payload: &[u8]) -> Segment<'_> {
        Segment {
            from: SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 49_152),
            to: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 443),
            seq: u32::MAX,
            ack: 7,
            flags: ACK | PSH,
            window: 1_024,
            mss: None,
            payload,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut packets = Packets::with_room(3, 64);
        for payload in [&b""[..], b"x", b"farewell"] {
            segment(payload).push_to(&mut packets);
            let packet = packets.last().unwrap();
            assert_eq!(packet.len(), HEADERS + payload.len());
            assert_eq!(Segment::read(packet), Some(segment(payload)));
            assert!(Segment::sums_are_right(packet));
        }
        let lens: Vec<_> = packets.iter().map(<[u8]>::len).collect();
        assert_eq!(lens, [40, 41, 48]);
        assert_eq!((packets.len(), packets.bytes()), (3, 129));
        assert_eq!(packets.get(1).map(<[u8]>::len), Some(41));
        assert!(!packets.has_room(1), "of three");
    }

    #[test]
    fn a_packet_may_find_out_its_length() {
        let mut packets = Packets::with_room(2, 64);
        assert_eq!(packets.push_found(64, |_| None), None);
        assert!(packets.is_empty());
        for len in [40, 60] {
            let write = |out: &mut [u8]| {
                assert_eq!(out.len(), 64);
                out[..len].fill(len as u8);
                Some(len)
            };
            assert_eq!(packets.push_found(64, write), Some(len));
            assert_eq!(packets.last(), Some(&vec![len as u8; len][..]));
        }
        assert_eq!(packets.bytes(), 100);
    }

    #[test]
    fn old_bytes_do_not_show() {
        let mut packets = Packets::with_room(1, 64);
        packets.push(64, |p| p.fill(0xff));
        packets.clear();
        Segment {
            mss: Some(1_460),
            ..segment(b"farewell")
        }
        .push_to(&mut packets);
        let packet = packets.last().unwrap();
        assert_eq!(Segment::read(packet), Some(segment(b"farewell")));
        assert!(Segment::sums_are_right(packet));
        assert_eq!(packet[40..44], [2, 4, 5, 180]);
    }
}
