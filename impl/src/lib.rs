//! A TCP engine that follows the close protocol to the letter: no I/O, no clock, no allocation per segment.
//!
//! [`wire`] reads and writes segments; [`seq`] is the arithmetic of sequence numbers. What the engine does is held
//! against an executable specification of RFC 9293 section 3.10 that shares no code with it.

#![no_std]
#![forbid(unsafe_code)]

pub mod seq;
pub mod time;
pub mod timewait;
pub mod wire;
