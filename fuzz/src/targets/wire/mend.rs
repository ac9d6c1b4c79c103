//! Makes packets of bytes: lengths and checksums that are right lead a random packet past the first questions.
//!
//! The sum is computed here word by word, apart from the engine's.

/// The bytes as an IPv4 packet if their first bit says so, else as one of IPv6.
pub(super) fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut packet = bytes.to_vec();
    let v4 = packet.first().is_some_and(|b| b & 0x80 == 0);
    if v4 {
        v4_packet(&mut packet)
    } else {
        v6_packet(&mut packet)
    };
    packet
}

fn v4_packet(p: &mut Vec<u8>) {
    p.resize(p.len().clamp(40, 0xffff), 0);
    let words = usize::from(p[0] & 15).clamp(5, p.len().min(60) / 4);
    p[0] = 0x40 | words as u8;
    let header = words * 4;
    if p.len() < header + 20 {
        p.resize(header + 20, 0);
    }
    let total = (p.len() as u16).to_be_bytes();
    p[2..4].copy_from_slice(&total);
    // One in eight stays a fragment, the first or another, and one keeps its protocol.
    let offset = if p[1] & 7 == 1 { 0x20 } else { 0 };
    p[6] &= 0xc0 | offset;
    p[7] &= offset >> 5;
    if p[1] & 7 != 2 {
        p[9] = 6;
    }
    p[10..12].fill(0);
    let sum = checksum(&p[..header], 0);
    p[10..12].copy_from_slice(&sum.to_be_bytes());
    let pseudo = words_of(&p[12..20]) + 6 + (p.len() - header) as u32;
    segment(&mut p[header..], pseudo);
}

fn v6_packet(p: &mut Vec<u8>) {
    p.resize(p.len().clamp(60, 0xffff), 0);
    p[0] = 0x60 | p[0] & 15;
    let len = ((p.len() - 40) as u16).to_be_bytes();
    p[4..6].copy_from_slice(&len);
    // One in four has extension headers, if its next header says so.
    if p[1] & 3 != 1 {
        p[6] = 6;
    }
    let (mut next, mut at) = (p[6], 40);
    while matches!(next, 0 | 43 | 60) && at + 28 <= p.len() {
        p[at + 1] &= 1; // 8 or 16 bytes
        next = p[at];
        at += 8 + 8 * usize::from(p[at + 1]);
    }
    if at + 20 > p.len() {
        p.resize(at + 20, 0);
        let len = ((p.len() - 40) as u16).to_be_bytes();
        p[4..6].copy_from_slice(&len);
    }
    let pseudo = words_of(&p[8..40]) + 6 + (p.len() - at) as u32;
    segment(&mut p[at..], pseudo);
}

/// A data offset within the segment, and its checksum.
fn segment(s: &mut [u8], pseudo: u32) {
    let most = s.len().min(60) / 4;
    let words = usize::from(s[12] >> 4).clamp(5, most);
    s[12] = (words as u8) << 4 | s[12] & 15;
    s[16..18].fill(0);
    let sum = checksum(s, pseudo);
    s[16..18].copy_from_slice(&sum.to_be_bytes());
}

fn words_of(bytes: &[u8]) -> u32 {
    bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum()
}

fn checksum(bytes: &[u8], more: u32) -> u16 {
    let mut sum = more + words_of(bytes);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use farewell::wire::{IpError, Packet, SegmentError};

    #[test]
    fn what_is_mended_is_read_but_for_its_options() {
        for first in [0x00, 0x45, 0x4f, 0x80, 0xff] {
            for len in [0, 1, 20, 39, 40, 41, 59, 60, 61, 100, 300] {
                let mut bytes = vec![1; len]; // no-operations
                bytes.iter_mut().take(1).for_each(|b| *b = first);
                if len > 9 {
                    (bytes[1], bytes[6]) = (0, 6);
                }
                match Packet::parse(&mended(&bytes)).map(|_| ()) {
                    Ok(()) | Err(IpError::Segment(SegmentError::Options(_))) => {}
                    Err(why) => panic!("{first:x} {len}: {why}"),
                }
            }
        }
    }
}
