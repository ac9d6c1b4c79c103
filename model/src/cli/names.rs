//! Names that do not exist, and the nearest that do.

use super::Failure;
use super::registry::{Registry, Subject};
use crate::properties::{self, PROPERTIES, Property, SPECIAL};
use crate::rules::{RULES, Rule, RuleSet};

/// How many letters must be changed, added, left out or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            rows[i][j] = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
}

/// The names nearest to `name`, at most three, nearest first; none if nothing is near.
fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let limit = (name.chars().count() / 3).max(2);
    let mut near: Vec<(usize, &str)> = among
        .map(|n| {
            let inside = name.len() >= 3 && (n.contains(&name) || name.contains(n));
            (
                distance(&name, n).min(if inside { 2 } else { usize::MAX }),
                n,
            )
        })
        .filter(|(d, _)| *d <= limit)
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, n)| n).collect()
}

fn unknown<'a>(
    what: &str,
    name: &str,
    among: impl Iterator<Item = &'a str>,
    list: &str,
) -> Failure {
    let near: Vec<String> = nearest(name, among)
        .iter()
        .map(|n| format!("`{n}`"))
        .collect();
    let hint = if near.is_empty() {
        list.to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Failure::usage(format!("there is no {what} `{name}`: {hint}"))
}

/// The scenario of that name.
pub(super) fn scenario<'a>(registry: &'a Registry, id: &str) -> Result<&'a dyn Subject, Failure> {
    let all = registry.all().map(|s| s.card().id);
    registry
        .named(id)
        .ok_or_else(|| unknown("scenario", id, all, "`farewell scenarios` lists them"))
}

/// The scenarios of these names, or all if there are none.
pub(super) fn scenarios<'a>(
    registry: &'a Registry,
    ids: &[String],
) -> Result<Vec<&'a dyn Subject>, Failure> {
    if ids.is_empty() {
        return Ok(registry.subjects.iter().map(Box::as_ref).collect());
    }
    ids.iter().map(|id| scenario(registry, id)).collect()
}

/// The rules of these names.
pub(super) fn rules(ids: &[String]) -> Result<RuleSet, Failure> {
    let mut set = RuleSet::EMPTY;
    for id in ids {
        let all = RULES.iter().map(|r| r.id);
        set = set.with(
            Rule::named(id)
                .ok_or_else(|| unknown("rule", id, all, "`farewell rules` lists them"))?,
        );
    }
    Ok(set)
}

/// The property of that name.
pub(super) fn property(id: &str) -> Result<&'static Property, Failure> {
    let all = || PROPERTIES.iter().chain(SPECIAL).map(|p| p.id);
    let list = format!("there are {}", all().collect::<Vec<_>>().join(", "));
    properties::named(id).ok_or_else(|| unknown("property", id, all(), &list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (a, b, d) in [
            ("", "", 0),
            ("reuse", "reuse", 0),
            ("resue", "reuse", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (d, d), "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_far_not_at_all() {
        let names = ["reuse", "reuse-above", "refused", "crash"];
        assert_eq!(nearest("resue", names.into_iter()), ["reuse"]);
        assert_eq!(
            nearest("REUSE_ABOV", names.into_iter()),
            ["reuse-above", "reuse"]
        );
        assert_eq!(nearest("crush", names.into_iter()), ["crash"]);
        assert!(nearest("zzzzzz", names.into_iter()).is_empty());
    }
}
