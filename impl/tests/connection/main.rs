//! What the model leaves out of a connection, and the conformance tests therefore cannot see: congestion control at work,
//! round trips, scaled windows, the throttle of challenge ACKs, delayed acknowledgments, windows that open by silly steps, a
//! send queue that was full, and calls on a connection that is over.
//!
//! One end talks to a peer that is written out, segment by segment.

mod ends;
mod loss;
mod sender;
mod windows;

use core::time::Duration;

use farewell::connection::{
    Begin, CallError, Connection, Dropped, Indication, Owned, Received, Reno, Timer,
};
use farewell::seq::SeqNumber;
use farewell::wire::{Flags, Header, Options, Segment, Timestamps};
use farewell::{Config, Endpoint, Instant, State};

const ISS: SeqNumber = SeqNumber(u32::MAX - 5_000); // numbers wrap within the first segments
const IRS: SeqNumber = SeqNumber(7_000);
const MSS: u16 = 1_000;
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// What went out: where its text begins, counted from the first byte; how long it is.
type Sent = (u32, u32);

struct Host {
    config: Config,
    now: Instant,
    tcp: Endpoint<Owned, Reno>,
    /// The peer's SND.NXT.
    next: SeqNumber,
    /// What the peer writes in its window field.
    window: u16,
    /// The header that went out last.
    last: Header,
}

fn config() -> Config {
    Config {
        mss: MSS,
        timestamps: false,
        delayed_ack: None,
        ..Config::default()
    }
}

fn syn_of_the_peer() -> Options {
    Options {
        mss: Some(MSS),
        window_scale: Some(1),
        timestamps: None,
    }
}

impl Host {
    fn closed(config: Config) -> Host {
        Host {
            config,
            now: Instant(1_000_000),
            tcp: Endpoint::default(),
            next: IRS + 1,
            window: 50_000,
            last: Header::default(),
        }
    }

    /// Its SYN has gone out.
    fn opening(config: Config, receive: usize) -> Host {
        let mut host = Host::closed(config);
        host.opens(receive);
        assert_eq!(host.sends(), [(u32::MAX, 0)]); // one before the first byte
        host
    }

    /// OPEN, active; nothing goes out yet.
    fn opens(&mut self, receive: usize) {
        let begin = Begin {
            iss: ISS,
            ts_offset: 0,
            timestamps: self.config.timestamps,
        };
        let parts = (begin, Owned::new(200_000, receive), Reno::default());
        self.tcp.connect(&self.config, self.now, parts).unwrap();
    }

    /// LISTEN, and a SYN has come; its answer is out.
    fn answering(config: Config, send: usize) -> Host {
        let mut host = Host::closed(config);
        host.tcp.listen(false).unwrap();
        let header = Header {
            seq: IRS,
            flags: Flags::SYN,
            window: host.window,
            options: syn_of_the_peer(),
            ..Header::default()
        };
        let begin = Begin {
            iss: ISS,
            ts_offset: 0,
            timestamps: false,
        };
        let parts = || Some((begin, Owned::new(send, 1_000), Reno::default()));
        let payload = &[];
        let syn = Segment { header, payload };
        let taken = host.tcp.handle_segment(&host.config, host.now, &syn, parts);
        assert_eq!(taken, Ok(()));
        assert_eq!(host.sends(), [(u32::MAX, 0)]);
        host
    }

    /// What its user is told.
    fn told(&mut self) -> Vec<Indication> {
        core::iter::from_fn(|| self.tcp.poll_event()).collect()
    }

    /// ESTABLISHED, the handshake having taken a round trip.
    fn established(config: Config, options: Options) -> Host {
        Host::with_room(config, options, 100_000)
    }

    fn with_room(config: Config, options: Options, receive: usize) -> Host {
        let mut host = Host::opening(config, receive);
        host.shakes(options);
        host
    }

    /// The peer's SYN,ACK comes, a round trip later.
    fn shakes(&mut self, options: Options) {
        self.now = self.now + ROUND_TRIP;
        let shake = Header {
            seq: IRS,
            ack: ISS + 1,
            flags: Flags::SYN.with(Flags::ACK),
            window: self.window,
            options,
            ..Header::default()
        };
        self.hears(shake, &[]);
        assert_eq!(self.sends(), [(0, 0)]);
    }

    fn hears(&mut self, header: Header, payload: &[u8]) {
        let s = Segment { header, payload };
        let _ = self.tcp.handle_segment(&self.config, self.now, &s, || None);
    }

    /// The peer acknowledges all up to `to`, counted from the first byte.
    fn acked(&mut self, to: u32) -> Vec<Sent> {
        self.acked_with(to, None)
    }

    fn acked_with(&mut self, to: u32, timestamps: Option<Timestamps>) -> Vec<Sent> {
        let header = Header {
            seq: self.next,
            ack: ISS + 1 + to,
            flags: Flags::ACK,
            window: self.window,
            options: Options {
                timestamps,
                ..Options::default()
            },
            ..Header::default()
        };
        self.hears(header, &[]);
        self.sends()
    }

    /// The peer sends text.
    fn text(&mut self, text: &[u8]) -> Vec<Sent> {
        let header = Header {
            seq: self.next,
            ack: self.tcp.connection().unwrap().snd_una(),
            flags: Flags::ACK,
            window: self.window,
            ..Header::default()
        };
        self.next += text.len() as u32;
        self.hears(header, text);
        self.sends()
    }

    fn writes(&mut self, len: usize) -> Vec<Sent> {
        let taken = self.tcp.send(&self.config, self.now, &vec![7; len]);
        assert_eq!(taken, Ok(len));
        self.sends()
    }

    fn sends(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        while let Some(out) = self.tcp.poll_transmit(&self.config, self.now) {
            sent.push((out.header.seq.distance(ISS + 1) as u32, out.len));
            self.last = out.header;
        }
        sent
    }

    fn waits(&mut self, for_: Duration) -> Vec<Sent> {
        self.now = self.now + for_;
        if self.tcp.poll_timeout().is_some_and(|at| at <= self.now) {
            self.tcp.handle_timeout(&self.config, self.now);
        }
        self.sends()
    }

    /// How long from now the retransmission timer runs, or the persist timer.
    fn timeout(&self) -> Duration {
        let mut timers = self.tcp.connection().unwrap().timers();
        let (_, at) = timers
            .find(|t| matches!(t.0, Timer::Retransmit | Timer::Persist))
            .unwrap();
        at.since(self.now)
    }

    fn cwnd(&self) -> u32 {
        use farewell::connection::Congestion as _;
        self.tcp.connection().unwrap().congestion().window()
    }
}

/// Whole segments from number `first` on.
fn segments(first: u32, n: u32) -> Vec<Sent> {
    let mss = u32::from(MSS);
    (first..first + n).map(|k| (k * mss, mss)).collect()
}

/// Established, and the peer's scaled window has been heard.
fn host() -> Host {
    let mut h = Host::established(config(), syn_of_the_peer());
    assert_eq!(h.acked(0), []);
    h
}
