//! Two endpoints in one: both are fed the same events, and any difference that anyone could see is noted.
//!
//! Compared after every step: the state and the RFC's variables ([`Observed`]), the segments that went out, field by field
//! and in order, what the user was told and has read, the reply to a call, which timers run and which of them are due,
//! and whether an ISN was used. Not compared: which rules decided something (the engine has no notion of them), and what
//! [`from_wire`](crate::engine::from_wire) leaves out.

use std::marker::PhantomData;
use std::sync::Mutex;

use farewell_model::endpoint::{Armed, Effects, Endpoint, Event, Observed};
use farewell_model::seq::Seq;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// `A` and `B` as one endpoint; `A` speaks for both.
#[derive(Clone, Copy, Debug)]
pub struct Lockstep<A, B>(PhantomData<(A, B)>);

/// Both situations.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Pair<A, B> {
    /// Of the one.
    pub a: A,
    /// Of the other.
    pub b: B,
    /// They are no longer the same machine; sticky.
    pub differs: u8,
}

impl<A: Endpoint, B: Endpoint> Endpoint for Lockstep<A, B> {
    type Image = Pair<A::Image, B::Image>;
    type Config = (A::Config, B::Config);

    fn boot(c: &Self::Config) -> Self::Image {
        Pair {
            a: A::boot(&c.0),
            b: B::boot(&c.1),
            differs: 0,
        }
    }

    fn step(c: &Self::Config, i: &mut Self::Image, e: Event, isn: Option<Seq>, out: &mut Effects) {
        A::step(&c.0, &mut i.a, e, isn, out);
        let mut other = Effects::default();
        B::step(&c.1, &mut i.b, e, isn, &mut other);
        if i.differs != 0 {
            return;
        }
        let (a, b) = (
            Seen::of::<A>(&c.0, &i.a, out),
            Seen::of::<B>(&c.1, &i.b, &other),
        );
        if a != b || other.broken {
            i.differs = 1;
            remember(difference(e, &a, &b, other.broken));
        }
    }

    fn armed(c: &Self::Config, i: &Self::Image) -> Armed {
        A::armed(&c.0, &i.a)
    }

    fn observe(c: &Self::Config, i: &Self::Image) -> Observed {
        Observed {
            differs: i.differs != 0,
            ..A::observe(&c.0, &i.a)
        }
    }
}

/// All that can be seen of a step.
#[derive(Debug)]
pub struct Seen<'a> {
    observed: Observed,
    armed: Armed,
    out: &'a Effects,
}

impl<'a> Seen<'a> {
    /// What is seen of an endpoint after a step with these effects.
    pub fn of<E: Endpoint>(c: &E::Config, i: &E::Image, out: &'a Effects) -> Self {
        Seen {
            observed: E::observe(c, i),
            armed: E::armed(c, i),
            out,
        }
    }

    /// Indications of one event have no order among themselves.
    fn told(&self) -> u32 {
        self.out.told.iter().map(|t| 1 << (4 * *t as u32)).sum()
    }
}

impl PartialEq for Seen<'_> {
    fn eq(&self, o: &Self) -> bool {
        // Exhaustive: what is left out stands here.
        let Effects {
            segments,
            told: _, // as a set
            read,
            end,
            error,
            rules: _,       // the engine has no notion of them
            transitions: _, // the states before and after are compared
            isn_used,
            broken: _, // each endpoint's own
        } = self.out;
        self.observed == o.observed
            && self.armed == o.armed
            && *segments == o.out.segments
            && self.told() == o.told()
            && (read, end, error, isn_used)
                == (&o.out.read, &o.out.end, &o.out.error, &o.out.isn_used)
    }
}

/// What differs, a line each.
pub fn difference(e: Event, a: &Seen<'_>, b: &Seen<'_>, broken: bool) -> String {
    let mut lines = vec![format!("after {e:?}")];
    let mut line = |what: &str, a: String, b: String| {
        if a != b {
            lines.push(format!("  {what}: specification {a}, engine {b}"));
        }
    };
    let (x, y) = (&a.observed, &b.observed);
    macro_rules! fields {
        ($($f:ident)*) => { $(line(stringify!($f), format!("{:?}", x.$f), format!("{:?}", y.$f));)* };
    }
    fields!(state iss snd_una snd_nxt snd_wnd rcv_nxt rcv_wnd close_called orphan fin_sent unsent fin_received fin_held
        readable lingering ts_recent);
    line("timers", format!("{:?}", a.armed), format!("{:?}", b.armed));
    macro_rules! effects {
        ($($f:ident)*) => { $(line(stringify!($f), format!("{:?}", a.out.$f), format!("{:?}", b.out.$f));)* };
    }
    effects!(segments told read end error isn_used);
    if broken {
        lines.push("  the engine left the bounds of its image".into());
    }
    lines.join("\n")
}

static LAST: Mutex<String> = Mutex::new(String::new());

fn remember(text: String) {
    if let Ok(mut last) = LAST.lock() {
        *last = text;
    }
}

/// The difference that was noted last, on any thread.
pub fn last_difference() -> String {
    LAST.lock().map(|l| l.clone()).unwrap_or_default()
}
