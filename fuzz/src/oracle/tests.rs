use std::collections::BTreeSet;

use super::campaign::Campaign;
use super::capture::{PEER, capture};
use super::drive::drive;
use super::expectations;
use super::finding::{Class, findings};
use super::freedom::{CHOICES, Choice};
use super::random;
use super::script::Script;
use super::set::{Oracle, Seen};
use farewell_model::endpoint::{Call, CallError, Event, Flags, Segment, TcpState};
use farewell_model::seq::Seq;
use farewell_testing::tshark;

use crate::subject::{Subject, SubjectError};
use crate::subjects::{Farewell, Mutant, Mutation, STACKS, Smoltcp, Stack, Terms};

#[test]
fn scripts_survive_being_written() {
    for seed in 0..500 {
        let script = random::script(seed, true);
        assert_eq!(Script::read(&script.to_string()), Ok(script));
    }
}

#[test]
fn lines_that_are_no_steps_are_refused() {
    for line in [
        "send 5",
        "send",
        "send x",
        "receive -1",
        "wait x",
        "wait 3600001",
        "segment",
        "segment SIN",
        "segment ACK seq=next",
        "jump",
        "segment ACK len=9",
        "segment ACK seq=next+200",
        "again 300",
        "peer-isn x",
        "open sideways",
        "segment ACK x",
        "segment ACK seq=next+0 seq=next+1",
        "segment ACK len=1 wnd=4 len=1",
        "open active junk",
        "send 2 bytes please",
        "wait 1 2 3",
        "again 0 x",
        "close now",
        "status x",
    ] {
        let refused = Script::read(&format!("isn 1\n{line}")).unwrap_err();
        assert_eq!(refused.line, 2, "{line}");
    }
}

#[test]
fn every_call_is_read_as_it_is_written() {
    for call in [
        "open active",
        "open passive",
        "send 4",
        "receive 0",
        "shutdown",
        "close",
        "abort",
        "status",
    ] {
        let script = format!("peer-isn 1\nisn 2\n{call}\n");
        assert_eq!(Script::read(&script).unwrap().to_string(), script);
    }
}

#[test]
fn scripts_are_bounded_and_not_empty() {
    let waits = |n: usize| "wait 600000\n".repeat(n);
    for (text, line) in [
        (String::new(), 1),
        ("# a\nsubject smoltcp\nisn 1\n".into(), 3),
        ("again 0\nwait 250\n".into(), 2),
        (waits(7), 7),
        (format!("{}wait 4294967295\n", waits(6)), 7),
        ("close\n".repeat(1_001), 1_001),
    ] {
        let refused = Script::read(&text).unwrap_err();
        assert_eq!(refused.line, line, "{refused}");
    }
    assert!(Script::read(&format!("{}close\n", waits(6))).is_ok());
}

#[test]
fn our_engine_conforms() {
    let all = Campaign::run(&Farewell, &[], 1, 3_000).unwrap();
    let first = all
        .findings
        .values()
        .next()
        .map(|f| (&f.finding.id, &f.finding.what, f.finding.script.to_string()));
    assert!(first.is_none(), "{first:?}");
    assert_eq!((all.conform, all.undecided), (3_000, 0));
    let [steps, judged] = all.steps;
    assert!(judged == steps && judged > 0, "{all}");
    // Scripts that never leave ESTABLISHED would say nothing.
    assert!(all.states.iter().all(|n| *n * 100 >= all.scripts), "{all}");
}

#[test]
fn every_mistake_is_caught() {
    for mutation in Mutation::ALL {
        for seed in 1..=3 {
            let mut all = Campaign::default();
            for n in 0..300 {
                if all.diverge < 5 {
                    let script = random::script(seed << 32 | n, true);
                    all.add(&Mutant(mutation), &[], &script).unwrap();
                }
            }
            let caught = all.diverge;
            assert!(
                caught >= 5,
                "{mutation:?}: {caught} of 300 scripts of seed {seed} diverge"
            );
        }
    }
}

