//! How the frontier is printed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asker, Decided, Row};
use crate::cli::Status;
use crate::cli::output::Out;
use crate::frontier::blocks::{self, Block};
use crate::frontier::cell::AXES;
use crate::frontier::{Cell, Judged, Least, pinned};
use crate::report::text::{self, grouped};
use crate::scenarios::Size;

/// What a cell comes to, in words: for each of [`Judged::ALL`].
type Result = [String; 2];

/// The table: cells with the same result together, or every cell.
pub(super) fn print(rows: &[Row], sizes: &[Size], every: bool, out: &mut Out) {
    let mut cells: BTreeMap<Cell, Vec<&Row>> = BTreeMap::new();
    for r in rows {
        cells.entry(r.cell).or_default().push(r);
    }
    let decided: Vec<_> = cells
        .iter()
        .filter(|(_, at)| at.len() == sizes.len())
        .map(|(c, at)| (c.place(), [0, 1].map(|j| words(at, j))))
        .collect();
    let blocks = if every {
        let single = |(place, result): &([usize; AXES.len()], Result)| Block {
            values: place.map(|n| 1 << n),
            result: result.clone(),
        };
        decided.iter().map(single).collect()
    } else {
        blocks::together(&decided)
    };
    let mut header: Vec<(&str, bool)> = AXES.iter().map(|(name, _)| (*name, false)).collect();
    header.extend([
        ("least for data", false),
        ("for all", false),
        ("cells", true),
    ]);
    let lines: Vec<Vec<String>> = blocks
        .iter()
        .map(|b| {
            let mut line: Vec<String> = (0..AXES.len())
                .map(|a| b.words(a).map_or("·".into(), |w| w.join(" ")))
                .collect();
            line.extend(b.result.clone());
            line.push(b.cells().to_string());
            line
        })
        .collect();
    out.lines(&text::table(&header, &lines));
}

/// What a cell comes to at each MSL: in units of MSL where that says it all, and in ticks.
fn words(at: &[&Row], judged: usize) -> String {
    let least = |r: &&Row| r.decided[judged].least.clone();
    let ticks: Vec<String> = at.iter().map(|r| in_ticks(&least(r))).collect();
    if ticks.iter().all(|t| *t == ticks[0]) && !matches!(least(&at[0]), Ok(Least::Is(1..))) {
        return match ticks[0].as_str() {
            "0" => "none".into(),
            same => same.into(),
        };
    }
    let known: Vec<(u8, u8)> = at
        .iter()
        .filter_map(|r| match least(r) {
            Ok(Least::Is(n)) => Some((r.size.msl(), n)),
            _ => None,
        })
        .collect();
    let ticks = ticks.join(", ");
    match in_msl(&known).filter(|_| known.len() == at.len()) {
        Some(msl) => format!("{msl} ({ticks})"),
        None => ticks,
    }
}

fn in_ticks(least: &std::result::Result<Least, String>) -> String {
    match least {
        Ok(Least::Is(n)) => n.to_string(),
        Ok(Least::Never { .. }) => "never".into(),
        Ok(Least::Above(n)) => format!("> {n}"),
        Err(_) => "?".into(),
    }
}

/// Values at two MSLs or more in units of MSL. A timer of `k` MSL and one tick is sure of `k` MSL: it may start just before
/// a tick, and a segment is deliverable through the last tick of its life.
fn in_msl(known: &[(u8, u8)]) -> Option<String> {
    let [(m, v), .., (m2, v2)] = known else {
        return None;
    };
    let (m, v, m2, v2) = (i16::from(*m), i16::from(*v), i16::from(*m2), i16::from(*v2));
    let k = (v2 - v) / (m2 - m);
    let more = v - k * m - 1;
    let fits = |(m, v): &(u8, u8)| i16::from(*v) == k * i16::from(*m) + 1 + more;
    if !known.iter().all(fits) {
        return None;
    }
    Some(match more {
        0 => format!("{k} MSL"),
        1.. => format!("{k} MSL + {more}"),
        _ => format!("{k} MSL - {}", -more),
    })
}

/// Whether finer ticks are known, or predicted, to come to something else than this one.
fn is_coarse(r: &Row) -> bool {
    let msl = r.size.msl();
    msl == 1
        && Judged::ALL
            .iter()
            .any(|j| pinned::of(r.cell, *j, 1) != pinned::of(r.cell, *j, 2))
}

