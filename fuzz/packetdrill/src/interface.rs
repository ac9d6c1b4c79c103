//! The interface in C: packetdrill's `packetdrill.h`, `struct packetdrill_interface`.
//!
//! The only unsafe code. Each function turns what C gave into slices and numbers, and calls what is safe. No panic leaves it
//! (`guarded`): it becomes EIO, and the script fails.

use std::ffi::{CStr, c_char, c_int, c_long, c_longlong, c_uint, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::time::Duration;

use libc::{iovec, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t, timeval};
use rustix::io::Errno;

use crate::address::{self, Address};
use crate::flags::Settings;
use crate::host::Host;
use crate::poll;

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
        Host::new(&settings).map_err(|e| e.to_string())
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

/// Runs a call on the host; says -1 and sets `errno` if it fails.
///
/// # Safety
///
/// `user` is null or what [`packetdrill_interface_init`] made of a host that was not freed.
unsafe fn guarded<T: TryInto<R>, R: From<i8>>(
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

/// What C gave to be read.
///
/// # Safety
///
/// Null, or so many bytes that nobody writes for as long as the slice is used.
unsafe fn bytes<'a>(at: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
    match (at.is_null(), isize::try_from(len)) {
        (_, Err(_)) => Err(Errno::INVAL),
        (true, Ok(0)) => Ok(&[]),
        (true, Ok(_)) => Err(Errno::FAULT),
        // SAFETY: not null, and so many bytes by this function's contract.
        (false, Ok(_)) => Ok(unsafe { slice::from_raw_parts(at.cast(), len) }),
    }
}

/// What C gave to be written to.
///
/// # Safety
///
/// Null, or so many bytes, initialised, that nobody else uses for as long as the slice is used.
unsafe fn bytes_mut<'a>(at: *mut c_void, len: usize) -> Result<&'a mut [u8], Errno> {
    match (at.is_null(), isize::try_from(len)) {
        (_, Err(_)) => Err(Errno::INVAL),
        (true, Ok(0)) => Ok(&mut []),
        (true, Ok(_)) => Err(Errno::FAULT),
        // SAFETY: not null, and so many bytes by this function's contract.
        (false, Ok(_)) => Ok(unsafe { slice::from_raw_parts_mut(at.cast(), len) }),
    }
}

/// # Safety
///
/// Null, or a socket address of that length.
unsafe fn address_at(at: *const sockaddr, len: socklen_t) -> Result<Address, Errno> {
    // SAFETY: as this function's contract says; of a longer one no more is read than is known.
    address::parse(unsafe { bytes(at.cast(), (len as usize).min(address::LONGEST)) }?)
}

/// Pieces of memory as C lists them.
///
/// # Safety
///
/// Null, or so many of them.
unsafe fn pieces<'a>(at: *const iovec, count: usize) -> Result<&'a [iovec], Errno> {
    match (at.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Errno::FAULT),
        (_, 1..=MOST_PIECES) => {
            // SAFETY: not null, and so many by this function's contract.
            Ok(unsafe { slice::from_raw_parts(at, count) })
        }
        _ => Err(Errno::INVAL),
    }
}

/// UIO_MAXIOV.
const MOST_PIECES: usize = 1_024;
/// What is gathered from pieces, or scattered to them, in one call, in bytes.
const MOST_GATHERED: usize = 64 << 20;

/// Sends what stands in pieces.
///
/// # Safety
///
/// As for [`pieces`], and each as for [`bytes`].
unsafe fn gather_and_send(
    host: &Host,
    fd: c_int,
    at: *const iovec,
    count: usize,
    flags: c_int,
) -> Result<usize, Errno> {
    let mut all = Vec::new();
    // SAFETY: this function's contract.
    for piece in unsafe { pieces(at, count) }? {
        // SAFETY: this function's contract.
        let part = unsafe { bytes(piece.iov_base, piece.iov_len) }?;
        if all.len() + part.len() > MOST_GATHERED {
            return Err(Errno::INVAL);
        }
        all.extend_from_slice(part);
    }
    send_all(host, fd, &all, flags)
}

