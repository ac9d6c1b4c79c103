//! Random scripts. Three of four are led somewhere first, and there meet what decides; the rest, and the end of all, is
//! whatever peers and users do, and some that they do not.

use farewell_model::endpoint::{Call, Flags, MAX_DATA, TcpState};

use super::script::{OPEN_ACTIVE, OPEN_PASSIVE, Peer, Script, Step, send};
use crate::targets::Random;
use crate::targets::lockstep::Anchor;

/// An acknowledgment of everything.
const FITTING: Peer = Peer {
    flags: Flags::ACK,
    seq: (Anchor::Next, 0),
    ack: (Anchor::Next, 0),
    wnd: 4,
    len: 0,
};
/// And the end of the peer's stream.
const FIN: Peer = Peer {
    flags: Flags::ACK.with(Flags::FIN),
    ..FITTING
};
/// A new connection.
const SYN: Peer = Peer {
    flags: Flags::SYN,
    seq: (Anchor::Initial, 0),
    ..FITTING
};
/// It acknowledges nothing new: our FIN is still on its way.
const NOT_YET: (Anchor, i8) = (Anchor::Edge, 0);
/// Where a script is led.
#[derive(Clone, Copy)]
enum Scene {
    /// Into a state, on the straight way.
    To(TcpState),
    /// Text waits behind a small window; what was never sent is acknowledged, or the stack closes behind it.
    Window,
    /// The window closes while text is on its way: it must be sent again all the same.
    Shrunk,
    /// Text arrives in the wrong order, and its windows with it.
    Overtaken,
    /// Text and FIN come in the wrong order, or run over the window.
    Gap,
    /// The handshake does not end.
    Embryo,
    /// A SYN meets TIME_WAIT, and is followed by a RST or by a handshake.
    Reopening,
}

/// Most often to where time alone decides.
const SCENES: [Scene; 17] = [
    Scene::To(TcpState::FinWait1),
    Scene::To(TcpState::FinWait2),
    Scene::To(TcpState::FinWait2),
    Scene::To(TcpState::FinWait2),
    Scene::To(TcpState::CloseWait),
    Scene::To(TcpState::Closing),
    Scene::To(TcpState::LastAck),
    Scene::To(TcpState::TimeWait),
    Scene::To(TcpState::TimeWait),
    Scene::To(TcpState::TimeWait),
    Scene::Window,
    Scene::Window,
    Scene::Shrunk,
    Scene::Overtaken,
    Scene::Gap,
    Scene::Embryo,
    Scene::Reopening,
];

/// The script of a seed. `full_close`: the stack has a CLOSE after which nobody reads.
pub fn script(seed: u64, full_close: bool) -> Script {
    let mut r = Random(seed);
    let isns = [1_000, u32::MAX - 2, u32::MAX - 300, 0x7fff_fffe];
    let (peer_isn, isn) = (isns[r.below(4)], isns[r.below(4)]);
    let mut steps = Vec::new();
    let scene = (r.below(4) > 0).then(|| SCENES[r.below(SCENES.len())]);
    if let Some(Scene::Embryo) = scene {
        embryo(&mut r, &mut steps);
    } else {
        opening(&mut r, &mut steps);
    }
    if scene.is_some() && r.below(2) == 0 {
        exchange(&mut r, &mut steps);
    }
    match scene {
        None | Some(Scene::Embryo) => {}
        Some(Scene::To(state)) => {
            lead(&mut r, state, full_close, &mut steps);
            for _ in 0..1 + r.below(4) {
                let step = there(&mut r, state);
                let resets = matches!(step, Step::Segment(p) if p.flags.has(Flags::RST));
                steps.push(step);
                // What the user finds now.
                if resets || r.below(4) == 0 {
                    steps.push(Step::Call(Call::Receive(MAX_DATA as u8)));
                }
            }
        }
        Some(Scene::Window) => window(&mut r, &mut steps),
        Some(Scene::Shrunk) => shrunk(&mut r, &mut steps),
        Some(Scene::Overtaken) => overtaken(&mut r, &mut steps),
        Some(Scene::Gap) => gap(&mut r, &mut steps),
        Some(Scene::Reopening) => {
            lead(&mut r, TcpState::TimeWait, full_close, &mut steps);
            steps.push(Step::Segment(SYN));
            let reset = Step::Segment(Peer {
                flags: Flags::RST,
                ..FITTING
            });
            steps.push([reset, Step::Segment(FITTING)][r.below(2)]);
            // Whether TIME_WAIT is still there.
            if r.below(2) == 0 {
                steps.push(Step::Segment(Peer {
                    seq: (Anchor::Next, -1),
                    ..FIN
                }));
            }
        }
    }
    for _ in 0..2 + r.below(20) {
        steps.push(step(&mut r, full_close));
    }
    if r.below(2) == 0 {
        // Long after the end a segment must find the connection gone, or else still there.
        steps.push(Step::Wait(13_000));
        steps.push(Step::Segment(FITTING));
    }
    Script {
        peer_isn,
        isn,
        steps,
    }
}

