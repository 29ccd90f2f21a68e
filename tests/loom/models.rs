//! The models: a greenlet that polls and parks, as `Polling` has it, and threads with wakers.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::state::WakeState;

/// A `block_on`, and the loop of its thread.
struct Task {
    state: WakeState,
    /// How many threads have left the right to resume the greenlet in the loop's mailbox.
    mailbox: Mutex<usize>,
    mailed: Condvar,
    /// How often a thread was told to resume the greenlet.
    resumes: AtomicUsize,
    /// How many events have happened. Nothing but the task's state orders it with the polls.
    events: AtomicUsize,
}

impl Task {
    fn new() -> Arc<Task> {
        Arc::new(Task {
            state: WakeState::new(),
            mailbox: Mutex::new(0),
            mailed: Condvar::new(),
            resumes: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
        })
    }

    fn wake(&self) {
        if self.state.wake() {
            self.resumes.fetch_add(1, Ordering::Relaxed);
            *self.mailbox.lock().unwrap() += 1;
            self.mailed.notify_one();
        }
    }

    /// What a thread does: something happens, and it uses its waker.
    fn happen(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.wake();
    }

    /// The loop runs, until somebody resumes the greenlet. There must be one who does it, not several.
    fn sleep(&self) {
        let mut mailbox = self.mailbox.lock().unwrap();
        while *mailbox == 0 {
            mailbox = self.mailed.wait(mailbox).unwrap();
        }
        assert_eq!(*mailbox, 1);
        *mailbox = 0;
    }

    /// What the greenlet does, until so many events have happened. Returns how often it has parked.
    fn block_on(&self, events: usize) -> usize {
        let mut parks = 0;
        loop {
            self.state.begin();
            if self.events.load(Ordering::Relaxed) >= events {
                return parks;
            }
            if self.state.is_woken() || !self.state.try_park() {
                continue;
            }
            parks += 1;
            self.sleep();
        }
    }
}

/// Runs the model in every order with no more than three switches that no thread asked for. With more of them, some
/// models take too long.
fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(f);
}

fn spawn(task: &Arc<Task>, f: impl Fn(&Task) + 'static) -> thread::JoinHandle<()> {
    let task = task.clone();
    thread::spawn(move || f(&task))
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// No wake-up is lost, each poll sees what happened before the wake-ups that it answers, and each park is ended once.
#[test]
fn two_threads_wake_a_greenlet() {
    model(|| {
        let task = Task::new();
        let threads = [spawn(&task, Task::happen), spawn(&task, Task::happen)];
        let parks = task.block_on(2);
        join(threads);
        assert_eq!(task.resumes.load(Ordering::Relaxed), parks);
        assert_eq!(*task.mailbox.lock().unwrap(), 0);
    });
}

/// One thread that wakes it several times, beside one that wakes it once.
#[test]
fn a_thread_wakes_a_greenlet_again_and_again() {
    model(|| {
        let task = Task::new();
        let twice = |task: &Task| (0..2).for_each(|_| task.happen());
        let threads = [spawn(&task, twice), spawn(&task, Task::happen)];
        let parks = task.block_on(3);
        join(threads);
        assert_eq!(task.resumes.load(Ordering::Relaxed), parks);
    });
}

/// A waker that is used without a reason, and late ones, are answered by a poll at most.
#[test]
fn wakers_without_a_reason_do_no_harm() {
    model(|| {
        let task = Task::new();
        let twice = |task: &Task| {
            task.happen();
            task.wake();
        };
        let threads = [spawn(&task, twice), spawn(&task, Task::wake)];
        let parks = task.block_on(1);
        join(threads);
        assert_eq!(task.resumes.load(Ordering::Relaxed), parks);
        // The last of them may have come when it was over: the next poll does not mistake it for its own.
        task.state.begin();
        assert!(!task.state.is_woken() && task.state.try_park());
        assert!(task.state.wake() && !task.state.wake());
    });
}

/// What a waker's thread has written before is there for the next poll, by the state alone: neither a mailbox nor
/// another atomic orders it here. loom reports a race if it does not.
#[test]
fn a_poll_sees_what_was_written_before_the_wake_up() {
    model(|| {
        let (state, written) = (Arc::new(WakeState::new()), Arc::new(UnsafeCell::new(0)));
        let (its, write) = (state.clone(), written.clone());
        state.begin();
        let thread = thread::spawn(move || {
            // SAFETY: the other thread reads it when this one has used the waker.
            write.with_mut(|value| unsafe { *value = 7 });
            its.wake()
        });
        let parked = !state.is_woken() && state.try_park();
        let mut woken = !parked;
        while !woken {
            // As a loop that is woken by something that orders nothing.
            woken = state.is_woken();
            thread::yield_now();
        }
        state.begin();
        // SAFETY: the waker was used, and that was the last access of the other thread.
        assert_eq!(written.with(|value| unsafe { *value }), 7);
        assert_eq!(thread.join().unwrap(), parked);
    });
}

/// A greenlet that is killed leaves its park, and parks for something else, while a thread uses the waker. The mail for
/// the first park may end the second one, in vain; then it parks again, and is woken all the same.
#[test]
fn a_greenlet_that_was_killed_is_woken_for_what_it_does_next() {
    /// Takes what is in the mailbox: several may have resumed a greenlet that was not parked any more.
    fn sleep(task: &Task) {
        let mut mailbox = task.mailbox.lock().unwrap();
        while *mailbox == 0 {
            mailbox = task.mailed.wait(mailbox).unwrap();
        }
        *mailbox -= 1;
    }
    model(|| {
        let task = Task::new();
        let threads = [spawn(&task, Task::happen), spawn(&task, Task::happen)];
        task.state.begin();
        let mut parks = usize::from(!task.state.is_woken() && task.state.try_park());
        // It is killed: nobody takes it out of the park, and the next future is polled.
        loop {
            task.state.begin();
            if task.events.load(Ordering::Relaxed) == 2 {
                break;
            }
            if task.state.is_woken() || !task.state.try_park() {
                continue;
            }
            parks += 1;
            sleep(&task);
        }
        join(threads);
        assert!(task.resumes.load(Ordering::Relaxed) <= parks);
    });
}

/// Two of the greenlet's wakers are used at once when it is parked: one of them has to resume it.
#[test]
fn one_of_several_wakers_resumes_a_parked_greenlet() {
    model(|| {
        let state = Arc::new(WakeState::new());
        state.begin();
        assert!(state.try_park());
        let threads = [0, 1].map(|_| {
            let state = state.clone();
            thread::spawn(move || usize::from(state.wake()))
        });
        let here = usize::from(state.wake());
        let resumes: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(here + resumes, 1);
        assert!(state.is_woken());
    });
}
