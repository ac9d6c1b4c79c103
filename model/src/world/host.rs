//! One event of one host: the endpoint's step, judged, with its consequences for the world.

use super::World;
use super::coverage::Covered;
use super::judge::{self, Judged};
use super::net::{self, Added, InFlight, Sender, Unfit};
use super::plan::{IsnPolicy, Step};
use super::saturate;
use super::state::State;
use crate::endpoint::{
    Call, Effects, Endpoint, Event, Flags, MAX_DATA, Observed, Segment, TcpState, Timer,
};
use crate::properties::Fault;
use crate::rules::Rule;
use crate::seq::Seq;
use arrayvec::ArrayVec;

/// A host that is about to take a step.
pub(super) struct At<'a, I, const N: usize> {
    pub(super) s: &'a State<I, N>,
    pub(super) host: usize,
    /// Its TCP.
    pub(super) before: &'a Observed,
}

impl<I, const N: usize> Clone for At<'_, I, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I, const N: usize> Copy for At<'_, I, N> {}

/// What steps are tried on, one after the other.
pub(super) struct Trial<'a, I, const N: usize> {
    /// The state that the step leads to.
    pub(super) next: State<I, N>,
    /// What it did.
    pub(super) out: Effects,
    /// What it sent, also what was in flight already.
    pub(super) sent: Sent,
    /// Steps that change nothing are taken too: for liveness, where a segment that is sent or delivered in vain counts.
    pub(super) every: bool,
    pub(super) covered: &'a mut Covered,
}

/// The segments that one action sends.
pub(super) type Sent = ArrayVec<InFlight, 16>;

/// What happens to a host.
pub(super) struct HostStep<'a> {
    event: Event,
    isn: Option<Seq>,
    arrived: Option<(&'a Segment, InFlight)>,
}

impl<'a> HostStep<'a> {
    pub(super) fn arrival(seg: &'a Segment, flight: InFlight, isn: Option<Seq>) -> Self {
        Self {
            event: Event::Segment(*seg),
            isn,
            arrived: Some((seg, flight)),
        }
    }

    pub(super) fn call(call: Call, isn: Option<Seq>) -> Self {
        Self {
            event: Event::Call(call),
            isn,
            arrived: None,
        }
    }

    pub(super) fn timer(timer: Timer) -> Self {
        Self {
            event: Event::Timer(timer),
            isn: None,
            arrived: None,
        }
    }
}

