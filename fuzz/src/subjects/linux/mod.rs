//! The TCP of the Linux kernel as a [`Stack`], in real time: through a TUN, in a network namespace of its own. Each script
//! has a port of its own, so that many run at once. Wherever the user's interface cannot do what RFC 9293's calls do, the
//! call is refused and nothing happens: between SYN and the end of the handshake a passive open has no socket yet.
//!
//! The window is four bytes by the route's metric. Linux offers it whatever has not been read, see [`Terms::steady_window`].

mod calls;
mod wire;

use std::ffi::OsString;
use std::net::SocketAddrV4;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use farewell::State;
use farewell_model::endpoint::Flags;
use farewell_tun::Device;
use farewell_tun::device::Sent;
use farewell_tun::namespace::{self, NamespaceError};

use super::{Stack, Terms};
use crate::oracle::packet::{self, PEER, SUBJECT};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};
use calls::User;
use wire::{HERE, THERE, readdress, wire};

/// An answer that is given at once has come by then.
const AT_ONCE: Duration = Duration::from_millis(10);
/// In SYN_SENT an unacceptable acknowledgment draws the SYN again after TCP_TIMEOUT_MIN, two jiffies, behind the RST.
const SYN_AGAIN: Duration = Duration::from_millis(30);
const FIRST_PORT: u16 = 1_024;
const PORTS: u16 = u16::MAX - FIRST_PORT + 1;
/// `tcp_fin_timeout`.
const FIN_WAIT_2: u64 = 20;
/// TCP_TIMEWAIT_LEN: nothing makes it shorter.
const TIME_WAIT: u64 = 60;

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Linux;

impl Stack for Linux {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn terms(&self) -> Terms {
        Terms {
            time_wait: TIME_WAIT * 1_000_000,
            fin_wait_2: Some(FIN_WAIT_2 * 1_000_000),
            full_close: true,
            steady_window: true,
            whole_windows: true,
            real_time: true,
            watched: 28,
            watched_repeating: 28,
            ..Terms::default()
        }
    }

    fn expectations(&self) -> &'static str {
        include_str!("../../../expectations/linux.txt")
    }

    fn at_once(&self) -> usize {
        1_000
    }

    fn elsewhere(&self, args: &[OsString]) -> Result<Option<ExitCode>, SubjectError> {
        let first = std::env::args_os().nth(1).unwrap_or_default();
        let Some(outside) = namespace::outside(&first) else {
            let Err(why) = namespace::enter(args);
            return Err(broken(&why));
        };
        match namespace::require_inside(outside) {
            Ok(()) => Ok(None),
            Err(why @ NamespaceError::NotInside) => {
                eprintln!("conform: linux: {why}");
                Ok(Some(ExitCode::from(2)))
            }
            Err(why) => Err(broken(&why)),
        }
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let port = free(&NEXT, |port| wire()?.has(SocketAddrV4::new(HERE, port)))?;
        Ok(Box::new(Host {
            here: SocketAddrV4::new(HERE, port),
            began: Instant::now(),
            user: User::None,
            before: None,
            read: Vec::new(),
            came: Vec::new(),
            sent: None,
            repeats: false,
            begins_narrow: false,
            syn: None,
        }))
    }
}

/// The next port of which the kernel has no connection any more.
fn free(
    next: &AtomicU64,
    mut is_taken: impl FnMut(u16) -> Result<bool, SubjectError>,
) -> Result<u16, SubjectError> {
    for _ in 0..PORTS {
        let n = next.fetch_add(1, Ordering::Relaxed) % u64::from(PORTS);
        let port = FIRST_PORT + n as u16;
        if !is_taken(port)? {
            return Ok(port);
        }
    }
    Err(broken(&"every port still has a connection: wait a minute"))
}

fn broken(why: &dyn std::fmt::Display) -> SubjectError {
    SubjectError::Broken(why.to_string())
}

