//! Stacks that talk to each other in memory.

mod closing;
mod configured;
mod input;
mod limits;
mod net;
mod ports;
mod segments;
mod transfer;
