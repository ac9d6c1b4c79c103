//! What every call goes through: no panic leaves the library, and errors are `errno`.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;

use super::User;
use crate::host::Host;

/// Runs a call on the host; says -1 and sets `errno` if it fails.
///
/// # Safety
///
/// `user` is null or what [`packetdrill_interface_init`] made of a host that was not freed.
pub(super) unsafe fn guarded<T: TryInto<R>, R: From<i8>>(
    user: User,
    call: impl FnOnce(&Host) -> Result<T, Errno>,
) -> R {
    // SAFETY: null or a host that lives, by this function's contract; it is shared, never borrowed mutably.
    let host = unsafe { user.cast::<Host>().as_ref() };
    let result = match host {
        None => Err(Errno::INVAL),
        Some(host) => catch_unwind(AssertUnwindSafe(|| call(host))).unwrap_or(Err(Errno::IO)),
    };
    match result.and_then(|value| value.try_into().map_err(|_| Errno::OVERFLOW)) {
        Ok(value) => value,
        Err(errno) => {
            // SAFETY: it points to this thread's errno.
            unsafe { *libc::__errno_location() = errno.raw_os_error() };
            R::from(-1)
        }
    }
}

/// A call that says 0 if it succeeds.
///
/// # Safety
///
/// As for [`guarded`].
pub(super) unsafe fn done(user: User, call: impl FnOnce(&Host) -> Result<(), Errno>) -> c_int {
    // SAFETY: this function's contract.
    unsafe { guarded(user, |host| call(host).map(|()| 0i32)) }
}

/// epoll, pipes and splice are the kernel's affair.
///
/// # Safety
///
/// As for [`guarded`].
pub(super) unsafe fn missing(user: User) -> c_int {
    // SAFETY: this function's contract.
    unsafe { done(user, |_| Err(Errno::NOSYS)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Settings;
    use crate::interface::sockets::socket;

    /// No panic leaves the library, and the next call finds it as it was.
    #[test]
    fn a_panic_becomes_an_error() {
        let host = Host::new(&Settings::default()).unwrap();
        let user: User = std::ptr::from_ref(&host).cast_mut().cast();
        let errno = || std::io::Error::last_os_error().raw_os_error();
        // SAFETY: a host that outlives the calls.
        unsafe {
            let n: c_int = done(user, |host| {
                host.at_once(|_| -> Result<(), Errno> { panic!("planted") })
            });
            assert_eq!((n, errno()), (-1, Some(libc::EIO)));
            assert!(socket(user, libc::AF_INET, libc::SOCK_STREAM, 0) >= 0);
            let n: c_int = guarded(user, |_| Ok(usize::MAX));
            assert_eq!((n, errno()), (-1, Some(libc::EOVERFLOW)));
        }
    }
}
