//! The socket calls. What each needs to be sound is what packetdrill.h says: `user` as it was made, and pointers as the system
//! call of the same name has them.

use std::ffi::{c_int, c_ulong, c_void};
use std::slice;

use libc::{iovec, msghdr, nfds_t, pollfd, size_t, sockaddr, socklen_t, ssize_t};
use rustix::io::Errno;

use super::User;
use super::guard::{done, guarded};
use super::memory::*;
use crate::address;

pub(super) unsafe extern "C" fn socket(
    user: User,
    domain: c_int,
    kind: c_int,
    protocol: c_int,
) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        guarded(user, |host| {
            host.at_once(|calls| calls.socket(domain, kind, protocol))
        })
    }
}

pub(super) unsafe extern "C" fn bind(
    user: User,
    fd: c_int,
    at: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: `user` as it was made; the address as in bind(2).
    unsafe {
        done(user, |host| {
            let address = address_at(at, len)?;
            host.at_once(|calls| calls.bind(fd, address))
        })
    }
}

pub(super) unsafe extern "C" fn listen(user: User, fd: c_int, backlog: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { done(user, |host| host.at_once(|calls| calls.listen(fd, backlog))) }
}

pub(super) unsafe extern "C" fn accept(
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

pub(super) unsafe extern "C" fn connect(
    user: User,
    fd: c_int,
    at: *const sockaddr,
    len: socklen_t,
) -> c_int {
    // SAFETY: `user` as it was made; the address as in connect(2).
    unsafe {
        done(user, |host| {
            let address = address_at(at, len)?;
            host.call(|calls| calls.connect(fd, address))
        })
    }
}

pub(super) unsafe extern "C" fn read(
    user: User,
    fd: c_int,
    at: *mut c_void,
    len: size_t,
) -> ssize_t {
    // SAFETY: the same contract.
    unsafe { recv(user, fd, at, len, 0) }
}

pub(super) unsafe extern "C" fn readv(
    user: User,
    fd: c_int,
    at: *const iovec,
    count: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the pieces as in readv(2).
    unsafe {
        guarded(user, |host| {
            let count = usize::try_from(count).map_err(|_| Errno::INVAL)?;
            receive_and_scatter(host, fd, at, count, 0)
        })
    }
}

pub(super) unsafe extern "C" fn recv(
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

pub(super) unsafe extern "C" fn recvfrom(
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

pub(super) unsafe extern "C" fn recvmsg(
    user: User,
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> ssize_t {
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

pub(super) unsafe extern "C" fn write(
    user: User,
    fd: c_int,
    at: *const c_void,
    len: size_t,
) -> ssize_t {
    // SAFETY: the same contract.
    unsafe { send(user, fd, at, len, 0) }
}

pub(super) unsafe extern "C" fn writev(
    user: User,
    fd: c_int,
    at: *const iovec,
    count: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the pieces as in writev(2).
    unsafe {
        guarded(user, |host| {
            let count = usize::try_from(count).map_err(|_| Errno::INVAL)?;
            gather_and_send(host, fd, at, count, 0)
        })
    }
}

pub(super) unsafe extern "C" fn send(
    user: User,
    fd: c_int,
    at: *const c_void,
    len: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: `user` as it was made; the buffer as in send(2).
    unsafe { guarded(user, |host| send_all(host, fd, bytes(at, len)?, flags)) }
}

pub(super) unsafe extern "C" fn sendto(
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

pub(super) unsafe extern "C" fn sendmsg(
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

pub(super) unsafe extern "C" fn fcntl(
    user: User,
    fd: c_int,
    command: c_int,
    argument: c_int,
) -> c_int {
    // SAFETY: `user` as it was made. A missing third argument is whatever its register held, which is an int.
    unsafe {
        guarded(user, |host| {
            host.at_once(|calls| calls.control(fd, command, argument))
        })
    }
}

pub(super) unsafe extern "C" fn ioctl(
    user: User,
    fd: c_int,
    request: c_ulong,
    to: *mut c_int,
) -> c_int {
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

pub(super) unsafe extern "C" fn close(user: User, fd: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe {
        done(user, |host| {
            let mut until = None;
            host.call(|calls| calls.close(fd, &mut until))
        })
    }
}

pub(super) unsafe extern "C" fn shutdown(user: User, fd: c_int, how: c_int) -> c_int {
    // SAFETY: `user` as it was made.
    unsafe { done(user, |host| host.at_once(|calls| calls.shutdown(fd, how))) }
}

pub(super) unsafe extern "C" fn getsockopt(
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

pub(super) unsafe extern "C" fn setsockopt(
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

pub(super) unsafe extern "C" fn poll(
    user: User,
    at: *mut pollfd,
    count: nfds_t,
    timeout: c_int,
) -> c_int {
    // SAFETY: `user` as it was made; the list as in poll(2).
    unsafe {
        guarded(user, |host| {
            let fds: &mut [pollfd] = match (at.is_null(), usize::try_from(count)) {
                (_, Ok(0)) => &mut [],
                (false, Ok(count @ 1..=MOST_PIECES)) => slice::from_raw_parts_mut(at, count),
                _ => return Err(Errno::INVAL),
            };
            crate::poll::poll(host, fds, timeout)
        })
    }
}
