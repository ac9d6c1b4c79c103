//! Closed windows that open again: a probe that was refused must not hold up what follows.

use farewell::connection::{Begin, Owned, Received, Reno};
use farewell::seq::SeqNumber;
use farewell::wire::{Header, Segment};
use farewell::{Config, Endpoint, Instant};

type Tcp = Endpoint<Owned, Reno>;

fn opening(iss: u32) -> (Begin, Owned, Reno) {
    let begin = Begin {
        iss: SeqNumber(iss),
        ts_offset: 0,
        timestamps: false,
    };
    (begin, Owned::new(4_000, 1_000), Reno::default())
}

/// Two ends of a network that loses nothing and takes no time.
struct Pair {
    config: Config,
    now: Instant,
    ends: [Tcp; 2],
}

impl Pair {
    fn established() -> Pair {
        let mut pair = Pair {
            config: Config {
                delayed_ack: None,
                ..Config::default()
            },
            now: Instant(0),
            ends: [Tcp::default(), Tcp::default()],
        };
        let [a, b] = &mut pair.ends;
        b.listen(false).unwrap();
        a.connect(&pair.config, pair.now, opening(100)).unwrap();
        pair.settle();
        pair
    }

    /// Until nobody has anything to say at this moment.
    fn settle(&mut self) {
        let (config, now) = (&self.config, self.now);
        loop {
            let mut said: Vec<(usize, Header, Vec<u8>)> = Vec::new();
            for (n, end) in self.ends.iter_mut().enumerate() {
                if end.poll_timeout().is_some_and(|at| at <= now) {
                    end.handle_timeout(config, now);
                }
                while let Some(out) = end.poll_transmit(config, now) {
                    let (head, tail) = end.text(&out);
                    said.push((n, out.header, [head, tail].concat()));
                }
                while end.poll_event().is_some() {}
            }
            if said.is_empty() {
                return;
            }
            for (from, header, text) in said {
                let s = Segment {
                    header,
                    payload: &text,
                };
                let _ =
                    self.ends[1 - from].handle_segment(config, now, &s, || Some(opening(5_000)));
            }
        }
    }

    fn wait(&mut self, until: u64) {
        while let Some(at) = self.ends.iter().filter_map(Tcp::poll_timeout).min()
            && at.0 <= until
        {
            self.now = at.max(self.now);
            self.settle();
        }
        self.now = Instant(until);
    }

    fn read(&mut self, n: usize) -> usize {
        let got = self.ends[n].receive(&self.config, &mut [0; 4_000]);
        match got.unwrap() {
            Received::Data(n) => n,
            Received::Nothing | Received::End => 0,
        }
    }
}

#[test]
fn a_window_that_opens_again_is_used_at_once() {
    let mut pair = Pair::established();
    let sent = pair.ends[0].send(&pair.config, pair.now, &[7; 1_600]);
    assert_eq!(sent, Ok(1_600));
    pair.settle();
    pair.wait(40_000_000);
    assert_eq!(pair.read(1), 1_000);
    pair.settle();
    assert_eq!(pair.read(1), 600, "what waited came at the same moment");
}

#[test]
fn a_window_update_is_heard_by_a_peer_whose_window_is_closed() {
    let mut pair = Pair::established();
    for end in &mut pair.ends {
        end.send(&pair.config, pair.now, &[7; 1_600]).unwrap();
    }
    pair.settle();
    pair.wait(10_000_000); // both have probed
    assert_eq!(pair.read(1), 1_000);
    pair.settle();
    assert_eq!(pair.read(1), 600);
    assert_eq!(pair.read(0), 1_000);
    pair.settle();
    assert_eq!(pair.read(0), 600);
}

#[test]
fn intervals_between_probes_grow_and_the_timeout_does_not() {
    let mut pair = Pair::established();
    pair.ends[0]
        .send(&pair.config, pair.now, &[7; 1_600])
        .unwrap();
    pair.settle();
    let mut moments = Vec::new();
    for _ in 0..5 {
        let at = pair.ends[0].poll_timeout().unwrap();
        moments.push(at.0);
        pair.wait(at.0);
    }
    let gaps: Vec<u64> = moments.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(gaps.windows(2).all(|w| w[1] == 2 * w[0]), "{gaps:?}");
}