/// The same, judged as a stack in real time is.
struct InRealTime(Mutation);

impl Stack for InRealTime {
    fn name(&self) -> &'static str {
        Mutant(self.0).name()
    }

    fn terms(&self) -> Terms {
        Terms {
            real_time: true,
            ..Mutant(self.0).terms()
        }
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        Mutant(self.0).start()
    }
}

#[test]
fn what_timers_may_do_beside_inputs_hides_no_mistake() {
    for mutation in Mutation::ALL {
        let mut all = Campaign::default();
        for n in 0..300 {
            if all.diverge < 5 {
                let script = random::script(4 << 32 | n, true);
                all.add(&InRealTime(mutation), &[], &script).unwrap();
            }
        }
        assert!(all.diverge >= 5, "{mutation:?}: {} of 300", all.diverge);
    }
}

/// Mistakes that are what a stack is known for, and the line that says so.
const SAME: &[(&str, Mutation, &str)] = &[("smoltcp", Mutation::ResetBare, "bare-reset")];

#[test]
fn what_is_known_of_a_stack_excuses_no_other_mistake() {
    let mut excused = Vec::new();
    for stack in STACKS {
        let known = expectations::read(stack.expectations()).unwrap();
        for mutation in Mutation::ALL {
            let mut seen = BTreeSet::new();
            let other = (0..300).find_map(|n| {
                let script = random::script(7 << 32 | n, true);
                let run = drive(&Mutant(mutation), &script, &known).unwrap();
                let found = findings(&known, &script, &run);
                seen.extend(found.iter().map(|f| f.id.clone()));
                found.into_iter().find(|f| !f.expected)
            });
            if other.is_none() {
                excused.push((stack.name(), mutation, seen));
            }
        }
    }
    assert_eq!(excused.len(), SAME.len(), "{excused:#?}");
    for ((stack, mutation, seen), same) in excused.into_iter().zip(SAME) {
        assert_eq!((stack, mutation), (same.0, same.1));
        assert!(seen.contains(same.2), "{same:?}: {seen:?}");
    }
}

#[test]
fn reproducers_show_what_they_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/reproducers/smoltcp");
    let known = expectations::read(Smoltcp.expectations()).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let said = text
            .strip_prefix("# ")
            .and_then(|t| t.split_once(": "))
            .unwrap()
            .0;
        let script = Script::read(&text).unwrap();
        let run = drive(&Smoltcp, &script, &known).unwrap();
        let found: Vec<String> = findings(&known, &script, &run)
            .into_iter()
            .map(|f| f.id)
            .collect();
        assert_eq!(found, [said]);
        count += 1;
    }
    assert!(count >= 25, "{count}");
}

#[test]
fn smoltcp_diverges_only_as_expected() {
    let known = expectations::read(Smoltcp.expectations()).unwrap();
    let all = Campaign::run(&Smoltcp, &known, 1, 2_000).unwrap();
    for (id, f) in &all.findings {
        assert!(f.finding.expected, "{id}");
    }
    assert_eq!(all.undecided, 0);
}

/// What the RFCs leave open is seen, and the engine chooses the same each time.
#[test]
fn what_a_stack_chooses_is_seen() {
    let seen = |stack: &dyn Stack| {
        let known = expectations::read(stack.expectations()).unwrap();
        Campaign::run(stack, &known, 1, 2_000).unwrap().chosen
    };
    let (farewell, smoltcp) = (seen(&Farewell), seen(&Smoltcp));
    let of = |all: &[[u64; 2]], choice| {
        let n = CHOICES.iter().position(|c| c.0 == choice).unwrap();
        all[n].map(|n| n > 0)
    };
    for ((choice, ..), [by_itself, other]) in CHOICES.iter().zip(farewell) {
        assert!(by_itself + other > 0, "{choice:?}");
        assert!(by_itself == 0 || other == 0, "{choice:?}");
    }
    // As `subjects` and the sources have it.
    for (choice, by_farewell, by_smoltcp) in [
        (Choice::NewSynInTimeWait, [false, true], [true, false]),
        (Choice::AfterAbort, [true, false], [false, true]),
        (Choice::FinAtClosedWindow, [true, false], [false, true]),
        (Choice::RestartByFin, [true, false], [true, false]),
    ] {
        assert_eq!(of(&farewell, choice), by_farewell, "{choice:?}");
        assert_eq!(of(&smoltcp, choice), by_smoltcp, "{choice:?}");
    }
    assert_eq!(of(&farewell, Choice::RstInTimeWait), [true, false]);
    for choice in [Choice::RstInTimeWait, Choice::Window] {
        assert!(of(&smoltcp, choice)[1], "{choice:?}");
    }
}