/// Receives into pieces.
///
/// # Safety
///
/// As for [`pieces`], and each as for [`bytes_mut`].
unsafe fn receive_and_scatter(
    host: &Host,
    fd: c_int,
    at: *const iovec,
    count: usize,
    flags: c_int,
) -> Result<usize, Errno> {
    // SAFETY: this function's contract.
    let pieces = unsafe { pieces(at, count) }?;
    let room = pieces
        .iter()
        .try_fold(0usize, |n, p| n.checked_add(p.iov_len));
    let mut all = vec![0; room.ok_or(Errno::INVAL)?.min(MOST_GATHERED)];
    let n = receive_into(host, fd, &mut all, flags)?;
    let mut rest = all.get(..n).unwrap_or_default();
    for piece in pieces {
        let (part, after) = rest.split_at(rest.len().min(piece.iov_len));
        // SAFETY: this function's contract.
        let to = unsafe { bytes_mut(piece.iov_base, part.len()) }?;
        to.copy_from_slice(part);
        rest = after;
    }
    Ok(n)
}

fn receive_into(host: &Host, fd: c_int, to: &mut [u8], flags: c_int) -> Result<usize, Errno> {
    let mut done = 0;
    host.call(|calls| calls.receive(fd, to, flags, &mut done))
}

fn send_all(host: &Host, fd: c_int, from: &[u8], flags: c_int) -> Result<usize, Errno> {
    let mut done = 0;
    host.call(|calls| calls.send(fd, from, flags, &mut done))
}

// Below, what each needs to be sound is what packetdrill.h says: `user` as it was made, and pointers as the system call of
// the same name has them.

unsafe extern "C" fn free(user: User) {
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

unsafe extern "C" fn socket(user: User, domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        guarded(user, |host| {
            host.at_once(|calls| calls.socket(domain, kind, protocol))
        })
    }
}

unsafe extern "C" fn bind(user: User, fd: c_int, at: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: `user` as it was made; the address as in bind(2).
    unsafe {
        done(user, |host| {
            let address = address_at(at, len)?;
            host.at_once(|calls| calls.bind(fd, address))
        })
    }
}

unsafe extern "C" fn listen(user: User, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { done(user, |host| host.at_once(|calls| calls.listen(fd, backlog))) }
}

unsafe extern "C" fn accept(
    user: User,
    fd: c_int,
    at: *mut sockaddr,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: `user` as it was made; address and length as in accept(2).
    unsafe {
        guarded(user, |host| {
            let (new, peer) = host.call(|calls| calls.accept(fd, 0))?;
            let (bytes, n) = address::write(peer);
            give(bytes.get(..n).unwrap_or_default(), at.cast(), len)?;
            Ok(new)
        })
    }
}

unsafe extern "C" fn connect(user: User, fd: c_int, at: *const sockaddr, len: socklen_t) -> c_int {
    // SAFETY: `user` as it was made; the address as in connect(2).
    unsafe {
        done(user, |host| {
            let address = address_at(at, len)?;
            host.call(|calls| calls.connect(fd, address))
        })
    }
}

unsafe extern "C" fn read(user: User, fd: c_int, at: *mut c_void, len: size_t) -> ssize_t {
    // SAFETY: the same contract.
    unsafe { recv(user, fd, at, len, 0) }
}

unsafe extern "C" fn readv(user: User, fd: c_int, at: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: `user` as it was made; the pieces as in readv(2).
    unsafe {
        guarded(user, |host| {
            let count = usize::try_from(count).map_err(|_| Errno::INVAL)?;
            receive_and_scatter(host, fd, at, count, 0)
        })
    }
}

unsafe extern "C" fn recv(
    user: User,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the buffer as in recv(2).
    unsafe {
        guarded(user, |host| {
            receive_into(host, fd, bytes_mut(at, len)?, flags)
        })
    }
}

