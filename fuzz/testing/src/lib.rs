//! What the tests of several packages share.

#![forbid(unsafe_code)]

pub mod tshark;

use std::env;
use std::fmt::Display;
use std::io::{self, Write};

/// Says that a test is skipped for want of something, and why: also where the test runner keeps back what passing tests
/// print.
///
/// # Panics
///
/// If `FAREWELL_REQUIRE` asks for it: a list such as `tun,packetdrill,tshark`, or `all`.
pub fn skip(want: &str, why: impl Display) {
    let required = env::var("FAREWELL_REQUIRE").unwrap_or_default();
    let asks = |word: &str| ["all", want].contains(&word.trim());
    assert!(
        !required.split(',').any(asks),
        "FAREWELL_REQUIRE asks for {want}: {why}"
    );
    // Not `println!`, which the test runner catches; in one piece, for other tests print as well.
    let _ = io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}