impl<E: Endpoint, const N: usize> World<E, N> {
    /// One event of one host: the endpoint's step, judged, with its consequences for the world in `trial.next`.
    /// Says whether anything changed.
    pub(super) fn host_step(
        &self,
        at: At<'_, E::Image, N>,
        step: &HostStep<'_>,
        trial: &mut Trial<'_, E::Image, N>,
    ) -> bool {
        let At { s, host, before } = at;
        let Trial {
            next,
            out,
            sent,
            every,
            covered,
        } = trial;
        sent.clear();
        let tcp = &self.plan.hosts[host].tcp;
        let mut image = s.ends[host];
        out.clear();
        E::step(tcp, &mut image, step.event, step.isn, out);
        covered.rules.0 |= out.rules.0;
        covered.transitions |= out.transitions;
        let same = image == s.ends[host];
        if same && self.plan.saturated && matches!(step.event, Event::Timer(_)) {
            // A send that changes nothing: saturation has it. Only its text is judged here.
            let faults = self.unfit_text(s, host, before, out) & self.plan.judged;
            if faults == 0 {
                return false;
            }
            *next = *s;
            next.fault = (s.faults() | faults).to_le_bytes();
            return true;
        }
        if same && out.told.is_empty() && !out.isn_used && step.arrived.is_some() {
            let judged = self.judged(at, before, s, out, step);
            let mut faults = judged.answers();
            let refusal = may_refuse(before) && self.refuses(s, host, step.arrived);
            if self.plan.saturated && !refusal {
                faults |= self.unfit_text(s, host, before, out);
            }
            let quiet = faults & self.plan.judged == 0 && !refusal;
            if quiet && (self.plan.saturated || out.segments.is_empty()) {
                if *every {
                    *next = *s;
                }
                return *every;
            }
            *next = *s;
            if refusal {
                next.apps[1 - host].refused = 1;
            }
            faults |= self.send_all(next, host, before, out, sent);
            next.fault = (s.faults() | faults & self.plan.judged).to_le_bytes();
            if refusal {
                self.saturate_from(next, saturate::Changed::Host(host, s), covered);
            }
            return *every || *next != *s;
        }
        *next = *s;
        next.ends[host] = image;
        let after = E::observe(tcp, &image);
        if (before.state, after.state) == (TcpState::TimeWait, TcpState::Closed)
            && self.has_lingered_enough(next, host)
        {
            next.apps[host].closed_for = self.plan.surely_drained();
        }
        self.incarnation(next, host, before, &after, out, covered);
        let judged = self.judged(at, &after, next, out, step);
        let mut faults = judged.answers() | judged.machine();
        judged.follow_fin(next);
        faults |= judge::told(next, &judged, out);
        if step.event == Event::Timer(Timer::FinWait2) {
            next.seen.life_mut(host, next.apps[host].life).set_cause();
        }
        if let Event::Call(call) = step.event {
            faults |= self.after_call(next, host, call, before, out);
        }
        faults |= self.send_all(next, host, &after, out, sent);
        self.goals(at, next, out, &after, covered);
        if self.plan.hosts[host].reads {
            faults |= self.read_at_once(next, host, out, sent, covered);
        }
        self.settle(next, host);
        next.fault = (next.faults() | faults & self.plan.judged).to_le_bytes();
        self.saturate_from(next, saturate::Changed::Host(host, s), covered);
        *every || *next != *s
    }

