//! A stack that panics is a finding: what it said, and where, in silence.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// A stack is at work.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
    /// Where it panicked last.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic of a stack.
pub(super) struct Panic {
    /// The source file's name and the line: `tcp.rs:58`.
    pub(super) place: String,
    /// What it said.
    pub(super) said: String,
}

/// Does what the stack does. Where that panics nothing is printed.
pub(super) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !AT_WORK.get() {
                return loud(info);
            }
            let place = info.location().map_or_else(String::new, |at| {
                let name = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
                format!("{name}:{}", at.line())
            });
            PLACE.replace(place);
        }));
    });
    AT_WORK.set(true);
    let done = catch_unwind(AssertUnwindSafe(f));
    AT_WORK.set(false);
    done.map_err(|why| Panic {
        place: PLACE.take(),
        said: words(why.as_ref()),
    })
}

fn words(why: &(dyn Any + Send)) -> String {
    let said = why
        .downcast_ref::<&str>()
        .copied()
        .or(why.downcast_ref::<String>().map(String::as_str));
    said.unwrap_or("without a word").to_owned()
}
