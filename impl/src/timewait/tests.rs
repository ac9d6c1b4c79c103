//! The table, both families mixed.

extern crate alloc;

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::seq::SeqNumber;
use crate::wire::{Flags, Header, Segment};

const LASTS: Duration = Duration::from_secs(60);

fn table(limit: u32) -> Table {
    let limits = Limits {
        v4: limit,
        v6: limit,
    };
    Table::new(limits, LASTS, [7; 16]).unwrap()
}

/// Odd ones are IPv6.
fn tuple(n: u32) -> Tuple {
    let at = |host: u8| match n % 2 {
        0 => IpAddr::V4(Ipv4Addr::new(192, 0, (n >> 17) as u8, host)),
        _ => IpAddr::V6(Ipv6Addr::from(u128::from(n >> 17 << 8 | u32::from(host)))),
    };
    let (local, remote) = ((at(1), 80), (at(2), (n >> 1) as u16));
    Tuple::new(local.into(), remote.into()).unwrap()
}

fn record(n: u32) -> TimeWait {
    TimeWait {
        snd_nxt: SeqNumber(n),
        rcv_nxt: SeqNumber(!n),
        ..TimeWait::default()
    }
}

/// A record that expects 1000, in a window of `window` units of four bytes, and what it answers to `len` bytes of text that
/// begin so far from there.
fn answers(window: u16, from: i32, flags: Flags, len: usize) -> Answer {
    let mut record = TimeWait {
        snd_nxt: SeqNumber(5_000),
        rcv_nxt: SeqNumber(1_000),
        max_snd_wnd: 100,
        window,
        shift: 2,
        ..TimeWait::default()
    };
    let header = Header {
        seq: SeqNumber(1_000_u32.wrapping_add_signed(from)),
        ack: record.snd_nxt,
        flags,
        ..Header::default()
    };
    let payload = &[0; 9][..len];
    record.handle_segment(&Segment { header, payload })
}

#[test]
fn its_window_is_scaled() {
    assert_eq!(answers(100, 399, Flags::ACK, 0), Answer::Nothing);
    assert_eq!(answers(100, 400, Flags::ACK, 0), Answer::Acknowledge);
    assert_eq!(answers(100, -1, Flags::ACK, 0), Answer::Acknowledge);
    let mut record = TimeWait {
        shift: 2,
        ..TimeWait::default()
    };
    record.set_window(403);
    assert_eq!(record.window, 100);
    record.set_window(u32::MAX);
    assert_eq!(record.window, u16::MAX);
}

/// "Special allowance should be made to accept valid ACKs" (MUST-66): at a closed window text where it is expected goes on to
/// the check of its ACK, which it lacks here.
#[test]
fn a_closed_window_looks_at_what_is_expected() {
    let none = Flags::default();
    assert_eq!(answers(0, 0, none, 1), Answer::Nothing);
    assert_eq!(answers(0, 1, none, 1), Answer::Acknowledge);
    assert_eq!(answers(0, -9, none, 1), Answer::Acknowledge);
    assert_eq!(answers(1, 0, none, 1), Answer::Nothing);
    assert_eq!(answers(1, 4, none, 1), Answer::Acknowledge);
}

/// RFC 9293 MAY-2 (1).
#[test]
fn what_reopens_it_begins_above() {
    let old = record(5_000);
    for (offered, chosen) in [(4_999, 5_000), (5_000, 5_000), (5_001, 5_001)] {
        assert_eq!(old.iss_above(SeqNumber(offered)), SeqNumber(chosen));
    }
}

#[test]
fn a_record_takes_64_or_88_bytes_with_its_index() {
    for limit in (1..300).chain([1_000, 7_168, 7_169, 7_341, 100_000]) {
        for (limits, most) in [
            (Limits { v4: limit, v6: 0 }, 64),
            (Limits { v4: 0, v6: limit }, 88),
        ] {
            let t = Table::new(limits, LASTS, [7; 16]).unwrap();
            assert!(t.bytes() <= most * limit as usize, "{limits:?}");
        }
    }
    // The sum is of both families, and counts what there is: at least a record, its key and its time.
    let bytes = |v4, v6| {
        let t = Table::new(Limits { v4, v6 }, LASTS, [7; 16]).unwrap();
        t.bytes()
    };
    let (v4, v6) = (bytes(1_000, 0), bytes(0, 1_000));
    assert!(
        v4 >= 1_000 * (24 + 12 + 8) && v6 >= 1_000 * (24 + 36 + 8),
        "{v4} {v6}"
    );
    assert_eq!(bytes(1_000, 1_000), v4 + v6);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "not the hash")]
fn a_wrong_hash_is_a_mistake_that_is_seen() {
    let t = table(2);
    let hash = t.hash_key().hash(&tuple(2));
    assert_eq!(t.get_hashed(hash, &tuple(2)), None);
    t.get_hashed(hash ^ 1, &tuple(2));
}

/// Full, and emptied and filled again many times over: what was taken at the beginning is enough.
#[test]
fn its_memory_does_not_grow() {
    let mut t = table(7_168);
    let before = t.bytes();
    let mut now = Instant(0);
    for n in 0..200_000 {
        now.0 += 1;
        if t.enter(tuple(n), record(n), now).is_err() {
            assert_eq!(t.remove(&tuple(n - 2 * 7_168)), Some(record(n - 2 * 7_168)));
            t.enter(tuple(n), record(n), now).unwrap();
        }
    }
    assert_eq!((t.len(), t.bytes()), (2 * 7_168, before));
    for n in 200_000 - 2 * 7_168..200_000 {
        assert_eq!(t.get(&tuple(n)).map(|(r, _)| *r), Some(record(n)));
    }
}