fn window(r: &mut Random, steps: &mut Vec<Step>) {
    let small = Peer {
        wnd: r.below(3) as u8,
        ..FITTING
    };
    steps.extend([Step::Segment(small), Step::Call(send(3 + r.below(2) as u8))]);
    if r.below(2) == 0 {
        steps.push(Step::Segment(Peer {
            ack: (Anchor::Next, r.below(3) as i8 + 1),
            ..FITTING
        }));
    } else {
        steps.push(Step::Call(Call::Shutdown));
        if r.below(2) == 0 {
            steps.push(Step::Segment(Peer {
                ack: NOT_YET,
                wnd: small.wnd,
                ..FIN
            }));
        }
        steps.push(Step::Segment(FITTING));
    }
}

fn shrunk(r: &mut Random, steps: &mut Vec<Step>) {
    steps.push(Step::Call(send(r.below(3) as u8 + 1)));
    if r.below(2) == 0 {
        steps.push(Step::Call(Call::Shutdown));
    }
    let closed = Peer {
        ack: NOT_YET,
        wnd: 0,
        ..FITTING
    };
    steps.extend([Step::Segment(closed), Step::Wait(24_000)]);
    if r.below(2) == 0 {
        let open = Peer {
            ack: NOT_YET,
            ..FITTING
        };
        steps.extend([Step::Segment(open), Step::Wait(9_000)]);
    }
}

fn overtaken(r: &mut Random, steps: &mut Vec<Step>) {
    let windows = [[0, 4], [4, 0]][r.below(2)];
    let text = |ahead: i8, len: u8, wnd: u8| {
        Step::Segment(Peer {
            seq: (Anchor::Next, ahead),
            len,
            wnd,
            ..FITTING
        })
    };
    if r.below(2) == 0 {
        // The later first.
        steps.extend([text(1, 1, windows[0]), text(0, 1, windows[1])]);
    } else {
        // The earlier again, with a little more behind it.
        steps.extend([text(0, 1, windows[0]), text(-1, 2, windows[1])]);
    }
    steps.push(Step::Call(send(r.below(3) as u8 + 1)));
}

fn gap(r: &mut Random, steps: &mut Vec<Step>) {
    let room = r.below(4) as u8;
    let fin_at = |ahead: i8, len: u8| {
        Step::Segment(Peer {
            seq: (Anchor::Next, ahead),
            len,
            ..FIN
        })
    };
    let text = |len: u8| Step::Segment(Peer { len, ..FITTING });
    let overlapping = Peer {
        seq: (Anchor::Next, -1),
        len: 2,
        ..FITTING
    };
    let way = r.below(3);
    if way == 0 {
        // The FIN first.
        let first = r.below(2) as u8 + 1;
        steps.extend([fin_at(first as i8, r.below(2) as u8), text(first)]);
    } else if way == 1 {
        steps.extend([text(1), Step::Segment(overlapping), fin_at(-1, 1)]);
    } else {
        steps.push(text(room));
        steps.push(fin_at(0, r.below(5) as u8));
        steps.push(text(r.below(2) as u8));
    }
    steps.push(Step::Call(Call::Receive(MAX_DATA as u8)));
    steps.push(Step::Call(Call::Receive(MAX_DATA as u8)));
}

