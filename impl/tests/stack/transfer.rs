//! Much data, many connections, closed windows.

use std::time::Duration;

use farewell::State::{CloseWait, Established, FinWait2, LastAck, SynSent, TimeWait};
use farewell::connection::{Indication, Inline, Owned, Received, Reno, Unlimited};
use farewell::stack::{Handle, Heap, Limits, Provide, Reuse, Secrets};
use farewell::tuple::Tuple;
use farewell::{Config, Connection, Instant, Stack, State, timewait};

use super::net::*;

/// A small generator; any will do.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

fn byte(host: usize, at: usize) -> u8 {
    (at.wrapping_mul(31 + host) ^ (at >> 8) ^ (at >> 16)) as u8
}

/// One end of a transfer: how far it has written and read.
struct End {
    handle: Handle,
    written: usize,
    read: usize,
    ended: bool,
}

const MEGABYTE: usize = 1 << 20;

impl End {
    /// Writes what fits, reads what is there; shuts down when all is written.
    fn work(&mut self, net: &mut Net, host: usize) {
        let now = net.now;
        while self.written < MEGABYTE {
            let end = (self.written + 3_000).min(MEGABYTE);
            let text: Vec<u8> = (self.written..end).map(|at| byte(host, at)).collect();
            match net.hosts[host].send(now, self.handle, &text) {
                Ok(n) => self.written += n,
                Err(_) => break,
            }
            if self.written == MEGABYTE {
                net.shutdown(host, self.handle);
            }
        }
        let mut buf = [0; 5_000];
        while !self.ended {
            match net.hosts[host].receive(now, self.handle, &mut buf) {
                Ok(Received::Data(n)) => {
                    for b in &buf[..n] {
                        assert_eq!(*b, byte(1 - host, self.read), "byte {}", self.read);
                        self.read += 1;
                    }
                }
                Ok(Received::End) => self.ended = true,
                _ => break,
            }
        }
    }
}

/// A megabyte each way at once; says how long it took, and how many segments.
fn transfer(config: Config, buffer: usize, seed: u64, loss: u64) -> (Duration, usize) {
    let heap = || Heap::new(buffer, buffer, 1 << 30);
    let limits = Limits::default();
    let mut net = Net::of([
        stack_with(config, limits, 1, heap()),
        stack_with(config, limits, 2, heap()),
    ]);
    net.hosts[A].add_address(ip(A_IP)).unwrap();
    net.hosts[B].add_address(ip(B_IP)).unwrap();
    net.delay = Duration::from_millis(10);
    let mut random = Random(seed);
    if loss > 0 {
        net.lose = Box::new(move |_, _, _| random.one_in(loss));
    }
    let listener = net.listen();
    let a = net.connect();
    let end = |handle| End {
        handle,
        written: 0,
        read: 0,
        ended: false,
    };
    let (mut a, mut b) = (end(a), None);
    let begins = net.now;
    loop {
        if net.state(A, a.handle) != SynSent {
            a.work(&mut net, A); // in SYN_SENT a SHUTDOWN would end it
        }
        b = b.or_else(|| net.hosts[B].accept(listener).map(end));
        if let Some(b) = &mut b {
            b.work(&mut net, B);
            if a.ended && b.ended {
                break;
            }
        }
        assert!(
            net.step(begins + Duration::from_secs(3_600)),
            "it stands still"
        );
    }
    let took = net.now.since(begins);
    let b = b.unwrap();
    assert_eq!((a.read, b.read), (MEGABYTE, MEGABYTE));
    net.close(A, a.handle);
    net.close(B, b.handle);
    net.secs(300);
    net.is_clean(1);
    (took, net.log.len())
}

#[test]
fn a_megabyte_each_way() {
    let (took, segments) = transfer(config(), 8 * MEGABYTE, 1, 0);
    // Slow start from ten segments: 730 of them in seven round trips of 20 ms.
    assert!(took < Duration::from_millis(300), "{took:?}");
    assert!(segments < 2_400, "{segments}");
}