    /// A step of `at`'s host to `after`, for judging, where `s` is the world with its application as it is now.
    fn judged<'a>(
        &self,
        at: At<'a, E::Image, N>,
        after: &'a Observed,
        s: &State<E::Image, N>,
        out: &'a Effects,
        step: &HostStep<'a>,
    ) -> Judged<'a> {
        let host = at.host;
        let plan = &self.plan.hosts[host];
        let app = &s.apps[host];
        let steps = plan
            .lives
            .get(usize::from(app.life))
            .map_or(&[][..], |l| &l.steps);
        let taken = &steps[..usize::from(app.pc).min(steps.len())];
        Judged {
            host,
            before: at.before,
            after,
            armed: E::armed(&plan.tcp, &s.ends[host]),
            arrived: step.arrived,
            out,
            user_closed: taken
                .iter()
                .any(|t| matches!(t, Step::Close | Step::Shutdown | Step::Finish(_))),
            user_listens: matches!(steps.first(), Some(Step::Listen(_))),
            orphan_timer: plan.orphan_timer,
            by_user: matches!(step.event, Event::Call(_)),
            timer: match step.event {
                Event::Timer(t) => Some(t),
                _ => None,
            },
        }
    }

    /// A SYN of the peer's present incarnation meets a TCP that does not listen.
    pub(super) fn refuses(
        &self,
        s: &State<E::Image, N>,
        host: usize,
        arrived: Option<(&Segment, InFlight)>,
    ) -> bool {
        let peer = 1 - host;
        arrived.is_some_and(|(seg, _)| {
            let syn = seg.is(Flags::SYN) && !seg.is(Flags::RST);
            syn && s.apps[peer].refused == 0
                && E::observe(&self.plan.hosts[peer].tcp, &s.ends[peer]).iss == seg.seq
        })
    }

    /// An incarnation begins, goes back, or uses numbers.
    pub(super) fn incarnation(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        before: &Observed,
        after: &Observed,
        out: &Effects,
        covered: &mut Covered,
    ) {
        let lives = self.plan.hosts[host].lives.len();
        if out.isn_used {
            let policy = self.plan.hosts[host].isn;
            if next.apps[host].life > 0 && matches!(policy, IsnPolicy::Above | IsnPolicy::Clock(_))
            {
                covered.rules = covered.rules.with(Rule::IsnAbove);
            }
            if before.state == TcpState::TimeWait {
                self.begin_life(next, host);
                next.apps[host].pc = 1;
            }
            let app = &mut next.apps[host];
            app.begun = 1;
            app.refused = 0;
            app.elapsed = 0;
        }
        let app = &mut next.apps[host];
        let back = before.state == TcpState::SynReceived && after.state == TcpState::TimeWait;
        if back && before.lingering && !after.lingering && app.life > 0 {
            // The reopening was an old SYN's: back to the life before.
            app.life -= 1;
            app.iss = app.last_iss;
            app.top = app.last_top;
            app.elapsed = app.last_elapsed;
            app.last_iss = 0;
            app.last_top = 0;
            app.last_elapsed = 0;
            app.begun = 1;
            app.pc = self.plan.hosts[host]
                .lives
                .get(usize::from(app.life))
                .map_or(0, |l| l.steps.len() as u8);
        }
        let app = &mut next.apps[host];
        let remember = usize::from(app.life) + 1 < lives;
        if remember
            && after.state != TcpState::Closed
            && after.state != TcpState::Listen
            && after.state != TcpState::TimeWait
        {
            let relative = |n: Seq| {
                i8::try_from((n - self.bases[host]) as i32).unwrap_or_else(|_| {
                    self.coverage.hit_bound();
                    0
                })
            };
            app.iss = relative(after.iss);
            if self.plan.hosts[host].isn == IsnPolicy::Above {
                app.top = relative(after.snd_nxt);
            }
        }
        if usize::from(app.life) + 1 >= lives {
            (app.iss, app.top, app.elapsed) = (0, 0, 0);
            if app.begun != 0
                && after.state != TcpState::Listen
                && after.state != TcpState::SynReceived
            {
                (app.last_iss, app.last_top, app.last_elapsed) = (0, 0, 0);
            }
        }
    }

    /// A user's call has been made: the script goes on.
    pub(super) fn after_call(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        call: Call,
        before: &Observed,
        out: &Effects,
    ) -> u32 {
        let life = next.apps[host].life;
        let mut faults = 0;
        match call {
            Call::Send { len, .. } => {
                if out.error.is_none() {
                    next.seen.life_mut(host, life).write(len);
                }
                next.apps[host].pc += 1;
            }
            Call::Receive(_) => {
                faults |= judge::read(next, host, out);
                let all = self.plan.hosts[host].lives[usize::from(life)]
                    .steps
                    .get(usize::from(next.apps[host].pc));
                if !matches!(all, Some(Step::ReceiveAll)) {
                    next.apps[host].pc += 1;
                }
            }
            Call::Abort => {
                if before.state != TcpState::Listen && before.state != TcpState::TimeWait {
                    next.seen.life_mut(host, life).set_cause();
                }
                next.apps[host].pc += 1;
            }
            Call::Close | Call::Shutdown => {
                if before.state == TcpState::SynSent {
                    next.seen.life_mut(host, life).set_cause();
                }
                next.apps[host].pc += 1;
            }
            Call::OpenActive { .. } | Call::OpenPassive { .. } => next.apps[host].pc += 1,
            Call::Status => {}
        }
        faults
    }

    /// A host whose RECEIVEs are always outstanding takes what is there.
    pub(super) fn read_at_once(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        out: &mut Effects,
        sent: &mut Sent,
        covered: &mut Covered,
    ) -> u32 {
        let tcp = &self.plan.hosts[host].tcp;
        let mut faults = 0;
        for _ in 0..3 {
            let o = E::observe(tcp, &next.ends[host]);
            let life = next.apps[host].life;
            let waiting =
                o.readable > 0 || (o.fin_received && !next.seen.life(host, life).read_end());
            let ended_by_reset = o.state == TcpState::Closed && next.ends[host] != E::boot(tcp);
            if (!waiting || o.orphan || o.state == TcpState::Closed) && !ended_by_reset {
                break;
            }
            out.clear();
            E::step(
                tcp,
                &mut next.ends[host],
                Event::Call(Call::Receive(MAX_DATA as u8)),
                None,
                out,
            );
            covered.rules.0 |= out.rules.0;
            faults |= judge::read(next, host, out);
            let after = E::observe(tcp, &next.ends[host]);
            if after.differs {
                faults |= Fault::Difference.bit();
            }
            faults |= self.send_all(next, host, &after, out, sent);
            if out.read.is_empty() && !out.end {
                break;
            }
        }
        faults
    }

    /// The connection may be over for its user; a cause may have arisen.
    pub(super) fn settle(&self, next: &mut State<E::Image, N>, host: usize) {
        let o = E::observe(&self.plan.hosts[host].tcp, &next.ends[host]);
        let app = &mut next.apps[host];
        let opened = app.pc > 0;
        let over = o.state == TcpState::Closed || (o.state == TcpState::TimeWait && o.lingering);
        if opened && over {
            app.pc = self.plan.hosts[host]
                .lives
                .get(usize::from(app.life))
                .map_or(0, |l| l.steps.len() as u8);
        }
        if o.state == TcpState::Closed {
            app.fin_held_of = 0;
            app.fin_of = 0;
        }
        // "Who read the end" is settled once it has been read.
        if o.orphan || next.seen.life(host, next.apps[host].life).read_end() {
            next.apps[host].fin_of = 0;
        }
    }

    /// Faults of the text of what came out.
    fn unfit_text(&self, s: &State<E::Image, N>, host: usize, o: &Observed, out: &Effects) -> u32 {
        let by = Sender {
            host: host as u8,
            life: s.apps[host].life,
            iss: o.iss,
            ttl: self.plan.lifetime,
        };
        let unfit = |seg: &Segment| InFlight::pack(seg, by, &self.bases) == Err(Unfit::Text);
        if out.segments.iter().any(unfit) {
            Fault::Text.bit()
        } else {
            0
        }
    }

    /// Puts what came out into the network, and notes it in `sent`. Returns faults of the text.
    pub(super) fn send_all(
        &self,
        next: &mut State<E::Image, N>,
        host: usize,
        o: &Observed,
        out: &Effects,
        sent: &mut Sent,
    ) -> u32 {
        let mut faults = 0;
        for s in &out.segments {
            let by = Sender {
                host: host as u8,
                life: next.apps[host].life,
                iss: o.iss,
                ttl: self.plan.lifetime,
            };
            match InFlight::pack(s, by, &self.bases) {
                Ok(f) => {
                    let added = net::add(&mut next.net, &mut next.live, f);
                    if added == Added::NoRoom || sent.try_push(f).is_err() {
                        self.coverage.hit_bound();
                    }
                }
                Err(Unfit::Text) => faults |= Fault::Text.bit(),
                Err(Unfit::Range) => self.coverage.hit_bound(),
            }
            // The issuer of a RST is the cause of what its peer is told.
            let gave_up =
                o.state == TcpState::Closed || (o.lingering && o.state == TcpState::TimeWait);
            if s.is(Flags::RST) && gave_up && out.transitions != 0 {
                let life = next.apps[host].life;
                next.seen.life_mut(host, life).set_cause();
            }
        }
        faults
    }
}

/// Whether a SYN would be answered with a RST: CLOSED, and the lingering end of an aborted connection.
pub(super) fn may_refuse(o: &Observed) -> bool {
    o.state == TcpState::Closed || (o.state == TcpState::TimeWait && o.lingering)
}

/// Ticks after which the ISN clock counts as far ahead: beyond whatever a life has used.
pub(super) const CLOCK_CAP: u8 = 8;
