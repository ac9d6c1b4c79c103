//! The interface in C: packetdrill's `packetdrill.h`, `struct packetdrill_interface`.
//!
//! The only unsafe code is in this folder. Each function turns what C gave into slices and numbers (`memory`), and calls what is
//! safe. No panic leaves it (`guard`): it becomes EIO, and the script fails.

mod device;
mod end;
mod guard;
mod memory;
mod sockets;

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_ulong, c_void};
use std::panic::catch_unwind;

use libc::{iovec, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t, timeval};

use device::*;
use sockets::*;

use crate::flags::Settings;
use crate::host::Host;

/// `userdata`: the host, or none if the flags were wrong. Then every call fails with EINVAL.
type User = *mut c_void;

/// `struct packetdrill_interface`, in its order.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // as in packetdrill.h
pub struct Interface {
    pub userdata: User,
    pub free: unsafe extern "C" fn(User),
    pub socket: unsafe extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    pub bind: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    pub listen: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    pub accept: unsafe extern "C" fn(User, c_int, *mut sockaddr, *mut socklen_t) -> c_int,
    pub connect: unsafe extern "C" fn(User, c_int, *const sockaddr, socklen_t) -> c_int,
    pub read: unsafe extern "C" fn(User, c_int, *mut c_void, size_t) -> ssize_t,
    pub readv: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    pub recv: unsafe extern "C" fn(User, c_int, *mut c_void, size_t, c_int) -> ssize_t,
    pub recvfrom: unsafe extern "C" fn(
        User,
        c_int,
        *mut c_void,
        size_t,
        c_int,
        *mut sockaddr,
        *mut socklen_t,
    ) -> ssize_t,
    pub recvmsg: unsafe extern "C" fn(User, c_int, *mut msghdr, c_int) -> ssize_t,
    pub write: unsafe extern "C" fn(User, c_int, *const c_void, size_t) -> ssize_t,
    pub writev: unsafe extern "C" fn(User, c_int, *const iovec, c_int) -> ssize_t,
    pub send: unsafe extern "C" fn(User, c_int, *const c_void, size_t, c_int) -> ssize_t,
    pub sendto: unsafe extern "C" fn(
        User,
        c_int,
        *const c_void,
        size_t,
        c_int,
        *const sockaddr,
        socklen_t,
    ) -> ssize_t,
    pub sendmsg: unsafe extern "C" fn(User, c_int, *const msghdr, c_int) -> ssize_t,
    /// Variadic in C; the third argument may be missing, and then is not read.
    pub fcntl: unsafe extern "C" fn(User, c_int, c_int, c_int) -> c_int,
    /// Variadic in C; the third argument may be missing, and is read only with requests that have it.
    pub ioctl: unsafe extern "C" fn(User, c_int, c_ulong, *mut c_int) -> c_int,
    pub close: unsafe extern "C" fn(User, c_int) -> c_int,
    pub shutdown: unsafe extern "C" fn(User, c_int, c_int) -> c_int,
    pub getsockopt:
        unsafe extern "C" fn(User, c_int, c_int, c_int, *mut c_void, *mut socklen_t) -> c_int,
    pub setsockopt:
        unsafe extern "C" fn(User, c_int, c_int, c_int, *const c_void, socklen_t) -> c_int,
    pub poll: unsafe extern "C" fn(User, *mut pollfd, nfds_t, c_int) -> c_int,
    pub netdev_send: unsafe extern "C" fn(User, *const c_void, size_t) -> c_int,
    pub netdev_receive:
        unsafe extern "C" fn(User, *mut c_void, *mut size_t, *mut c_longlong) -> c_int,
    pub usleep: unsafe extern "C" fn(User, c_uint) -> c_int,
    pub gettimeofday: unsafe extern "C" fn(User, *mut timeval, *mut c_void) -> c_int,
    pub epoll_create: unsafe extern "C" fn(User, c_int) -> c_int,
    pub epoll_ctl: unsafe extern "C" fn(User, c_int, c_int, c_int, *mut c_void) -> c_int,
    pub epoll_wait: unsafe extern "C" fn(User, c_int, *mut c_void, c_int, c_int) -> c_int,
    pub pipe: unsafe extern "C" fn(User, *mut c_int) -> c_int,
    pub splice:
        unsafe extern "C" fn(User, c_int, *mut c_void, c_int, *mut c_void, size_t, c_uint) -> c_int,
}

/// What packetdrill calls first, with what follows `--so_flags` (null if nothing does). Wrong flags are said on standard error,
/// and then every call fails.
///
/// # Safety
///
/// `flags` is null or a string of C; `interface` points to a place for the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn packetdrill_interface_init(
    flags: *const c_char,
    interface: *mut Interface,
) {
    let text = match flags.is_null() {
        true => String::new(),
        // SAFETY: not null, and a string of C by this function's contract.
        false => unsafe { CStr::from_ptr(flags) }
            .to_string_lossy()
            .into_owned(),
    };
    let host = catch_unwind(|| {
        let settings: Settings = text.parse().map_err(|e| format!("--so_flags: {e}"))?;
        let host = Host::new(&settings).map_err(|e| e.to_string())?;
        if settings.pcapng.is_some() {
            end::write_captures_at_exit()?;
        }
        Ok::<_, String>(host)
    });
    let userdata = match host.unwrap_or_else(|_| Err("a panic (see above)".into())) {
        Ok(host) => Box::into_raw(Box::new(host)).cast(),
        Err(why) => {
            eprintln!("farewell-packetdrill: {why}");
            std::ptr::null_mut()
        }
    };
    if !interface.is_null() {
        // SAFETY: it points to a place for the table by this function's contract. What is there is not read or dropped.
        unsafe { interface.write(Interface { userdata, ..TABLE }) };
    }
}

const TABLE: Interface = Interface {
    userdata: std::ptr::null_mut(),
    free,
    socket,
    bind,
    listen,
    accept,
    connect,
    read,
    readv,
    recv,
    recvfrom,
    recvmsg,
    write,
    writev,
    send,
    sendto,
    sendmsg,
    fcntl,
    ioctl,
    close,
    shutdown,
    getsockopt,
    setsockopt,
    poll,
    netdev_send,
    netdev_receive,
    usleep,
    gettimeofday,
    epoll_create,
    epoll_ctl,
    epoll_wait,
    pipe,
    splice,
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// As packetdrill.h has them, top down; all are pointers.
    #[test]
    fn the_table_is_in_the_order_of_the_header() {
        macro_rules! offsets { ($($field:ident)*) => { [$(offset_of!(Interface, $field)),*] } }
        let offsets = offsets![userdata free socket bind listen accept connect read readv recv recvfrom recvmsg write writev
            send sendto sendmsg fcntl ioctl close shutdown getsockopt setsockopt poll netdev_send netdev_receive usleep
            gettimeofday epoll_create epoll_ctl epoll_wait pipe splice];
        for (n, offset) in offsets.into_iter().enumerate() {
            assert_eq!(offset, n * size_of::<User>(), "field {n}");
        }
        assert_eq!(size_of::<Interface>(), offsets.len() * size_of::<User>());
    }
}
