//! What the tests of several packages share.

#![forbid(unsafe_code)]

pub mod tshark;

use std::env;
use std::fmt::Display;
use std::io::{self, Write};

/// Says that a test is skipped, and why: also where the test runner keeps back what passing tests print.
///
/// # Panics
///
/// If `FAREWELL_REQUIRE` is set (to anything but nothing): then nothing may be skipped.
pub fn skip(why: impl Display) {
    let required = env::var_os("FAREWELL_REQUIRE").is_some_and(|value| !value.is_empty());
    assert!(
        !required,
        "FAREWELL_REQUIRE is set: nothing may be skipped: {why}"
    );
    // Not `println!`, which the test runner catches.
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
