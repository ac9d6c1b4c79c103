//! Counterexamples as files: lines of text that name a world and the actions that lead to the violation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use farewell_pcapng::write_whole;

use crate::properties::{self, Fault};
use crate::rules::{Profile, Rule, RuleSet};
use crate::scenarios::Size;

/// The first line of every file.
pub const HEADER: &str = "farewell counterexample, version 1";
/// The field of a run that never ends; other files lack it.
const AGAIN: &str = "again-from";

/// A counterexample as it stands in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Saved {
    /// The scenario.
    pub scenario: String,
    /// Its size.
    pub size: Size,
    /// The profile.
    pub profile: Profile,
    /// Rules that are off besides.
    pub off: RuleSet,
    /// Whether repeated sends are added at once.
    pub saturated: bool,
    /// The property that was judged alone, if one was.
    pub property: Option<String>,
    /// What went wrong, as bits of [`Fault`].
    pub faults: u32,
    /// Which initial state it begins in.
    pub start: usize,
    /// The action with which begins what is repeated for ever, counted from 0; for a run that never ends.
    pub again_from: Option<usize>,
    /// The actions, each with the number of its line.
    pub actions: Vec<(usize, String)>,
}

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// Why it cannot be used.
    pub why: String,
}

fn malformed(line: usize, why: impl Into<String>) -> Malformed {
    Malformed {
        line,
        why: why.into(),
    }
}

impl Saved {
    /// The name it is saved under: `reuse-smoke-without-time-wait.farewell`.
    pub fn file_name(&self) -> String {
        let mut name = format!("{}-{}", self.scenario, self.size.name());
        if self.profile != Profile::default() {
            name += &format!("-{}", self.profile.name());
        }
        for r in self.off.iter() {
            name += &format!("-without-{}", r.id());
        }
        if let Some(p) = &self.property {
            name += &format!("-{p}");
        }
        if self.again_from.is_some() {
            name += "-never-ends";
        } else if !self.saturated {
            name += "-plain";
        }
        name + ".farewell"
    }

    /// As text.
    pub fn text(&self) -> String {
        let off: Vec<&str> = self.off.iter().map(Rule::id).collect();
        let faults: Vec<String> = properties::faults(self.faults)
            .map(|f| format!("{f:?}"))
            .collect();
        let mut out = format!("{HEADER}\n");
        let mut field = |name: &str, value: &str| out += &format!("{name}: {value}\n");
        field("scenario", &self.scenario);
        field("size", self.size.name());
        field("profile", self.profile.name());
        field(
            "without",
            &if off.is_empty() {
                "nothing".to_owned()
            } else {
                off.join(" ")
            },
        );
        field(
            "network",
            if self.saturated { "saturated" } else { "plain" },
        );
        field("property", self.property.as_deref().unwrap_or("all"));
        field("faults", &faults.join(" "));
        field("start", &self.start.to_string());
        if let Some(n) = self.again_from {
            field(AGAIN, &n.to_string());
        }
        for f in properties::faults(self.faults) {
            out += &format!("# {}\n", f.text());
        }
        out += "actions:\n";
        for (_, a) in &self.actions {
            out += &format!("{a}\n");
        }
        out
    }