#[test]
fn a_megabyte_each_way_over_a_lossy_link() {
    for (seed, loss) in [(2, 100), (3, 20), (4, 20), (5, 8)] {
        for buffer in [10_000, 300_000] {
            for plain in [false, true] {
                let config = Config {
                    timestamps: !plain,
                    window_scaling: !plain,
                    nagle: !plain,
                    delayed_ack: config().delayed_ack.filter(|_| !plain),
                    ..config()
                };
                let (took, segments) = transfer(config, buffer, seed, loss);
                let most = Duration::from_secs(if loss < 10 { 1_200 } else { 300 });
                assert!(
                    took < most,
                    "1 in {loss}, {buffer}: {took:?}, {segments} segments"
                );
            }
        }
    }
}

#[test]
fn a_closed_window_is_probed_until_it_opens() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    let text: Vec<u8> = (0..12_000).map(|at| byte(A, at)).collect();
    assert_eq!(net.hosts[A].send(net.now, a, &text), Ok(8_192));
    // Nobody reads at B: its window closes. Longer than R2, with probes that are answered (MUST-37).
    net.secs(5);
    assert_eq!(net.hosts[B].readable(b), Ok(8_192));
    assert_eq!(
        net.hosts[A].send(net.now, a, &text[8_192..]),
        Ok(12_000 - 8_192)
    );
    net.secs(1);
    net.sent();
    net.secs(600);
    let probes = net.sent();
    assert!((8..20).contains(&(probes.len() / 2)), "{probes:?}");
    assert!(
        probes.chunks(2).all(|p| p == ["A ACK 1", "B ACK"]),
        "{probes:?}"
    );
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (Established, Established)
    );
    let mut read = net.read(B, b).0;
    net.settle();
    assert_eq!(net.sent().first().map(String::as_str), Some("B ACK"));
    net.secs(5); // and the rest came
    read.extend(net.read(B, b).0);
    assert_eq!(read, text);
    assert_eq!(net.told(A, a).last(), Some(&Indication::Writable));
}

#[test]
fn an_update_that_is_lost_is_asked_for() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.send(A, a, &[1; 8_192]);
    net.secs(5);
    net.send(A, a, &[2; 100]);
    net.shutdown(A, a);
    net.settle();
    net.lose = Box::new(|from, _, _| from == B);
    assert_eq!(net.read(B, b).0.len(), 8_192);
    net.settle();
    net.lose = Box::new(|_, _, _| false);
    net.secs(60);
    assert_eq!(net.read(B, b), (vec![2; 100], true));
    assert_eq!(net.state(A, a), FinWait2);
}

/// Takes all that each host sends to the other as one batch, until nothing is sent.
fn in_batches(hosts: &mut [Stack<Heap>; 2], now: Instant) -> usize {
    let mut taken = 0;
    loop {
        let before = taken;
        for from in [A, B] {
            let mut packets: Vec<Vec<u8>> = Vec::new();
            let mut buf = [0; 1_600];
            while let Some(sent) = hosts[from].poll_transmit(now, &mut buf).unwrap() {
                packets.push(buf[..sent.len].to_vec());
            }
            let all: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
            let n = hosts[1 - from].handle_batch(now, &all);
            assert_eq!(n, all.len());
            taken += n;
        }
        if taken == before {
            return taken;
        }
    }
}

