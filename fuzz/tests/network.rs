//! How far the runs of the target `network` get: a net that nothing goes through catches nothing.

use std::collections::BTreeMap;

use farewell::State::{self, *};
use farewell_fuzz::targets::{inputs, network};

const RUNS: usize = 3_000;

/// What closing goes through, the TIME_WAIT that a SYN reopens included.
const CLOSING: [(State, State); 13] = [
    (Established, FinWait1),
    (Established, CloseWait),
    (Established, Closed),
    (FinWait1, FinWait2),
    (FinWait1, Closing),
    (FinWait1, TimeWait),
    (FinWait2, TimeWait),
    (FinWait2, Closed),
    (CloseWait, LastAck),
    (Closing, TimeWait),
    (LastAck, Closed),
    (TimeWait, Closed),
    (TimeWait, SynReceived),
];

#[test]
fn every_way_of_closing_is_taken_by_one_run_in_a_hundred() {
    let (mut lives, mut clean, mut reopened) = (0, 0, 0);
    let mut taken: BTreeMap<(State, State), usize> = BTreeMap::new();
    for data in inputs("network", 2).take(RUNS) {
        let came = network::outcome(&data);
        lives += came.lives;
        clean += came.clean;
        reopened += u32::from(came.reopened);
        for t in came.transitions {
            *taken.entry(t).or_default() += 1;
        }
    }
    println!("{clean} of {lives} lives without mishaps, {reopened} reopened");
    for ((from, to), n) in &taken {
        println!("{from:>12} -> {to:<12} {n}");
    }
    for t in CLOSING {
        let n = taken.get(&t).copied().unwrap_or(0);
        assert!(n * 100 >= RUNS, "{t:?} in {n} of {RUNS} runs");
    }
    assert!(
        clean * 2 > lives,
        "{clean} of {lives} lives end as they should"
    );
    assert!(reopened * 100 > lives, "{reopened} of {lives} lives reopen");
}
