//! The oracle for stacks that are not bit for bit our specification: the *set* of the specification's states that explain all
//! that has been observed. [`set`] is that set and what happens to it, `explain` says which outputs a state may have,
//! [`freedom`] what RFC 9293 leaves open, with a reason each; [`script`] is what is done to a stack, [`random`] makes one of a seed, [`packet`] how it is written and read, [`drive`] does it,
//! [`finding`] describes, sorts and shortens what no state explains, [`campaign`] and [`command`] are `conform run`.
//!
//! The stacks themselves are in [`crate::subjects`]. Scope: one connection at a time on one pair of sockets, buffers of four
//! bytes, no options but MSS, no congestion window, R2 and user timeouts infinite.

pub mod campaign;
pub mod command;
pub mod drive;
pub mod expectations;
mod explain;
pub mod finding;
pub mod freedom;
pub mod packet;
pub mod random;
pub mod script;
pub mod set;

#[cfg(test)]
mod tests;
