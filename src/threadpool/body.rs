//! [`ThreadPoolBody`]: a pool behind its handles, with the receivers for the results of its tasks;
//! and [`Generation`], the part of it that is made anew after a fork.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, call_each, catch};
use hub::core::{Async, Fork};
use hub::{Context, Hub};

use super::pool::ThreadPool;
use super::worker::JobQueue;
use crate::event::Event;
use crate::lock::Semaphore;

pub(super) struct ThreadPoolBody {
    pub(super) hub: Hub,
    pub(super) maxsize: Cell<usize>,
    idle_timeout: Option<Duration>,
    /// The part that is made anew after a fork. `None` until it is first needed, and as long as it
    /// cannot be made.
    generation: RefCell<Option<Rc<Generation>>>,
    /// The receivers for the results of the tasks under way, by the tasks' numbers.
    pub(super) receivers: RefCell<HashMap<u64, Receiver>>,
    pub(super) next_id: Cell<u64>,
    /// How many greenlets wait for threads to end.
    watching: Cell<usize>,
    /// An event that is set while no tasks are under way.
    pub(super) idle: Event,
    /// An event that is set whenever a thread has done a task or ended.
    pub(super) told: Event,
    /// Notices a fork and the end of the hub. Made when the first thread may be started.
    attendant: RefCell<Option<Attendant>>,
}

/// The watcher and the functions that the loop and the hub call. Both let go of them when this is
/// dropped.
struct Attendant {
    _fork_watcher: Fork,
    _forked: Rc<dyn Fn()>,
    _hub_ended: Rc<dyn Fn()>,
}

/// The part of a pool that belongs to one process. A fork begins the next generation.
pub(super) struct Generation {
    pid: u32,
    pub(super) shared: Arc<JobQueue>,
    wake: Async,
    /// The free places: how many tasks [`ThreadPool::spawn`] still takes without waiting.
    pub(super) places: Semaphore,
    /// How many places are taken away when they become free, as `maxsize` was made smaller.
    pub(super) owed: Cell<usize>,
}

/// The function that is called in the hub at the end of a task: with true if it is done, with false
/// if it is lost.
pub(super) type Receiver = Box<dyn FnOnce(bool) -> Result<(), Exception>>;

impl Generation {
    fn begin(hub: &Hub, maxsize: usize, idle: Option<Duration>) -> Result<Generation, Exception> {
        let wake = hub.loop_().async_();
        // If the hub has failed, its own error tells the reason better.
        let wake = wake.map_err(|error| hub.check_alive().err().unwrap_or_else(|| error.into()))?;
        Ok(Generation {
            pid: std::process::id(),
            shared: JobQueue::new(wake.sender(), idle),
            wake,
            places: Semaphore::new(Generation::places_of(maxsize)),
            owed: Cell::new(0),
        })
    }

    /// How many places there are: one more than there may be threads, so that the next task is
    /// queued when one is done.
    fn places_of(maxsize: usize) -> usize {
        maxsize.saturating_add(1)
    }

    /// Changes the number of places to that for the new `maxsize`.
    pub(super) fn set_maxsize(&self, before: usize, maxsize: usize) {
        let (before, places) = (Generation::places_of(before), Generation::places_of(maxsize));
        self.add_places(places.saturating_sub(before));
        self.remove_places(before.saturating_sub(places));
    }

    pub(super) fn give_back(&self) {
        self.add_places(1);
    }

    fn add_places(&self, places: usize) {
        let owed = self.owed.get().min(places);
        self.owed.update(|all| all - owed);
        self.places.add(places - owed);
    }

    /// Takes free places away. If there are not enough, the rest is owed.
    fn remove_places(&self, places: usize) {
        let owed = places - self.places.take_at_most(places);
        self.owed.update(|all| all + owed);
    }
}

impl ThreadPoolBody {
    pub(super) fn new(hub: &Hub, maxsize: usize, idle_timeout: Option<Duration>) -> ThreadPoolBody {
        let (idle, told) = (Event::new(), Event::new());
        idle.set();
        ThreadPoolBody {
            hub: hub.clone(),
            maxsize: Cell::new(maxsize),
            idle_timeout,
            generation: RefCell::default(),
            receivers: RefCell::default(),
            next_id: Cell::new(0),
            watching: Cell::new(0),
            idle,
            told,
            attendant: RefCell::new(None),
        }
    }

    /// The generation of this process, which is begun here if there is none yet, or if the process
    /// has forked.
    ///
    /// # Errors
    /// An error if the hub's loop is destroyed.
    pub(super) fn generation(self: &Rc<Self>) -> Result<Rc<Generation>, Exception> {
        match self.begun() {
            Some(generation) if generation.pid == std::process::id() => Ok(generation),
            old => self.begin(old),
        }
    }

    fn begun(&self) -> Option<Rc<Generation>> {
        self.generation.borrow().clone()
    }

