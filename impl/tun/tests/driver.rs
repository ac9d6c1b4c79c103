//! The driver without a kernel: two of them, on a cable in memory that can be full, can lose, and can be cut.

#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use farewell::connection::Received;
use farewell::stack::{Heap, Limits, Reuse, Secrets};
use farewell::wire::Packet;
use farewell::{Config, Instant, Stack, State, rto};
use farewell_tun::capture::{CaptureError, Heading, Host};
use farewell_tun::device::{DeviceError, Sent};
use farewell_tun::driver::DriverError;
use farewell_tun::link::Direction;
use farewell_tun::{Capture, Device, Driver, Faults, Link};
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of a cable.
struct Cable {
    out: Queue,
    inward: Queue,
    /// The n-th packet is for later, lost, or finds the cable cut.
    fate: fn(u64) -> Result<Sent, DeviceError>,
    tried: u64,
}

impl Device for Cable {
    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<usize>, DeviceError> {
        Ok(self.inward.borrow_mut().pop_front().map(|p| {
            buf[..p.len()].copy_from_slice(&p);
            p.len()
        }))
    }

    fn send(&mut self, packet: &[u8]) -> Result<Sent, DeviceError> {
        self.tried += 1;
        let sent = (self.fate)(self.tried)?;
        if sent == Sent::Done {
            self.out.borrow_mut().push_back(packet.to_vec());
        }
        Ok(sent)
    }
}

fn host(last: u8, link: Link, (out, inward): (&Queue, &Queue)) -> Driver<Cable> {
    let config = Config {
        time_wait: Duration::from_secs(2),
        rto: rto::Limits {
            min: Duration::from_millis(50),
            max: Duration::from_secs(1),
            ..rto::Limits::default()
        },
        ..Config::default()
    };
    let (limits, secrets) = (Limits::default(), Secrets::new([last; 64]));
    let heap = Heap::new(8192, 8192, 1 << 20);
    let mut stack = Stack::new(config, limits, secrets, heap, Instant(0)).unwrap();
    stack.add_address([192, 0, 2, last].into()).unwrap();
    let cable = Cable {
        out: out.clone(),
        inward: inward.clone(),
        fate: |_| Ok(Sent::Done),
        tried: 0,
    };
    Driver::new(stack, cable, link)
}

fn pair(link: Link) -> [Driver<Cable>; 2] {
    let [a, b] = [Queue::default(), Queue::default()];
    [host(1, link, (&a, &b)), host(2, Link::perfect(), (&b, &a))]
}

/// A says so many bytes to B, which hears them all and the end; both close. Returns how long it took.
fn talk(hosts: &mut [Driver<Cable>; 2], len: usize) -> Result<Instant, DriverError> {
    let server = ([192, 0, 2, 2], 80).into();
    let [a, b] = hosts;
    let listener = b.stack_mut().listen(server, 4, Reuse::No).unwrap();
    let client = a
        .stack_mut()
        .connect(Instant(0), None, server, Reuse::No)
        .unwrap();
    let said: Vec<u8> = (0..len).map(|n| (n * n / 5) as u8).collect();
    let (mut sent, mut heard, mut accepted, mut over) = (0, Vec::new(), None, false);
    for ms in 0..600_000 {
        let now = Instant(ms * 1000);
        for host in [&mut *a, &mut *b] {
            while host.turn(now)? {}
            while host.stack_mut().poll_event().is_some() {}
        }
        if sent < len
            && let Ok(n) = a.stack_mut().send(now, client, &said[sent..])
        {
            sent += n;
            if sent == len {
                a.stack_mut().close(now, client).unwrap();
            }
        }
        accepted = accepted.or_else(|| b.stack_mut().accept(listener));
        let mut buf = [0; 1000];
        while let Some(handle) = accepted.filter(|_| !over) {
            match b.stack_mut().receive(now, handle, &mut buf).unwrap() {
                Received::Data(n) => heard.extend_from_slice(&buf[..n]),
                Received::Nothing => break,
                Received::End => {
                    b.stack_mut().close(now, handle).unwrap();
                    over = true;
                }
            }
        }
        let gone = |host: &Driver<Cable>| {
            host.stack().is_empty() && host.stack().count(State::TimeWait) == 0
        };
        if over && gone(a) && gone(b) {
            assert!(heard == said, "{} of {len} bytes", heard.len());
            assert!(a.link().is_empty() && a.next().is_none());
            return Ok(now);
        }
    }
    panic!("it is not over: {} of {len} bytes", heard.len());
}

