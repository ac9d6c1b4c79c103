//! `farewell check --liveness`: does every fair run end?

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::{self, Format};
use super::output::{self, Out};
use super::registry::{Card, ComesTo, Progressed, Registry, Setup};
use super::session::Session;
use super::{Failure, Status, counterexample, names};
use crate::check::liveness::LivenessError;
use crate::report::text::{self, grouped};
use crate::report::{Story, ladder};
use crate::rules::Rule;
use crate::scenarios::Ends;
use crate::world::action::NAMES;

const COLUMNS: [(&str, bool); 6] = [
    ("scenario", false),
    ("states", true),
    ("steps", true),
    ("lost", true),
    ("ends", true),
    ("verdict", false),
];

/// What a decision means, held against what the scenario declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// Every fair run ends, as it should.
    Ends,
    /// What is declared, and why.
    AsDeclared(&'static str),
    /// A run that never ends, or not cleanly, where that is not declared.
    Violated,
    /// What is declared does not happen.
    Missing,
}

impl Verdict {
    fn of(declared: Option<Ends>, comes_to: &ComesTo) -> Verdict {
        match (declared.unwrap_or(Ends::Always), comes_to) {
            (Ends::Always, ComesTo::TheEnd) => Verdict::Ends,
            (Ends::Never(why), ComesTo::NoEnd { user: None, .. })
            | (Ends::WhenItsUserCloses(why), ComesTo::NoEnd { user: Some(_), .. })
            | (Ends::NotCleanly(why), ComesTo::Unclean { .. }) => Verdict::AsDeclared(why),
            (_, ComesTo::TheEnd) => Verdict::Missing,
            _ => Verdict::Violated,
        }
    }

    fn status(self) -> Status {
        match self {
            Verdict::Ends | Verdict::AsDeclared(_) => Status::Fine,
            Verdict::Violated | Verdict::Missing => Status::Violated,
        }
    }

    fn cell(self, comes_to: &ComesTo) -> String {
        match self {
            Verdict::Ends => "every fair run ends".to_owned(),
            Verdict::AsDeclared(_) => format!("{}, as it must be", what(comes_to)),
            Verdict::Violated => what(comes_to).to_uppercase(),
            Verdict::Missing => "ENDS, NOT AS DECLARED".to_owned(),
        }
    }
}

/// In a few words.
fn what(comes_to: &ComesTo) -> String {
    match comes_to {
        ComesTo::TheEnd => "ends".to_owned(),
        ComesTo::NoEnd { user: Some(h), .. } => {
            format!("{}'s application never closes", NAMES[h & 1])
        }
        ComesTo::NoEnd { .. } => "never ends".to_owned(),
        ComesTo::Unclean { .. } => "ends, but not cleanly".to_owned(),
    }
}

struct Row<'a> {
    card: &'a Card,
    found: Progressed,
    verdict: Verdict,
    saved: Option<String>,
}

impl Row<'_> {
    fn story(&self) -> Option<&Story> {
        match &self.found.comes_to {
            ComesTo::TheEnd => None,
            ComesTo::NoEnd { story, .. } | ComesTo::Unclean { story } => Some(story),
        }
    }

    /// What is to be said about it.
    fn sentence(&self) -> Option<String> {
        let id = self.card.id;
        match (self.verdict, &self.found.comes_to) {
            (Verdict::Ends, _) => None,
            (Verdict::AsDeclared(why), to) => {
                Some(format!("{id}: {}, as it must be: {why}", what(to)))
            }
            (Verdict::Missing, _) => Some(format!(
                "{id} declares a run that does not end well, and there is none"
            )),
            (Verdict::Violated, to) => Some(format!("{id}: {}", what(to))),
        }
    }
}

/// All that a run did.
struct Report<'a> {
    setup: Setup,
    rows: Vec<Row<'a>>,
    asked: usize,
    /// Whether what the scenarios declare applies.
    held: bool,
    elapsed: Duration,
    status: Status,
}

