//! Names the model: a hash of the sources that decide what a run finds, so that what was kept from another model is not
//! taken for this one's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a run's result does not depend on: how it is asked for and shown, and tests.
const APART: [&str; 5] = [
    "cli",
    "main.rs",
    "report",
    "requirements",
    "requirements.rs",
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    println!(
        "cargo::rustc-env=FAREWELL_MODEL={}",
        name(Path::new("src"))?
    );
    Ok(())
}

/// The name of the model whose sources lie in this folder.
pub(crate) fn name(sources: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    list(sources, &mut files)?;
    files.retain(|f| !is_apart(f, sources));
    files.sort();
    // FNV-1a: it need only notice changes.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let name = file.strip_prefix(sources).unwrap_or(&file);
        let name = name.to_string_lossy().replace('\\', "/");
        for byte in name.bytes().chain(fs::read(&file)?) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}

fn is_apart(file: &Path, sources: &Path) -> bool {
    let inside = file.strip_prefix(sources).unwrap_or(file);
    let first = inside.components().next();
    APART
        .iter()
        .any(|a| first.is_some_and(|c| c.as_os_str() == *a))
        || file.ends_with("tests.rs")
}

fn list(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
