//! What a run has to say, for people and for machines.
//!
//! [`story`] is a counterexample without the types of its world and [`fn@tell`] makes one of a trace; [`ladder`] and
//! [`svg`] draw it, [`mod@pcapng`] makes a capture of it, [`saved`] keeps it in a file that can be replayed, [`site`] writes pages. [`text`] lays out tables, [`diagram`] draws
//! the state diagram. What to run and what to make of it is decided in [`crate::cli`].

pub mod diagram;
pub mod ladder;
pub mod pcapng;
pub mod saved;
pub mod site;
pub mod story;
pub mod svg;
pub mod tell;
pub mod text;

pub use story::Story;
pub(crate) use tell::actions_along;
pub use tell::{outcome, tell, tell_along};
