//! Where the specification and the engine meet.
//!
//! [`engine`] lets the shipping code live in the model's worlds; [`lockstep`] makes one endpoint of two and notes any
//! difference; [`worlds`] registers both with the command `conform`. [`targets`] is the fuzzing beyond these worlds'
//! bounds, and [`replay`] runs what it found again.

#![forbid(unsafe_code)]

pub mod engine;
pub mod lockstep;
pub mod oracle;
pub mod replay;
pub mod scripts;
pub mod subject;
pub mod subjects;
pub mod targets;
#[cfg(feature = "worlds")]
pub mod worlds;
