//! Situations that scenarios must reach.

use super::World;
use super::coverage::{Covered, Goal};
use super::host::At;
use super::plan::MAX_LIVES;
use super::state::State;
use crate::endpoint::{Effects, Endpoint, Observed, TcpState};

impl<E: Endpoint, const N: usize> World<E, N> {
    /// Goals that a host's step may reach.
    pub(super) fn goals(
        &self,
        at: At<'_, E::Image, N>,
        next: &State<E::Image, N>,
        out: &Effects,
        after: &Observed,
        covered: &mut Covered,
    ) {
        let At { s, host, before } = at;
        use crate::endpoint::Indication as I;
        let mut reach = |g: Goal, when: bool| covered.goals |= u64::from(when) << g as u8;
        for i in &out.told {
            reach(Goal::ToldReset, *i == I::Reset);
            reach(
                Goal::ToldRefused,
                *i == I::Refused || (*i == I::Reset && next.apps[host].refused != 0),
            );
            reach(Goal::ToldUserTimeout, *i == I::UserTimeout);
            reach(Goal::ToldGaveUp, *i == I::GaveUp);
        }
        let from_to = (before.state, after.state);
        reach(
            Goal::Reopened,
            from_to == (TcpState::TimeWait, TcpState::SynReceived),
        );
        reach(
            Goal::WentBack,
            from_to == (TcpState::SynReceived, TcpState::TimeWait) && before.lingering,
        );
        let life = next.apps[host].life;
        let read = next.seen.life(host, life);
        reach(
            Goal::SecondLifeReads,
            life > 0 && (read.read() > 0 || read.read_end()),
        );
        reach(
            Goal::Wrapped,
            after.state.is_synchronized()
                && after.snd_nxt.raw() < 64
                && self.bases[host].raw() > u32::MAX - 64,
        );
        let old = after.state.is_synchronized()
            && next.apps[host].life > 0
            && s.in_flight()
                .iter()
                .any(|f| usize::from(f.from()) != host && f.is_in_stream() && f.life() < life);
        reach(Goal::OldDuplicate, old);
    }

    /// Goals that take both hosts to see.
    pub(super) fn pair_goals(&self, s: &State<E::Image, N>, covered: &mut Covered) {
        let seen = [0, 1].map(|h| E::observe(&self.plan.hosts[h].tcp, &s.ends[h]));
        let o = seen.map(|o| o.state);
        let mut reach = |g: Goal, when: bool| covered.goals |= u64::from(when) << g as u8;
        let coincides = |a: &Observed, b: &Observed| {
            let old = b.state.is_synchronized() && b.state != TcpState::TimeWait;
            a.state == TcpState::SynSent && old && a.iss + 1 == b.rcv_nxt
        };
        reach(
            Goal::Coincidence,
            coincides(&seen[0], &seen[1]) || coincides(&seen[1], &seen[0]),
        );
        reach(Goal::BothClosing, o == [TcpState::Closing; 2]);
        reach(Goal::BothTimeWait, o == [TcpState::TimeWait; 2]);
        let finished = o == [TcpState::Closed; 2]
            && (0..2).all(|h| {
                self.is_over(s, h)
                    && usize::from(s.apps[h].life) + 1 == self.plan.hosts[h].lives.len()
            });
        reach(Goal::Finished, finished);
        if finished {
            let clean = (0..2).all(|h| {
                (0..self.plan.hosts[h].lives.len().min(MAX_LIVES)).all(|l| {
                    let mine = s.seen.life(h, l as u8);
                    let read = mine
                        .pair()
                        .is_some_and(|p| mine.read() == s.seen.life(1 - h, p).written());
                    mine.told_closed() && !mine.told_error() && mine.read_end() && read
                })
            });
            reach(Goal::AllDelivered, clean);
        }
    }
}
