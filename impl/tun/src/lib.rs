//! The engine on a TUN: what it needs of an operating system, and nothing of TCP. Linux only; elsewhere it is empty.
//!
//! - [`device`]: packets in and out, by a TUN or by anything else that has a [`Device`];
//! - [`driver`]: the loop that owns a [`Stack`](farewell::Stack) and its device;
//! - [`link`](mod@link): a link between both that loses, repeats, reorders and delays, by a seed;
//! - [`capture`]: both ends of that link as pcapng; [`clock`]: the time; [`diag`]: the kernel's own sockets;
//! - [`namespace`]: a network of one's own, to try all this in.
//!
//! Two programs stand on it: `farewell-echo`, a server to try by `curl` and `nc`, and `farewell-lives`, which lets the engine
//! and the kernel's TCP open, talk and close in every way, thousands at once.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

pub mod capture;
pub mod clock;
pub mod device;
pub mod diag;
pub mod driver;
pub mod link;
pub mod namespace;

pub use capture::Capture;
pub use clock::{Clock, Monotonic};
pub use device::{Device, Tun};
pub use driver::Driver;
pub use link::{Faults, Link};
