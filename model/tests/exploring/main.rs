//! What exploring the scenarios comes to. One program, since each would compile the worlds and both engines for itself.

mod frontier;
mod liveness;
mod pinned;
mod reduction;
mod report;
mod saturation;
mod worlds;
