//! A waiter that is killed or times out, also after the release, leaves the permit to the next.

use gevent::lock::Semaphore;
use gevent::{Kill, joinall_timeout, sleep, spawn};

use super::common::{TestResult, name};

pub(crate) fn main() -> TestResult {
    let semaphore = Semaphore::new(0);
    let waiter = |who: String, timeout: Option<f64>| {
        let semaphore = semaphore.clone();
        spawn(move || match semaphore.acquire_timeout(timeout) {
            Err(error) => println!("{who}: {}", name(&error)),
            Ok(acquired) => println!("{who}: {acquired}"),
        })
    };
    let soon = || Kill::default().nonblocking();

    let killed = waiter("killed".to_owned(), None);
    let timed_out = waiter("short".to_owned(), Some(0.0));
    let last = waiter("last".to_owned(), None);
    sleep(0)?;
    println!("linked: {}", semaphore.linkcount());
    killed.kill_with(soon())?;
    timed_out.join()?;
    semaphore.release();
    last.join()?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());

    let greenlets: Vec<_> = (0..3).map(|i| waiter(i.to_string(), None)).collect();
    sleep(0)?;
    greenlets[0].kill_with(soon())?;
    semaphore.release();
    greenlets[1].kill_with(soon())?;
    joinall_timeout(&greenlets, 0.01)?;
    println!("counter: {}, linked: {}", semaphore.counter(), semaphore.linkcount());
    Ok(())
}