    #[cold]
    fn begin(self: &Rc<Self>, old: Option<Rc<Generation>>) -> Result<Rc<Generation>, Exception> {
        let new = Rc::new(Generation::begin(&self.hub, self.maxsize.get(), self.idle_timeout)?);
        self.generation.replace(Some(new.clone()));
        let Some(old) = old else {
            return Ok(new);
        };
        let _ = old.wake.stop();
        // The old queue is never freed: a thread that this process does not have may have locked
        // it, for ever.
        std::mem::forget(old.shared.clone());
        let lost = self.receivers.take();
        let pool = ThreadPool::of(self);
        let fail = |(_, receiver)| {
            let pool = &pool;
            move || self.call(receiver, false, Context::Object(pool))
        };
        // The greenlets that wait for these events run later, when all receivers have been called.
        self.idle.set();
        self.told.set();
        call_each(lost.into_iter().map(fail));
        Ok(new)
    }

    /// From now on, has the pool begin anew when the loop is reinitialised after a fork, and has
    /// the threads end with the hub.
    pub(super) fn attend(self: &Rc<Self>) -> Result<(), Exception> {
        if self.attendant.borrow().is_some() {
            return Ok(());
        }
        let watcher = self.hub.loop_().fork()?.with_ref(false)?;
        let call = |f: fn(&Rc<ThreadPoolBody>)| -> Rc<dyn Fn()> {
            let pool = Rc::downgrade(self);
            Rc::new(move || {
                if let Some(pool) = pool.upgrade() {
                    f(&pool);
                }
            })
        };
        let forked = call(|pool| drop(pool.generation()));
        let hub_ended = call(|pool| pool.end_threads());
        let its = forked.clone();
        watcher.start(move || its())?;
        self.hub.on_reinit(Rc::downgrade(&forked));
        self.hub.on_end(Rc::downgrade(&hub_ended));
        self.attendant.replace(Some(Attendant {
            _fork_watcher: watcher,
            _forked: forked,
            _hub_ended: hub_ended,
        }));
        Ok(())
    }

    /// Has the threads end when they have done all jobs.
    fn end_threads(&self) {
        if let Some(generation) = self.begun()
            && generation.pid == std::process::id()
        {
            generation.shared.shrink(0);
        }
    }

    /// Starts the watcher that collects results. It keeps the loop running, and the pool alive,
    /// until [`stop_collecting`](ThreadPoolBody::stop_collecting).
    pub(super) fn start_collecting(self: &Rc<Self>) -> Result<(), Exception> {
        let generation = self.generation()?;
        if !generation.wake.active() {
            let pool = self.clone();
            generation.wake.start(move || pool.collect())?;
        }
        Ok(())
    }

    fn stop_collecting(&self) {
        if self.receivers.borrow().is_empty() {
            self.idle.set();
            if self.watching.get() == 0
                && let Some(generation) = self.begun()
            {
                // This fails if the loop is destroyed, which has stopped the watcher.
                let _ = generation.wake.stop();
            }
        }
    }

    /// Delivers the results that are there. Runs in the hub.
    fn collect(&self) {
        let Some(generation) = &self.begun() else {
            return;
        };
        let deliver = |id| {
            move || {
                let receiver = self.receivers.borrow_mut().remove(&id);
                generation.give_back();
                if let Some(receiver) = receiver {
                    self.call(receiver, true, Context::Watcher(&generation.wake));
                }
            }
        };
        let steps: [&dyn Fn(); 2] = [
            &|| call_each(generation.shared.take_done().into_iter().map(deliver)),
            &|| {
                self.told.set();
                self.stop_collecting();
            },
        ];
        call_each(steps);
    }

    /// Calls a receiver, and reports its error, or its panic: the destructor of a result that
    /// nobody wants may panic.
    fn call(&self, receiver: Receiver, done: bool, context: Context<'_>) {
        match catch(|| receiver(done)) {
            Ok(Ok(())) => {}
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => {
                self.hub.report_error(context, exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
}

/// A place that was acquired for a task. Dropping it gives the place back, so it is forgotten when
/// the task is started.
pub(super) struct TaskPlace<'a>(pub(super) &'a Generation);

impl Drop for TaskPlace<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// A task that is not started yet. Dropping it takes the task back, so it is forgotten when the
/// task is started.
pub(super) struct Unstarted<'a> {
    pub(super) inner: &'a ThreadPoolBody,
    pub(super) generation: &'a Generation,
    pub(super) id: u64,
}

impl Drop for Unstarted<'_> {
    fn drop(&mut self) {
        let job = self.generation.shared.take_back(self.id);
        let receiver = self.inner.receivers.borrow_mut().remove(&self.id);
        self.inner.stop_collecting();
        drop((job, receiver));
    }
}

/// Keeps the hub collecting, while a greenlet waits for threads to end.
pub(super) struct Watching<'a>(&'a ThreadPoolBody);

impl<'a> Watching<'a> {
    pub(super) fn begin(inner: &'a Rc<ThreadPoolBody>) -> Result<Self, Exception> {
        inner.start_collecting()?;
        inner.watching.set(inner.watching.get() + 1);
        Ok(Watching(inner))
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watching.set(self.0.watching.get() - 1);
        self.0.stop_collecting();
    }
}

impl Drop for ThreadPoolBody {
    fn drop(&mut self) {
        self.end_threads();
    }
}

impl fmt::Debug for ThreadPoolBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = (&raw const *self).addr();
        let tasks = self.receivers.borrow().len();
        let maxsize = self.maxsize.get();
        write!(
            f,
            "<ThreadPool at {address:#x} tasks={tasks} maxsize={maxsize} hub={:?}>",
            self.hub
        )
    }
}
