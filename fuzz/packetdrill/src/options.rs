//! Options of sockets: `setsockopt`, `getsockopt`, `fcntl`, `ioctl`.
//!
//! Nagle, keep-alives, the MSS and the user timeout are settings of the whole host in the engine: an option that sets one sets it for
//! all connections. Buffers are as large as was asked for, not twice as in Linux, and that for connections that begin later.

use std::sync::atomic::Ordering;
use std::time::Duration;

use farewell::State;
use farewell::config::KeepAlive;
use rustix::fd::RawFd;
use rustix::io::Errno;

use crate::calls::{Calls, Kind};
use crate::flags::LARGEST_BUFFER;

/// Options of one socket.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Options {
    pub(crate) reuse: bool,
    /// Seconds of `SO_LINGER`, if it is on.
    pub(crate) linger: Option<u32>,
    /// Seconds (`TCP_KEEPIDLE`), or the engine's two hours.
    keep_idle: Option<u16>,
    /// Probes (`TCP_KEEPCNT`).
    keep_count: Option<u8>,
}

/// What `getsockopt` says: an int, two, or the front of a `struct tcp_info`.
pub type Value = Vec<u8>;

/// `struct tcp_info` of Linux 5: as much of it as has a meaning here is filled, the rest is zero.
const TCP_INFO_LEN: usize = 232;
/// What Linux asks when nothing else is said.
const KEEP_COUNT: u8 = 9;