fn embryo(r: &mut Random, steps: &mut Vec<Step>) {
    let open = [OPEN_ACTIVE, OPEN_PASSIVE][r.below(2)];
    steps.extend([Step::Call(open), Step::Segment(SYN)]);
    let reset = Peer {
        flags: Flags::RST,
        seq: (Anchor::Next, (r.below(3) as i8 - 1).max(0)),
        ..FITTING
    };
    match r.below(6) {
        0 | 1 => steps.push(Step::Segment(reset)),
        2 => steps.push(Step::Segment(SYN)),
        3 => steps.extend([Step::Call(Call::Shutdown), Step::Segment(FITTING)]),
        4 => steps.push(Step::Segment(FIN)),
        _ => steps.push(Step::Segment(odd(r))),
    }
}

fn opening(r: &mut Random, steps: &mut Vec<Step>) {
    let passive = r.below(2) == 0;
    steps.push(Step::Call(if passive { OPEN_PASSIVE } else { OPEN_ACTIVE }));
    let initial = |flags| Peer {
        flags,
        seq: (Anchor::Initial, 0),
        ..FITTING
    };
    let syn_ack = Step::Segment(initial(Flags::SYN.with(Flags::ACK)));
    let mut syn = initial(Flags::SYN);
    if r.below(16) == 0 {
        syn.len = r.below(3) as u8 + 1;
        syn.flags = [Flags::SYN, Flags::SYN.with(Flags::FIN)][r.below(2)];
    }
    let syn = Step::Segment(syn);
    match (r.below(12), passive) {
        (0, _) => {}
        (1, true) => steps.push(syn),
        // At once: what ends the handshake is a SYN,ACK or an ACK.
        (1, false) => steps.extend([syn, [syn_ack, Step::Segment(FITTING)][r.below(2)]]),
        (_, true) => steps.extend([syn, Step::Segment(FITTING)]),
        (_, false) => steps.push(syn_ack),
    }
}

/// Some text each way, acknowledged.
fn exchange(r: &mut Random, steps: &mut Vec<Step>) {
    let n = r.below(3) as u8 + 1;
    let text = Step::Segment(Peer { len: n, ..FITTING });
    steps.extend([text, Step::Call(Call::Receive(MAX_DATA as u8))]);
    if r.below(2) == 0 {
        steps.extend([Step::Call(send(n)), Step::Segment(FITTING)]);
    }
}

/// Closes as it leads to that state, if nothing is in the way.
fn lead(r: &mut Random, to: TcpState, full_close: bool, steps: &mut Vec<Step>) {
    let close = Step::Call(if full_close && r.below(2) == 0 {
        Call::Close
    } else {
        Call::Shutdown
    });
    let late_fin = Step::Segment(Peer {
        ack: NOT_YET,
        ..FIN
    });
    let (fin, ack) = (Step::Segment(FIN), Step::Segment(FITTING));
    match to {
        TcpState::FinWait1 => steps.push(close),
        TcpState::FinWait2 => steps.extend([close, ack]),
        TcpState::CloseWait => steps.push(fin),
        TcpState::Closing => steps.extend([close, late_fin]),
        TcpState::LastAck => steps.extend([fin, close]),
        _ => match r.below(3) {
            0 => steps.extend([close, fin]),
            1 => steps.extend([close, ack, fin]),
            _ => steps.extend([close, late_fin, ack]),
        },
    }
}

