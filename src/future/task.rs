//! [`Polling`]: one `block_on`, as the greenlet sees it that runs it, or one [`Job`]; and its [`Task`], as its wakers
//! see it.
//!
//! A waker that is used in the loop's own thread queues the right to resume the greenlet at the loop, or the job.
//! Another thread leaves the task itself in the loop's mailbox. Who rests lies in the task and is touched by its own
//! thread alone.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{self, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use greenlet_core::Exception;
use hub::core::{NotifyThreadsafe, ThreadsafeLoop};
use hub::{Hub, get_hub_if_exists};
use waiter::{Park, Resume};

use super::shared::Job;
use super::state::WakeState;
use crate::thread_bound::ThreadBound;

/// The part of a `block_on` or of a job that its wakers share.
struct Task {
    state: WakeState,
    loop_: ThreadsafeLoop,
    resting: ThreadBound<Cell<Option<Resting>>>,
}

/// Who waits for a waker to be used.
enum Resting {
    /// The right to end the greenlet's park.
    Greenlet(Resume),
    Job(Rc<Job>),
}

impl Task {
    fn new(hub: &Hub) -> Task {
        Task {
            state: WakeState::new(),
            loop_: hub.loop_().threadsafe(),
            resting: ThreadBound::new(Cell::new(None)),
        }
    }

    /// Exchanges who rests. Called in the task's own thread.
    fn replace(&self, resting: Option<Resting>) -> Option<Resting> {
        self.resting.get().ok()?.replace(resting)
    }

    /// Resumes the greenlet if it is parked, at once. Called in the hub.
    fn resume(&self) {
        match self.replace(None) {
            Some(Resting::Greenlet(resume)) => {
                if let Some(hub) = get_hub_if_exists()
                    && let Err(exception) = resume.switch()
                {
                    hub.report_error(hub::Context::Switch(resume.greenlet()), exception);
                }
            }
            Some(Resting::Job(job)) => job.wake_in_hub(),
            None => {}
        }
    }

    /// Has the greenlet resumed soon. Called in the task's own thread.
    fn resume_soon(&self) {
        match self.replace(None) {
            Some(Resting::Greenlet(resume)) => {
                if let Some(hub) = get_hub_if_exists() {
                    // This fails only if the loop is destroyed; the greenlet has got the hub's end then, and does not
                    // wait.
                    let _ = hub.loop_().run_callback_resume(resume);
                }
            }
            Some(Resting::Job(job)) => job.wake(),
            None => {}
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.state.wake() {
            return;
        }
        if self.loop_.is_here() {
            self.resume_soon();
        } else {
            // This fails only if the loop is destroyed, as above.
            let _ = self.loop_.run_callback_notify_threadsafe(self.clone());
        }
    }
}

impl NotifyThreadsafe for Task {
    fn notify(self: Arc<Self>) {
        self.resume();
    }
}

/// A task with its waker, and how many clones of that are known to be used in this thread only.
struct OwnWakers {
    task: Arc<Task>,
    waker: Waker,
    count: Cell<usize>,
}

/// How many tasks a thread keeps for later use.
const KEPT: usize = 64;
/// How many of them it keeps though a waker of theirs is still there. Mostly the thread that has used it is about to
/// drop it; but it may also have been forgotten somewhere.
const KEPT_IN_USE: usize = 8;

thread_local! {
    /// The tasks that are kept. Those that were used last come last.
    static FREE: RefCell<VecDeque<Rc<OwnWakers>>> = const { RefCell::new(VecDeque::new()) };

    /// The task of the poll that has begun last. Where polls of several greenlets overlap, it may be another one's.
    static LAST: RefCell<Weak<OwnWakers>> = const { RefCell::new(Weak::new()) };

    /// All tasks of this thread, by the data of their wakers.
    static OWN: RefCell<HashMap<*const (), Weak<OwnWakers>>> = RefCell::default();
}

/// A `block_on`, or a job.
pub(super) struct Polling {
    own: Rc<OwnWakers>,
}

impl Polling {
    pub(super) fn new(hub: &Hub) -> Polling {
        let own = match free_task() {
            Some(kept) if kept.task.loop_.is(hub.loop_()) => kept,
            _ => Polling::make(hub),
        };
        Polling { own }
    }

    #[cold]
    fn make(hub: &Hub) -> Rc<OwnWakers> {
        let task = Arc::new(Task::new(hub));
        let own = Rc::new(OwnWakers {
            waker: Waker::from(task.clone()),
            task,
            count: Cell::new(0),
        });
        let _ = OWN.try_with(|all| all.borrow_mut().insert(own.waker.data(), Rc::downgrade(&own)));
        own
    }

    /// Calls `poll` with the task's waker.
    pub(super) fn poll<T>(&self, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let _ = LAST.try_with(|last| {
            let mut last = last.borrow_mut();
            if !std::ptr::eq(last.as_ptr(), &*self.own) {
                *last = Rc::downgrade(&self.own);
            }
        });
        self.own.task.state.begin();
        poll(&mut Context::from_waker(&self.own.waker))
    }

    /// Parks the greenlet until a waker is used, if none was used since the last poll began.
    ///
    /// # Errors
    /// Returns the exception that is thrown into the greenlet meanwhile, or the reason why it cannot wait.
    #[track_caller]
    #[inline]
    pub(super) fn park(&self, hub: &Hub) -> Result<(), Exception> {
        if self.own.task.state.is_woken() {
            return hub.give_turn();
        }
        let address = Arc::as_ptr(&self.own.task).addr();
        let park = Park::on(hub, "future", address)?;
        let parked = Parked::begin(self, hub, park.resume())?;
        if !self.own.task.state.try_park() {
            // The greenlet does not park here, but may do in its turn.
            drop((parked, park));
            return hub.give_turn();
        }
        let got = park.wait(hub, &format_args!("future at {address:#x}"));
        drop(parked);
        got
    }

