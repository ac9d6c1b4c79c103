//! How a life ends in its way, and whether what its users are told can be.

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

    /// Nothing more to send; it goes on to read, or it closes.
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
