//! The kernel's TCP as a black box, in a network namespace that the command makes: where it cannot, the tests are skipped,
//! which `FAREWELL_REQUIRE` makes a failure.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// "The stack cannot be had on this machine."
const CANNOT: i32 = 4;

/// Time is real: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What the command says; none if it cannot run here.
fn conform(args: &[&str]) -> Option<Output> {
    let output = Command::new(env!("CARGO_BIN_EXE_conform"))
        .args(args)
        .output()
        .expect("the program is there");
    if output.status.code() != Some(CANNOT) {
        return Some(output);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    println!("skipped: {}", why.trim());
    let required = std::env::var_os("FAREWELL_REQUIRE").is_some_and(|r| !r.is_empty());
    assert!(
        !required,
        "FAREWELL_REQUIRE is set: nothing may be skipped: {why}"
    );
    None
}

#[test]
fn the_kernel_diverges_only_as_expected() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let campaign = "run --subject linux --count 80 --wait-at-most 2000 --as-found";
    let args: Vec<&str> = campaign.split(' ').collect();
    let Some(output) = conform(&args) else { return };
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}");
    assert!(out.contains("80 scripts: "), "{out}");
}

#[test]
fn reproducers_show_what_they_say() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/reproducers/linux");
    let files: Vec<_> = fs::read_dir(folder)
        .expect("they are there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    assert!(files.len() >= 8, "{files:?}");
    let replays: Vec<_> = files
        .into_iter()
        .map(|file| thread::spawn(move || replay(&file)))
        .collect();
    for replay in replays {
        replay.join().expect("it shows what it says");
    }
}

fn replay(file: &std::path::Path) {
    let text = fs::read_to_string(file).expect("it can be read");
    let name = text.strip_prefix("# ").and_then(|t| t.split_once(": "));
    let (name, _) = name.expect("the first line says what it shows");
    let path = file.to_str().expect("a name in ASCII");
    let Some(output) = conform(&["replay", path]) else {
        return;
    };
    let out = String::from_utf8_lossy(&output.stdout);
    let said = format!("\n{name}: ");
    assert!(out.contains(&said), "{path}: {out}");
}
