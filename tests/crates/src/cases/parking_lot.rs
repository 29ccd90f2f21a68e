//! `parking_lot`: a lock, a condition variable and a lock for readers.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};

use crate::{Case, Result, SOON, Started, equal};

/// How often each counts.
const COUNTS: usize = 10;

#[derive(Default)]
struct ParkingLot {
    counted: Mutex<usize>,
    last: RwLock<usize>,
}

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(ParkingLot::default(), ())
}

impl Case for ParkingLot {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let said = Arc::new((Mutex::new(None), Condvar::new()));
        let sayer = thread::spawn({
            let said = said.clone();
            move || {
                thread::sleep(wait);
                *said.0.lock() = Some(i);
                said.1.notify_one();
            }
        });
        let mut value = said.0.lock();
        while value.is_none() {
            if said.1.wait_for(&mut value, SOON).timed_out() {
                return Err("nobody has said anything".into());
            }
        }
        equal(*value, Some(i))?;
        drop(value);
        sayer.join().expect("it does not panic");
        for _ in 0..COUNTS {
            let mut counted = self.counted.lock();
            let value = *counted;
            // The others come to the lock while it is held.
            thread::yield_now();
            *counted = value + 1;
            *self.last.write() = value + 1;
            equal(*self.last.read(), value + 1)?;
        }
        Ok(())
    }

    fn end(&self, runs: usize) -> Result {
        equal(*self.counted.lock(), runs * COUNTS)
    }
}
