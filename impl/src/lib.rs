//! The parts of a TCP engine that is to follow the close protocol to the letter: no I/O, no clock, no allocation per segment.
//!
//! Here so far: [`wire`] reads and writes segments, [`timewait`] keeps the connections in TIME_WAIT, [`rto`] is the
//! retransmission timeout, [`seq`] the arithmetic of sequence numbers. The connection itself is still to come; it will be
//! held against an executable specification of RFC 9293 section 3.10 that shares no code with it.

#![no_std]
#![forbid(unsafe_code)]

pub mod rto;
pub mod seq;
pub mod time;
pub mod timewait;
pub mod wire;
