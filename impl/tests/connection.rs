//! What the model leaves out of a connection, and the conformance tests therefore cannot see: congestion control at work,
//! round trips, scaled windows, the throttle of challenge ACKs, delayed acknowledgments, windows that open by silly steps, a
//! send queue that was full, and calls on a connection that is over.
//!
//! One end talks to a peer that is written out, segment by segment.

use core::time::Duration;

use farewell::connection::{
    Begin, CallError, Connection, Indication, Owned, Received, Reno, Timer,
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
        let begin = Begin {
            iss: ISS,
            ts_offset: 0,
            timestamps: config.timestamps,
        };
        let parts = (begin, Owned::new(200_000, receive), Reno::default());
        host.tcp.connect(&host.config, host.now, parts).unwrap();
        assert_eq!(host.sends(), [(u32::MAX, 0)]); // one before the first byte
        host
    }

    /// ESTABLISHED, the handshake having taken a round trip.
    fn established(config: Config, options: Options) -> Host {
        Host::with_room(config, options, 100_000)
    }

    fn with_room(config: Config, options: Options, receive: usize) -> Host {
        let mut host = Host::opening(config, receive);
        host.now = host.now + ROUND_TRIP;
        let shake = Header {
            seq: IRS,
            ack: ISS + 1,
            flags: Flags::SYN.with(Flags::ACK),
            window: host.window,
            options,
            ..Header::default()
        };
        host.hears(shake, &[]);
        assert_eq!(host.sends(), [(0, 0)]);
        host
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

#[test]
fn slow_start_begins_with_ten_segments_and_sends_two_for_each_acknowledged() {
    let mut h = host();
    assert_eq!(h.writes(60_000), segments(0, 10));
    assert_eq!(h.acked(1_000), segments(10, 2));
    assert_eq!(h.acked(2_000), segments(12, 2));
    assert_eq!(h.cwnd(), 12_000);
}

#[test]
fn the_third_duplicate_sends_the_front_again_and_later_ones_let_more_go() {
    let mut h = host();
    h.writes(60_000);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    // RFC 5681 3.2: half of the ten in flight, and three that have left the network.
    assert_eq!(h.acked(0), segments(0, 1));
    assert_eq!(h.cwnd(), 8_000);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), segments(10, 1), "eleven segments now");
    // A partial acknowledgment shows the next hole (RFC 6582), and the window deflates by it less a segment.
    let again = h.acked(3_000);
    assert_eq!(again[0], segments(3, 1)[0]);
    assert_eq!(h.cwnd(), 9_000);
    // Duplicates go on within the recovery: each lets a segment more go, and none halves again.
    for n in 1..=4 {
        h.acked(3_000);
        assert_eq!(h.cwnd(), 9_000 + n * 1_000);
    }
    // Everything up to where recovery began: over, with half the window.
    h.acked(10_000);
    assert_eq!(h.cwnd(), 5_000);
    h.acked(11_000);
    assert!(h.cwnd() < 6_000, "avoidance, not slow start");
}

#[test]
fn what_is_no_duplicate_is_not_counted() {
    // Nothing is in flight.
    let mut h = host();
    (0..3).for_each(|_| assert_eq!(h.acked(0), []));
    assert_eq!(h.writes(30_000), segments(0, 10));
    // Windows that change, and text.
    for _ in 0..3 {
        h.window += 1;
        assert_eq!(h.acked(0), []);
    }
    for _ in 0..3 {
        let answer = h.text(b"x");
        assert_eq!(answer.iter().filter(|s| s.1 > 0).count(), 0);
    }
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), segments(0, 1));
}

#[test]
fn a_timeout_sends_all_again_from_one_segment_on() {
    let mut h = host();
    assert_eq!(h.writes(30_000), segments(0, 10));
    let first = h.timeout();
    assert_eq!(h.waits(first), segments(0, 1));
    assert_eq!((h.cwnd(), h.timeout()), (1_000, first * 2));
    // Duplicates mean nothing now: they are of what was sent before.
    (0..4).for_each(|_| assert_eq!(h.acked(0), []));
    assert_eq!(h.acked(1_000), segments(1, 2));
    assert_eq!(h.acked(2_000), segments(3, 2));
    // What arrived the first time is not sent again; behind the rest of what was lost goes what is new.
    assert_eq!(h.acked(8_000), segments(8, 4));
    assert_eq!(h.cwnd(), 4_000);
    // Up to where it stood: over. Slow start goes on to half of what was in flight, then avoidance.
    assert_eq!(h.acked(10_000), segments(12, 2));
    h.acked(11_000);
    assert_eq!(h.cwnd(), 5_000);
    h.acked(12_000);
    assert_eq!(h.cwnd(), 5_000);
}

