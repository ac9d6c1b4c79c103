//! What the threads of one process know of the team: who is there, what was said, what went wrong.
//!
//! A thread for each connection puts what it hears on the board, a thread sends signs of life and notices who gives
//! none. Process 0 stands in the middle: everyone talks to it, and it tells everyone.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::TeamError;
use super::door::Caller;
use super::message::{Kind, Message};
use crate::check::control::{Cause, Control, Tally};

/// How often to give a sign of life.
const BEAT: Duration = Duration::from_millis(100);
/// Silence after which a process is given up.
pub(super) const SILENCE: Duration = Duration::from_secs(20);
/// How long a message may take to be sent.
const SENDING: Duration = Duration::from_secs(10);

/// Messages that may wait to be dealt with: a team that works has a few for each process.
const MOST_WAITING: usize = 1024;

/// See the module.
pub(super) struct Board {
    pub(super) hosts: Vec<String>,
    pub(super) me: usize,
    /// To whom this process talks: process 0 to everyone, the others to process 0.
    links: OnceLock<Vec<Option<Mutex<TcpStream>>>>,
    is_closed: AtomicBool,
    notes: Mutex<Notes>,
    changed: Condvar,
}

#[derive(Default)]
struct Notes {
    failed: Option<TeamError>,
    callers: Vec<Caller>,
    heard: Vec<Option<Instant>>,
    has_left: Vec<bool>,
    inbox: VecDeque<(usize, Message)>,
    run: u64,
    control: Option<Arc<Control>>,
    /// The connections of the run.
    states: Vec<TcpStream>,
    /// Its workers have gone.
    is_idle: bool,
    /// By process, for process 0: the level that has arrived there, and the least with a violation.
    arrived: Vec<Option<(u64, u64)>>,
    /// By process: how far it has come in this run.
    tallies: Vec<Tally>,
}

