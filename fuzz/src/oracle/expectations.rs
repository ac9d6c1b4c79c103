//! The divergences of a stack that are known, each cause with its weight and reason. A text file, one cause a line:
//!
//! ```text
//! name | must, should, data, hang or panic | patterns | RFC section | reason
//! ```
//!
//! A pattern is what [`super::finding`] calls a divergence: `ignored/*/syn/*/no-ack` is an oddity, the state, the segment's
//! control bits, where it lies beside the window and what it acknowledges. `*` stands for any part, `a,b` for either. Several
//! patterns stand apart by blanks.

use super::finding::Class;

/// A known cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// Its name.
    pub name: String,
    /// How bad it is.
    pub class: Class,
    /// What it looks like.
    pub patterns: Vec<String>,
    /// RFC and section.
    pub section: String,
    /// Why it is as it is.
    pub reason: String,
}

impl Expectation {
    /// Whether it is about the divergence of that name.
    pub fn is_about(&self, id: &str) -> bool {
        self.patterns.iter().any(|p| fits(p, id))
    }
}

fn fits(pattern: &str, id: &str) -> bool {
    let (mut pattern, mut parts) = (pattern.split('/'), id.split('/'));
    loop {
        match (pattern.next(), parts.next()) {
            (None, None) => return true,
            (Some(p), Some(part)) if p == "*" || p.split(',').any(|p| p == part) => {}
            _ => return false,
        }
    }
}

/// A line that is no expectation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "line {0}: write `name | must, should, data, hang or panic | patterns | RFC section | reason`, each name once"
)]
pub struct NoExpectation(pub usize);

/// Reads expectations: empty lines and those that begin with `#` are passed over.
///
/// # Errors
///
/// The number of the first line without five parts, with another weight, or with a name that was there before.
pub fn read(text: &str) -> Result<Vec<Expectation>, NoExpectation> {
    let mut all: Vec<Expectation> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || NoExpectation(n + 1);
        let parts: Vec<&str> = line.splitn(5, '|').map(str::trim).collect();
        let [name, class, patterns, section, reason] = parts[..] else {
            return Err(wrong());
        };
        let again = all.iter().any(|e| e.name == name);
        if again || parts.iter().any(|p| p.is_empty()) {
            return Err(wrong());
        }
        all.push(Expectation {
            name: name.to_owned(),
            class: Class::of(class).ok_or_else(wrong)?,
            patterns: patterns.split_whitespace().map(str::to_owned).collect(),
            section: section.to_owned(),
            reason: reason.to_owned(),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_part_by_part() {
        for (pattern, id, is) in [
            (
                "ignored/*/syn/*/no-ack",
                "ignored/established/syn/next/no-ack",
                true,
            ),
            (
                "ignored/*/syn,rst/*/no-ack",
                "ignored/established/rst/left/no-ack",
                true,
            ),
            (
                "ignored/*/syn/*/no-ack",
                "ignored/established/syn-fin/next/no-ack",
                false,
            ),
            (
                "ignored/*/syn",
                "ignored/established/syn/next/no-ack",
                false,
            ),
            (
                "ignored/*/*/*/*/*",
                "ignored/established/syn/next/no-ack",
                false,
            ),
            (
                "close-waits/*/shutdown",
                "close-waits/syn-received/shutdown",
                true,
            ),
        ] {
            assert_eq!(fits(pattern, id), is, "{pattern} {id}");
        }
    }

    #[test]
    fn lines_that_are_none_are_refused_by_number() {
        for text in [
            "a | must | b/c | RFC",
            "a | worst | b/c | RFC | why",
            "a | must | | RFC | why",
            "a | must | b/c | RFC | why\na | must | b/d | RFC | why",
        ] {
            let last = text.lines().count();
            assert_eq!(read(text), Err(NoExpectation(last)), "{text}");
        }
    }
}