/// What decides in that state.
fn there(r: &mut Random, state: TcpState) -> Step {
    let text = Peer {
        len: r.below(3) as u8 + 1,
        ..FITTING
    };
    let left = Peer {
        seq: (Anchor::Next, -1),
        ..FITTING
    };
    let repeated_fin = Peer {
        flags: FIN.flags,
        ..left
    };
    let reset = Peer {
        flags: Flags::RST,
        seq: (Anchor::Next, (r.below(6) as i8 - 2).max(0)),
        ..FITTING
    };
    match (r.below(13), state) {
        (0..=2, TcpState::TimeWait) => Step::Segment(repeated_fin),
        (3, TcpState::TimeWait) => Step::Segment(FITTING),
        (4..=7, TcpState::TimeWait) => Step::Wait([3_000, 5_500, 7_000, 9_000][r.below(4)]),
        (8, TcpState::TimeWait) => Step::Wait(13_000),
        (9, TcpState::TimeWait) => Step::Call(if r.below(2) == 0 {
            OPEN_ACTIVE
        } else {
            OPEN_PASSIVE
        }),
        (0..=3, TcpState::FinWait2) => Step::Wait(24_000),
        (0, _) => Step::Wait([1_000, 3_000, 9_000][r.below(3)]),
        (1, _) => Step::Segment(FITTING),
        (2, _) => Step::Segment(FIN),
        (3, _) => Step::Segment(repeated_fin),
        (4, _) => Step::Segment(text),
        (5, _) => Step::Segment(Peer {
            flags: FIN.flags,
            ..text
        }),
        (6, _) => Step::Segment(Peer {
            ack: NOT_YET,
            ..text
        }),
        (7, _) => Step::Call(Call::Receive(MAX_DATA as u8)),
        (8, _) => Step::Call(send(r.below(3) as u8 + 1)),
        (9..=10, _) => Step::Segment(reset),
        (11, _) => Step::Segment(SYN),
        _ => Step::Segment(odd(r)),
    }
}

fn step(r: &mut Random, full_close: bool) -> Step {
    let n = r.below(MAX_DATA) as u8 + 1;
    let wnd = if r.below(4) == 0 { r.below(5) as u8 } else { 4 };
    let segment = |p: Peer| Step::Segment(Peer { wnd, ..p });
    match r.below(100) {
        0..=14 => segment(Peer {
            len: n.min(3),
            ..FITTING
        }),
        15..=23 => segment(FITTING),
        24..=29 => segment(Peer {
            flags: FIN.flags,
            len: n % 3,
            ..FITTING
        }),
        30..=33 => segment(Peer {
            flags: FIN.flags,
            ack: (Anchor::Edge, 0),
            ..FITTING
        }),
        34..=36 => Step::Segment(Peer { wnd: 0, ..FITTING }),
        37..=39 => segment(Peer {
            flags: Flags::SYN,
            seq: (Anchor::Initial, 0),
            ..FITTING
        }),
        40..=50 => Step::Call(send(n)),
        51..=60 => Step::Call(Call::Receive(n)),
        61..=65 => Step::Call(Call::Shutdown),
        66..=68 => Step::Call(if full_close {
            Call::Close
        } else {
            Call::Shutdown
        }),
        69 => Step::Call(Call::Abort),
        70..=72 => Step::Call(if r.below(2) == 0 {
            OPEN_ACTIVE
        } else {
            OPEN_PASSIVE
        }),
        73..=79 => Step::Again(r.below(8) as u8),
        80..=88 => Step::Wait([250, 500, 1_000, 3_000, 9_000, 11_000][r.below(6)]),
        _ => segment(odd(r)),
    }
}

/// A segment that no peer in its right mind sends now.
fn odd(r: &mut Random) -> Peer {
    let kinds = [
        0b1000, 0b1000, 0b1010, 0b0100, 0b1100, 0b0001, 0b1001, 0b0010, 0b1011, 0b0000,
    ];
    let flags = if r.below(3) == 0 {
        r.below(16) as u8 // of the four that count, whatever there is
    } else {
        kinds[r.below(kinds.len())]
    };
    let near = |r: &mut Random| {
        let anchors = [
            Anchor::Next,
            Anchor::Next,
            Anchor::Edge,
            Anchor::Initial,
            Anchor::Opposite,
        ];
        (anchors[r.below(5)], r.below(9) as i8 - 4)
    };
    let (flags, seq, ack) = (Flags(flags), near(r), near(r));
    Peer {
        flags,
        seq,
        ack,
        wnd: 4,
        len: [0, 0, 1, 3][r.below(4)],
    }
}
