//! The state open for writing.
//!
//! One thread owns the database, unless whoever waits is to write ([`Store::open_write_here`]). Callers append entries, which are folded at once, and wait for their ticket; everything that
//! is appended while the disk is busy with one transaction shares the next. The folded parts and the journal lines they came
//! from are one transaction, so that the file is at any instant the fold of a prefix of the journal.

use super::batch::Batch;
use super::clock::now;
use super::error::StateError;
use super::fold::fold;
use super::journal::{Entry, Open, Record};
use super::lock::{self, Holder, Lock};
use super::model::{State, Time};
use super::place::{Local, Place, SharedPlace};
use super::read::{self, FILE, TERRAFORM_FILE};
use super::rows;
use super::sealing;
use super::shared::{self, LogWriter};
use super::writer::Writer;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Who asks for the lock, and how patiently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockRequest {
    /// The person or the job.
    pub who: String,
    /// This machine.
    pub host: String,
    /// This process.
    pub pid: u32,
    /// What for: the command.
    pub operation: String,
    /// How long to wait for somebody who has it.
    pub timeout: Duration,
    /// Why, for others to read; a pipeline's job where nothing was said.
    pub reason: Option<String>,
    /// What to do about a `terraform.tfstate` beside which there is no state of ours yet.
    pub terraform: TerraformState,
}

/// What to do about a Terraform state in the directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TerraformState {
    /// Leave it alone: refuse to begin a state beside it.
    Respect,
    /// It is just being taken over (`state push`).
    TakeOver,
}

impl LockRequest {
    /// In the name of who runs this process.
    pub fn here(operation: &str) -> LockRequest {
        let who = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|who| !who.is_empty()));
        LockRequest {
            who: who.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            pid: std::process::id(),
            operation: operation.into(),
            timeout: Duration::ZERO,
            reason: reason(),
            terraform: TerraformState::Respect,
        }
    }

    /// Waits this long for somebody who has the lock.
    pub fn patient(self, timeout: Duration) -> LockRequest {
        LockRequest { timeout, ..self }
    }

    /// Takes over from Terraform.
    pub fn taking_over(self) -> LockRequest {
        LockRequest { terraform: TerraformState::TakeOver, ..self }
    }
}

/// What was said in `STRADDLE_LOCK_REASON`, or which job of a pipeline this is.
fn reason() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let github = || {
        let (server, repository) = (variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?);
        Some(format!("{server}/{repository}/actions/runs/{}", variable("GITHUB_RUN_ID")?))
    };
    let said = variable("STRADDLE_LOCK_REASON").or_else(github).or_else(|| variable("CI_JOB_URL"));
    said.map(|text| text.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Something the person in front should be told.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// The state did not exist and was begun.
    Created,
    /// It was in the clear, or encrypted with a former key, and is encrypted with the configured one from here on.
    Encrypted,
    /// Whoever had the lock before did not live to give it back.
    TookOver(Holder),
    /// The machine's clock says less than when the state was last written. Nothing rests on it but the times people read.
    ClockWentBack {
        /// When the state was last written, as said then.
        last: Time,
        /// What the clock says.
        now: Time,
    },
}

/// A promise that an append will be durable. Tickets of later appends are later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// Where the store stands in writing. Tests stop the process there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WritePoint {
    /// A new, empty state lies complete under another name.
    Created,
    /// A transaction is about to be written.
    BeforeCommit,
    /// It is on disk; nobody has been told.
    AfterCommit,
    /// The log is about to be folded into the database.
    BeforeCheckpoint,
    /// It has been.
    AfterCheckpoint,
}

/// Called at every [`WritePoint`], on the thread that writes.
pub type WriteHook = Arc<dyn Fn(WritePoint) + Send + Sync>;

/// The state open for writing. One at a time for each place, in all processes.
pub struct Store {
    shared: Arc<Shared>,
    pen: Pen,
    notices: Vec<Notice>,
    holder: Holder,
}

/// Who writes.
enum Pen {
    /// A thread, until it has been waited for.
    Thread(Option<JoinHandle<Result<(), StateError>>>),
    /// Whoever waits for what was appended, until the store is closed.
    Waiting(Mutex<Option<Hand>>),
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something to write, or closing.
    work: Condvar,
    /// Something was written, or failed.
    done: Condvar,
    /// The same for tasks.
    turn: watch::Sender<u64>,
}

