//! How processes find each other: the port that each listens on, and calling the others, all in bounded time.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::TeamError;
use super::board::Board;
use super::hosts;
use super::message::{Kind, MAGIC, Message};

/// How long a caller may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look who calls, and to call again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Callers heard at once; more are turned away.
const MOST_CALLERS: usize = 512;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Messages, for as long as the team stays.
    Words = 0,
    /// Timely's own, for one run.
    States = 1,
}

/// Somebody who has said who it is.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) process: usize,
    pub(super) purpose: Purpose,
    pub(super) hello: Message,
    pub(super) stream: TcpStream,
}

/// What a process says first.
pub(super) fn hello(me: usize, purpose: Purpose, run: u64, text: String) -> Message {
    Message {
        kind: Kind::Hello,
        run,
        words: vec![me as u64, purpose as u64],
        text,
    }
}

/// Listens at an address of `host`.
pub(super) fn listen(host: &str) -> Result<TcpListener, TeamError> {
    let failed = |why: io::Error| TeamError::Listen {
        host: host.to_owned(),
        why: why.to_string(),
    };
    let listener = TcpListener::bind(&hosts::resolve(host)?[..]).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Takes calls until the board is closed, from a thread of its own.
pub(super) fn keep_open(listener: TcpListener, board: Arc<Board>) {
    let at_once = Arc::new(AtomicUsize::new(0));
    while !board.is_closed() {
        match listener.accept() {
            Ok((stream, _)) if at_once.load(Relaxed) < MOST_CALLERS => {
                let (board, heard) = (Arc::clone(&board), Arc::clone(&at_once));
                heard.fetch_add(1, Relaxed);
                let listening =
                    thread::Builder::new()
                        .name("farewell:call".into())
                        .spawn(move || {
                            // Whoever does not say that it is one of us is not for us.
                            if let Ok(caller) = hear(stream, board.hosts.len()) {
                                board.called(caller);
                            }
                            heard.fetch_sub(1, Relaxed);
                        });
                if listening.is_err() {
                    at_once.fetch_sub(1, Relaxed);
                }
            }
            Ok(_) => {}
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn hear(mut stream: TcpStream, processes: usize) -> io::Result<Caller> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut magic = [0; MAGIC.len()];
    stream.read_exact(&mut magic)?;
    let stranger = || io::Error::from(io::ErrorKind::InvalidData);
    if magic != MAGIC {
        return Err(stranger());
    }
    let hello = Message::read(&mut stream)?;
    let (process, purpose) = match (hello.kind, &hello.words[..]) {
        (Kind::Hello, &[process, 0]) => (process, Purpose::Words),
        (Kind::Hello, &[process, 1]) => (process, Purpose::States),
        _ => return Err(stranger()),
    };
    let process = usize::try_from(process).map_err(|_| stranger())?;
    if process >= processes && purpose == Purpose::States {
        return Err(stranger());
    }
    stream.set_read_timeout(None)?;
    Ok(Caller {
        process,
        purpose,
        hello,
        stream,
    })
}

/// Calls a process, again and again until it answers; none at the deadline.
pub(super) fn call(
    board: &Board,
    process: usize,
    deadline: Instant,
    hello: &Message,
) -> Result<Option<TcpStream>, TeamError> {
    loop {
        board.check()?;
        // A name may be known only later; one that never is is an error in the end.
        let addresses = hosts::resolve(&board.hosts[process]);
        for address in addresses.iter().flatten() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let greeted =
                TcpStream::connect_timeout(address, left.min(ATTEMPT)).and_then(|mut stream| {
                    stream.set_nodelay(true)?;
                    stream.write_all(&MAGIC)?;
                    hello.write(&mut stream)?;
                    Ok(stream)
                });
            if let Ok(stream) = greeted {
                return Ok(Some(stream));
            }
        }
        if Instant::now() >= deadline {
            addresses?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}
