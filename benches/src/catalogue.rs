//! Benchmarks by name.

use crate::ours::Farewell;
use crate::peer::{Checksums, Peer, Wire};
use crate::theirs::Smoltcp;
use crate::work::{
    Acks, Batches, Close, Data, Emit, Expiries, Inserts, Life, Lookups, OldSegments, Parse,
    RecordExpiries, RecordInserts, RecordLookups, Work,
};

/// The stack that others are compared with.
pub const THEIRS: &str = Smoltcp::NAME;
/// This project's.
pub const OURS: &str = Farewell::NAME;
/// Both.
pub const STACKS: [&str; 2] = [OURS, THEIRS];

/// A benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub what: &'static str,
    /// With which settings of checksums it runs.
    pub checksums: &'static [Checksums],
}

const BOTH: &[Checksums] = &Checksums::ALL;
const VERIFIED: &[Checksums] = &[Checksums::Verified];

const fn case(what: &'static str, checksums: &'static [Checksums]) -> Case {
    Case { what, checksums }
}

/// All benchmarks, in the order of the table.
pub const CASES: &[Case] = &[
    case("segment/ack", BOTH),
    case("segment/data-64", BOTH),
    case("segment/data-1460", BOTH),
    case("close", VERIFIED),
    case("life", VERIFIED),
    case("lookup/1", VERIFIED),
    case("lookup/1000", VERIFIED),
    case("lookup/1000000", VERIFIED),
    case("lookup/1-batch", VERIFIED),
    case("lookup/1000-batch", VERIFIED),
    case("lookup/1000000-batch", VERIFIED),
    case("timewait/insert-1000", VERIFIED),
    case("timewait/lookup-1000", VERIFIED),
    case("timewait/expire-1000", VERIFIED),
    case("timewait/insert-10000000", VERIFIED),
    case("timewait/lookup-10000000", VERIFIED),
    case("timewait/expire-10000000", VERIFIED),
    case("records/insert-1000", VERIFIED),
    case("records/lookup-1000", VERIFIED),
    case("records/expire-1000", VERIFIED),
    case("records/insert-10000000", VERIFIED),
    case("records/lookup-10000000", VERIFIED),
    case("records/expire-10000000", VERIFIED),
    case("wire/parse-0", BOTH),
    case("wire/parse-64", BOTH),
    case("wire/parse-1460", BOTH),
    case("wire/emit-0", BOTH),
    case("wire/emit-64", BOTH),
    case("wire/emit-1460", BOTH),
];

/// A thousand connections, and a million.
const K: usize = 1_000;
const M: usize = 1_000_000;

/// Makes the work of a benchmark ready.
pub type Make = fn(Checksums) -> Box<dyn Work>;

/// The benchmark `what` on `stack`, unless one of them is not there or they do not go together.
pub fn find(stack: &str, what: &str) -> Option<Make> {
    match stack {
        OURS => of_host::<Farewell>(what)
            .or_else(|| of_records(what))
            .or_else(|| of_wire::<Farewell>(what)),
        THEIRS => of_host::<Smoltcp>(what).or_else(|| of_wire::<Smoltcp>(what)),
        _ => None,
    }
}

