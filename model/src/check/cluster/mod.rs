//! Several processes, on one machine or many, that explore together.
//!
//! What lives here: who takes part ([`parse_hosts`], [`Team::join`]), what the processes tell each other beside the
//! states, and connections for timely that end a run with a clear error when a process is lost. What does not: the
//! exploration itself, which is the same dataflow on one process or many.
//!
//! Each process listens on one port. Everyone talks to process 0 as long as the team stays; for each run every two
//! processes connect once more, for timely. Nothing is authenticated or encrypted: a trusted network only.

mod board;
mod door;
mod hosts;
mod link;
mod message;
mod run;

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use self::board::Board;
use self::door::Purpose;
use self::message::{Kind, Message};

pub use self::hosts::{HostsError, MOST_PROCESSES, parse as parse_hosts};
pub(super) use self::message::Kind as Said;
pub(super) use self::run::Run;

/// How long one process waits longer than process 0 does, to hear from it who is missing.
const MARGIN: Duration = Duration::from_secs(3);
/// How often process 0 tells those who wait who is missing.
const NEWS: Duration = Duration::from_millis(500);
/// How long a process that gives up stays, so that the others hear why before they see it gone.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Why processes do not explore together, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TeamError {
    /// The list of hosts.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// There is no such process.
    #[error("there is no process {process}: the hosts are 0 to {last}", last = .count.saturating_sub(1))]
    NoSuchProcess {
        /// Which was asked for.
        process: usize,
        /// How many there are.
        count: usize,
    },
    /// The port cannot be had.
    #[error("cannot listen at {host}: {why}")]
    Listen {
        /// Where.
        host: String,
        /// What the system says.
        why: String,
    },
    /// Something the system refused besides.
    #[error("the connections could not be set up: {0}")]
    System(String),
    /// A process ended, or its connection broke.
    #[error("{0} is gone")]
    Gone(String),
    /// A process has not been heard from.
    #[error("{0} has not been heard from for {1} s")]
    Silent(String, u64),
    /// Processes did not come.
    #[error("{0} did not come within {1} s")]
    Late(String, u64),
    /// A process runs something else.
    #[error("{who} runs something else: {difference}")]
    Differs {
        /// The process.
        who: String,
        /// What, there and here.
        difference: String,
    },
    /// A process sent what makes no sense.
    #[error("{0} sent what cannot be understood: {1}")]
    Malformed(String, String),
    /// Another process said so.
    #[error("{0}")]
    Told(String),
}

/// This process and the others that explore with it.
pub struct Team {
    board: Arc<Board>,
    threads: usize,
    timeout: Duration,
    runs: AtomicU64,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team")
            .field("hosts", &self.board.hosts)
            .field("me", &self.board.me)
            .finish_non_exhaustive()
    }
}

/// The first line in which two texts differ, said of them.
pub(super) fn difference(theirs: &str, ours: &str) -> Option<String> {
    let (mut there, mut here) = (theirs.lines(), ours.lines());
    loop {
        match (there.next(), here.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                let quoted =
                    |line: Option<&str>| line.map_or("nothing".into(), |l| format!("`{l}`"));
                return Some(format!("{} there, {} here", quoted(a), quoted(b)));
            }
        }
    }
}

impl Team {
    /// Meets the processes at `hosts`, in order, as the one with number `me`, with `threads` workers each. `what` is a
    /// text that must be the same in all, a fact a line. Waits for the others at most about `timeout`.
    ///
    /// # Errors
    ///
    /// Who did not come, or was started for something else.
    pub fn join(
        hosts: Vec<String>,
        me: usize,
        threads: usize,
        what: &str,
        timeout: Duration,
    ) -> Result<Team, TeamError> {
        let count = hosts.len();
        if me >= count {
            return Err(TeamError::NoSuchProcess { process: me, count });
        }
        let listener = door::listen(&hosts[me])?;
        let board = Arc::new(Board::new(hosts, me));
        let team = Team {
            board: Arc::clone(&board),
            threads,
            timeout,
            runs: AtomicU64::new(0),
        };
        let (at_door, system) = (Arc::clone(&board), |e: std::io::Error| {
            TeamError::System(e.to_string())
        });
        thread::Builder::new()
            .name("farewell:door".into())
            .spawn(move || door::keep_open(listener, at_door))
            .map_err(system)?;
        let order = if cfg!(target_endian = "little") {
            "little"
        } else {
            "big"
        };
        let version = env!("CARGO_PKG_VERSION");
        let what = format!(
            "farewell {version}\nbyte order: {order}\nprocesses: {count}\nthreads: {threads}\n{what}"
        );
        let links = if me == 0 {
            team.gather(&what)?
        } else {
            team.enter(what)?
        };
        board.connect(links).map_err(system)?;
        Ok(team)
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.board.hosts.len()
    }

