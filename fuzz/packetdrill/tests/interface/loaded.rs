//! The library as packetdrill uses it: loaded, and called through its table.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use farewell::seq::SeqNumber;
use farewell::wire::{Addresses, Checksums, Flags, Header, Options, Packet, emit_packet};
use farewell_packetdrill::address;
use farewell_packetdrill::interface::Interface;
use libc::{sockaddr, socklen_t, timeval};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW, Symbol};

pub(crate) const HERE: [u8; 4] = [192, 168, 0, 1];
pub(crate) const PEER: [u8; 4] = [192, 0, 2, 1];
pub(crate) const PORT: u16 = 8080;

pub(crate) const SYN: Flags = Flags::SYN;
pub(crate) const ACK: Flags = Flags::ACK;
pub(crate) const RST: Flags = Flags::RST;
pub(crate) const FIN: Flags = Flags::FIN.with(Flags::ACK);

/// The table of a loaded library.
pub(crate) struct Loaded {
    pub(crate) table: Interface,
    freed: bool,
    // Last: the code goes when nobody calls it any more.
    _library: Library,
}

// Calls come from two threads, as packetdrill's do.
unsafe impl Sync for Loaded {}

/// A segment, as the tests look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) flags: Flags,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) len: usize,
    pub(crate) from: u16,
    pub(crate) to: u16,
    /// Microseconds.
    pub(crate) at: i64,
}

impl Loaded {
    pub(crate) fn new(flags: &str) -> Self {
        let flags = CString::new(flags).unwrap();
        let mut table = std::mem::MaybeUninit::<Interface>::uninit();
        // SAFETY: the library of this workspace; its function is of this type, and fills the table.
        unsafe {
            // As packetdrill does: it stays when it is closed, for threads that end later look back at it.
            let how = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE | libc::RTLD_DEEPBIND;
            let library = Library::open(Some(super::library()), how).unwrap();
            let init: Symbol<unsafe extern "C" fn(*const c_char, *mut Interface)> =
                library.get(b"packetdrill_interface_init").unwrap();
            init(flags.as_ptr(), table.as_mut_ptr());
            Loaded {
                table: table.assume_init(),
                freed: false,
                _library: library,
            }
        }
    }

    /// As packetdrill ends.
    pub(crate) fn free(&mut self) {
        if !std::mem::replace(&mut self.freed, true) {
            unsafe { (self.table.free)(self.table.userdata) }
        }
    }

    pub(crate) fn socket(&self) -> c_int {
        let fd = unsafe {
            (self.table.socket)(self.table.userdata, libc::AF_INET, libc::SOCK_STREAM, 0)
        };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        fd
    }

    /// A call that is given an address.
    pub(crate) fn with_address(
        &self,
        call: unsafe extern "C" fn(*mut c_void, c_int, *const sockaddr, socklen_t) -> c_int,
        fd: c_int,
        ip: [u8; 4],
        port: u16,
    ) -> Result<i64, i32> {
        let (bytes, len) = address::write((ip, port).into());
        let at = bytes.as_ptr().cast();
        told(unsafe { call(self.table.userdata, fd, at, len as socklen_t) })
    }

    pub(crate) fn bind(&self, fd: c_int, port: u16) -> Result<i64, i32> {
        self.with_address(self.table.bind, fd, [0; 4], port)
    }

    pub(crate) fn connect(&self, fd: c_int) -> Result<i64, i32> {
        self.with_address(self.table.connect, fd, PEER, PORT)
    }

    pub(crate) fn listen(&self, fd: c_int) -> Result<i64, i32> {
        told(unsafe { (self.table.listen)(self.table.userdata, fd, 5) })
    }

    pub(crate) fn accept(&self, fd: c_int) -> Result<i64, i32> {
        let (mut peer, mut len) = ([0u8; 28], 28);
        let fd = told(unsafe {
            (self.table.accept)(self.table.userdata, fd, peer.as_mut_ptr().cast(), &mut len)
        })?;
        assert_eq!((len, &peer[4..8]), (16, &PEER[..]));
        Ok(fd)
    }

    pub(crate) fn read(&self, fd: c_int, to: &mut [u8]) -> Result<i64, i32> {
        told(unsafe {
            (self.table.read)(self.table.userdata, fd, to.as_mut_ptr().cast(), to.len()) as i64
        })
    }

    pub(crate) fn write(&self, fd: c_int, from: &[u8]) -> Result<i64, i32> {
        told(unsafe {
            (self.table.write)(self.table.userdata, fd, from.as_ptr().cast(), from.len()) as i64
        })
    }

    pub(crate) fn shutdown(&self, fd: c_int, how: c_int) -> Result<i64, i32> {
        told(unsafe { (self.table.shutdown)(self.table.userdata, fd, how) })
    }

    pub(crate) fn close(&self, fd: c_int) -> Result<i64, i32> {
        told(unsafe { (self.table.close)(self.table.userdata, fd) })
    }

