//! `farewell scenarios`, `rules`, `requirements`, `show` and `diagram`: what there is, without running it.

use super::args::{self, Drawing, Format};
use super::output::Out;
use super::registry::{Registry, Setup};
use super::{Failure, Status, json, names};
use crate::properties;
use crate::report::diagram as drawn;
use crate::report::text;
use crate::requirements;
use crate::rules::{RULES, Rule, RuleSet, Shows};
use crate::scenarios::{Ends, Expect};

/// The page, in columns.
const PAGE: usize = 108;

fn hanging(name: &str, value: &str, indent: usize, out: &mut Out) {
    for (n, l) in text::wrap(value, PAGE.saturating_sub(indent))
        .iter()
        .enumerate()
    {
        let head = if n == 0 { name } else { "" };
        out.line(&format!("{}{l}", text::pad(head, indent)));
    }
}

pub(super) fn scenarios(format: Format, registry: &Registry, out: &mut Out) -> Status {
    if format == Format::Json {
        out.json(&json::scenarios(registry));
        return Status::Fine;
    }
    for s in registry.all() {
        let c = s.card();
        let declares = match (c.ends, c.expects) {
            (Some(Ends::Always), _) => " (for liveness)".to_owned(),
            (Some(_), _) => " (for liveness; does not end well, as it must)".to_owned(),
            (None, Expect::Verified) => String::new(),
            (None, Expect::Violated(fault, _)) => {
                format!(" (violates property {}, as it must)", fault.property().id)
            }
        };
        hanging(c.id, &format!("{}{declares}", c.shows), 26, out);
    }
    Status::Fine
}

pub(super) fn rules(format: Format, out: &mut Out) -> Status {
    if format == Format::Json {
        out.json(&json::all_rules());
        return Status::Fine;
    }
    for r in RULES {
        let profiles = crate::rules::Profile::ALL
            .into_iter()
            .filter(|p| p.rules().has(r.rule))
            .map(|p| p.name());
        let profiles: Vec<_> = profiles.collect();
        out.line(&format!("{}{}", text::pad(r.id, 26), r.source));
        hanging("", r.clause, 26, out);
        hanging("", &format!("without it: {}", r.without), 26, out);
        let decided = if r.shows == Shows::Liveness {
            "; only liveness shows its absence"
        } else {
            ""
        };
        let hazard = if r.hazard > 0 {
            format!("; hazard {}", r.hazard)
        } else {
            String::new()
        };
        hanging(
            "",
            &format!("on in {}{hazard}{decided}", profiles.join(", ")),
            26,
            out,
        );
    }
    Status::Fine
}

pub(super) fn requirements(format: Format, out: &mut Out) -> Status {
    let mut all = requirements::table();
    all.sort_by(|a, b| (&a.rfc, &a.id, a.file, a.line).cmp(&(&b.rfc, &b.id, b.file, b.line)));
    if format == Format::Json {
        out.json(&json::requirements(&all));
        return Status::Fine;
    }
    let header = [
        ("requirement", false),
        ("where", false),
        ("shown by", false),
    ];
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|r| {
            let evidence: Vec<String> = r.evidence.iter().map(ToString::to_string).collect();
            vec![
                format!("{} {}", r.rfc, r.id),
                format!("src/{}:{}", r.file, r.line),
                evidence.join(", "),
            ]
        })
        .collect();
    out.lines(&text::table(&header, &rows));
    Status::Fine
}

pub(super) fn show(a: &args::Show, registry: &Registry, out: &mut Out) -> Result<Status, Failure> {
    let subject = names::scenario(registry, &a.scenario)?;
    let mut setup = Setup::of(a.size.into());
    if subject.card().ends.is_some() {
        setup = setup.for_liveness();
    }
    let (card, bounds) = (subject.card(), subject.bounds(&setup));
    let (judged, on) = (subject.judged(&setup), subject.rules(&setup));
    if a.format == Format::Json {
        out.json(&json::show(card, &setup, &bounds, judged, on));
        return Ok(Status::Fine);
    }
    out.lines(&text::wrap(&format!("{}: {}", card.id, card.shows), PAGE));
    out.line("");
    match (card.ends, card.expects) {
        (Some(ends), _) => out.lines(&text::wrap(&declared(ends), PAGE)),
        (None, Expect::Verified) => {
            out.line("Declares: verified, with nothing left unexplored.");
            if let Some(by) = card.late_resets {
                out.lines(&text::wrap(
                    &format!(
                        "Not judged here: \"reset\" told without a cause, by a RST that an old segment drew, or that ends a \
                         connection which an old SYN,ACK only seemed to open; {by} declares it."
                    ),
                    PAGE,
                ));
            }
        }
        (None, Expect::Violated(fault, why)) => {
            out.lines(&text::wrap(
                &format!(
                    "Declares: property {} is violated, {}: {why}.",
                    fault.property().id,
                    fault.text()
                ),
                PAGE,
            ));
        }
    }
    out.line("");
    out.line(&format!("Bounds at size {}:", setup.size.name()));
    let mut known = vec![
        ("MSL".to_owned(), format!("{} tick(s)", setup.size.msl())),
        (
            "bytes".to_owned(),
            format!(
                "{} each way in a life, unless the scripts say otherwise",
                setup.size.bytes()
            ),
        ),
    ];
    known.extend(bounds);
    for (name, value) in &known {
        hanging(&format!("  {name}"), value, 30, out);
    }
    if !card.goals.is_empty() {
        out.line("");
        out.line("Must reach:");
        for g in card.goals {
            out.line(&format!("  {}", g.text()));
        }
    }
    if card.ends.is_none() {
        out.line("");
        out.line("Properties:");
        for p in properties::violated(judged) {
            hanging(&format!("  {}", p.id), p.says, 30, out);
        }
    }
    out.line("");
    let off: Vec<&str> = RuleSet(RuleSet::all().0 & !on.0)
        .iter()
        .map(Rule::id)
        .collect();
    if off.is_empty() {
        out.line(&format!(
            "Rules: all {} are on (`farewell rules`).",
            RULES.len()
        ));
    } else {
        out.lines(&text::wrap(
            &format!(
                "Rules: all are on (`farewell rules`) but {}.",
                off.join(", ")
            ),
            PAGE,
        ));
    }
    Ok(Status::Fine)
}

/// What a scenario for liveness declares.
fn declared(ends: Ends) -> String {
    match ends {
        Ends::Always => "Declares (check --liveness): every fair run ends.".to_owned(),
        Ends::Never(why) => format!("Declares (check --liveness): a fair run never ends: {why}."),
        Ends::WhenItsUserCloses(why) => format!(
            "Declares (check --liveness): a fair run never ends, because an application never closes: {why}."
        ),
        Ends::NotCleanly(why) => {
            format!("Declares (check --liveness): an end, but not always a clean one: {why}.")
        }
    }
}

pub(super) fn diagram(format: Drawing, out: &mut Out) -> Status {
    let drawing = match format {
        Drawing::Text => drawn::text(),
        Drawing::Dot => drawn::dot(),
        Drawing::Svg => drawn::svg(),
    };
    out.line(drawing.trim_end());
    Status::Fine
}