struct Queue {
    /// With everything appended folded in.
    state: State,
    batch: Batch,
    /// Something was appended since the last attempt to write.
    fresh: bool,
    /// The last ticket given out.
    issued: u64,
    /// Every ticket up to this one is on disk.
    durable: u64,
    /// The last attempt failed: tickets up to this one are not on disk, and why.
    stuck: Option<(u64, StateError)>,
    /// Tickets whose actions never began, because their `Begin` could not be written.
    refused: Vec<(u64, StateError)>,
    /// No more writing at all.
    dead: Option<StateError>,
    closing: bool,
}

/// A place that was opened: its state, what it is written with, in whose name, and what is to be told.
type Opened = (State, Hand, Holder, Vec<Notice>);

impl Shared {
    fn of(state: State) -> Shared {
        let (turn, _) = watch::channel(0);
        let queue = Queue {
            state,
            batch: Batch::default(),
            fresh: false,
            issued: 0,
            durable: 0,
            stuck: None,
            refused: Vec::new(),
            dead: None,
            closing: false,
        };
        Shared { queue: Mutex::new(queue), work: Condvar::new(), done: Condvar::new(), turn }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.done.notify_all();
        self.turn.send_modify(|turn| *turn = turn.wrapping_add(1));
    }
}

impl Queue {
    /// What is known about a ticket: `None` while it is being written.
    fn verdict(&self, ticket: Ticket) -> Option<Result<(), StateError>> {
        if let Some((_, error)) = self.refused.iter().find(|(refused, _)| *refused == ticket.0) {
            return Some(Err(error.clone()));
        }
        if self.durable >= ticket.0 {
            return Some(Ok(()));
        }
        if let Some(error) = &self.dead {
            return Some(Err(error.clone()));
        }
        match &self.stuck {
            Some((upto, error)) if *upto >= ticket.0 => Some(Err(error.clone())),
            _ => None,
        }
    }
}

impl Store {
    /// Opens a state for writing, and begins one where there is none.
    ///
    /// The file is read and checked whole before anything is changed. Actions that a dead holder left open are in the state's
    /// [`State::open`]; they must be resolved before anything else is done to their objects.
    ///
    /// # Errors
    /// Locked, damaged, foreign, newer, not writable: the file is as it was.
    pub fn open_write(place: impl Into<Place>, request: &LockRequest) -> Result<Store, StateError> {
        Store::open_write_with(place, request, &mut |_| {}, Arc::new(|_| {}))
    }

    /// As [`Store::open_write`]. `on_wait` hears, once, whom it has to wait for; `hook` is called at every [`WritePoint`].
    pub fn open_write_with(
        place: impl Into<Place>,
        request: &LockRequest,
        on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
        hook: WriteHook,
    ) -> Result<Store, StateError> {
        let (state, hand, holder, notices) = Store::open(place.into(), request, on_wait, hook)?;
        Store::start(state, hand, holder, notices)
    }

    /// As [`Store::open_write_with`], without a thread: what is appended is written when somebody waits for it, by who waits. A store
    /// that is dropped and not closed writes nothing more, as if its process had been killed.
    ///
    /// # Errors
    /// As [`Store::open_write`].
    pub fn open_write_here(
        place: impl Into<Place>,
        request: &LockRequest,
        on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
        hook: WriteHook,
    ) -> Result<Store, StateError> {
        let (state, hand, holder, notices) = Store::open(place.into(), request, on_wait, hook)?;
        let pen = Pen::Waiting(Mutex::new(Some(hand)));
        Ok(Store { shared: Arc::new(Shared::of(state)), pen, notices, holder })
    }

    fn open(
        place: Place,
        request: &LockRequest,
        on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
        hook: WriteHook,
    ) -> Result<Opened, StateError> {
        let time = now();
        let holder = Holder {
            id: uuid::Uuid::new_v4().to_string(),
            who: request.who.clone(),
            host: request.host.clone(),
            pid: request.pid,
            operation: request.operation.clone(),
            since: time,
            reason: request.reason.clone(),
        };
        match place {
            Place::Directory(local) => Store::open_file(&local, request, holder, on_wait, hook),
            Place::Shared(place) => Store::open_shared(&place, request, holder, on_wait, &hook),
        }
    }

