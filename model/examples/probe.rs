use farewell_model::{check::*, rules::*, scenarios::*, world::*, properties};
use std::sync::Arc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let size = match args[1].as_str() { "smoke" => Size::Smoke, "standard" => Size::Standard, _ => Size::Deep };
    let ids: Vec<&str> = args[2].split(',').collect();
    let mut off = RuleSet::EMPTY;
    let mut plain = false;
    for a in &args[3..] { if a == "plain" { plain = true; continue } off = off.with(Rule::named(a).expect("rule")); }
    let mut all_cov = Covered::default();
    for s in all().filter(|s| ids[0] == "all" || ids.contains(&s.id)) {
        let mut plan = s.plan(size, off);
        if plain { plan.saturated = false; }
        if let Ok(t) = std::env::var("TW") { for h in &mut plan.hosts { h.tcp.time_wait = t.parse().unwrap(); } }
        if let Ok(t) = std::env::var("JUDGE") { plan.judged = properties::named(&t).unwrap().faults; }
        if let Ok(t) = std::env::var("ANS") { if t == "seq" { for h in &mut plan.hosts { h.tcp.choices.answers = farewell_model::spec::choices::Answers::SequenceSpace; } } }
        if let Ok(_) = std::env::var("RESTART") { for h in &mut plan.hosts { h.tcp.choices.restart = farewell_model::spec::choices::Restart::EveryAnswer; } }

        let w: Arc<World<farewell_model::spec::Spec, ROOM>> = Arc::new(World::new(plan));
        let mut l = Limits::default();
        l.states = Some(30_000_000);
        l.memory = 16 << 30;
        let o = explore(Engine::Timely, &w, &l, &|_| {}).unwrap();
        let c = w.coverage.snapshot();
        all_cov = all_cov.and(c);
        let missing: Vec<_> = s.goals.iter().filter(|g| !c.reaches(**g)).collect();
        println!("{:24} {:?} unique {} succ {} depth {} live {} {:.2}s gen {:.2}s bound {} reused {} missing {:?}", s.id, o.end, o.unique, o.successors, o.depth, c.most_live, o.elapsed.as_secs_f64(), o.generating.as_secs_f64(), o.bound_hit, c.reused, missing);
        if let End::Violated { violations } = o.end {
            for f in properties::faults(violations) { println!("   fault: {}", f.text()); }
            for p in o.trace.windows(2) {
                let mut found = String::new();
                let acts = { let mut v = Vec::new(); stateright::Model::actions(&*w, &p[0], &mut v); v };
                for a in acts { if w.perform(&p[0], a) == Some(p[1]) { found = a.describe(&w.bases()); break; } }
                println!("   {:<70} {:?} {:?}", found, p[1].ends[0].state, p[1].ends[1].state);
            }
        }
    }
    println!("states {}/11 transitions {}/{} rules {}/{}", all_cov.states.count_ones(), all_cov.transition_count(), farewell_model::spec::transition::TABLE.len(), all_cov.rules.0.count_ones(), RULES.len());
    for (n, t) in farewell_model::spec::transition::TABLE.iter().enumerate() { if all_cov.transitions & 1 << n == 0 { println!("  not taken {t:?}"); } }
    for r in RULES { if !all_cov.rules.has(r.rule) { println!("  not exercised {}", r.id); } }
}
