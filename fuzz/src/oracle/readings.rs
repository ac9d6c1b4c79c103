//! What the RFCs leave open, reading by reading: each is explained, and what lies beside it is not.

use farewell_model::endpoint::{Call, CallError, Event, Flags, MAX_DATA, Segment, TcpState};
use farewell_model::seq::Seq;

use super::expectations;
use super::set::{Oracle, Seen};
use crate::subjects::Terms;

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const RST: Flags = Flags::RST;
const SYN_ACK: Flags = SYN.with(ACK);
const FIN_ACK: Flags = Flags::FIN.with(ACK);

/// An oracle at work. Ours begins at 100, the peer's at 500; its text is the alphabet from there.
#[derive(Clone)]
struct At(Oracle);

fn segment(flags: Flags, seq: u32, ack: u32, len: u8) -> Segment {
    let mut text = [0; MAX_DATA];
    for (at, byte) in (seq..).zip(&mut text[..usize::from(len)]) {
        *byte = b'a' + ((at + 22) % 26) as u8; // 500 is "c"
    }
    Segment {
        flags,
        seq: Seq::new(seq),
        ack: Seq::new(ack),
        wnd: 4,
        len,
        text,
        ts: None,
    }
}

fn out(segments: &[(Flags, u32, u32)]) -> Seen {
    let plain = |&(flags, seq, ack)| segment(flags, seq, ack, 0);
    Seen {
        segments: segments.iter().map(plain).collect(),
        ..Seen::default()
    }
}

impl At {
    fn closed() -> At {
        At(Oracle::new(Terms {
            tells: false,
            ..Terms::default()
        }))
    }

    fn call(&mut self, call: Call, seen: &Seen) -> bool {
        self.0.input(Event::Call(call), None, seen).is_ok()
    }

    fn comes(&mut self, (flags, seq, ack, len): (Flags, u32, u32, u8), seen: &Seen) -> bool {
        let e = Event::Segment(segment(flags, seq, ack, len));
        self.0.input(e, None, seen).is_ok()
    }

    /// So many ticks of silence.
    fn silent(&mut self, ticks: u32) -> bool {
        (0..ticks).all(|_| self.0.quantum(&Seen::default()).is_ok())
    }

    fn syn_sent() -> At {
        let mut at = At::closed();
        let open = Call::OpenActive { timestamps: false };
        assert!(at.call(open, &out(&[(SYN, 100, 0)])));
        at
    }

    fn established() -> At {
        let mut at = At::syn_sent();
        assert!(at.comes((SYN_ACK, 500, 101, 0), &out(&[(ACK, 101, 501)])));
        at
    }

    /// Both FINs are acknowledged: ours was first.
    fn time_wait() -> At {
        let mut at = At::established();
        assert!(at.call(Call::Shutdown, &out(&[(FIN_ACK, 101, 501)])));
        assert!(at.comes((FIN_ACK, 501, 102, 0), &out(&[(ACK, 102, 502)])));
        assert_eq!(at.0.names(), [TcpState::TimeWait]);
        at
    }
}

#[test]
fn a_simultaneous_open_ends_as_in_figure_7_or_as_in_3_10_7_4() {
    let mut at = At::syn_sent();
    assert!(at.comes((SYN, 500, 0, 0), &out(&[(SYN_ACK, 100, 501)])));
    let text = |seq| Seen {
        segments: vec![Segment {
            text: [b'x', 0, 0, 0],
            ..segment(ACK, seq, 501, 1)
        }],
        ..Seen::default()
    };
    let send = Call::Send {
        len: 1,
        text: [b'x', 0, 0, 0],
    };
    // Taken or not, with or without an answer; only who has taken it may send.
    for answer in [out(&[]), out(&[(ACK, 101, 501)])] {
        let mut at = at.clone();
        assert!(at.comes((SYN_ACK, 500, 101, 0), &answer));
        assert!(at.0.names().contains(&TcpState::Established));
        assert!(at.call(send, &text(101)));
        assert_eq!(at.0.names(), [TcpState::Established]);
    }
    assert!(
        !at.clone()
            .comes((SYN_ACK, 500, 101, 0), &out(&[(RST, 101, 0)]))
    );
    // Its acknowledgment counts as ever.
    let old = (SYN_ACK, 500, 100, 0);
    assert!(at.comes(old, &out(&[(ACK, 101, 501)])));
    assert_eq!(at.0.names(), [TcpState::SynReceived]);
}

