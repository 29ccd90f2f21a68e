//! The children that this thread watches, until somebody asks for their status. Source: `_watched_children` in gevent's
//! `os.py`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{AnyChild, CallbackResult, Events, OwnChild, StatusUnknown};
use hub::try_get_hub;

use crate::event::Event;
use crate::signal::{child_ended, heed_children};

/// How long the status of a child is kept for somebody who asks.
const KEPT: Duration = Duration::from_secs(60);

thread_local! {
    static CHILDREN: ThreadSlot<Children> =
        const { ThreadSlot::new(Children::new(), || CHILDREN.with(ThreadSlot::clear)) };
}

struct Children {
    states: BTreeMap<i32, State>,
    /// What wakes the greenlets that wait for the child of this number, or for any child.
    waiting: Vec<(i32, Event)>,
}

enum State {
    Running(Watched),
    /// Its callback was called, and nobody has asked.
    Ended(Status, Instant),
}

/// How a child has ended.
pub(super) type Status = Result<ExitStatus, StatusUnknown>;

/// A child whose end the loop has not told yet.
#[derive(Clone)]
struct Watched {
    child: OwnChild,
    finish: Rc<Finish>,
}

/// Calls the callback of a child and the handler of `SIGCHLD`.
type Finish = dyn Fn(Status) -> Result<(), Exception>;

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

/// Makes a child by `make`, and has `callback` called in the hub when it has ended. This keeps no loop from ending.
pub(super) fn watch<T, R: CallbackResult>(
    make: impl FnOnce() -> std::io::Result<(i32, T)>,
    callback: impl FnOnce(i32, Status) -> R + 'static,
) -> Result<(i32, T), Exception> {
    let hub = try_get_hub()?;
    heed_children()?;
    let (child, made) = hub.loop_().spawn_child(make)?;
    let pid = child.pid();
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
    let watched = Watched { child, finish };
    start(&watched)?;
    // An earlier child of this number has ended, as the system has given the number again.
    let earlier = with(|children| children.states.insert(pid, State::Running(watched)));
    drop(earlier);
    Ok((pid, made))
}

/// Has the loop of the watcher tell of the end of the child.
fn start(watched: &Watched) -> Result<(), Exception> {
    let its = watched.clone();
    watched.child.set_ref(false)?;
    watched.child.start(move || match its.child.status().transpose() {
        Some(status) => {
            note(&its, status);
            (its.finish)(status)
        }
        None => Ok(()),
    })?;
    Ok(())
}

/// Writes the status of a child down for somebody who asks, unless that was done.
fn note(watched: &Watched, status: Status) {
    let pid = watched.child.pid();
    let (running, woken) = with(|children| {
        let running = match children.states.get_mut(&pid) {
            Some(state) if state.is(watched) => Some(std::mem::replace(state, State::Ended(status, Instant::now()))),
            _ => None,
        };
        let waiting = children.waiting.iter().filter(|(which, _)| [pid, -1].contains(which));
        (running, waiting.map(|(_, event)| event.clone()).collect::<Vec<_>>())
    });
    drop(running);
    woken.iter().for_each(Event::set);
}

impl State {
    fn is(&self, watched: &Watched) -> bool {
        matches!(self, State::Running(this) if Rc::ptr_eq(&this.finish, &watched.finish))
    }
}

/// The watcher of a child that is watched here, and whose end was not told yet.
pub(super) fn running(pid: i32) -> Result<Option<OwnChild>, Exception> {
    let watched = with(|children| match children.states.get(&pid) {
        Some(State::Running(watched)) => Some(watched.clone()),
        _ => None,
    });
    let Some(watched) = watched else {
        return Ok(None);
    };
    if watched.child.active() {
        return Ok(Some(watched.child));
    }
    // Its loop is destroyed.
    let moved = Watched {
        child: watched.child.on_loop(try_get_hub()?.loop_())?,
        ..watched
    };
    start(&moved)?;
    let child = moved.child.clone();
    let before = with(|children| children.states.insert(pid, State::Running(moved)));
    drop(before);
    Ok(Some(child))
}

/// A child that is watched here, and has ended, but whose end was not told yet.
pub(super) fn ended_untold() -> Option<OwnChild> {
    let all: Vec<OwnChild> = with(|children| {
        let running = children.states.values().filter_map(|state| match state {
            State::Running(watched) => Some(watched.child.clone()),
            State::Ended(..) => None,
        });
        running.collect()
    });
    all.into_iter().find(|child| matches!(child.status(), Ok(Some(_))))
}

/// Takes the status of a child whose end was told: of the child `pid`, or for -1 of the one that ended first.
pub(super) fn take(pid: i32) -> Option<(i32, Status)> {
    with(|children| {
        let ended = |(pid, state): (&i32, &State)| match state {
            State::Ended(status, at) => Some((*at, *pid, *status)),
            State::Running(_) => None,
        };
        let (_, pid, status) = match pid {
            -1 => (children.states.iter().filter_map(ended))
                .filter(|(.., status)| status.is_ok())
                .min_by_key(|(at, ..)| *at),
            _ => children.states.get_key_value(&pid).and_then(ended),
        }?;
        children.states.remove(&pid);
        Some((pid, status))
    })
}

/// Nobody needs the status of this child any more. Its callback is called nevertheless.
pub(super) fn forget(pid: i32) {
    let state = with(|children| children.states.remove(&pid));
    drop(state);
}

/// Parks the greenlet until the child has ended and this was told, or this is the child of a fork.
#[track_caller]
pub(super) fn wait(child: &OwnChild) -> Result<(), Exception> {
    // It keeps the loop running, which the other watcher does not.
    let watcher = child.on_loop(try_get_hub()?.loop_())?;
    let park = |event: Event| watcher.start(move || event.set());
    // An error means that the loop is destroyed, which has stopped the watcher already.
    wait_for(child.pid(), park, || _ = watcher.stop())
}

/// Parks the greenlet until some child of the process may have ended, or this is the child of a fork.
#[track_caller]
pub(super) fn wait_for_any() -> Result<(), Exception> {
    let hub = try_get_hub()?;
    let any = AnyChild::new()?;
    let watcher = hub.loop_().io(any.as_fd().as_raw_fd(), Events::READ)?;
    let park = |event: Event| watcher.start(move || event.set());
    // An error means that the loop is destroyed, which has closed the watcher already.
    wait_for(-1, park, || _ = watcher.close())
}

#[track_caller]
fn wait_for(
    pid: i32,
    start: impl FnOnce(Event) -> Result<(), hub::core::Error>,
    stop: impl Fn(),
) -> Result<(), Exception> {
    let waiting = Waiting {
        event: Event::new(),
        stop,
    };
    with(|children| children.waiting.push((pid, waiting.event.clone())));
    start(waiting.event.clone())?;
    waiting.event.wait().map(drop)
}

struct Waiting<S: Fn()> {
    event: Event,
    stop: S,
}

impl<S: Fn()> Drop for Waiting<S> {
    fn drop(&mut self) {
        (self.stop)();
        with(|children| children.waiting.retain(|(_, event)| *event != self.event));
    }
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
        if let State::Running(watched) = state {
            // An error means that the loop is destroyed, which has stopped the watcher already.
            let _ = watched.child.stop();
        }
    }
    for (_, event) in waiting {
        event.set();
    }
}