#[test]
fn ten_thousand_connections_in_batches() {
    const MANY: usize = 10_000;
    let limits = Limits {
        half_open: MANY as u32,
        backlog: MANY as u32,
        orphans: MANY as u32,
        replies: MANY as u32,
        ..Limits::for_connections(MANY as u32)
    };
    let heap = || Heap::new(64, 64, MANY * 128);
    let mut hosts = [1, 2].map(|n| stack_with(config(), limits, n, heap()));
    hosts[A].add_address(ip(A_IP)).unwrap();
    hosts[B].add_address(ip(B_IP)).unwrap();
    let mut now = Instant(5_000_000);
    let listener = hosts[B]
        .listen(at("0.0.0.0", 80), MANY as u32, Reuse::No)
        .unwrap();
    for round in 0..3 {
        let a: Vec<Handle> = (0..MANY)
            .map(|_| {
                hosts[A]
                    .connect(now, None, at(B_IP, 80), Reuse::No)
                    .unwrap()
            })
            .collect();
        assert_eq!(in_batches(&mut hosts, now), 3 * MANY);
        assert!(
            hosts[A]
                .connect(now, None, at(B_IP, 80), Reuse::No)
                .is_err()
        );
        let b: Vec<Handle> = std::iter::from_fn(|| hosts[B].accept(listener)).collect();
        assert_eq!((b.len(), hosts[B].count(Established)), (MANY, MANY));
        for (n, handle) in a.iter().enumerate() {
            let text = (n as u32).to_be_bytes();
            assert_eq!(hosts[A].send(now, *handle, &text), Ok(4));
        }
        assert_eq!(in_batches(&mut hosts, now), MANY);
        for handle in &b {
            let mut text = [0; 8];
            assert_eq!(
                hosts[B].receive(now, *handle, &mut text),
                Ok(Received::Data(4))
            );
            let n = u32::from_be_bytes([text[0], text[1], text[2], text[3]]);
            let (here, there) = (hosts[B].tuple(*handle), hosts[A].tuple(a[n as usize]));
            assert_eq!(here.unwrap().remote(), there.unwrap().local());
        }
        for handle in &a {
            hosts[A].close(now, *handle).unwrap();
        }
        in_batches(&mut hosts, now);
        assert_eq!(
            (hosts[A].count(FinWait2), hosts[B].count(CloseWait)),
            (MANY, MANY)
        );
        for handle in &b {
            hosts[B].close(now, *handle).unwrap();
        }
        in_batches(&mut hosts, now);
        assert_eq!(
            (hosts[A].count(TimeWait), hosts[B].count(LastAck)),
            (MANY, 0)
        );
        assert_eq!((hosts[A].len(), hosts[B].len()), (0, 0));
        while hosts.iter_mut().any(|h| h.poll_event().is_some()) {}
        // All of them end in the same moment, in calls of bounded work.
        now = now + Duration::from_secs(60);
        let mut calls = 0;
        while hosts[A].poll_timeout().is_some_and(|due| due <= now) {
            hosts[A].handle_timeout(now);
            calls += 1;
        }
        assert!((40..=42).contains(&calls), "{calls}");
        assert_eq!(hosts[A].count(TimeWait), 0);
        assert_eq!(hosts[A].counters().active, (round + 1) * MANY as u64);
    }
    assert_eq!(hosts[A].counters().replies_dropped, 0);
}

#[test]
fn those_with_much_to_send_take_turns() {
    let heap = || Heap::new(100_000, 100_000, 1 << 30);
    let mut net = Net::of([1, 2].map(|n| stack_with(config(), Limits::default(), n, heap())));
    net.hosts[A].add_address(ip(A_IP)).unwrap();
    net.hosts[B].add_address(ip(B_IP)).unwrap();
    net.listen();
    let a: Vec<Handle> = (0..3).map(|_| net.connect()).collect();
    net.settle();
    for handle in &a {
        net.send(A, *handle, &[0; 50_000]);
    }
    let mut buf = [0; 1_600];
    let order: Vec<Tuple> = std::iter::from_fn(|| {
        let sent = net.hosts[A].poll_transmit(net.now, &mut buf).unwrap();
        sent.map(|sent| sent.tuple)
    })
    .collect();
    // The initial window is ten segments; a turn is eight.
    let turns: Vec<(usize, usize)> = order
        .chunk_by(|x, y| x == y)
        .map(|turn| {
            let whose = a.iter().position(|a| net.hosts[A].tuple(*a) == Ok(turn[0]));
            (whose.unwrap(), turn.len())
        })
        .collect();
    assert_eq!(turns, [(0, 8), (1, 8), (2, 8), (0, 2), (1, 2), (2, 2)]);
}

