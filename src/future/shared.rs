//! [`SharedExecutor`]: futures that share greenlets.
//!
//! A stack is needed only while a future is being polled. So one greenlet, the worker, polls all jobs that are ready,
//! one after the other. If a job parks it in the middle of a poll, another worker goes on with the rest.
//!
//! That is made sure by a callback of the loop: whenever a job is ready, the callback is queued, and a worker polls
//! only while it is. The hub calls it when the worker has parked, for whatever reason.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::{Rc, Weak};

use greenlet_core::unwind::call_each;
use greenlet_core::{Exception, GreenletExit, ThreadSlot, finish};
use hub::core::Notify;
use hub::{Hub, Stint, hub_to_wait_in};
use waiter::{Park, Resume};

use super::task::Polling;
use crate::Greenlet;

/// Runs futures of this thread on greenlets that they share. A greenlet with a stack of its own for each future, as
/// [`spawn_local`](super::spawn_local) makes it, costs memory and time where there are thousands of them: the
/// connections of a server are better spawned here.
///
/// A future may call what waits. That parks the greenlet in the middle of the poll, and the other futures go on in
/// another one. With the feature `hyper`, this is an executor of hyper's, so that a service may wait in this way.
///
/// What belongs to a greenlet is not a future's own here: a [`Timeout`](crate::Timeout) that is started, an
/// [`RLock`](crate::lock::RLock) that is held, or the [locals](mod@crate::local) of the greenlet must not be relied
/// upon across an `.await`, after which another greenlet may poll the future. Between two of them they are as ever.
///
/// When the hub ends, futures that are not ready are dropped. A future that panics is dropped, and the panic is
/// reported as that of a greenlet.
///
/// ```
/// use gevent::event::AsyncResult;
/// use gevent::future::SharedExecutor;
///
/// let sums: Vec<_> = (0..1000)
///     .map(|n| {
///         let (number, sum) = (AsyncResult::new(), AsyncResult::new());
///         SharedExecutor.spawn({
///             let (number, sum) = (number.clone(), sum.clone());
///             async move {
///                 let number: u32 = number.await.expect("it is set");
///                 sum.set(number + 1);
///             }
///         })?;
///         number.set(n);
///         Ok(sum)
///     })
///     .collect::<Result<_, gevent::Exception>>()?;
/// assert_eq!(sums[999].get()?, 1000);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedExecutor;

impl SharedExecutor {
    /// Has the future run to its end. It is polled for the first time when the caller waits for something. Its value is
    /// dropped: if somebody is to have it, the future sets an [`AsyncResult`](crate::event::AsyncResult).
    ///
    /// # Errors
    /// Fails when the thread is over, or its hub.
    pub fn spawn<F: IntoFuture + 'static>(self, future: F) -> Result<(), Exception> {
        Jobs::of(&hub_to_wait_in()?).add(Box::pin(async move { drop(future.await) }));
        Ok(())
    }
}

/// How many jobs become ready in the hub before they are polled.
const AT_ONCE: usize = 32;

type JobFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A future that was spawned.
pub(super) struct Job {
    polling: Polling,
    /// None while it is polled, and when it is over.
    future: Cell<Option<JobFuture>>,
    jobs: Weak<Jobs>,
    /// Where it is among all jobs.
    index: Cell<usize>,
    /// Whether it keeps the loop running, as somebody else than objects of this thread may wake it.
    keeps_loop: Cell<bool>,
}

/// The jobs of a hub.
struct Jobs {
    hub: Hub,
    this: Weak<Jobs>,
    all: RefCell<Vec<Rc<Job>>>,
    ready: RefCell<VecDeque<Rc<Job>>>,
    /// Whether the callback is queued.
    called: Cell<bool>,
    /// The right to wake the worker that has nothing to do.
    idle: Cell<Option<Resume>>,
    ended: Cell<bool>,
    /// The hub calls it when it ends.
    _end_hook: Rc<dyn Fn()>,
}

thread_local! {
    static JOBS: ThreadSlot<Option<Rc<Jobs>>> = const { ThreadSlot::new(None, || JOBS.with(ThreadSlot::clear)) };
}

