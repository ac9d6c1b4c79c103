//! The frontier: that each least value is one, that "never" means never, and that the bounds of its worlds decide nothing.

use farewell_model::check::Limits;
use farewell_model::frontier::cell::{
    Answered, Closes, Isn, Opens, Passive, Reopening, Rst, Stamps,
};
use farewell_model::frontier::probe::{Probe, probe};
use farewell_model::frontier::search::Answer;
use farewell_model::frontier::{Bytes, Cell, Judged, Least, Pinned, Question, least, pinned};
use farewell_model::scenarios::Size;

/// The cell in which TIME_WAIT does what it is known for.
const TEXTBOOK: Cell = Cell {
    isn: Isn::Equal,
    stamps: Stamps::Off,
    closes: Closes::Client,
    opens: Opens::PeerFinished,
    passive: Passive::Drained,
    rst: Rst::Ignored,
    reopening: Reopening::Never,
    answered: Answered::Every,
    bytes: Bytes::None,
};

fn ask(cell: Cell, size: Size, time_wait: u8, judged: Judged) -> Probe {
    let q = Question {
        cell,
        size,
        time_wait,
        judged,
    };
    probe(&q, &Limits::default(), &|_| ()).expect("nothing bounds it")
}

fn answer(p: &Probe) -> Answer {
    match &p.against {
        None => Answer::Enough,
        Some(a) => Answer::NotEnough {
            pumped: a.pump.is_some(),
        },
    }
}

fn found(cell: Cell, size: Size, judged: Judged, guess: u8) -> Least {
    let most = 8 * size.msl();
    least(0, guess, most, |n| {
        Ok::<_, ()>(answer(&ask(cell, size, n, judged)))
    })
    .expect("no error")
}

/// What a search would look at first if it knew.
fn guess(p: Pinned, size: Size) -> u8 {
    match p {
        Pinned::Nothing => 0,
        Pinned::Msl(k) => k * size.msl() + 1,
        Pinned::Never => 2 * size.msl() + 1,
    }
}

/// Every cell that differs from the textbook's on at most two axes, at MSL 1: the others by `farewell frontier`.
#[test]
fn each_cell_near_the_textbook_is_as_pinned() {
    let mut values = [0; 3];
    for cell in Cell::all(Bytes::None) {
        let places = cell.place().into_iter().zip(TEXTBOOK.place());
        let apart = places.filter(|(a, b)| a != b).count();
        // Both at once is large; with numbers above all before every cell is alike.
        let large = cell.closes == Closes::Both && cell.isn == Isn::Window;
        if apart > 2 || large {
            continue;
        }
        for &judged in Judged::ALL {
            let pinned = pinned::of(cell, judged);
            let least = found(cell, Size::Smoke, judged, guess(pinned, Size::Smoke));
            assert!(
                pinned.is(least, 1),
                "{} {}: {least:?}, pinned is {}",
                cell.name(),
                judged.word(),
                pinned.text()
            );
            values[match pinned {
                Pinned::Nothing => 0,
                Pinned::Msl(_) => 1,
                Pinned::Never => 2,
            }] += 1;
        }
    }
    assert!(values.iter().all(|n| *n >= 10), "{values:?}");
}

/// Bisection is sound only if longer is never less safe.
#[test]
fn a_longer_time_wait_is_never_less_safe() {
    for (stamps, size) in [
        (Stamps::Off, Size::Smoke),
        (Stamps::On, Size::Smoke),
        (Stamps::Off, Size::Standard),
    ] {
        let cell = Cell { stamps, ..TEXTBOOK };
        let Pinned::Msl(k) = pinned::of(cell, Judged::Data) else {
            panic!("its least value is some MSL");
        };
        let least = k * size.msl() + 1;
        for n in 0..=2 * size.msl() + 3 {
            let p = ask(cell, size, n, Judged::Data);
            assert_eq!(p.against.is_none(), n >= least, "{n} ticks");
            // What is enough at some length cannot be pumped past it.
            assert!(p.against.is_none_or(|a| a.pump.is_none()), "{n} ticks");
        }
    }
}

/// The unit is MSL, whatever it is in ticks.
#[test]
fn finer_ticks_agree() {
    for stamps in [Stamps::Off, Stamps::On] {
        let cell = Cell { stamps, ..TEXTBOOK };
        let pinned = pinned::of(cell, Judged::Data);
        for size in Size::ALL {
            let least = found(cell, size, Judged::Data, guess(pinned, size));
            assert!(
                pinned.is(least, size.msl()),
                "{stamps:?} {size:?}: {least:?}"
            );
        }
    }
}

/// A counterexample for every length: with its loops repeated it was performed with longer ones; and a counterexample of
/// the same kind is found there.
#[test]
fn never_means_that_longer_ones_fail_too() {
    let cells = [
        Cell {
            rst: Rst::Ends,
            ..TEXTBOOK
        },
        Cell {
            passive: Passive::AtOnce,
            ..TEXTBOOK
        },
        Cell {
            closes: Closes::Server,
            opens: Opens::Alone,
            ..TEXTBOOK
        },
    ];
    let mut with_loops = 0;
    let judged = [Judged::Data, Judged::Data, Judged::Data];
    let late_reset = (TEXTBOOK, Judged::All);
    for (cell, judged) in cells.into_iter().zip(judged).chain([late_reset]) {
        let pump = (2..9)
            .find_map(|n| ask(cell, Size::Smoke, n, judged).against?.pump)
            .unwrap_or_else(|| panic!("{} can be pumped", cell.name()));
        with_loops += usize::from(!pump.loops.is_empty());
        assert!(pump.performed.len() >= 5 && pump.performed.iter().any(|n| *n > 100));
        assert!(pump.loops.iter().all(|l| l.ticks > 0 && l.from < l.to));
        for n in [15, 40] {
            let p = ask(cell, Size::Smoke, n, judged);
            assert!(p.against.is_some(), "{} at {n} ticks", cell.name());
        }
    }
    assert!(with_loops >= 2, "some run TIME_WAIT out, some go round it");
}

/// The ISNs that are tried are not too few: with one more on each side nothing changes.
#[test]
fn a_wider_menu_of_isns_changes_nothing() {
    use farewell_model::check::{End, Engine, explore};
    use farewell_model::spec::Spec;
    use farewell_model::world::{IsnPolicy, ROOM, World};
    use std::sync::Arc;
    const WIDER: &[i8] = &[-3, -2, -1, 0, 1, 2, 3];
    let cell = Cell {
        isn: Isn::Window,
        ..TEXTBOOK
    };
    for n in [2, 3] {
        let q = Question {
            cell,
            size: Size::Smoke,
            time_wait: n,
            judged: Judged::Data,
        };
        let mut plan = q.plan();
        for h in &mut plan.hosts {
            h.isn = IsnPolicy::Menu(WIDER);
        }
        let world = Arc::new(World::<Spec, ROOM>::new(plan));
        let o = explore(Engine::Timely, &world, &Limits::default(), &|_| ()).expect("an outcome");
        assert!(!o.bound_hit);
        assert_eq!(o.end == End::Exhausted, n == 3, "{n} ticks");
    }
}