    pub(crate) fn nonblocking(&self, fd: c_int) {
        let set =
            unsafe { (self.table.fcntl)(self.table.userdata, fd, libc::F_SETFL, libc::O_NONBLOCK) };
        assert_eq!(set, 0);
    }

    pub(crate) fn set(
        &self,
        fd: c_int,
        level: c_int,
        name: c_int,
        value: &[i32],
    ) -> Result<i64, i32> {
        let (at, len) = (value.as_ptr().cast(), (value.len() * 4) as socklen_t);
        told(unsafe { (self.table.setsockopt)(self.table.userdata, fd, level, name, at, len) })
    }

    pub(crate) fn get(&self, fd: c_int, level: c_int, name: c_int) -> Result<i64, i32> {
        let (mut value, mut len) = (0i32, 4);
        let at: *mut i32 = &mut value;
        told(unsafe {
            (self.table.getsockopt)(self.table.userdata, fd, level, name, at.cast(), &mut len)
        })?;
        Ok(value.into())
    }

    pub(crate) fn count(&self, fd: c_int, request: u64) -> Result<i64, i32> {
        let mut n = 0;
        told(unsafe { (self.table.ioctl)(self.table.userdata, fd, request, &mut n) })?;
        Ok(n.into())
    }

    pub(crate) fn sleep(&self, seconds: f64) {
        let slept = unsafe { (self.table.usleep)(self.table.userdata, (seconds * 1e6) as u32) };
        assert_eq!(slept, 0);
    }

    /// Microseconds.
    pub(crate) fn clock(&self) -> i64 {
        let mut time = timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        let looked =
            unsafe { (self.table.gettimeofday)(self.table.userdata, &mut time, null_mut()) };
        assert_eq!(looked, 0);
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    /// The peer sends a segment from this port.
    pub(crate) fn arrives(
        &self,
        from: u16,
        to: u16,
        flags: Flags,
        seq: u32,
        ack: u32,
        text: &[u8],
    ) {
        let header = Header {
            src_port: from,
            dst_port: to,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags,
            window: 65_535,
            urgent: 0,
            options: Options::default(),
        };
        let addresses = Addresses::V4 {
            src: PEER.into(),
            dst: HERE.into(),
        };
        let mut packet = [0; 2_000];
        let len = emit_packet(
            &header,
            &addresses,
            (text, &[]),
            &mut packet,
            Checksums::Verify,
        )
        .unwrap();
        let sent =
            unsafe { (self.table.netdev_send)(self.table.userdata, packet.as_ptr().cast(), len) };
        assert_eq!(sent, 0);
    }

    /// The next segment that is sent; none if none will be.
    pub(crate) fn sends(&self) -> Option<Seen> {
        let mut packet = [0u8; 2_000];
        let (mut len, mut at) = (packet.len(), 0);
        let got = unsafe {
            (self.table.netdev_receive)(
                self.table.userdata,
                packet.as_mut_ptr().cast(),
                &mut len,
                &mut at,
            )
        };
        assert_eq!(got, 0);
        if len == 0 {
            return None;
        }
        let parsed = Packet::parse(&packet[..len]).unwrap();
        let expected = Addresses::V4 {
            src: HERE.into(),
            dst: PEER.into(),
        };
        assert_eq!(parsed.addresses, expected);
        let h = parsed.segment.header;
        Some(Seen {
            flags: h.flags,
            seq: h.seq.0,
            ack: h.ack.0,
            len: parsed.segment.payload.len(),
            from: h.src_port,
            to: h.dst_port,
            at,
        })
    }

    /// Flags and acknowledgment of what is sent next, which must have this number.
    pub(crate) fn sends_at(&self, seq: u32) -> (Flags, u32) {
        let seen = self.sends().expect("a segment");
        assert_eq!(seen.seq, seq, "{seen:?}");
        (seen.flags, seen.ack)
    }

    /// A connection that a peer opened from this port, with ISN 0: its socket, the listener and our first number behind the SYN.
    pub(crate) fn accepted(&self, from: u16) -> (c_int, c_int, u32) {
        let listener = self.socket();
        self.bind(listener, PORT).unwrap();
        self.listen(listener).unwrap();
        self.arrives(from, PORT, SYN, 0, 0, &[]);
        let answer = self.sends().unwrap();
        assert_eq!((answer.flags, answer.ack), (SYN.with(ACK), 1));
        assert_eq!((answer.from, answer.to), (PORT, from));
        let next = answer.seq.wrapping_add(1);
        self.arrives(from, PORT, ACK, 1, next, &[]);
        (self.accept(listener).unwrap() as c_int, listener, next)
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.free();
    }
}

/// A result of C, with errno.
pub(crate) fn told(result: impl Into<i64>) -> Result<i64, i32> {
    match result.into() {
        -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        n => Ok(n),
    }
}

/// A null pointer where C expects a buffer.
pub(crate) const NOWHERE: *const c_void = null();
