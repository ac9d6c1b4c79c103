//! What the frontier came to, and why: a changed value is a changed protocol. Where it has not been run (README, "How short may
//! TIME_WAIT be?") it is what the reasons below predict.
//!
//! An early prototype had 1, 5, 9 ticks at MSL 1, 2, 3 where TIME_WAIT answers every old segment and 1, 4, 7 where only those
//! with sequence space; here it is 3, 5, 7 for both. Its numbers are `k (MSL - 1) + 1` with chains of k = 4 and 3 segments: there
//! a segment died *at* the MSL-th tick, so that none crossed a tick at MSL 1, and here it is deliverable through it. And there
//! the passive side took part again when the other's TIME_WAIT was over, whatever it had sent itself; here it has drained,
//! which leaves the chain of two that no TIME_WAIT can do without, or else no length is enough.

use super::cell::{Answered, Cell, Closes, Isn, Judged, Opens, Passive, Rst, Stamps};
use super::search::Least;

/// The least TIME_WAIT of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pinned {
    /// None is needed.
    Nothing,
    /// So many MSL: a chain of so many segments, each sent at the end of the life of the one before, reaches from the first
    /// connection into the second.
    Msl(u8),
    /// No length is enough.
    Never,
}

impl Pinned {
    /// Whether a search that came to this, at an MSL of so many ticks, agrees. A timer of n ticks is sure of a little more than
    /// n - 1 of them, and a segment is deliverable through the last tick of its life: k MSL take a tick more.
    pub fn is(self, found: Least, msl: u8) -> bool {
        match self {
            Pinned::Nothing => found == Least::Is(0),
            Pinned::Msl(k) => found == Least::Is(k * msl + 1),
            Pinned::Never => matches!(found, Least::Never { .. }),
        }
    }

    /// In words.
    pub fn text(self) -> String {
        match self {
            Pinned::Nothing => "none".into(),
            Pinned::Msl(k) => format!("{k} MSL"),
            Pinned::Never => "never".into(),
        }
    }
}

/// What a cell comes to at an MSL of so many ticks. In units of MSL the ticks matter in one place only.
pub fn of(cell: Cell, judged: Judged, msl: u8) -> Pinned {
    // Nothing of the connection before has a number that the next one uses.
    if cell.isn == Isn::Above {
        return Pinned::Nothing;
    }
    // A late RST: a closed port answers the last FIN, and what it answers with has the numbers that the next connection
    // expects. No TIME_WAIT is long enough, for it is drawn when TIME_WAIT is over.
    if judged == Judged::All {
        return Pinned::Never;
    }
    // TIME_WAIT can be ended at any time: its length is only a wish.
    if cell.rst == Rst::Ends {
        return Pinned::Never;
    }
    // Who has no TIME_WAIT sends its FIN again until the other's is nearly over, and that FIN reaches into the next connection.
    if cell.passive == Passive::AtOnce {
        return Pinned::Never;
    }
    // The passive side has drained, but the active one, in TIME_WAIT still, answers its new SYN with the old numbers.
    if cell.opens == Opens::Alone && cell.closes != Closes::Client {
        return Pinned::Never;
    }
    // After a simultaneous close both are in TIME_WAIT. What is older than TS.Recent is answered (RFC 7323 5.3, R1), with an ACK
    // that soon is as old: the two acknowledge each other's outdated ACKs for as long as both last, and the last ACK has a
    // timestamp as new as the next connection's. It takes an ACK two ticks old where one of the tick before has arrived; at
    // an MSL of one tick, which is one tick of the timestamps' clock, whoever begins has nothing newer to reject it by.
    let both_linger = cell.stamps == Stamps::On && cell.closes == Closes::Both;
    if both_linger && cell.answered == Answered::Every && msl >= 2 {
        return Pinned::Never;
    }
    // An old FIN, delivered at the end of its life, is answered, and the answer lives another MSL. With timestamps the answer's
    // is too old for the next connection (PAWS).
    match cell.stamps {
        Stamps::Off => Pinned::Msl(2),
        Stamps::On => Pinned::Msl(1),
    }
}
