//! The TCP close protocol, as an executable specification and a world to check it in.
#![forbid(unsafe_code)]

pub mod ablation;
pub mod check;
pub mod cli;
pub mod endpoint;
pub mod frontier;
pub mod properties;
pub mod report;
pub mod requirements;
pub mod rules;
pub mod scenarios;
pub mod seq;
pub mod space;
pub mod spec;
pub mod world;