impl Board {
    pub(super) fn new(hosts: Vec<String>, me: usize) -> Board {
        let count = hosts.len();
        Board {
            hosts,
            me,
            links: OnceLock::new(),
            is_closed: AtomicBool::new(false),
            notes: Mutex::new(Notes {
                heard: vec![None; count],
                has_left: vec![false; count],
                arrived: vec![None; count],
                tallies: vec![Tally::default(); count],
                ..Notes::default()
            }),
            changed: Condvar::new(),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// What went wrong, if something did.
    pub(super) fn check(&self) -> Result<(), TeamError> {
        self.notes().failed.clone().map_or(Ok(()), Err)
    }

    pub(super) fn gone(&self, process: usize) -> TeamError {
        TeamError::Gone(self.named(process))
    }

    pub(super) fn malformed(&self, process: usize, what: &str) -> TeamError {
        TeamError::Malformed(self.named(process), what.to_owned())
    }

    /// A process in words.
    pub(super) fn named(&self, process: usize) -> String {
        let host = self.hosts.get(process).map_or("?", String::as_str);
        format!("process {process} at {host}")
    }

    /// Ends it for everyone, and tells them. The first reason stands.
    pub(super) fn fail(&self, error: TeamError) {
        let mut notes = self.notes();
        if notes.failed.is_some() || self.is_closed() {
            return;
        }
        notes.failed = Some(error.clone());
        let control = notes.control.clone();
        drop(notes);
        if let Some(control) = control {
            control.stop(Cause::Failed);
            control.wake();
        }
        self.changed.notify_all();
        let text = Message::saying(Kind::Failed, error.to_string());
        self.tell_all(&text);
        self.break_off();
    }

    /// Breaks the connections of a run that has failed, once nobody here needs them: whoever waits for something on them
    /// wakes up. The others have been told why before they see it.
    fn break_off(&self) {
        let mut notes = self.notes();
        if notes.failed.is_some() && notes.is_idle {
            for stream in notes.states.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// The workers of the run have gone.
    pub(super) fn set_idle(&self) {
        let has_failed = {
            let mut notes = self.notes();
            notes.is_idle = true;
            notes.failed.is_some()
        };
        if has_failed {
            std::thread::sleep(super::LAST_WORDS);
            self.break_off();
        }
    }

    // Callers.

    pub(super) fn called(&self, caller: Caller) {
        self.notes().callers.push(caller);
        self.changed.notify_all();
    }

    /// A caller of the kind wanted, if there is one before the deadline.
    pub(super) fn await_caller(
        &self,
        deadline: Instant,
        is_wanted: impl Fn(&Caller) -> bool,
    ) -> Result<Option<Caller>, TeamError> {
        self.wait(deadline, |notes| {
            let at = notes.callers.iter().position(&is_wanted)?;
            Some(notes.callers.swap_remove(at))
        })
    }

    /// Waits until `look` finds something: none at the deadline, an error when the team has failed.
    fn wait<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(&mut Notes) -> Option<T>,
    ) -> Result<Option<T>, TeamError> {
        let mut notes = self.notes();
        loop {
            if let Some(error) = &notes.failed {
                return Err(error.clone());
            }
            if let Some(found) = look(&mut notes) {
                return Ok(Some(found));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let waited = self.changed.wait_timeout(notes, left);
            notes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    // Messages.

    /// Begins to talk over these connections.
    pub(super) fn connect(self: &Arc<Self>, links: Vec<Option<TcpStream>>) -> io::Result<()> {
        let mut writers = Vec::new();
        let now = Instant::now();
        for (process, link) in links.into_iter().enumerate() {
            let Some(link) = link else {
                writers.push(None);
                continue;
            };
            self.notes().heard[process] = Some(now);
            link.set_read_timeout(None)?;
            link.set_write_timeout(Some(SENDING))?;
            let reader = link.try_clone()?;
            writers.push(Some(Mutex::new(link)));
            let board = Arc::clone(self);
            std::thread::Builder::new()
                .name(format!("farewell:hear-{process}"))
                .spawn(move || board.listen_to(process, reader))?;
        }
        let _ = self.links.set(writers);
        let board = Arc::clone(self);
        std::thread::Builder::new()
            .name("farewell:beat".into())
            .spawn(move || board.beat())?;
        Ok(())
    }

    /// Sends a message; whoever cannot be told is gone.
    pub(super) fn tell(&self, process: usize, message: &Message) {
        let Some(link) = self
            .links
            .get()
            .and_then(|links| links.get(process)?.as_ref())
        else {
            return;
        };
        let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = message.write(&mut *link);
        drop(link);
        if sent.is_err() {
            self.fail(self.gone(process));
        }
    }

    pub(super) fn tell_all(&self, message: &Message) {
        for process in (0..self.hosts.len()).filter(|process| *process != self.me) {
            self.tell(process, message);
        }
    }

    /// The next message that somebody must deal with.
    pub(super) fn await_message(
        &self,
        deadline: Option<Instant>,
    ) -> Result<Option<(usize, Message)>, TeamError> {
        let for_ever = Instant::now() + Duration::from_secs(1 << 32);
        self.wait(deadline.unwrap_or(for_ever), |notes| {
            notes.inbox.pop_front()
        })
    }

    fn listen_to(&self, process: usize, mut link: TcpStream) {
        loop {
            match Message::read(&mut link) {
                Ok(message) => self.hear(process, message),
                Err(_) if self.is_closed() || self.notes().has_left[process] => return,
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    return self.fail(self.malformed(process, &e.to_string()));
                }
                Err(_) => return self.fail(self.gone(process)),
            }
        }
    }

    fn hear(&self, from: usize, message: Message) {
        let mut notes = self.notes();
        notes.heard[from] = Some(Instant::now());
        let is_now = message.run == notes.run;
        let control = notes.control.clone().filter(|_| is_now);
        match (message.kind, &message.words[..]) {
            (Kind::Failed, _) => {
                drop(notes);
                self.fail(TeamError::Told(message.text));
            }
            (Kind::Bye, _) => {
                notes.has_left[from] = true;
                notes.heard[from] = None;
            }
            (Kind::Beat, words) => {
                if let (Some(control), Some(tally)) = (control, Tally::of_words(words)) {
                    notes.tallies[from] = tally;
                    let far = self.far(&notes);
                    drop(notes);
                    control.hear(&far);
                }
            }
            (Kind::Arrived, &[level, violated]) if self.me == 0 && is_now => {
                notes.arrived[from] = Some((level, violated));
                self.enter_if_all(notes);
            }
            (Kind::Enter, &[level, violated]) if from == 0 => {
                drop(notes);
                if let Some(control) = control {
                    control.enter(level as u32, violated as u32);
                }
            }
            _ if notes.inbox.len() < MOST_WAITING => notes.inbox.push_back((from, message)),
            _ => {
                drop(notes);
                self.fail(self.malformed(from, "more messages than anyone reads"));
            }
        }
        self.changed.notify_all();
    }

    /// What all others have said of themselves; from process 0, of everyone but the listener.
    fn far(&self, notes: &Notes) -> Tally {
        let others = notes
            .tallies
            .iter()
            .enumerate()
            .filter(|(process, _)| *process != self.me);
        others.fold(Tally::default(), |sum, (_, tally)| sum.and(tally))
    }

    // A run.

    /// Looks after a run from now on.
    pub(super) fn set_run(&self, run: u64, control: &Arc<Control>) {
        let mut notes = self.notes();
        notes.run = run;
        debug_assert!(notes.control.is_none(), "one run at a time");
        notes.control = Some(Arc::clone(control));
        notes.arrived.fill(None);
        notes.tallies.fill(Tally::default());
        if notes.failed.is_some() {
            control.stop(Cause::Failed);
        }
    }

    /// Connections to break when the team fails.
    pub(super) fn set_states(&self, states: Vec<TcpStream>) {
        let mut notes = self.notes();
        notes.states = states;
        notes.is_idle = false;
    }

    /// The run is over here.
    pub(super) fn end_run(&self) {
        let mut notes = self.notes();
        let control = notes.control.take();
        notes.states.clear();
        // Not before: with its last owner goes the run, which has this board.
        drop(notes);
        drop(control);
    }

    /// A level has arrived whole in this process.
    pub(super) fn arrive(&self, run: u64, level: u32, violated: u32) {
        let words = vec![u64::from(level), u64::from(violated)];
        if self.me == 0 {
            let mut notes = self.notes();
            notes.arrived[0] = Some((words[0], words[1]));
            self.enter_if_all(notes);
        } else {
            self.tell(0, &Message::new(Kind::Arrived, run, words));
        }
    }

    /// For process 0: enters the level that has arrived everywhere.
    fn enter_if_all(&self, mut notes: MutexGuard<'_, Notes>) {
        let Some(all) = notes.arrived.iter().copied().collect::<Option<Vec<_>>>() else {
            return;
        };
        let level = all[0].0;
        if all.iter().any(|(other, _)| *other != level) {
            drop(notes);
            return self.fail(TeamError::Told(
                "the processes are in different levels".into(),
            ));
        }
        let violated = all
            .iter()
            .map(|arrived| arrived.1)
            .min()
            .unwrap_or(u64::MAX);
        notes.arrived.fill(None);
        let (run, control) = (notes.run, notes.control.clone());
        drop(notes);
        self.tell_all(&Message::new(Kind::Enter, run, vec![level, violated]));
        if let Some(control) = control {
            control.enter(level as u32, violated as u32);
        }
    }

    // Signs of life.

    fn beat(&self) {
        while !self.is_closed() {
            let notes = self.notes();
            if notes.failed.is_some() {
                return;
            }
            let silent = notes
                .heard
                .iter()
                .position(|heard| heard.is_some_and(|at| at.elapsed() > SILENCE));
            let run = notes.run;
            let control = notes.control.clone();
            let tallies = notes.tallies.clone();
            drop(notes);
            if let Some(process) = silent {
                return self.fail(TeamError::Silent(self.named(process), SILENCE.as_secs()));
            }
            let own = control.map(|control| control.tally());
            for process in (0..self.hosts.len()).filter(|process| *process != self.me) {
                let said = own.as_ref().map(|own| {
                    // Process 0 passes on what the others said, but nobody's own words.
                    let others = tallies
                        .iter()
                        .enumerate()
                        .filter(|(other, _)| *other != process && self.me == 0);
                    others.fold(*own, |sum, (_, tally)| sum.and(tally))
                });
                let words = said.map_or(Vec::new(), Tally::to_words);
                self.tell(process, &Message::new(Kind::Beat, run, words));
            }
            std::thread::sleep(BEAT);
        }
    }

    /// Leaves the team.
    pub(super) fn close(&self) {
        self.tell_all(&Message::new(Kind::Bye, 0, Vec::new()));
        self.is_closed.store(true, Relaxed);
        for link in self.links.get().into_iter().flatten().flatten() {
            let link = link.lock().unwrap_or_else(PoisonError::into_inner);
            // Only what is sent: reading on keeps the goodbye from being lost to a reset.
            let _ = link.shutdown(Shutdown::Write);
        }
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_does_not_pile_up() {
        let board = Board::new(vec!["a".into(), "b".into()], 0);
        let message = Message::new(Kind::Found, 0, vec![]);
        for _ in 0..MOST_WAITING {
            board.hear(1, message.clone());
        }
        assert_eq!(board.check(), Ok(()));
        board.hear(1, message);
        let error = board.check().unwrap_err().to_string();
        assert!(error.contains("process 1 at b"), "{error}");
        assert_eq!(board.notes().inbox.len(), MOST_WAITING);
    }
}