    fn open_shared(
        place: &SharedPlace,
        request: &LockRequest,
        holder: Holder,
        on_wait: &mut (dyn FnMut(Option<&Holder>) + Send),
        hook: &WriteHook,
    ) -> Result<Opened, StateError> {
        let time = holder.since;
        let opening = shared::open(place, request, &holder, time, on_wait, hook)?;
        let mut notices = Vec::new();
        if opening.created {
            notices.push(Notice::Created);
        }
        notices.extend(opening.dead.map(Notice::TookOver));
        let folded = opening.writer.folded();
        if folded.at > time {
            notices.push(Notice::ClockWentBack { last: folded.at, now: time });
        }
        let state = folded.state.clone();
        Ok((state, Hand::Log(Box::new(opening.writer)), holder, notices))
    }

    fn open_file(
        local: &Local,
        request: &LockRequest,
        holder: Holder,
        on_wait: &mut dyn FnMut(Option<&Holder>),
        hook: WriteHook,
    ) -> Result<Opened, StateError> {
        let Local { path: dir, keys } = local;
        let (path, time) = (dir.join(FILE), holder.since);
        let lock = lock::acquire(&path, &holder, request.timeout, on_wait)?;
        let mut notices = Vec::new();
        let (decoded, hot) = match read::snapshot(&path)? {
            Some((db, hot)) => (rows::decode(&path, &db, keys)?, hot),
            None => {
                respect_terraform(dir, request.terraform)?;
                super::writer::create(&path, &uuid::Uuid::new_v4().to_string(), time, &hook)?;
                notices.push(Notice::Created);
                let (db, hot) = read::snapshot(&path)?.ok_or_else(|| StateError::Corrupt {
                    path: path.clone(),
                    what: "it vanished as soon as it was made".into(),
                })?;
                (rows::decode(&path, &db, keys)?, hot)
            }
        };
        if let Some(before) = &decoded.holder {
            notices.push(Notice::TookOver(before.clone()));
        }
        if decoded.meta.at > time {
            notices.push(Notice::ClockWentBack { last: decoded.meta.at, now: time });
        }
        let state = decoded.state.clone();
        let sealing = sealing::is_due(&decoded, keys);
        if sealing && !notices.contains(&Notice::Created) {
            notices.push(Notice::Encrypted);
        }
        let mut writer = Writer::open(&path, &holder, decoded, keys, hook)?;
        // What was in the clear is not to stay in the database below the log.
        if hot || sealing {
            writer.checkpoint();
        }
        Ok((state, Hand::File(Box::new(writer), Some(lock)), holder, notices))
    }

    fn start(state: State, mut writer: Hand, holder: Holder, notices: Vec<Notice>) -> Result<Store, StateError> {
        let path = writer.path().to_path_buf();
        let shared = Arc::new(Shared::of(state));
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("state".into()).spawn(move || {
            let result = run(&theirs, &mut writer);
            result.and(writer.close())
        });
        let thread = thread.map_err(|e| StateError::io(&path, "write", &e))?;
        Ok(Store { shared, pen: Pen::Thread(Some(thread)), notices, holder })
    }

    /// What the person in front should be told about the opening.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// This lock, as others see it.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The state with everything appended folded in, durable or not. Cloning it shares the objects.
    pub fn state(&self) -> State {
        self.shared.lock().state.clone()
    }

