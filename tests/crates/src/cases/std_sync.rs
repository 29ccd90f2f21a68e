//! `std::sync` and `std::thread`: locks, condition variables, channels, barriers, parks, scopes.

use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Condvar, Mutex, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use crate::{Case, Result, SOON, Started, equal};

/// How often each counts.
const COUNTS: usize = 10;

#[derive(Default)]
struct StdSync {
    counted: Mutex<usize>,
    last: RwLock<usize>,
    once: OnceLock<usize>,
}

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(StdSync::default(), ())
}

impl Case for StdSync {
    fn run(&self, i: usize, wait: Duration) -> Result {
        // Whoever is first lets the others wait.
        let once = *self.once.get_or_init(|| {
            thread::sleep(Duration::from_millis(1));
            7
        });
        equal(once, 7)?;
        wait_for_channels(i, wait)?;
        wait_for_a_condition(i)?;
        wait_for_threads(i)?;
        for _ in 0..COUNTS {
            let mut counted = self.counted.lock().expect("nobody panics");
            let value = *counted;
            // The others come to the lock while it is held.
            thread::yield_now();
            *counted = value + 1;
            *self.last.write().expect("nobody panics") = value + 1;
            equal(*self.last.read().expect("nobody panics"), value + 1)?;
        }
        Ok(())
    }

    fn end(&self, runs: usize) -> Result {
        equal(*self.counted.lock().expect("nobody panics"), runs * COUNTS)
    }
}

fn wait_for_channels(i: usize, wait: Duration) -> Result {
    let ((to, from), (back, answers)) = (channel(), sync_channel::<usize>(0));
    let other = thread::spawn(move || {
        let asked: usize = from.recv().expect("it comes");
        thread::sleep(wait);
        (0..20).try_for_each(|n| back.send(asked + n))
    });
    to.send(i)?;
    for n in 0..20 {
        equal(answers.recv_timeout(SOON)?, i + n)?;
    }
    other.join().expect("it does not panic")?;
    Ok(())
}

fn wait_for_a_condition(i: usize) -> Result {
    let said = Arc::new((Mutex::new(None), Condvar::new()));
    let sayer = thread::spawn({
        let said = said.clone();
        move || {
            *said.0.lock().expect("nobody panics") = Some(i);
            said.1.notify_one();
        }
    });
    let lock = said.0.lock().expect("nobody panics");
    let (value, timed_out) = (said.1.wait_timeout_while(lock, SOON, |value| value.is_none())).expect("nobody panics");
    equal((*value, timed_out.timed_out()), (Some(i), false))?;
    drop(value);
    sayer.join().expect("it does not panic");
    Ok(())
}

fn wait_for_threads(i: usize) -> Result {
    let (barrier, parked) = (Barrier::new(2), thread::current());
    let mut values = [0, 0];
    let [mine, its] = &mut values;
    thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            *its = i;
            parked.unpark();
        });
        barrier.wait();
        *mine = i;
        thread::park_timeout(SOON);
    });
    equal(values, [i, i])
}
