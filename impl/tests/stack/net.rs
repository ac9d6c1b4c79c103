//! Two stacks and the network between them, in virtual time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use farewell::connection::{Indication, Received};
use farewell::stack::{Event, Handle, Heap, Limits, ListenerId, Reuse, Secrets};
use farewell::wire::{Flags, Header, Packet};
use farewell::{Config, Instant, Stack, State};

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

pub(crate) const A_IP: &str = "192.0.2.1";
pub(crate) const B_IP: &str = "192.0.2.2";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(text), port)
}

pub(crate) fn config() -> Config {
    Config {
        time_wait: Duration::from_secs(60),
        ..Config::default()
    }
}

/// What the network does with a segment.
pub(crate) type Fate = Box<dyn FnMut(usize, &Header, usize) -> bool>;

pub(crate) struct Net {
    pub(crate) hosts: [Stack<Heap>; 2],
    pub(crate) now: Instant,
    /// One way.
    pub(crate) delay: Duration,
    /// Says of a segment from a host, with so much text, whether it is lost.
    pub(crate) lose: Fate,
    pub(crate) told: [Vec<Event>; 2],
    /// Every segment sent: `A SYN`, `B FIN,ACK 5` with the length of its text.
    pub(crate) log: Vec<String>,
    under_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sent: u64,
}

pub(crate) fn stack(config: Config, limits: Limits, n: u8) -> Stack<Heap> {
    let heap = Heap::new(8_192, 8_192, 1 << 30);
    stack_with(config, limits, n, heap)
}

pub(crate) fn stack_with(config: Config, limits: Limits, n: u8, heap: Heap) -> Stack<Heap> {
    let random = core::array::from_fn(|at| at as u8 ^ n);
    Stack::new(config, limits, Secrets::new(random), heap, Instant(0)).unwrap()
}

impl Net {
    pub(crate) fn new(config: Config) -> Net {
        Net::with(config, Limits::default(), Limits::default())
    }

    pub(crate) fn with(config: Config, a: Limits, b: Limits) -> Net {
        let mut hosts = [stack(config, a, 1), stack(config, b, 2)];
        hosts[A].add_address(ip(A_IP)).unwrap();
        hosts[B].add_address(ip(B_IP)).unwrap();
        Net::of(hosts)
    }

    pub(crate) fn of(hosts: [Stack<Heap>; 2]) -> Net {
        Net {
            hosts,
            now: Instant(1_000_000),
            delay: Duration::ZERO,
            lose: Box::new(|_, _, _| false),
            told: [Vec::new(), Vec::new()],
            log: Vec::new(),
            under_way: BTreeMap::new(),
            sent: 0,
        }
    }

    /// B listens on port 80, and nobody holds it.
    pub(crate) fn listen(&mut self) -> ListenerId {
        self.hosts[B].listen(at(B_IP, 80), 128, Reuse::No).unwrap()
    }

    /// A connects to it; nothing is sent yet.
    pub(crate) fn connect(&mut self) -> Handle {
        let to = at(B_IP, 80);
        self.hosts[A]
            .connect(self.now, None, to, Reuse::No)
            .unwrap()
    }

    /// An established connection: A's end, B's end.
    pub(crate) fn open(&mut self) -> (Handle, Handle) {
        let listener = self.listen();
        let a = self.connect();
        self.settle();
        let b = self.hosts[B].accept(listener).expect("a connection");
        self.settle();
        self.log.clear();
        (a, b)
    }

    /// All that can be sent without time passing is sent, and arrives if the network takes no time.
    pub(crate) fn settle(&mut self) {
        loop {
            for from in [A, B] {
                self.send_from(from);
            }
            if !self.deliver() {
                break;
            }
        }
        for (host, told) in self.hosts.iter_mut().zip(&mut self.told) {
            told.extend(std::iter::from_fn(|| host.poll_event()));
        }
    }

