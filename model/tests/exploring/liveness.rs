//! What is declared about progress happens: ends, runs without an end, and where they stay.

use std::collections::HashMap;
use std::sync::LazyLock;

use farewell_model::ablation::{Cell, MATRIX, SAFE};
use farewell_model::check::Limits;
use farewell_model::cli::{ComesTo, Progressed, Registry, Setup};
use farewell_model::endpoint::TcpState::{self, *};
use farewell_model::report::Story;
use farewell_model::report::story::Beat;
use farewell_model::rules::{Rule, RuleSet};
use farewell_model::scenarios::{self, Ends, Size};

fn decide(id: &str, off: Option<Rule>) -> Progressed {
    let registry = Registry::of_the_specification();
    let mut setup = Setup::of(Size::Smoke).for_liveness();
    setup.off = off.map_or(RuleSet::EMPTY, |r| RuleSet::EMPTY.with(r));
    let subject = registry.named(id).expect("the scenario exists");
    subject
        .decide(&setup, &Limits::default(), &|_| ())
        .expect("it fits")
}

/// All scenarios for liveness, as they stand: decided once.
static ALL: LazyLock<HashMap<&str, Progressed>> = LazyLock::new(|| {
    let all = scenarios::progress();
    all.map(|s| (s.id, decide(s.id, None))).collect()
});

fn endless(id: &str) -> (&Story, Option<usize>) {
    match &ALL[id].comes_to {
        ComesTo::NoEnd { story, user, .. } => (story, *user),
        other => panic!("{id}: {other:?}"),
    }
}

/// The states in which a story stays.
fn stays(story: &Story) -> [TcpState; 2] {
    let mut states = story.begins;
    for beat in story.beats() {
        if let Beat::Enters { host, state } = beat {
            states[*host] = *state;
        }
    }
    states
}

/// Acknowledgments without anything else that arrive in the repeated part, at A and at B.
fn bare_acks(story: &Story) -> [usize; 2] {
    let again = story.again_from.expect("something is repeated");
    let mut acks = [0, 0];
    for moment in &story.moments[again..] {
        for (host, to) in ["deliver to A: ACK=1", "deliver to B: ACK=1"]
            .into_iter()
            .enumerate()
        {
            let bare = moment.action.starts_with(to) && !moment.action.contains(" len=");
            acks[host] += usize::from(bare);
        }
    }
    acks
}

#[test]
fn every_scenario_comes_out_as_declared() {
    let mut wrong = Vec::new();
    for s in scenarios::progress() {
        let found = &ALL[s.id];
        let as_declared = match (s.ends, &found.comes_to) {
            (Some(Ends::Always), ComesTo::TheEnd) => found.lost == 0 && found.ends > 0,
            (Some(Ends::Never(_)), ComesTo::NoEnd { user, .. }) => user.is_none(),
            (Some(Ends::WhenItsUserCloses(_)), ComesTo::NoEnd { user, .. }) => user.is_some(),
            (Some(Ends::NotCleanly(_)), ComesTo::Unclean { .. }) => true,
            _ => false,
        };
        if !as_declared {
            wrong.push(format!("{}: {:?}", s.id, found.comes_to));
        }
        if found.states != s.pinned[0] {
            wrong.push(format!(
                "{}: {} states, pinned {}",
                s.id, found.states, s.pinned[0]
            ));
        }
        let each = found.bytes as f64 / found.transitions as f64;
        // What is known of states that nothing follows yet is not counted in steps.
        let whole = matches!(found.comes_to, ComesTo::TheEnd);
        if whole && each > 24.0 {
            wrong.push(format!("{}: {each:.1} bytes a step", s.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_lacks_its_timer_stays_where_it_is() {
    for (id, state) in [
        ("no-timer-fin-wait-1", FinWait1),
        ("no-timer-closing", Closing),
        ("no-timer-last-ack", LastAck),
        ("no-timer-close-wait", CloseWait),
        ("orphan-no-timeout", FinWait2),
        ("reader-waits", FinWait2),
    ] {
        let (story, user) = endless(id);
        assert!(stays(story).contains(&state), "{id}: {:?}", stays(story));
        assert_eq!(user, None, "{id}");
    }
}

#[test]
fn an_application_that_never_closes_is_named() {
    let (story, user) = endless("never-closes");
    assert_eq!((user, stays(story)[1]), (Some(1), CloseWait));
}

/// RFC 1337, H2: without F1 each end acknowledges for ever what the other never sent; with it the same world ends.
#[test]
fn an_assassinated_time_wait_leads_to_endless_acknowledgments() {
    let (story, _) = endless("assassinated");
    let [a, b] = bare_acks(story);
    assert!(a > 0 && b > 0, "{story:#?}");
    // The matrix has the same run without the rule: too large to be decided twice.
    let row = MATRIX
        .rows
        .iter()
        .find(|r| r.rule == Rule::TimeWaitIgnoresRst);
    let again_from = story.again_from.expect("something is repeated");
    let cell = Cell::NeverEnds {
        place: 0,
        before: again_from as u32,
        again: (story.moments.len() - again_from) as u32,
    };
    assert_eq!(row.map(|r| r.cells[SAFE]), Some(cell));
    assert!(matches!(
        ALL["ends-reuse-numbers"].comes_to,
        ComesTo::TheEnd
    ));
}

#[test]
fn two_half_open_ends_answer_each_other() {
    let (story, _) = endless("half-open-both");
    assert!(bare_acks(story).iter().all(|n| *n > 0));
    // A SYN draws the same challenge ACK again and again.
    let (story, _) = endless("half-open-coincidence-quiet");
    assert_eq!(stays(story), [SynSent, Established]);
    assert!(bare_acks(story)[0] > 0);
}

/// The last ACK is lost while TIME_WAIT stands silent.
#[test]
fn a_silent_time_wait_leaves_the_peer_in_last_ack() {
    match decide("ends-half", Some(Rule::TimeWaitAnswers)).comes_to {
        ComesTo::Unclean { story } => assert_eq!(stays(&story), [TimeWait, LastAck]),
        other => panic!("{other:?}"),
    }
}
