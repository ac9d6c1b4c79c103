//! The oracle for stacks that are not bit for bit our specification: the *set* of the specification's states that explain all
//! that has been observed. [`set`] is that set and what happens to it, `explain` says which outputs a state may have,
//! [`freedom`] what RFC 9293 leaves open, with a reason each; [`script`] is what is done to a stack, [`random`] makes one of a
//! seed, [`packet`] writes and reads what goes over the wire, [`drive`] does it. [`odd`] has the ways in which stacks err,
//! `explained` finds which it was, [`finding`] names and weighs it, [`expectations`] are those that are known, [`minimise`]
//! makes the script short, [`ladder`] and [`capture`] show it; [`campaign`] and [`command`] are `conform run`, [`replay`]
//! is `conform replay`.
//!
//! The stacks themselves are in [`crate::subjects`]. Scope: one connection at a time on one pair of sockets, buffers of four
//! bytes, no options but MSS, no congestion window, R2 and user timeouts infinite.

pub mod campaign;
pub mod capture;
mod caught;
pub mod command;
pub mod drive;
pub mod expectations;
mod explain;
mod explained;
pub mod finding;
pub mod freedom;
pub mod ladder;
pub mod minimise;
pub mod odd;
pub mod packet;
pub mod random;
pub mod replay;
pub mod script;
pub mod set;
mod together;

#[cfg(test)]
mod readings;
#[cfg(test)]
mod tests;