#[test]
fn a_line_less_is_a_finding_more() {
    let known = expectations::read(Smoltcp.expectations()).unwrap();
    let (mut all, mut needed) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..1_000 {
        let script = random::script(2 << 32 | n, false);
        let run = drive(&Smoltcp, &script, &known).unwrap();
        for found in findings(&known, &script, &run) {
            // One script alone may have two explanations.
            if all.insert(found.id.clone()) || !needed.contains(&found.id) {
                let less: Vec<_> = known
                    .iter()
                    .filter(|k| k.name != found.id)
                    .cloned()
                    .collect();
                let run = drive(&Smoltcp, &script, &less).unwrap();
                if findings(&less, &script, &run).iter().any(|f| !f.expected) {
                    needed.insert(found.id);
                }
            }
        }
    }
    assert_eq!(all, needed);
    assert!(all.len() >= 20, "{all:?}");
}

#[test]
fn what_is_expected_of_smoltcp_is_what_the_readme_says() {
    let readme = include_str!("../../../README.md");
    let table: Vec<_> = readme
        .lines()
        .skip_while(|line| *line != "| cause | what it does | weight | section |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let known = expectations::read(Smoltcp.expectations()).unwrap();
    let rows = known.iter().map(|known| {
        let weight = match known.class {
            Class::Must => "MUST",
            Class::Should => "SHOULD",
            Class::Data => "data",
            Class::Hang => "hang",
            Class::Panic => "panic",
        };
        let reason = known.reason.replace('|', "\\|");
        format!(
            "| `{}` | {reason} | {weight} | {} |",
            known.name, known.section
        )
    });
    for (row, expected) in table.iter().zip(rows) {
        assert_eq!(*row, expected);
    }
    assert_eq!(table.len(), known.len());
}

/// A timer may run out in the moment in which the answer to an input is awaited, where time is real: before it, or behind.
#[test]
fn in_real_time_a_timer_may_run_out_beside_an_input() {
    let segment = |flags, seq, ack| Segment {
        flags,
        seq: Seq::new(seq),
        ack: Seq::new(ack),
        wnd: 4,
        ..Segment::default()
    };
    let seen = |segments: &[Segment]| Seen {
        segments: segments.to_vec(),
        ..Seen::default()
    };
    let (syn, syn_ack) = (Flags::SYN, Flags::SYN.with(Flags::ACK));
    let (ack, fin_ack) = (Flags::ACK, Flags::FIN.with(Flags::ACK));
    let opened = |real_time| {
        let mut oracle = Oracle::new(Terms {
            real_time,
            ..Terms::default()
        });
        let open = Event::Call(Call::OpenActive { timestamps: false });
        oracle
            .input(open, None, &seen(&[segment(syn, 100, 0)]))
            .unwrap();
        oracle
    };
    for real_time in [false, true] {
        // The SYN,ACK of a simultaneous open, and again.
        let answer = segment(syn_ack, 100, 501);
        let came = Event::Segment(segment(syn, 500, 0));
        let twice = opened(real_time).input(came, None, &seen(&[answer, answer]));
        assert_eq!(twice.is_ok(), real_time);
        // A FIN again, before the acknowledgment that ends LAST_ACK has come.
        let mut oracle = opened(real_time);
        let came = Event::Segment(segment(syn_ack, 500, 101));
        oracle
            .input(came, None, &seen(&[segment(ack, 101, 501)]))
            .unwrap();
        let came = Event::Segment(segment(fin_ack, 501, 101));
        oracle
            .input(came, None, &seen(&[segment(ack, 101, 502)]))
            .unwrap();
        let fin = segment(fin_ack, 101, 502);
        oracle
            .input(Event::Call(Call::Shutdown), None, &seen(&[fin]))
            .unwrap();
        let refused = Some(CallError::InsufficientResources);
        let read = oracle.input(Event::Call(Call::Receive(1)), refused, &seen(&[fin]));
        assert_eq!(read.is_ok(), real_time); // a refused call draws nothing, but it is in flight
        let came = Event::Segment(segment(ack, 502, 102));
        let ended = oracle.input(came, None, &seen(&[fin]));
        assert_eq!(ended.is_ok(), real_time);
        // What no timer sends is wrong beside an input too.
        let unasked = seen(&[segment(ack, 100, 501)]);
        let came = Event::Segment(segment(ack, 500, 100));
        assert!(opened(real_time).input(came, None, &unasked).is_err());
    }
}

/// RFC 9293 3.10.7.4, first: "trimming off any portions that lie outside the window (including SYN and FIN)" is free.
#[test]
fn a_syn_left_of_the_window_may_be_trimmed() {
    let segment = |flags, seq, ack, len| Segment {
        flags,
        seq: Seq::new(seq),
        ack: Seq::new(ack),
        wnd: 4,
        len,
        ..Segment::default()
    };
    let mut oracle = Oracle::new(Terms::default());
    let open = Event::Call(Call::OpenPassive { timestamps: false });
    oracle.input(open, None, &Seen::default()).unwrap();
    let answer = Seen {
        segments: vec![segment(Flags::SYN.with(Flags::ACK), 100, 501, 0)],
        ..Seen::default()
    };
    let syn = Event::Segment(segment(Flags::SYN, 500, 0, 0));
    oracle.input(syn, None, &answer).unwrap();
    let again = Event::Segment(segment(Flags::SYN, 500, 0, 1));
    oracle.input(again, None, &Seen::default()).unwrap();
    assert_eq!(oracle.names(), [TcpState::Listen, TcpState::SynReceived]);
    // In the window it is step four's.
    let other = Event::Segment(segment(Flags::SYN, 501, 0, 1));
    oracle.input(other, None, &Seen::default()).unwrap();
    assert_eq!(oracle.names(), [TcpState::Listen]);
}

#[test]
fn each_cause_of_linux_has_a_script_and_a_place_in_the_readme() {
    let known = expectations::read(include_str!("../../expectations/linux.txt")).unwrap();
    let names: BTreeSet<String> = known.into_iter().map(|known| known.name).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/reproducers/linux");
    let scripts: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".txt")?
                    .to_owned(),
            )
        })
        .collect();
    assert_eq!(scripts, names);
    let told: BTreeSet<String> = include_str!("../../../README.md")
        .lines()
        .skip_while(|line| *line != "| what it does | weight | section | script |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth_back(1).unwrap_or_default().split(','))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect();
    assert_eq!(told, names);
}

