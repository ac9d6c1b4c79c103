//! Small graphs on which the answer is known.

use super::*;
use crate::check::Limits;

type Steps = &'static [(u8, u8, Option<u64>, &'static [u64])];

/// A graph given by its steps: from, to, what it grants, what it asks for. Demands below 100 stand, the others are asked
/// for by steps. Node 0 is where it begins.
struct Toy {
    ends: &'static [u8],
    steps: Steps,
}

impl crate::space::Plain for u8 {
    fn bytes(&self) -> &[u8] {
        std::slice::from_ref(self)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.first().copied().filter(|_| bytes.len() == 1)
    }
}

fn demand(n: u64) -> Demand {
    if n < 100 {
        Demand::standing(n)
    } else {
        Demand::by_steps(n)
    }
}

impl Space for Toy {
    type State = u8;

    fn initial(&self) -> Vec<u8> {
        vec![0]
    }

    fn successors(&self, state: &u8, each: &mut impl FnMut(&u8)) {
        self.every_step(state, &mut |_, to| each(to));
    }

    fn violations(&self, _: &u8) -> u32 {
        0
    }

    fn bound_hit(&self) -> bool {
        false
    }
}

impl Fair for Toy {
    fn every_step(&self, state: &u8, each: &mut impl FnMut(Taken<'_>, &u8)) {
        for (_, to, grants, asks) in self.steps.iter().filter(|s| s.0 == *state) {
            let asks: Vec<Demand> = asks.iter().map(|n| demand(*n)).collect();
            let taken = Taken {
                grants: grants.map(demand),
                asks: &asks,
            };
            each(taken, to);
        }
    }

    fn mark(&self, state: &u8) -> Mark {
        if self.ends.contains(state) {
            Mark::END.with(Mark::CLEAN)
        } else {
            Mark::default()
        }
    }
}

fn never_ends(ends: &'static [u8], steps: Steps) -> Option<(Vec<u8>, usize, bool)> {
    match decide(&Toy { ends, steps }, &Limits::default(), &|_| ())
        .unwrap()
        .verdict
    {
        Verdict::Live => None,
        Verdict::NeverEnds { lasso, beyond_help } => {
            assert_eq!(lasso.states.last(), lasso.states.get(lasso.again_from));
            Some((lasso.states, lasso.again_from, beyond_help))
        }
        Verdict::NotClean { .. } => panic!("nothing owes a clean end"),
    }
}

const TIME: Option<u64> = Some(0);

#[test]
fn a_sender_that_repeats_gets_through() {
    // 0: sends segment 100 again and again; its arrival ends it.
    let steps: Steps = &[
        (0, 0, TIME, &[]),
        (0, 0, Some(1), &[100]),
        (0, 1, Some(100), &[]),
    ];
    assert_eq!(never_ends(&[1], steps), None);
}

#[test]
fn a_segment_sent_once_may_be_lost() {
    // Nobody repeats it: time goes on for ever, and the end could still be reached.
    let steps: Steps = &[
        (0, 1, Some(1), &[100]),
        (1, 1, TIME, &[]),
        (1, 2, Some(100), &[]),
    ];
    assert_eq!(never_ends(&[2], steps), Some((vec![0, 1, 1], 1, false)));
}

#[test]
fn a_dead_end_is_beyond_help() {
    let steps: Steps = &[
        (0, 1, Some(1), &[]),
        (0, 2, Some(1), &[]),
        (1, 1, TIME, &[]),
    ];
    assert_eq!(never_ends(&[2], steps), Some((vec![0, 1, 1], 1, true)));
}

#[test]
fn time_that_stands_still_is_no_fair_run() {
    // A loop of deliveries without a tick; the tick leads to the end.
    let steps: Steps = &[(0, 0, Some(100), &[100]), (0, 1, TIME, &[])];
    assert_eq!(never_ends(&[1], steps), None);
}

#[test]
fn a_timer_that_is_due_now_and_then_fires() {
    // Due in 1 only, and 1 comes again and again.
    let steps: Steps = &[(0, 1, TIME, &[]), (1, 0, TIME, &[]), (1, 2, Some(1), &[])];
    assert_eq!(never_ends(&[2], steps), None);
}

#[test]
fn two_that_answer_each_other_for_ever_are_found() {
    // Each arrival draws the other segment, and they are repeated: nothing else ever happens.
    let steps: Steps = &[
        (0, 1, Some(101), &[100]),
        (1, 0, Some(100), &[101]),
        (0, 0, TIME, &[101]),
        (1, 1, TIME, &[100]),
        (0, 2, Some(102), &[]),
    ];
    let (states, from, beyond) = never_ends(&[2], steps).unwrap();
    assert!(!beyond);
    assert!(states[from..].contains(&0));
}

/// Fairness is for each segment by itself: a run that delivers one and always loses the other is not fair, though "the
/// network delivers again and again".
#[test]
fn fairness_is_for_each_segment() {
    let steps: Steps = &[
        (0, 0, TIME, &[]),
        (0, 0, Some(1), &[100, 101]),
        (0, 0, Some(100), &[]),
        (0, 1, Some(101), &[]),
    ];
    assert_eq!(never_ends(&[1], steps), None);
}

/// The largest part is unfair, and there is a fair one inside it: nested removal has to find it.
#[test]
fn a_fair_part_within_an_unfair_one() {
    // 1 asks for timer 1, whose step leads out; 2 and 3 go round without asking.
    let steps: Steps = &[
        (0, 1, TIME, &[]),
        (1, 2, TIME, &[]),
        (1, 4, Some(1), &[]),
        (2, 3, TIME, &[]),
        (3, 2, TIME, &[]),
        (3, 1, TIME, &[]),
    ];
    let (states, from, beyond) = never_ends(&[4], steps).unwrap();
    assert!(!beyond && states[from..].iter().all(|n| [2, 3].contains(n)));
}

#[test]
fn a_clean_end_that_is_owed() {
    struct Owing;
    impl Space for Owing {
        type State = u8;
        fn initial(&self) -> Vec<u8> {
            vec![0]
        }
        fn successors(&self, s: &u8, each: &mut impl FnMut(&u8)) {
            self.every_step(s, &mut |_, to| each(to));
        }
        fn violations(&self, _: &u8) -> u32 {
            0
        }
        fn bound_hit(&self) -> bool {
            false
        }
    }
    impl Fair for Owing {
        fn every_step(&self, s: &u8, each: &mut impl FnMut(Taken<'_>, &u8)) {
            for to in [[1, 2], [3, 3]].get(usize::from(*s)).into_iter().flatten() {
                let taken = Taken {
                    grants: Some(Demand::standing(0)),
                    asks: &[],
                };
                each(taken, to);
            }
        }
        fn mark(&self, s: &u8) -> Mark {
            match s {
                0 | 1 => Mark::OWES_CLEAN,
                2 => Mark::END.with(Mark::CLEAN),
                _ => Mark::END,
            }
        }
    }
    let d = decide(&Owing, &Limits::default(), &|_| ()).unwrap();
    match d.verdict {
        Verdict::NotClean { way } => assert_eq!(way.states, [0, 1]),
        other => panic!("{other:?}"),
    }
    assert_eq!((d.states, d.ends, d.lost), (4, 2, 0));
}