#[test]
fn a_round_trip_is_measured_of_what_was_sent_once() {
    let least = Duration::from_millis(1);
    let mut quick = config();
    quick.rto.min = least;
    let mut h = Host::established(quick, syn_of_the_peer());
    // The handshake: SRTT 100 ms, RTTVAR 50 ms (RFC 6298 2.2).
    h.writes(1);
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.now = h.now + Duration::from_millis(180);
    h.acked(1);
    // 3/4 of 50 + 1/4 of 80; 7/8 of 100 + 1/8 of 180.
    h.writes(1);
    assert_eq!(
        h.timeout(),
        Duration::from_millis(110 + 4 * 57) + Duration::from_micros(2_000)
    );
    // Sent again: which of the two is acknowledged nobody knows (Karn), and the timeout stays doubled.
    let before = h.timeout();
    h.waits(before);
    h.now = h.now + Duration::from_millis(1);
    h.acked(2);
    h.writes(1);
    assert_eq!(h.timeout(), before * 2);
}

#[test]
fn an_acknowledgment_of_less_than_is_timed_measures_nothing() {
    let mut quick = config();
    quick.rto.min = Duration::from_millis(1);
    let mut h = Host::established(quick, syn_of_the_peer());
    h.writes(3_000); // the first of the three is timed
    h.now = h.now + Duration::from_millis(500);
    h.acked(500);
    assert_eq!(
        h.timeout(),
        Duration::from_millis(300),
        "as after the handshake"
    );
    h.acked(1_000);
    assert!(h.timeout() > Duration::from_millis(500));
}

#[test]
fn timestamps_measure_what_they_echo() {
    let mut stamped = config();
    stamped.timestamps = true;
    stamped.rto.min = Duration::from_millis(1);
    let options = |h: &Host| Options {
        timestamps: Some(Timestamps {
            val: 1,
            ecr: (h.now.0 / 1_000) as u32,
        }),
        ..syn_of_the_peer()
    };
    let peek = Host::closed(stamped);
    let mut h = Host::established(stamped, options(&peek));
    h.writes(3_000);
    assert_eq!(h.timeout(), Duration::from_millis(300));
    let sent = (h.now.0 / 1_000) as u32;
    let stamp = |ecr: u32| Some(Timestamps { val: 2, ecr });
    // Of the future, and none: not believed.
    h.acked_with(100, stamp(sent + 5_000));
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.acked_with(200, stamp(0));
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.now = h.now + Duration::from_millis(100);
    h.acked_with(300, stamp(sent));
    // RTTVAR 3/4 of 50.
    assert_eq!(h.timeout(), Duration::from_millis(250));
}

#[test]
fn a_receive_buffer_is_offered_whole() {
    let shift = |receive: usize, scales: bool| {
        let c = Config {
            window_scaling: scales,
            ..config()
        };
        Host::opening(c, receive).last.options.window_scale
    };
    assert_eq!(shift(65_535, true), Some(0));
    assert_eq!(shift(65_536, true), Some(1));
    assert_eq!(shift(2 * 65_535 + 1, true), Some(1));
    assert_eq!(shift(2 * 65_536, true), Some(2));
    assert_eq!(shift(1 << 30, true), Some(14));
    assert_eq!(shift(1 << 20, false), None);
}

