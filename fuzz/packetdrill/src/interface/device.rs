//! The network device, the clock, and what is not there. What each needs to be sound is what packetdrill.h says.

use std::ffi::{c_int, c_long, c_longlong, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use libc::{size_t, timeval};
use rustix::io::Errno;

use super::User;
use super::guard::{done, missing};
use super::memory::{bytes, bytes_mut};
use crate::host::Host;

pub(super) unsafe extern "C" fn free(user: User) {
    if !user.is_null() {
        // SAFETY: made by `Box::into_raw` of a Host, and given back once.
        let host = unsafe { Box::from_raw(user.cast::<Host>()) };
        let _ = catch_unwind(AssertUnwindSafe(|| {
            host.at_once(|calls| {
                calls.leave_descriptors();
                Ok(())
            })
        }));
    }
}

pub(super) unsafe extern "C" fn netdev_send(user: User, at: *const c_void, len: size_t) -> c_int {
    // SAFETY: `user` as it was made; so many bytes.
    unsafe {
        done(user, |host| {
            host.arrive(bytes(at, len)?);
            Ok(())
        })
    }
}

/// packetdrill tries again for ever when this fails, and fails itself at a packet without bytes: that is what it gets when no
/// packet can come any more.
pub(super) unsafe extern "C" fn netdev_receive(
    user: User,
    at: *mut c_void,
    len: *mut size_t,
    time: *mut c_longlong,
) -> c_int {
    // SAFETY: `user` as it was made; a buffer of `*len` bytes, and places for length and time.
    unsafe {
        let result: c_int = done(user, |host| {
            let room = len.as_ref().map_or(0, |len| *len);
            let received = host.receive(bytes_mut(at, room)?);
            if received.is_none() {
                eprintln!(
                    "farewell-packetdrill: no packet comes any more: nothing is left that could happen"
                );
            }
            let (n, when) = received.map_or((0, 0), |(n, when)| (n, when.0));
            *len.as_mut().ok_or(Errno::FAULT)? = n;
            *time.as_mut().ok_or(Errno::FAULT)? =
                c_longlong::try_from(when).unwrap_or(c_longlong::MAX);
            Ok(())
        });
        if result < 0
            && let Some(len) = len.as_mut()
        {
            *len = 0;
        }
        0
    }
}

pub(super) unsafe extern "C" fn usleep(user: User, time: c_uint) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        done(user, |host| {
            host.sleep(Duration::from_micros(time.into()));
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn gettimeofday(
    user: User,
    to: *mut timeval,
    _: *mut c_void,
) -> c_int {
    // SAFETY: `user` as it was made; a place for the time.
    unsafe {
        done(user, |host| {
            let now = host.look_at_the_clock().0;
            let part = |n: u64| c_long::try_from(n).map_err(|_| Errno::OVERFLOW);
            *to.as_mut().ok_or(Errno::FAULT)? = timeval {
                tv_sec: part(now / 1_000_000)?,
                tv_usec: part(now % 1_000_000)?,
            };
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn epoll_create(user: User, _: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

pub(super) unsafe extern "C" fn epoll_ctl(
    user: User,
    _: c_int,
    _: c_int,
    _: c_int,
    _: *mut c_void,
) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

pub(super) unsafe extern "C" fn epoll_wait(
    user: User,
    _: c_int,
    _: *mut c_void,
    _: c_int,
    _: c_int,
) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

pub(super) unsafe extern "C" fn pipe(user: User, _: *mut c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

pub(super) unsafe extern "C" fn splice(
    user: User,
    _: c_int,
    _: *mut c_void,
    _: c_int,
    _: *mut c_void,
    _: size_t,
    _: c_uint,
) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}