    /// Leaves the job until a waker is used. Returns false if one was used since the last poll began.
    pub(super) fn rest(&self, job: &Rc<Job>) -> bool {
        let task = &self.own.task;
        if task.state.is_woken() {
            return false;
        }
        task.replace(Some(Resting::Job(job.clone())));
        let rests = task.state.try_park();
        if !rests {
            self.forget();
        }
        rests
    }

    /// Makes the wakers of a job have no effect.
    pub(super) fn forget(&self) {
        let resting = self.own.task.replace(None);
        drop(resting);
    }

    /// Whether some clone of the waker is not known to be used in this thread only.
    pub(super) fn is_shared(&self) -> bool {
        // The task itself has one reference, and so has its waker.
        Arc::strong_count(&self.own.task) > 2 + self.own.count.get()
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let own = &self.own;
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            let most = if own.is_free(2) { KEPT } else { KEPT_IN_USE };
            if free.len() < most {
                free.push_back(own.clone());
            }
        });
    }
}

impl OwnWakers {
    /// The task of this thread that the waker wakes, if any.
    fn of(waker: &Waker) -> Option<Rc<OwnWakers>> {
        let is_its = |own: &Rc<OwnWakers>| own.waker.will_wake(waker);
        let last = LAST.try_with(|last| last.borrow().upgrade());
        if let Some(own) = last.ok().flatten().filter(is_its) {
            return Some(own);
        }
        let found = OWN.try_with(|all| all.borrow().get(&waker.data()).and_then(Weak::upgrade));
        found.ok().flatten().filter(is_its)
    }

    /// Whether nobody has a waker any more, and there are no more than `handles` of this.
    fn is_free(self: &Rc<Self>, handles: usize) -> bool {
        // The task itself has one reference, and so has its waker.
        let is_free = Arc::strong_count(&self.task) == 2 && Rc::strong_count(self) <= handles;
        // What other threads have done with their wakers has happened before the task is used again.
        atomic::fence(Ordering::Acquire);
        is_free
    }
}

impl Drop for OwnWakers {
    fn drop(&mut self) {
        let _ = OWN.try_with(|all| all.borrow_mut().remove(&self.waker.data()));
    }
}

/// Takes a task that is kept, and whose wakers are gone.
fn free_task() -> Option<Rc<OwnWakers>> {
    let free = |free: &RefCell<VecDeque<Rc<OwnWakers>>>| {
        let mut free = free.borrow_mut();
        let oldest = free.pop_front()?;
        if oldest.is_free(1) {
            return Some(oldest);
        }
        if free.len() < KEPT_IN_USE {
            free.push_back(oldest);
        }
        let next = free.pop_front()?;
        if next.is_free(1) {
            return Some(next);
        }
        free.push_back(next);
        None
    };
    FREE.try_with(free).ok().flatten()
}

/// A park of the greenlet. Unless nobody but this thread can use a waker, it keeps the loop running.
struct Parked<'a> {
    polling: &'a Polling,
    refs: Option<&'a Hub>,
}

impl<'a> Parked<'a> {
    fn begin(polling: &'a Polling, hub: &'a Hub, resume: Resume) -> Result<Self, Exception> {
        let refs = match polling.is_shared() {
            true => {
                hub.loop_().ref_()?;
                Some(hub)
            }
            false => None,
        };
        polling.own.task.replace(Some(Resting::Greenlet(resume)));
        Ok(Parked { polling, refs })
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.polling.forget();
        if let Some(hub) = self.refs {
            // This fails if the loop is destroyed, and nothing is to be undone then.
            let _ = hub.loop_().unref();
        }
    }
}

/// A waker that is kept by an object of this thread, and used by this thread only. It does not keep the loop running:
/// if all wakers of a future are such, and nothing is left that the loop waits for, nobody will wake the greenlet.
pub(crate) struct LocalWaker {
    waker: Waker,
    own: Option<Rc<OwnWakers>>,
}

impl LocalWaker {
    pub(crate) fn of(context: &Context<'_>) -> LocalWaker {
        let waker = context.waker().clone();
        let own = OwnWakers::of(&waker);
        if let Some(own) = &own {
            own.count.update(|count| count + 1);
        }
        LocalWaker { waker, own }
    }

    /// Whether this waker and that of the context wake the same task.
    pub(crate) fn will_wake(&self, context: &Context<'_>) -> bool {
        self.waker.will_wake(context.waker())
    }

    /// Keeps the context's waker in `slot`, if that has another one.
    pub(crate) fn note(slot: &RefCell<Option<LocalWaker>>, context: &Context<'_>) {
        let known = slot.borrow().as_ref().is_some_and(|known| known.will_wake(context));
        if !known {
            // Cloning and dropping wakers may run user code: nothing is borrowed then.
            let waker = LocalWaker::of(context);
            let old = slot.replace(Some(waker));
            drop(old);
        }
    }

    pub(crate) fn wake(&self) {
        self.waker.wake_by_ref();
    }

    /// As [`wake`](LocalWaker::wake), from a callback of the loop: a greenlet that [`block_on`](super::block_on()) has
    /// parked goes on at once, as one does that waits for the callback's watcher, and not after what is queued.
    pub(crate) fn resume(&self) {
        match &self.own {
            Some(own) if own.task.state.wake() => own.task.resume(),
            Some(_) => {}
            None => self.waker.wake_by_ref(),
        }
    }
}

impl Drop for LocalWaker {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            own.count.update(|count| count - 1);
        }
    }
}
