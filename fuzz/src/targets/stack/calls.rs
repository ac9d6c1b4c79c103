//! What users of the reference do, and who may take which local socket.

use std::net::SocketAddr;

use farewell::connection::{CallError, Received};
use farewell::endpoint::Phase;
use farewell::stack::{BindError, Limit, Reuse, UserError};
use farewell::{Config, Endpoint, Instant, State};

use super::naive::{Conn, Ends, Held, Listener, Naive, Owner, config_of, is_nobody, tuple};

impl Naive {
    /// Whether a local socket may be taken.
    fn may_bind(&self, local: SocketAddr, reuse: Reuse) -> Result<(), BindError> {
        if reuse == Reuse::Address {
            return Ok(());
        }
        let all = |at: SocketAddr| at.ip().is_unspecified();
        let same_port =
            |at: SocketAddr| at.port() == local.port() && at.is_ipv4() == local.is_ipv4();
        let meets = |at: SocketAddr| at.ip() == local.ip() || all(at) || all(local);
        let mut listeners = self.listeners.iter().filter(|l| l.open);
        if listeners.any(|l| same_port(l.local) && meets(l.local)) {
            return Err(BindError::Listening(local));
        }
        let (mut open, mut waiting) = (0, 0);
        for (_, e) in self
            .ends
            .iter()
            .filter(|((at, _), _)| same_port(*at) && meets(*at))
        {
            match e.owner {
                Owner::Nobody => waiting += 1,
                _ => open += 1,
            }
        }
        match (open, waiting) {
            (0, 0) => Ok(()),
            (0, n) => Err(BindError::InTimeWait(local, n)),
            (n, _) => Err(BindError::InUse(local, n)),
        }
    }

    /// A passive OPEN.
    pub(super) fn listen(
        &mut self,
        local: SocketAddr,
        backlog: u32,
        reuse: Reuse,
    ) -> Result<usize, BindError> {
        if local.port() == 0 || (is_nobody(&local) && !local.ip().is_unspecified()) {
            return Err(BindError::BadAddress);
        }
        if !local.ip().is_unspecified() && !self.is_ours(local.ip()) {
            return Err(BindError::NoAddress);
        }
        self.may_bind(local, reuse)?;
        let open = |l: &&Listener| l.open;
        if self.listeners.iter().filter(open).any(|l| l.local == local) {
            return Err(BindError::Listening(local));
        }
        if self.listeners.iter().filter(open).count() >= self.limits.listeners as usize {
            self.counters.listens_refused += 1;
            return Err(Limit::Listeners.into());
        }
        self.listeners.push(Listener {
            local,
            backlog: backlog.min(self.limits.backlog),
            open: true,
            embryos: Vec::new(),
            ready: Vec::new(),
            news: false,
        });
        Ok(self.listeners.len() - 1)
    }

    /// Ends a listener, and what it has.
    pub(super) fn unlisten(&mut self, now: Instant, at: usize) -> Result<(), UserError> {
        let l = &mut self.listeners[at];
        if !l.open {
            return Err(UserError::Stale);
        }
        l.open = false;
        for ends in [l.embryos.clone(), l.ready.clone()].concat() {
            self.abort_between(&ends, now);
        }
        Ok(())
    }

    fn abort_between(&mut self, ends: &Ends, now: Instant) {
        if let Some(e) = self.ends.get_mut(ends) {
            let aborted = e.tcp.abort(&config_of(&self.config, ends));
            assert_eq!(aborted, Ok(()), "there is a connection");
        }
        self.look(ends, now);
    }

    /// The next connection of a listener: which, and between which ends.
    pub(super) fn accept(&mut self, at: usize) -> Option<(usize, Ends)> {
        let l = &mut self.listeners[at];
        if !l.open || l.ready.is_empty() {
            return None;
        }
        let ends = l.ready.remove(0);
        let e = self.ends.get_mut(&ends)?;
        e.owner = Owner::User;
        self.held.insert(e.life, Held::Open(ends));
        self.news.insert(e.life);
        self.touched.insert(ends);
        Some((e.life, ends))
    }

    /// An active OPEN from a named port. The port that the host has chosen is judged by [`Naive::may_choose`].
    pub(super) fn connect(
        &mut self,
        now: Instant,
        ends: Ends,
        reuse: Option<Reuse>,
    ) -> Result<usize, BindError> {
        if let Some(reuse) = reuse {
            self.may_bind(ends.0, reuse)?;
            self.forget_if_over(&ends, now);
            match self.ends.get(&ends).map(|e| e.owner) {
                Some(Owner::Nobody) => return Err(BindError::ExistsInTimeWait),
                Some(_) => return Err(BindError::AlreadyExists),
                None => {}
            }
        }
        if let Err(limit) = self.room() {
            self.counters.connects_refused += 1;
            return Err(limit.into());
        }
        let mut tcp = Endpoint::default();
        let opening = self.opening(&ends, now);
        tcp.connect(&config_of(&self.config, &ends), now, opening)
            .expect("it is closed");
        self.counters.active += 1;
        let life = self.install(now, ends, tcp, Owner::User, None);
        self.held.insert(life, Held::Open(ends));
        Ok(life)
    }

    /// What is wrong with these ends, before anybody asks who holds them.
    pub(super) fn judge(&self, local: SocketAddr, remote: SocketAddr) -> Result<(), BindError> {
        let one_family = local.is_ipv4() == remote.is_ipv4();
        if !one_family || remote.port() == 0 || is_nobody(&local) || is_nobody(&remote) {
            Err(BindError::BadAddress)
        } else if !self.is_ours(local.ip()) {
            Err(BindError::NoAddress)
        } else {
            Ok(())
        }
    }

