//! Two hosts in memory: a connection opens, says something, and ends in each way in which one can end.
//!
//! `cargo run -p farewell --example farewell`

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use farewell::connection::Received;
use farewell::seq::SeqNumber;
use farewell::stack::{Handle, Heap, Limits, ListenerId, Reuse, Secrets};
use farewell::tuple::Tuple;
use farewell::wire::{Flags, Header, Packet};
use farewell::{Config, Instant, Stack, State};

type Outcome = Result<(), Box<dyn Error>>;

const DELAY: Duration = Duration::from_millis(5);
const WIDTH: usize = 46;

/// A line of the ladder: a segment, and the states of both hosts once it is sent and once it has arrived.
struct Line {
    sent: Instant,
    from: usize,
    text: String,
    states: [Option<State>; 2],
}

struct Net {
    hosts: [Stack<Heap>; 2],
    server: SocketAddr,
    listener: ListenerId,
    now: Instant,
    began: Instant,
    /// By when it arrives: to which host, which line of the ladder it is, and its bytes.
    under_way: BTreeMap<(Instant, usize), (usize, Vec<u8>)>,
    ladder: Vec<Line>,
    /// Of a sender.
    iss: HashMap<SocketAddr, SeqNumber>,
    /// The network loses the next segment of this host with these flags.
    loses: Option<(usize, Flags)>,
}

fn main() -> Outcome {
    let mut net = Net::new()?;

    net.title("OPEN, a question and its answer; A closes, then B: A waits");
    let a = net.connect()?;
    net.run(Duration::from_millis(20));
    let b = net.accept();
    net.say(0, a, "how are you?")?;
    net.run(Duration::from_millis(20));
    net.say(1, b, "fine, thanks")?;
    net.run(Duration::from_millis(100));
    net.hear(0, a);
    net.hear(1, b);
    net.close(0, a)?;
    net.run(Duration::from_millis(20));
    net.close(1, b)?;
    net.print();

    net.title("both close at once: both wait");
    let (a, b) = net.open()?;
    net.close(0, a)?;
    net.close(1, b)?;
    net.print();

    net.title("half close: A has said all, and B goes on");
    let (a, b) = net.open()?;
    net.hosts[0].shutdown(net.now, a)?;
    net.run(Duration::from_millis(20));
    net.say(1, b, "one more thing")?;
    net.run(Duration::from_millis(60));
    net.hear(0, a);
    net.close(1, b)?;
    net.run(Duration::from_millis(20));
    net.close(0, a)?;
    net.print();

    net.title("A aborts: a RST, and whoever sent it lingers");
    let (a, b) = net.open()?;
    net.say(0, a, "this gets lost")?;
    net.hosts[0].abort(net.now, a)?;
    net.print();
    net.hosts[1].release(b)?;

    net.title("B closes and has not read what A said: a RST, or A would believe that it was heard");
    let (a, b) = net.open()?;
    net.say(0, a, "read me")?;
    net.run(Duration::from_millis(20));
    net.close(1, b)?;
    net.print();
    net.hosts[0].release(a)?;

    net.title("A's FIN is lost, and sent again");
    let (a, b) = net.open()?;
    net.loses = Some((0, Flags::FIN));
    net.close(0, a)?;
    net.run(Duration::from_secs(2));
    net.close(1, b)?;
    net.print();

    net.title("the last ACK is lost: B waits in LAST_ACK, and A's TIME_WAIT is there to help it");
    let (a, b) = net.open()?;
    net.close(0, a)?;
    net.run(Duration::from_millis(20));
    net.loses = Some((0, Flags::ACK));
    net.close(1, b)?;
    net.run(Duration::from_secs(2));
    net.print();

    net.title("B closes first, A opens the same pair of sockets again: TIME_WAIT is reopened");
    let (a, b) = net.open()?;
    let tuple = net.hosts[0].tuple(a)?;
    net.close(1, b)?;
    net.run(Duration::from_millis(20));
    net.close(0, a)?;
    net.run(Duration::from_secs(1));
    let (now, local) = (net.now, Some(tuple.local()));
    let a = net.hosts[0].connect(now, local, tuple.remote(), Reuse::Address)?;
    net.run(Duration::from_millis(20));
    net.print();
    let b = net.accept();
    net.close(0, a)?;
    net.close(1, b)?;
    net.run(Duration::from_millis(20));

    println!("\n── B is restarted, and its port is held by connections in TIME_WAIT");
    let server = net.server;
    net.hosts[1].unlisten(net.now, net.listener)?;
    match net.hosts[1].listen(server, 16, Reuse::No) {
        Ok(_) => println!("   listen: done"),
        Err(e) => println!("   listen without reuse: {e}"),
    }
    net.listener = net.hosts[1].listen(server, 16, Reuse::Address)?;
    println!("   listen with reuse: done");

    // A program that never closes what its peers have closed.
    for _ in 0..7 {
        let (a, _forgotten) = net.open()?;
        net.close(0, a)?;
        net.run(Duration::from_secs(7));
    }
    let (_a, _b) = net.open()?;
    for (name, host) in ["A", "B"].into_iter().zip(&net.hosts) {
        println!("\n── the census of {name}, with a program on B that forgets to close");
        println!("{}", host.census(net.now));
    }
    Ok(())
}

