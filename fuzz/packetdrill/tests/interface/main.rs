//! The shared library, loaded as packetdrill loads it, and driven through its table of functions in C. What packetdrill itself makes
//! of it is in `scripts.rs`; here nothing is needed but the library.

#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod captures;
#[path = "../common/library.rs"]
mod library;
mod loaded;

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use libc::{iovec, msghdr, pollfd};
use library::library;
use loaded::{ACK, FIN, Loaded, NOWHERE, PEER, PORT, RST, SYN, told};

const STATE: (i32, i32) = (libc::IPPROTO_TCP, libc::TCP_INFO);

#[test]
fn a_connection_from_listen_to_the_end_of_time_wait() {
    let mut l = Loaded::new("delayed_ack=off,time_wait=4s");
    let (fd, listener, iss) = l.accepted(40_000);
    assert_eq!(l.get(fd, STATE.0, STATE.1), Ok(1)); // ESTABLISHED
    assert_eq!(l.write(fd, b"farewell"), Ok(8));
    let text = l.sends().unwrap();
    assert_eq!((text.seq, text.len, text.ack), (iss, 8, 1));
    l.arrives(40_000, PORT, ACK, 1, iss + 8, b"and you");
    assert_eq!(l.sends_at(iss + 8), (ACK, 8));
    let mut room = [0; 100];
    assert_eq!(l.read(fd, &mut room), Ok(7));
    assert_eq!(&room[..7], b"and you");

    assert_eq!(l.shutdown(fd, libc::SHUT_WR), Ok(0));
    assert_eq!(l.sends_at(iss + 8), (FIN, 8));
    l.arrives(40_000, PORT, FIN, 8, iss + 9, &[]);
    assert_eq!(l.sends_at(iss + 9), (ACK, 9));
    assert_eq!(l.get(fd, STATE.0, STATE.1), Ok(6)); // TIME_WAIT
    assert_eq!(l.read(fd, &mut room), Ok(0));
    assert_eq!(l.close(fd), Ok(0));

    // The FIN comes again: acknowledged, and after TIME_WAIT a RST.
    l.sleep(1.0);
    l.arrives(40_000, PORT, FIN, 8, iss + 9, &[]);
    assert_eq!(l.sends_at(iss + 9), (ACK, 9));
    l.sleep(4.5);
    l.arrives(40_000, PORT, FIN, 8, iss + 9, &[]);
    assert_eq!(l.sends_at(iss + 9).0, RST);
    assert_eq!(l.close(listener), Ok(0));
    assert_eq!(l.sends(), None);
    l.free();
}

/// RFC 9293 MAY-2: reopened by a SYN above, with an ISN above. packetdrill cannot say "above".
#[test]
fn time_wait_is_reopened_with_a_number_above() {
    let l = Loaded::new("delayed_ack=off,timestamps=off");
    let (fd, listener, iss) = l.accepted(40_000);
    l.shutdown(fd, libc::SHUT_WR).unwrap();
    l.sends_at(iss);
    l.arrives(40_000, PORT, FIN, 1, iss + 1, &[]);
    l.sends_at(iss + 1);
    l.sleep(3.0);
    l.arrives(40_000, PORT, SYN, 100, 0, &[]);
    let answer = l.sends().unwrap();
    assert_eq!((answer.flags, answer.ack), (SYN.with(ACK), 101));
    let above = answer.seq.wrapping_sub(iss + 1) as i32;
    assert!(above >= 0, "{above}");
    l.arrives(40_000, PORT, ACK, 101, answer.seq.wrapping_add(1), b"again");
    let new = l.accept(listener).unwrap() as i32;
    assert_eq!(l.read(new, &mut [0; 10]), Ok(5));
}

/// RFC 9293 3.5.2: after an ABORT an old duplicate of the SYN is answered by a RST for as long as TIME_WAIT lasts, although
/// somebody listens. packetdrill cannot say the RST's number, which is zero and not one of the connection's.
#[test]
fn who_aborts_lingers() {
    let l = Loaded::new("timestamps=off,time_wait=4s");
    let (fd, listener, iss) = l.accepted(40_000);
    l.set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 0])
        .unwrap();
    l.close(fd).unwrap();
    assert_eq!(l.sends_at(iss).0, RST);
    l.sleep(1.0);
    l.arrives(40_000, PORT, SYN, 0, 0, &[]);
    assert_eq!(l.sends_at(0), (RST.with(ACK), 1));
    l.sleep(4.0);
    l.arrives(40_000, PORT, SYN, 0, 0, &[]);
    assert_eq!(l.sends().unwrap().flags, SYN.with(ACK));
    assert_eq!(l.get(listener, STATE.0, STATE.1), Ok(10));
}