/// Text both ways and the four segments of a close, in which each host sees nothing lost, repeated or reset.
#[test]
fn tshark_finds_nothing_odd_in_a_close() {
    if !tshark::is_there() {
        return;
    }
    // The delayed acknowledgment of the peer's text is waited for, and then TIME-WAIT.
    let script = "peer-isn 5000\nisn 1000\nopen active\nsegment SYN,ACK seq=initial+0 wnd=200\nsend 3\n\
        segment ACK wnd=200\nsegment ACK wnd=200 len=3\nwait 1000\nreceive 3\nshutdown\n\
        segment ACK wnd=200\nsegment FIN,ACK wnd=200\nwait 600000";
    let run = drive(&Farewell, &Script::read(script).unwrap(), &[]).unwrap();
    let to = std::env::temp_dir().join(format!("farewell-close-{}.pcapng", std::process::id()));
    std::fs::write(&to, capture("farewell", &run).unwrap()).unwrap();
    let said = |row: Vec<String>| row.join(" ");
    let read: Vec<_> = tshark::read(&to, &["tcp.srcport", "tcp.flags", "tcp.len"])
        .into_iter()
        .step_by(2)
        .map(said)
        .collect();
    let marks = ["farewell", PEER].map(|host| tshark::marks(&to, host, "frame.number"));
    std::fs::remove_file(&to).unwrap();
    const SYN: &str = "0x0002";
    const SYN_ACK: &str = "0x0012";
    const ACK: &str = "0x0010";
    const FIN_ACK: &str = "0x0011";
    let expected = [
        ("80", SYN, 0),
        ("4242", SYN_ACK, 0),
        ("80", ACK, 0),
        ("80", ACK, 3),
        ("4242", ACK, 0),
        ("4242", ACK, 3),
        ("80", ACK, 0),
        ("80", FIN_ACK, 0),
        ("4242", ACK, 0),
        ("4242", FIN_ACK, 0),
        ("80", ACK, 0),
    ]
    .map(|(port, flags, len)| format!("{port} {flags} {len}"));
    assert_eq!(read, expected);
    assert_eq!(marks, [const { Vec::new() }; 2], "{read:?}");
}

