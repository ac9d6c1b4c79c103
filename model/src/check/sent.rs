//! A small cache of what was sent to other workers lately, which about halves the traffic.

use super::fingerprint::Print;

const LINES: usize = 1 << 16;

/// Direct-mapped; a line is overwritten by the next state that falls on it.
pub(super) struct Sent<F> {
    lines: Vec<Line<F>>,
}

#[derive(Clone, Copy, Default)]
struct Line<F> {
    print: F,
    parent: F,
    /// Level of the parent plus one; 0 is an empty line.
    mark: u32,
}

impl<F: Print> Sent<F> {
    pub(super) fn new() -> Self {
        Sent {
            lines: vec![Line::default(); LINES],
        }
    }

    /// Reads the line of a state ahead of time; use the result, or the read is optimised away.
    pub(super) fn touch(&self, print: F) -> u32 {
        self.lines[print.low() as usize % LINES].mark
    }

    /// Whether sending `print`, found from `parent` in `level`, would change nothing at its owner; if not, notes
    /// that it is sent now.
    ///
    /// It changes nothing when it was sent from an earlier level (then it is not new, and no parent of this level
    /// counts), or from this one with a parent that is not greater.
    pub(super) fn knows(&mut self, print: F, parent: F, level: u32) -> bool {
        let line = &mut self.lines[print.low() as usize % LINES];
        let mark = level + 1;
        if line.mark != 0 && line.print == print && (line.mark < mark || line.parent <= parent) {
            return true;
        }
        *line = Line {
            print,
            parent,
            mark,
        };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_nothing_is_known() {
        let mut sent = Sent::<u64>::new();
        assert!(
            !sent.knows(0, 0, 0),
            "an empty line knows nothing, not even zeros"
        );
        assert!(!sent.knows(7, 50, 3));
        assert!(sent.knows(7, 50, 3));
        assert!(sent.knows(7, 60, 3), "a greater parent");
        assert!(!sent.knows(7, 40, 3), "a lesser parent");
        assert!(sent.knows(7, 40, 3));
        assert!(sent.knows(7, 1, 4), "a lesser parent, a level too late");
        assert!(
            !sent.knows(7 + LINES as u64, 1, 4),
            "another state on the line"
        );
        assert!(!sent.knows(7, 50, 4));
    }
}
