//! A story as a sequence diagram in SVG, with the classes that stateright's Explorer styles.

use std::fmt::Write;

use super::story::{Beat, Story};
use crate::properties;
use crate::world::action::NAMES;

/// Pixels from one row to the next.
const ROW: usize = 26;
/// The lifelines' places.
const X: [usize; 2] = [220, 660];
const WIDTH: usize = 880;
const TOP: usize = 40;

/// What stands for a sign in the text of SVG or HTML, and in an attribute between double quotes.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Draws a story, complete in itself: colours and fonts are given where the Explorer's style sheet is missing.
pub fn sequence(story: &Story) -> String {
    let how = story.notation(false);
    let mut body = String::new();
    let mut sent_at = vec![None; story.segments.len()];
    let mut arrives = vec![false; story.segments.len()];
    for beat in story.beats() {
        if let Beat::Arrives { segment, .. } = beat {
            arrives[*segment] = true;
        }
    }
    let mut row = 1;
    let mut now = 0;
    let y = |row: usize| TOP + row * ROW;
    let beside = |body: &mut String, host: usize, row: usize, words: &str| {
        let (x, anchor) = if host == 0 {
            (X[0] - 10, "end")
        } else {
            (X[1] + 10, "start")
        };
        text(body, x, y(row) + 4, anchor, words);
    };
    for (host, state) in story.begins.iter().enumerate() {
        beside(&mut body, host, 0, state.name());
    }
    let begins = |from: usize| story.moments.iter().take(from).map(|m| m.beats.len()).sum();
    let again: Option<usize> = story.again_from.map(begins);
    let across = |body: &mut String, row: usize, words: &str| {
        let at = y(row);
        let _ = write!(
            body,
            "<line x1='20' y1='{at}' x2='{}' y2='{at}' stroke='black' stroke-width='3'/>",
            WIDTH - 20
        );
        text(body, (X[0] + X[1]) / 2, at - 6, "middle", words);
    };
    for (n, beat) in story.beats().enumerate() {
        if again == Some(n) {
            across(&mut body, row, "again and again from here");
            row += 1;
        }
        match beat {
            Beat::Tick { now: n, of } => {
                now = *n;
                let words = of.map_or(format!("tick {n}"), |h| {
                    format!("{}'s clock ticks", NAMES[h & 1])
                });
                let at = y(row);
                let _ = write!(
                    body,
                    "<line x1='20' y1='{at}' x2='{}' y2='{at}' stroke='#999' stroke-dasharray='2 4'/>",
                    WIDTH - 20
                );
                text(&mut body, (X[0] + X[1]) / 2, at - 4, "middle", &words);
                row += 1;
            }
            Beat::Note { host, text } | Beat::User { host, text } => {
                beside(&mut body, *host, row, text);
                row += 1;
            }
            // The state stands on the line of what led to it.
            Beat::Enters { host, state } => {
                beside(&mut body, *host, row, &format!("→ {}", state.name()));
                row += 1;
            }
            Beat::Sent { segment } => {
                sent_at[*segment] = Some(row);
                // What never arrives in this story has no other arrow.
                if !arrives[*segment] {
                    let from = story.segments[*segment].from;
                    lost(&mut body, from, y(row), &story.label(*segment, &how));
                    row += 1;
                }
            }
            Beat::Arrives { segment, .. } => {
                let from = story.segments[*segment].from;
                let begun = sent_at[*segment].unwrap_or(row).min(row);
                arrow(&mut body, from, y(begun), y(row));
                let mut label = story.label(*segment, &how);
                if let Some(remark) = story.remark(beat, now) {
                    let _ = write!(label, " ({remark})");
                }
                text(
                    &mut body,
                    (X[0] + X[1]) / 2,
                    (y(begun) + y(row)) / 2 - 5,
                    "middle",
                    &label,
                );
                row += 1;
            }
        }
    }
    if let Some(at) = story.again_from {
        let repeats = at < story.moments.len();
        let words = if repeats {
            "and so on, for ever"
        } else {
            "from here on no clean end is possible any more"
        };
        across(&mut body, row, words);
        row += 1;
    }
    for f in properties::faults(story.faults) {
        text(
            &mut body,
            WIDTH / 2,
            y(row),
            "middle",
            &format!("wrong here: {}", f.text()),
        );
        row += 1;
    }
    let height = y(row) + 20;
    let mut out = format!(
        "<svg version='1.1' xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' \
         viewBox='0 0 {WIDTH} {height}' font-family='monospace' font-size='13'>\
         <defs><marker id='arrow' class='svg-event-shape' markerWidth='12' markerHeight='10' refX='12' refY='5' \
         orient='auto'><polygon points='0 0, 12 5, 0 10'/></marker></defs>"
    );
    for (host, x) in X.into_iter().enumerate() {
        text(&mut out, x, 20, "middle", NAMES[host]);
        let _ = write!(
            out,
            "<line class='svg-actor-timeline' x1='{x}' y1='28' x2='{x}' y2='{}' stroke='black'/>",
            height - 10
        );
    }
    out + &body + "</svg>"
}

fn text(out: &mut String, x: usize, y: usize, anchor: &str, words: &str) {
    let words = escape(words);
    let _ = write!(
        out,
        "<text x='{x}' y='{y}' text-anchor='{anchor}' class='svg-event-label'>{words}</text>"
    );
}

/// A segment that does not arrive: its arrow breaks off.
fn lost(out: &mut String, from: usize, y: usize, label: &str) {
    let (begins, way): (usize, isize) = if from == 0 { (X[0], 1) } else { (X[1], -1) };
    let at = |pixels: isize| begins.saturating_add_signed(way * pixels);
    let _ = write!(
        out,
        "<line class='svg-event-line' x1='{begins}' y1='{y}' x2='{}' y2='{y}' stroke='black' stroke-dasharray='6 3'/>",
        at(40)
    );
    text(out, at(46), y + 4, "middle", "×");
    let anchor = if from == 0 { "start" } else { "end" };
    text(out, at(56), y + 4, anchor, label);
}

fn arrow(out: &mut String, from: usize, y1: usize, y2: usize) {
    let (x1, x2) = if from == 0 {
        (X[0], X[1])
    } else {
        (X[1], X[0])
    };
    let _ = write!(
        out,
        "<line class='svg-event-line' x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='black' marker-end='url(#arrow)'/>"
    );
}
