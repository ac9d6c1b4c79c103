//! The engine behind the interface of packetdrill (`--so_filename`), so that a script of packetdrill's language tests it.
//!
//! packetdrill loads the shared library, calls `packetdrill_interface_init`, and gets a table of functions: socket calls, a
//! network device and a clock. Here they work on a [`Stack`](farewell::Stack) in virtual time, which passes only when the
//! script waits: a script that spans four minutes is done at once, and the same way each time.
//!
//! - `interface`: the table in C. All that is `unsafe` is there;
//! - [`host`]: who waits for what, and when time may pass; [`clock`]: the stack, its packets and its time;
//! - [`calls`]: what the socket calls do; [`options`]: the options of sockets;
//! - [`poll`]: what sockets are ready for;
//! - [`record`]: a capture of its packets;
//! - [`flags`]: what `--so_flags` sets; [`address`]: socket addresses as C has them.

#![deny(unsafe_code, unsafe_op_in_unsafe_fn)]
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

pub mod address;
pub mod calls;
pub mod clock;
pub mod flags;
pub mod host;
#[allow(unsafe_code)]
pub mod interface;
pub mod options;
pub mod poll;
pub mod record;