impl Jobs {
    fn of(hub: &Hub) -> Rc<Jobs> {
        let known = JOBS.with(|slot| slot.with(|jobs| jobs.borrow().clone()));
        if let Some(Some(jobs)) = known
            && jobs.hub == *hub
            && !jobs.ended.get()
        {
            return jobs;
        }
        let jobs = Jobs::new(hub);
        let old = JOBS.with(|slot| slot.with(|known| known.replace(Some(jobs.clone()))));
        if let Some(Some(old)) = old
            && old.hub.destroyed()
        {
            old.end();
        }
        jobs
    }

    fn new(hub: &Hub) -> Rc<Jobs> {
        Rc::new_cyclic(|this: &Weak<Jobs>| {
            let its = this.clone();
            let end_hook: Rc<dyn Fn()> = Rc::new(move || {
                if let Some(jobs) = its.upgrade() {
                    jobs.end();
                }
            });
            hub.on_end(Rc::downgrade(&end_hook));
            Jobs {
                hub: hub.clone(),
                this: this.clone(),
                all: RefCell::default(),
                ready: RefCell::default(),
                called: Cell::new(false),
                idle: Cell::new(None),
                ended: Cell::new(false),
                _end_hook: end_hook,
            }
        })
    }

    fn add(&self, future: JobFuture) {
        let job = {
            let mut all = self.all.borrow_mut();
            let job = Rc::new(Job {
                polling: Polling::new(&self.hub),
                future: Cell::new(Some(future)),
                jobs: self.this.clone(),
                index: Cell::new(all.len()),
                keeps_loop: Cell::new(false),
            });
            all.push(job.clone());
            job
        };
        self.push(job);
    }

    /// Takes a job that is over out of all.
    fn remove(&self, job: &Job) {
        let removed = {
            let mut all = self.all.borrow_mut();
            let index = job.index.get();
            if !all.get(index).is_some_and(|at| std::ptr::eq(&**at, job)) {
                return;
            }
            let removed = all.swap_remove(index);
            if let Some(moved) = all.get(index) {
                moved.index.set(index);
            }
            removed
        };
        drop(removed);
    }

    fn push(&self, job: Rc<Job>) {
        self.ready.borrow_mut().push_back(job);
        self.call();
    }

    /// The next job to be polled. If there are more, the callback is queued, for the case that this one parks the
    /// worker.
    fn next(&self) -> Option<Rc<Job>> {
        let (job, more) = {
            let mut ready = self.ready.borrow_mut();
            (ready.pop_front(), !ready.is_empty())
        };
        if more {
            self.call();
        }
        job
    }

    /// Queues the callback, unless it is queued.
    fn call(&self) {
        if !self.called.get()
            && let Some(this) = self.this.upgrade()
        {
            // This fails only if the loop is destroyed, and no future is polled any more then.
            self.called.set(self.hub.loop_().run_callback_notify(this).is_ok());
        }
    }

    /// Has the worker that has nothing to do go on, if there is one. Called in the hub.
    fn resume_idle(&self) {
        if !self.hub.destroyed()
            && let Some(idle) = self.idle.take()
            && let Err(exception) = idle.switch()
        {
            self.hub.report_error(hub::Context::Switch(idle.greenlet()), exception);
        }
    }

    /// Drops all futures.
    fn end(&self) {
        if self.ended.replace(true) {
            return;
        }
        let idle = self.idle.take();
        let ready = mem::take(&mut *self.ready.borrow_mut());
        let all = mem::take(&mut *self.all.borrow_mut());
        let abandon = all.iter().map(|job| || job.abandon(self));
        call_each(abandon);
        if let Some(idle) = &idle {
            // At the end of a thread it would be left as it is, and be told of.
            finish(idle.greenlet(), GreenletExit);
        }
        drop((idle, ready));
    }

    /// Polls the jobs that are ready, and those that become ready by that, until the hub should have its turn. What is
    /// ready at the beginning is polled in any case, as greenlets are resumed for all events of an iteration.
    fn run_ready(&self) {
        let stint = Stint::default();
        loop {
            let count = self.ready.borrow().len();
            for _ in 0..count {
                // There are fewer if a job has parked this worker, and another one has gone on.
                let Some(job) = self.next() else { break };
                self.hub.begin_turn();
                job.run(self);
            }
            if self.ready.borrow().is_empty() {
                return;
            }
            if stint.is_over(&self.hub) {
                return self.call();
            }
        }
    }
}

