//! A host to test: what the peer sends and what comes out are written as segments, `FIN,ACK seq=2 ack=2`.

use crate::endpoint::{
    Armed, Call, CallError, Effects, Endpoint, Event, Flags, Indication, MAX_DATA, NOW, Segment,
    TcpState, Timer, Timestamps,
};
use crate::rules::{Profile, Rule, RuleSet};
use crate::seq::Seq;
use crate::spec::{Choices, Config, Spec, Tcb};

/// The window that goes without saying.
const WINDOW: u8 = 4;

/// Hardened, TIME_WAIT of four ticks, no other timeout, a buffer of four bytes that the user empties by RECEIVE.
pub(super) fn config() -> Config {
    Config {
        rules: Profile::Hardened.rules(),
        choices: Choices::default(),
        time_wait: 4,
        fin_wait_2: None,
        user_timeout: None,
        give_up: None,
        keep_alive: None,
        receive_buffer: WINDOW,
        fixed_window: false,
        no_timer_in: None,
    }
}

/// One TCP. Sequence numbers in a test are distances: ours from `us`, the peer's from `them`.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) c: Config,
    pub(super) t: Tcb,
    pub(super) out: Effects,
    /// Every rule that was asked for so far.
    pub(super) asked: RuleSet,
    us: Seq,
    them: Seq,
    isn: Option<i64>,
}

/// Runs a test far from the wrap of sequence numbers, and with either side's numbers wrapping in it.
pub(super) fn everywhere(test: impl Fn(Host)) {
    for (us, them) in [
        (1_000, 5_000),
        (u32::MAX - 1, 7),
        (7, u32::MAX - 1),
        (u32::MAX, u32::MAX),
        ((1 << 31) - 2, 1 << 31),
    ] {
        test(Host::new(us, them));
    }
}

impl Host {
    pub(super) fn new(us: u32, them: u32) -> Self {
        let c = config();
        let t = Spec::boot(&c);
        Self {
            c,
            t,
            out: Effects::default(),
            asked: RuleSet::EMPTY,
            us: Seq::new(us),
            them: Seq::new(them),
            isn: Some(0),
        }
    }

    pub(super) fn with(mut self, change: impl Fn(&mut Config)) -> Self {
        change(&mut self.c);
        self
    }

    pub(super) fn without(self, r: Rule) -> Self {
        self.with(|c| c.rules = c.rules.without(r))
    }

    /// The ISN for the next incarnation, as a distance; `None` if nobody listens.
    pub(super) fn isn(mut self, isn: Option<i64>) -> Self {
        self.isn = isn;
        self
    }

    /// As the other end sees numbers.
    pub(super) fn other_end(&self) -> Self {
        Self::new(self.them.raw(), self.us.raw())
    }

    fn step(&mut self, e: Event) -> &mut Self {
        self.out.clear();
        let isn = self.isn.map(|n| self.us + n as u32);
        Spec::step(&self.c, &mut self.t, e, isn, &mut self.out);
        assert!(
            !self.out.broken,
            "outside its limits after {e:?} in {:?}",
            self.t
        );
        self.asked = RuleSet(self.asked.0 | self.out.rules.0);
        let o = Spec::observe(&self.c, &self.t);
        assert!(
            o.snd_una.at_or_before(o.snd_nxt),
            "SND.UNA is beyond SND.NXT"
        );
        self
    }

    /// The peer sends a segment.
    pub(super) fn peer(&mut self, segment: &str) -> &mut Self {
        let s = self.parse(segment);
        self.step(Event::Segment(s))
    }

    /// What another host has sent arrives.
    pub(super) fn arrives(&mut self, sent: &Segment) -> &mut Self {
        self.step(Event::Segment(*sent))
    }

    pub(super) fn call(&mut self, call: Call) -> &mut Self {
        self.step(Event::Call(call))
    }

    pub(super) fn send(&mut self, text: &str) -> &mut Self {
        self.call(send(text))
    }

    pub(super) fn connect(&mut self) -> &mut Self {
        self.call(Call::OpenActive { timestamps: false })
    }

    pub(super) fn listen(&mut self) -> &mut Self {
        self.call(Call::OpenPassive { timestamps: false })
    }

    /// A timer that is due fires.
    pub(super) fn fires(&mut self, t: Timer) -> &mut Self {
        assert!(
            self.armed().due.has(t),
            "the {} timer is not due in {:?}",
            t.name(),
            self.t.state
        );
        self.step(Event::Timer(t))
    }

    pub(super) fn ticks(&mut self, n: u8) -> &mut Self {
        for _ in 0..n {
            self.step(Event::Tick);
        }
        self
    }

    pub(super) fn armed(&self) -> Armed {
        Spec::armed(&self.c, &self.t)
    }

    pub(super) fn is_due(&self, t: Timer) -> bool {
        self.armed().due.has(t)
    }

    /// The only segment of the last step.
    pub(super) fn sent(&self) -> Segment {
        assert_eq!(self.out.segments.len(), 1, "{}", self.said());
        self.out.segments[0]
    }

    /// What the last step gave: segments, what the user was told, the state.
    #[track_caller]
    pub(super) fn gives(&mut self, expected: &str, state: TcpState) -> &mut Self {
        assert_eq!((self.said().as_str(), self.t.state), (expected, state));
        self
    }