    /// Whether the host may choose this port for itself.
    pub(super) fn may_choose(&self, ends: &Ends) -> bool {
        let (first, last) = self.limits.ephemeral;
        (first..=last).contains(&ends.0.port())
            && self.listener_for(ends.0).is_none()
            && !self.ends.contains_key(ends)
    }

    fn config_of_life(&self, life: usize) -> Config {
        match self.held.get(&life) {
            Some(Held::Open(ends) | Held::Over(ends, _)) => config_of(&self.config, ends),
            None => self.config,
        }
    }

    /// A call on a connection, wherever it is.
    pub(super) fn send(
        &mut self,
        now: Instant,
        life: usize,
        data: &[u8],
    ) -> Result<usize, UserError> {
        let config = self.config_of_life(life);
        self.call(
            now,
            life,
            |t| t.send(&config, now, data),
            |c| c.send(&config, now, data),
        )
    }

    /// RECEIVE; what is read in TIME_WAIT makes room that its answers offer.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        life: usize,
        to: &mut [u8],
    ) -> Result<Received, UserError> {
        let config = self.config_of_life(life);
        let mut again = to.to_vec();
        let got = self.call(
            now,
            life,
            |t| t.receive(&config, to),
            |c| c.receive(&config, &mut again),
        )?;
        if let Some(Held::Over(ends, c)) = self.held.get(&life) {
            to.copy_from_slice(&again);
            if let Some(e) = self.ends.get_mut(ends)
                && (e.owner, e.life) == (Owner::Nobody, life)
                && let (Phase::TimeWait(mut record, until), None) =
                    std::mem::take(&mut e.tcp).into_parts()
            {
                record.set_window(c.rcv_wnd());
                e.tcp = Endpoint::from_parts(Phase::TimeWait(record, until), None);
            }
        }
        Ok(got)
    }

    /// SHUTDOWN.
    pub(super) fn shutdown(&mut self, now: Instant, life: usize) -> Result<(), UserError> {
        let config = self.config_of_life(life);
        self.call(
            now,
            life,
            |t| t.shutdown(&config, now),
            |c| c.shutdown(&config, now),
        )
    }

    fn call<T>(
        &mut self,
        now: Instant,
        life: usize,
        open: impl FnOnce(
            &mut Endpoint<farewell::connection::Owned, farewell::connection::Reno>,
        ) -> Result<T, CallError>,
        over: impl FnOnce(&mut Conn) -> Result<T, CallError>,
    ) -> Result<T, UserError> {
        match self.held.get_mut(&life) {
            None => Err(UserError::Stale),
            Some(Held::Over(_, c)) => Ok(over(c)?),
            Some(Held::Open(ends)) => {
                let ends = *ends;
                let e = self.ends.get_mut(&ends).expect("what is held is there");
                let result = open(&mut e.tcp);
                self.look(&ends, now);
                Ok(result?)
            }
        }
    }

    /// CLOSE: nobody holds it any more.
    pub(super) fn close(&mut self, now: Instant, life: usize) -> Result<(), UserError> {
        let ends = match self.held.remove(&life).ok_or(UserError::Stale)? {
            Held::Over(..) => return Ok(()),
            Held::Open(ends) => ends,
        };
        let e = self.ends.get_mut(&ends).expect("what is held is there");
        e.owner = Owner::Orphan;
        self.orphans.push(ends);
        let _ = e.tcp.close(&config_of(&self.config, &ends), now); // closed before is closed
        self.look(&ends, now);
        if self.orphans.len() > self.limits.orphans as usize {
            self.counters.orphans_aborted += 1;
            let oldest = self.orphans[0];
            self.abort_between(&oldest, now);
        }
        Ok(())
    }

    /// ABORT: nobody holds it any more, and a TIME_WAIT of it ends.
    pub(super) fn abort(&mut self, now: Instant, life: usize) -> Result<(), UserError> {
        match self.held.get(&life).ok_or(UserError::Stale)? {
            Held::Open(ends) => {
                let ends = *ends;
                self.abort_between(&ends, now);
            }
            Held::Over(ends, _) => {
                let ends = *ends;
                if self.is_time_wait_of(&ends, life) {
                    self.leave_time_wait(&ends);
                }
            }
        }
        self.held.remove(&life);
        Ok(())
    }

    pub(super) fn is_time_wait_of(&self, ends: &Ends, life: usize) -> bool {
        let mine = self.ends.get(ends).map(|e| (e.owner, e.life));
        mine == Some((Owner::Nobody, life))
    }

    /// Gives up what is over.
    pub(super) fn release(&mut self, life: usize) -> Result<(), UserError> {
        match self.held.get(&life).ok_or(UserError::Stale)? {
            Held::Open(_) => Err(UserError::Open),
            Held::Over(..) => {
                self.held.remove(&life);
                Ok(())
            }
        }
    }

    /// The connection that is held, or what is left of it; its state; its ends.
    pub(super) fn look_at(&self, life: usize) -> Option<(&Conn, State, farewell::tuple::Tuple)> {
        Some(match self.held.get(&life)? {
            Held::Open(ends) => {
                let e = &self.ends[ends];
                (e.tcp.connection()?, e.state, tuple(ends))
            }
            Held::Over(ends, c) => {
                let over = c.state() == State::TimeWait && !self.is_time_wait_of(ends, life);
                (c, if over { State::Closed } else { c.state() }, tuple(ends))
            }
        })
    }
}
