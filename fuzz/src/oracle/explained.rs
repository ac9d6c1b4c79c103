//! What explains a run: known divergences, as few as will do, or one oddity.

use std::collections::BTreeSet;

use farewell_model::endpoint::Event;

use super::drive::{Divergence, Moment};
use super::expectations::Expectation;
use super::odd::Oddity;
use super::set::{Oracle, Seen, Stop, Unexplained, Why};
use crate::subjects::Terms;

fn judge(oracle: &mut Oracle, m: &Moment) -> Result<(), Stop> {
    match m.input {
        Some((e, reply)) => oracle.input(e, reply, &m.seen),
        None => oracle.quantum(&m.seen),
    }
}

/// Whether all of it is explained.
pub(super) fn replay(oracle: &mut Oracle, moments: &[Moment]) -> bool {
    moments.iter().all(|m| judge(oracle, m).is_ok())
}

/// Of the known divergences that were used, those without which there is no explanation.
pub(super) fn least(
    moments: &[Moment],
    terms: Terms,
    known: &[Expectation],
    used: &BTreeSet<usize>,
) -> Vec<usize> {
    let mut left = used.clone();
    for n in used.iter().rev() {
        left.remove(n);
        let mut oracle = Oracle::new(terms);
        oracle.allow(known, |n| left.contains(&n));
        if !replay(&mut oracle, moments) {
            left.insert(*n);
        }
    }
    left.into_iter().collect()
}

/// The divergence at the last of these moments, where what is known is allowed or not: by itself, if that is known; else by
/// the latest input that was treated oddly, if one does it.
pub(super) fn named(
    moments: &[Moment],
    terms: Terms,
    known: &[Expectation],
    allowed: bool,
    unexplained: Unexplained,
) -> Divergence {
    let mut oracle = Oracle::new(terms);
    oracle.allow(known, |_| allowed);
    let mut before = Vec::new();
    for m in moments {
        before.push(oracle.clone());
        if judge(&mut oracle, m).is_err() {
            break;
        }
    }
    let why = unexplained
        .against
        .first()
        .map_or(Why::Text, |(_, why)| *why);
    let last = before.last().map_or_else(String::new, |o| {
        o.kind(
            moments
                .last()
                .and_then(|m| m.input.as_ref().map(|(e, _)| e)),
        )
    });
    let by_itself = Divergence {
        odd: None,
        kind: last,
        why,
        unexplained,
    };
    if known.iter().any(|k| k.is_about(&by_itself.id())) {
        return by_itself;
    }
    // Or to another of the states that there were.
    let input = moments.last().and_then(|m| m.input.as_ref());
    for kind in before
        .last()
        .map_or(BTreeSet::new(), |o| o.kinds(input.map(|(e, _)| e)))
    {
        let other = Divergence {
            kind,
            ..by_itself.clone()
        };
        if input.is_some() && known.iter().any(|k| k.is_about(&other.id())) {
            return other;
        }
    }
    let silence = moments
        .last()
        .is_some_and(|m| m.input.is_none() && m.seen == Seen::default());
    // What would end the judgement explains everything: only if nothing else does.
    for ends in [false, true] {
        for (n, (m, before)) in moments.iter().zip(&before).enumerate().rev() {
            let Some((e @ (Event::Segment(_) | Event::Call(_)), _)) = &m.input else {
                continue;
            };
            for odd in Oddity::ALL {
                // Silence tells no connection that is gone from one that hangs, and what ends the judgement explains both.
                let too_much = ends || odd == Oddity::Resets;
                if odd.ends_judgement() != ends || too_much && silence {
                    continue;
                }
                let mut oracle = before.clone();
                oracle.expect(Some(odd));
                if judge(&mut oracle, m).is_err() {
                    continue;
                }
                oracle.expect(None);
                if replay(&mut oracle, &moments[n + 1..]) {
                    return Divergence {
                        odd: Some((odd, n)),
                        kind: before.kind(Some(e)),
                        ..by_itself
                    };
                }
            }
        }
    }
    by_itself
}