    /// Segments, then what the user was told, in words.
    pub(super) fn said(&self) -> String {
        let mut said: Vec<String> = self.out.segments.iter().map(|s| self.show(s)).collect();
        said.extend(
            self.out
                .told
                .iter()
                .map(|i: &Indication| format!("told {}", i.name())),
        );
        if !self.out.read.is_empty() {
            said.push(format!("read {}", String::from_utf8_lossy(&self.out.read)));
        }
        if self.out.end {
            said.push("end".into());
        }
        said.extend(self.out.error.map(|e: CallError| format!("error: {e}")));
        said.join("; ")
    }

    /// A segment in the notation of the tests; the window only if it is not four bytes.
    pub(super) fn show(&self, s: &Segment) -> String {
        let distance = |n: Seq, zero: Seq| (n - zero) as i32;
        let zero = s.flags == Flags::RST.with(Flags::ACK) && s.seq.raw() == 0;
        let mut text = format!("{:?} seq=", s.flags);
        text += &if zero {
            "zero".into()
        } else {
            distance(s.seq, self.us).to_string()
        };
        if s.is(Flags::ACK) {
            text += &format!(" ack={}", distance(s.ack, self.them));
        }
        if s.len > 0 {
            text += &format!(" data={}", String::from_utf8_lossy(s.data()));
        }
        if !s.is(Flags::RST) && s.wnd != WINDOW {
            text += &format!(" wnd={}", s.wnd);
        }
        if let Some(ts) = s.ts {
            let ecr = if ts.ecr == 0 {
                "none".into()
            } else {
                (ts.ecr.wrapping_sub(NOW) as i32).to_string()
            };
            text += &format!(" ts={}/{ecr}", ts.val.wrapping_sub(NOW) as i32);
        }
        text
    }

    /// The peer's segment: seq from its own zero, ack from ours, timestamps from now.
    fn parse(&self, text: &str) -> Segment {
        let mut s = Segment {
            wnd: WINDOW,
            ..Segment::default()
        };
        let mut words = text.split(' ');
        for flag in words.next().unwrap_or_default().split(',') {
            s.flags = s.flags.with(match flag {
                "SYN" => Flags::SYN,
                "FIN" => Flags::FIN,
                "RST" => Flags::RST,
                "ACK" => Flags::ACK,
                "-" => Flags::default(),
                _ => panic!("no flag {flag} in {text}"),
            });
        }
        for word in words {
            let (key, value) = word
                .split_once('=')
                .unwrap_or_else(|| panic!("no value: {word} in {text}"));
            let number = || {
                value
                    .parse::<i64>()
                    .unwrap_or_else(|_| panic!("no number: {word}")) as u32
            };
            match key {
                "seq" if value == "zero" => s.seq = Seq::new(0),
                "seq" => s.seq = self.them + number(),
                "ack" => s.ack = self.us + number(),
                "wnd" => s.wnd = number() as u8,
                "data" => {
                    s.len = value.len() as u8;
                    s.text[..value.len()].copy_from_slice(value.as_bytes());
                }
                "ts" => {
                    let (val, ecr) = value.split_once('/').unwrap_or((value, "0"));
                    let at =
                        |v: &str| NOW.wrapping_add(v.parse::<i64>().unwrap_or_default() as u32);
                    s.ts = Some(Timestamps {
                        val: at(val),
                        ecr: at(ecr),
                    });
                }
                _ => panic!("no field {key} in {text}"),
            }
        }
        s
    }

    /// By segments and calls from CLOSED to any state; both FINs, where they are, at 1.
    pub(super) fn reach(mut self, state: TcpState) -> Self {
        use TcpState::*;
        match state {
            Closed => {}
            Listen => {
                self.listen();
            }
            SynSent => {
                self.connect();
            }
            SynReceived => {
                self = self.reach(Listen);
                self.peer("SYN seq=0")
                    .gives("SYN,ACK seq=0 ack=1", SynReceived);
            }
            Established => {
                self = self.reach(SynSent);
                self.peer("SYN,ACK seq=0 ack=1")
                    .gives("ACK seq=1 ack=1", Established);
            }
            FinWait1 => {
                self = self.reach(Established);
                self.call(Call::Shutdown)
                    .gives("FIN,ACK seq=1 ack=1", FinWait1);
            }
            FinWait2 => {
                self = self.reach(FinWait1);
                self.peer("ACK seq=1 ack=2").gives("told closed", FinWait2);
            }
            CloseWait => {
                self = self.reach(Established);
                self.peer("FIN,ACK seq=1 ack=1")
                    .gives("ACK seq=1 ack=2", CloseWait);
            }
            Closing => {
                self = self.reach(FinWait1);
                self.peer("FIN,ACK seq=1 ack=1")
                    .gives("ACK seq=2 ack=2", Closing);
            }
            LastAck => {
                self = self.reach(CloseWait);
                self.call(Call::Shutdown)
                    .gives("FIN,ACK seq=1 ack=2", LastAck);
            }
            TimeWait => {
                self = self.reach(FinWait2);
                self.peer("FIN,ACK seq=1 ack=2")
                    .gives("ACK seq=2 ack=2", TimeWait);
            }
        }
        assert_eq!(self.t.state, state);
        self
    }

    /// An ESTABLISHED connection with timestamps, the peer's last at `now - 1`.
    pub(super) fn stamped(mut self) -> Self {
        self.call(Call::OpenActive { timestamps: true })
            .gives("SYN seq=0 ts=0/none", TcpState::SynSent);
        self.peer("SYN,ACK seq=0 ack=1 ts=-1/0")
            .gives("ACK seq=1 ack=1 ts=0/-1", TcpState::Established);
        self
    }
}

/// SEND of a text.
pub(super) fn send(text: &str) -> Call {
    let mut bytes = [0; MAX_DATA];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    Call::Send {
        len: text.len() as u8,
        text: bytes,
    }
}
