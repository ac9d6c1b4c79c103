//! The state diagram, drawn from the table that the specification looks every transition up in.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::svg::escape;
use super::text::table;
use crate::endpoint::TcpState::{self, *};
use crate::spec::transition::{IN_DEFAULT_PROFILE, TABLE};

/// As a table.
pub fn text() -> String {
    let rows: Vec<Vec<String>> = TABLE
        .iter()
        .enumerate()
        .map(|(n, t)| {
            let reading = if n < IN_DEFAULT_PROFILE {
                ""
            } else {
                "another reading: "
            };
            [
                t.from.name(),
                t.cause.label(),
                t.to.name(),
                &format!("{reading}{}", t.source),
            ]
            .map(str::to_owned)
            .to_vec()
        })
        .collect();
    let header = [
        ("from", false),
        ("by", false),
        ("to", false),
        ("source (a section is RFC 9293's)", false),
    ];
    table(&header, &rows).join("\n") + "\n"
}

/// All causes that lead from one state to another, by reading.
fn arrows() -> BTreeMap<(TcpState, TcpState, bool), Vec<&'static str>> {
    let mut out: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (n, t) in TABLE.iter().enumerate() {
        out.entry((t.from, t.to, n < IN_DEFAULT_PROFILE))
            .or_default()
            .push(t.cause.label());
    }
    out
}

/// For Graphviz.
pub fn dot() -> String {
    let mut out = String::from(
        "digraph tcp {\n  node [shape=box, fontname=monospace];\n  edge [fontsize=10];\n",
    );
    for s in TcpState::ALL {
        let _ = writeln!(out, "  {};", s.name());
    }
    for ((from, to, default), causes) in arrows() {
        let style = if default {
            ""
        } else {
            ", style=dashed, color=gray"
        };
        let _ = writeln!(
            out,
            "  {} -> {} [label=\"{}\"{style}];",
            from.name(),
            to.name(),
            causes.join("\\n")
        );
    }
    out + "}\n"
}

/// Where a state stands in the picture: column and row, as in RFC 9293 figure 5.
fn place(s: TcpState) -> (i32, i32) {
    match s {
        Closed => (2, 0),
        Listen => (1, 1),
        SynSent => (3, 1),
        SynReceived => (1, 2),
        Established => (3, 2),
        FinWait1 => (1, 3),
        CloseWait => (3, 3),
        FinWait2 => (0, 4),
        Closing => (1, 4),
        LastAck => (3, 4),
        TimeWait => (1, 5),
    }
}

const COLUMN: i32 = 330;
const LINE: i32 = 190;
const BOX: (i32, i32) = (130, 34);

fn centre(s: TcpState) -> (i32, i32) {
    let (column, row) = place(s);
    (120 + column * COLUMN, 60 + row * LINE)
}

/// As a picture. What leads straight to CLOSED from a synchronized state is written into the state's box.
pub fn svg() -> String {
    let (width, height) = (540 + 3 * COLUMN, 130 + 5 * LINE);
    let mut out = format!(
        "<svg version='1.1' xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' \
         viewBox='0 0 {width} {height}' font-family='monospace' font-size='11'>\n<defs><marker id='head' \
         markerWidth='10' markerHeight='8' refX='10' refY='4' orient='auto'><polygon points='0 0, 10 4, 0 8'/></marker>\
         </defs>\n<rect width='100%' height='100%' fill='white'/>\n"
    );
    let arrows = arrows();
    let mut inside: BTreeMap<TcpState, Vec<String>> = BTreeMap::new();
    for ((from, to, default), causes) in &arrows {
        if *to == Closed && is_folded(*from) {
            let mark = if *default { "" } else { " *" };
            inside
                .entry(*from)
                .or_default()
                .push(format!("{}{mark}", causes.join(", ")));
            continue;
        }
        let two_way = arrows.keys().any(|(f, t, _)| (f, t) == (to, from));
        arrow(&mut out, *from, *to, causes, *default, two_way);
    }
    for s in TcpState::ALL {
        let (x, y) = centre(s);
        let _ = writeln!(
            out,
            "<rect x='{}' y='{}' width='{}' height='{}' rx='5' fill='#eef' stroke='black'/><text x='{x}' y='{}' \
             text-anchor='middle' font-size='14' font-weight='bold'>{}</text>",
            x - BOX.0 / 2,
            y - BOX.1 / 2,
            BOX.0,
            BOX.1,
            y + 5,
            s.name()
        );
        for (n, words) in (0i32..).zip(inside.get(&s).into_iter().flatten()) {
            let (x, y) = (x + BOX.0 / 2 + 8, y + 16 + 13 * n);
            let words = escape(words);
            let _ = writeln!(
                out,
                "<text x='{x}' y='{y}' stroke='white' stroke-width='3' paint-order='stroke' fill='#a00'>→ CLOSED: {words}</text>"
            );
        }
    }
    let _ = writeln!(
        out,
        "<text x='20' y='{}'>Dashed, or with *: readings that the default profile does not take.</text>",
        height - 20
    );
    out + "</svg>\n"
}

