//! The kernel's TCP as a black box, in a network namespace that the command makes: where it cannot, the tests are skipped,
//! which `FAREWELL_REQUIRE` makes a failure.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// "The stack cannot be had on this machine."
const CANNOT: i32 = 4;
/// "What is not expected is mostly not seen again when the same script is done five times more."
const UNSTEADY: i32 = 5;

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
    farewell_testing::skip("tun", String::from_utf8_lossy(&output.stderr).trim());
    None
}

/// The kernel that the expectations and the reproducers are of.
const OF: &str = "6.18.";

/// Whether what another kernel does can be held against them. If not, the test that asks is skipped.
fn is_the_kernel() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let is_it = release.starts_with(OF);
    if !is_it {
        let release = release.trim();
        farewell_testing::skip(
            "linux",
            format_args!("what is known of Linux is of {OF}x, and this is {release}"),
        );
    }
    is_it
}

/// On a busy machine something may be late: what is wrong is wrong twice.
fn twice(mut is_wrong: impl FnMut() -> Option<String>) {
    if is_wrong().is_some()
        && let Some(why) = is_wrong()
    {
        panic!("{why}");
    }
}

/// What five more times do not show was the machine's fault, not the kernel's.
#[test]
fn the_kernel_diverges_only_as_expected() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let campaign = "run --subject linux --count 80 --wait-at-most 2000 --as-found";
    let args: Vec<&str> = campaign.split(' ').collect();
    if !is_the_kernel() {
        return;
    }
    twice(|| {
        let output = conform(&args)?;
        let out = String::from_utf8_lossy(&output.stdout);
        let status = output.status.code();
        let is_well = matches!(status, Some(0 | UNSTEADY)) && out.contains("80 scripts: ");
        (!is_well).then(|| out.into_owned())
    });
}

#[test]
fn reproducers_show_what_they_say() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_the_kernel() {
        return;
    }
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

#[test]
fn a_syn_again_with_text_conforms() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_the_kernel() {
        return;
    }
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/reproducers/conforming/linux-syn-again.txt"
    );
    twice(|| {
        let output = conform(&["replay", file])?;
        let out = String::from_utf8_lossy(&output.stdout);
        (!output.status.success()).then(|| out.into_owned())
    });
}

fn replay(file: &std::path::Path) {
    let text = fs::read_to_string(file).expect("it can be read");
    let name = text.strip_prefix("# ").and_then(|t| t.split_once(": "));
    let (name, _) = name.expect("the first line says what it shows");
    let path = file.to_str().expect("a name in ASCII");
    twice(|| {
        let output = conform(&["replay", path])?;
        let out = String::from_utf8_lossy(&output.stdout);
        let shows_it = out.contains(&format!("\n{name}: "));
        (!shows_it).then(|| format!("{path}: {out}"))
    });
}

/// By hand, without the namespace: the host's network is not touched.
#[test]
fn the_network_of_the_host_is_refused() {
    for inside in ["--inside", "--inside=1"] {
        let output = Command::new(env!("CARGO_BIN_EXE_conform"))
            .args([inside, "run", "--subject", "linux", "--count", "1"])
            .output()
            .expect("the program is there");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{inside}: {err}");
        assert!(err.contains("no network namespace of its own"), "{err}");
    }
}