#[test]
fn windows_are_scaled_after_the_handshake_only() {
    let h = Host::established(config(), syn_of_the_peer());
    // 100,000 bytes of buffer: shifted by one. Ours on the SYN was not (RFC 7323 2.2).
    assert_eq!(h.last.window, 50_000);
    assert_eq!(Host::opening(config(), 100_000).last.window, 65_535);
    // The peer's 50,000 on its SYN,ACK is what it says; afterwards it is twice that.
    let mut fresh = Host::established(config(), syn_of_the_peer());
    assert_eq!(fresh.tcp.connection().unwrap().snd_wnd(), 50_000);
    fresh.acked(0);
    let h = fresh;
    assert_eq!(h.tcp.connection().unwrap().snd_wnd(), 100_000);
    // A peer that does not scale.
    let alone = Options {
        mss: Some(MSS),
        ..Options::default()
    };
    let mut h = Host::established(config(), alone);
    assert_eq!(h.last.window, 65_535);
    h.acked(0);
    assert_eq!(h.tcp.connection().unwrap().snd_wnd(), 50_000);
}

/// RFC 5961 section 7.
#[test]
fn challenges_are_throttled() {
    let mut h = host();
    let syn = Header {
        seq: h.next,
        flags: Flags::SYN,
        ..Header::default()
    };
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 1);
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 0);
    let left = h.config.challenge_interval - Duration::from_micros(1);
    h.waits(left);
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 0);
    h.waits(Duration::from_micros(1));
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 1);
    assert_eq!(h.tcp.state(), State::Established);
}

/// RFC 9293 section 3.8.6.3: at least every second full segment, and within half a second.
#[test]
fn acknowledgments_wait_for_a_second_segment_or_their_time() {
    let delay = Duration::from_millis(40);
    let c = Config {
        delayed_ack: Some(delay),
        ..config()
    };
    let mut h = Host::established(c, syn_of_the_peer());
    let full = [0; MSS as usize];
    assert_eq!(h.text(&full), []);
    assert_eq!(h.text(b"x").len(), 1, "more than a segment's worth");
    assert_eq!(h.text(&full), []);
    assert_eq!(h.waits(delay - Duration::from_micros(1)), []);
    assert_eq!(h.waits(Duration::from_micros(1)).len(), 1);
    // A gap is shown at once, and so is that it is filled (RFC 5681 section 4.2).
    let missing = h.next;
    h.next += 10;
    assert_eq!(h.text(b"later").len(), 1);
    assert_eq!(h.last.ack, missing);
    h.next = missing;
    assert_eq!(h.text(&[1; 10]).len(), 1);
    assert_eq!(h.last.ack, missing + 15);
    let mut into = [0; 4_096];
    assert_eq!(
        h.tcp.receive(&h.config, &mut into),
        Ok(Received::Data(2_016))
    );
}

/// RFC 9293 section 3.8.6.2.2: the window opens when it has half the buffer more to offer, or two segments.
#[test]
fn a_window_does_not_open_by_silly_steps() {
    for (receive, quiet, opens) in [(100_000, 1_998, 2_000), (3_000, 1_498, 1_500)] {
        let mut h = Host::with_room(config(), syn_of_the_peer(), receive);
        for _ in 0..3 {
            assert_eq!(h.text(&[0; 1_000]).len(), 1);
        }
        let offered = h.last.window;
        let mut into = [0; 4_096];
        let read = |h: &mut Host, into: &mut [u8]| {
            let n = into.len();
            assert_eq!(h.tcp.receive(&h.config, into), Ok(Received::Data(n)));
            h.sends().len()
        };
        assert_eq!(read(&mut h, &mut into[..quiet]), 0, "{receive}");
        assert_eq!(read(&mut h, &mut into[..opens - quiet]), 1, "{receive}");
        assert!(h.last.window > offered);
    }
}

#[test]
fn a_queue_that_was_full_is_told_of_when_there_is_room() {
    let told = |h: &mut Host| {
        let mut all = Vec::new();
        while let Some(i) = h.tcp.poll_event() {
            all.push(i);
        }
        all
    };
    for (len, taken) in [(200_000, false), (200_001, true)] {
        let mut h = host();
        told(&mut h);
        let wrote = h.tcp.send(&h.config, h.now, &vec![0; len]);
        assert_eq!(wrote, Ok(200_000));
        h.sends();
        assert_eq!(h.tcp.send(&h.config, h.now, &[]), Ok(0));
        h.acked(0);
        assert_eq!(told(&mut h), [], "nothing has been freed");
        h.acked(1_000);
        let expected: &[_] = if taken { &[Indication::Writable] } else { &[] };
        assert_eq!(told(&mut h), expected);
        h.acked(2_000);
        assert_eq!(told(&mut h), [], "said once");
    }
}