impl Calls {
    /// `setsockopt`.
    ///
    /// # Errors
    ///
    /// EBADF; ENOPROTOOPT: no such option here; EINVAL: not a value for it.
    pub fn set_option(
        &mut self,
        fd: RawFd,
        level: i32,
        name: i32,
        value: &[u8],
    ) -> Result<(), Errno> {
        let socket = self.find(fd)?;
        let int = value.first_chunk().map(|v| i32::from_ne_bytes(*v));
        let int = int.ok_or(Errno::INVAL)?;
        let on = int != 0;
        match (level, name) {
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => socket.options.reuse = on,
            (libc::SOL_SOCKET, libc::SO_LINGER) => {
                let seconds = value.get(4..).and_then(|v| v.first_chunk());
                let seconds = i32::from_ne_bytes(*seconds.ok_or(Errno::INVAL)?);
                let seconds = u32::try_from(seconds).map_err(|_| Errno::INVAL)?;
                socket.options.linger = on.then_some(seconds);
            }
            (libc::SOL_SOCKET, libc::SO_SNDBUF | libc::SO_RCVBUF) => {
                let bytes = usize::try_from(int).map_err(|_| Errno::INVAL)?;
                let bytes = bytes.clamp(1, LARGEST_BUFFER);
                let buffers = self.buffers();
                let of = match name {
                    libc::SO_SNDBUF => &buffers.send,
                    _ => &buffers.receive,
                };
                of.store(bytes, Ordering::Relaxed);
            }
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => {
                let options = socket.options;
                let keep_alive = on.then(|| KeepAlive {
                    idle: options
                        .keep_idle
                        .map_or(TWO_HOURS, |s| Duration::from_secs(s.into())),
                    probes: Some(options.keep_count.unwrap_or(KEEP_COUNT)),
                });
                self.configure(|c| c.keep_alive = keep_alive)?;
            }
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => self.configure(|c| c.nagle = !on)?,
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => {
                let mss = u16::try_from(int).map_err(|_| Errno::INVAL)?;
                let mss = mss.saturating_add(more_header(socket.v6));
                self.configure(|c| c.mss = mss)?;
            }
            // The engine's interval between probes is its silence before the first.
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE | libc::TCP_KEEPINTVL) => {
                let seconds = u16::try_from(int).ok().filter(|s| (1..=32_767).contains(s));
                let seconds = seconds.ok_or(Errno::INVAL)?;
                socket.options.keep_idle = Some(seconds);
                let idle = Duration::from_secs(seconds.into());
                self.configure(|c| c.keep_alive = c.keep_alive.map(|k| KeepAlive { idle, ..k }))?;
            }
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => {
                let count = u8::try_from(int).ok().filter(|n| (1..=127).contains(n));
                let count = count.ok_or(Errno::INVAL)?;
                socket.options.keep_count = Some(count);
                let probes = Some(count);
                self.configure(|c| c.keep_alive = c.keep_alive.map(|k| KeepAlive { probes, ..k }))?;
            }
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => {
                let ms = u64::try_from(int).map_err(|_| Errno::INVAL)?;
                let timeout = (ms > 0).then(|| Duration::from_millis(ms));
                self.configure(|c| c.user_timeout = timeout)?;
            }
            (libc::IPPROTO_TCP, libc::TCP_LINGER2) => {
                let seconds = u64::try_from(int).map_err(|_| Errno::INVAL)?;
                let lasts = (seconds > 0).then(|| Duration::from_secs(seconds));
                self.configure(|c| c.fin_wait_2 = lasts)?;
            }
            _ => return Err(Errno::NOPROTOOPT),
        }
        Ok(())
    }

    /// `getsockopt`. Asking for `SO_ERROR` takes it.
    ///
    /// # Errors
    ///
    /// EBADF; ENOPROTOOPT: no such option here.
    pub fn option(&mut self, fd: RawFd, level: i32, name: i32) -> Result<Value, Errno> {
        let state = self.state(fd)?;
        let config = *self.clock.stack.config();
        let (keep, ms) = (config.keep_alive, |d: Duration| d.as_millis() as i32);
        let of = |n: &std::sync::atomic::AtomicUsize| n.load(Ordering::Relaxed) as i32;
        let (send, receive) = (of(&self.buffers().send), of(&self.buffers().receive));
        let socket = self.find(fd)?;
        let options = socket.options;
        let int = match (level, name) {
            (libc::SOL_SOCKET, libc::SO_ERROR) => {
                socket.error.take().map_or(0, Errno::raw_os_error)
            }
            (libc::SOL_SOCKET, libc::SO_REUSEADDR) => options.reuse.into(),
            (libc::SOL_SOCKET, libc::SO_LINGER) => {
                let (on, seconds) = options.linger.map_or((0i32, 0), |s| (1, s));
                return Ok([on.to_ne_bytes(), seconds.to_ne_bytes()].concat());
            }
            (libc::SOL_SOCKET, libc::SO_SNDBUF) => send,
            (libc::SOL_SOCKET, libc::SO_RCVBUF) => receive,
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE) => keep.is_some().into(),
            (libc::SOL_SOCKET, libc::SO_TYPE) => libc::SOCK_STREAM,
            (libc::SOL_SOCKET, libc::SO_PROTOCOL) => libc::IPPROTO_TCP,
            (libc::SOL_SOCKET, libc::SO_ACCEPTCONN) => (state == State::Listen).into(),
            (libc::IPPROTO_TCP, libc::TCP_NODELAY) => (!config.nagle).into(),
            (libc::IPPROTO_TCP, libc::TCP_MAXSEG) => {
                config.mss.saturating_sub(more_header(socket.v6)).into()
            }
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE | libc::TCP_KEEPINTVL) => {
                let idle = options.keep_idle.map(i32::from);
                idle.unwrap_or(keep.map_or(TWO_HOURS, |k| k.idle).as_secs() as i32)
            }
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT) => {
                options.keep_count.unwrap_or(KEEP_COUNT).into()
            }
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT) => config.user_timeout.map_or(0, ms),
            (libc::IPPROTO_TCP, libc::TCP_LINGER2) => {
                config.fin_wait_2.map_or(0, |d| d.as_secs() as i32)
            }
            (libc::IPPROTO_TCP, libc::TCP_INFO) => {
                // The first byte is `tcpi_state`; a script that asks for four bytes reads it as a number.
                let mut info = vec![0; TCP_INFO_LEN];
                if let Some(first) = info.first_mut() {
                    *first = number_in_linux(state);
                }
                return Ok(info);
            }
            _ => return Err(Errno::NOPROTOOPT),
        };
        Ok(int.to_ne_bytes().to_vec())
    }

    /// `fcntl`: F_GETFL and F_SETFL, of which only O_NONBLOCK means anything; F_GETFD and F_SETFD mean nothing.
    ///
    /// # Errors
    ///
    /// EBADF; EINVAL: another command.
    pub fn control(&mut self, fd: RawFd, command: i32, argument: i32) -> Result<i32, Errno> {
        let socket = self.find(fd)?;
        match command {
            libc::F_GETFL if socket.nonblocking => Ok(libc::O_RDWR | libc::O_NONBLOCK),
            libc::F_GETFL => Ok(libc::O_RDWR),
            libc::F_SETFL => {
                socket.nonblocking = argument & libc::O_NONBLOCK != 0;
                Ok(0)
            }
            libc::F_GETFD | libc::F_SETFD => Ok(0),
            _ => Err(Errno::INVAL),
        }
    }

    /// `ioctl`: what can be read (FIONREAD), what is not acknowledged (TIOCOUTQ), what was never sent (SIOCOUTQNSD), in bytes.
    ///
    /// # Errors
    ///
    /// EBADF; EINVAL: a listener; ENOTTY: another request.
    pub fn count(&mut self, fd: RawFd, request: u64) -> Result<i32, Errno> {
        use farewell::connection::Buffers;
        let handle = match &self.find(fd)?.kind {
            Kind::Connection { handle, .. } => *handle,
            Kind::Listener { .. } => return Err(Errno::INVAL),
            Kind::Fresh { .. } => return Ok(0),
        };
        let c = self
            .clock
            .stack
            .connection(handle)
            .map_err(|_| Errno::NOTCONN)?;
        let queued = c.buffers().queued();
        let n = match request {
            libc::FIONREAD => c.readable(),
            libc::TIOCOUTQ => queued,
            SIOCOUTQNSD => {
                let sent = c.snd_nxt().distance(c.snd_una());
                queued.saturating_sub(u32::try_from(sent).unwrap_or(0))
            }
            _ => return Err(Errno::NOTTY),
        };
        Ok(i32::try_from(n).unwrap_or(i32::MAX))
    }
}

const TWO_HOURS: Duration = Duration::from_secs(7_200);
/// linux/sockios.h.
const SIOCOUTQNSD: u64 = 0x894b;

/// By how much the header of IPv6 is longer, and segments shorter: the engine's MSS is that of IPv4.
fn more_header(v6: bool) -> u16 {
    if v6 { 20 } else { 0 }
}

/// A state as Linux numbers it (`TCP_ESTABLISHED` and so on).
fn number_in_linux(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
