//! What a failure prints: the script, the story so far, and the command that replays it.
//!
//! A panic hook does it, because under libFuzzer the hook is the last that runs before the process is aborted.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::tape;

/// An input that is being run.
struct Case {
    target: &'static str,
    data: Vec<u8>,
    tell: Box<dyn Fn() -> String>,
}

thread_local! {
    static CASE: RefCell<Option<Case>> = const { RefCell::new(None) };
    static FILE: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Runs `body`; should it panic, what `tell` says is printed first: the script in its structured form, and a ladder where
/// there is one.
pub fn run(
    target: &'static str,
    data: &[u8],
    tell: impl Fn() -> String + 'static,
    body: impl FnOnce(),
) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if let Some(report) = report(cfg!(fuzzing)) {
                eprintln!("{report}");
            }
            before(info);
        }));
    });
    let case = Case {
        target,
        data: data.to_vec(),
        tell: Box::new(tell),
    };
    CASE.set(Some(case));
    let forget = Forget;
    body();
    drop(forget);
}

/// The input is over, by whichever way.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        CASE.set(None);
    }
}

/// What runs next comes from this file.
pub(crate) fn comes_from(file: Option<&Path>) {
    FILE.set(file.map(Path::to_path_buf));
}

fn report(saves_itself: bool) -> Option<String> {
    // A panic while one of these is borrowed must not become another.
    CASE.with(|case| {
        let case = case.try_borrow().ok()?;
        let case = case.as_ref()?;
        let mut out = format!("\n{}\n", tape::aside(&case.tell));
        let file = match FILE.with(|f| f.borrow().clone()) {
            Some(file) => file.display().to_string(),
            None if saves_itself => "FILE".to_owned(), // which libFuzzer names below
            None => save(case),
        };
        let target = case.target;
        let _ = writeln!(
            out,
            "replay with: cargo run -p farewell-fuzz --bin {target} -- {file}"
        );
        Some(out)
    })
}

/// Where findings are kept: `fuzz/artifacts/TARGET/`, as `cargo fuzz` does.
fn save(case: &Case) -> String {
    let hash = case.data.iter().fold(0xcbf2_9ce4_8422_2325, |h: u64, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3)
    });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("artifacts")
        .join(case.target);
    let file = folder.join(format!("found-{hash:016x}"));
    let saved = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &case.data));
    match saved {
        Ok(()) => file.display().to_string(),
        Err(why) => {
            let hex: String = case.data.iter().map(|b| format!("{b:02x}")).collect();
            format!("FILE  # with these bytes, for they could not be saved ({why}): {hex}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_and_how_to_replay_it() {
        assert!(report(true).is_none(), "nothing runs");
        run(
            "wire",
            b"\x01",
            || "Script { .. }".to_owned(),
            || {
                let report = report(true).unwrap();
                assert!(report.contains("Script { .. }"));
                assert!(report.contains("cargo run -p farewell-fuzz --bin wire -- FILE"));
            },
        );
        comes_from(Some(Path::new("corpus/x")));
        run("wire", b"", String::new, || {
            assert!(report(true).unwrap().contains("--bin wire -- corpus/x"));
        });
        comes_from(None);
        assert!(report(true).is_none(), "it is over");
    }
}
