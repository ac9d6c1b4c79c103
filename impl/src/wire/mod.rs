//! Segments on the wire: IPv4 (RFC 791) and IPv6 (RFC 8200) around TCP (RFC 9293 section 3.1), read in place.
//!
//! [`Packet::parse`] checks everything before it hands out a view, so that a view's getters cannot fail: lengths, header
//! lengths, checksums, the options' shape. What is wrong is a typed error. [`Header::emit`] is the inverse.

mod checksum;
mod ip;
mod options;
mod tcp;

pub use checksum::Checksum;
pub use ip::{Addresses, IpError, Packet};
pub use options::{Options, OptionsError, Timestamps};
pub use tcp::{Flags, Header, NoRoom, Segment, SegmentError};

use core::array;

/// The big-endian number of `N` bytes at `at`; the caller has checked that they are there.
fn be<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    array::from_fn(|n| bytes.get(at + n).copied().unwrap_or(0))
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(be(bytes, at))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(be(bytes, at))
}
