//! One exploration that the processes of a team do together: its beginning, its connections, its end.

use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use ::timely::communication::Hooks;
use ::timely::communication::allocator::zero_copy::initialize::{
    CommsGuard, initialize_networking_from_sockets,
};
use ::timely::communication::allocator::{AllocatorBuilder, ProcessBuilder};

use super::board::Board;
use super::door::{self, Purpose};
use super::link::{Ends, Gone, Link};
use super::message::{Kind, Message};
use super::{Team, TeamError, difference};
use crate::check::control::Control;

/// See the module.
pub(in crate::check) struct Run {
    board: Arc<Board>,
    threads: usize,
    number: u64,
    timeout: Duration,
    deadline: Instant,
}

/// What timely needs of the connections.
pub(in crate::check) struct Connected {
    pub(in crate::check) builders: Vec<AllocatorBuilder>,
    pub(in crate::check) threads: CommsGuard,
    pub(in crate::check) gone: Arc<Gone>,
}

impl Run {
    /// Begins the next run, when all are ready to. `what` must be the same in all; each could begin at `level`, and
    /// all begin at the least.
    pub(in crate::check) fn begin(
        team: &Team,
        what: &str,
        level: u64,
    ) -> Result<(Run, u64), TeamError> {
        let number = team.runs.fetch_add(1, Relaxed) + 1;
        let run = Run {
            board: Arc::clone(&team.board),
            threads: team.threads,
            number,
            timeout: team.timeout,
            deadline: Instant::now() + team.timeout,
        };
        let late = |who| TeamError::Late(who, team.timeout.as_secs());
        let board = &run.board;
        let mut least = level;
        if board.me == 0 {
            let mut missing: Vec<usize> = (1..board.hosts.len()).collect();
            while !missing.is_empty() {
                let Some((from, said)) = board.await_message(Some(run.deadline))? else {
                    let names: Vec<_> = missing
                        .iter()
                        .map(|process| board.named(*process))
                        .collect();
                    return Err(run.failed(late(names.join(", "))));
                };
                let (Kind::Begin, &[theirs]) = (said.kind, &said.words[..]) else {
                    return Err(run.failed(board.malformed(from, "a message out of turn")));
                };
                if let Some(difference) = difference(&said.text, what) {
                    let who = board.named(from);
                    return Err(run.failed(TeamError::Differs { who, difference }));
                }
                least = least.min(theirs);
                missing.retain(|process| *process != from);
            }
            board.tell_all(&Message::new(Kind::Start, number, vec![least]));
        } else {
            let mut begin = Message::new(Kind::Begin, number, vec![level]);
            begin.text = what.to_owned();
            board.tell(0, &begin);
            let Some((_, said)) = board.await_message(Some(run.deadline))? else {
                return Err(run.failed(late(board.named(0))));
            };
            match (said.kind, &said.words[..]) {
                (Kind::Start, &[level]) => least = level,
                _ => return Err(run.failed(board.malformed(0, "a message out of turn"))),
            }
        }
        Ok((run, least))
    }

    fn failed(&self, error: TeamError) -> TeamError {
        self.board.fail(error);
        // Somebody else may have been first.
        self.board
            .check()
            .err()
            .unwrap_or(TeamError::Told("the team has failed".into()))
    }

    /// Which process this is.
    pub(in crate::check) fn process(&self) -> usize {
        self.board.me
    }

    /// The process that a worker is in.
    pub(in crate::check) fn process_of(&self, worker: usize) -> usize {
        worker / self.threads
    }

    pub(in crate::check) fn processes(&self) -> usize {
        self.board.hosts.len()
    }

    fn workers_of(&self, process: usize) -> Range<usize> {
        process * self.threads..(process + 1) * self.threads
    }

    /// The first of the workers here, and the number of all.
    pub(in crate::check) fn workers(&self) -> (usize, usize) {
        (
            self.board.me * self.threads,
            self.processes() * self.threads,
        )
    }

    /// Connects every two processes, for timely, and looks after the run.
    pub(in crate::check) fn connect(&self, control: &Arc<Control>) -> Result<Connected, TeamError> {
        let board = &self.board;
        board.set_run(self.number, control);
        let system = |e: std::io::Error| self.failed(TeamError::System(e.to_string()));
        let mut streams: Vec<Option<TcpStream>> = Vec::new();
        for process in 0..board.hosts.len() {
            let late = || TeamError::Late(board.named(process), self.timeout.as_secs());
            let stream = if process < board.me {
                let hello = door::hello(board.me, Purpose::States, self.number, String::new());
                door::call(board, process, self.deadline, &hello)?
            } else if process > board.me {
                let caller = board.await_caller(self.deadline, |caller| {
                    caller.purpose == Purpose::States
                        && caller.process == process
                        && caller.hello.run == self.number
                })?;
                caller.map(|caller| caller.stream)
            } else {
                streams.push(None);
                continue;
            };
            streams.push(Some(stream.ok_or_else(|| self.failed(late()))?));
        }
        let clones = streams.iter().flatten().map(TcpStream::try_clone);
        board.set_states(clones.collect::<Result<_, _>>().map_err(system)?);
        let gone = Arc::new(Gone::default());
        let link = |(process, stream): (usize, Option<TcpStream>)| {
            let ends = Ends {
                board: Arc::clone(board),
                process,
                theirs: self.workers_of(process),
                ours: self.workers_of(board.me),
                gone: Arc::clone(&gone),
            };
            Some(Link::new(stream?, ends))
        };
        let links = streams.into_iter().enumerate().map(link).collect();
        let hooks = Hooks::default();
        let inner = ProcessBuilder::new_typed_vector(self.threads, hooks.refill.clone(), None);
        let (builders, threads) =
            initialize_networking_from_sockets(inner, links, board.me, self.threads, hooks)
                .map_err(system)?;
        Ok(Connected {
            builders: builders.into_iter().map(AllocatorBuilder::Tcp).collect(),
            threads,
            gone,
        })
    }

    /// A level has arrived whole in this process.
    pub(in crate::check) fn arrive(&self, level: u32, violated: u32) {
        self.board.arrive(self.number, level, violated);
    }

    /// Its workers have gone: what still reads and writes must come to an end.
    pub(in crate::check) fn workers_have_gone(&self, gone: &Gone) {
        gone.set();
        self.board.set_idle();
    }

    /// It is over here.
    pub(in crate::check) fn end(&self) {
        self.board.end_run();
    }

    /// Ends it for all.
    pub(in crate::check) fn fail(&self, why: &str) -> TeamError {
        let who = self.board.named(self.board.me);
        self.failed(TeamError::Told(format!("{who}: {why}")))
    }

    /// A process sent what cannot be understood.
    pub(in crate::check) fn malformed(&self, process: usize, what: &str) -> TeamError {
        self.failed(self.board.malformed(process, what))
    }

    /// What ended it, if something did.
    pub(in crate::check) fn check(&self) -> Result<(), TeamError> {
        self.board.check()
    }

    /// Tells one process, about this run.
    pub(in crate::check) fn tell(&self, process: usize, kind: Kind, words: Vec<u64>) {
        self.board
            .tell(process, &Message::new(kind, self.number, words));
    }

    /// The next message about this run, with its sender; waits until there is one, or the team fails.
    pub(in crate::check) fn listen(&self) -> Result<(usize, Message), TeamError> {
        match self.board.await_message(None)? {
            Some((from, said)) if said.run == self.number => Ok((from, said)),
            Some((from, _)) => Err(self.malformed(from, "a message out of turn")),
            None => Err(self.failed(TeamError::Told("the team has failed".into()))),
        }
    }
}
