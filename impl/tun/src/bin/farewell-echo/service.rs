//! What the server does with a connection: it says again what it hears, or answers one HTTP request.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use farewell::connection::{Indication, Received};
use farewell::stack::{Census, Event, Handle, Heap, ListenerId};
use farewell::{Instant, Stack, State};

/// What listens on a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    /// RFC 862.
    Echo,
    /// One page.
    Http,
}

impl Service {
    /// All of them.
    pub(crate) const ALL: [Service; 2] = [Service::Echo, Service::Http];

    /// Its port.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Service::Echo => 7,
            Service::Http => 80,
        }
    }
}

/// The longest head of a request that is read.
const LONGEST_REQUEST: usize = 8 * 1024;
/// Bytes heard that are not yet said; beyond, the peer must wait.
const MOST_UNSAID: usize = 16 * 1024;

/// A connection that is served.
struct Served {
    service: Service,
    /// Of HTTP: the head of the request, as far as it was read.
    request: Vec<u8>,
    unsaid: VecDeque<u8>,
    /// The answer is complete, or the peer has said all: when it is out, it is over.
    last: bool,
    /// Its own FIN is on its way; the peer's end is waited for, so that nothing is cut off by a RST.
    shut: bool,
    /// It is over by then, if the peer does not end it: nobody holds a place that others want for nothing.
    until: Instant,
}

/// A peer has this long to say its request, and once it has its answer, to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// A peer of the echo may be silent, or not listen, for so long.
const IDLE: Duration = Duration::from_secs(120);

/// All connections that are served.
pub(crate) struct Servants {
    listeners: HashMap<ListenerId, Service>,
    served: HashMap<Handle, Served>,
}

impl Servants {
    /// Of these listeners.
    pub(crate) fn new(listeners: HashMap<ListenerId, Service>) -> Servants {
        Servants {
            listeners,
            served: HashMap::new(),
        }
    }

    /// Does what events ask for, until there are none; says whether there were any.
    pub(crate) fn serve(&mut self, stack: &mut Stack<Heap>, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = stack.poll_event() {
            any = true;
            match event {
                Event::Incoming(listener) => self.welcome(stack, now, listener),
                Event::Connection(handle, told) => match told {
                    Indication::Reset
                    | Indication::Refused
                    | Indication::UserTimeout
                    | Indication::GaveUp => self.drop(stack, now, handle),
                    _ => self.go_on(stack, now, handle),
                },
            }
        }
        any
    }

    /// Closes all that are served.
    pub(crate) fn dismiss(&mut self, stack: &mut Stack<Heap>, now: Instant) {
        for (handle, _) in self.served.drain() {
            let _ = stack.close(now, handle); // stale: it was closed before
        }
    }

    /// Drops those whose peers do not end.
    pub(crate) fn lose_patience(&mut self, stack: &mut Stack<Heap>, now: Instant) {
        let late = |s: &Served| s.until <= now;
        let late = self.served.iter().filter(|(_, s)| late(s));
        let late: Vec<Handle> = late.map(|(handle, _)| *handle).collect();
        for handle in late {
            self.drop(stack, now, handle);
        }
    }

    fn welcome(&mut self, stack: &mut Stack<Heap>, now: Instant, listener: ListenerId) {
        let Some(service) = self.listeners.get(&listener).copied() else {
            return;
        };
        while let Some(handle) = stack.accept(listener) {
            let served = Served {
                service,
                request: Vec::new(),
                unsaid: VecDeque::new(),
                last: false,
                shut: false,
                until: now
                    + match service {
                        Service::Echo => IDLE,
                        Service::Http => PATIENCE,
                    },
            };
            self.served.insert(handle, served);
            self.go_on(stack, now, handle);
        }
    }

    /// It is over: what is left of it is the stack's business.
    fn drop(&mut self, stack: &mut Stack<Heap>, now: Instant, handle: Handle) {
        self.served.remove(&handle);
        let _ = stack.close(now, handle); // stale: it was closed before
    }

    fn go_on(&mut self, stack: &mut Stack<Heap>, now: Instant, handle: Handle) {
        let Some(served) = self.served.get_mut(&handle) else {
            return;
        };
        if !served.go_on(stack, now, handle) {
            self.drop(stack, now, handle);
        }
    }
}

