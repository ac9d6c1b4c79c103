//! The ablation matrix: held against what is pinned, as pages, with files that play again.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use farewell_model::ablation::{Cell, MATRIX, Matrix, Row, SAFE, With};
use farewell_model::cli::{self, Registry};
use farewell_model::rules::Rule;

use crate::harness::{Run, Scratch, run};

/// Liveness of larger worlds is left out here.
const LARGE: u64 = 175_000;

fn ablate(matrix: Matrix, args: &[&str]) -> u8 {
    let registry = Registry {
        matrix,
        ..Registry::of_the_specification()
    };
    let all = ["farewell", "ablate"].iter().chain(args);
    let code = cli::run(all.map(Into::into), &registry);
    // An exit code has no other comparison than its words.
    let is = |n: &u8| format!("{code:?}") == format!("{:?}", ExitCode::from(*n));
    (0..=3).find(is).expect("a status")
}

fn states(row: &Row) -> u64 {
    let of = |id: &str| MATRIX.with.iter().find(|w| w.liveness && w.scenario == id);
    row.liveness
        .iter()
        .filter_map(|id| of(id))
        .map(|w| w.states)
        .max()
        .unwrap_or(0)
}

/// Scenarios with every rule on are run again here only if they are small: `pinned` and `liveness` have them all, with the same
/// numbers (`with_every_rule_on_it_is_the_scenario_as_it_stands`).
const SMALL: u64 = 50_000;

/// All of the matrix but the last column where its world is large: of these rows the other columns.
fn most() -> Matrix {
    let cut = |r: &Row| {
        let mut r = *r;
        if states(&r) > LARGE {
            r.liveness = &[];
            r.cells[SAFE] = Cell::Holds;
        }
        r
    };
    Matrix {
        rows: Vec::leak(MATRIX.rows.iter().map(cut).collect()),
        with: Vec::leak(
            MATRIX
                .with
                .iter()
                .filter(|w| w.states < SMALL)
                .copied()
                .collect(),
        ),
    }
}

/// Whatever `href` and `src` say in a page.
fn links(page: &str) -> Vec<&str> {
    let after = |name: &'static str| page.split(name).skip(1);
    let all = after("href=\"").chain(after("src=\""));
    all.map(|rest| rest.split('"').next().expect("it is closed"))
        .collect()
}

/// Every cell of it, its pages, and every file that it saves.
#[test]
fn the_matrix_is_as_pinned_and_its_pages_hang_together() {
    let here = Scratch::new("matrix");
    let (save, html) = (here.0.join("saved"), here.0.join("pages"));
    fs::create_dir(&html).unwrap();
    fs::write(html.join("notes.txt"), "mine").unwrap();
    let matrix = most();
    let args = [
        "--save",
        save.to_str().unwrap(),
        "--html",
        html.to_str().unwrap(),
    ];
    assert_eq!(ablate(matrix, &args), 0);
    let shown = matrix
        .rows
        .iter()
        .flat_map(|r| r.cells)
        .filter(|c| *c != Cell::Holds)
        .count();
    let index = fs::read_to_string(html.join("index.html")).unwrap();
    let to: HashSet<&str> = links(&index).into_iter().collect();
    assert_eq!(to.len(), shown, "a page for every counterexample");
    for name in to {
        let page = fs::read_to_string(html.join(name)).unwrap();
        is_a_page(&page, &html);
        for part in [
            "<svg",
            "</svg>",
            "<pre>",
            "The rule",
            "Source",
            "Without it",
            "SYN_SENT",
        ] {
            assert!(page.contains(part), "{name}: {part}");
        }
    }
    is_a_page(&index, &html);
    assert_eq!(fs::read_to_string(html.join("notes.txt")).unwrap(), "mine");
    let left: Vec<_> = fs::read_dir(&html)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(
        left.len(),
        2 * shown + 2,
        "a page and a file each, the table, the notes"
    );
    let saved: Vec<_> = fs::read_dir(&save)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert_eq!(saved.len(), shown);
    for file in saved {
        let again = run(&["replay", file.to_str().unwrap()]).ends(1);
        let as_said = [
            "The violation occurs, as the file says.",
            "is fair, as the file says.",
            "The run is possible.",
        ];
        assert!(
            as_said.iter().any(|s| again.out.contains(s)),
            "{file:?}: {}",
            again.out
        );
    }
}

