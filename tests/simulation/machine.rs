//! One run of straddle: a runtime of one thread, its clock paused, and perhaps a violent end.

use crate::plugin::{Plugins, Time, door};
use crate::world::{Trouble, World};
use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use straddle::cli::{Exit, Inside, run_inside};
use straddle::plugin::Source;
use straddle::plugin::reattach::Reattach;
use straddle::state::{self, WriteHook};
use straddle_provider_sim::Millis;

/// No run of these worlds takes so long; one that does waits for something that never comes.
const ENDLESS: Duration = Duration::from_secs(24 * 3600);

/// Who is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Victim {
    Straddle,
    Plugin,
    Both,
}

/// How a run ends if nothing else ends it.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    Lives,
    /// At the n-th moment of the journal's writing: before or after a write, a checkpoint, the making of the file.
    AtWrite(Victim, usize),
    /// So many milliseconds after its start.
    After(Victim, u64),
}

/// How a run ended.
pub struct Ran {
    pub line: String,
    /// `None`: killed.
    pub exit: Option<Exit>,
    pub printed: String,
    /// Whether what was to happen to it happened before it had ended.
    pub struck: bool,
    pub took: Millis,
}

impl Ran {
    #[track_caller]
    pub fn ends(self, exit: Exit) -> Ran {
        assert_eq!(self.exit, Some(exit), "straddle {}:\n{}", self.line, self.printed);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        let flat = self.printed.replace("  | ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "straddle {}: no {text:?} in:\n{}", self.line, self.printed);
        self
    }
}

/// What goes through the stack when straddle is killed: nothing that catches panics has a word in it.
struct Killed;

/// Runs a command line, while things happen so many milliseconds after its start.
pub fn run(world: &World, line: &str, fate: Fate, events: &[(u64, Trouble)]) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let printed = Arc::new(Mutex::new(String::new()));
    let plugins = Plugins::default();
    let struck = Arc::new(AtomicUsize::new(0));
    let (exit, took) = runtime.block_on(async {
        let began = world.now();
        let time = Time::from(began);
        world.judge.lock().unwrap().run_begins(began);
        let _kept = state::clock::keep(move || state::Time(time.now()));
        let mut running = world.beside.borrow().clone();
        let clouds = door(time, world.judge.clone(), plugins.clone());
        running.insert(Source::parse("straddle/sim").unwrap(), Reattach::inside(clouds));
        let inside = Inside {
            directory: world.path().to_owned(),
            running,
            hook: hook(fate, plugins.clone(), struck.clone()),
            printed: printed.clone(),
        };
        let mut happening = pin!(happen(world, time, events));
        let mut timed = pin!(timed(fate));
        let exit = {
            let mut work = Box::pin(survivable(run_inside(line, &inside)));
            let mut fired = false;
            loop {
                let ended = tokio::select! {
                    biased;
                    ended = &mut work => ended,
                    () = &mut happening => unreachable!("it waits when all has happened"),
                    victim = &mut timed, if !fired => {
                        fired = true;
                        struck.fetch_add(1, Ordering::SeqCst);
                        end(&plugins, victim);
                        if victim == Victim::Plugin { continue }
                        Err(Box::new(Killed) as Box<dyn Any + Send>)
                    }
                };
                break match ended {
                    Ok(exit) => Some(exit),
                    Err(payload) if payload.is::<Killed>() => None,
                    Err(payload) => resume_unwind(payload),
                };
            }
        };
        if exit.is_none() {
            // A plugin sees that its caller is gone, and may have done something more by then.
            tokio::time::sleep(Duration::from_millis(world.chance(300))).await;
        }
        world.passed(time.now() - began);
        (exit, time.now() - began)
    });
    let printed = std::mem::take(&mut *printed.lock().unwrap());
    world.look();
    Ran { line: line.to_owned(), exit, printed, struck: struck.load(Ordering::SeqCst) > 0, took }
}

/// Work that may be killed in the middle of a line.
async fn survivable(work: impl Future<Output = Exit>) -> Result<Exit, Box<dyn Any + Send>> {
    let mut work = pin!(tokio::time::timeout(ENDLESS, work));
    poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(|ended| Ok(ended.expect("it waits for something that never comes"))),
        Err(payload) => std::task::Poll::Ready(Err(payload)),
    })
    .await
}

/// Counts the moments of the journal's writing, and strikes at one.
fn hook(fate: Fate, plugins: Plugins, struck: Arc<AtomicUsize>) -> WriteHook {
    let writes = AtomicUsize::new(0);
    Arc::new(move |_| {
        let n = writes.fetch_add(1, Ordering::SeqCst) + 1;
        if let Fate::AtWrite(victim, at) = fate
            && n == at
        {
            struck.fetch_add(1, Ordering::SeqCst);
            end(&plugins, victim);
            if victim != Victim::Plugin {
                resume_unwind(Box::new(Killed));
            }
        }
    })
}

/// Ends the plugins if they are meant. One that loses its caller ends a little later, by itself.
fn end(plugins: &Plugins, victim: Victim) {
    if victim != Victim::Straddle {
        plugins.lock().unwrap().iter().for_each(|life| life.end());
    }
}

async fn timed(fate: Fate) -> Victim {
    match fate {
        Fate::After(victim, ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            victim
        }
        _ => std::future::pending().await,
    }
}

async fn happen(world: &World, time: Time, events: &[(u64, Trouble)]) {
    let mut passed = 0;
    for (at, trouble) in events {
        tokio::time::sleep(Duration::from_millis(at.saturating_sub(passed))).await;
        passed = *at;
        world.happens_at(time.now(), trouble);
    }
    std::future::pending().await
}