impl Served {
    /// Reads and says what it can; says whether the connection goes on.
    fn go_on(&mut self, stack: &mut Stack<Heap>, now: Instant, handle: Handle) -> bool {
        loop {
            // What is said makes room to hear more, of which no event will tell again.
            let mut moved = false;
            let mut buf = [0; 4096];
            while self.unsaid.len() < MOST_UNSAID {
                match stack.receive(now, handle, &mut buf) {
                    Ok(Received::Data(n)) => {
                        moved = true;
                        self.hear(buf.get(..n).unwrap_or_default(), stack, now);
                    }
                    Ok(Received::Nothing) => break,
                    Ok(Received::End) if self.shut => return false,
                    Ok(Received::End) => {
                        self.last = true;
                        break;
                    }
                    Err(_) => return false,
                }
            }
            while !self.unsaid.is_empty() {
                let (front, _) = self.unsaid.as_slices();
                match stack.send(now, handle, front) {
                    Ok(n) => {
                        moved = true;
                        drop(self.unsaid.drain(..n));
                    }
                    Err(_) => break, // no room: an event will tell; or over: receiving tells
                }
            }
            if self.last && self.unsaid.is_empty() && !self.shut {
                self.shut = true;
                self.until = now + PATIENCE;
                if stack.shutdown(now, handle).is_err() {
                    return false;
                }
                continue;
            }
            if !moved {
                return true;
            }
            if self.service == Service::Echo && !self.shut {
                self.until = now + IDLE;
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], stack: &Stack<Heap>, now: Instant) {
        match self.service {
            // What comes after a request that is answered is read, and not heeded.
            Service::Http if self.last => {}
            Service::Http => {
                self.request.extend_from_slice(bytes);
                if let Some(answer) = answer(&self.request, || stack.census(now)) {
                    self.unsaid.extend(answer.as_bytes());
                    self.last = true;
                }
            }
            Service::Echo => self.unsaid.extend(bytes),
        }
    }
}

/// The answer to a request; none until its head is complete.
fn answer(request: &[u8], census: impl FnOnce() -> Census) -> Option<String> {
    let complete = [&b"\r\n\r\n"[..], b"\n\n"]
        .iter()
        .any(|end| request.windows(end.len()).any(|w| w == *end));
    if !complete {
        let status = "431 Request Header Fields Too Large";
        return (request.len() >= LONGEST_REQUEST).then(|| page(status, "Too long.\n", true));
    }
    let line = request.split(|b| matches!(b, b'\r' | b'\n')).next()?;
    let mut words = line.split(|b| *b == b' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let http = version.is_some_and(|v| v.starts_with(b"HTTP/1."));
    Some(match (method, path) {
        _ if !http || words.next().is_some() => page("400 Bad Request", "Not HTTP/1.\n", true),
        (Some(b"GET"), Some(b"/")) => page("200 OK", &format!("{}\n", census()), true),
        (Some(b"HEAD"), Some(b"/")) => page("200 OK", &format!("{}\n", census()), false),
        (Some(b"GET" | b"HEAD"), _) => page("404 Not Found", "Only / is here.\n", true),
        _ => page("405 Method Not Allowed", "GET or HEAD.\n", true),
    })
}

fn page(status: &str, text: &str, body: bool) -> String {
    let allow = match status.starts_with("405") {
        true => "Allow: GET, HEAD\r\n",
        false => "",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\r\n",
        text.len()
    );
    if body { head + text } else { head }
}

/// How many connections are in which state, in a line.
pub(crate) fn line(stack: &Stack<Heap>) -> String {
    let counts = State::ALL.into_iter().filter_map(|state| {
        let n = stack.count(state);
        let shown = n > 0 && !matches!(state, State::Closed | State::Listen);
        shown.then(|| format!("{} {n}", state.name()))
    });
    let counts: Vec<_> = counts.collect();
    match counts.is_empty() {
        true => "no connections".into(),
        false => counts.join("  "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farewell::Config;
    use farewell::stack::{Limits, Reuse, Secrets};

    /// A stack at this address.
    fn stack(ip: [u8; 4]) -> Stack<Heap> {
        let (config, secrets) = (Config::default(), Secrets::new([ip[3]; 64]));
        let heap = Heap::new(4096, 4096, 1 << 16);
        let mut stack = Stack::new(config, Limits::default(), secrets, heap, Instant(0)).unwrap();
        stack.add_address(ip.into()).unwrap();
        stack
    }

    /// A client that says this to a service, and whatever the echo says again it leaves: after how many seconds its
    /// connection is no longer served.
    fn served_for(service: Service, says: &[(u64, &[u8])]) -> u64 {
        let (mut client, mut server) = (stack([10, 0, 0, 1]), stack([10, 0, 0, 2]));
        let at = ([10, 0, 0, 2], service.port());
        let listener = server.listen(at.into(), 8, Reuse::No).unwrap();
        let mut servants = Servants::new(HashMap::from([(listener, service)]));
        let handle = client
            .connect(Instant(0), None, at.into(), Reuse::No)
            .unwrap();
        let mut buf = vec![0; 1 << 16];
        for second in 0..1_000 {
            let now = Instant(second * 1_000_000);
            for (_, text) in says.iter().filter(|s| s.0 == second) {
                assert_eq!(client.send(now, handle, text).unwrap(), text.len());
            }
            for _ in 0..8 {
                for asks in [true, false] {
                    let (from, to) = match asks {
                        true => (&mut client, &mut server),
                        false => (&mut server, &mut client),
                    };
                    from.handle_timeout(now);
                    while let Some(sent) = from.poll_transmit(now, &mut buf).unwrap() {
                        to.handle_batch(now, &[&buf[..sent.len]]);
                    }
                }
                servants.serve(&mut server, now);
            }
            servants.lose_patience(&mut server, now);
            if second > 0 && servants.served.is_empty() {
                return second;
            }
        }
        panic!("it is served for ever");
    }

    /// Who says nothing, or a part of a request, holds a place for a while only.
    #[test]
    fn who_does_not_end_is_not_served_for_ever() {
        assert_eq!(served_for(Service::Http, &[]), 10);
        assert_eq!(served_for(Service::Http, &[(1, b"GET")]), 10);
        let slow: Vec<(u64, &[u8])> = (1..9).map(|n| (n, &b"x"[..])).collect();
        assert_eq!(served_for(Service::Http, &slow), 10);
        // Its answer is out after three seconds, and it does not close.
        let asks = [(3, &b"GET / HTTP/1.0\n\n"[..])];
        assert_eq!(served_for(Service::Http, &asks), 13);
        assert_eq!(served_for(Service::Echo, &[]), 120);
        assert_eq!(served_for(Service::Echo, &[(1, b"a"), (100, b"b")]), 220);
    }

    fn ask(request: &str) -> Option<String> {
        let (config, secrets) = (Config::default(), Secrets::new([0; 64]));
        let heap = Heap::new(64, 64, 1024);
        let stack = Stack::new(config, Limits::default(), secrets, heap, Instant(0)).unwrap();
        answer(request.as_bytes(), || stack.census(Instant(0)))
    }

    #[test]
    fn requests_are_answered_once_their_head_is_complete() {
        assert_eq!(ask("GET / HTTP/1.1\r\nHost: x\r\n"), None);
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
            ("GET / HTTP/1.0\n\n", "200"),
            ("HEAD / HTTP/1.1\r\n\r\n", "200"),
            ("GET /x HTTP/1.1\r\n\r\n", "404"),
            ("POST / HTTP/1.1\r\n\r\n", "405"),
            ("GET /\r\n\r\n", "400"),
            ("GET / HTTP/1.1 x\r\n\r\n", "400"),
            ("\r\n\r\n", "400"),
        ] {
            let answer = ask(request).unwrap();
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request:?}: {answer}"
            );
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let len = format!("Content-Length: {}", body.len());
            assert!(
                request.starts_with("HEAD") || head.contains(&len),
                "{answer}"
            );
            assert!(!request.starts_with("HEAD") || body.is_empty(), "{answer}");
        }
        let long = ask(&"x".repeat(LONGEST_REQUEST)).unwrap();
        assert!(long.starts_with("HTTP/1.1 431 "));
        assert!(ask("GET / HTTP/1.1\r\n\r\n").unwrap().contains("TIME_WAIT"));
    }
}
