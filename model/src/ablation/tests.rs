use super::*;
use crate::rules::RULES;
use crate::scenarios;

#[test]
fn every_rule_has_a_row_and_every_row_shows_something_or_says_why_not() {
    for r in RULES {
        assert!(MATRIX.rows.iter().any(|row| row.rule == r.rule), "{}", r.id);
    }
    for row in MATRIX.rows {
        let shows = row.cells.iter().any(|c| *c != Cell::Holds);
        assert!(shows || !row.why.is_empty(), "{}", row.rule.id());
        for (column, cell) in row.cells.into_iter().enumerate() {
            let of_liveness = matches!(cell, Cell::NeverEnds { .. } | Cell::NotCleanly { .. });
            assert!(
                cell == Cell::Holds || of_liveness == (column >= SAFE),
                "{}: {cell:?}",
                row.rule.id()
            );
            let there = row.scenarios(column).len();
            assert!(cell.place().is_none_or(|n| n < there), "{}", row.rule.id());
        }
    }
}

/// A row without its rule means nothing if it is not known what the same scenario is with it.
#[test]
fn every_scenario_of_a_row_is_pinned_with_the_rule_on() {
    let mut used = vec![false; MATRIX.with.len()];
    for row in MATRIX.rows {
        for (liveness, list) in [(false, row.safety), (true, row.liveness)] {
            for id in list {
                let found = MATRIX
                    .with
                    .iter()
                    .position(|w| (w.scenario, w.liveness, w.off) == (*id, liveness, row.behind));
                used[found.unwrap_or_else(|| panic!("{}: {id}", row.rule.id()))] = true;
            }
        }
    }
    assert!(used.iter().all(|u| *u), "{used:?}");
}

/// What is pinned here and what the scenario pins is one number.
#[test]
fn with_every_rule_on_it_is_the_scenario_as_it_stands() {
    for w in MATRIX.with {
        let s = scenarios::named(w.scenario).expect("the scenario exists");
        assert_eq!(s.ends.is_some(), w.liveness, "{}", s.id);
        assert_eq!(s.pinned[0], w.states, "{}", s.id);
        assert!(matches!(s.ends, None | Some(scenarios::Ends::Always)));
        assert_eq!(s.expects, scenarios::Expect::Verified, "{}", s.id);
    }
}

#[test]
fn the_shorter_story_is_shown_and_of_two_the_first() {
    let v = |place, steps| Cell::Violated { place, steps };
    let never = |place, before, again| Cell::NeverEnds {
        place,
        before,
        again,
    };
    assert_eq!(Cell::Holds.or_shorter(v(1, 9)), v(1, 9));
    assert_eq!(v(0, 9).or_shorter(Cell::Holds), v(0, 9));
    assert_eq!(v(0, 9).or_shorter(v(1, 8)), v(1, 8));
    assert_eq!(v(0, 9).or_shorter(v(1, 9)), v(0, 9));
    assert_eq!(never(0, 8, 2).or_shorter(never(1, 9, 1)), never(0, 8, 2));
    assert_eq!(never(0, 8, 2).or_shorter(never(1, 7, 1)), never(1, 7, 1));
}

#[test]
fn the_columns_are_properties() {
    for column in 0..COLUMNS.len() {
        assert_eq!(property(column).is_some(), column < SAFE);
    }
    let lockstep = properties::named("lockstep").expect("there is one");
    assert_eq!(judged() & lockstep.faults, 0);
    assert_eq!(judged() & properties::EVERYWHERE, properties::EVERYWHERE);
}
