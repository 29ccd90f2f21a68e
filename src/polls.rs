//! [`PolledObject`]: polling a descriptor: a task that would have to wait leaves its waker, where a greenlet is parked.
//!
//! Tasks wait with the object's own watchers. So a greenlet and a task cannot both wait in one direction: the second
//! gets an error, as a second greenlet does.
//!
//! A waker is user code, also when it is cloned or dropped, so that nothing is borrowed or half done meanwhile.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use hub::Hub;
use hub::core::{Events, Io};
use waiter::ConcurrentObjectUseError;

use crate::future::LocalWaker;

/// The two directions of a descriptor, in which greenlets and tasks wait independently.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// The tasks that poll an object, if one ever has.
#[derive(Default)]
pub(crate) struct Polls(OnceCell<Box<[Side; 2]>>);

#[derive(Default)]
struct Side {
    /// The task that waits. As long as there is one, the watcher of this direction is started. It is also while it
    /// calls back, so that a task that waits again in that time finds it started.
    waker: RefCell<Option<LocalWaker>>,
    /// Why the kernel has refused to watch the descriptor. The next poll returns it.
    refused: Cell<Option<io::Error>>,
    /// Whether the last read has taken all that was there. Then the next one waits without asking the system, for an
    /// event that comes also if there is something again: the loop is level-triggered.
    is_drained: Cell<bool>,
}

impl Polls {
    fn side(&self, direction: Direction) -> &Side {
        &self.0.get_or_init(Box::default)[direction as usize]
    }

    /// Says whether a read has taken all that was there.
    pub(crate) fn was_read(&self, is_all: bool) {
        self.side(Direction::Read).is_drained.set(is_all);
    }
}

/// A descriptor with two watchers that tasks may poll, and that greenlets may wait for.
pub(crate) trait PolledObject: Sized + 'static {
    /// What it is called in errors.
    const KIND: &'static str;

    fn hub(&self) -> &Hub;

    fn polls(&self) -> &Polls;

    /// Fails once it is closed.
    fn check_open(&self) -> io::Result<()>;

    /// The watcher of this direction, which is made when it is first needed.
    fn watcher(&self, direction: Direction) -> Result<&Io, Exception>;

    /// Calls `operation`. If it fails with `WouldBlock`, the task is woken when it is worth while to poll again.
    fn poll_with<T>(
        self: &Rc<Self>,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.check_open()?;
        let side = self.polls().side(direction);
        if let Some(error) = side.refused.take() {
            return Poll::Ready(Err(error));
        }
        let nothing_new = side.waker.borrow().is_some() || side.is_drained.take();
        if !nothing_new {
            if self.hub().turn_is_due() {
                return self.poll_after_turn(cx);
            }
            loop {
                match operation() {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    result => return Poll::Ready(result),
                }
            }
        }
        self.leave_waker(direction, cx)?;
        Poll::Pending
    }

    /// Wakes the task that waits in this direction, if any.
    fn wake_task(&self, direction: Direction) {
        if let Some(waker) = self.stop_poll(direction) {
            waker.wake();
        }
    }

    /// Stops the watchers with which tasks wait.
    fn stop_polls(&self) -> Stopped {
        Stopped([Direction::Read, Direction::Write].map(|direction| self.stop_poll(direction)))
    }

    /// Has the task woken when the hub has had its turn.
    #[cold]
    fn poll_after_turn<T>(&self, cx: &Context<'_>) -> Poll<io::Result<T>> {
        let waker = LocalWaker::of(cx);
        let loop_ = self.hub().loop_();
        loop_.run_callback(move || waker.wake()).map_err(Exception::from)?;
        // The round ends, so that descriptors and times have their turn, too.
        loop_.end_round();
        Poll::Pending
    }

    /// Has the task woken when the watcher of this direction fires. A task that waited before is woken now: it may be
    /// another one.
    fn leave_waker(self: &Rc<Self>, direction: Direction, cx: &Context<'_>) -> io::Result<()> {
        let side = self.polls().side(direction);
        let will_wake = |waker: &LocalWaker| waker.will_wake(cx);
        let is_known = side.waker.borrow().as_ref().is_some_and(will_wake);
        let new = (!is_known).then(|| LocalWaker::of(cx));
        // The waker's `clone` may have closed the object.
        self.check_open()?;
        let watcher = self.watcher(direction)?;
        if watcher.resume().is_some() {
            return Err(in_use(Self::KIND, watcher));
        }
        let before = match new {
            Some(new) => side.waker.replace(Some(new)),
            None => None,
        };
        if !watcher.active() {
            // Whoever runs in the callback may drop the last handle, or take the descriptor out of it.
            let object = Rc::downgrade(self);
            let started = watcher.start_pass_events(move |events| on_event(&object, direction, events));
            if let Err(error) = started {
                let waker = side.waker.take();
                drop(waker);
                return Err(Exception::from(error).into());
            }
        }
        if let Some(before) = before {
            before.wake();
        }
        Ok(())
    }

    /// Stops the watcher of this direction if it is started for tasks and none waits.
    #[inline]
    fn stop_unless_awaited(&self, direction: Direction) {
        if let Some(polls) = self.polls().0.get()
            && polls[direction as usize].waker.borrow().is_none()
            && let Ok(watcher) = self.watcher(direction)
            && watcher.has_callback()
            && watcher.resume().is_none()
        {
            // This fails only if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
        }
    }

    /// Stops the watcher of this direction if it is started for tasks. Returns the one that waits.
    fn stop_poll(&self, direction: Direction) -> Option<LocalWaker> {
        let waker = self.polls().0.get()?[direction as usize].waker.take();
        self.stop_unless_awaited(direction);
        waker
    }
}

/// The watcher of a task has fired. The task may wait again before this is over. Otherwise the watcher is stopped: it
/// would fire again and again.
fn on_event<O: PolledObject>(object: &Weak<O>, direction: Direction, events: Events) {
    struct StopUnlessAwaited<'a, O: PolledObject>(&'a Weak<O>, Direction);
    impl<O: PolledObject> Drop for StopUnlessAwaited<'_, O> {
        fn drop(&mut self) {
            if let Some(object) = self.0.upgrade() {
                object.stop_unless_awaited(self.1);
            }
        }
    }
    let refused = Io::refused(events);
    let waker = object.upgrade().and_then(|object| {
        let side = object.polls().side(direction);
        side.refused.set(refused);
        side.waker.take()
    });
    let _stop = StopUnlessAwaited(object, direction);
    if let Some(waker) = waker {
        waker.resume();
    }
}

/// The tasks whose watchers were stopped. They are woken when this is dropped.
#[must_use]
pub(crate) struct Stopped([Option<LocalWaker>; 2]);

impl Drop for Stopped {
    fn drop(&mut self) {
        let wakers = std::mem::take(&mut self.0);
        // `call_each` lets no panic out of a drop that is part of another panic.
        call_each(wakers.into_iter().flatten().map(|waker| move || waker.wake()));
    }
}

#[cold]
fn in_use(object: &'static str, watcher: &Io) -> io::Error {
    let error = ConcurrentObjectUseError {
        object,
        user: format!("a greenlet: {watcher:?}"),
    };
    Exception::new(error).into()
}
