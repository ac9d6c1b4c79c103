//! The divergences of a stack that are known, each with its reason: a text file, one a line, `id | RFC section | reason`.
//! In an id `*` stands for any part between slashes, and `a,b` for either.

/// A known divergence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The finding's name, or a pattern.
    pub id: String,
    /// RFC and section.
    pub section: String,
    /// Why it is as it is.
    pub reason: String,
}

impl Expectation {
    /// Whether it is about the finding of that name.
    pub fn is_about(&self, id: &str) -> bool {
        let (mut pattern, mut parts) = (self.id.split('/'), id.split('/'));
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return true,
                (Some(p), Some(part)) if p == "*" || p.split(',').any(|p| p == part) => {}
                _ => return false,
            }
        }
    }
}

/// A line that is no expectation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {0}: write ID | RFC SECTION | REASON")]
pub struct NoExpectation(usize);

/// Reads the file's text; `#` begins a comment.
///
/// # Errors
///
/// A line that is none.
pub fn read(text: &str) -> Result<Vec<Expectation>, NoExpectation> {
    let lines = text.lines().enumerate();
    let meant = lines.filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#'));
    meant
        .map(|(n, line)| {
            let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            match parts[..] {
                [id, section, reason] if parts.iter().all(|p| !p.is_empty()) => Ok(Expectation {
                    id: id.to_owned(),
                    section: section.to_owned(),
                    reason: reason.to_owned(),
                }),
                _ => Err(NoExpectation(n + 1)),
            }
        })
        .collect()
}

/// The text of the file that comes with this crate.
pub fn of(stack: &str) -> &'static str {
    match stack {
        "smoltcp" => include_str!("../../expectations/smoltcp.txt"),
        _ => "",
    }
}
