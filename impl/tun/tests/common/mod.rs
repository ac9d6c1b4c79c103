//! What the tests of both programs need: what is missing is said, and captures are read.

use std::env;
use std::path::Path;
use std::process::Command;

/// Says why a test does not run; that is a failure where `FAREWELL_REQUIRE` is set.
pub(crate) fn skip(why: &str) {
    println!("skipped: {why}");
    let required = env::var_os("FAREWELL_REQUIRE").is_some_and(|r| !r.is_empty());
    assert!(
        !required,
        "FAREWELL_REQUIRE is set: nothing may be skipped: {why}"
    );
}

/// tshark reads the capture and has nothing to say against a packet of it; says at which host each packet stands that the
/// filter takes. `None` if tshark is not installed.
pub(crate) fn read_capture(file: &Path, filter: &str) -> Option<Vec<String>> {
    let tshark = |filter: &str| {
        Command::new("tshark")
            .args(["-o", "tcp.check_checksum:TRUE"])
            .args(["-o", "ip.check_checksum:TRUE"])
            // The bytes are nobody's protocol: it would take port 7000 for one, and put what both hosts saw together.
            .args(["-d", "tcp.port==7000,data"])
            .args(["-T", "fields", "-e", "frame.interface_name", "-Y", filter])
            .arg("-r")
            .arg(file)
            .output()
    };
    let bad = "tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed";
    let Ok(found) = tshark(bad) else {
        skip("no tshark");
        return None;
    };
    assert!(found.status.success(), "{found:?}");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let taken = tshark(filter).expect("it ran before");
    let taken = String::from_utf8_lossy(&taken.stdout);
    Some(taken.lines().map(str::to_owned).collect())
}
