//! Progress: which steps a fair world grants, and what an end is.

use arrayvec::ArrayVec;

use super::World;
use super::action::Action;
use super::coverage::Covered;
use super::plan::{MAX_LIVES, Step};
use super::state::State;
use crate::check::liveness::{Demand, Fair, Mark, Taken};
use crate::endpoint::{Endpoint, TcpState};

const TICK: Demand = Demand::standing(0);

/// What an action grants. A segment is known by all but its lifetime; it is asked for whenever it is sent. A timer is
/// asked for while it is due, the application's next step while it is possible, and that time goes on always.
/// Nothing asks for an ABORT, a crash, or what turns up from long ago.
fn grants(action: Action) -> Option<Demand> {
    match action {
        Action::Deliver(f, _) => Some(Demand::by_steps(f.identity())),
        Action::Fire(host, timer) => Some(Demand::standing(
            1 << 8 | u64::from(host) << 4 | timer as u64,
        )),
        Action::App(host, _) => Some(Demand::standing(2 << 8 | u64::from(host))),
        Action::Tick => Some(TICK),
        Action::Abort(_) | Action::Crash(_) | Action::Vanish(_) | Action::Stray(_) => None,
    }
}

impl<E: Endpoint, const N: usize> Fair for World<E, N> {
    fn every_step(&self, state: &Self::State, each: &mut impl FnMut(Taken<'_>, &Self::State)) {
        self.steps(
            state,
            &mut Covered::default(),
            true,
            &mut |action, trial| {
                let asks: ArrayVec<Demand, 16> = trial
                    .sent
                    .iter()
                    .map(|f| Demand::by_steps(f.identity()))
                    .collect();
                let taken = Taken {
                    grants: grants(action),
                    asks: &asks,
                };
                each(taken, &trial.next);
            },
        );
    }

    fn mark(&self, s: &Self::State) -> Mark {
        let mut mark = Mark::default();
        let over = [0, 1].map(|h| self.is_through(s, h));
        let harmed = self.is_harmed(s);
        if over == [true, true] && (harmed || self.is_delivered(s)) {
            mark = mark.with(Mark::END);
        }
        if over == [true, true] && self.is_clean(s) {
            mark = mark.with(Mark::CLEAN);
        }
        let both = [0, 1].iter().all(|&h| {
            let o = E::observe(&self.plan.hosts[h].tcp, &s.ends[h]);
            o.state.is_synchronized()
        });
        let last = [0, 1].map(|h| usize::from(s.apps[h].life) + 1);
        let given_up = [0, 1].iter().any(|&h| self.is_left_unread(s, h));
        if both && !harmed && !given_up && last == [0, 1].map(|h| self.plan.hosts[h].lives.len()) {
            mark = mark.with(Mark::OWES_CLEAN);
        }
        mark
    }
}

impl<E: Endpoint, const N: usize> World<E, N> {
    /// The `n`-th step of a state, those that change nothing included, as [`Fair::every_step`] counts.
    pub fn nth_step(
        &self,
        s: &State<E::Image, N>,
        n: usize,
    ) -> Option<(Action, State<E::Image, N>)> {
        let mut at = 0;
        let mut found = None;
        self.steps(s, &mut Covered::default(), true, &mut |action, trial| {
            if at == n {
                found = Some((action, trial.next));
            }
            at += 1;
        });
        found
    }

    /// Which step of a state these words name, as [`Fair::every_step`] counts; with `in_vain` one that changes nothing, too.
    pub fn step_in_words(
        &self,
        s: &State<E::Image, N>,
        words: &str,
        in_vain: bool,
    ) -> Option<usize> {
        let mut at = 0;
        let mut found = None;
        self.steps(s, &mut Covered::default(), true, &mut |action, trial| {
            let counts = in_vain || trial.next != *s;
            if found.is_none() && counts && action.describe(&self.bases()) == words {
                found = Some(at);
            }
            at += 1;
        });
        found
    }

    /// A host is through with all it had to do: its TCP is CLOSED after its last life and its user knows. A listener
    /// that nobody has called is through as well.
    fn is_through(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let app = &s.apps[host];
        if app.gone != 0 {
            return true;
        }
        let state = E::observe(&self.plan.hosts[host].tcp, &s.ends[host]).state;
        let lives = &self.plan.hosts[host].lives;
        let last = usize::from(app.life) + 1 >= lives.len();
        match state {
            TcpState::Closed => {
                let closed = |l: u8| {
                    // Before it is connected a user deletes a connection by himself.
                    let taken = lives[usize::from(l)].steps.iter().take(if l == app.life {
                        app.pc.into()
                    } else {
                        usize::MAX
                    });
                    taken.clone().any(closes)
                };
                last && app.pc > 0
                    && (0..=app.life).all(|l| {
                        let life = s.seen.life(host, l);
                        life.told_closed() || life.told_error() || life.is_cause() || closed(l)
                    })
            }
            TcpState::Listen => last,
            _ => false,
        }
    }

    /// An abort, a crash, a time-out or the like is on record: nobody expects everything to be delivered.
    fn is_harmed(&self, s: &State<E::Image, N>) -> bool {
        let lives = s.seen.lives.iter().flatten();
        s.apps.iter().any(|a| a.gone != 0) || lives.clone().any(|l| l.is_cause())
    }

    /// Whatever was written has been read to its end, in every life.
    fn is_delivered(&self, s: &State<E::Image, N>) -> bool {
        (0..2).all(|host| {
            (0..MAX_LIVES as u8).all(|l| {
                let wrote = s.seen.life(host, l).written();
                let read = (0..MAX_LIVES as u8).any(|p| {
                    let p = s.seen.life(1 - host, p);
                    p.pair() == Some(l) && p.read() == wrote && p.read_end()
                });
                wrote == 0 || read
            })
        })
    }

    /// A host's user closes for good without waiting for the end of what the peer writes: he gives it up.
    fn is_left_unread(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let script = |h: usize| {
            let life = self.plan.hosts[h].lives.get(usize::from(s.apps[h].life));
            life.map_or(&[][..], |l| &l.steps)
        };
        let waits = |t: &Step| matches!(t, Step::AwaitEnd | Step::ReceiveAll);
        let closes = script(host).iter().position(|t| *t == Step::Close);
        let written = script(1 - host).iter().any(|t| t.written() > 0);
        written && closes.is_some_and(|n| !script(host)[..n].iter().any(waits))
    }

    /// Both users of every life were told "closed" and nothing else, and everything was delivered.
    fn is_clean(&self, s: &State<E::Image, N>) -> bool {
        let told = (0..2).all(|host| {
            (0..=s.apps[host].life).all(|l| {
                let l = s.seen.life(host, l);
                l.told_closed() && !l.is_cause()
            })
        });
        told && self.is_delivered(s)
    }

    /// Whether a host's TCP waits for a user who has taken every step of his script and has not closed.
    pub fn is_never_closed_by_its_user(&self, s: &State<E::Image, N>, host: usize) -> bool {
        let o = E::observe(&self.plan.hosts[host].tcp, &s.ends[host]);
        let waits = matches!(o.state, TcpState::Established | TcpState::CloseWait);
        let script = self.plan.hosts[host]
            .lives
            .get(usize::from(s.apps[host].life));
        let closes = script.is_some_and(|l| l.steps.iter().any(closes));
        waits && !closes && self.is_over(s, host)
    }
}

/// Whether a step closes the connection, or its sending side.
fn closes(t: &Step) -> bool {
    matches!(
        t,
        Step::Close | Step::Shutdown | Step::Finish(_) | Step::Abort
    )
}