    /// Writes it into a directory, which is made if need be: to a temporary file first, renamed when complete.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, dir: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(dir)?;
        let path = dir.join(self.file_name());
        write_whole(&path, self.text().as_bytes())?;
        Ok(path)
    }

    /// Reads one back. Whether its scenario and its actions exist is for the world to say.
    ///
    /// # Errors
    ///
    /// Which line is wrong, and why.
    pub fn parse(text: &str) -> Result<Saved, Malformed> {
        let mut lines = text
            .lines()
            .enumerate()
            .map(|(n, l)| (n + 1, l.trim()))
            .peekable();
        match lines.next() {
            Some((_, HEADER)) => {}
            Some((n, l)) if l.starts_with("farewell counterexample") => {
                return Err(malformed(
                    n,
                    format!("`{l}` is another version; this program reads `{HEADER}`"),
                ));
            }
            _ => {
                return Err(malformed(
                    1,
                    format!("not a counterexample: it must begin with `{HEADER}`"),
                ));
            }
        }
        let mut lines = lines
            .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'))
            .peekable();
        let mut last = 1;
        let mut field = |name: &str| next_field(&mut lines, &mut last, name);
        let (_, scenario) = field("scenario")?;
        let (n, size) = field("size")?;
        let size = Size::ALL
            .into_iter()
            .find(|s| s.name() == size)
            .ok_or_else(|| malformed(n, format!("no size `{size}`")))?;
        let (n, profile) = field("profile")?;
        let profile = Profile::ALL
            .into_iter()
            .find(|p| p.name() == profile)
            .ok_or_else(|| malformed(n, format!("no profile `{profile}`")))?;
        let (n, without) = field("without")?;
        let mut off = RuleSet::EMPTY;
        for id in without.split_whitespace().filter(|w| *w != "nothing") {
            off = off.with(Rule::named(id).ok_or_else(|| malformed(n, format!("no rule `{id}`")))?);
        }
        let (n, network) = field("network")?;
        let saturated = match network.as_str() {
            "saturated" => true,
            "plain" => false,
            other => {
                return Err(malformed(
                    n,
                    format!("the network is `saturated` or `plain`, not `{other}`"),
                ));
            }
        };
        let (n, property) = field("property")?;
        let property = (property != "all").then_some(property);
        if let Some(p) = property
            .as_deref()
            .filter(|p| properties::named(p).is_none())
        {
            return Err(malformed(n, format!("no property `{p}`")));
        }
        let (n, names) = field("faults")?;
        let mut faults = 0;
        for name in names.split_whitespace() {
            let fault = Fault::ALL.into_iter().find(|f| format!("{f:?}") == name);
            faults |= fault
                .ok_or_else(|| malformed(n, format!("no fault `{name}`")))?
                .bit();
        }
        let (n, start) = field("start")?;
        let start = start
            .parse()
            .map_err(|_| malformed(n, format!("`{start}` is no number")))?;
        let mut again_from = None;
        if lines.peek().is_some_and(|(_, l)| l.starts_with(AGAIN)) {
            let (n, from) = next_field(&mut lines, &mut last, AGAIN)?;
            let from = from
                .parse()
                .map_err(|_| malformed(n, format!("`{from}` is no number")))?;
            again_from = Some((n, from));
        }
        next_field(&mut lines, &mut last, "actions")?;
        let actions: Vec<(usize, String)> = lines.map(|(n, l)| (n, l.to_owned())).collect();
        Ok(Saved {
            scenario,
            size,
            profile,
            off,
            saturated,
            property,
            faults,
            start,
            again_from: match again_from {
                Some((n, from)) if from > actions.len() => {
                    return Err(malformed(
                        n,
                        format!("there is no action {from}: only {}", actions.len()),
                    ));
                }
                Some((_, from)) => Some(from),
                None => None,
            },
            actions,
        })
    }
}

fn next_field<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    last: &mut usize,
    name: &str,
) -> Result<(usize, String), Malformed> {
    let (n, line) = lines
        .next()
        .ok_or_else(|| malformed(*last + 1, format!("ends before `{name}:`")))?;
    *last = n;
    let value = line.strip_prefix(name).and_then(|l| l.strip_prefix(':'));
    value
        .map(|v| (n, v.trim().to_owned()))
        .ok_or_else(|| malformed(n, format!("`{name}:` expected, not `{line}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Saved {
        Saved {
            scenario: "reuse".into(),
            size: Size::Smoke,
            profile: Profile::Hardened,
            off: RuleSet::EMPTY.with(Rule::TimeWait).with(Rule::Paws),
            saturated: true,
            property: Some("stream".into()),
            faults: Fault::Mixed.bit() | Fault::Order.bit(),
            start: 1,
            again_from: None,
            actions: vec![(13, "tick".into()), (14, "A: ABORT".into())],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let saved = example();
        assert_eq!(Saved::parse(&saved.text()), Ok(saved.clone()));
        assert_eq!(
            saved.file_name(),
            "reuse-smoke-without-time-wait-without-paws-stream.farewell"
        );
        let endless = Saved {
            again_from: Some(1),
            actions: vec![(14, "tick".into()), (15, "A: ABORT".into())],
            ..saved
        };
        assert_eq!(Saved::parse(&endless.text()), Ok(endless));
    }

    #[test]
    fn each_mistake_names_its_line() {
        let text = example().text();
        let wrong = |from: &str, to: &str| Saved::parse(&text.replace(from, to)).unwrap_err();
        assert_eq!(wrong("version 1", "version 9").line, 1);
        assert_eq!(wrong(HEADER, "hello").line, 1);
        assert_eq!(
            wrong("size: smoke", "size: huge"),
            malformed(3, "no size `huge`")
        );
        assert_eq!(wrong("profile: hardened\n", "").line, 4);
        assert_eq!(
            wrong("time-wait", "tame-wait"),
            malformed(5, "no rule `tame-wait`")
        );
        assert_eq!(wrong("saturated", "wet").line, 6);
        assert_eq!(wrong("stream", "steam").line, 7);
        assert_eq!(
            wrong("Mixed", "Muddled"),
            malformed(8, "no fault `Muddled`")
        );
        assert_eq!(wrong("start: 1", "start: one").line, 9);
        let why = |line: &str| wrong("actions:", &format!("{line}\nactions:")).why;
        assert_eq!(why("again-from: x"), "`x` is no number");
        assert_eq!(why("again-from: 3"), "there is no action 3: only 2");
        assert_eq!(
            Saved::parse(&text[..text.find("start").unwrap()])
                .unwrap_err()
                .why,
            "ends before `start:`"
        );
    }
}
