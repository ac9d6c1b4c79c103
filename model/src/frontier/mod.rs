//! The frontier: the least TIME_WAIT that keeps every property, for every combination of what else protects a connection
//! from the one before it.
//!
//! [`cell`] says what the combinations are and makes their worlds, [`probe`] explores one, [`search`] finds the least value
//! by exhaustive checks, [`pump`] shows that no value is enough, [`cache`] keeps what was found, [`blocks`] says it in few
//! words, [`pinned`] what it must be. What does not live here: how a world is explored ([`crate::check`]) and how the table
//! looks ([`crate::cli`]).

pub mod blocks;
pub mod cache;
pub mod cell;
pub mod pinned;
pub mod probe;
pub mod pump;
pub mod search;

pub use cache::{Cache, CacheError};
pub use cell::{Bytes, Cell, Judged};
pub use pinned::Pinned;
pub use probe::{Probe, ProbeError, Question};
pub use search::{Least, least};