    /// Looks at the state without copying it. Appends wait meanwhile.
    pub fn with_state<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.shared.lock().state)
    }

    /// The actions nobody knows the end of: after opening, those a dead holder left.
    pub fn open_actions(&self) -> Vec<Open> {
        self.with_state(|state| state.open.iter().cloned().collect())
    }

    /// Appends entries, in order. They are folded into the state at once, and written with whatever else is waiting.
    ///
    /// # Errors
    /// An entry that cannot follow: it and those after it are not appended, those before it are. After the lock was lost: nothing
    /// is appended.
    pub fn append(&self, at: Time, entries: impl IntoIterator<Item = Entry>) -> Result<Ticket, StateError> {
        let mut queue = self.shared.lock();
        if let Some(error) = &queue.dead {
            return Err(error.clone());
        }
        let ticket = queue.issued.saturating_add(1);
        queue.issued = ticket;
        let mut result = Ok(Ticket(ticket));
        for entry in entries {
            let Queue { state, batch, .. } = &mut *queue;
            let record = Record { number: state.journal.saturating_add(1), at, entry };
            match fold(state, &record) {
                Ok(changes) => batch.add(ticket, &record, changes, state),
                Err(illegal) => {
                    result = Err(illegal.into());
                    break;
                }
            }
        }
        let Queue { state, batch, fresh, .. } = &mut *queue;
        batch.reach(ticket, state);
        *fresh = true;
        drop(queue);
        self.shared.work.notify_one();
        result
    }

    /// Blocks until an append is on disk.
    ///
    /// # Errors
    /// It could not be written. A `Begin` in it never happened: the call it announced must not leave. Anything else stays in
    /// memory and is tried again with the next append and when closing; until then treat it as in doubt.
    pub fn wait(&self, ticket: Ticket) -> Result<(), StateError> {
        self.write_here();
        let mut queue = self.shared.lock();
        loop {
            if let Some(verdict) = queue.verdict(ticket) {
                return verdict;
            }
            queue = self.shared.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`Store::wait`], for tasks.
    ///
    /// # Errors
    /// As [`Store::wait`].
    pub async fn durable(&self, ticket: Ticket) -> Result<(), StateError> {
        let mut turns = self.shared.turn.subscribe();
        if let Pen::Waiting(_) = self.pen {
            // What others append meanwhile shares the write.
            tokio::task::yield_now().await;
            self.write_here();
        }
        loop {
            turns.mark_unchanged();
            if let Some(verdict) = self.shared.lock().verdict(ticket) {
                return verdict;
            }
            if turns.changed().await.is_err() {
                return Err(StateError::Closed);
            }
        }
    }

    /// Appends and blocks until it is on disk.
    ///
    /// # Errors
    /// As [`Store::append`] and [`Store::wait`].
    pub fn record(&self, at: Time, entries: impl IntoIterator<Item = Entry>) -> Result<(), StateError> {
        let ticket = self.append(at, entries)?;
        self.wait(ticket)
    }

    /// Writes what is left, folds the log into the file, gives the lock back.
    ///
    /// # Errors
    /// Something appended could not be written. Its `Begin` is on disk, so the next run will ask what became of it.
    pub fn close(mut self) -> Result<(), StateError> {
        self.finish()
    }

    /// Writes what was appended, where there is no thread for it.
    fn write_here(&self) {
        let Pen::Waiting(hand) = &self.pen else { return };
        let mut hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hand) = hand.as_mut().filter(|_| self.shared.lock().fresh) {
            // Whoever waits is told by the queue.
            let _ = write(&self.shared, hand);
            hand.checkpoint_if_long();
        }
    }

    fn finish(&mut self) -> Result<(), StateError> {
        match &mut self.pen {
            Pen::Thread(thread) => {
                let Some(thread) = thread.take() else { return Ok(()) };
                self.shared.lock().closing = true;
                self.shared.work.notify_one();
                thread.join().unwrap_or(Err(StateError::Closed))
            }
            Pen::Waiting(hand) => {
                let hand = hand.get_mut().unwrap_or_else(PoisonError::into_inner).take();
                let Some(mut hand) = hand else { return Ok(()) };
                self.shared.lock().closing = true;
                write(&self.shared, &mut hand).1.and(hand.close())
            }
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Pen::Thread(_) = self.pen {
            // Whoever wants to know whether all was written calls `close`.
            let _ = self.finish();
        }
    }
}

fn respect_terraform(dir: &Path, terraform: TerraformState) -> Result<(), StateError> {
    let path = dir.join(TERRAFORM_FILE);
    let there = std::fs::metadata(&path).is_ok_and(|m| m.len() > 0);
    if there && terraform == TerraformState::Respect { Err(StateError::Terraforms { path }) } else { Ok(()) }
}

