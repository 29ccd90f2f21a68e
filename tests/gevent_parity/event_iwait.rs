//! Events, results and semaphores are waited for together, and come in the order in which they become ready.

use gevent::event::{AsyncResult, Event};
use gevent::lock::Semaphore;
use gevent::{Linkable, Wait, iwait_with, sleep, spawn, wait_timeout};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let (event, result, semaphore, never) = (Event::new(), AsyncResult::new(), Semaphore::new(0), Event::new());
    let name = |object: &dyn Linkable| {
        if object.is(&event) {
            "event"
        } else if object.is(&result) {
            "result"
        } else if object.is(&semaphore) {
            "semaphore"
        } else {
            "never"
        }
    };

    let (e, r, s) = (event.clone(), result.clone(), semaphore.clone());
    let makes_ready = move || {
        s.release();
        sleep(0)?;
        r.set(1);
        e.set();
        Ok(())
    };
    spawn(makes_ready);
    let objects: [&dyn Linkable; 4] = [&event, &result, &semaphore, &never];
    for ready in iwait_with(objects, Wait::default().count(3))? {
        println!("ready: {}", name(ready?));
    }
    println!("never: {}, semaphore: {}", never.linkcount(), semaphore.counter());
    println!("none in time: {}", wait_timeout([&never], 0.001)?.len());
    Ok(())
}
