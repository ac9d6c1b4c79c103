//! How a life ends in its way, and whether what its users are told can be.
//!
//! Who must be told what before it is over:
//! - who shuts down and waits: the end, after every byte; the engine's user besides that all of its own is acknowledged;
//! - who closes second, whether it waits or not: the end, after every byte, before it closes at all;
//! - the other end of a RST: "reset".
//!
//! Who closes first (or together with the other) without waiting, and who resets, has let go and is told nothing. In
//! "both close at once" that can be both: then only the bytes before, and what is left afterwards, are judged.

use farewell_tun::capture::Host;

use crate::ends::{End, Ending};
use crate::life::{AGAIN, BOTH, Life};
use crate::plan::{Talk, Way, name, other};
use crate::world::World;

impl Life {
    /// Whether what a host has read and was told can be.
    pub(crate) fn judge(&self, host: Host, talk: &Talk) -> Result<(), String> {
        let (side, peer) = (
            &self.sides[host as usize],
            &self.sides[other(host) as usize],
        );
        let (name, resets) = (name(host), self.plan.cell.way.resets());
        if side.got > peer.sent {
            let (got, sent) = (side.got, peer.sent);
            return Err(format!("{name} read {got} bytes, and {sent} were sent"));
        }
        match &side.over {
            Some(Ending::End) if resets => Err(format!(
                "{name} was told of an end, not of a reset, after {} of {} bytes",
                side.got, peer.sent
            )),
            Some(Ending::End) if side.got != talk.lengths[other(host) as usize] => Err(format!(
                "{name} read the end after {} of {} bytes",
                side.got,
                talk.lengths[other(host) as usize]
            )),
            Some(Ending::Reset) if !resets => Err(format!("{name} was told \"reset\"")),
            Some(Ending::Other(why)) => Err(format!("{name} was told: {why}")),
            _ => Ok(()),
        }
    }

    /// Ends it in its way, as far as that can be now.
    pub(crate) fn end(
        &mut self,
        world: &mut World,
        talk: &Talk,
        released: bool,
    ) -> Result<bool, String> {
        let (first, second) = (talk.first, other(talk.first));
        let [f, s] = [first, second].map(|h| &self.sides[h as usize]);
        let said = |h: Host| self.sides[h as usize].sent == talk.lengths[h as usize];
        let heard = |h: Host| self.sides[h as usize].got == talk.lengths[other(h) as usize];
        let hears_end = |h: Host| self.sides[h as usize].over == Some(Ending::End);
        let begun = released && f.connected && !f.finished;
        match self.plan.cell.way {
            Way::Abort | Way::Unread => {
                if begun && f.got >= talk.read && s.sent > 0 {
                    return self.reset(world, first);
                }
                if s.over == Some(Ending::Reset) && !s.closed {
                    self.close(world, second);
                    return Ok(true);
                }
            }
            Way::CloseAtOnce => {
                let all = BOTH.into_iter().all(|h| said(h) && heard(h));
                if begun && all && s.connected && !s.finished {
                    self.finish(world, first, talk.waits[first as usize])?;
                    self.finish(world, second, talk.waits[second as usize])?;
                    return Ok(true);
                }
            }
            Way::HalfClose => {
                if begun && said(first) {
                    self.finish(world, first, true)?;
                    return Ok(true);
                }
                if s.connected && !s.finished && said(second) && hears_end(second) {
                    self.finish(world, second, talk.waits[second as usize])?;
                    return Ok(true);
                }
            }
            _ => {
                if begun && said(first) && heard(first) {
                    self.finish(world, first, talk.waits[first as usize])?;
                    return Ok(true);
                }
                if s.connected && !s.finished && said(second) && hears_end(second) {
                    self.finish(world, second, talk.waits[second as usize])?;
                    return Ok(true);
                }
            }
        }
        let mut moved = false;
        for host in BOTH {
            let side = &self.sides[host as usize];
            let told = side.end.as_ref().is_some_and(End::is_told_closed);
            if side.finished && !side.closed && side.over == Some(Ending::End) && told {
                self.close(world, host);
                moved = true;
            }
        }
        Ok(moved)
    }

