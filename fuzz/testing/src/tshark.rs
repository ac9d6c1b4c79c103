//! Captures as Wireshark reads them.

use std::path::Path;
use std::process::Command;

/// Between the values of a field that a packet has several times; in none of them.
const BETWEEN: char = '\u{1f}';

/// Whether tshark is there. If not, the test that asks is skipped.
///
/// # Panics
///
/// If tshark is not there and `FAREWELL_REQUIRE` asks for `tshark`.
pub fn is_there() -> bool {
    let is_there = Command::new("tshark").arg("--version").output().is_ok();
    if !is_there {
        crate::skip(
            "tshark",
            "tshark is not installed (Debian: apt-get install tshark)",
        );
    }
    is_there
}

/// What tshark reads in a capture: of each packet the given fields, in order.
///
/// # Panics
///
/// If tshark complains of the file, or of a packet: malformed, of a wrong length, with an unknown option or a wrong
/// checksum. That a host repeats itself or resets is none of these.
pub fn read(file: &Path, fields: &[&str]) -> Vec<Vec<String>> {
    const COMPLAINTS: [&str; 3] = ["_ws.malformed", "ip.bogus_ip_length", "tcp.options.unknown"];
    const SUMS: [&str; 2] = ["ip.checksum.status", "tcp.checksum.status"];
    const CHECKS: [&str; 2] = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE"];
    let all = COMPLAINTS.iter().chain(&SUMS).chain(fields);
    let tshark = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-T", "fields"])
        .args(["-E", &format!("aggregator={BETWEEN}")])
        // What TCP carries is nobody's protocol: on some ports it would be taken for one.
        .args(["-d", "tcp.port==1-65535,data"])
        .args(CHECKS.iter().flat_map(|check| ["-o", check]))
        .args(all.flat_map(|field| ["-e", field]))
        .output()
        .expect("tshark runs");
    let (out, err) = (
        String::from_utf8_lossy(&tshark.stdout),
        String::from_utf8_lossy(&tshark.stderr),
    );
    assert!(tshark.status.success(), "{}: {err}", file.display());
    let mut packets = Vec::new();
    for (n, line) in out.lines().enumerate() {
        let mut row: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let rest = row.split_off(COMPLAINTS.len() + SUMS.len());
        let (complaints, sums) = row.split_at(COMPLAINTS.len());
        assert!(
            complaints.iter().all(String::is_empty),
            "{}, packet {}: {complaints:?}",
            file.display(),
            n + 1
        );
        // 1 is good; what has no such checksum has none of these.
        assert!(
            sums.iter().all(|sum| ["1", ""].contains(&&sum[..])),
            "{}, packet {}: checksums {sums:?}",
            file.display(),
            n + 1
        );
        packets.push(rest);
    }
    packets
}

/// What tshark finds odd in a host's view by itself, where nothing is there twice for being in the other's as well: of each
/// packet that it marks the given field, what its TCP analysis says, and its expert messages that are warnings or worse.
///
/// # Panics
///
/// As [`read`], or if the view is empty.
pub fn marks(file: &Path, host: &str, field: &str) -> Vec<(String, Vec<String>)> {
    const ANALYSIS: [&str; 15] = [
        "retransmission",
        "fast_retransmission",
        "spurious_retransmission",
        "out_of_order",
        "lost_segment",
        "ack_lost_segment",
        "duplicate_ack",
        "keep_alive",
        "keep_alive_ack",
        "window_full",
        "window_update",
        "zero_window",
        "zero_window_probe",
        "zero_window_probe_ack",
        "reused_ports",
    ];
    /// A warning's severity; more is worse.
    const WARNING: u32 = 0x60_0000;
    let view = file.with_extension(format!("{host}.pcapng"));
    let tshark = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-Y", &format!("frame.interface_name == \"{host}\"")])
        .arg("-w")
        .arg(&view)
        .output()
        .expect("tshark runs");
    let err = String::from_utf8_lossy(&tshark.stderr);
    assert!(tshark.status.success(), "{}: {err}", file.display());
    let analysis = ANALYSIS.map(|name| format!("tcp.analysis.{name}"));
    let mut fields = vec![field, "_ws.expert.severity", "_ws.expert.message"];
    fields.extend(analysis.iter().map(String::as_str));
    let packets = read(&view, &fields);
    std::fs::remove_file(&view).expect("tshark wrote it");
    assert!(!packets.is_empty(), "{}: nothing at {host}", file.display());
    let marks = packets.into_iter().map(|mut row| {
        let found = row.split_off(3);
        let found = ANALYSIS.iter().zip(found).filter(|(_, it)| !it.is_empty());
        let mut marks: Vec<String> = found.map(|(name, _)| (*name).to_owned()).collect();
        let [severities, messages] = [1, 2].map(|n| row[n].split(BETWEEN).collect::<Vec<_>>());
        assert_eq!(severities.len(), messages.len(), "{row:?}");
        for (severity, message) in severities.into_iter().zip(messages) {
            let is_none = severity.is_empty();
            if !is_none && severity.parse::<u32>().expect("tshark's number") >= WARNING {
                marks.push(message.to_owned());
            }
        }
        (row.swap_remove(0), marks)
    });
    marks.filter(|(_, marks)| !marks.is_empty()).collect()
}

/// How many FINs a host (an interface of the capture) has seen, by tshark, which has no complaint.
///
/// # Panics
///
/// As [`read`].
pub fn fins(file: &Path, host: &str) -> usize {
    let has_fin = |flags: &str| flags.ends_with(['1', '3', '5', '7', '9', 'B', 'D', 'F']);
    let packets = read(file, &["frame.interface_name", "tcp.flags"]);
    let is_fin = |row: &&Vec<String>| row[0] == host && has_fin(&row[1].to_uppercase());
    packets.iter().filter(is_fin).count()
}
