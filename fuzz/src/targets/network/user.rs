//! What the users call, and that what they read is what was written.

use farewell::connection::Received;

use super::app::{Act, byte};
use super::host::Mishap;
use super::ladder::What;
use super::script::Finish;
use super::world::World;

impl World<'_> {
    /// A user acts.
    pub(super) fn act(&mut self, n: usize, act: Act) {
        if !self.hosts[n].open {
            self.hosts[n].leave();
            return self.note(What::User(
                n,
                format!("{act:?} before there is a connection"),
            ));
        }
        let (now, life) = (self.now, self.life);
        let (peer_written, peer_finished) = {
            let peer = &self.hosts[1 - n].app;
            (peer.written, peer.finished)
        };
        let h = &mut self.hosts[n];
        let early = h.app.connected == 0;
        let said = match act {
            Act::Write => {
                let to = h.app.plan.total.min(h.app.written + h.app.plan.write);
                let data: Vec<u8> = (h.app.written..to).map(|at| byte(life, n, at)).collect();
                let sent = h.tcp.send(&h.config, now, &data);
                let took = *sent.as_ref().unwrap_or(&0);
                h.app.wrote(now, took as u32, took == data.len());
                format!("SEND {}: {sent:?}", data.len())
            }
            Act::Read => {
                let mut to = vec![0; h.app.plan.read as usize];
                let got = h.tcp.receive(&h.config, &mut to);
                match got {
                    Ok(Received::Data(len)) => {
                        let from = h.app.read;
                        assert!(
                            from + len as u32 <= peer_written,
                            "more is read than was written"
                        );
                        let same = to[..len]
                            .iter()
                            .zip(from..)
                            .all(|(b, at)| *b == byte(life, 1 - n, at));
                        assert!(
                            same,
                            "other bytes are read than were written, from {from} on"
                        );
                        h.app.has_read(now, len as u32);
                    }
                    Ok(Received::Nothing) => h.app.has_read(now, 0),
                    Ok(Received::End) => {
                        assert!(peer_finished, "the end of a stream that goes on");
                        assert_eq!(h.app.read, peer_written, "the end; read, written");
                        h.app.end = true;
                    }
                    Err(_) => h.app.over = true,
                }
                format!("RECEIVE {}: {got:?}", to.len())
            }
            Act::Shutdown => {
                let done = h.tcp.shutdown(&h.config, now);
                h.app.finished = true;
                format!("SHUTDOWN: {done:?}")
            }
            Act::Close => {
                let done = h.tcp.close(&h.config, now);
                h.app.finished = true;
                h.app.orphaned = !h.app.end;
                h.app.over = true;
                if early || matches!(h.app.plan.finish, Finish::CloseAt(_)) {
                    h.mishaps.push(Mishap::Left);
                }
                format!("CLOSE: {done:?}")
            }
            Act::Abort => {
                let done = h.tcp.abort(&h.config);
                h.app.over = true;
                h.mishaps.push(Mishap::Left);
                format!("ABORT: {done:?}")
            }
        };
        self.note(What::User(n, said));
    }
}