/// The writing thread: one transaction after the other until closing.
fn run(shared: &Shared, writer: &mut Hand) -> Result<(), StateError> {
    loop {
        let mut queue = shared.lock();
        while !queue.fresh && !queue.closing {
            queue = shared.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        let (last, outcome) = write(shared, writer);
        if last {
            return outcome;
        }
        writer.checkpoint_if_long();
    }
}

/// Writes what is in the queue. The first: nothing is written after this.
fn write(shared: &Shared, writer: &mut Hand) -> (bool, Result<(), StateError>) {
    let mut queue = shared.lock();
    let closing = queue.closing;
    queue.fresh = false;
    let batch = std::mem::take(&mut queue.batch);
    drop(queue);
    let upto = batch.upto();
    let result = if batch.is_empty() { Ok(()) } else { writer.commit(&batch) };
    let mut queue = shared.lock();
    let outcome = match result {
        Ok(()) => {
            queue.durable = queue.durable.max(upto);
            queue.stuck = None;
            Ok(())
        }
        Err(error @ StateError::LockLost { .. }) => {
            queue.dead = Some(error.clone());
            Err(error)
        }
        Err(error) => {
            take_back(&mut queue, batch, &error);
            Err(error)
        }
    };
    let last = closing && !queue.fresh;
    if last && queue.dead.is_none() {
        queue.dead = Some(StateError::Closed);
    }
    let dead = matches!(outcome, Err(StateError::LockLost { .. }));
    drop(queue);
    shared.tell();
    (last || dead, outcome)
}

/// What the writing thread writes with.
enum Hand {
    /// Into a file, with the lock that is given back when all is written.
    File(Box<Writer>, Option<Lock>),
    /// Onto a server.
    Log(Box<LogWriter>),
}

impl Hand {
    fn path(&self) -> &Path {
        match self {
            Hand::File(writer, _) => writer.path(),
            Hand::Log(writer) => writer.label(),
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StateError> {
        match self {
            Hand::File(writer, _) => writer.commit(batch),
            Hand::Log(writer) => writer.commit(batch),
        }
    }

    fn checkpoint_if_long(&mut self) {
        match self {
            Hand::File(writer, _) => writer.checkpoint_if_long(),
            Hand::Log(writer) => writer.checkpoint_if_long(),
        }
    }

    fn close(&mut self) -> Result<(), StateError> {
        match self {
            Hand::File(writer, lock) => {
                let closed = writer.close();
                // Only now may others come in.
                drop(lock.take());
                closed
            }
            Hand::Log(writer) => writer.close(),
        }
    }
}

/// A batch could not be written: actions that were to begin have not, everything else waits for another try.
fn take_back(queue: &mut Queue, mut batch: Batch, error: &StateError) {
    for (ticket, action) in batch.take_begins() {
        if queue.state.open.remove(action).is_some() {
            batch.forget_open(action);
            queue.refused.push((ticket, error.clone()));
        }
    }
    queue.stuck = Some((batch.upto(), error.clone()));
    let newer = std::mem::take(&mut queue.batch);
    queue.batch = batch.then(newer);
}

/// Takes a lock away from whoever holds it, dead or alive. One that lives finds out at its next write, and stops.
///
/// # Errors
/// There is no lock, or it has another id.
pub fn force_unlock(place: impl Into<Place>, id: &str) -> Result<Unlocked, StateError> {
    let path = match place.into() {
        Place::Directory(local) => local.path.join(FILE),
        Place::Shared(place) => return shared::force_unlock(&place, id),
    };
    let in_state = match read::snapshot(&path)? {
        Some((db, _)) => rows::holder(&path, &db)?,
        None => None,
    };
    let alive = lock::is_held(&path)?;
    // While somebody lives the lock file is newer than what the state says.
    let said = lock::read_holder(&path);
    let holder = if alive { said.or(in_state) } else { in_state.or(said) };
    let holder = holder.ok_or_else(|| StateError::NotLocked { path: path.clone() })?;
    if holder.id != id {
        return Err(StateError::OtherLock { path, given: id.into(), actual: holder.id });
    }
    super::writer::clear_holder(&path, &holder.id)?;
    match std::fs::remove_file(lock::lock_path(&path)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StateError::io(&lock::lock_path(&path), "write", &e)),
        _ => Ok(Unlocked { holder, alive }),
    }
}

/// A lock that was taken away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unlocked {
    /// Who had it.
    pub holder: Holder,
    /// Whether they still live: their call under way cannot be called back, and stays in doubt.
    pub alive: bool,
}