pub(super) fn run(a: &args::Check, registry: &Registry, out: &mut Out) -> Result<Status, Failure> {
    let subjects = if a.scenarios.is_empty() {
        registry.progress.iter().map(Box::as_ref).collect()
    } else {
        names::scenarios(registry, &a.scenarios)?
    };
    let setup = Setup {
        size: a.size.into(),
        profile: a.profile.into(),
        off: names::rules(&a.without)?,
        saturated: false,
        liveness: true,
        judged: None,
    };
    let session = Session::new(&a.budget, a.format)?;
    let text = a.format == Format::Text;
    let begun = Instant::now();
    let longest = subjects.iter().map(|s| s.card().id.len()).max();
    let widths = [longest.unwrap_or(0).max(8), 11, 13, 11, 9, 42];
    if text {
        head(&setup, &widths, out);
    }
    let mut report = Report {
        setup,
        rows: Vec::new(),
        asked: subjects.len(),
        held: setup.has_all_rules(),
        elapsed: Duration::ZERO,
        status: Status::Fine,
    };
    for (n, subject) in subjects.iter().enumerate() {
        if session.is_interrupted() {
            break;
        }
        let card = subject.card();
        let found = match session.decide(*subject, &setup, n + 1, subjects.len()) {
            Ok(found) => found,
            Err(e) => {
                let more = match e {
                    LivenessError::MemoryLimit(_) => {
                        ": --memory-limit, --size or a smaller scenario"
                    }
                    _ => "",
                };
                output::complain(&format!("{}: {e}{more}", card.id));
                continue;
            }
        };
        let declared = card.ends.filter(|_| report.held);
        let verdict = Verdict::of(declared, &found.comes_to);
        let mut row = Row {
            card,
            found,
            verdict,
            saved: None,
        };
        let wanted = !matches!(verdict, Verdict::AsDeclared(_)) || !a.scenarios.is_empty();
        if let Some(story) = row.story().filter(|_| wanted) {
            let saved = counterexample::saved(card.id, &setup, None, story);
            row.saved = counterexample::save(&saved, &a.budget.save);
        }
        report.status = report.status.and(verdict.status());
        if text {
            print(&row, &widths, out);
        }
        report.rows.push(row);
    }
    report.elapsed = begun.elapsed();
    if report.rows.len() < report.asked {
        report.status = report.status.and(Status::Bound);
    }
    if text {
        finish(&report, a, out);
    } else {
        out.json(&in_json(&report));
    }
    Ok(report.status)
}

fn head(setup: &Setup, widths: &[usize; 6], out: &mut Out) {
    let off: Vec<&str> = setup.off.iter().map(Rule::id).collect();
    let mut line = format!(
        "liveness, size {}, profile {}",
        setup.size.name(),
        setup.profile.name()
    );
    if !off.is_empty() {
        line += &format!(", without {}", off.join(", "));
    }
    out.line(&line);
    out.line("");
    let names = COLUMNS.map(|(h, _)| h.to_owned());
    out.line(&text::line(&COLUMNS, widths, &names));
    out.line(&text::line(
        &COLUMNS,
        widths,
        &widths.map(|w| "─".repeat(w)),
    ));
}

fn print(r: &Row<'_>, widths: &[usize; 6], out: &mut Out) {
    let f = &r.found;
    let cells = [
        r.card.id.to_owned(),
        grouped(f.states),
        grouped(f.transitions),
        grouped(f.lost),
        grouped(f.ends),
        r.verdict.cell(&f.comes_to),
    ];
    out.line(&text::line(&COLUMNS, widths, &cells));
}

fn finish(report: &Report<'_>, a: &args::Check, out: &mut Out) {
    let named = !a.scenarios.is_empty();
    for row in &report.rows {
        if let Some(sentence) = row.sentence() {
            out.line("");
            out.lines(&text::wrap(&sentence, 108));
        }
        let Some(story) = row.story() else { continue };
        if named || !matches!(row.verdict, Verdict::AsDeclared(_)) {
            out.line("");
            out.line(ladder::draw(story, a.absolute).trim_end());
            if let ComesTo::NoEnd { beyond_help, .. } = row.found.comes_to {
                out.line(if beyond_help {
                    "From there on no end can be reached any more."
                } else {
                    "An end could still be reached; this run, which is fair, never gets there."
                });
            }
            if let Some(at) = &row.saved {
                out.line(&format!("Saved; plays again with: farewell replay {at}"));
            }
        } else {
            out.line(&format!(
                "  shown by: farewell check --liveness {} --size {}",
                row.card.id,
                report.setup.size.name()
            ));
        }
    }
    out.line("");
    let found = || report.rows.iter().map(|r| &r.found);
    let states: u64 = found().map(|f| f.states).sum();
    let steps: u64 = found().map(|f| f.transitions).sum();
    let per_step = |f: &Progressed| f.bytes as f64 / f.transitions.max(1) as f64;
    let largest = found().max_by_key(|f| f.bytes);
    let (bytes, each) = largest.map_or((0, 0.0), |f| (f.bytes, per_step(f)));
    // Where a cycle was found early, there are states that no step leads out of yet.
    let whole = found().filter(|f| matches!(f.comes_to, ComesTo::TheEnd));
    let most = whole.map(per_step).fold(0.0, f64::max);
    let peak: u64 = found().map(|f| f.peak).max().unwrap_or(0);
    let mut fact = |name: &str, value: &str| {
        for (n, l) in text::wrap(value, 94).iter().enumerate() {
            out.line(&format!("{:<12}{l}", if n == 0 { name } else { "" }));
        }
    };
    fact(
        "total",
        &format!(
            "{} states, {} steps in {:.1} s; the largest graph took {} ({each:.0} bytes a step; at most {most:.0} in \
             those explored whole), {} with the states that waited",
            grouped(states),
            grouped(steps),
            report.elapsed.as_secs_f64(),
            text::bytes(bytes),
            text::bytes(peak),
        ),
    );
    fact(
        "fair",
        "a run in which every segment that is sent again and again arrives again and again (each by itself, whatever its \
         lifetime), a timer that is due again and again fires, an application takes a step that is possible again and \
         again, and time goes on. Steps that change nothing are steps",
    );
    fact(
        "an end",
        "both TCPs CLOSED (or listening for nobody) after their last connection, both users told, and everything \
         delivered unless somebody aborted, crashed, vanished or gave up",
    );
    fact(
        "cleanly",
        "while both are connected, nobody has done harm and nobody closes for good unread, an end with both told \"closed\" stays possible",
    );
    fact(
        "bounds",
        &format!(
            "MSL of {} tick(s), or of one where the scenario says so; R2 infinite unless the scenario says otherwise; \
             the network loses, repeats and reorders as it likes, within fairness",
            report.setup.size.msl()
        ),
    );
    out.line("");
    out.lines(&text::wrap(&last_words(report), 108));
}

