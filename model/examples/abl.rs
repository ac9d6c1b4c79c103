//! Throwaway.
use farewell_model::{check::*, rules::*, scenarios::*, world::*, properties};
use std::sync::Arc;
fn main() {
    let mut exercised = std::collections::HashMap::new();
    let only: Vec<String> = std::env::args().skip(1).collect();
    for s in all() {
        if s.expects != Expect::Verified || std::env::var("SC").is_ok_and(|v| !v.split(",").any(|x| x == s.id)) { continue; }
        let w: Arc<World<farewell_model::spec::Spec, ROOM>> = Arc::new(World::new(s.plan(Size::Smoke, RuleSet::EMPTY)));
        let mut l = Limits::default(); l.states = Some(900_000);
        let o = explore(Engine::Timely, &w, &l, &|_| {}).unwrap();
        if o.end == End::Exhausted { exercised.insert(s.id, (w.coverage.snapshot().rules, o.unique)); }
    }
    for r in RULES {
        if !only.is_empty() && !only.iter().any(|o| o == r.id) { continue; }
        let mut any = false;
        for s in all() {
            let Some((rules, n)) = exercised.get(s.id) else { continue };
            if !rules.has(r.rule) { continue; }
            for p in properties::PROPERTIES.iter().chain(properties::SPECIAL) {
                let mut plan = s.plan(Size::Smoke, RuleSet::EMPTY.with(r.rule));
                let mask = p.faults & !s.spares;
                if p.id == "no-phantom" || (p.id == "time-wait-lasts" && s.special & mask == 0) { continue; }
                plan.judged = mask;
                let w: Arc<World<farewell_model::spec::Spec, ROOM>> = Arc::new(World::new(plan));
                let mut l = Limits::default(); l.states = Some(3_000_000);
                let o = explore(Engine::Timely, &w, &l, &|_| {}).unwrap();
                if let End::Violated { violations } = o.end {
                    any = true;
                    println!("{:24} {:24} {:18} {} steps, with {} states: {:?}", r.id, s.id, p.id, o.trace.len() - 1, n, properties::faults(violations).collect::<Vec<_>>());
                } else if o.bound_hit || o.end != End::Exhausted { println!("{:24} {:24} {:18} {:?} bound {}", r.id, s.id, p.id, o.end, o.bound_hit); }
            }
        }
        if !any { println!("{:24} NOTHING (exercised in {:?})", r.id, exercised.iter().filter(|(_, (s, _))| s.has(r.rule)).map(|(k, _)| *k).collect::<Vec<_>>()); }
    }
}