#[test]
fn packets_pass_and_time_wait_is_over() {
    let mut hosts = pair(Link::perfect());
    talk(&mut hosts, 100_000).unwrap();
    let counts = hosts[0].counts();
    assert_eq!(counts.received, hosts[1].counts().sent);
    assert_eq!(counts.sent, hosts[1].counts().received);
    assert!(
        counts.sent > 70 && (counts.lost, counts.full) == (0, 0),
        "{counts:?}"
    );
}

#[test]
fn a_bad_link_only_costs_time() {
    let faults = Faults {
        lose: 100,
        duplicate: 100,
        reorder: 100,
        delay: 100,
        longest: Duration::from_millis(20),
    };
    let good = talk(&mut pair(Link::perfect()), 50_000).unwrap();
    let mut hosts = pair(Link::new(4, faults));
    assert!(talk(&mut hosts, 50_000).unwrap() > good);
    for direction in Direction::BOTH {
        let counts = hosts[0].link().counts(direction);
        assert!(
            counts.lost > 0 && counts.duplicated > 0 && counts.delayed > 0,
            "{counts:?}"
        );
    }
}

/// A device without room gets each packet later, and none is lost or comes in another order.
#[test]
fn a_full_device_is_waited_for() {
    let mut hosts = pair(Link::perfect());
    hosts[0].device_mut().fate = |n| Ok(if n % 3 == 0 { Sent::Done } else { Sent::Later });
    talk(&mut hosts, 50_000).unwrap();
    let counts = hosts[0].counts();
    assert!(counts.full > counts.sent && counts.lost == 0, "{counts:?}");
    assert_eq!(counts.sent, hosts[1].counts().received);
}

/// A device that is down is a network that loses.
#[test]
fn a_device_that_loses_is_a_bad_network() {
    let mut hosts = pair(Link::perfect());
    hosts[0].device_mut().fate = |n| Ok(if n % 7 == 0 { Sent::Lost } else { Sent::Done });
    talk(&mut hosts, 50_000).unwrap();
    assert!(hosts[0].counts().lost > 5);
}

#[test]
fn a_device_that_is_gone_is_an_error() {
    let mut hosts = pair(Link::perfect());
    hosts[0].device_mut().fate = |n| match n {
        10 => Err(DeviceError::Gone("farewell0".into())),
        _ => Ok(Sent::Done),
    };
    let error = talk(&mut hosts, 50_000).unwrap_err();
    assert_eq!(error.to_string(), "farewell0 is gone: it was deleted");
}

/// What was written, and can be asked for.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Each packet stands where it was sent and where it arrived, with its time and its checksums.
#[test]
fn both_ends_are_captured() {
    let faults = Faults {
        lose: 100,
        duplicate: 100,
        ..Faults::NONE
    };
    let mut hosts = pair(Link::new(9, faults));
    let paper = Paper::default();
    let zero = Duration::from_secs(1_700_000_000);
    hosts[0].set_capture(Capture::new(Box::new(paper.clone()), zero).unwrap());
    let ended = talk(&mut hosts, 50_000).unwrap();
    hosts[0].flush().unwrap();

    let bytes = paper.0.borrow().clone();
    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    let mut seen = [[0u64; 3]; 2];
    let mut last = zero;
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(p) = block.unwrap() {
            let heading = match &p.options[..] {
                [pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption::Flags(f)] => *f,
                other => panic!("{other:?}"),
            };
            seen[p.interface_id as usize][heading as usize] += 1;
            Packet::parse(&p.data).unwrap();
            assert!(last <= p.timestamp && p.timestamp <= zero + Duration::from_micros(ended.0));
            assert_eq!(p.original_len as usize, p.data.len());
            last = p.timestamp;
        }
    }
    let at = |host: Host, heading: Heading| seen[host as usize][heading as usize];
    let [to_farewell, to_kernel] = Direction::BOTH.map(|d| *hosts[0].link().counts(d));
    assert_eq!(at(Host::Kernel, Heading::Out), to_farewell.packets);
    assert_eq!(at(Host::Farewell, Heading::Out), to_kernel.packets);
    let arrived = |c: farewell_tun::link::Counts| c.packets - c.lost + c.duplicated;
    assert_eq!(at(Host::Farewell, Heading::In), arrived(to_farewell));
    assert_eq!(at(Host::Kernel, Heading::In), arrived(to_kernel));
    assert!(to_farewell.lost > 0 && to_farewell.duplicated > 0);
}

/// A disk that is full.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_capture_that_cannot_be_written_is_an_error() {
    let capture = Capture::new(Box::new(Full), Duration::ZERO);
    assert!(matches!(capture.err(), Some(CaptureError::Io(_))));
}
