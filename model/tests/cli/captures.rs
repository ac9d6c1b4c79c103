//! Counterexamples as captures: what others read in them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;

use farewell_testing::tshark;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::harness::{Run, Scratch};

/// A scenario with a late reset, and a cell of the frontier whose segments carry timestamps; each is violated at smoke size,
/// with this exit status.
const VIOLATED: [(&str, i32); 2] = [
    ("reuse-late-reset", 0),
    (
        "frontier.equal.stamps.client.finished.drained.f1.fixed.every.empty.data.1",
        1,
    ),
];

/// Saves a counterexample and writes its capture.
fn captured(here: &Scratch, (id, status): (&str, i32)) -> (Run, String) {
    here.run(&["check", id, "--size", "smoke"]).ends(status);
    let name = format!("counterexamples/{id}-smoke.farewell");
    let run = here.run(&["replay", &name, "--pcapng", "it.pcapng"]);
    (run.ends(1), name)
}

/// The sum of RFC 1071, of all 16-bit words.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| {
        part.chunks(2)
            .map(|w| u32::from(w[0]) << 8 | u32::from(*w.get(1).unwrap_or(&0)))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn each_host_s_view_is_in_it_with_right_checksums() {
    let here = Scratch::new("captures");
    let (run, _) = captured(&here, VIOLATED[0]);
    let file = fs::read(here.0.join("it.pcapng")).unwrap();
    let mut reader = PcapNgReader::new(&file[..]).unwrap();
    let (mut views, mut comments, mut last) = (Vec::new(), Vec::new(), None);
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else {
            continue;
        };
        let (ip, tcp) = packet.data.split_at(20);
        // Its number, whose view it is in, who sent it.
        views.push((
            u16::from_be_bytes([ip[4], ip[5]]),
            packet.interface_id,
            u32::from(ip[15]) - 1,
        ));
        assert_eq!((ip[0], sum(&[ip])), (0x45, 0xffff));
        assert_eq!(
            u16::from_be_bytes([ip[2], ip[3]]) as usize,
            packet.data.len()
        );
        let length = (tcp.len() as u16).to_be_bytes();
        assert_eq!(sum(&[&ip[12..20], &[0, 6], &length, tcp]), 0xffff);
        let heading = [1, 2][usize::from(packet.interface_id == u32::from(ip[15]) - 1)];
        assert!(
            packet
                .options
                .contains(&EnhancedPacketOption::Flags(heading))
        );
        assert!(last < Some(packet.timestamp), "time goes on");
        last = Some(packet.timestamp);
        comments.extend(packet.options.iter().filter_map(|o| match o {
            EnhancedPacketOption::Comment(Cow::Borrowed(text)) => Some((*text).to_owned()),
            EnhancedPacketOption::Comment(Cow::Owned(text)) => Some(text.clone()),
            _ => None,
        }));
    }
    // Every arrow's segment is in the view of who sent it, and some are in the other's: those that arrived.
    let numbers = run.out.split('#').skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        rest[..end].parse::<u16>().unwrap()
    });
    let drawn: BTreeSet<u16> = numbers.collect();
    let sent: BTreeSet<u16> = views.iter().filter(|v| v.1 == v.2).map(|v| v.0).collect();
    let arrived: BTreeSet<u16> = views.iter().filter(|v| v.1 != v.2).map(|v| v.0).collect();
    assert!(drawn.len() > 10, "{}", run.out);
    assert_eq!(sent, drawn);
    assert!(arrived.is_subset(&sent) && arrived.len() < sent.len());
    for words in [
        "A: OPEN active",
        "B → SYN_RECEIVED",
        "A: told \"connection reset\"",
        "once more",
    ] {
        assert!(
            comments.iter().any(|c| c.contains(words)),
            "{words}: {comments:?}"
        );
    }
}

#[test]
fn wireshark_reads_it_without_a_complaint() {
    if !tshark::is_there() {
        return;
    }
    for (id, stamped) in VIOLATED.into_iter().zip([false, true]) {
        let here = Scratch::new("tshark");
        captured(&here, id);
        let file = here.0.join("it.pcapng");
        let fields = [
            "frame.interface_name",
            "tcp.options.timestamp.tsval",
            "tcp.flags",
        ];
        let packets = tshark::read(&file, &fields);
        assert!(packets.len() > 10, "{id:?}: {packets:?}");
        for row in packets {
            assert!(["A", "B"].contains(&&row[0][..]), "{row:?}");
            // A RST carries none where the segment that drew it had none.
            let is_reset = row[2].ends_with('4');
            assert!(row[1].is_empty() != stamped || is_reset, "{row:?}");
        }
    }
}

/// What is odd in one host's view by itself is what happened to that host, by the segments' numbers.
#[test]
fn wireshark_marks_what_happened_and_no_more() {
    if !tshark::is_there() {
        return;
    }
    const RESET: &str = "Connection reset (RST)";
    let [reset, frontier] = VIOLATED;
    for (id, host, odd) in [
        // A repeats its text, with the FIN. Its second life has the first one's ports; an old RST ends it.
        (
            reset,
            "A",
            &[(6, "retransmission"), (13, "reused_ports"), (12, RESET)][..],
        ),
        // So does B. A's last ACK arrives twice, the second time where B resets, and the second life's SYN.
        (
            reset,
            "B",
            &[
                (10, "retransmission"),
                (11, "duplicate_ack"),
                (12, RESET),
                (13, "reused_ports"),
            ],
        ),
        (frontier, "B", &[(8, RESET)]),
    ] {
        let here = Scratch::new("marks");
        captured(&here, id);
        let marks = tshark::marks(&here.0.join("it.pcapng"), host, "ip.id");
        let odd = odd
            .iter()
            .map(|(n, mark)| (format!("0x{n:04x}"), vec![(*mark).to_owned()]));
        assert_eq!(marks, odd.collect::<Vec<_>>(), "{id:?} {host}");
    }
}

#[test]
fn where_it_cannot_be_written_nothing_is_left() {
    let here = Scratch::new("no-capture");
    let (_, name) = captured(&here, VIOLATED[0]);
    fs::create_dir(here.0.join("folder")).unwrap();
    for (to, words) in [
        ("nowhere/it.pcapng", "nowhere"),
        ("folder", "folder"),
        ("..", ".."),
    ] {
        let run = here.run(&["replay", &name, "--pcapng", to]).ends(2);
        run.complains(&["cannot write", words]);
    }
    let mut left: Vec<_> = fs::read_dir(&here.0)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["counterexamples", "folder", "it.pcapng"]);
}