/// [`Endpoint`] and the stack keep such calls away; a connection by itself answers them.
#[test]
fn calls_on_a_connection_that_is_over() {
    let c = config();
    let now = Instant(0);
    let begin = Begin {
        iss: ISS,
        ts_offset: 0,
        timestamps: false,
    };
    let over = |then: &[(Flags, u32)]| {
        let mut tcp = Connection::connect(&c, now, &begin, Owned::new(100, 100), Reno::default());
        for (flags, seq) in then {
            let header = Header {
                seq: IRS + *seq,
                ack: tcp.snd_nxt(),
                flags: *flags,
                window: 100,
                ..Header::default()
            };
            let _ = tcp.handle_segment(
                &c,
                now,
                &Segment {
                    header,
                    payload: &[],
                },
            );
            if *flags == Flags::ACK {
                tcp.shutdown(&c, now).unwrap();
            }
            while tcp.poll_transmit(&c, now).is_some() {}
        }
        tcp
    };
    let syn_ack = (Flags::SYN.with(Flags::ACK), 0);
    let fin = (Flags::FIN.with(Flags::ACK), 1);
    let mut reset = over(&[syn_ack, (Flags::RST, 1)]);
    assert_eq!(reset.state(), State::Closed);
    assert_eq!(reset.send(&c, now, b"x"), Err(CallError::DoesNotExist));
    assert_eq!(reset.receive(&c, &mut [0]), Err(CallError::DoesNotExist));
    assert_eq!(reset.shutdown(&c, now), Err(CallError::DoesNotExist));
    assert_eq!(reset.close(&c, now), Err(CallError::DoesNotExist));
    assert_eq!(reset.abort(&c), Err(CallError::DoesNotExist));
    let segment = Segment {
        header: Header::default(),
        payload: &[],
    };
    assert!(reset.handle_segment(&c, now, &segment).is_err());

    let mut waits = over(&[syn_ack, (Flags::ACK, 1), fin]);
    assert_eq!(waits.state(), State::TimeWait);
    assert_eq!(waits.send(&c, now, b"x"), Err(CallError::Closing));
    assert_eq!(waits.receive(&c, &mut [0]), Ok(Received::End));
    assert_eq!(waits.shutdown(&c, now), Err(CallError::Closing));
    assert!(waits.handle_segment(&c, now, &segment).is_err());
    assert_eq!(waits.abort(&c), Ok(()));
    assert_eq!(waits.state(), State::Closed);
    assert_eq!(
        waits.poll_transmit(&c, now),
        None,
        "no RST: the peer is through"
    );
}

/// After 2^32 bytes SND.UNA is ISS again, and no SYN is in flight for all that.
#[test]
fn a_stream_longer_than_the_sequence_space() {
    let c = config();
    for closes in [false, true] {
        let mut h = host();
        let mut saved = h.tcp.into_parts().1.unwrap().save(h.now);
        saved.iss = saved.snd_una;
        let mut tcp = Connection::restore(saved, h.now);
        let first = tcp.snd_una();
        let mut sent = Vec::new();
        let mut sends = |tcp: &mut Connection<Owned, Reno>, now| {
            sent.clear();
            while let Some(out) = tcp.poll_transmit(&c, now) {
                let flags = out.header.flags;
                sent.push((
                    out.header.seq.distance(first),
                    out.len,
                    flags.has(Flags::SYN),
                    flags.has(Flags::FIN),
                ));
            }
            sent.clone()
        };
        if closes {
            tcp.shutdown(&c, h.now).unwrap();
            assert_eq!(sends(&mut tcp, h.now), [(0, 0, false, true)]);
        } else {
            assert_eq!(tcp.send(&c, h.now, &[5; 100]), Ok(100));
            assert_eq!(sends(&mut tcp, h.now), [(0, 100, false, false)], "once");
        }
        h.now = tcp.poll_timeout().unwrap();
        tcp.handle_timeout(&c, h.now);
        let again = sends(&mut tcp, h.now);
        assert_eq!(
            again,
            [(0, if closes { 0 } else { 100 }, false, closes)],
            "no SYN"
        );
        let header = Header {
            seq: h.next,
            ack: tcp.snd_nxt(),
            flags: Flags::ACK,
            window: h.window,
            ..Header::default()
        };
        tcp.handle_segment(
            &c,
            h.now,
            &Segment {
                header,
                payload: &[],
            },
        )
        .unwrap();
        assert_eq!(tcp.unsent(), 0);
        assert_eq!(
            tcp.state(),
            if closes {
                State::FinWait2
            } else {
                State::Established
            }
        );
        if !closes {
            assert_eq!(tcp.send(&c, h.now, b"next"), Ok(4));
            assert_eq!(sends(&mut tcp, h.now), [(100, 4, false, false)]);
        }
    }
}