fn last_words(report: &Report<'_>) -> String {
    let count = |is: fn(Verdict) -> bool| report.rows.iter().filter(|r| is(r.verdict)).count();
    let live = count(|v| v == Verdict::Ends);
    let declared = count(|v| matches!(v, Verdict::AsDeclared(_)));
    let unrun = report.asked - report.rows.len();
    let mut parts = vec![format!("{live} always end")];
    let mut part = |n: usize, what: &str| {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    };
    part(declared, "do not, as they must");
    part(count(|v| v == Verdict::Violated), "DO NOT");
    part(count(|v| v == Verdict::Missing), "END, NOT AS DECLARED");
    part(unrun, "not decided");
    let kinds = parts.join(", ");
    match report.status {
        Status::Fine if report.held => format!("Every scenario came out as declared: {kinds}."),
        Status::Bound => format!("{kinds}. What was not decided is not verified."),
        _ => format!("{kinds}."),
    }
}

fn in_json(report: &Report<'_>) -> Value {
    let row = |r: &Row<'_>| {
        let f = &r.found;
        let (user, beyond_help) = match f.comes_to {
            ComesTo::NoEnd {
                user, beyond_help, ..
            } => (user.map(|h| NAMES[h & 1]), Some(beyond_help)),
            _ => (None, None),
        };
        json!({
            "scenario": r.card.id,
            "verdict": match r.verdict {
                Verdict::Ends => "ends",
                Verdict::AsDeclared(_) => "as-declared",
                Verdict::Violated => "violated",
                Verdict::Missing => "declared-violation-missing",
            },
            "comes_to": match f.comes_to {
                ComesTo::TheEnd => "end",
                ComesTo::NoEnd { .. } => "no-end",
                ComesTo::Unclean { .. } => "unclean-end",
            },
            "user_never_closes": user,
            "beyond_help": beyond_help,
            "states": f.states,
            "steps": f.transitions,
            "ends": f.ends,
            "lost": f.lost,
            "demands": f.demands,
            "graph_bytes": f.bytes,
            "peak_bytes": f.peak,
            "seconds": f.elapsed.as_secs_f64(),
            "counterexample": r.story().map(super::json::story),
            "again_from": r.story().and_then(|s| s.again_from),
            "saved": r.saved,
        })
    };
    json!({
        "command": "check --liveness",
        "setup": super::json::setup(&report.setup),
        "status": report.status as u8,
        "asked": report.asked,
        "seconds": report.elapsed.as_secs_f64(),
        "scenarios": report.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_must_be_what_happens() {
        let no_end = |user| ComesTo::NoEnd {
            story: Story::default(),
            beyond_help: true,
            user,
        };
        let unclean = || ComesTo::Unclean {
            story: Story::default(),
        };
        let of = |declared, to: ComesTo| Verdict::of(Some(declared), &to);
        assert_eq!(of(Ends::Always, ComesTo::TheEnd), Verdict::Ends);
        assert_eq!(of(Ends::Always, no_end(None)), Verdict::Violated);
        assert_eq!(of(Ends::Always, unclean()), Verdict::Violated);
        assert_eq!(of(Ends::Never("x"), no_end(None)), Verdict::AsDeclared("x"));
        // An idle user is no fault of the protocol's, and the protocol's no idle user's.
        assert_eq!(of(Ends::Never("x"), no_end(Some(1))), Verdict::Violated);
        assert_eq!(
            of(Ends::WhenItsUserCloses("x"), no_end(None)),
            Verdict::Violated
        );
        assert_eq!(
            of(Ends::WhenItsUserCloses("x"), no_end(Some(0))),
            Verdict::AsDeclared("x")
        );
        assert_eq!(
            of(Ends::NotCleanly("x"), unclean()),
            Verdict::AsDeclared("x")
        );
        for declared in [
            Ends::Never("x"),
            Ends::NotCleanly("x"),
            Ends::WhenItsUserCloses("x"),
        ] {
            assert_eq!(of(declared, ComesTo::TheEnd), Verdict::Missing);
        }
        // Without its rules nothing is declared.
        assert_eq!(Verdict::of(None, &no_end(None)), Verdict::Violated);
    }
}