impl Net {
    fn new() -> Result<Net, Box<dyn Error>> {
        let now = Instant(1_000_000_000);
        let host = |n: u8| {
            // Secrets are random where nobody is to read the output.
            let secrets = Secrets::new([n; 64]);
            let heap = Heap::new(8_192, 8_192, 1 << 20);
            Stack::new(Config::default(), Limits::default(), secrets, heap, now)
        };
        let mut hosts = [host(1)?, host(2)?];
        hosts[0].add_address([192, 0, 2, 1].into())?;
        hosts[1].add_address([192, 0, 2, 2].into())?;
        let server = SocketAddr::from(([192, 0, 2, 2], 80));
        let listener = hosts[1].listen(server, 16, Reuse::No)?;
        Ok(Net {
            hosts,
            server,
            listener,
            now,
            began: now,
            under_way: BTreeMap::new(),
            ladder: Vec::new(),
            iss: HashMap::new(),
            loses: None,
        })
    }

    fn connect(&mut self) -> Result<Handle, Box<dyn Error>> {
        Ok(self.hosts[0].connect(self.now, None, self.server, Reuse::No)?)
    }

    fn accept(&mut self) -> Handle {
        let accepted = self.hosts[1].accept(self.listener);
        accepted.expect("B has an established connection")
    }

    /// A connection whose beginning is not shown.
    fn open(&mut self) -> Result<(Handle, Handle), Box<dyn Error>> {
        let a = self.connect()?;
        self.run(Duration::from_millis(20));
        self.ladder.clear();
        self.began = self.now;
        Ok((a, self.accept()))
    }

    fn say(&mut self, host: usize, handle: Handle, text: &str) -> Outcome {
        self.hosts[host].send(self.now, handle, text.as_bytes())?;
        Ok(())
    }

    /// Reads what there is.
    fn hear(&mut self, host: usize, handle: Handle) {
        let mut buf = [0; 1_000];
        while let Ok(Received::Data(_)) = self.hosts[host].receive(self.now, handle, &mut buf) {}
    }

    fn close(&mut self, host: usize, handle: Handle) -> Outcome {
        self.hosts[host].close(self.now, handle)?;
        Ok(())
    }

