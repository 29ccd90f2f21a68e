//! The threads of a pool, and what they share with it. Source: `_WorkerGreenlet` in gevent's
//! `threadpool.py`, and `_threading.py`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use greenlet_core::unwind::catch;
use hub::core::AsyncSender;
use parking_lot::{Condvar, Mutex};

/// So long a thread that has done a job does not sleep.
const LINGER: Duration = Duration::from_micros(50);

/// No system has so many threads (Linux numbers up to 4,194,304), and to try would leave none to anybody.
const MOST: usize = 1 << 22;

/// What a thread is to do: to be called once. It catches its panics.
pub(super) struct Job {
    /// Told to the hub when the job is done.
    pub(super) id: u64,
    pub(super) run: Box<dyn FnOnce() + Send>,
}

/// What the threads share with the pool.
pub(super) struct JobQueue {
    state: Mutex<JobQueueState>,
    /// How many jobs there are, for those who look without locking.
    queued: AtomicUsize,
    may_linger: bool,
    lingers: AtomicBool,
    work: Condvar,
    done: Mutex<Vec<u64>>,
    /// Wakes the hub.
    wake: AsyncSender,
    /// A thread that has had nothing to do for so long ends.
    idle_timeout: Option<Duration>,
}

#[derive(Default)]
struct JobQueueState {
    jobs: VecDeque<Job>,
    /// Queued or running.
    unfinished: usize,
    workers: usize,
    /// With more threads than this, those that have nothing to do end.
    limit: usize,
}

impl JobQueue {
    pub(super) fn new(wake: AsyncSender, idle_timeout: Option<Duration>) -> Arc<JobQueue> {
        Arc::new(JobQueue {
            state: Mutex::default(),
            queued: AtomicUsize::new(0),
            may_linger: thread::available_parallelism().is_ok_and(|threads| threads.get() > 1),
            lingers: AtomicBool::new(false),
            work: Condvar::new(),
            done: Mutex::default(),
            wake,
            idle_timeout,
        })
    }

    /// How many threads there are.
    pub(super) fn workers(&self) -> usize {
        self.state.lock().workers
    }

    pub(super) fn put(&self, job: Job) {
        let mut state = self.state.lock();
        state.jobs.push_back(job);
        self.queued.fetch_add(1, Ordering::Relaxed);
        state.unfinished += 1;
        drop(state);
        self.work.notify_one();
    }

    /// Takes back a job that no thread has taken.
    pub(super) fn take_back(&self, id: u64) -> Option<Job> {
        let mut state = self.state.lock();
        // Later ones have larger numbers.
        let index = state.jobs.binary_search_by_key(&id, |job| job.id).ok()?;
        state.unfinished -= 1;
        self.queued.fetch_sub(1, Ordering::Relaxed);
        state.jobs.remove(index)
    }

    /// Starts threads, at most up to `maxsize` of them, until there is one for each job, or `least`.
    pub(super) fn grow(self: &Arc<Self>, maxsize: usize, least: usize) -> io::Result<()> {
        if least > MOST {
            // What the system says when it has had enough.
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        loop {
            let mut state = self.state.lock();
            if state.workers >= maxsize || state.workers >= state.unfinished.max(least) {
                return Ok(());
            }
            state.workers += 1;
            state.limit = state.limit.max(state.workers);
            drop(state);
            let shared = self.clone();
            let started = thread::Builder::new()
                .name("gevent threadpool worker".into())
                .spawn(move || {
                    // What a job leaves parked is unwound at the end.
                    hub::run(|| work(&shared))
                });
            if let Err(error) = started {
                self.state.lock().workers -= 1;
                return Err(error);
            }
        }
    }

    /// Has threads end that are more than `limit`, as soon as there are no jobs.
    pub(super) fn shrink(&self, limit: usize) {
        self.state.lock().limit = limit;
        self.work.notify_all();
    }

    /// The jobs that were done since this was last called.
    pub(super) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut *self.done.lock())
    }

    /// Looks for a job for a short time without sleeping: a greenlet that waits for one result after
    /// the other brings the next job soon, and waking a thread takes longer than that. One thread does so at a
    /// time, and none where there is one processor.
    fn linger(&self) {
        if !self.may_linger || self.lingers.swap(true, Ordering::Relaxed) {
            return;
        }
        let until = Instant::now() + LINGER;
        while self.queued.load(Ordering::Relaxed) == 0 && Instant::now() < until {
            // The greenlet that waits may need this very processor.
            thread::yield_now();
        }
        self.lingers.store(false, Ordering::Relaxed);
    }

    /// The next job; none when the thread is to end, and does not count any more.
    fn next(&self) -> Option<Job> {
        // A time without an end in sight is no limit.
        let idle_until = self
            .idle_timeout
            .and_then(|idle| Instant::now().checked_add(idle));
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                self.queued.fetch_sub(1, Ordering::Relaxed);
                return Some(job);
            }
            let timed_out = idle_until.is_some_and(|until| Instant::now() >= until);
            if timed_out || state.workers > state.limit {
                state.workers -= 1;
                return None;
            }
            match idle_until {
                Some(until) => {
                    self.work.wait_until(&mut state, until);
                }
                None => self.work.wait(&mut state),
            }
        }
    }

    fn tell_hub(&self) {
        // The pool may be gone by now, and its loop with it.
        let _ = self.wake.send();
    }
}

/// What a thread does.
fn work(shared: &JobQueue) {
    while let Some(job) = shared.next() {
        // It may still drop something: what nobody wants any more.
        drop(catch(job.run));
        shared.state.lock().unfinished -= 1;
        shared.done.lock().push(job.id);
        shared.tell_hub();
        shared.linger();
    }
    shared.tell_hub();
}