unsafe extern "C" fn recvfrom(
    user: User,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
    flags: c_int,
    _: *mut sockaddr,
    peer_len: *mut socklen_t,
) -> ssize_t {
    // SAFETY: the contract of recvfrom(2). TCP gives no address.
    unsafe {
        let n = recv(user, fd, at, len, flags);
        if n >= 0 && !peer_len.is_null() {
            peer_len.write(0);
        }
        n
    }
}

unsafe extern "C" fn recvmsg(user: User, fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    // SAFETY: `user` as it was made; the message as in recvmsg(2).
    unsafe {
        guarded(user, |host| {
            let message = message.as_mut().ok_or(Errno::FAULT)?;
            let n = receive_and_scatter(host, fd, message.msg_iov, message.msg_iovlen, flags)?;
            (
                message.msg_namelen,
                message.msg_controllen,
                message.msg_flags,
            ) = (0, 0, 0);
            Ok(n)
        })
    }
}

unsafe extern "C" fn write(user: User, fd: c_int, at: *const c_void, len: size_t) -> ssize_t {
    // SAFETY: the same contract.
    unsafe { send(user, fd, at, len, 0) }
}

unsafe extern "C" fn writev(user: User, fd: c_int, at: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: `user` as it was made; the pieces as in writev(2).
    unsafe {
        guarded(user, |host| {
            let count = usize::try_from(count).map_err(|_| Errno::INVAL)?;
            gather_and_send(host, fd, at, count, 0)
        })
    }
}

unsafe extern "C" fn send(
    user: User,
    fd: c_int,
    at: *const c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the buffer as in send(2).
    unsafe { guarded(user, |host| send_all(host, fd, bytes(at, len)?, flags)) }
}

unsafe extern "C" fn sendto(
    user: User,
    fd: c_int,
    at: *const c_void,
    len: size_t,
    flags: c_int,
    _: *const sockaddr,
    _: socklen_t,
) -> ssize_t {
    // SAFETY: the contract of sendto(2). TCP ignores the address.
    unsafe { send(user, fd, at, len, flags) }
}

unsafe extern "C" fn sendmsg(
    user: User,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the message as in sendmsg(2).
    unsafe {
        guarded(user, |host| {
            let message = message.as_ref().ok_or(Errno::FAULT)?;
            if message.msg_controllen > 0 {
                return Err(Errno::OPNOTSUPP);
            }
            gather_and_send(host, fd, message.msg_iov, message.msg_iovlen, flags)
        })
    }
}

unsafe extern "C" fn fcntl(user: User, fd: c_int, command: c_int, argument: c_int) -> c_int {
    // SAFETY: `user` as it was made. A missing third argument is whatever its register held, which is an int.
    unsafe {
        guarded(user, |host| {
            host.at_once(|calls| calls.control(fd, command, argument))
        })
    }
}

unsafe extern "C" fn ioctl(user: User, fd: c_int, request: c_ulong, to: *mut c_int) -> c_int {
    // packetdrill passes the request as an int, sign and all.
    let request = request & u64::from(u32::MAX);
    // SAFETY: `user` as it was made. The requests that do not fail have a third argument, a pointer to an int.
    unsafe {
        done(user, |host| {
            if request == libc::FIONBIO {
                let on = to.as_ref().is_some_and(|on| *on != 0);
                let flags = if on { libc::O_NONBLOCK } else { 0 };
                return host.at_once(|calls| calls.control(fd, libc::F_SETFL, flags).map(drop));
            }
            let n = host.at_once(|calls| calls.count(fd, request))?;
            *to.as_mut().ok_or(Errno::FAULT)? = n;
            Ok(())
        })
    }
}

unsafe extern "C" fn close(user: User, fd: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        done(user, |host| {
            let mut until = None;
            host.call(|calls| calls.close(fd, &mut until))
        })
    }
}

