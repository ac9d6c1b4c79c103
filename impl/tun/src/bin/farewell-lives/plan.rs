//! What a life is to be: its cell in the table, and all that is drawn for it.

use std::fmt;
use std::time::Duration;

use farewell_tun::Faults;
use farewell_tun::capture::Host;
use farewell_tun::link::Crossed;
use fastrand::Rng;

/// How a life ends, and what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Who opened closes, then the other.
    ClientFirst,
    /// Who accepted closes, then the other.
    ServerFirst,
    /// Both open at once (each connects to the other's port), then one closes.
    OpenAtOnce,
    /// Both close before either hears of it.
    CloseAtOnce,
    /// One has said all, the other goes on, and closes.
    HalfClose,
    /// One aborts in the midst of it.
    Abort,
    /// One closes and has not read everything.
    Unread,
    /// One waits in TIME_WAIT, and the other opens the same pair of sockets again.
    ReopenedByPeer,
    /// One waits in TIME_WAIT, and itself opens the same pair of sockets again, as soon as it may.
    ReopenedByItself,
}

impl Way {
    /// All, in the table's order.
    pub(crate) const ALL: [Way; 9] = [
        Way::ClientFirst,
        Way::ServerFirst,
        Way::OpenAtOnce,
        Way::CloseAtOnce,
        Way::HalfClose,
        Way::Abort,
        Way::Unread,
        Way::ReopenedByPeer,
        Way::ReopenedByItself,
    ];

    fn name(self) -> &'static str {
        match self {
            Way::ClientFirst => "client closes first",
            Way::ServerFirst => "server closes first",
            Way::OpenAtOnce => "both open at once",
            Way::CloseAtOnce => "both close at once",
            Way::HalfClose => "half close",
            Way::Abort => "abort",
            Way::Unread => "close with unread data",
            Way::ReopenedByPeer => "reopened by the peer",
            Way::ReopenedByItself => "reopened by itself",
        }
    }

    /// How many connections there are, one after the other, between the same ends.
    pub(crate) fn incarnations(self) -> usize {
        match self {
            Way::ReopenedByPeer | Way::ReopenedByItself => 2,
            _ => 1,
        }
    }

    /// Whether what is to happen at once did, by what crossed on the link; none if nothing is to.
    pub(crate) fn crossing(self, crossed: Crossed) -> Option<bool> {
        match self {
            Way::OpenAtOnce => Some(crossed.syns),
            Way::CloseAtOnce => Some(crossed.fins),
            _ => None,
        }
    }

    /// It ends by a RST.
    pub(crate) fn resets(self) -> bool {
        matches!(self, Way::Abort | Way::Unread)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the link does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nothing.
    None,
    /// Packets are lost.
    Loss,
    /// Packets come twice.
    Duplication,
    /// Packets overtake each other.
    Reordering,
    /// Packets are late.
    Delay,
    /// Everything.
    All,
}

/// How long a packet is held back at most.
pub(crate) const LONGEST: Duration = Duration::from_millis(30);

impl Kind {
    /// All, in the table's order.
    pub(crate) const ALL: [Kind; 6] = [
        Kind::None,
        Kind::Loss,
        Kind::Duplication,
        Kind::Reordering,
        Kind::Delay,
        Kind::All,
    ];

    /// The column's head.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::None => "none",
            Kind::Loss => "loss",
            Kind::Duplication => "duplication",
            Kind::Reordering => "reordering",
            Kind::Delay => "delay",
            Kind::All => "all",
        }
    }

    /// Of a thousand packets in each direction.
    pub(crate) fn faults(self) -> Faults {
        let longest = LONGEST;
        let none = Faults {
            longest,
            ..Faults::NONE
        };
        match self {
            Kind::None => none,
            Kind::Loss => Faults { lose: 100, ..none },
            Kind::Duplication => Faults {
                duplicate: 200,
                ..none
            },
            Kind::Reordering => Faults {
                reorder: 200,
                ..none
            },
            Kind::Delay => Faults { delay: 200, ..none },
            Kind::All => Faults {
                lose: 60,
                duplicate: 100,
                reorder: 100,
                delay: 100,
                longest,
            },
        }
    }
}

/// A cell of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// The row.
    pub(crate) way: Way,
    /// Who ends it first, or whose TIME_WAIT is reopened.
    pub(crate) first: Host,
    /// The column.
    pub(crate) kind: Kind,
}

impl Cell {
    /// All cells.
    pub(crate) const COUNT: usize = Way::ALL.len() * 2 * Kind::ALL.len();