/// Whether arrows to CLOSED are written rather than drawn: all but those that the diagram is about.
fn is_folded(from: TcpState) -> bool {
    !matches!(from, Listen | SynSent)
}

fn arrow(
    out: &mut String,
    from: TcpState,
    to: TcpState,
    causes: &[&str],
    default: bool,
    two_way: bool,
) {
    let ((x1, y1), (x2, y2)) = (centre(from), centre(to));
    let (dx, dy) = (f64::from(x2 - x1), f64::from(y2 - y1));
    let length = dx.hypot(dy).max(1.0);
    let (nx, ny) = (-dy / length, dx / length);
    // Arrows that another one would cover, or that would run through a box, bend aside.
    let column = place(from).0 == place(to).0 && (place(from).1 - place(to).1).abs() > 1;
    let mut bend = if two_way { 22.0 } else { 0.0 };
    if column {
        bend = 95.0;
    }
    if !default {
        bend += 26.0;
    }
    let middle = (
        f64::from(x1 + x2) / 2.0 + nx * bend * 2.0,
        f64::from(y1 + y2) / 2.0 + ny * bend * 2.0,
    );
    let edge = |(x, y): (i32, i32)| {
        let (ex, ey) = (middle.0 - f64::from(x), middle.1 - f64::from(y));
        let scale = (f64::from(BOX.0) / 2.0 / ex.abs().max(0.01))
            .min(f64::from(BOX.1) / 2.0 / ey.abs().max(0.01));
        (f64::from(x) + ex * scale, f64::from(y) + ey * scale)
    };
    let (a, b) = (edge((x1, y1)), edge((x2, y2)));
    let style = if default {
        "stroke='black'"
    } else {
        "stroke='#888' stroke-dasharray='5 4'"
    };
    let _ = writeln!(
        out,
        "<path d='M {:.0} {:.0} Q {:.0} {:.0} {:.0} {:.0}' fill='none' {style} marker-end='url(#head)'/>",
        a.0, a.1, middle.0, middle.1, b.0, b.1
    );
    let at = (
        (a.0 + 2.0 * middle.0 + b.0) / 4.0,
        (a.1 + 2.0 * middle.1 + b.1) / 4.0,
    );
    for (n, cause) in causes.iter().enumerate() {
        let y = at.1 + 4.0 + 12.0 * (n as f64 - (causes.len() - 1) as f64 / 2.0);
        let _ = writeln!(
            out,
            "<text x='{:.0}' y='{y:.0}' text-anchor='middle' stroke='white' stroke-width='3' paint-order='stroke' \
             fill='black'>{}</text>",
            at.0,
            escape(cause)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition_is_in_every_drawing() {
        let (text, dot, svg) = (text(), dot(), svg());
        assert_eq!(text.lines().count(), TABLE.len() + 2);
        for t in TABLE {
            assert!(dot.contains(&format!("  {} -> {} [", t.from.name(), t.to.name())));
            assert!(svg.contains(t.cause.label()) && svg.contains(t.from.name()));
        }
        let drawn = svg.matches("<path").count() + svg.matches("→ CLOSED").count();
        assert_eq!(drawn, arrows().len());
    }

    #[test]
    fn no_two_states_stand_at_one_place() {
        let mut places: Vec<_> = TcpState::ALL.into_iter().map(place).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 11);
    }
}
