//! The ladder diagram of a story: two lifelines, segments between them, states and users beside them.

use super::story::{Beat, Notation, Story};
use super::text::{pad, width, wrap};
use crate::properties;
use crate::world::action::NAMES;

/// The width aimed at, in columns.
const PAGE: usize = 100;
/// The least room between the lifelines and beside them.
const MIDDLE: usize = 46;
const SIDE: usize = 20;

/// Draws a story; the numbers of segments relative to the hosts' first ISNs, or absolute.
pub fn draw(story: &Story, absolute: bool) -> String {
    let how = story.notation(absolute);
    let longest = (0..story.segments.len())
        .map(|n| width(&story.label(n, &how)))
        .max()
        .unwrap_or(0);
    let middle = MIDDLE.max(longest + 9);
    let side = SIDE.max((PAGE.saturating_sub(middle + 4)) / 2);
    let mut page = Page {
        story,
        how,
        side,
        middle,
        rows: Vec::new(),
        now: 0,
    };
    page.head();
    let beats: Vec<&Beat> = story.beats().collect();
    // Where what is repeated begins: nothing is drawn across it.
    let begins = |from: usize| story.moments.iter().take(from).map(|m| m.beats.len()).sum();
    let again: Option<usize> = story.again_from.map(begins);
    let mut skip = None;
    for n in 0..beats.len() {
        if again == Some(n) {
            page.mark("again and again from here");
        }
        let (first, last) = match again {
            Some(at) if n < at => (0, at),
            Some(at) => (at, beats.len()),
            None => (0, beats.len()),
        };
        if skip == Some(n) {
            skip = None;
            continue;
        }
        match beats[n] {
            // An arrow that is all there when the next thing that happens is its arrival.
            Beat::Sent { segment } if page.arrives_next(&beats[n + 1..last], *segment) => {}
            Beat::Note { host, text } => {
                // The state that a call leads to stands on its line if there is room.
                let mut words = text.clone();
                if let Some(Beat::Enters { host: h, state }) = beats.get(n + 1) {
                    let both = format!("{text} → {}", state.name());
                    if h == host && width(&both) <= page.side {
                        skip = Some(n + 1);
                        words = both;
                    }
                }
                page.beside(*host, &words);
            }
            Beat::Arrives { .. } => {
                let mut state = None;
                if let Some(Beat::Enters { state: s, .. }) = beats.get(n + 1) {
                    skip = Some(n + 1);
                    state = Some(s.name());
                }
                let follows_send = page.follows_send(&beats[first..n], beats[n]);
                page.arrow(beats[n], state, follows_send);
            }
            beat => page.beat(beat, &beats[n + 1..]),
        }
    }
    if let Some(at) = again {
        if at >= beats.len() {
            page.mark("from here on nothing happens any more");
        } else {
            page.mark("and so on, for ever");
        }
    }
    page.foot();
    page.rows
        .iter()
        .map(|r| r.trim_end())
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

struct Page<'a> {
    story: &'a Story,
    how: Notation,
    side: usize,
    middle: usize,
    rows: Vec<String>,
    now: u32,
}