    /// The cell of the n-th life: all come before one comes again.
    pub(crate) fn of(n: usize) -> Cell {
        let n = n % Cell::COUNT;
        let (kinds, sides) = (Kind::ALL.len(), 2);
        let first = [Host::Kernel, Host::Farewell];
        Cell {
            kind: Kind::ALL.get(n % kinds).copied().unwrap_or(Kind::None),
            first: first
                .get(n / kinds % sides)
                .copied()
                .unwrap_or(Host::Kernel),
            way: Way::ALL
                .get(n / kinds / sides)
                .copied()
                .unwrap_or(Way::ClientFirst),
        }
    }
}

/// The host's name in the table.
pub(crate) fn name(host: Host) -> &'static str {
    match host {
        Host::Kernel => "kernel",
        Host::Farewell => "farewell",
    }
}

/// The other host.
pub(crate) fn other(host: Host) -> Host {
    match host {
        Host::Kernel => Host::Farewell,
        Host::Farewell => Host::Kernel,
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (way, first, kind) = (self.way, name(self.first), self.kind.name());
        write!(f, "{way}, {first} first, faults: {kind}")
    }
}

/// What is drawn for one incarnation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// Who ends it first.
    pub(crate) first: Host,
    /// Who opens it; both if both do.
    pub(crate) opener: Host,
    /// Bytes that each host sends, kernel first; where it ends by a RST, at least.
    pub(crate) lengths: [u64; 2],
    /// Of these, those that go out right before its FIN.
    pub(crate) tails: [u64; 2],
    /// Where it ends by a RST: bytes that the first has read before.
    pub(crate) read: u64,
    /// A host shuts down, waits for the end, and only then closes; else it closes at once.
    pub(crate) waits: [bool; 2],
}

/// What is drawn for a life.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its number.
    pub(crate) index: usize,
    /// Its cell.
    pub(crate) cell: Cell,
    /// Over IPv6.
    pub(crate) v6: bool,
    /// The kernel's receive buffer is small.
    pub(crate) small_buffer: bool,
    /// One for each incarnation.
    pub(crate) talks: Vec<Talk>,
}

impl Plan {
    /// Of the n-th life.
    pub(crate) fn new(seed: u64, index: usize) -> Plan {
        let cell = Cell::of(index);
        let mut rng = Rng::with_seed(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let incarnations = 0..cell.way.incarnations();
        Plan {
            index,
            cell,
            v6: rng.u8(0..4) == 0,
            small_buffer: rng.u8(0..4) == 0,
            talks: incarnations
                .map(|n| Talk::new(&cell, n, &mut rng))
                .collect(),
        }
    }
}

impl Talk {
    fn new(cell: &Cell, incarnation: usize, rng: &mut Rng) -> Talk {
        let any = if rng.bool() {
            Host::Kernel
        } else {
            Host::Farewell
        };
        let (opener, mut first) = match cell.way {
            Way::ClientFirst | Way::ReopenedByItself => (cell.first, cell.first),
            Way::ServerFirst | Way::ReopenedByPeer => (other(cell.first), cell.first),
            _ => (any, cell.first),
        };
        if incarnation > 0 {
            first = any; // what follows ends either way
        }
        let mut lengths = [(); 2].map(|()| length(rng));
        let tails = lengths.map(|len| rng.u64(0..=len.min(3_000)));
        let mut read = 0;
        if cell.way.resets() {
            let from = &mut lengths[other(first) as usize];
            *from += 1;
            read = rng.u64(0..*from);
        }
        Talk {
            first,
            opener,
            lengths,
            tails,
            read,
            waits: [rng.bool(), rng.bool()],
        }
    }
}

/// Often nothing or little, at times more than the buffers hold.
fn length(rng: &mut Rng) -> u64 {
    match rng.u8(0..10) {
        0 => 0,
        1 => 1,
        2..5 => rng.u64(1..1_500),
        5..9 => rng.u64(1_500..20_000),
        _ => rng.u64(20_000..150_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_cell_comes_before_one_comes_again() {
        let key = |n| format!("{:?}", Cell::of(n));
        let cells: HashSet<_> = (0..Cell::COUNT).map(key).collect();
        assert_eq!((cells.len(), Cell::COUNT), (108, 108));
        assert_eq!(Cell::of(5), Cell::of(5 + Cell::COUNT));
    }

    #[test]
    fn a_plan_is_drawn_from_its_seed() {
        let print = |seed, n| format!("{:?}", Plan::new(seed, n));
        assert_eq!(print(1, 50), print(1, 50));
        assert_ne!(print(1, 50), print(2, 50));
    }
}
