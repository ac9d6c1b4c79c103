//! A state of the world: a fixed-size value without pointers or padding, canonical.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::history::History;
use super::net::InFlight;
use crate::space::Plain;

/// One host's application, and what the world keeps for the host's TCP between lives.
///
/// Numbers are distances from the host's first ISN; what no later step can ask for is zero.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    TryFromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct App {
    /// Which life it is in, from 0.
    pub life: u8,
    /// The next step of its script.
    pub pc: u8,
    /// Crashes so far.
    pub crashes: u8,
    /// Ticks of quiet time left.
    pub quiet: u8,
    /// It has vanished.
    pub gone: u8,
    /// ISS of this life's incarnation has been chosen.
    pub begun: u8,
    /// A SYN of this life met a TCP that nobody listened on.
    pub refused: u8,
    /// Life of the peer whose FIN is held for later, plus one.
    pub fin_held_of: u8,
    /// Life of the peer whose FIN was accepted, plus one.
    pub fin_of: u8,
    /// ISS of this life (kept while a later life may need it).
    pub iss: i8,
    /// One past the highest number used in this life (likewise).
    pub top: i8,
    /// ISS of the life before.
    pub last_iss: i8,
    /// One past the highest number used in the life before.
    pub last_top: i8,
    /// Ticks since its TCP was CLOSED, while its next life waits for its segments to drain; saturating.
    pub closed_for: u8,
    /// Ticks since this life's incarnation began, saturating (for the ISN clock).
    pub elapsed: u8,
    /// The same for the life before.
    pub last_elapsed: u8,
}

/// A state of the world with room for `N` segments in flight.
#[derive(
    Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct State<I, const N: usize> {
    /// The TCPs of host A and host B.
    pub ends: [I; 2],
    /// Their applications.
    pub apps: [App; 2],
    /// What users have seen.
    pub seen: History,
    /// Bits of [`crate::properties::Fault`], little-endian; sticky.
    pub fault: [u8; 4],
    /// Bit 0, with clocks that tick in turn: host B's tick is due. The others: strays that have turned up.
    pub phase: u8,
    /// Segments in flight.
    pub live: u8,
    /// The segments, sorted; unused room is empty.
    pub net: [InFlight; N],
}

impl<I, const N: usize> State<I, N> {
    /// The segments in flight.
    #[inline]
    pub fn in_flight(&self) -> &[InFlight] {
        &self.net[..usize::from(self.live)]
    }

    /// What went wrong so far.
    #[inline]
    pub fn faults(&self) -> u32 {
        u32::from_le_bytes(self.fault)
    }
}

impl<I, const N: usize> Plain for State<I, N>
where
    I: Copy
        + Eq
        + Send
        + Sync
        + IntoBytes
        + TryFromBytes
        + Immutable
        + KnownLayout
        + Unaligned
        + 'static,
{
    #[inline]
    fn bytes(&self) -> &[u8] {
        let unused = (N - usize::from(self.live)) * size_of::<InFlight>();
        let all = IntoBytes::as_bytes(self);
        &all[..all.len() - unused]
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (ends, rest) = <[I; 2]>::try_read_from_prefix(bytes).ok()?;
        let (apps, rest) = <[App; 2]>::try_read_from_prefix(rest).ok()?;
        let (seen, rest) = History::try_read_from_prefix(rest).ok()?;
        let (&fault, rest) = rest.split_first_chunk()?;
        let (&[phase, live], rest) = rest.split_first_chunk()?;
        let segments = rest.as_chunks::<{ size_of::<InFlight>() }>();
        if segments.0.len() != usize::from(live) || !segments.1.is_empty() {
            return None;
        }
        let mut net = [InFlight::NONE; N];
        for (place, segment) in net.get_mut(..usize::from(live))?.iter_mut().zip(segments.0) {
            *place = InFlight::read_from_bytes(segment).ok()?;
        }
        Some(State {
            ends,
            apps,
            seen,
            fault,
            phase,
            live,
            net,
        })
    }
}

impl<I: std::fmt::Debug, const N: usize> std::fmt::Debug for State<I, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("ends", &self.ends)
            .field("apps", &self.apps)
            .field("seen", &self.seen)
            .field(
                "faults",
                &crate::properties::faults(self.faults()).collect::<Vec<_>>(),
            )
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