/// What is next in order is taken all the same, and all arrives.
#[test]
fn more_gaps_than_can_be_remembered() {
    let mut h = host();
    let begins = h.next;
    let text = |h: &mut Host, n: u32| {
        h.next = begins + n * 1_000;
        h.text(&[n as u8; 1_000])
    };
    for n in [2, 4, 6, 8, 10] {
        text(&mut h, n);
        assert_eq!(h.last.ack, begins, "{n}");
    }
    // Four pieces are kept, the last was not. The first does not touch any of them: it would be a fifth.
    for (n, acked) in [
        (0, 1),
        (1, 3),
        (3, 5),
        (5, 7),
        (7, 9),
        (9, 10),
        (10, 11),
        (11, 12),
    ] {
        text(&mut h, n);
        assert_eq!(h.last.ack, begins + acked * 1_000, "{n}");
    }
    let mut into = vec![0; 20_000];
    assert_eq!(
        h.tcp.receive(&h.config, &mut into),
        Ok(Received::Data(12_000))
    );
    assert!(into.chunks(1_000).zip(0..12).all(|(c, n)| c == [n; 1_000]));
}

/// RFC 6298 section 3: a probe is sent again and again, and answered when the window opens.
#[test]
fn probes_measure_no_round_trip_and_show_no_loss() {
    let mut h = host();
    let before = {
        h.writes(1);
        let t = h.timeout();
        h.acked(1);
        t
    };
    h.window = 0;
    assert_eq!(h.acked(1), []);
    assert_eq!(h.writes(20_000), []);
    let cwnd = h.cwnd();
    for _ in 0..6 {
        let wait = h.timeout();
        assert_eq!(h.waits(wait), [(1, 1)]);
        assert_eq!(h.acked(1), [], "refused");
    }
    h.window = 50_000;
    let went = h.acked(2);
    assert!(went.len() > 1 && went[0] == (2, 1_000));
    assert_eq!(
        (h.cwnd(), h.timeout()),
        (cwnd + 1, before),
        "slow start by one byte"
    );
}

/// RFC 5681 section 3.1.
#[test]
fn after_the_loss_of_a_syn_one_segment_goes_out() {
    let mut h = Host::opening(config(), 100_000);
    let first = h.timeout();
    assert_eq!(h.waits(first), [(u32::MAX, 0)]);
    let shake = Header {
        seq: IRS,
        ack: ISS + 1,
        flags: Flags::SYN.with(Flags::ACK),
        window: h.window,
        options: syn_of_the_peer(),
        ..Header::default()
    };
    h.hears(shake, &[]);
    h.sends();
    assert_eq!(h.writes(5_000), segments(0, 1));
    assert_eq!(h.timeout(), Duration::from_secs(3), "RFC 6298 (5.7)");
}

/// RFC 9293 MUST-26: any segment for the connection is a sign of life. That of a peer that probes our closed window is not even
/// acceptable: its SND.NXT is beyond it.
#[test]
fn who_probes_a_closed_window_is_alive() {
    let idle = Duration::from_secs(10);
    let c = Config {
        keep_alive: Some(farewell::config::KeepAlive {
            idle,
            probes: Some(2),
        }),
        ..config()
    };
    for (answers, lives) in [(true, true), (false, false)] {
        let mut h = Host::with_room(c, syn_of_the_peer(), 1_000);
        h.text(&[0; 1_000]);
        assert_eq!(h.last.window, 0);
        h.next += 1; // the octet that asks for room
        for _ in 0..6 {
            let asked = h.waits(idle).len();
            if asked > 0 && answers {
                h.acked(0);
            }
        }
        assert_eq!(h.tcp.state() == State::Established, lives);
    }
}