/// Complete in itself, closed where it is opened, every link to a file that is there.
fn is_a_page(page: &str, dir: &Path) {
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    for tag in [
        "table", "td", "th", "tr", "dl", "dd", "pre", "svg", "text", "a", "code",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    // The name of a language is no address that is read.
    let own = page.replace("xmlns='http://www.w3.org/2000/svg'", "");
    assert!(
        !own.contains("<script") && !own.contains("//"),
        "nothing from elsewhere"
    );
    for to in links(page) {
        assert!(dir.join(to).is_file(), "{to}");
    }
}

/// Whatever is pinned wrongly is found out.
#[test]
fn what_is_not_as_pinned_is_said() {
    let here = Scratch::new("pinned");
    let row = |cells: [Cell; 5]| Row {
        rule: Rule::LastAckNeedsOurFin,
        behind: None,
        safety: &["close-half"],
        liveness: &["ends-half"],
        cells,
        why: "",
    };
    let v = |steps| Cell::Violated { place: 0, steps };
    let never = |before, again| Cell::NeverEnds {
        place: 0,
        before,
        again,
    };
    let with = |safe: u64, live: u64| {
        let one = |id: &str, liveness: bool, states: u64| With {
            states,
            ..*MATRIX
                .with
                .iter()
                .find(|w| w.scenario == id && w.liveness == liveness)
                .unwrap()
        };
        vec![one("close-half", false, safe), one("ends-half", true, live)]
    };
    let status = |cells: [Cell; 5], with: Vec<With>| {
        let matrix = Matrix {
            rows: Vec::leak(vec![row(cells)]),
            with: Vec::leak(with),
        };
        ablate(
            matrix,
            &["last-ack-needs-our-fin", "--save", here.0.to_str().unwrap()],
        )
    };
    let right = [Cell::Holds, v(11), v(11), Cell::Holds, never(13, 1)];
    let all = || with(21_412, 23_007);
    assert_eq!(status(right, all()), 0);
    let but = |column: usize, cell: Cell| {
        let mut cells = right;
        cells[column] = cell;
        cells
    };
    for wrong in [
        but(0, v(11)),
        but(1, v(12)),
        but(2, Cell::Holds),
        but(4, Cell::Holds),
        but(4, never(12, 2)),
        but(
            4,
            Cell::NotCleanly {
                place: 0,
                steps: 14,
            },
        ),
    ] {
        assert_eq!(status(wrong, all()), 1, "{wrong:?}");
    }
    assert_eq!(status(right, with(21_413, 23_007)), 1);
    assert_eq!(status(right, with(21_412, 23_006)), 1);
}

#[test]
fn where_no_page_can_be_written_nothing_is_run() {
    let here = Scratch::new("no-pages");
    fs::write(here.0.join("file"), "").unwrap();
    let asked = |dir: &str| -> Run { here.run(&["ablate", "--html", dir]).ends(2) };
    asked("file").complains(&["cannot write pages into file"]);
    asked("file/below").complains(&["cannot write pages into file/below"]);
    fs::create_dir(here.0.join("site")).unwrap();
    fs::write(here.0.join("site/index.html"), "<h1>Mine</h1>").unwrap();
    asked("site").complains(&["index.html is not a page of this program"]);
    assert_eq!(fs::read_dir(here.0.join("site")).unwrap().count(), 1);
    assert!(!here.0.join("counterexamples").exists());
}

#[test]
fn what_a_bound_cuts_short_is_no_verdict_and_no_page() {
    let here = Scratch::new("cut");
    let r = here
        .run(&[
            "ablate",
            "retransmit-fin",
            "--memory-limit",
            "1M",
            "--html",
            "pages",
        ])
        .ends(3);
    r.says(&[
        "?",
        "no verdict: retransmit-fin: close-half: the memory limit",
        "No page was written",
        "not complete",
    ]);
    assert!(!here.0.join("pages").exists());
}

#[test]
fn a_few_rows_are_told_in_full() {
    let here = Scratch::new("rows");
    let r = here
        .run(&["ablate", "retransmit-fin", "never-answer-rst"])
        .ends(0);
    r.says(&[
        "retransmit-fin: The retransmission timer runs in every closing state",
        "violated in 6 steps in close-half: a state that waits on nobody has no timer",
        "a fair run never ends: 8 steps, then 1 for ever, in ends-half",
        "farewell replay counterexamples/close-half-smoke-without-retransmit-fin-machine.farewell",
        "Of 2 rows, each without its rule, 2 have a",
        "counterexample, 3 in all.",
    ]);
    assert!(!r.out.contains("time-wait-answers"));
    let wide = |l: &&str| l.chars().count() > 125 && !l.contains("farewell replay");
    assert_eq!(r.out.lines().find(wide), None);
    let json = here
        .run(&["ablate", "retransmit-fin", "--format", "json"])
        .ends(0);
    let v: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let row = &v["rows"][0];
    assert_eq!(row["cells"]["machine"]["verdict"], "violated");
    assert_eq!(row["cells"]["machine"]["steps"], 6);
    assert_eq!(row["cells"]["stream"]["verdict"], "holds");
    assert_eq!(row["cells"]["ends"]["verdict"], "never-ends");
    assert_eq!(row["cells"]["ends"]["repeated_steps"], 1);
    assert_eq!(row["as_pinned"], true);
    assert_eq!(v["all_on"].as_array().unwrap().len(), 2);
}
