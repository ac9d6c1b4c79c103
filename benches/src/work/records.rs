//! The engine's table of connections in TIME_WAIT, by itself. smoltcp has none: there a connection in TIME-WAIT is a
//! socket like any other, and what is comparable is measured on whole hosts (`timewait`).

use std::net::Ipv4Addr;
use std::time::Duration;

use farewell::Instant;
use farewell::timewait::{Limits, Table, TimeWait};
use farewell::tuple::{Tuple, V4};

use crate::scene::{ADDRESS, PORT};
use crate::work::{ROUND, Undone, Work, expect};

/// Twice MSL.
const LASTS: Duration = Duration::from_secs(60);
/// Ports of an address that peers use.
const PORTS: u64 = 50_000;

/// The connection that enters as the `n`th.
fn tuple(n: u64) -> Tuple {
    Tuple::V4(V4 {
        local: ADDRESS,
        remote: Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + (n / PORTS) as u32),
        local_port: PORT,
        remote_port: (n % PORTS) as u16 + 10_000,
    })
}

/// A full table in which time goes on: who enters takes the place of who has just expired.
struct Full {
    table: Table,
    room: usize,
    /// Connections that ever entered.
    entered: u64,
}

impl Full {
    fn new(room: usize) -> Self {
        let limits = Limits {
            v4: u32::try_from(room).unwrap_or(u32::MAX),
            v6: 0,
        };
        let table = match Table::new(limits, LASTS, [7; 16]) {
            Ok(table) => table,
            Err(error) => panic!("{error}"),
        };
        let mut full = Full {
            table,
            room,
            entered: 0,
        };
        full.enter(room);
        full
    }

    /// When the `n`th enters: at equal distances, the first `room` of them within the time that a record lasts.
    fn moment(&self, n: u64) -> Instant {
        Instant(n * (LASTS.as_micros() as u64 / self.room as u64))
    }

    /// The next so many enter. Returns how many were taken.
    fn enter(&mut self, many: usize) -> usize {
        let mut taken = 0;
        for n in self.entered..self.entered + many as u64 {
            let record = TimeWait::default();
            let entered = self.table.enter(tuple(n), record, self.moment(n));
            taken += usize::from(entered.is_ok());
        }
        self.entered += many as u64;
        taken
    }

    /// Those who are over leave, once the next round of those who come are here. Returns how many they were.
    fn expire(&mut self) -> usize {
        let now = self.moment(self.entered + ROUND as u64 - 1);
        let mut expired = 0;
        while self.table.expire(now).is_some() {
            expired += 1;
        }
        expired
    }
}

/// Times, per record: it enters a table that is full then.
pub struct RecordInserts {
    full: Full,
    taken: usize,
}

/// Times, per record: it is found among all in a full table, in an order in which no neighbours follow each other.
pub struct RecordLookups {
    full: Full,
    at: u64,
    tuples: Vec<Tuple>,
    found: usize,
}

/// Times, per record: its time is over and it is taken out.
pub struct RecordExpiries {
    full: Full,
    expired: usize,
}

impl RecordInserts {
    /// Into a table of so many.
    pub fn new(room: usize) -> Self {
        RecordInserts {
            full: Full::new(room),
            taken: 0,
        }
    }
}

impl RecordLookups {
    /// In a table of so many.
    pub fn new(room: usize) -> Self {
        RecordLookups {
            full: Full::new(room),
            at: 0,
            tuples: Vec::with_capacity(ROUND),
            found: 0,
        }
    }
}

impl RecordExpiries {
    /// From a table of so many.
    pub fn new(room: usize) -> Self {
        RecordExpiries {
            full: Full::new(room),
            expired: 0,
        }
    }
}

impl Work for RecordInserts {
    fn prepare(&mut self) {
        self.full.expire();
        self.taken = 0;
    }

    fn run(&mut self) {
        self.taken = self.full.enter(ROUND);
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("records taken", ROUND, self.taken)?;
        expect("records", self.full.room, self.full.table.len())
    }
}

impl Work for RecordLookups {
    fn prepare(&mut self) {
        /// A prime: everyone has a turn.
        const STEP: u64 = 6_180_341;
        self.tuples.clear();
        for _ in 0..ROUND {
            self.at = (self.at + STEP) % self.full.room as u64;
            self.tuples.push(tuple(self.at));
        }
        self.found = 0;
    }

    fn run(&mut self) {
        for tuple in &self.tuples {
            self.found += usize::from(self.full.table.get(tuple).is_some());
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("records found", ROUND, self.found)
    }
}

impl Work for RecordExpiries {
    fn prepare(&mut self) {
        let missing = self.full.room - self.full.table.len();
        self.full.enter(missing);
        self.expired = 0;
    }

    fn run(&mut self) {
        self.expired = self.full.expire();
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("records expired", ROUND, self.expired)?;
        expect("records", self.full.room - ROUND, self.full.table.len())
    }
}