fn of_host<P: Peer + 'static>(what: &str) -> Option<Make> {
    let (make, connections): (Make, usize) = match what {
        "segment/ack" => (|c| Box::new(Acks::<P>::new(c)), 1),
        "segment/data-64" => (|c| Box::new(Data::<P>::new(64, c)), 1),
        "segment/data-1460" => (|c| Box::new(Data::<P>::new(1_460, c)), 1),
        "close" => (|c| Box::new(Close::<P>::new(c)), 1),
        "life" => (|c| Box::new(Life::<P>::new(c)), 1),
        "lookup/1" => (|c| Box::new(Lookups::<P>::new(1, c)), 1),
        "lookup/1000" => (|c| Box::new(Lookups::<P>::new(K, c)), K),
        "lookup/1000000" => (|c| Box::new(Lookups::<P>::new(M, c)), M),
        "lookup/1-batch" => (|c| Box::new(Batches::<P>::new(1, c)), 1),
        "lookup/1000-batch" => (|c| Box::new(Batches::<P>::new(K, c)), K),
        "lookup/1000000-batch" => (|c| Box::new(Batches::<P>::new(M, c)), M),
        "timewait/insert-1000" => (|c| Box::new(Inserts::<P>::new(K, c)), K),
        "timewait/lookup-1000" => (|c| Box::new(OldSegments::<P>::new(K, c)), K),
        "timewait/expire-1000" => (|c| Box::new(Expiries::<P>::new(K, c)), K),
        "timewait/insert-10000000" => (|c| Box::new(Inserts::<P>::new(10 * M, c)), 10 * M),
        "timewait/lookup-10000000" => (|c| Box::new(OldSegments::<P>::new(10 * M, c)), 10 * M),
        "timewait/expire-10000000" => (|c| Box::new(Expiries::<P>::new(10 * M, c)), 10 * M),
        _ => return None,
    };
    (connections <= P::MOST).then_some(make)
}

fn of_records(what: &str) -> Option<Make> {
    Some(match what {
        "records/insert-1000" => |_| Box::new(RecordInserts::new(K)),
        "records/lookup-1000" => |_| Box::new(RecordLookups::new(K)),
        "records/expire-1000" => |_| Box::new(RecordExpiries::new(K)),
        "records/insert-10000000" => |_| Box::new(RecordInserts::new(10 * M)),
        "records/lookup-10000000" => |_| Box::new(RecordLookups::new(10 * M)),
        "records/expire-10000000" => |_| Box::new(RecordExpiries::new(10 * M)),
        _ => return None,
    })
}

fn of_wire<W: Wire + 'static>(what: &str) -> Option<Make> {
    Some(match what {
        "wire/parse-0" => |c| Box::new(Parse::new::<W>(0, c)),
        "wire/parse-64" => |c| Box::new(Parse::new::<W>(64, c)),
        "wire/parse-1460" => |c| Box::new(Parse::new::<W>(1_460, c)),
        "wire/emit-0" => |c| Box::new(Emit::new::<W>(0, c)),
        "wire/emit-64" => |c| Box::new(Emit::new::<W>(64, c)),
        "wire/emit-1460" => |c| Box::new(Emit::new::<W>(1_460, c)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every benchmark on every stack, but for those that need a million connections.
    fn small() -> impl Iterator<Item = (&'static str, Box<dyn Work>)> {
        let small = CASES.iter().filter(|c| !c.what.contains("000000"));
        let settings = small.flat_map(|c| c.checksums.iter().map(|s| (c.what, *s)));
        settings.flat_map(|(what, checksums)| {
            let make = move |stack: &&str| Some((what, find(stack, what)?(checksums)));
            STACKS.iter().filter_map(make)
        })
    }

    #[test]
    fn every_benchmark_does_its_work_round_after_round() {
        for (what, mut work) in small() {
            for round in 0..4 {
                work.prepare();
                work.run();
                assert_eq!(work.verify(), Ok(()), "{what}, round {round}");
            }
        }
    }

    #[test]
    fn work_that_was_not_done_is_noticed() {
        for (what, mut work) in small() {
            work.prepare();
            assert!(work.verify().is_err(), "{what}, never run");
            work.run();
            work.prepare();
            assert!(work.verify().is_err(), "{what}, run before");
        }
    }

    #[test]
    fn every_benchmark_is_there_for_someone() {
        let there = |stack, what| find(stack, what).is_some();
        for Case { what, .. } in CASES {
            let crowd = what.contains("000000") || what.starts_with("records/");
            assert_eq!(there(THEIRS, what), !crowd, "{what}");
            assert!(there(OURS, what), "{what}");
        }
        assert!(!there("lwip", "close") && !there(THEIRS, "open"));
    }
}