impl Notify for Jobs {
    fn notify(self: Rc<Self>) -> Result<(), Exception> {
        self.called.set(false);
        if self.hub.destroyed() {
            // Its loop may have been kept for the next hub.
            self.end();
            return Ok(());
        }
        let idle = self.idle.take();
        if self.ready.borrow().is_empty() && !self.all.borrow().is_empty() {
            self.idle.set(idle);
            return Ok(());
        }
        match idle {
            // It ends if there are no jobs any more.
            Some(idle) if idle.is_parked() => idle.switch(),
            _ if self.ready.borrow().is_empty() => Ok(()),
            _ => {
                let worker = Worker(self);
                drop(Greenlet::builder().name("SharedExecutor").spawn(move || worker.work()));
                Ok(())
            }
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, ready) = (self.all.borrow().len(), self.ready.borrow().len());
        write!(
            f,
            "<SharedExecutor of {:?}, with {all} futures, of which {ready} are ready>",
            self.hub
        )
    }
}

/// A greenlet that polls. However it ends, even if it never begins, another one goes on if there is something to do.
struct Worker(Rc<Jobs>);

impl Worker {
    fn work(self) -> Result<(), Exception> {
        let jobs = &*self.0;
        loop {
            jobs.run_ready();
            if let Some(other) = jobs.idle.take() {
                // One is enough.
                jobs.idle.set(Some(other));
                return Ok(());
            }
            if jobs.all.borrow().is_empty() || jobs.ended.get() {
                return Ok(());
            }
            self.rest()?;
        }
    }

    /// Parks the greenlet until there is something to do.
    fn rest(&self) -> Result<(), Exception> {
        let jobs = &*self.0;
        let park = Park::on(&jobs.hub, "futures", std::ptr::from_ref(jobs).addr())?;
        jobs.idle.set(Some(park.resume()));
        park.wait(&jobs.hub, jobs)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let jobs = &*self.0;
        // The worker that ends last takes the idle one with it, too.
        if !jobs.ready.borrow().is_empty() || jobs.all.borrow().is_empty() {
            jobs.call();
        }
    }
}

impl Job {
    /// Polls the future once.
    fn run(self: Rc<Self>, jobs: &Jobs) {
        /// Removes the job, unless its future has to be polled again: also when it panics.
        struct Over<'a>(&'a Job, &'a Jobs);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.1.remove(self.0);
            }
        }
        let Some(mut future) = self.future.take() else {
            return;
        };
        let over = Over(&self, jobs);
        let polled = self.polling.poll(|context| future.as_mut().poll(context));
        if polled.is_ready() || jobs.ended.get() {
            drop(future);
            return;
        }
        mem::forget(over);
        self.future.set(Some(future));
        let is_shared = self.polling.is_shared() && jobs.hub.loop_().ref_().is_ok();
        self.keeps_loop.set(is_shared);
        if !self.polling.rest(&self) {
            self.awake(jobs);
        }
    }

    /// Called when a waker was used, in the job's own thread.
    pub(super) fn wake(self: Rc<Self>) {
        if let Some(jobs) = self.jobs.upgrade() {
            self.awake(&jobs);
        }
    }

    /// As [`wake`](Job::wake), by a callback of the hub. If many jobs are ready by now, they are polled at once, while
    /// what they use is still in the processor's caches.
    pub(super) fn wake_in_hub(self: Rc<Self>) {
        if let Some(jobs) = self.jobs.upgrade() {
            self.awake(&jobs);
            if jobs.ready.borrow().len() >= AT_ONCE {
                jobs.resume_idle();
            }
        }
    }

    fn awake(self: Rc<Self>, jobs: &Jobs) {
        self.let_loop_go(jobs);
        jobs.push(self);
    }

    fn let_loop_go(&self, jobs: &Jobs) {
        if self.keeps_loop.replace(false) {
            // This fails if the loop is destroyed, and nothing is to be undone then.
            let _ = jobs.hub.loop_().unref();
        }
    }

    /// Drops the future, unless it is just being polled. No waker has an effect any more.
    fn abandon(&self, jobs: &Jobs) {
        self.let_loop_go(jobs);
        self.polling.forget();
        let future = self.future.take();
        drop(future);
    }
}
