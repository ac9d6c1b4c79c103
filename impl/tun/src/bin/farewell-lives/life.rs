//! A life: it opens, both hosts talk, it ends in its way, and perhaps it is opened again.

use std::time::Duration;

use farewell::connection::Indication;
use farewell::stack::Handle;
use farewell::tuple::Tuple;
use farewell::{Instant, State};
use farewell_tun::capture::Host;

use crate::ends::{End, Ending, Io};
use crate::plan::{Plan, Talk, Way, name, other};
use crate::stream::Stream;
use crate::world::{Opening, World};

/// One host's side of an incarnation.
#[derive(Default)]
pub(crate) struct Side {
    pub(crate) end: Option<End>,
    pub(crate) connected: bool,
    /// Bytes that the host took from its user.
    pub(crate) sent: u64,
    /// Bytes that its user has read.
    pub(crate) got: u64,
    /// Its user has nothing more to send.
    pub(crate) finished: bool,
    pub(crate) over: Option<Ending>,
    pub(crate) closed: bool,
}

/// What came of a life.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Outcome {
    /// Bytes read by users, kernel first.
    pub(crate) bytes: [u64; 2],
    /// Connections.
    pub(crate) incarnations: u64,
    /// There was a TIME_WAIT when the ends were opened again.
    pub(crate) reopened: bool,
    /// The kernel opened the ends again though it was in FIN_WAIT_2.
    pub(crate) early: bool,
    /// The stack refused to open the ends of its own TIME_WAIT.
    pub(crate) refused: bool,
}

/// A life.
pub(crate) struct Life {
    pub(crate) plan: Plan,
    pub(crate) tuple: Tuple,
    token: u64,
    incarnation: usize,
    pub(crate) sides: [Side; 2],
    /// Bytes beyond its length that a host has said while it waits to be told of a reset.
    extra: u64,
    /// It wants to be called by then.
    pub(crate) wake: Option<Instant>,
    pub(crate) outcome: Outcome,
    seed: u64,
}

pub(crate) const BOTH: [Host; 2] = [Host::Kernel, Host::Farewell];
/// Between two attempts to open, or two looks.
pub(crate) const AGAIN: Duration = Duration::from_millis(5);
/// Between two words of who waits to be told of a reset.
const PATIENCE: Duration = Duration::from_millis(20);

impl Life {
    /// Not yet begun; none if its ends cannot be.
    pub(crate) fn new(plan: Plan, seed: u64, token: u64) -> Option<Life> {
        let talk = plan.talks.first()?;
        let opens = BOTH.map(|h| plan.cell.way == Way::OpenAtOnce || talk.opener == h);
        Some(Life {
            tuple: World::tuple(plan.index, plan.v6, opens)?,
            plan,
            token,
            incarnation: 0,
            sides: Default::default(),
            extra: 0,
            wake: None,
            outcome: Outcome::default(),
            seed,
        })
    }

    fn talk(&self) -> Option<Talk> {
        self.plan.talks.get(self.incarnation).copied()
    }

    /// What a host sends in this incarnation.
    fn stream(&self, from: Host) -> Stream {
        Stream::new(self.seed, self.plan.index, self.incarnation, from as usize)
    }

    /// The stack's handle, while it has one.
    pub(crate) fn handle(&self) -> Option<Handle> {
        let side = &self.sides[Host::Farewell as usize];
        side.end.as_ref().and_then(End::handle)
    }

    /// Whether all is done.
    pub(crate) fn is_over(&self) -> bool {
        self.incarnation >= self.plan.talks.len()
    }

    /// Whether both ends have been connected, in this incarnation or before.
    pub(crate) fn is_open(&self) -> bool {
        self.incarnation > 0 || self.sides.iter().all(|s| s.connected)
    }

    /// A host has an end.
    pub(crate) fn attach(&mut self, world: &World, host: Host, end: End) -> Result<(), String> {
        if let Some(socket) = end.socket() {
            let registered = world.register(socket, self.token);
            registered.map_err(|e| format!("epoll: {e}"))?;
        }
        let side = &mut self.sides[host as usize];
        if side.end.is_some() || side.closed {
            return Err(format!("{} has accepted it twice", name(host)));
        }
        side.end = Some(end);
        Ok(())
    }

