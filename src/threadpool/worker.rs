//! The threads of a pool, and [`JobQueue`], which they share with the pool. Source:
//! `_WorkerGreenlet` in gevent's `threadpool.py`, and `_threading.py`.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use greenlet_core::ignore_running;
use greenlet_core::unwind::catch;
use hub::core::AsyncSender;
use parking_lot::{Condvar, Mutex};

/// For how long a thread that has done a job looks for the next one before it sleeps.
const LINGER: Duration = Duration::from_micros(50);

/// More threads than this are not even tried: no system has so many (Linux numbers up to
/// 4,194,304), and trying would leave none to other programs.
const MOST: usize = 1 << 22;

/// A function for a thread to call. It catches the panics of the user's function.
pub(super) struct Job {
    /// The number by which the pool's receiver is found when the job is done.
    pub(super) id: u64,
    pub(super) run: Box<dyn FnOnce() + Send>,
}

/// The jobs and the numbers of those that are done, which the threads share with the pool.
pub(super) struct JobQueue {
    state: Mutex<JobQueueState>,
    /// How many jobs there are, for threads that look without locking.
    queued: AtomicUsize,
    may_linger: bool,
    lingers: AtomicBool,
    work: Condvar,
    done: Mutex<Vec<u64>>,
    /// The sender that wakes the hub.
    wake: AsyncSender,
    /// A thread ends when it has had nothing to do for this time.
    idle_timeout: Option<Duration>,
}

#[derive(Default)]
struct JobQueueState {
    jobs: VecDeque<Job>,
    /// How many jobs are queued or running.
    unfinished: usize,
    workers: usize,
    /// The number of threads above which those that have nothing to do end.
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

    /// Takes a job out of the queue, if no thread has taken it.
    pub(super) fn take_back(&self, id: u64) -> Option<Job> {
        let mut state = self.state.lock();
        // The queue is in the order of the numbers.
        let index = state.jobs.binary_search_by_key(&id, |job| job.id).ok()?;
        state.unfinished -= 1;
        self.queued.fetch_sub(1, Ordering::Relaxed);
        state.jobs.remove(index)
    }

    /// Starts threads until there is one for each job, and at least `least`, but not more than
    /// `maxsize` in all.
    pub(super) fn grow(self: &Arc<Self>, maxsize: usize, least: usize) -> io::Result<()> {
        if least > MOST {
            // The error of a system that can start no more threads.
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
                    // `hub::run` unwinds the greenlets that jobs leave parked, when the thread
                    // ends.
                    hub::run(|| work(&shared))
                });
            if let Err(error) = started {
                self.state.lock().workers -= 1;
                return Err(error);
            }
        }
    }

    /// Has the threads above `limit` end, as soon as there are no jobs.
    pub(super) fn shrink(&self, limit: usize) {
        self.state.lock().limit = limit;
        self.work.notify_all();
    }

    /// The numbers of the jobs that were done since the last call.
    pub(super) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut *self.done.lock())
    }

    /// Looks for a job for a short time without sleeping. A greenlet that waits for one result
    /// after the other brings the next job soon, and waking a thread takes longer. Only one thread
    /// at a time does so, and none where there is one processor.
    fn linger(&self) {
        if !self.may_linger || self.lingers.swap(true, Ordering::Relaxed) {
            return;
        }
        let until = Instant::now() + LINGER;
        while self.queued.load(Ordering::Relaxed) == 0 && Instant::now() < until {
            // The thread of the greenlet that waits may need this processor.
            thread::yield_now();
        }
        self.lingers.store(false, Ordering::Relaxed);
    }

    /// Waits for the next job. Returns `None` when the thread is to end; it is not counted any more
    /// then.
    fn next(&self) -> Option<Job> {
        // A time that is too long for an `Instant` is no limit.
        let idle_until = self.idle_timeout.and_then(|idle| Instant::now().checked_add(idle));
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
        // This fails if the pool or its loop is gone, and then nobody needs to know.
        let _ = self.wake.send();
    }
}

/// The function of a thread: does jobs until it is to end.
fn work(shared: &JobQueue) {
    while let Some(job) = shared.next() {
        // Dropping the job's function may panic, too.
        drop(catch(job.run));
        // If the job has left a hub that is monitored: the thread may wait for the next job, and that job may block.
        ignore_running();
        shared.state.lock().unfinished -= 1;
        shared.done.lock().push(job.id);
        shared.tell_hub();
        shared.linger();
    }
    shared.tell_hub();
}