/// Virtual time: hours pass at once, and stand still between calls but for a microsecond for each look at the clock.
#[test]
fn time_passes_only_when_the_script_waits() {
    let begun = Instant::now();
    let l = Loaded::new("");
    let at = l.clock();
    assert_eq!(l.clock(), at + 1);
    for _ in 0..4 {
        l.sleep(3_600.0);
    }
    assert_eq!(l.clock(), at + 2 + 4 * 3_600_000_000);
    let fd = l.socket();
    l.nonblocking(fd);
    assert_eq!(l.connect(fd), Err(libc::EINPROGRESS));
    let times: Vec<_> = (0..4).map(|_| l.sends().unwrap().at).collect();
    let gaps: Vec<_> = times
        .windows(2)
        .map(|t| (t[1] - t[0]) / 1_000_000)
        .collect();
    assert_eq!(gaps, [1, 2, 4]);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

/// Each refusal has its errno.
#[test]
fn every_refusal_has_its_errno() {
    let l = Loaded::new("");
    let t = &l.table;
    let socket =
        |domain, kind, protocol| told(unsafe { (t.socket)(t.userdata, domain, kind, protocol) });
    assert_eq!(
        socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
        Err(libc::EAFNOSUPPORT)
    );
    assert_eq!(
        socket(libc::AF_INET, libc::SOCK_DGRAM, 0),
        Err(libc::ESOCKTNOSUPPORT)
    );
    assert_eq!(
        socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        Err(libc::EPROTONOSUPPORT)
    );

    for call in [
        l.listen(99),
        l.accept(99),
        l.close(99),
        l.connect(99),
        l.bind(99, 1),
        l.read(99, &mut [0]),
    ] {
        assert_eq!(call, Err(libc::EBADF));
    }
    assert_eq!(l.write(99, &[0]), Err(libc::EBADF));
    assert_eq!(l.get(99, STATE.0, STATE.1), Err(libc::EBADF));

    let fresh = l.socket();
    assert_eq!(l.listen(fresh), Err(libc::EINVAL));
    assert_eq!(l.accept(fresh), Err(libc::EINVAL));
    assert_eq!(l.read(fresh, &mut [0; 9]), Err(libc::ENOTCONN));
    assert_eq!(l.write(fresh, b"x"), Err(libc::EPIPE));
    assert_eq!(l.shutdown(fresh, libc::SHUT_WR), Err(libc::ENOTCONN));
    assert_eq!(l.shutdown(fresh, 7), Err(libc::EINVAL));
    assert_eq!(
        l.set(fresh, libc::SOL_SOCKET, 9_999, &[1]),
        Err(libc::ENOPROTOOPT)
    );
    assert_eq!(
        l.get(fresh, libc::IPPROTO_TCP, 9_999),
        Err(libc::ENOPROTOOPT)
    );
    assert_eq!(
        l.set(fresh, libc::SOL_SOCKET, libc::SO_LINGER, &[1]),
        Err(libc::EINVAL)
    );
    assert_eq!(
        l.set(fresh, libc::SOL_SOCKET, libc::SO_REUSEADDR, &[]),
        Err(libc::EINVAL)
    );
    assert_eq!(
        l.set(fresh, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, &[0]),
        Err(libc::EINVAL)
    );
    assert_eq!(l.count(fresh, 77), Ok(0));
    assert_eq!(
        told(unsafe { (t.fcntl)(t.userdata, fresh, 1_234, 0) }),
        Err(libc::EINVAL)
    );

    let (fd, listener, _) = l.accepted(40_000);
    assert_eq!(l.bind(fd, 9), Err(libc::EINVAL));
    assert_eq!(l.connect(listener), Err(libc::EINVAL));
    assert_eq!(l.connect(fd), Err(libc::EISCONN));
    assert_eq!(l.count(listener, libc::FIONREAD), Err(libc::EINVAL));
    assert_eq!(l.count(fd, 77), Err(libc::ENOTTY));
    assert_eq!(l.bind(fresh, PORT), Err(libc::EADDRINUSE));
    let recv = |flags| {
        told(unsafe { (t.recv)(t.userdata, fd, [0u8; 9].as_mut_ptr().cast(), 9, flags) as i64 })
    };
    assert_eq!(recv(libc::MSG_OOB), Err(libc::EOPNOTSUPP));
    assert_eq!(recv(libc::MSG_DONTWAIT), Err(libc::EAGAIN));
    assert_eq!(
        told(unsafe { (t.write)(t.userdata, fd, NOWHERE, 9) as i64 }),
        Err(libc::EFAULT)
    );
    assert_eq!(
        told(unsafe { (t.write)(t.userdata, fd, NOWHERE, usize::MAX) as i64 }),
        Err(libc::EINVAL)
    );
    assert_eq!(
        told(unsafe { (t.writev)(t.userdata, fd, NOWHERE.cast(), -1) as i64 }),
        Err(libc::EINVAL)
    );
    assert_eq!(
        told(unsafe { (t.sendmsg)(t.userdata, fd, NOWHERE.cast(), 0) as i64 }),
        Err(libc::EFAULT)
    );
    assert_eq!(
        told(unsafe { (t.connect)(t.userdata, fd, NOWHERE.cast(), 16) }),
        Err(libc::EFAULT)
    );
    assert_eq!(
        told(unsafe { (t.epoll_create)(t.userdata, 1) }),
        Err(libc::ENOSYS)
    );
    assert_eq!(
        told(unsafe { (t.pipe)(t.userdata, NOWHERE.cast_mut().cast()) }),
        Err(libc::ENOSYS)
    );

    // A port that a connection holds; a peer that is none.
    let other = l.socket();
    assert_eq!(
        l.with_address(t.connect, other, [224, 0, 0, 1], 80),
        Err(libc::EINVAL)
    );
    assert_eq!(l.with_address(t.connect, other, PEER, 0), Err(libc::EINVAL));
    // Its end, told once.
    l.arrives(40_000, PORT, RST, 1, 0, &[]);
    assert_eq!(
        l.get(fd, libc::SOL_SOCKET, libc::SO_ERROR),
        Ok(libc::ECONNRESET.into())
    );
    assert_eq!(l.get(fd, libc::SOL_SOCKET, libc::SO_ERROR), Ok(0));
    assert_eq!(l.write(fd, b"x"), Err(libc::EPIPE));
    assert_eq!(l.read(fd, &mut [0; 9]), Ok(0));
}

/// What would hang fails: calls on the script's own thread for which nothing can arrive, and a wait for a packet that never comes.
#[test]
fn what_would_hang_is_an_error() {
    let begun = Instant::now();
    let l = Loaded::new("give_up_open=off,give_up=off");
    let (fd, listener, iss) = l.accepted(40_000);
    assert_eq!(l.accept(listener), Err(libc::EDEADLK));
    assert_eq!(l.read(fd, &mut [0; 9]), Err(libc::EDEADLK));
    let mut fds = [pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }];
    let poll = |fds: &mut [pollfd], ms| {
        told(unsafe { (l.table.poll)(l.table.userdata, fds.as_mut_ptr(), 1, ms) })
    };
    assert_eq!(poll(&mut fds, -1), Err(libc::EDEADLK));
    let at = l.clock();
    assert_eq!(poll(&mut fds, 1_500), Ok(0));
    assert!((1_500_000..1_500_010).contains(&(l.clock() - at)));
    assert_eq!(l.sends(), None);
    // The SYN is sent again for ever; a day of that is enough.
    let connecting = l.socket();
    assert_eq!(l.connect(connecting), Err(libc::EDEADLK));
    assert!(l.sends().is_some_and(|s| s.flags == SYN));
    // With R2 it ends as it would in a kernel.
    drop(l);
    let l = Loaded::new("");
    assert_eq!(l.connect(l.socket()), Err(libc::ETIMEDOUT));
    assert_ne!(iss, 0);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// A call on another thread waits for what the script does, returns at the moment of the packet, and time does not run away before
/// its thread has looked at the clock.
#[test]
fn a_blocked_call_returns_at_the_time_of_the_packet() {
    for _ in 0..50 {
        let l = Loaded::new("delayed_ack=off");
        let (fd, _, iss) = l.accepted(40_000);
        let begun = l.clock();
        let id = AtomicI32::new(0);
        let (returned, at) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                // SAFETY: it takes nothing.
                id.store(unsafe { libc::gettid() }, Ordering::SeqCst);
                let n = l.read(fd, &mut [0; 100]);
                (n, l.clock())
            });
            while !is_asleep(id.load(Ordering::SeqCst)) {
                std::thread::yield_now();
            }
            l.sleep(0.25);
            l.arrives(40_000, PORT, ACK, 1, iss, b"text");
            l.sleep(1_000.0);
            reader.join().unwrap()
        });
        assert_eq!(returned, Ok(4));
        assert!((250_000..251_000).contains(&(at - begun)), "{}", at - begun);
        assert_eq!(l.sends_at(iss), (ACK, 5));
    }
}

