//! Segments on the wire: IPv4 (RFC 791) and IPv6 (RFC 8200) around TCP (RFC 9293 section 3.1), read in place.
//!
//! [`Packet::parse`] checks everything before it hands out a view, so that a view's getters cannot fail: lengths, header
//! lengths, checksums, the options' shape. What is wrong is a typed error. [`emit_packet`] is the inverse; [`Segment::parse`] and
//! [`Header::emit`] are both without IP. Where a device checks and computes the sums, [`Checksums`] says so.

mod checksum;
mod emit;
mod ip;
mod options;
mod tcp;
#[cfg(test)]
mod tests;

pub use checksum::{Checksum, Checksums};
pub use emit::{NoRoom, emit_packet};
pub use ip::{Addresses, IpError, Packet};
pub use options::{Options, OptionsError, Timestamps};
pub use tcp::{Flags, Header, Segment, SegmentError};
