//! The frontier: that each least value is one, that "never" means never, and that neither the bounds of its worlds nor the
//! reduction of its explorations decide anything.

use std::path::Path;

use farewell_model::check::{Limits, Reduction};
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
    explored(&q, Reduction::All)
}

fn explored(q: &Question, reduction: Reduction) -> Probe {
    let limits = Limits {
        reduction,
        ..Limits::default()
    };
    probe(q, &limits, &|_| ()).expect("nothing bounds it")
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

/// On how many axes it differs from the textbook's.
fn apart(cell: Cell) -> usize {
    let places = cell.place().into_iter().zip(TEXTBOOK.place());
    places.filter(|(a, b)| a != b).count()
}

/// That a search in a cell comes to what is pinned.
fn is_as_pinned(cell: Cell, size: Size, judged: Judged) -> Pinned {
    let pinned = pinned::of(cell, judged, size.msl());
    let least = found(cell, size, judged, guess(pinned, size));
    assert!(
        pinned.is(least, size.msl()),
        "{} {} at {size:?}: {least:?}, pinned is {}",
        cell.name(),
        judged.word(),
        pinned.text()
    );
    pinned
}

/// Every cell without timestamps, and with them those near the textbook's: the others by `farewell frontier`.
#[test]
fn each_cell_is_as_pinned() {
    let mut values = [0; 3];
    for cell in Cell::all(Bytes::None) {
        if cell.stamps == Stamps::On && (apart(cell) > 2 || cell.isn == Isn::Window) {
            continue;
        }
        for &judged in Judged::ALL {
            values[match is_as_pinned(cell, Size::Smoke, judged) {
                Pinned::Nothing => 0,
                Pinned::Msl(_) => 1,
                Pinned::Never => 2,
            }] += 1;
        }
    }
    assert!(values.iter().all(|n| *n >= 30), "{values:?}");
}

/// What the reduction leaves out decides nothing: the same verdicts, counterexamples as short, pumped or not.
#[test]
fn the_reduction_changes_no_answer() {
    let mut less = [0, 0];
    for (cell, size) in Cell::all(Bytes::None)
        .filter(|c| apart(*c) <= 1 && c.isn != Isn::Window)
        .map(|c| (c, Size::Smoke))
        .chain([(TEXTBOOK, Size::Standard)])
    {
        for time_wait in [0, size.msl() + 1, 2 * size.msl(), 2 * size.msl() + 1] {
            let q = Question {
                cell,
                size,
                time_wait,
                judged: Judged::Data,
            };
            let [full, reduced] = [Reduction::None, Reduction::All].map(|r| explored(&q, r));
            let said = |p: &Probe| {
                let against = p.against.as_ref();
                against.map(|a| (a.faults, a.actions.len(), a.pump.is_some()))
            };
            assert_eq!(said(&full), said(&reduced), "{}", q.name());
            less = [less[0] + full.states, less[1] + reduced.states];
        }
    }
    println!("in full {}, stored {}", less[0], less[1]);
    assert!(less[1] * 10 < less[0], "{less:?}");
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
        let Pinned::Msl(k) = pinned::of(cell, Judged::Data, size.msl()) else {
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

/// The unit is MSL, whatever it is in ticks: where TIME_WAIT has a least value, and a byte more or less is no matter.
#[test]
fn finer_ticks_agree() {
    for size in Size::ALL {
        for bytes in [Bytes::None, Bytes::One] {
            let cells = Cell::all(bytes).filter(|c| {
                let like_the_textbook = Cell {
                    opens: c.opens,
                    reopening: c.reopening,
                    answered: c.answered,
                    bytes,
                    ..TEXTBOOK
                };
                *c == like_the_textbook
            });
            for cell in cells {
                let pinned = is_as_pinned(cell, size, Judged::Data);
                assert_eq!(pinned, Pinned::Msl(2));
            }
        }
        let stamps = Stamps::On;
        let pinned = is_as_pinned(Cell { stamps, ..TEXTBOOK }, size, Judged::Data);
        assert_eq!(pinned, Pinned::Msl(1));
    }
}

/// The one place where they do not: two TIME_WAITs acknowledge each other's outdated ACKs, and these have to be two ticks old.
#[test]
fn two_lingerers_with_timestamps_need_two_ticks_to_keep_each_other_awake() {
    let cell = Cell {
        stamps: Stamps::On,
        closes: Closes::Both,
        ..TEXTBOOK
    };
    let silent = Cell {
        answered: Answered::InSequenceSpace,
        ..cell
    };
    for (size, expected) in [
        (Size::Smoke, Pinned::Msl(1)),
        (Size::Standard, Pinned::Never),
        (Size::Deep, Pinned::Never),
    ] {
        assert_eq!(is_as_pinned(cell, size, Judged::Data), expected);
        // Where TIME_WAIT answers nothing but what takes sequence space they do not.
        if size != Size::Deep {
            assert_eq!(is_as_pinned(silent, size, Judged::Data), Pinned::Msl(1));
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

/// A world that does not fit is explored in one with more room, and not left without an answer.
#[test]
fn what_does_not_fit_is_given_more_room() {
    let cell = Cell {
        isn: Isn::Above,
        passive: Passive::AtOnce,
        bytes: Bytes::One,
        ..TEXTBOOK
    };
    assert_eq!(
        is_as_pinned(cell, Size::Smoke, Judged::All),
        Pinned::Nothing
    );
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
        let limits = Limits {
            reduction: Reduction::All,
            ..Limits::default()
        };
        let o = explore(Engine::Timely, &world, &limits, &|_| ()).expect("an outcome");
        assert!(!o.bound_hit);
        assert_eq!(o.end == End::Exhausted, n == 3, "{n} ticks");
    }
}

#[path = "../../build.rs"]
#[allow(dead_code)] // its `main`
mod build;

/// What is kept is named after the sources that decide it: with any of them changed it is another model's.
#[test]
fn a_model_has_the_name_of_its_sources() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |dir: &Path| build::name(dir).expect("it can be read");
    assert_eq!(name(&here), farewell_model::frontier::cache::MODEL);
    let dir = std::env::temp_dir().join(format!("farewell-sources-{}", std::process::id()));
    let write = |file: &str, text: &str| {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
        name(&dir)
    };
    let mut names = vec![write("lib.rs", "mod world;"), write("world/net.rs", "1")];
    names.push(write("world/net.rs", "2"));
    names.push(write("world/report/cli.rs", "")); // so called, but elsewhere
    let before = name(&dir);
    for apart in [
        "cli/mod.rs",
        "report/tell/mod.rs",
        "main.rs",
        "world/tests.rs",
    ] {
        assert_eq!(write(apart, "x"), before, "{apart}");
    }
    names.push(write("lib.rs", "mod worlds;"));
    std::fs::remove_dir_all(&dir).expect("it was made here");
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}