/// No memory at all, to weigh what else there is.
struct Nothing;

impl Provide for Nothing {
    type Buffers = Inline<0, 0>;
    type Congestion = Unlimited;

    fn provide(&mut self, _: &Tuple) -> Option<(Inline<0, 0>, Unlimited)> {
        None
    }
}

#[test]
fn a_connection_weighs_at_most_512_bytes() {
    let buffers = size_of::<Owned>();
    println!(
        "Connection<Owned, Reno>: {} bytes",
        size_of::<Connection<Owned, Reno>>()
    );
    println!("Owned: {buffers} bytes, and what is in its boxes");
    println!(
        "a connection in a stack: {} bytes",
        Stack::<Heap>::BYTES_PER_CONNECTION
    );
    println!(
        "the same without buffers: {} bytes",
        Stack::<Nothing>::BYTES_PER_CONNECTION
    );
    const { assert!(Stack::<Heap>::BYTES_PER_CONNECTION <= 512) };
    const { assert!(Stack::<Nothing>::BYTES_PER_CONNECTION <= 512) };
}

#[test]
fn what_there_is_no_memory_for_is_an_error() {
    let limits = Limits {
        time_waits: timewait::Limits {
            v4: u32::MAX,
            v6: u32::MAX,
        },
        connections: u32::MAX,
        ..Limits::default()
    };
    let secrets = farewell::stack::Secrets::new([0; 64]);
    let many = Stack::new(
        Config::default(),
        limits,
        secrets,
        Heap::new(1, 1, 1),
        Instant(0),
    );
    if let Ok(stack) = many {
        assert_eq!(stack.count(State::Established), 0); // a machine that promises anything
    }
}

/// The header of IPv6 is 20 bytes longer: segments are as much shorter, in what is offered and in what is sent.
#[test]
fn packets_of_either_family_fit_the_link() {
    for (ip, other, mss) in [
        ("192.0.2.1", "192.0.2.2", 1_460),
        ("2001:db8::1", "2001:db8::2", 1_440),
    ] {
        let heap = || Heap::new(20_000, 20_000, 1 << 20);
        let limits = Limits {
            time_waits: timewait::Limits { v4: 9, v6: 9 },
            ..Limits::for_connections(9)
        };
        let config = Config {
            timestamps: false,
            ..Config::default()
        };
        let now = Instant(0);
        let mut hosts =
            [1, 2].map(|n| Stack::new(config, limits, Secrets::new([n; 64]), heap(), now).unwrap());
        hosts[0].add_address(ip.parse().unwrap()).unwrap();
        hosts[1].add_address(other.parse().unwrap()).unwrap();
        let server = std::net::SocketAddr::new(other.parse().unwrap(), 80);
        hosts[1].listen(server, 1, Reuse::No).unwrap();
        let c = hosts[0].connect(now, None, server, Reuse::No).unwrap();
        let (mut longest, mut offered) = (0, Vec::new());
        let mut buf = [0; 2_000];
        for round in 0..9 {
            if round == 4 {
                assert_eq!(hosts[0].send(now, c, &[0; 20_000]), Ok(20_000));
            }
            for n in 0..2 {
                while let Some(out) = hosts[n].poll_transmit(now, &mut buf).unwrap() {
                    let packet = farewell::wire::Packet::parse(&buf[..out.len]).unwrap();
                    offered.extend(packet.segment.header.options.mss);
                    longest = longest.max(out.len);
                    hosts[1 - n].handle_packet(now, &buf[..out.len]).unwrap();
                }
            }
        }
        assert_eq!((longest, offered), (1_500, vec![mss; 2]), "{ip}");
    }
}