unsafe extern "C" fn shutdown(user: User, fd: c_int, how: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { done(user, |host| host.at_once(|calls| calls.shutdown(fd, how))) }
}

unsafe extern "C" fn getsockopt(
    user: User,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *mut c_void,
    len: *mut socklen_t,
) -> c_int {
    // SAFETY: `user` as it was made; value and length as in getsockopt(2).
    unsafe {
        done(user, |host| {
            let value = host.at_once(|calls| calls.option(fd, level, name))?;
            let room = len.as_ref().map_or(0, |len| *len as usize);
            give(value.get(..room).unwrap_or(&value), at, len)
        })
    }
}

unsafe extern "C" fn setsockopt(
    user: User,
    fd: c_int,
    level: c_int,
    name: c_int,
    at: *const c_void,
    len: socklen_t,
) -> c_int {
    // SAFETY: `user` as it was made; the value as in setsockopt(2).
    unsafe {
        done(user, |host| {
            let value = bytes(at, len as usize)?;
            host.at_once(|calls| calls.set_option(fd, level, name, value))
        })
    }
}

unsafe extern "C" fn poll(user: User, at: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: `user` as it was made; the list as in poll(2).
    unsafe {
        guarded(user, |host| {
            let fds: &mut [pollfd] = match (at.is_null(), usize::try_from(count)) {
                (_, Ok(0)) => &mut [],
                (false, Ok(count @ 1..=MOST_PIECES)) => slice::from_raw_parts_mut(at, count),
                _ => return Err(Errno::INVAL),
            };
            poll::poll(host, fds, timeout)
        })
    }
}

unsafe extern "C" fn netdev_send(user: User, at: *const c_void, len: size_t) -> c_int {
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
unsafe extern "C" fn netdev_receive(
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

unsafe extern "C" fn usleep(user: User, time: c_uint) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        done(user, |host| {
            host.sleep(Duration::from_micros(time.into()));
            Ok(())
        })
    }
}

unsafe extern "C" fn gettimeofday(user: User, to: *mut timeval, _: *mut c_void) -> c_int {
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

unsafe extern "C" fn epoll_create(user: User, _: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

unsafe extern "C" fn epoll_ctl(user: User, _: c_int, _: c_int, _: c_int, _: *mut c_void) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

unsafe extern "C" fn epoll_wait(user: User, _: c_int, _: *mut c_void, _: c_int, _: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

unsafe extern "C" fn pipe(user: User, _: *mut c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { missing(user) }
}

unsafe extern "C" fn splice(
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

/// epoll, pipes and splice are the kernel's affair.
///
/// # Safety
///
/// As for [`guarded`].
unsafe fn missing(user: User) -> c_int {
    // SAFETY: this function's contract.
    unsafe { done(user, |_| Err(Errno::NOSYS)) }
}

/// A call that says 0 if it succeeds.
///
/// # Safety
///
/// As for [`guarded`].
unsafe fn done(user: User, call: impl FnOnce(&Host) -> Result<(), Errno>) -> c_int {
    // SAFETY: this function's contract.
    unsafe { guarded(user, |host| call(host).map(|()| 0i32)) }
}

/// Gives bytes to C, as many as `*len` says there is room for, and says in `*len` how many they are. To null nothing is given.
///
/// # Safety
///
/// Null, or a place of `*len` bytes and one for the length.
unsafe fn give(value: &[u8], to: *mut c_void, len: *mut socklen_t) -> Result<(), Errno> {
    // SAFETY: this function's contract.
    unsafe {
        let Some(len) = len.as_mut().filter(|_| !to.is_null()) else {
            return Ok(());
        };
        let room = bytes_mut(to, (*len as usize).min(value.len()))?;
        room.copy_from_slice(value.get(..room.len()).unwrap_or_default());
        *len = socklen_t::try_from(value.len()).unwrap_or(socklen_t::MAX);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
