//! Many releases are one round of waking, in line with the other callbacks.

use gevent::lock::Semaphore;
use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let semaphore = Semaphore::new(0);
    let waiter = |name: i32| {
        let semaphore = semaphore.clone();
        move || {
            semaphore.acquire()?;
            println!("{name} acquired");
            if name == 0 {
                semaphore.release();
                spawn(|| println!("spawned by 0"));
            }
            Ok(())
        }
    };

    for i in 0..5 {
        spawn(waiter(i));
    }
    sleep(0)?;
    semaphore.release();
    loop_.run_callback(|| println!("callback"))?;
    semaphore.release();
    semaphore.release();
    loop_.run_callback(|| println!("callback after"))?;
    sleep(0)?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());
    sleep(0)?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());
    Ok(())
}