/// As packetdrill decides that a call has blocked.
fn is_asleep(thread: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    stat.is_ok_and(|s| s.rsplit(')').next().is_some_and(|s| s.starts_with(" S")))
}

/// packetdrill closes what the script leaves open, so descriptors are the kernel's.
#[test]
fn descriptors_are_real() {
    let is_open = |fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
    let mut l = Loaded::new("");
    let (closed, left) = (l.socket(), l.socket());
    assert!(is_open(closed) && is_open(left) && closed != left);
    l.close(closed).unwrap();
    assert!(!is_open(closed));
    l.free();
    assert!(is_open(left), "packetdrill's own close would fail");
    assert_eq!(unsafe { libc::close(left) }, 0);
}

#[test]
fn wrong_flags_fail_every_call() {
    for flags in ["nonsense", "time_wait=soon", "mss=1"] {
        let l = Loaded::new(flags);
        let socket =
            unsafe { (l.table.socket)(l.table.userdata, libc::AF_INET, libc::SOCK_STREAM, 0) };
        assert_eq!(told(socket), Err(libc::EINVAL), "{flags}");
        assert_eq!(l.close(0), Err(libc::EINVAL));
        assert_eq!(l.sends(), None); // and no hang
    }
}

#[test]
fn pieces_messages_options_and_readiness() {
    let l = Loaded::new("delayed_ack=off,nagle=on");
    let (fd, _, iss) = l.accepted(40_000);
    let t = &l.table;
    let piece = |s: &[u8]| iovec {
        iov_base: s.as_ptr().cast_mut().cast(),
        iov_len: s.len(),
    };
    let from = [piece(b"fare"), piece(b""), piece(b"well")];
    assert_eq!(unsafe { (t.writev)(t.userdata, fd, from.as_ptr(), 3) }, 8);
    assert_eq!(l.count(fd, libc::TIOCOUTQ), Ok(8));
    assert_eq!(l.count(fd, 0x894b), Ok(0));
    let text = l.sends().unwrap();
    assert_eq!((text.seq, text.len), (iss, 8));

    l.arrives(40_000, PORT, ACK, 1, iss + 8, b"0123456789");
    assert_eq!(
        (l.count(fd, libc::TIOCOUTQ), l.count(fd, libc::FIONREAD)),
        (Ok(0), Ok(10))
    );
    let ready = |events| {
        let mut fds = [pollfd {
            fd,
            events,
            revents: 0,
        }];
        let n = unsafe { (t.poll)(t.userdata, fds.as_mut_ptr(), 1, 0) };
        (n, fds[0].revents)
    };
    assert_eq!(
        ready(libc::POLLIN | libc::POLLOUT),
        (1, libc::POLLIN | libc::POLLOUT)
    );
    let (mut a, mut b) = ([0u8; 3], [0u8; 100]);
    let mut to = [a.as_mut_ptr(), b.as_mut_ptr()].map(|at| iovec {
        iov_base: at.cast(),
        iov_len: 3,
    });
    to[1].iov_len = 100;
    let mut message: msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (to.as_mut_ptr(), 2);
    assert_eq!(unsafe { (t.recvmsg)(t.userdata, fd, &mut message, 0) }, 10);
    assert_eq!((&a, &b[..7]), (b"012", &b"3456789"[..]));
    assert_eq!(ready(libc::POLLIN), (0, 0));

    l.set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &[1])
        .unwrap();
    assert_eq!(l.get(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY), Ok(1));
    l.set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &[1, 5])
        .unwrap();
    assert_eq!(l.get(fd, libc::SOL_SOCKET, libc::SO_LINGER), Ok(1));
    l.set(fd, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, &[2_500])
        .unwrap();
    assert_eq!(
        l.get(fd, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
        Ok(2_500)
    );
    // A port held by a connection, and the listener of it gone.
    l.arrives(40_000, PORT, FIN, 11, iss + 8, &[]);
    let revents = libc::POLLIN | libc::POLLRDHUP;
    assert_eq!(ready(revents), (1, revents));
}
