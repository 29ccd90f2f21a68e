//! A pool behind its handles: the tasks that are under way in this process, the receivers of their results, and all that
//! is made anew after a fork.

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
    /// What is made anew after a fork; none as long as the hub can have none.
    generation: RefCell<Option<Rc<Generation>>>,
    /// Who gets the results of the tasks that are under way.
    pub(super) receivers: RefCell<HashMap<u64, Receiver>>,
    pub(super) next_id: Cell<u64>,
    /// How many wait for threads to end.
    watching: Cell<usize>,
    /// Set while no tasks are under way.
    pub(super) idle: Event,
    /// Set whenever a thread has told something.
    pub(super) told: Event,
    /// Notices a fork and the hub's end, while there may be threads.
    attendant: RefCell<Option<Attendant>>,
}

/// What the loop and the hub call. They have it as long as it exists.
struct Attendant {
    _fork_watcher: Fork,
    _forked: Rc<dyn Fn()>,
    _hub_ended: Rc<dyn Fn()>,
}

/// What a pool is in one process: a fork begins the next generation.
pub(super) struct Generation {
    pid: u32,
    pub(super) shared: Arc<JobQueue>,
    wake: Async,
    /// Counts the tasks that may still be queued.
    pub(super) places: Semaphore,
    /// So many places are to be given up when they are free again, as `maxsize` was made smaller.
    pub(super) owed: Cell<usize>,
}

/// Called in the hub when the task is done: true, or lost: false.
pub(super) type Receiver = Box<dyn FnOnce(bool) -> Result<(), Exception>>;

impl Generation {
    fn begin(hub: &Hub, maxsize: usize, idle: Option<Duration>) -> Result<Generation, Exception> {
        let wake = hub.loop_().async_();
        // A hub that has failed knows better why.
        let wake = wake.map_err(|error| hub.check_alive().err().unwrap_or_else(|| error.into()))?;
        Ok(Generation {
            pid: std::process::id(),
            shared: JobQueue::new(wake.sender(), idle),
            wake,
            places: Semaphore::new(Generation::places_of(maxsize)),
            owed: Cell::new(0),
        })
    }

    /// One more than there may be threads, so that the next task is there when one is done.
    fn places_of(maxsize: usize) -> usize {
        maxsize.saturating_add(1)
    }

    /// There may be more threads, or fewer.
    pub(super) fn set_maxsize(&self, before: usize, maxsize: usize) {
        let (before, places) = (
            Generation::places_of(before),
            Generation::places_of(maxsize),
        );
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

    /// Those that are not free are owed.
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

    /// The pool in this process, begun when it is first asked for.
    ///
    /// # Errors
    /// When the hub's loop is destroyed.
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
        let new = Rc::new(Generation::begin(
            &self.hub,
            self.maxsize.get(),
            self.idle_timeout,
        )?);
        self.generation.replace(Some(new.clone()));
        let Some(old) = old else {
            return Ok(new);
        };
        let _ = old.wake.stop();
        // A thread that is not here may have it locked for ever.
        std::mem::forget(old.shared.clone());
        let lost = self.receivers.take();
        let pool = ThreadPool::of(self);
        let fail = |(_, receiver)| {
            let pool = &pool;
            move || self.call(receiver, false, Context::Object(pool))
        };
        // Those who wait run later, when all have been told.
        self.idle.set();
        self.told.set();
        call_each(lost.into_iter().map(fail));
        Ok(new)
    }

    /// From now on a fork is noticed, if the loop is made anew after it; and the threads end with the hub.
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

    /// Has the threads end when they have done what there is to do.
    fn end_threads(&self) {
        if let Some(generation) = self.begun()
            && generation.pid == std::process::id()
        {
            generation.shared.shrink(0);
        }
    }

    /// Keeps the loop, and the pool, until [`stop_collecting`](ThreadPoolBody::stop_collecting).
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
                // A destroyed loop has stopped it already.
                let _ = generation.wake.stop();
            }
        }
    }

    /// Delivers results. Runs in the hub.
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

    /// Hands over a result. Nobody may want it, and its destructor may panic.
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

/// A place among the tasks, given back unless the task is on its way.
pub(super) struct TaskPlace<'a>(pub(super) &'a Generation);

impl Drop for TaskPlace<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// A task, taken back unless it is on its way.
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

/// Has the hub listen to the threads while somebody waits for one to end.
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
