//! Every citation has evidence that exists, and every requirement of Appendix B is accounted for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::ablation::{Cell, MATRIX};
use crate::rules::Rule;
use crate::{properties, scenarios};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every .rs file of a folder and the folders in it, from `src/` on.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(src().join(folder)) else {
        return found;
    };
    for entry in entries.flatten() {
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&name));
        } else if name.ends_with(".rs") {
            found.push(name);
        }
    }
    found
}

fn is_test_file(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs")
}

fn text(file: &str) -> String {
    fs::read_to_string(src().join(file)).unwrap_or_default()
}

#[test]
fn every_source_file_that_may_cite_is_read() {
    let (tests, sources): (Vec<_>, Vec<_>) = ["spec", "world", "properties"]
        .into_iter()
        .flat_map(files)
        .partition(|f| is_test_file(f));
    let on_disk: BTreeSet<_> = sources.into_iter().chain(["seq.rs".to_owned()]).collect();
    let listed: BTreeSet<_> = SOURCES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(listed, on_disk, "SOURCES and the files there are");
    for file in tests {
        assert!(
            !text(&file)
                .lines()
                .any(|l| l.trim_start().starts_with("//=")),
            "{file}: a test is evidence, it does not cite"
        );
    }
}

#[test]
fn every_citation_can_be_read() {
    let wrong: Vec<String> = malformed().iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table().len() > 50, "the citations are there");
}

#[test]
fn a_malformed_citation_is_reported_with_its_place() {
    for (text, line) in [
        ("fn f() {}\n    //= RFC 9293 MUST-13", 2),
        ("//= RFC 9293 => rule:time-wait", 1),
        ("\n\n//= 9293 MUST-13 => rule:time-wait", 3),
        ("//= RFC x MUST-13 => rule:time-wait", 1),
        ("//= RFC 9293 MUST-13 => time-wait", 1),
        ("//= RFC 9293 MUST-13 => rule:time-wait scenario:crash", 1),
        ("//= RFC 9293 MUST-13 => rule:time-wait, proof:none", 1),
        ("//=RFC 9293 MUST-13 => rule:time-wait", 1),
    ] {
        let read: Vec<_> = citations("spec/mod.rs", text).collect();
        let Ok([Err(m)]) = <[_; 1]>::try_from(read) else {
            panic!("{text} is read")
        };
        assert!(
            m.to_string()
                .starts_with(&format!("src/spec/mod.rs:{line}: ")),
            "{m}"
        );
    }
    let good = "x\n  //= RFC 9293 MAY-2 (1) => rule:a, test:b::c";
    let read: Vec<_> = citations("seq.rs", good).flatten().collect();
    let evidence = vec![Evidence::Rule("a"), Evidence::Test("b::c")];
    let expected = Requirement {
        rfc: "RFC 9293".into(),
        id: "MAY-2 (1)".into(),
        file: "seq.rs",
        line: 2,
        evidence,
    };
    assert_eq!(read, [expected]);
}

#[test]
fn every_cited_requirement_has_its_evidence() {
    let mut missing = BTreeSet::new();
    for r in table() {
        for e in &r.evidence {
            if let Err(why) = stands(*e) {
                missing.insert(format!(
                    "{e}: {why} (cited for {} {} at src/{}:{})",
                    r.rfc, r.id, r.file, r.line
                ));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "{}",
        missing.into_iter().collect::<Vec<_>>().join("\n")
    );
}

fn stands(e: Evidence) -> Result<(), &'static str> {
    match e {
        Evidence::Test(path) if is_test(path) => Ok(()),
        Evidence::Test(_) => Err("no such test"),
        Evidence::Property(id) => properties::named(id).map(drop).ok_or("no such property"),
        Evidence::Scenario(id) => scenarios::named(id).map(drop).ok_or("no such scenario"),
        Evidence::Rule(id) => {
            let rule = Rule::named(id).ok_or("no such rule")?;
            let shows = |r: &crate::ablation::Row| {
                r.rule == rule && r.cells.iter().any(|c| *c != Cell::Holds)
            };
            let shown = MATRIX.rows.iter().any(shows);
            shown
                .then_some(())
                .ok_or("no row of the ablation matrix in which a property fails without it")
        }
    }
}

/// `a::tests::name`: in `a.rs`, `a/mod.rs`, `a/tests.rs` or anywhere in `a/tests/`.
fn is_test(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::tests::") else {
        return false;
    };
    let module = module.replace("::", "/");
    let mut places = vec![
        format!("{module}.rs"),
        format!("{module}/mod.rs"),
        format!("{module}/tests.rs"),
    ];
    places.extend(files(&format!("{module}/tests")));
    places.iter().any(|file| has_test(&text(file), name))
}

fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let head = format!("fn {name}(");
    lines.iter().enumerate().any(|(n, l)| {
        let attributes = lines[..n].iter().rev().take_while(|l| l.starts_with("#["));
        l.starts_with(&head) && attributes.into_iter().any(|a| *a == "#[test]")
    })
}

#[test]
fn a_test_is_a_function_with_the_attribute() {
    assert!(has_test("#[test]\n#[ignore]\nfn a() {}", "a"));
    assert!(!has_test("#[test]\nfn ab() {}\nfn a() {}", "a"));
    assert!(is_test(
        "requirements::tests::a_test_is_a_function_with_the_attribute"
    ));
    assert!(!is_test("requirements::tests::has_test"));
    assert!(!is_test("nowhere::tests::a"));
}

/// Cited or out of scope with a reason, and never both.
#[test]
fn every_requirement_of_appendix_b_is_accounted_for() {
    let known: BTreeSet<String> = appendix_b().collect();
    assert_eq!(known.len(), 119);
    // `MAY-2 (1)` is a part of MAY-2; a section is not a requirement of Appendix B.
    let is_id = |id: &str| {
        APPENDIX_B
            .iter()
            .any(|(kind, _)| id.starts_with(&format!("{kind}-")))
    };
    let first = |id: &str| id.split(' ').next().unwrap_or_default().to_owned();
    let cited: BTreeSet<String> = table()
        .iter()
        .filter(|r| r.rfc == "RFC 9293" && is_id(&r.id))
        .map(|r| first(&r.id))
        .collect();
    let mut outside = BTreeSet::new();
    for (ids, why) in NOT_MODELLED {
        assert!(!why.is_empty());
        for id in ids.split(' ') {
            assert!(outside.insert(id.to_owned()), "{id} is listed twice");
        }
    }
    let both: Vec<_> = cited.intersection(&outside).collect();
    assert!(both.is_empty(), "cited and called out of scope: {both:?}");
    let accounted: BTreeSet<String> = cited.union(&outside).cloned().collect();
    let open: Vec<_> = known.difference(&accounted).collect();
    let unknown: Vec<_> = accounted.difference(&known).collect();
    assert!(
        open.is_empty() && unknown.is_empty(),
        "neither cited nor out of scope: {open:?}; not in Appendix B: {unknown:?}"
    );
}