#[test]
fn what_is_not_judged_is_not_counted() {
    let listens = "open passive\nsegment SYN seq=initial+0\n";
    for (rest, judged) in [
        ("segment ACK\nclose\nsegment ACK\nstatus\n", 6),
        // A SHUTDOWN that waits has no state after it.
        ("shutdown\nwait 1000\nsegment ACK\nstatus\n", 3),
    ] {
        let script = Script::read(&format!("{listens}{rest}")).unwrap();
        let known = expectations::read(Smoltcp.expectations()).unwrap();
        let mut all = Campaign::default();
        all.add(&Smoltcp, &known, &script).unwrap();
        assert_eq!(all.steps, [6, judged], "{:?}", all.findings.keys());
        assert!(
            all.to_string()
                .contains(&format!("of 6 steps {judged} judged"))
        );
    }
    // A divergence ends its script.
    let script = Script::read(&format!(
        "{listens}segment ACK\nsegment FIN,ACK\nwait 9000\nclose\n"
    ))
    .unwrap();
    let run = drive(&Mutant(Mutation::FinUnanswered), &script, &[]).unwrap();
    assert!(run.judged < 6, "{:?}", run.end);
}

#[test]
fn a_run_is_a_capture_that_tshark_reads() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/reproducers/smoltcp");
    let to = std::env::temp_dir().join(format!("farewell-oracle-{}.pcapng", std::process::id()));
    if !tshark::is_there() {
        return;
    }
    let text = std::fs::read_to_string(format!("{folder}/fin-overfills.txt")).unwrap();
    let run = drive(&Smoltcp, &Script::read(&text).unwrap(), &[]).unwrap();
    std::fs::write(&to, capture("smoltcp", &run).unwrap()).unwrap();
    let fields = [
        "frame.interface_name",
        "tcp.srcport",
        "frame.packet_flags_direction",
        "frame.time_epoch",
    ];
    let read = tshark::read(&to, &fields);
    std::fs::remove_file(&to).unwrap();
    assert_eq!(read.len(), 2 * run.packets.len());
    for (both, (_, out, _)) in read.chunks(2).zip(&run.packets) {
        // Out at its sender, in at its receiver, at the same time.
        let (views, port) = if *out {
            (["smoltcp", "peer"], "80")
        } else {
            (["peer", "smoltcp"], "4242")
        };
        for ((seen, view), heading) in both.iter().zip(views).zip(["2", "1"]) {
            assert_eq!(seen[..2], [view, port]);
            assert!(seen[2].ends_with(heading), "{seen:?}");
        }
        assert_eq!(both[0][3], both[1][3]);
    }
}