struct Host {
    here: SocketAddrV4,
    began: Instant,
    user: User,
    /// What the user had when a SYN met TIME_WAIT: a listener is in its place.
    before: Option<User>,
    read: Vec<Output>,
    came: Vec<Vec<u8>>,
    /// The number behind all that was sent.
    sent: Option<u32>,
    /// A SYN or SYN,ACK was sent again: the connection begins with a congestion window of a segment (RFC 5681 3.1).
    begins_narrow: bool,
    /// The number of the last SYN that was sent, and whether it had an ACK.
    syn: Option<(u32, bool)>,
    /// Something was sent again, and is not acknowledged yet: the congestion window is a segment.
    repeats: bool,
}

impl Host {
    fn ends(&self) -> (packet::Socket, packet::Socket) {
        ((HERE.octets(), self.here.port()), (THERE.octets(), PEER.1))
    }

    /// Takes what has come out of the kernel.
    fn collect(&mut self) -> Result<(), SubjectError> {
        let mut wire = wire()?;
        wire.drain()?;
        let came = wire.came.remove(&self.here.port());
        drop(wire);
        for packet in came.unwrap_or_default() {
            if let Some(packet) = readdress(packet, SUBJECT, PEER) {
                self.note(&packet);
                self.came.push(packet);
            }
        }
        Ok(())
    }

    /// Notes whether text or FIN is sent again.
    fn note(&mut self, bytes: &[u8]) {
        let Ok(s) = packet::read(bytes, SUBJECT, PEER) else {
            return;
        };
        if s.is(Flags::SYN) && !s.is(Flags::RST) {
            let syn = (s.seq.raw(), s.is(Flags::ACK));
            self.begins_narrow = self.syn.replace(syn) == Some(syn);
        }
        // The SYN,ACK of a simultaneous open has its SYN's number, and is no repetition.
        let answers = s.is(Flags::SYN) && s.is(Flags::ACK);
        if s.seq_len() == 0 || s.is(Flags::RST) || answers {
            return;
        }
        let end = (s.seq + s.seq_len()).raw();
        match self.sent {
            Some(sent) if end.wrapping_sub(sent) as i32 <= 0 => self.repeats = true,
            _ => self.sent = Some(end),
        }
    }
}

impl Subject for Host {
    fn input(&mut self, _: Micros, input: Input) -> Result<(), SubjectError> {
        self.collect()?; // what a call may do hangs on what has been sent again
        let mut rest = AT_ONCE;
        let reply = match input {
            Input::Call(call, _) => self.call(call),
            Input::Packet(bytes, _) => {
                let (here, there) = self.ends();
                let is_syn =
                    packet::read(&bytes, PEER, SUBJECT).is_ok_and(|s| s.flags.has(Flags::SYN));
                let packet = readdress(bytes, there, here).ok_or_else(|| broken(&"no packet"))?;
                if self.between()?.is_some_and(|s| s.state == State::SynSent) {
                    rest = SYN_AGAIN;
                }
                if is_syn && self.before.is_none() {
                    self.before_syn()?;
                }
                match wire()?.tun.send(&packet).map_err(|e| broken(&e))? {
                    Sent::Done => Ok(()),
                    Sent::Later | Sent::Lost => Err(broken(&"the TUN lost a packet")),
                }
            }
        };
        sleep(rest);
        self.accept()?;
        self.after_syn()?;
        reply
    }

    fn now(&self) -> Micros {
        self.began.elapsed().as_micros() as Micros
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        if let Some(rest) = Duration::from_micros(to).checked_sub(self.began.elapsed()) {
            sleep(rest);
        }
        self.read.drain(..).for_each(|read| out(to, read));
        let _ = self.collect(); // who cannot say it here will with the next input
        self.came.drain(..).for_each(|p| out(to, Output::Packet(p)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_come_round_and_those_that_are_taken_are_passed_over() {
        let next = AtomicU64::new(0);
        let mut ports: Vec<u16> = (0..PORTS)
            .map(|_| free(&next, |_| Ok(false)).unwrap())
            .collect();
        assert_eq!((ports[0], ports.last()), (1_024, Some(&65_535)));
        ports.dedup();
        assert_eq!(ports.len(), usize::from(PORTS));
        let taken = |port| Ok(port < 1_030);
        assert_eq!(free(&next, taken), Ok(1_030));
        let refused = free(&next, |_| Ok(true)).unwrap_err();
        assert!(refused.to_string().contains("every port"), "{refused}");
    }
}
