//! Where the library is, as packetdrill loads it.

use std::env;
use std::path::PathBuf;

/// The shared library that was built with this test.
pub(crate) fn library() -> PathBuf {
    const NAME: &str = "libfarewell_packetdrill.so";
    let test = env::current_exe().expect("a program knows where it is");
    let beside = test.ancestors().skip(1).map(|folder| folder.join(NAME));
    let found = beside.take(2).find(|path| path.exists());
    found.expect("cargo builds the library for its tests, beside them or above")
}
