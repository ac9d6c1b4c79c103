//! The bounds of a world, in words.

use super::registry::Facts;
use crate::endpoint::Endpoint;
use crate::world::action::NAMES;
use crate::world::{Clocks, HostPlan, Plan, Script, Step, When};

/// Names and values, for `farewell show`.
pub(super) fn of<E: Endpoint>(
    plan: &Plan<E>,
    facts: Facts<E::Config>,
    room: usize,
) -> Vec<(String, String)> {
    let lives = plan.hosts.iter().map(|h| h.lives.len()).max().unwrap_or(0);
    let mut out = vec![
        (
            "network lifetime".to_owned(),
            format!(
                "{} ticks, deliverable through the last of them",
                plan.lifetime
            ),
        ),
        ("room".to_owned(), format!("{room} segments in flight")),
        ("lives".to_owned(), format!("{lives} at most")),
        (
            "clocks".to_owned(),
            match plan.clocks {
                Clocks::Together => "tick together".to_owned(),
                Clocks::InTurn => "tick in turn, either first".to_owned(),
            },
        ),
        (
            "saturation".to_owned(),
            if plan.saturated {
                "on: repeated sends are added at once"
            } else {
                "off: every send is a step"
            }
            .to_owned(),
        ),
    ];
    let [a, b] = &plan.hosts;
    for (host, h) in NAMES.iter().zip(&plan.hosts) {
        for (n, life) in h.lives.iter().enumerate() {
            out.push((format!("{host}, life {}", n + 1), script(life)));
        }
        if h.lives.is_empty() {
            out.push((
                format!("{host}, life 1"),
                "nothing: no application".to_owned(),
            ));
        }
        out.extend(host_facts(h).map(|(k, v)| (format!("{host}, {k}"), v)));
    }
    // What both hosts have in common is said once.
    for ((name, at_a), (_, at_b)) in facts(&a.tcp).into_iter().zip(facts(&b.tcp)) {
        if at_a == at_b {
            out.push((name.to_owned(), at_a));
        } else {
            out.push((format!("A, {name}"), at_a));
            out.push((format!("B, {name}"), at_b));
        }
    }
    out
}

fn host_facts<C>(h: &HostPlan<C>) -> impl Iterator<Item = (&'static str, String)> {
    let is = |name: &'static str, when: bool, value: &str| when.then(|| (name, value.to_owned()));
    let isn = h.isn.name();
    [
        (h.lives.len() > 1 || h.crashes > 0).then_some(("ISN", isn)),
        Some(("first ISN", h.base.raw().to_string())),
        is("reads", !h.reads, "only when its script says so"),
        is("may", h.aborts, "ABORT at any moment"),
        (h.crashes > 0).then(|| {
            (
                "may",
                format!(
                    "crash, {} time(s); quiet for {} ticks; from then on its ISNs are {}",
                    h.crashes,
                    h.quiet,
                    h.isn.after_a_crash().name()
                ),
            )
        }),
        is("may", h.vanishes, "vanish at any moment"),
    ]
    .into_iter()
    .flatten()
}

fn script(s: &Script) -> String {
    let steps: Vec<String> = s.steps.iter().map(step).collect();
    let stamps = if s.timestamps { " (timestamps)" } else { "" };
    steps.join("; ") + stamps
}

fn step(s: &Step) -> String {
    match s {
        Step::Activate => "open actively".into(),
        Step::Listen(w) => format!("passive OPEN{}", when(*w)),
        Step::Connect(w) => format!("active OPEN{}", when(*w)),
        Step::Send(n) => format!("SEND {n}"),
        Step::Finish(n) => format!("SEND {n} and SHUTDOWN at once"),
        Step::Receive(n) => format!("RECEIVE {n}"),
        Step::ReceiveAll => "RECEIVE to the end".into(),
        Step::Shutdown => "SHUTDOWN".into(),
        Step::Close => "CLOSE".into(),
        Step::Abort => "ABORT".into(),
        Step::AwaitEstablished => "wait for ESTABLISHED".into(),
        Step::AwaitData(n) => format!("wait for {n} byte(s)"),
        Step::AwaitEnd => "wait for the end".into(),
    }
}

fn when(w: When) -> String {
    let When {
        peer_finished,
        peer_listens,
        drained,
        or_lingered,
    } = w;
    let waits = [
        (peer_finished, "the peer has finished"),
        (peer_listens, "the peer listens"),
        (
            drained && !or_lingered,
            "the connection's segments have drained",
        ),
        (
            drained && or_lingered,
            "the connection's segments have drained (at once after TIME_WAIT)",
        ),
    ];
    let waits: Vec<&str> = waits.into_iter().filter(|w| w.0).map(|w| w.1).collect();
    if waits.is_empty() {
        String::new()
    } else {
        format!(" when {}", waits.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_of_an_open_is_shown() {
        let mut shown: Vec<String> = (0..12u8)
            .map(|n| {
                when(When {
                    peer_finished: n & 1 != 0,
                    peer_listens: n & 2 != 0,
                    drained: n >= 4,
                    or_lingered: n >= 8,
                })
            })
            .collect();
        shown.sort();
        shown.dedup();
        assert_eq!(shown.len(), 12);
    }
}
