//! What a story says of a trace.

use std::sync::Arc;

use farewell_model::check::{End, Engine, Limits, explore};
use farewell_model::endpoint::{Flags, TcpState};
use farewell_model::report::story::Beat;
use farewell_model::report::{Story, ladder, outcome, svg, tell};
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Size};
use farewell_model::spec::Spec;
use farewell_model::world::{ROOM, World};

/// The shortest counterexample of a scenario at smoke size without a rule, told; with the states at its end.
fn counterexample(scenario: &str, without: Rule) -> (Story, [TcpState; 2]) {
    let plan = scenarios::named(scenario)
        .unwrap()
        .plan(Size::Smoke, RuleSet::EMPTY.with(without));
    let world = Arc::new(World::<Spec, ROOM>::new(plan));
    let found = explore(Engine::Timely, &world, &Limits::default(), &|_| {}).unwrap();
    assert!(
        matches!(found.end, End::Violated { .. }),
        "{scenario} without {}",
        without.id()
    );
    let story = tell(&world, &found.trace);
    assert_eq!(story.moments.len() + 1, found.trace.len());
    let last = found.trace.last().unwrap();
    (story, last.ends.map(|e| e.state))
}

/// What can be checked of every story.
fn is_consistent(story: &Story, ends: [TcpState; 2]) {
    let mut states = story.begins;
    let mut sent = vec![false; story.segments.len()];
    for beat in story.beats() {
        match beat {
            Beat::Enters { host, state } => {
                assert_ne!(states[*host], *state);
                states[*host] = *state;
            }
            Beat::Sent { segment } => sent[*segment] = true,
            Beat::Arrives { segment, .. } => {
                assert!(sent[*segment], "#{} arrives unsent", segment + 1)
            }
            _ => {}
        }
    }
    assert_eq!(states, ends);
    assert!(sent.iter().all(|s| *s));
}

#[test]
fn an_answer_that_saturation_added_is_told_with_what_drew_it() {
    let (story, ends) = counterexample("assassination", Rule::TimeWaitIgnoresRst);
    is_consistent(&story, ends);
    // The RST that ends TIME_WAIT: an ACK reaches the closed host, which answers it, without a step of their own.
    let beats: Vec<&Beat> = story.beats().collect();
    let is_reset = |n: usize| story.segments[n].flags.has(Flags::RST);
    let at = beats
        .iter()
        .position(|b| matches!(b, Beat::Sent { segment } if is_reset(*segment)))
        .unwrap();
    let Beat::Sent { segment: reset } = *beats[at] else {
        unreachable!()
    };
    let Beat::Arrives { segment: cause, .. } = *beats[at - 1] else {
        panic!("{:?}", beats[at - 1])
    };
    assert_ne!(story.segments[cause].from, story.segments[reset].from);
    assert_eq!(
        story.segments[cause].ack, story.segments[reset].seq,
        "SEG.SEQ = SEG.ACK of what it answers"
    );
    assert!(
        beats[at..]
            .iter()
            .any(|b| matches!(b, Beat::Arrives { segment, .. } if *segment == reset))
    );
}

#[test]
fn an_old_duplicate_is_named_by_its_life() {
    let (story, ends) = counterexample("reuse", Rule::TimeWait);
    is_consistent(&story, ends);
    assert!(story.beats().any(|b| matches!(
        b,
        Beat::Arrives {
            old: true,
            again: true,
            ..
        }
    )));
    let ladder = ladder::draw(&story, false);
    assert!(
        ladder.contains("(from life 1") && ladder.contains("OPEN active, life 2"),
        "{ladder}"
    );
    assert!(ladder.lines().all(|l| l.chars().count() <= 100), "{ladder}");
    let svg = svg::sequence(&story);
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.contains("from life 1"));
    for n in 0..story.segments.len() {
        let label = svg::escape(&story.label(n, &story.notation(false)));
        assert!(svg.contains(&label), "{label}");
    }
    assert!(svg.contains('×'), "a segment that does not arrive");
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    let body = svg
        .replace("&lt;", "")
        .replace("&gt;", "")
        .replace("&amp;", "")
        .replace("&quot;", "");
    assert!(!body.contains('&') && body.contains("told"));
}

#[test]
fn numbers_are_relative_unless_asked_otherwise() {
    let (story, _) = counterexample("close-half", Rule::LastAckNeedsOurFin);
    let syn = story.segments[0];
    assert_eq!(syn.notation(&story.notation(false)), "SYN=1 seq=0");
    assert_eq!(
        syn.notation(&story.notation(true)),
        format!("SYN=1 seq={}", story.bases[0])
    );
}

#[test]
fn one_action_is_told_for_the_explorer() {
    let plan = scenarios::named("close-half")
        .unwrap()
        .plan(Size::Smoke, RuleSet::EMPTY);
    let world = World::<Spec, ROOM>::new(plan);
    let begin = world.initial_states()[0];
    let mut actions = Vec::new();
    stateright::Model::actions(&world, &begin, &mut actions);
    let told: Vec<String> = actions
        .iter()
        .filter_map(|a| outcome(&world, &begin, *a))
        .collect();
    assert!(
        told.contains(&"A: OPEN active\nA → SYN_SENT\nsent: SYN=1 seq=0".to_owned()),
        "{told:?}"
    );
}
