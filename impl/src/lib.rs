//! A TCP engine that follows the close protocol to the letter: no I/O, no clock, no allocation per segment.
//!
//! It is held against an executable specification of RFC 9293 section 3.10 that shares no code with it: exhaustively within
//! stated bounds, and by fuzzing beyond them.
//!
//! - [`connection`]: one connection, its buffers and its congestion control;
//! - [`endpoint`]: one host's TCP for one pair of sockets, LISTEN and TIME_WAIT included;
//! - [`stack`]: very many of them, with ports, limits and a census;
//! - [`timewait`]: millions of connections in TIME_WAIT; [`wheel`]: the timers of the others;
//! - [`wire`]: segments in IPv4 and IPv6 packets; [`mod@tuple`]: what names a connection;
//! - [`isn`], [`rto`], [`seq`], [`time`]: numbers and moments.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod connection;
pub mod endpoint;
pub mod isn;
pub mod listen;
pub mod rto;
pub mod seq;
pub mod stack;
mod state;
pub mod time;
pub mod timewait;
pub mod tuple;
pub mod wheel;
pub mod wire;

pub use config::Config;
pub use connection::Connection;
pub use endpoint::Endpoint;
pub use stack::Stack;
pub use state::State;
pub use time::Instant;