impl Page<'_> {
    fn row(&mut self, left: &str, middle: &str, right: &str) {
        let left = format!("{}{left}", pad("", self.side.saturating_sub(width(left))));
        self.rows
            .push(format!("{left} │{}│ {right}", pad(middle, self.middle)));
    }

    fn head(&mut self) {
        let [a, b] = NAMES;
        let gap = " ".repeat(self.middle);
        self.rows
            .push(format!("{} {a}{gap}{b}", " ".repeat(self.side)));
        let [left, right] = self.story.begins.map(|s| s.name());
        self.row(left, "", right);
    }

    /// A line across the page.
    fn mark(&mut self, text: &str) {
        let text = format!(" {text} ");
        let wide = self.middle + 2;
        let before = wide.saturating_sub(width(&text)) / 2;
        let after = wide.saturating_sub(width(&text) + before);
        let line = format!("{}{text}{}", "═".repeat(before), "═".repeat(after));
        let side = "═".repeat(self.side + 1);
        self.rows.push(format!("{side}{line}{side}"));
    }

    fn beside(&mut self, host: usize, text: &str) {
        for line in wrap(text, self.side) {
            if host == 0 {
                self.row(&line, "", "")
            } else {
                self.row("", "", &line)
            }
        }
    }

    fn beat(&mut self, beat: &Beat, later: &[&Beat]) {
        match beat {
            Beat::Tick { now, of } => {
                self.now = *now;
                let text = match of {
                    None => format!(" tick {now} "),
                    Some(h) => format!(" {}'s clock ticks ", NAMES[*h & 1]),
                };
                let before = self.middle.saturating_sub(width(&text)) / 2;
                let after = self.middle.saturating_sub(width(&text) + before);
                let line = format!("{}{text}{}", "┄".repeat(before), "┄".repeat(after));
                self.rows.push(format!(
                    "{}┄┼{line}┼┄{}",
                    "┄".repeat(self.side),
                    "┄".repeat(self.side)
                ));
            }
            Beat::Enters { host, state } => self.beside(*host, &format!("→ {}", state.name())),
            Beat::User { host, text } | Beat::Note { host, text } => self.beside(*host, text),
            Beat::Sent { segment } => {
                let arrives = later
                    .iter()
                    .any(|b| matches!(b, Beat::Arrives { segment: s, .. } if s == segment));
                self.stub(*segment, arrives);
            }
            Beat::Arrives { .. } => {}
        }
    }

    /// A segment leaves; it arrives later, or never in this story.
    fn stub(&mut self, segment: usize, arrives: bool) {
        let label = self.story.label(segment, &self.how);
        let from_a = self.story.segments.get(segment).is_none_or(|s| s.from == 0);
        let line = match (from_a, arrives) {
            (true, true) => format!("── {label} ─▷"),
            (true, false) => format!("── {label} ─×"),
            (false, true) => format!("◁─ {label} ──"),
            (false, false) => format!("×─ {label} ──"),
        };
        let room = " ".repeat(self.middle.saturating_sub(width(&line)));
        let line = if from_a {
            format!("{line}{room}")
        } else {
            format!("{room}{line}")
        };
        self.row("", &line, "");
    }

    /// A segment arrives: from its sender's lifeline if it has just left, else from the network.
    fn arrow(&mut self, beat: &Beat, state: Option<&str>, just_left: bool) {
        let Beat::Arrives { segment, .. } = beat else {
            return;
        };
        let label = format!(" {} ", self.story.label(*segment, &self.how));
        let from_a = self
            .story
            .segments
            .get(*segment)
            .is_none_or(|s| s.from == 0);
        let stroke = if just_left { "─" } else { "╌" };
        let far = 2;
        let near = self.middle.saturating_sub(width(&label) + far + 1);
        let state = state.map_or(String::new(), |s| format!("→ {s}"));
        if from_a {
            let line = format!("{}{label}{}▶", stroke.repeat(far), stroke.repeat(near));
            self.row("", &line, &state);
        } else {
            let line = format!("◀{}{label}{}", stroke.repeat(near), stroke.repeat(far));
            self.row(&state, &line, "");
        }
        if let Some(remark) = self.story.remark(beat, self.now) {
            let text = format!("({remark})");
            let before = if from_a { far + 1 } else { near + 2 };
            let before = before.min(self.middle.saturating_sub(width(&text)));
            self.row("", &format!("{}{text}", " ".repeat(before)), "");
        }
    }

    /// Whether the next thing that happens, other sends and the sender's own user apart, is the arrival of `segment`.
    fn arrives_next(&self, later: &[&Beat], segment: usize) -> bool {
        for beat in later {
            match beat {
                Beat::Arrives { segment: s, .. } => return *s == segment,
                Beat::Sent { .. } => {}
                _ => return false,
            }
        }
        false
    }

    fn follows_send(&self, earlier: &[&Beat], beat: &Beat) -> bool {
        let Beat::Arrives { segment, .. } = beat else {
            return false;
        };
        for beat in earlier.iter().rev() {
            match beat {
                Beat::Sent { segment: s } if s == segment => return true,
                Beat::Sent { .. } => {}
                _ => return false,
            }
        }
        false
    }

    fn foot(&mut self) {
        self.row("", "", "");
        let drawn = self.rows.concat();
        let kinds = [
            (&['▷', '◁'][..], "─▷ leaves and arrives further down"),
            (&['×'], "─× does not arrive in this story"),
            (&['╌'], "╌▶ arrives later than sent, or once more"),
        ];
        let mut legend: Vec<&str> = kinds
            .into_iter()
            .filter(|(signs, _)| drawn.contains(*signs))
            .map(|(_, t)| t)
            .collect();
        if !self.how.absolute {
            legend.push("numbers count from each host's first ISN");
        }
        for f in properties::faults(self.story.faults) {
            let property = properties::violated(f.bit()).next().map_or("", |p| p.id);
            let text = format!("Wrong here: {} (property {property}).", f.text());
            self.rows.extend(wrap(&text, PAGE));
        }
        if !legend.is_empty() {
            self.rows
                .extend(wrap(&format!("Signs: {}.", legend.join("; ")), PAGE));
        }
    }
}