#[test]
fn what_comes_with_a_syn_is_thrown_away_or_queued() {
    let mut at = At::closed();
    assert!(at.call(Call::OpenPassive { timestamps: false }, &out(&[])));
    assert!(at.comes((SYN, 500, 0, 2), &out(&[(SYN_ACK, 100, 501)])));
    let acknowledges = |ack: u32| {
        let mut seen = out(&[(ACK, 101, ack)]);
        seen.segments[0].wnd = (505 - ack) as u8; // nobody has read
        seen
    };
    for (ack, right) in [(502, false), (503, true), (504, false)] {
        let answered = at.clone().comes((ACK, 501, 101, 0), &acknowledges(ack));
        assert_eq!(answered, right, "{ack}");
    }
    // Thrown away, it draws nothing; and what was acknowledged is read.
    assert!(at.clone().comes((ACK, 501, 101, 0), &out(&[])));
    assert!(at.comes((ACK, 501, 101, 0), &acknowledges(503)));
    for (text, right) in [(*b"cd", true), (*b"cc", false)] {
        let mut at = at.clone();
        let read = Seen {
            read: text.to_vec(),
            ..Seen::default()
        };
        assert_eq!(at.call(Call::Receive(4), &read), right);
    }

    let mut at = At::time_wait();
    assert!(at.comes((SYN, 900, 0, 2), &out(&[(SYN_ACK, 300, 901)])));
    let mut answer = out(&[(ACK, 301, 903)]);
    answer.segments[0].wnd = 2;
    assert!(at.comes((ACK, 901, 301, 0), &answer));

    let mut at = At::syn_sent();
    let fin = SYN.with(Flags::FIN);
    assert!(at.comes((fin, 500, 0, 1), &out(&[(SYN_ACK, 100, 501)])));
    assert!(at.comes((ACK, 501, 101, 0), &out(&[(ACK, 101, 503)])));
    assert_eq!(at.0.names(), [TcpState::CloseWait]);
}

#[test]
fn text_behind_the_peers_fin_is_ignored_with_or_without_an_answer() {
    let mut at = At::established();
    assert!(at.comes((FIN_ACK, 501, 101, 0), &out(&[(ACK, 101, 502)])));
    assert!(at.silent(8));
    let drawn = |comes, seen: &Seen| {
        let mut at = at.clone();
        at.comes(comes, seen) && at.silent(8)
    };
    assert!(drawn((ACK, 502, 101, 1), &out(&[])));
    assert!(drawn((ACK, 502, 101, 1), &out(&[(ACK, 101, 502)])));
    assert!(!drawn((ACK, 502, 101, 1), &out(&[(ACK, 101, 503)])));
    // A FIN, and what is not in the window, are acknowledged.
    for (seq, len) in [(501, 0), (502, 0), (502, 1)] {
        assert!(!drawn((FIN_ACK, seq, 101, len), &out(&[])));
    }
    assert!(!drawn((ACK, 501, 101, 1), &out(&[])));
    assert!(!drawn((ACK, 520, 101, 1), &out(&[])));
}

#[test]
fn the_reset_for_text_after_close_is_numbered_as_here_or_as_in_closed() {
    let mut at = At::established();
    assert!(at.call(Call::Close, &out(&[(FIN_ACK, 101, 501)])));
    let drawn = |reset| {
        let mut at = at.clone();
        at.comes((ACK, 501, 101, 1), &out(&[reset]))
    };
    assert!(drawn((RST, 102, 0)));
    assert!(drawn((RST, 101, 0)));
    assert!(!drawn((RST, 100, 0)));
    assert!(!drawn((RST, 103, 0)));
    // That is about text: the user's ABORT has one number.
    let mut at = At::established();
    assert!(!at.call(Call::Abort, &out(&[(RST, 100, 0)])));
}

#[test]
fn a_reopened_time_wait_goes_back_where_nobody_is_told() {
    let mut at = At::time_wait();
    assert!(at.comes((SYN, 900, 0, 0), &out(&[(SYN_ACK, 300, 901)])));
    assert!(at.comes((RST, 901, 0, 0), &out(&[])));
    assert_eq!(at.0.names(), [TcpState::TimeWait]);
    let fin = (FIN_ACK, 501, 102, 0);
    assert!(at.clone().comes(fin, &out(&[(ACK, 102, 502)])));
    assert!(!at.comes(fin, &out(&[(RST, 102, 0)])));
}