    fn send_from(&mut self, from: usize) {
        let mut buf = [0; 1_600];
        while let Some(sent) = self.hosts[from].poll_transmit(self.now, &mut buf).unwrap() {
            let bytes = &buf[..sent.len];
            let segment = Packet::parse(bytes)
                .expect("what is sent can be read")
                .segment;
            let (h, len) = (segment.header, segment.payload.len());
            let name = ["A", "B"][from];
            let text = if len > 0 {
                format!(" {len}")
            } else {
                String::new()
            };
            let flags = Flags(h.flags.0 & !Flags::PSH.0);
            self.log.push(format!("{name} {flags:?}{text}"));
            if !(self.lose)(from, &h, len) {
                self.sent += 1;
                self.under_way.insert(
                    (self.now + self.delay, self.sent),
                    (1 - from, bytes.to_vec()),
                );
            }
        }
    }

    /// The next segment arrives, if there is one by now.
    fn deliver(&mut self) -> bool {
        let now = self.now;
        let due = self.under_way.first_entry().filter(|e| e.key().0 <= now);
        let Some((to, bytes)) = due.map(|first| first.remove()) else {
            return false;
        };
        // Why it was dropped, the stack's counters tell.
        let _ = self.hosts[to].handle_packet(now, &bytes);
        true
    }

    /// The next moment at which something happens.
    pub(crate) fn next(&self) -> Option<Instant> {
        let timers = self.hosts.iter().filter_map(Stack::poll_timeout);
        let arrival = self.under_way.first_key_value().map(|(k, _)| k.0);
        timers.chain(arrival).min()
    }

    /// Time goes on to the next moment at which something happens, but not beyond `end`. False if that was the end.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        self.settle();
        let Some(next) = self.next().filter(|next| *next <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        for host in &mut self.hosts {
            host.handle_timeout(self.now);
        }
        self.settle();
        true
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    pub(crate) fn secs(&mut self, n: u64) {
        self.pass(Duration::from_secs(n));
    }

    /// What a connection's user was told.
    pub(crate) fn told(&self, host: usize, handle: Handle) -> Vec<Indication> {
        let mine = |event: &Event| match event {
            Event::Connection(h, i) if *h == handle => Some(*i),
            _ => None,
        };
        self.told[host].iter().filter_map(mine).collect()
    }

    pub(crate) fn state(&self, host: usize, handle: Handle) -> State {
        self.hosts[host].state(handle).unwrap()
    }

    pub(crate) fn send(&mut self, host: usize, handle: Handle, text: &[u8]) {
        assert_eq!(
            self.hosts[host].send(self.now, handle, text),
            Ok(text.len())
        );
    }

    /// Reads all there is; and whether the end was reached.
    pub(crate) fn read(&mut self, host: usize, handle: Handle) -> (Vec<u8>, bool) {
        let (mut all, mut buf) = (Vec::new(), [0; 4_096]);
        loop {
            match self.hosts[host].receive(self.now, handle, &mut buf) {
                Ok(Received::Data(n)) => all.extend_from_slice(&buf[..n]),
                Ok(Received::End) => return (all, true),
                _ => return (all, false),
            }
        }
    }

    pub(crate) fn shutdown(&mut self, host: usize, handle: Handle) {
        self.hosts[host].shutdown(self.now, handle).unwrap();
    }

    pub(crate) fn close(&mut self, host: usize, handle: Handle) {
        self.hosts[host].close(self.now, handle).unwrap();
    }

    pub(crate) fn abort(&mut self, host: usize, handle: Handle) {
        self.hosts[host].abort(self.now, handle).unwrap();
    }

    /// What was sent since this was last asked.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Neither host has anything left: no slot, no TIME_WAIT, no socket but listeners', no timer.
    pub(crate) fn is_clean(&self, listeners: usize) {
        for host in &self.hosts {
            let census = host.census(self.now);
            assert_eq!((census.total(), census.orphans), (0, 0), "{census}");
            assert_eq!((host.len(), host.poll_timeout()), (0, None), "{census}");
            assert_eq!(host.provider().used(), 0);
        }
        let sockets: usize = self.hosts.iter().map(|h| h.census(self.now).sockets).sum();
        assert_eq!(
            sockets,
            listeners * 2,
            "the listener's, and that of all addresses"
        );
    }
}
