//! `poll`: what each of several sockets is ready for.

use std::time::Duration;

use farewell::Instant;
use libc::pollfd;
use rustix::io::Errno;

use crate::calls::{Calls, Ready};
use crate::host::{Host, Outcome};

/// Waits until a socket is ready, for `timeout` milliseconds at most, for ever if that is negative; says how many are.
///
/// # Errors
///
/// EDEADLK: nothing can happen that it waits for.
pub fn poll(host: &Host, fds: &mut [pollfd], timeout: i32) -> Result<usize, Errno> {
    let mut end = None;
    host.call(|calls| {
        let now = calls.now();
        let end: Option<Instant> = *end.get_or_insert_with(|| {
            let timeout = u64::try_from(timeout).ok();
            timeout.map(|ms| now + Duration::from_millis(ms))
        });
        let count = fds
            .iter_mut()
            .map(|fd| look(calls, fd))
            .filter(|ready| *ready)
            .count();
        if count > 0 || end.is_some_and(|end| now >= end) {
            Outcome::Done(Ok(count))
        } else {
            Outcome::Waits(end)
        }
    })
}

/// Says whether there is something to tell of it.
fn look(calls: &mut Calls, fd: &mut pollfd) -> bool {
    fd.revents = match calls.ready(fd.fd) {
        _ if fd.fd < 0 => 0,
        None => libc::POLLNVAL,
        Some(ready) => events(ready) & (fd.events | libc::POLLERR | libc::POLLHUP),
    };
    fd.revents != 0
}

fn events(ready: Ready) -> i16 {
    let all = [
        (ready.input, libc::POLLIN | libc::POLLRDNORM),
        (ready.output, libc::POLLOUT | libc::POLLWRNORM),
        (ready.error, libc::POLLERR),
        (ready.peer_closed, libc::POLLRDHUP),
        (ready.hung_up, libc::POLLHUP),
    ];
    let on = all.into_iter().filter(|e| e.0);
    on.fold(0, |events, (_, e)| events | e)
}