    /// The first ends it by a RST.
    fn reset(&mut self, world: &mut World, first: Host) -> Result<bool, String> {
        let side = &mut self.sides[first as usize];
        let unread = self.plan.cell.way == Way::Unread;
        let stack = world.driver.stack_mut();
        if unread && side.end.as_ref().is_none_or(|e| e.unread(stack) == 0) {
            self.wake_in(world, AGAIN);
            return Ok(false);
        }
        let now = world.now();
        if let Some(end) = side.end.take() {
            let stack = world.driver.stack_mut();
            match unread {
                true => end.close(stack, now),
                false => end.abort(stack, now),
            }
        }
        (side.finished, side.closed) = (true, true);
        Ok(true)
    }

    /// Nothing more to send; it waits for what it must be told, or it closes, and nobody is told anything more.
    fn finish(&mut self, world: &mut World, host: Host, waits: bool) -> Result<(), String> {
        self.sides[host as usize].finished = true;
        if !waits {
            self.close(world, host);
            return Ok(());
        }
        let now = world.now();
        match &mut self.sides[host as usize].end {
            Some(end) => end.shutdown(world.driver.stack_mut(), now),
            None => Ok(()),
        }
    }

    pub(crate) fn close(&mut self, world: &mut World, host: Host) {
        let now = world.now();
        let side = &mut self.sides[host as usize];
        if let Some(end) = side.end.take() {
            end.close(world.driver.stack_mut(), now);
        }
        side.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Cell, Plan};

    /// A life that ends in this way, the kernel first, in which farewell's user has read `got` of the `length` bytes that
    /// the kernel's had to send and has sent, and was told `over`: what the judge says.
    fn judged(way: Way, length: u64, got: u64, over: Option<Ending>) -> Result<(), String> {
        let is_it = |n: &usize| Cell::of(*n).way == way && Cell::of(*n).first == Host::Kernel;
        let n = (0..Cell::COUNT).find(is_it).unwrap();
        let plan = Plan::new(1, n);
        let mut talk = plan.talks[0];
        talk.lengths[Host::Kernel as usize] = length;
        let mut life = Life::new(plan, 1, 0).unwrap();
        life.sides[Host::Kernel as usize].sent = length;
        life.sides[Host::Farewell as usize].got = got;
        life.sides[Host::Farewell as usize].over = over;
        life.judge(Host::Farewell, &talk)
    }

    #[test]
    fn the_end_is_told_after_all_and_only_then() {
        let closed = |got| judged(Way::HalfClose, 100, got, Some(Ending::End));
        assert_eq!(closed(100), Ok(()));
        let says = |r: Result<(), String>, why: &str| assert_eq!(r, Err(why.into()));
        says(closed(99), "farewell read the end after 99 of 100 bytes");
        says(closed(0), "farewell read the end after 0 of 100 bytes");
        says(closed(101), "farewell read 101 bytes, and 100 were sent");
        // Nothing is wrong yet with who has not heard all.
        assert_eq!(judged(Way::HalfClose, 100, 99, None), Ok(()));
        assert!(judged(Way::HalfClose, 100, 101, None).is_err());
    }

    #[test]
    fn a_reset_is_told_as_a_reset_and_nothing_else_is() {
        for way in [Way::Abort, Way::Unread] {
            assert_eq!(judged(way, 100, 7, Some(Ending::Reset)), Ok(()));
            assert!(judged(way, 100, 100, Some(Ending::End)).is_err());
            assert!(judged(way, 100, 101, Some(Ending::Reset)).is_err());
        }
        let others = Way::ALL.into_iter().filter(|w| !w.resets());
        for way in others {
            assert!(judged(way, 100, 100, Some(Ending::Reset)).is_err());
        }
        let timed_out = Ending::Other("timed out".into());
        for way in Way::ALL {
            assert!(judged(way, 100, 7, Some(timed_out.clone())).is_err());
        }
    }
}
