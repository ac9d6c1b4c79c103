//! The wheel against plain lists.

use super::*;

const HOUR: u64 = 3_600_000_000;

fn expired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut all: Vec<u32> = core::iter::from_fn(|| wheel.expire(Instant(now))).collect();
    all.sort_unstable();
    all
}

#[test]
fn a_timer_is_24_bytes() {
    assert!(size_of::<Entry>() <= 24);
}

#[test]
fn it_goes_off_when_it_should_and_once() {
    for at in [1, 63, 64, 65, 4_096, 200_000, HOUR, 1 << 60, u64::MAX] {
        let mut w = Wheel::new(2, Instant(0)).unwrap();
        assert!(w.schedule(1, Instant(at)));
        assert_eq!(w.next(), Some(Instant(at)));
        assert_eq!(w.expire(Instant(at - 1)), None);
        assert_eq!((w.len(), w.scheduled(1)), (1, Some(Instant(at))));
        assert_eq!(w.next(), Some(Instant(at)));
        assert_eq!(w.expire(Instant(at)), Some(1));
        assert_eq!(w.expire(Instant(u64::MAX)), None);
        assert!(w.is_empty() && w.next().is_none() && w.scheduled(1).is_none());
    }
}

#[test]
fn time_does_not_go_back() {
    let mut w = Wheel::new(3, Instant(500)).unwrap();
    w.schedule(0, Instant(499)); // has passed
    w.schedule(1, Instant(1_000));
    assert_eq!(w.next(), Some(Instant(499)));
    assert_eq!(expired(&mut w, 0), [0]);
    assert_eq!(expired(&mut w, 2_000), [1]);
    assert_eq!(expired(&mut w, 10), []);
    w.schedule(2, Instant(1_500));
    assert_eq!(expired(&mut w, 10), [2]);
}

#[test]
fn who_is_not_there_is_refused() {
    let mut w = Wheel::new(1, Instant(0)).unwrap();
    assert!(!w.schedule(1, Instant(5)) && !w.cancel(1) && w.scheduled(1).is_none());
    assert!(!w.schedule(u32::MAX, Instant(5)) && !w.cancel(0) && w.is_empty());
    w.schedule(0, Instant(7));
    w.grow(2).unwrap();
    w.grow(1).unwrap();
    assert!(w.schedule(1, Instant(5)) && w.capacity() == 2 && w.len() == 2);
    assert_eq!((w.expire(Instant(7)), w.len()), (Some(1), 1));
    assert_eq!(expired(&mut w, 7), [0]);
}

/// A timer that is rescheduled as soon as it goes off does not keep the others from their turn.
#[test]
fn those_that_are_due_take_turns() {
    let mut w = Wheel::new(3, Instant(0)).unwrap();
    (0..3).for_each(|id| assert!(w.schedule(id, Instant(9))));
    let turns = [(); 7].map(|()| {
        let id = w.expire(Instant(10)).unwrap();
        w.schedule(id, Instant(10));
        id
    });
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0]);
}

/// A leap of a thousand years, and one timer that is not due at its end.
#[test]
fn a_leap_costs_what_moves() {
    let mut w = Wheel::new(1_000, Instant(3)).unwrap();
    let end = 1_000 * 8_766 * HOUR;
    for id in 0..999 {
        w.schedule(id, Instant(end / 999 * u64::from(id)));
    }
    w.schedule(999, Instant(end + 1));
    assert!(expired(&mut w, end).into_iter().eq(0..999));
    assert_eq!(w.next(), Some(Instant(end + 1)));
    assert_eq!(w.expire(Instant(end + 1)), Some(999));
}

/// Waking when `next` says, and only then, finds every timer at its very moment, with at most a wake for nothing
/// for each level after a cancellation.
#[test]
fn waking_when_it_says_is_exact() {
    let mut x = 5u64;
    let mut w = Wheel::new(400, Instant(0)).unwrap();
    let mut left = 0;
    for id in 0..400 {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        w.schedule(id, Instant(1 + (x >> 20 >> (x % 44))));
    }
    for id in 0..200 {
        left += u32::from(w.cancel(id * 2));
    }
    assert_eq!((left, w.len()), (200, 200));
    let (mut wakes, mut last) = (0, Instant(0));
    while let Some(now) = w.next() {
        assert!(now > last);
        last = now;
        wakes += 1;
        loop {
            let before: Vec<_> = (0..400).map(|id| w.scheduled(id)).collect();
            let Some(id) = w.expire(now) else { break };
            assert_eq!(before[id as usize], Some(now));
            left -= 1;
        }
    }
    assert!(left == 0 && wakes < 200 + 200 * 11, "{wakes}");
}

/// The wheel against a plain list, over many random steps.
#[test]
fn it_agrees_with_a_naive_list() {
    const COUNT: u64 = 40;
    for start in [0, 4_095, u64::MAX / 2, u64::MAX - 3 * HOUR] {
        let mut x = start | 1;
        let mut random = move |n: u64| {
            x = x
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (x >> 24) % n
        };
        let mut naive: [Option<u64>; COUNT as usize] = [None; COUNT as usize];
        let mut now = start;
        let mut w = Wheel::new(COUNT as u32, Instant(now)).unwrap();
        let (mut went_off, mut in_vain, mut exact) = (0, 0, 0);
        for _ in 0..60_000 {
            let id = random(COUNT) as u32;
            match random(8) {
                0..=3 => {
                    let span = [3, 70, 5_000, 300_000, 1 << 27, HOUR * 40][random(6) as usize];
                    let span = random(span);
                    // Sometimes in the past, sometimes with another.
                    let at = match random(8) {
                        0 => now.saturating_sub(span),
                        1 => naive[random(COUNT) as usize].unwrap_or(now),
                        _ => now.saturating_add(span),
                    };
                    assert!(w.schedule(id, Instant(at)));
                    naive[id as usize] = Some(at);
                }
                4 => assert_eq!(w.cancel(id), naive[id as usize].take().is_some()),
                _ => {
                    let leap = [2, 90, 9_000, 1 << 20, HOUR][random(5) as usize];
                    let leap = random(leap);
                    let to_next = random(3) == 0 && w.next().is_some();
                    now = match w.next() {
                        Some(next) if to_next => now.max(next.0),
                        _ => now.saturating_add(leap),
                    };
                    let mut some = false;
                    while let Some(id) = w.expire(Instant(now)) {
                        let at = naive[id as usize].take();
                        assert!(at.is_some_and(|at| at <= now), "{id} at {at:?}, {now}");
                        some = true;
                        went_off += 1;
                    }
                    in_vain += u32::from(to_next && !some);
                    assert!(naive.iter().flatten().all(|at| *at > now));
                    assert!(w.next().is_none_or(|next| next.0 > now));
                }
            }
            assert_eq!(w.scheduled(id).map(|at| at.0), naive[id as usize]);
            let earliest = naive.iter().flatten().min().copied();
            let next = w.next().map(|n| n.0);
            assert_eq!(next.is_some(), earliest.is_some());
            assert!(next <= earliest, "{next:?} {earliest:?}");
            exact += u32::from(next == earliest);
            assert_eq!(w.len() as usize, naive.iter().flatten().count());
        }
        assert!(went_off > 10_000, "{went_off}");
        assert!(in_vain < 500 && exact > 58_000, "{in_vain} {exact}");
    }
}