/// Nobody polls between what made it owe something and the end: it is not said any more.
#[test]
fn nothing_is_said_after_the_end() {
    let c = Config {
        keep_alive: Some(farewell::config::KeepAlive {
            idle: Duration::from_secs(10),
            probes: None,
        }),
        ..config()
    };
    let reset = |h: &mut Host| {
        let header = Header {
            seq: h.next,
            flags: Flags::RST,
            ..Header::default()
        };
        h.hears(header, &[]);
        assert_eq!(h.tcp.state(), State::Closed);
        h.sends()
    };
    let fires = |h: &mut Host| {
        h.now = h.tcp.poll_timeout().unwrap();
        h.tcp.handle_timeout(&h.config, h.now);
    };
    // The front of the queue.
    let mut h = host();
    h.writes(10);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // The FIN.
    let mut h = host();
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(0, 0)]);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // A keep-alive.
    let mut h = Host::established(c, syn_of_the_peer());
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // A probe of a closed window.
    let mut h = host();
    h.window = 0;
    h.acked(0);
    h.writes(10);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // An acknowledgment, and text.
    let mut h = host();
    let header = Header {
        seq: h.next,
        ack: ISS + 1,
        flags: Flags::ACK,
        window: h.window,
        ..Header::default()
    };
    h.hears(header, b"text");
    h.next += 4;
    assert_eq!(h.tcp.send(&h.config, h.now, b"late"), Ok(4));
    assert_eq!(reset(&mut h), []);
    // A SYN.
    let mut h = Host::opening(config(), 1_000);
    fires(&mut h);
    let refusal = Header {
        ack: ISS + 1,
        flags: Flags::RST.with(Flags::ACK),
        ..Header::default()
    };
    h.hears(refusal, &[]);
    assert_eq!((h.tcp.state(), h.sends()), (State::Closed, vec![]));
}

/// What was read before an orderly end stays, a reset flushes it.
#[test]
fn unread_text_outlives_an_orderly_end_only() {
    for resets in [false, true] {
        let mut h = host();
        h.text(b"unread");
        let fin = Header {
            seq: h.next,
            ack: ISS + 1,
            flags: Flags::FIN.with(Flags::ACK),
            window: h.window,
            ..Header::default()
        };
        h.hears(fin, &[]);
        h.next += 1;
        h.tcp.shutdown(&h.config, h.now).unwrap();
        assert_eq!(h.sends().len(), 1, "the FIN, with the ACK of theirs");
        assert_eq!(h.tcp.state(), State::LastAck);
        let flags = if resets { Flags::RST } else { Flags::ACK };
        let last = Header {
            seq: h.next,
            ack: ISS + 2,
            flags,
            ..fin
        };
        h.hears(last, &[]);
        assert_eq!(h.tcp.state(), State::Closed);
        let mut into = [0; 9];
        let read = h.tcp.receive(&h.config, &mut into);
        if resets {
            assert!(read.is_err());
        } else {
            assert_eq!(read, Ok(Received::Data(6)));
            assert_eq!(h.tcp.receive(&h.config, &mut into), Ok(Received::End));
        }
    }
}

/// RFC 7323 section 5.5.
#[test]
fn an_old_timestamp_is_believed_after_24_days() {
    for (days, taken) in [(23, false), (25, true)] {
        let mut c = config();
        c.timestamps = true;
        c.give_up = None;
        let stamp = |val| Options {
            timestamps: Some(Timestamps { val, ecr: 0 }),
            ..Options::default()
        };
        let mut h = Host::established(
            c,
            Options {
                timestamps: stamp(1_000_000).timestamps,
                ..syn_of_the_peer()
            },
        );
        h.now = h.now + Duration::from_secs(days * 24 * 60 * 60);
        let header = Header {
            seq: h.next,
            ack: ISS + 1,
            flags: Flags::ACK,
            window: h.window,
            options: stamp(999_999),
            ..Header::default()
        };
        h.hears(header, b"x");
        let mut into = [0; 9];
        let read = h.tcp.receive(&h.config, &mut into);
        let expected = if taken {
            Received::Data(1)
        } else {
            Received::Nothing
        };
        assert_eq!(read, Ok(expected), "{days}");
    }
}