#[test]
fn half_the_sequence_space_away_is_above_or_below() {
    let at = At::time_wait();
    let half = 502 + (1 << 31);
    for (seq, reopens, refuses) in [
        (half - 1, true, true), // MAY-2
        (half, true, true),
        (half + 1, false, true),
    ] {
        let taken = at
            .clone()
            .comes((SYN, seq, 0, 0), &out(&[(SYN_ACK, 300, seq + 1)]));
        assert_eq!(taken, reopens, "{seq}");
        let refused = at.clone().comes((SYN, seq, 0, 0), &out(&[(ACK, 102, 502)]));
        assert_eq!(refused, refuses, "{seq}");
    }
    // If it goes back, it goes back to where it was.
    let mut at = at;
    assert!(at.comes((SYN, half, 0, 0), &out(&[(SYN_ACK, 300, half + 1)])));
    assert!(at.comes((RST, half + 1, 0, 0), &out(&[])));
    assert!(at.comes((FIN_ACK, 501, 102, 0), &out(&[(ACK, 102, 502)])));
}

#[test]
fn an_octet_comes_once_at_an_instant() {
    let fin = (FIN_ACK, 101, 501);
    assert!(!At::established().call(Call::Shutdown, &out(&[fin, fin])));
    let mut at = At::established();
    assert!(at.call(Call::Shutdown, &out(&[fin])));
    assert!(at.silent(3));
    assert!(at.clone().0.quantum(&out(&[fin])).is_ok());
    assert!(at.0.quantum(&out(&[fin, fin])).is_err());
    // Nothing is judged behind an oddity that has no state after it.
    let mut at = At::closed();
    let known = "waits | must | close-waits/*/* | RFC 9293 3.10.4 | it does";
    at.0.allow(&expectations::read(known).unwrap(), |_| true);
    assert!(at.call(Call::OpenPassive { timestamps: false }, &out(&[])));
    assert!(at.comes((SYN, 500, 0, 0), &out(&[(SYN_ACK, 100, 501)])));
    assert!(at.call(Call::Shutdown, &out(&[])));
    assert!(at.0.is_lost());
    assert!(at.0.quantum(&out(&[fin, fin])).is_ok());
    assert!(at.comes((ACK, 501, 101, 0), &out(&[fin, fin])));
}

#[test]
fn closed_hands_over_what_had_come_and_nothing_else() {
    let mut at = At::established();
    assert!(at.comes((FIN_ACK, 501, 101, 2), &out(&[(ACK, 101, 504)])));
    assert!(at.call(Call::Shutdown, &out(&[(FIN_ACK, 101, 504)])));
    assert!(at.comes((ACK, 504, 102, 0), &out(&[])));
    assert_eq!(at.0.names(), [TcpState::Closed]);
    let reads = |texts: &[&[u8]]| {
        let mut at = at.clone();
        texts.iter().all(|text| {
            let read = Seen {
                read: text.to_vec(),
                ..Seen::default()
            };
            at.call(Call::Receive(4), &read)
        })
    };
    assert!(reads(&[b"de"]));
    assert!(reads(&[b"d", b"e"]));
    for wrong in [&[&b"x"[..]][..], &[b"def"], &[b"d", b"d"], &[b"e"]] {
        assert!(!reads(wrong), "{wrong:?}");
    }
    // The end stands behind all of it.
    for (text, right) in [(&b""[..], false), (b"d", false), (b"de", true)] {
        let read = Seen {
            read: text.to_vec(),
            end: true,
            ..Seen::default()
        };
        let mut at = at.clone();
        assert_eq!(at.call(Call::Receive(4), &read), right, "{text:?}");
    }
    // A connection that was reset has no end, whatever was read before.
    let mut reset = At::established();
    let mut answer = out(&[(ACK, 101, 503)]);
    answer.segments[0].wnd = 2;
    assert!(reset.comes((ACK, 501, 101, 2), &answer));
    assert!(reset.comes((RST, 503, 0, 0), &out(&[])));
    for (text, end, right) in [(&b"de"[..], false, true), (b"", true, false)] {
        let read = Seen {
            read: text.to_vec(),
            end,
            ..Seen::default()
        };
        assert_eq!(reset.call(Call::Receive(4), &read), right, "{text:?}");
    }
    // Or it says that there is no connection.
    let refused = Some(CallError::DoesNotExist);
    let receive = Event::Call(Call::Receive(4));
    assert!(at.0.input(receive, refused, &Seen::default()).is_ok());
}