    /// Which one this is.
    pub fn process(&self) -> usize {
        self.board.me
    }

    /// How many workers each has.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// What ended it, if something did.
    ///
    /// # Errors
    ///
    /// That.
    pub fn check(&self) -> Result<(), TeamError> {
        self.board.check()
    }

    /// Ends it for everyone.
    pub(super) fn fail(&self, why: &str) {
        let who = self.board.named(self.board.me);
        self.board.fail(TeamError::Told(format!("{who}: {why}")));
    }

    /// For process 0: waits for the others.
    fn gather(&self, what: &str) -> Result<Vec<Option<TcpStream>>, TeamError> {
        let board = &self.board;
        let deadline = Instant::now() + self.timeout;
        let mut links: Vec<Option<TcpStream>> = board.hosts.iter().map(|_| None).collect();
        let missing = |links: &[Option<TcpStream>]| -> BTreeSet<usize> {
            (1..links.len())
                .filter(|process| links[*process].is_none())
                .collect()
        };
        let refuse = |mut link: &TcpStream, error: &TeamError| {
            let _ = Message::saying(Kind::Refused, error.to_string()).write(&mut link);
        };
        loop {
            let left = missing(&links);
            if left.is_empty() {
                // Whoever is gone by now is noticed soon.
                for mut link in links.iter().flatten() {
                    let _ = Message::new(Kind::Welcome, 0, Vec::new()).write(&mut link);
                }
                return Ok(links);
            }
            let late = self.late(&left);
            let now = Instant::now();
            if now >= deadline {
                links.iter().flatten().for_each(|link| refuse(link, &late));
                return Err(late);
            }
            let next = deadline.min(now + NEWS);
            let Some(caller) =
                board.await_caller(next, |caller| caller.purpose == Purpose::Words)?
            else {
                for mut link in links.iter().flatten() {
                    let _ = Message::saying(Kind::Waiting, late.to_string()).write(&mut link);
                }
                continue;
            };
            if let Some(difference) = difference(&caller.hello.text, what) {
                let who = match caller.stream.peer_addr() {
                    _ if caller.process < links.len() => board.named(caller.process),
                    Ok(address) => format!("process {} at {address}", caller.process),
                    Err(_) => format!("process {}", caller.process),
                };
                let error = TeamError::Differs { who, difference };
                refuse(&caller.stream, &error);
                links.iter().flatten().for_each(|link| refuse(link, &error));
                return Err(error);
            }
            match links.get_mut(caller.process) {
                Some(place @ None) if caller.process != 0 => *place = Some(caller.stream),
                _ => {
                    let text = format!("there is a process {} already", caller.process);
                    refuse(&caller.stream, &TeamError::Told(text));
                }
            }
        }
    }

    fn late(&self, missing: &BTreeSet<usize>) -> TeamError {
        let names: Vec<_> = missing
            .iter()
            .map(|process| self.board.named(*process))
            .collect();
        TeamError::Late(names.join(", "), self.timeout.as_secs())
    }

    /// For the others: meets process 0.
    fn enter(&self, what: String) -> Result<Vec<Option<TcpStream>>, TeamError> {
        let board = &self.board;
        let deadline = Instant::now() + self.timeout;
        let hello = door::hello(board.me, Purpose::Words, 0, what);
        let mut late = self.late(&BTreeSet::from([0]));
        let Some(mut link) = door::call(board, 0, deadline, &hello)? else {
            return Err(late);
        };
        let deadline = deadline + MARGIN;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late);
            }
            let system = |e: std::io::Error| TeamError::System(e.to_string());
            link.set_read_timeout(Some(left)).map_err(system)?;
            match Message::read(&mut link) {
                Ok(said) if said.kind == Kind::Welcome => break,
                Ok(said) if said.kind == Kind::Refused => return Err(TeamError::Told(said.text)),
                Ok(said) if said.kind == Kind::Waiting => late = TeamError::Told(said.text),
                Ok(_) => return Err(board.malformed(0, "a message out of turn")),
                Err(e) => match e.kind() {
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                        return Err(late);
                    }
                    std::io::ErrorKind::InvalidData => {
                        return Err(board.malformed(0, &e.to_string()));
                    }
                    _ => return Err(board.gone(0)),
                },
            }
        }
        let mut links: Vec<Option<TcpStream>> = board.hosts.iter().map(|_| None).collect();
        links[0] = Some(link);
        Ok(links)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        if self.board.check().is_err() {
            thread::sleep(LAST_WORDS);
        }
        self.board.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        assert_eq!(difference("a\nb", "a\nb"), None);
        assert_eq!(difference("a\nb", "a\nc").unwrap(), "`b` there, `c` here");
        assert_eq!(difference("a", "a\nc").unwrap(), "nothing there, `c` here");
    }
}