    /// A listener has accepted it.
    pub(crate) fn accepted(&mut self, world: &World, host: Host, end: End) -> Result<(), String> {
        self.attach(world, host, end)?;
        self.sides[host as usize].connected = true;
        Ok(())
    }

    /// The stack's user is told.
    pub(crate) fn told(&mut self, indication: Indication) -> Result<(), String> {
        let side = &mut self.sides[Host::Farewell as usize];
        match indication {
            Indication::Connected => side.connected = true,
            Indication::Readable | Indication::Writable => {}
            Indication::Reset | Indication::Closed => {
                if let Some(end) = &mut side.end {
                    end.tell(indication);
                }
                let resets = self.plan.cell.way.resets();
                if indication == Indication::Reset && !resets {
                    return Err("farewell's user was told \"reset\"".into());
                }
            }
            Indication::Refused | Indication::UserTimeout | Indication::GaveUp => {
                return Err(format!("farewell's user was told {indication:?}"));
            }
        }
        Ok(())
    }

    /// Does whatever can be done now. `released`: all are open, and may end.
    pub(crate) fn step(&mut self, world: &mut World, released: bool) -> Result<(), String> {
        self.wake = None;
        loop {
            let Some(talk) = self.talk() else {
                return Ok(());
            };
            self.open(world, &talk)?;
            let mut moved = false;
            for host in BOTH {
                moved |= self.send(world, host, &talk, released)?;
                moved |= self.receive(world, host, &talk)?;
            }
            moved |= self.end(world, &talk, released)?;
            if self.sides.iter().all(|s| s.closed) {
                self.next_incarnation();
                continue;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn next_incarnation(&mut self) {
        for (bytes, side) in self.outcome.bytes.iter_mut().zip(&self.sides) {
            *bytes += side.got;
        }
        self.outcome.incarnations += 1;
        self.incarnation += 1;
        self.extra = 0;
        self.sides = Default::default();
    }

    pub(crate) fn wake_in(&mut self, world: &World, after: Duration) {
        let at = world.now() + after;
        self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
    }

    /// Who opens, opens; the other accepts.
    fn open(&mut self, world: &mut World, talk: &Talk) -> Result<(), String> {
        for host in BOTH {
            let opens = self.plan.cell.way == Way::OpenAtOnce || talk.opener == host;
            let side = &self.sides[host as usize];
            if !opens || side.closed || side.connected {
                continue;
            }
            if let Some(end) = &side.end {
                if let Some(socket) = end.socket() {
                    if let Ok(Some(e)) = socket.take_error() {
                        return Err(format!("the kernel's user was told: {e}"));
                    }
                    self.sides[host as usize].connected = socket.peer_addr().is_ok();
                }
                continue;
            }
            let before = match self.incarnation {
                0 => State::Closed,
                _ => self.state_before(world)?,
            };
            let tuple = self.tuple;
            let opened = match host {
                Host::Farewell => world.connect(&tuple).map(End::ours),
                Host::Kernel => {
                    let small = self.plan.small_buffer;
                    world.kernel_connect(&tuple, small).map(End::kernel)
                }
            };
            match opened {
                Ok(end) => {
                    self.outcome.reopened |= before == State::TimeWait;
                    self.outcome.early |= before == State::FinWait2;
                    self.attach(world, host, end)?;
                }
                Err(e @ (Opening::Later | Opening::Waits)) if self.incarnation > 0 => {
                    self.outcome.refused |= matches!(e, Opening::Waits);
                    self.wake_in(world, AGAIN);
                }
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(())
    }

    /// The state of the host whose TIME_WAIT is to be reopened.
    fn state_before(&self, world: &mut World) -> Result<State, String> {
        let (local, remote) = (self.tuple.local(), self.tuple.remote());
        match self.plan.cell.first {
            Host::Farewell => Ok(world.driver.stack().state_between(&self.tuple)),
            Host::Kernel => {
                let state = world.diag.state(remote, local);
                state.map_err(|e| e.to_string())
            }
        }
    }

    /// Up to which byte a host may send now.
    fn may_send(&self, host: Host, talk: &Talk, released: bool) -> u64 {
        let length = talk.lengths[host as usize];
        let is_first = host == talk.first;
        match self.plan.cell.way {
            Way::HalfClose if !is_first => match self.sides[host as usize].over {
                Some(Ending::End) => length,
                _ => length / 2,
            },
            way if way.resets() && !is_first && released => length + self.extra,
            _ if released => length,
            _ => length - talk.tails[host as usize],
        }
    }

    fn send(
        &mut self,
        world: &mut World,
        host: Host,
        talk: &Talk,
        released: bool,
    ) -> Result<bool, String> {
        let (stream, limit) = (self.stream(host), self.may_send(host, talk, released));
        let victim = self.plan.cell.way.resets() && host != talk.first && released;
        let now = world.now();
        let side = &mut self.sides[host as usize];
        if side.finished || !side.connected {
            return Ok(false);
        }
        let Some(end) = &mut side.end else {
            return Ok(false);
        };
        let mut moved = false;
        let mut chunk = [0; 4096];
        while side.sent < limit && !matches!(side.over, Some(Ending::Reset | Ending::Other(_))) {
            let n = (limit - side.sent).min(chunk.len() as u64) as usize;
            let data = chunk.get_mut(..n).unwrap_or_default();
            stream.fill(side.sent, data);
            match end.send(world.driver.stack_mut(), now, data) {
                Io::Moved(n) => {
                    side.sent += n as u64;
                    moved = true;
                }
                Io::Later => break,
                Io::Over(ending) => side.over = Some(ending),
            }
        }
        if victim && side.over.is_none() && side.sent == limit {
            // Who says nothing hears of no reset, should the RST be lost: one more byte, after a while.
            self.extra += 1;
            self.wake_in(world, PATIENCE);
            return Ok(false);
        }
        Ok(moved)
    }

    fn receive(&mut self, world: &mut World, host: Host, talk: &Talk) -> Result<bool, String> {
        let stream = self.stream(other(host));
        let leaves = self.plan.cell.way == Way::Unread && host == talk.first;
        let now = world.now();
        let side = &mut self.sides[host as usize];
        let Some(end) = side.end.as_mut().filter(|_| side.connected) else {
            return Ok(false);
        };
        let mut moved = false;
        let mut buf = [0; 16_384];
        while side.over.is_none() {
            let most = if leaves {
                talk.read - side.got
            } else {
                u64::MAX
            };
            let n = most.min(buf.len() as u64) as usize;
            let Some(to) = buf.get_mut(..n).filter(|to| !to.is_empty()) else {
                break;
            };
            match end.receive(world.driver.stack_mut(), now, to) {
                Io::Moved(n) => {
                    let read = to.get(..n).unwrap_or_default();
                    stream
                        .check(side.got, read)
                        .map_err(|e| format!("{} read: {e}", name(host)))?;
                    side.got += n as u64;
                    moved = true;
                }
                Io::Later => break,
                Io::Over(ending) => {
                    side.over = Some(ending);
                    moved = true;
                }
            }
        }
        self.judge(host, talk)?;
        Ok(moved)
    }

    /// Ends it by force.
    pub(crate) fn kill(&mut self, world: &mut World) {
        let now = world.now();
        for side in &mut self.sides {
            if let Some(end) = side.end.take() {
                end.abort(world.driver.stack_mut(), now);
            }
        }
        self.incarnation = self.plan.talks.len();
    }

    /// How far it came.
    pub(crate) fn describe(&self) -> String {
        let side = |h: Host| {
            let (s, n) = (&self.sides[h as usize], name(h));
            let (sent, got) = (s.sent, s.got);
            let mut text = format!("{n} sent {sent}, read {got}");
            for (is, what) in [
                (!s.connected, "not connected"),
                (s.finished, "finished"),
                (s.closed, "closed"),
            ] {
                if is {
                    text.push_str(", ");
                    text.push_str(what);
                }
            }
            text
        };
        format!(
            "incarnation {}; {}; {}; {:?}",
            self.incarnation + 1,
            side(Host::Kernel),
            side(Host::Farewell),
            self.talk()
        )
    }
}