    /// Lets time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.send();
            let timers = self.hosts.iter().filter_map(Stack::poll_timeout);
            let arrival = self.under_way.keys().next().map(|key| key.0);
            let next = timers.chain(arrival).min().filter(|next| *next <= end);
            self.now = next.unwrap_or(end).max(self.now);
            for host in &mut self.hosts {
                host.handle_timeout(self.now);
                while host.poll_event().is_some() {}
            }
            self.arrive();
            if next.is_none() {
                break;
            }
        }
    }

    fn send(&mut self) {
        let mut buf = [0; 1_600];
        for from in 0..2 {
            while let Ok(Some(sent)) = self.hosts[from].poll_transmit(self.now, &mut buf) {
                let Ok(packet) = Packet::parse(&buf[..sent.len]) else {
                    continue;
                };
                let (h, len) = (packet.segment.header, packet.segment.payload.len());
                let mut text = self.describe(&sent.tuple, &h, len);
                let lost = self.loses.is_some_and(|l| l.0 == from && h.flags.has(l.1));
                if lost {
                    self.loses = None;
                    text.push_str(" (lost)");
                } else {
                    let key = (self.now + DELAY, self.ladder.len());
                    self.under_way
                        .insert(key, (1 - from, buf[..sent.len].to_vec()));
                }
                let mut states = [None; 2];
                states[from] = Some(self.hosts[from].state_between(&sent.tuple));
                self.ladder.push(Line {
                    sent: self.now,
                    from,
                    text,
                    states,
                });
            }
        }
    }

    fn arrive(&mut self) {
        while let Some(first) = self.under_way.first_entry() {
            let (at, line) = *first.key();
            if at > self.now {
                break;
            }
            let (to, bytes) = first.remove();
            // What is dropped has its reason, but no line.
            let _ = self.hosts[to].handle_packet(self.now, &bytes);
            let Ok(packet) = Packet::parse(&bytes) else {
                continue;
            };
            let h = packet.segment.header;
            let tuple = Tuple::of_arrival(&packet.addresses, h.src_port, h.dst_port);
            if let Some(line) = self.ladder.get_mut(line) {
                line.states[to] = Some(self.hosts[to].state_between(&tuple));
            }
            self.send();
        }
    }

    /// Flags, numbers from the ISS on, text.
    fn describe(&mut self, tuple: &Tuple, h: &Header, len: usize) -> String {
        if h.flags.has(Flags::SYN) {
            self.iss.insert(tuple.local(), h.seq);
        }
        let since = |iss: Option<&SeqNumber>, n: SeqNumber| match iss {
            Some(iss) => n.distance(*iss),
            None => n.0 as i32,
        };
        let flags = Flags(h.flags.0 & !Flags::PSH.0);
        let seq = since(self.iss.get(&tuple.local()), h.seq);
        let mut text = format!("{flags:?} seq={seq}");
        if h.flags.has(Flags::ACK) {
            let ack = since(self.iss.get(&tuple.remote()), h.ack);
            text.push_str(&format!(" ack={ack}"));
        }
        if len > 0 {
            text.push_str(&format!(" len={len}"));
        }
        text
    }

    fn title(&mut self, title: &str) {
        println!("\n── {title}\n");
        (self.began, self.ladder) = (self.now, Vec::new());
    }

    /// Runs until all is quiet for a moment, and prints the ladder.
    fn print(&mut self) {
        self.run(Duration::from_millis(100));
        println!("{:>8}  {:<13} {:WIDTH$}   B", "ms", "A", "");
        for line in self.ladder.drain(..) {
            let millis = line.sent.since(self.began).as_micros() as f64 / 1_000.0;
            let [a, b] = line.states.map(|s| s.map_or("", State::name));
            let text = format!(" {} ", line.text);
            let arrow = match (line.from, line.states) {
                (0, [_, None]) => format!("{text:─^WIDTH$}✗"),
                (0, _) => format!("{text:─^WIDTH$}▶"),
                (_, [None, _]) => format!("✗{text:─^WIDTH$}"),
                _ => format!("◀{text:─^WIDTH$}"),
            };
            let row = format!("{millis:>8.1}  {a:<13} {arrow}  {b}");
            println!("{}", row.trim_end());
        }
        self.began = self.now;
    }
}
