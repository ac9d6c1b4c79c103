//! Memory that C gave, as slices.

use std::ffi::{c_int, c_void};
use std::slice;

use libc::{iovec, sockaddr, socklen_t};
use rustix::io::Errno;

use crate::address::{self, Address};
use crate::host::Host;

/// UIO_MAXIOV.
pub(super) const MOST_PIECES: usize = 1_024;
/// What is gathered from pieces, or scattered to them, in one call, in bytes.
const MOST_GATHERED: usize = 64 << 20;

/// What C gave to be read.
///
/// # Safety
///
/// Null, or so many bytes that nobody writes for as long as the slice is used.
pub(super) unsafe fn bytes<'a>(at: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
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
pub(super) unsafe fn bytes_mut<'a>(at: *mut c_void, len: usize) -> Result<&'a mut [u8], Errno> {
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
pub(super) unsafe fn address_at(at: *const sockaddr, len: socklen_t) -> Result<Address, Errno> {
    // SAFETY: as this function's contract says; of a longer one no more is read than is known.
    address::parse(unsafe { bytes(at.cast(), (len as usize).min(address::LONGEST)) }?)
}

/// Pieces of memory as C lists them.
///
/// # Safety
///
/// Null, or so many of them.
pub(super) unsafe fn pieces<'a>(at: *const iovec, count: usize) -> Result<&'a [iovec], Errno> {
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

/// Sends what stands in pieces.
///
/// # Safety
///
/// As for [`pieces`], and each as for [`bytes`].
pub(super) unsafe fn gather_and_send(
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
pub(super) unsafe fn receive_and_scatter(
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

pub(super) fn receive_into(
    host: &Host,
    fd: c_int,
    to: &mut [u8],
    flags: c_int,
) -> Result<usize, Errno> {
    let mut done = 0;
    host.call(|calls| calls.receive(fd, to, flags, &mut done))
}

pub(super) fn send_all(host: &Host, fd: c_int, from: &[u8], flags: c_int) -> Result<usize, Errno> {
    let mut done = 0;
    host.call(|calls| calls.send(fd, from, flags, &mut done))
}

/// Gives bytes to C, as many as `*len` says there is room for, and says in `*len` how many they are. To null nothing is given.
///
/// # Safety
///
/// Null, or a place of `*len` bytes and one for the length.
pub(super) unsafe fn give(value: &[u8], to: *mut c_void, len: *mut socklen_t) -> Result<(), Errno> {
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
