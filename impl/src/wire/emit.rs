//! Writing segments, and packets around them.

use core::net::Ipv4Addr;

use super::checksum::{Checksum, Checksums};
use super::ip::{Addresses, TCP, V4_HEADER, V6_HEADER};
use super::options::Options;
use super::tcp::{Flags, HEADER, Header};

/// The buffer is too small, or the segment larger than its packet can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{needed} bytes needed, {got} there")]
pub struct NoRoom {
    /// Bytes that the segment takes.
    pub needed: usize,
    /// Bytes that there are: at most those of the largest packet.
    pub got: usize,
}

/// The most that the length field of an IP header counts: header and all in IPv4, what follows the header in IPv6.
const LONGEST: usize = u16::MAX as usize;
/// Hops that a packet may take, as RFC 1700 recommends. RFC 9293 MUST-49 (section 3.9.2) wants a setting: not yet.
const HOPS: u8 = 64;
/// Bytes of IPv4's header and TCP's without options.
const PLAIN: usize = V4_HEADER + HEADER;

impl Header {
    /// Writes the segment into the front of `out`, with its checksum. Returns how many bytes it takes.
    #[inline]
    pub fn emit(
        &self,
        addresses: &Addresses,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<usize, NoRoom> {
        self.emit_with(addresses, (payload, &[]), out, Checksums::Verify)
    }

    /// Writes the segment, its text the two pieces one behind the other, into the front of `out`. Returns how many bytes it
    /// takes. With [`Checksums::Offloaded`] the checksum is zero, without the sum of the pseudo-header that some devices
    /// want to find there.
    #[inline]
    pub fn emit_with(
        &self,
        addresses: &Addresses,
        payload: (&[u8], &[u8]),
        out: &mut [u8],
        checksums: Checksums,
    ) -> Result<usize, NoRoom> {
        let o = &self.options;
        let (words, len) = match (o.mss, o.window_scale, o.timestamps) {
            // All but SYNs are of these two kinds: their lengths are known here.
            (None, None, None) => return self.emit_words(&[], addresses, payload, out, checksums),
            (None, None, Some(t)) => {
                let words = t.words();
                return self.emit_words(&words, addresses, payload, out, checksums);
            }
            _ => o.words(),
        };
        let words = words.get(..len / 4).unwrap_or(&words);
        self.emit_words(words, addresses, payload, out, checksums)
    }

    /// Always inlined, so that each length of options has code of its own.
    #[inline(always)]
    fn emit_words(
        &self,
        options: &[u32],
        addresses: &Addresses,
        payload: (&[u8], &[u8]),
        out: &mut [u8],
        checksums: Checksums,
    ) -> Result<usize, NoRoom> {
        let header = HEADER + 4 * options.len();
        let needed = header
            .saturating_add(payload.0.len())
            .saturating_add(payload.1.len());
        let got = out.len();
        let no_room = NoRoom { needed, got };
        let len = u32::try_from(needed).map_err(|_| no_room)?;
        let out = out.get_mut(..needed).ok_or(no_room)?;
        let (space, text) = out.split_at_mut_checked(header).ok_or(no_room)?;
        let (first, second) = text.split_at_mut_checked(payload.0.len()).ok_or(no_room)?;
        // Most segments have no text, or one piece: a call to copy nothing costs more than asking.
        if !payload.0.is_empty() {
            first.copy_from_slice(payload.0);
        }
        if !payload.1.is_empty() {
            second.copy_from_slice(payload.1);
        }

        let mut words = self.words(options.len());
        if checksums == Checksums::Verify {
            // The header is summed before it is written: reading back what was just stored would stall.
            let mut sum = Checksum::pseudo_header(addresses, len)
                .over_words(&words)
                .over_words(options);
            if !text.is_empty() {
                sum = sum.over(text);
            }
            words[4] |= u32::from(sum.finish()) << 16;
        }
        let (fixed, space) = space.split_at_mut_checked(HEADER).ok_or(no_room)?;
        write_words(&words, fixed);
        write_words(options, space);
        Ok(needed)
    }

    /// The header before so many words of options, its checksum still zero.
    #[inline(always)]
    fn words(&self, options: usize) -> [u32; 5] {
        let has_ack = self.flags.has(Flags::ACK);
        let header = (HEADER / 4 + options) as u32;
        [
            u32::from(self.src_port) << 16 | u32::from(self.dst_port),
            self.seq.0,
            if has_ack { self.ack.0 } else { 0 },
            header << 28 | u32::from(self.flags.0) << 16 | u32::from(self.window),
            u32::from(self.urgent),
        ]
    }

    /// Bytes that the segment takes with this text.
    #[inline]
    fn emitted_len(&self, payload: (&[u8], &[u8])) -> usize {
        // The same bytes may be given twice, where memory is small enough for this to overflow.
        (HEADER + self.options.emitted_len())
            .saturating_add(payload.0.len())
            .saturating_add(payload.1.len())
    }
}

/// Writes a whole packet into the front of `out`: IPv4 (unfragmentable and so without an identification, RFC 6864 section
/// 4.1) or IPv6, then the segment, its text the two pieces one behind the other. Returns how many bytes it takes.
///
/// With [`Checksums::Offloaded`] the checksums of both TCP and IPv4 are zero.
#[inline]
pub fn emit_packet(
    header: &Header,
    addresses: &Addresses,
    payload: (&[u8], &[u8]),
    out: &mut [u8],
    checksums: Checksums,
) -> Result<usize, NoRoom> {
    match emit_plain(header, addresses, payload, out, checksums) {
        Some(len) => Ok(len),
        None => emit_any(*header, *addresses, payload.0, payload.1, out, checksums),
    }
}

/// The same for what nearly all packets are, IPv4 around a segment without options; none for others, and if there is no
/// room.
#[inline(always)]
fn emit_plain(
    header: &Header,
    addresses: &Addresses,
    payload: (&[u8], &[u8]),
    out: &mut [u8],
    checksums: Checksums,
) -> Option<usize> {
    let Addresses::V4 { src, dst } = addresses else {
        return None;
    };
    let text = payload.0.len().checked_add(payload.1.len())?;
    if header.options != Options::default() || text > LONGEST - PLAIN {
        return None;
    }
    let needed = PLAIN + text;
    let (space, to) = out.get_mut(..needed)?.split_first_chunk_mut::<PLAIN>()?;
    let mut sum = Checksum::default();
    if text > 0 {
        let (first, second) = to.split_at_mut_checked(payload.0.len())?;
        first.copy_from_slice(payload.0);
        if !payload.1.is_empty() {
            second.copy_from_slice(payload.1);
        }
        if checksums == Checksums::Verify {
            sum = sum.over(to);
        }
    }
    let mut ip = ip_words(needed, *src, *dst);
    let mut tcp = header.words(0);
    if checksums == Checksums::Verify {
        let [.., src, dst] = ip;
        ip[2] |= u32::from(Checksum::default().over_words(&ip).finish());
        let pseudo = [src, dst, (needed - V4_HEADER) as u32, TCP.into()];
        tcp[4] |= u32::from(sum.over_words(&pseudo).over_words(&tcp).finish()) << 16;
    }
    let (ip_space, tcp_space) = space.split_at_mut(V4_HEADER);
    write_words(&ip, ip_space);
    write_words(&tcp, tcp_space);
    Some(needed)
}

/// The IPv4 header of a packet of this length, its checksum still zero.
#[inline(always)]
fn ip_words(len: usize, src: Ipv4Addr, dst: Ipv4Addr) -> [u32; 5] {
    const DO_NOT_FRAGMENT: u32 = 0x4000;
    [
        0x4500 << 16 | len as u32,
        DO_NOT_FRAGMENT,
        u32::from_be_bytes([HOPS, TCP, 0, 0]),
        src.to_bits(),
        dst.to_bits(),
    ]
}

/// Takes values, so that those of a plain packet need not stand in memory for it.
#[cold]
#[inline(never)]
fn emit_any(
    header: Header,
    addresses: Addresses,
    first: &[u8],
    second: &[u8],
    out: &mut [u8],
    checksums: Checksums,
) -> Result<usize, NoRoom> {
    let payload = (first, second);
    let segment = header.emitted_len(payload);
    let (ip, most) = match addresses {
        Addresses::V4 { .. } => (V4_HEADER, LONGEST),
        Addresses::V6 { .. } => (V6_HEADER, V6_HEADER + LONGEST),
    };
    let needed = segment.saturating_add(ip);
    let got = out.len().min(most);
    let no_room = NoRoom { needed, got };
    let out = out.get_mut(..got).unwrap_or_default();
    let (ip, out) = out.split_at_mut_checked(ip).ok_or(no_room)?;
    header
        .emit_with(&addresses, payload, out, checksums)
        .map_err(|_| no_room)?;
    match addresses {
        Addresses::V4 { src, dst } => {
            let mut words = ip_words(needed, src, dst);
            if checksums == Checksums::Verify {
                words[2] |= u32::from(Checksum::default().over_words(&words).finish());
            }
            write_words(&words, ip);
        }
        Addresses::V6 { src, dst } => {
            let lengths = (segment as u32) << 16 | u32::from_be_bytes([0, 0, TCP, HOPS]);
            let [s0, s1, s2, s3] = words_of(src.to_bits());
            let [d0, d1, d2, d3] = words_of(dst.to_bits());
            write_words(&[6 << 28, lengths, s0, s1, s2, s3, d0, d1, d2, d3], ip);
        }
    }
    Ok(needed)
}

#[inline]
fn words_of(address: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (address >> shift) as u32)
}

/// Writes as many words as there is space for.
#[inline(always)]
fn write_words(words: &[u32], space: &mut [u8]) {
    for (to, word) in space.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = word.to_be_bytes();
    }
}
