//! Names the model: a hash of the sources that decide what a run finds, so that what was kept from another model is not
//! taken for this one's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a run's result does not depend on: how it is asked for and shown.
const APART: [&str; 5] = [
    "cli",
    "report",
    "main.rs",
    "requirements.rs",
    "requirements",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    let mut files = Vec::new();
    list(Path::new("src"), &mut files)?;
    files.sort();
    // FNV-1a: it need only notice changes.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let name = file.to_string_lossy().into_owned();
        for byte in name.bytes().chain(fs::read(&file)?) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=FAREWELL_MODEL={hash:016x}");
    Ok(())
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let apart = path
            .file_name()
            .is_some_and(|n| APART.iter().any(|a| *a == n) || n == "tests" || n == "tests.rs");
        if apart && path.components().count() == 2 || path.ends_with("tests") {
            continue;
        }
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