/// What the table is about, and what it took.
pub(super) fn foot(rows: &[Row], of: usize, asker: &Asker<'_>, out: &mut Out) {
    let mut say = |t: String| out.lines(&text::wrap(&t, 108));
    say(String::new());
    say("In MSL, and in ticks for each MSL asked for: a TIME_WAIT of k MSL takes k MSL and one tick to be sure of. \"·\" is any \
         value. Data: no byte and no end of a stream goes astray. All: nor is a user told \"reset\" by a late RST."
        .into());
    let coarse = rows.iter().filter(|r| is_coarse(r)).count();
    if coarse > 0 {
        say(format!(
            "An MSL of one tick is too coarse for {coarse} of them: with finer ticks two TIME_WAITs with timestamps keep each other \
             awake, and no length is enough (--msl 2 --only stamps,both,finished,drained,f1,every).",
        ));
    }
    let proofs = rows.iter().flat_map(|r| &r.decided);
    let tight = proofs
        .clone()
        .filter(|d| d.against.is_some() && matches!(d.least, Ok(Least::Is(_))))
        .count();
    let pumped = proofs
        .filter(|d| matches!(d.least, Ok(Least::Never { .. })))
        .count();
    say(format!(
        "{} of {} cells; {} values with a counterexample one tick below, {} \"never\" with one that was pumped; explored in this \
         run: {} worlds, {} states.",
        grouped(rows.len() as u64),
        grouped(of as u64),
        grouped(tight as u64),
        grouped(pumped as u64),
        grouped(asker.explored),
        grouped(asker.states),
    ));
    for r in rows {
        for differs in r.differs() {
            say(format!("NOT AS PINNED: {differs}"));
        }
        for (judged, d) in Judged::ALL.iter().zip(&r.decided) {
            if let Err(why) = &d.least {
                say(format!(
                    "{}, {}, MSL {}: {why}",
                    r.cell.name(),
                    judged.word(),
                    r.size.msl()
                ));
            }
        }
    }
    if let Some(file) = rows
        .iter()
        .flat_map(|r| &r.decided)
        .find_map(|d| d.saved.as_deref())
    {
        say(format!(
            "Counterexamples are saved; such a one plays again with: farewell replay {file}"
        ));
    }
}

/// Everything, cell by cell.
pub(super) fn json(rows: &[Row], status: Status) -> Value {
    let decided = |judged: &Judged, d: &Decided| {
        let (least, verdict) = match &d.least {
            Ok(Least::Is(n)) => (json!(n), "least"),
            Ok(Least::Never { .. }) => (Value::Null, "never"),
            Ok(Least::Above(_)) => (Value::Null, "undecided"),
            Err(_) => (Value::Null, "no-verdict"),
        };
        json!({
            "judged": judged.word(),
            "verdict": verdict,
            "ticks": least,
            "why": d.least.as_ref().err(),
            "states": d.states,
            "against": d.against.as_ref().map(|(n, a)| json!({
                "ticks": n,
                "steps": a.actions.len(),
                "saved": d.saved,
                "repeats": a.pump.as_ref().map(|p| p.loops.iter().map(|l| json!({
                    "from": l.from, "to": l.to, "ticks": l.ticks,
                })).collect::<Vec<_>>()),
                "performed_with": a.pump.as_ref().map(|p| p.performed.clone()),
            })),
        })
    };
    let cells: Vec<Value> = rows
        .iter()
        .map(|r| {
            json!({
                "cell": r.cell.name(),
                "msl": r.size.msl(),
                "differs": r.differs(),
                "decided": Judged::ALL.iter().zip(&r.decided).map(|(j, d)| decided(j, d)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "command": "frontier", "status": status as u8, "cells": cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_msl_where_they_fit() {
        for (known, words) in [
            (vec![(1, 3), (2, 5), (3, 7)], Some("2 MSL")),
            (vec![(1, 1), (2, 1)], Some("0 MSL")),
            (vec![(1, 4), (3, 8)], Some("2 MSL + 1")),
            (vec![(1, 1), (2, 2)], Some("1 MSL - 1")),
            (vec![(1, 3), (2, 5), (3, 8)], None),
            (vec![(1, 3)], None),
        ] {
            assert_eq!(in_msl(&known).as_deref(), words, "{known:?}");
        }
    }
}
