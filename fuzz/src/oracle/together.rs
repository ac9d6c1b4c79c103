//! Many scripts at once, for stacks in real time.

use std::thread;

use crate::subject::SubjectError;
use crate::subjects::Stack;

/// Does the work to all, as many at once as the stack bears.
///
/// # Errors
///
/// The first of the work's.
pub(super) fn together<T: Sync, R: Send>(
    stack: &dyn Stack,
    all: &[T],
    work: impl Fn(&T) -> Result<R, SubjectError> + Sync,
) -> Result<Vec<R>, SubjectError> {
    let at_once = stack.at_once();
    if at_once <= 1 {
        return all.iter().map(work).collect();
    }
    let mut done = Vec::with_capacity(all.len());
    for some in all.chunks(at_once) {
        let work = &work;
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .map(|item| scope.spawn(move || work(item)))
                .collect();
            threads.into_iter().map(|t| t.join()).collect()
        });
        for result in results {
            let panicked = |_| SubjectError::Broken("a thread panicked".into());
            done.push(result.map_err(panicked)??);
        }
    }
    Ok(done)
}