#[test]
fn it_lasts_its_time_and_not_longer() {
    for n in [2, 3] {
        let mut t = table(2);
        assert!(t.is_empty());
        t.enter(tuple(n), record(1), Instant(5)).unwrap();
        assert!(!t.is_empty());
        let ends = Instant(5) + LASTS;
        assert_eq!(t.next_expiry(), Some(ends));
        assert_eq!(t.expire(Instant(ends.0 - 1)), None);
        assert_eq!(t.get(&tuple(n)), Some((&record(1), ends)));
        assert_eq!(t.expire(ends), Some((tuple(n), record(1))));
        assert!(t.is_empty() && t.next_expiry().is_none());
    }
}

#[test]
fn the_families_end_in_one_order() {
    let mut t = table(9);
    for (n, at) in [(1, 5), (2, 6), (3, 7), (4, 7), (5, 8), (6, 9)] {
        t.enter(tuple(n), record(n), Instant(at)).unwrap();
    }
    let order = [1, 2, 4, 3, 5, 6].map(tuple);
    assert!(t.iter().map(|(t, ..)| t).eq(order));
    let late = Instant(9) + LASTS;
    assert!(order.iter().all(|o| t.expire(late).unwrap().0 == *o));
}

#[test]
fn a_full_table_says_so_and_counts() {
    let mut t = table(2);
    for odd in [0, 1] {
        let [a, b, c] = [2, 4, 6].map(|n| tuple(n + odd));
        t.enter(a, record(1), Instant(0)).unwrap();
        t.enter(b, record(2), Instant(0)).unwrap();
        assert_eq!(t.enter(c, record(3), Instant(0)), Err(Full { limit: 2 }));
        t.enter(a, record(9), Instant(1)).unwrap(); // it is there
        assert_eq!(t.get(&a).map(|g| g.0), Some(&record(9)));
        assert_eq!(t.remove(&b), Some(record(2)));
        t.enter(c, record(3), Instant(2)).unwrap();
    }
    let c = t.counters();
    assert_eq!((c.entered, c.restarted, c.removed, c.refused), (6, 2, 2, 2));
    assert!(table(0).enter(tuple(1), record(1), Instant(0)).is_err());
}

/// The table against a plain list, over many random steps.
#[test]
fn it_agrees_with_a_naive_list() {
    const LIMIT: usize = 12;
    let mut t = table(LIMIT as u32);
    let mut naive: Vec<(Tuple, TimeWait, Instant)> = Vec::new();
    let mut x = 1u64;
    let mut now = Instant(0);
    let mut expected = Counters::default();
    let is_v4 = |t: &Tuple| matches!(t, Tuple::V4(_));
    for step in 0..400_000u32 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (what, who) = (x >> 60, tuple((x >> 32) as u32 % 40));
        let hash = t.hash_key().hash(&who);
        let there = naive.iter().position(|n| n.0 == who);
        let family = naive.iter().filter(|n| is_v4(&n.0) == is_v4(&who)).count();
        match what {
            0..=5 => {
                let entered = match what % 2 {
                    0 => t.enter(who, record(step), now),
                    _ => t.enter_hashed(hash, who, record(step), now),
                };
                assert_eq!(entered.is_ok(), there.is_some() || family < LIMIT);
                match (entered, there) {
                    (Ok(()), Some(at)) => {
                        naive.remove(at);
                        expected.restarted += 1;
                    }
                    (Ok(()), None) => expected.entered += 1,
                    (Err(_), _) => expected.refused += 1,
                }
                if entered.is_ok() {
                    naive.push((who, record(step), now + LASTS));
                }
            }
            6..=7 => {
                let restarted = match what % 2 {
                    0 => t.restart(&who, now),
                    _ => t.restart_hashed(hash, &who, now),
                };
                assert_eq!(restarted, there.is_some());
                if let Some(at) = there {
                    let (a, b, _) = naive.remove(at);
                    naive.push((a, b, now + LASTS));
                    expected.restarted += 1;
                }
            }
            8 => {
                let removed = match step % 2 {
                    0 => t.remove(&who),
                    _ => t.remove_hashed(hash, &who),
                };
                assert_eq!(removed, there.map(|at| naive.remove(at).1));
                expected.removed += u64::from(removed.is_some());
            }
            9 => {
                if let Some(found) = t.get_mut(&who) {
                    found.ts_recent = step;
                }
                if let Some(at) = there {
                    naive[at].1.ts_recent = step;
                }
            }
            10..=11 => {
                let found = there.map(|at| (&naive[at].1, naive[at].2));
                assert_eq!(t.get(&who), found);
                assert_eq!(t.get_hashed(hash, &who), found);
            }
            _ => {
                now = now + Duration::from_secs((x >> 50) % 4);
                while let Some((who, record)) = t.expire(now) {
                    // The earliest, IPv4 before IPv6, the one that began first before the others.
                    let earliest = naive.iter().min_by_key(|n| (n.2, !is_v4(&n.0)));
                    let earliest = *earliest.unwrap();
                    assert_eq!((who, record), (earliest.0, earliest.1));
                    naive.retain(|n| *n != earliest);
                    expected.expired += 1;
                }
            }
        }
        assert_eq!(t.len(), naive.len());
        assert_eq!(t.next_expiry(), naive.iter().map(|n| n.2).min());
        assert_eq!(t.counters(), expected);
    }
    assert!(expected.expired > 1_000 && expected.refused > 1_000 && expected.removed > 1_000);
    naive.sort_by_key(|n| (n.2, !is_v4(&n.0)));
    assert!(t.iter().map(|(a, b, c)| (a, *b, c)).eq(naive));
}
