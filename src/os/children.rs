//! The children that this thread watches, until somebody asks for their status. Source: `_watched_children` in gevent's
//! `os.py`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{CallbackResult, Child, Loop, NotDefaultLoop};
use hub::get_hub;

use super::system;
use crate::event::Event;
use crate::signal::child_ended;

/// How long the status of a child is kept for somebody who asks.
const KEPT: Duration = Duration::from_secs(60);

thread_local! {
    static CHILDREN: ThreadSlot<Children> =
        const { ThreadSlot::new(Children::new(), || CHILDREN.with(ThreadSlot::clear)) };
}

struct Children {
    states: BTreeMap<i32, State>,
    /// What wakes the greenlets that wait for children.
    waiting: Vec<Event>,
}

enum State {
    Running(Child, Rc<Finish>),
    /// Has ended, and nobody has asked.
    Ended(ExitStatus, Instant),
}

/// Calls the callback of a child and the handler of `SIGCHLD`.
type Finish = dyn Fn(ExitStatus) -> Result<(), Exception>;

impl Children {
    const fn new() -> Children {
        Children {
            states: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }
}

impl Default for Children {
    fn default() -> Children {
        Children::new()
    }
}

/// Calls `f` with this thread's children. At the thread's end there are none.
fn with<R>(f: impl FnOnce(&mut Children) -> R) -> R {
    CHILDREN.with(|slot| {
        let mut f = Some(f);
        let mut call = |children: &mut Children| f.take().map(|f| f(children));
        match slot.with(|children| call(&mut children.borrow_mut())) {
            Some(result) => result,
            None => call(&mut Children::new()),
        }
        .expect("it is called once")
    })
}

/// The loop of this thread's hub, on which alone children can be watched.
pub(crate) fn main_loop() -> Result<Loop, Exception> {
    let loop_ = get_hub().loop_().clone();
    match loop_.default() {
        true => Ok(loop_),
        false => Err(hub::core::Error::from(NotDefaultLoop).into()),
    }
}

/// Watches the child, and has `callback` called in the hub when it has ended. This keeps no loop from ending.
pub(super) fn watch<R: CallbackResult>(
    pid: i32,
    callback: impl FnOnce(i32, ExitStatus) -> R + 'static,
) -> Result<(), Exception> {
    let watcher = main_loop()?.child(pid, false)?;
    watcher.set_ref(false)?;
    let callback = Cell::new(Some(callback));
    let finish: Rc<Finish> = Rc::new(move |status| {
        let outcome = match callback.take() {
            Some(callback) => callback(pid, status).into_result(),
            None => Ok(()),
        };
        child_ended();
        forget_old();
        outcome
    });
    let (this, its) = (watcher.clone(), finish.clone());
    watcher.start(move || {
        this.stop()?;
        let status = ExitStatus::from_raw(this.rstatus());
        note(pid, status);
        its(status)
    })?;
    // An earlier child of this number has ended, as the system has given the number again.
    let earlier = with(|children| children.states.insert(pid, State::Running(watcher, finish)));
    drop(earlier);
    Ok(())
}

/// Whether the child is watched here, and nobody has asked for its status.
pub(super) fn is_watched(pid: i32) -> bool {
    with(|children| children.states.contains_key(&pid))
}

/// Whether a child that is watched here has not ended.
pub(crate) fn any_runs() -> bool {
    with(|children| {
        children
            .states
            .values()
            .any(|state| matches!(state, State::Running(..)))
    })
}

/// Takes the status of a child that is known to have ended: of the child `pid`, or for -1 of the one that ended first.
pub(super) fn take(pid: i32) -> Option<(i32, ExitStatus)> {
    with(|children| {
        let ended = |(pid, state): (&i32, &State)| match state {
            State::Ended(status, at) => Some((*at, *pid, *status)),
            _ => None,
        };
        let (_, pid, status) = match pid {
            -1 => children.states.iter().filter_map(ended).min_by_key(|(at, ..)| *at),
            _ => children.states.get_key_value(&pid).and_then(ended),
        }?;
        children.states.remove(&pid);
        Some((pid, status))
    })
}

/// Asks the system, as its own `waitpid` does. If this takes the status of a watched child, its callback is called,
/// too.
pub(super) fn ask_system(pid: i32, options: i32) -> Result<(i32, ExitStatus), Exception> {
    let (pid, status) = system::waitpid(pid, options)?;
    let has_ended = status.code().is_some() || status.signal().is_some();
    let watched = with(|children| match children.states.get(&pid) {
        Some(State::Running(..)) if has_ended => children.states.remove(&pid),
        _ => None,
    });
    if let Some(State::Running(watcher, finish)) = watched {
        watcher.stop()?;
        watcher.loop_().run_callback(move || finish(status))?;
    }
    Ok((pid, status))
}

/// Whether nobody will ever hear of the end of this watched child, because the system has no such child, and libev has
/// taken no status of it: it was ignored, or other code has waited for it. Then it is watched no longer.
pub(super) fn is_lost(pid: i32) -> bool {
    let lost = system::look_for_child(pid).is_err();
    let watched = with(|children| match children.states.get(&pid) {
        Some(State::Running(watcher, _)) if lost && !watcher.pending() => children.states.remove(&pid),
        _ => None,
    });
    match watched {
        Some(State::Running(watcher, _)) => {
            // An error means that the loop is destroyed, which has stopped the watcher already.
            let _ = watcher.stop();
            true
        }
        _ => false,
    }
}

/// Parks the greenlet until the child `pid`, or for -1 any child, has ended, or this is the child of a fork.
#[track_caller]
pub(super) fn wait(pid: i32) -> Result<(), Exception> {
    let watcher = main_loop()?.child(pid.max(0), false)?;
    let event = Event::new();
    let waiting = Waiting {
        watcher: watcher.clone(),
        event: event.clone(),
    };
    with(|children| children.waiting.push(event.clone()));
    let (this, its) = (watcher.clone(), event.clone());
    watcher.start(move || {
        note(this.rpid(), ExitStatus::from_raw(this.rstatus()));
        its.set();
    })?;
    let waited = event.wait();
    drop(waiting);
    waited.map(drop)
}

struct Waiting {
    watcher: Child,
    event: Event,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // An error means that the loop is destroyed, which has stopped the watcher already.
        let _ = self.watcher.stop();
        with(|children| children.waiting.retain(|event| *event != self.event));
    }
}

/// Writes the status of a child down for somebody who asks, unless that was done.
fn note(pid: i32, status: ExitStatus) {
    let running = with(|children| match children.states.get(&pid) {
        Some(State::Ended(..)) => None,
        _ => children.states.insert(pid, State::Ended(status, Instant::now())),
    });
    drop(running);
}

/// Forgets the children for which nobody has asked for a long time.
fn forget_old() {
    with(|children| {
        children
            .states
            .retain(|_, state| !matches!(state, State::Ended(_, at) if at.elapsed() > KEPT));
    });
}

/// In the child of a fork: forgets the parent's children, and wakes the greenlets that wait for them.
pub(super) fn forget_parents() {
    let Children { states, waiting } = with(std::mem::take);
    for state in states.into_values() {
        if let State::Running(watcher, _) = state {
            // An error means that the loop is destroyed, which has stopped the watcher already.
            let _ = watcher.stop();
        }
    }
    for event in waiting {
        event.set();
    }
}
