//! How the kernel's TCP is set in the namespace.

use std::fs;
use std::path::Path;

/// What is set, below `/proc/sys/net`, and why.
const SETTINGS: [(&str, &str); 12] = [
    ("ipv4/tcp_fin_timeout", "5"),         // an orphan in FIN_WAIT_2
    ("ipv4/tcp_max_tw_buckets", "262144"), // none goes without its TIME_WAIT
    ("ipv4/tcp_syn_retries", "20"),        // a machine that is busy is no reason to give up
    ("ipv4/tcp_synack_retries", "20"),
    ("ipv4/tcp_orphan_retries", "60"),
    ("ipv4/tcp_retries2", "60"),
    ("ipv4/tcp_syncookies", "0"),
    ("ipv4/tcp_max_syn_backlog", "16384"),
    ("core/somaxconn", "16384"),
    ("ipv4/tcp_tw_reuse", "1"),       // TIME_WAIT reopened by its own host
    ("ipv4/tcp_rto_max_ms", "2000"),  // newer kernels have it
    ("ipv4/tcp_rto_min_us", "50000"), // newer kernels have it
];

/// Sets them; those that the kernel does not have, or does not let a namespace set, are returned.
pub(crate) fn configure(rfc1337: bool) -> Vec<&'static str> {
    let rfc1337 = ("ipv4/tcp_rfc1337", if rfc1337 { "1" } else { "0" });
    let set =
        |(name, value): &(&str, &str)| fs::write(Path::new("/proc/sys/net").join(name), value);
    let refused = |s: &&(&'static str, &str)| set(s).is_err();
    let all = SETTINGS.iter().chain([&rfc1337]);
    all.filter(refused).map(|s| s.0).collect()
}

/// Packets for the engine that the kernel dropped because the TUN's queue was full.
pub(crate) fn dropped_by(interface: &str) -> Option<u64> {
    let table = fs::read_to_string("/proc/self/net/dev").ok()?;
    let row = table
        .lines()
        .find_map(|l| l.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    row.split_whitespace().nth(11)?.parse().ok()
}
