//! Releases, timeouts and kills of waiters at a semaphore, all at one moment.

use gevent::lock::Semaphore;
use gevent::{Greenlet, Kill, joinall, sleep, spawn};

use super::common::{TestResult, name};

fn acquire(who: &'static str, semaphore: &Semaphore, timeout: Option<f64>) {
    match semaphore.acquire_timeout(timeout) {
        Ok(acquired) => println!("{who}: {acquired}"),
        Err(error) => println!("{who}: {}", name(&error)),
    }
}

fn spawn_acquire(who: &'static str, semaphore: &Semaphore) -> Greenlet<()> {
    let semaphore = semaphore.clone();
    spawn(move || acquire(who, &semaphore, None))
}

fn show(semaphore: &Semaphore) {
    println!("counter {}, links {}", semaphore.counter(), semaphore.linkcount());
}

fn kill(greenlet: &Greenlet<()>) -> TestResult {
    greenlet.kill_with(Kill::default().nonblocking())?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    println!("two releases for the first two of three");
    let semaphore = Semaphore::new(0);
    let greenlets = ["a", "b", "c"].map(|who| spawn_acquire(who, &semaphore));
    sleep(0)?;
    semaphore.release();
    semaphore.release();
    show(&semaphore);
    sleep(0)?;
    show(&semaphore);

    println!("the one whose turn it would be is killed");
    let rest = [greenlets[2].clone(), spawn_acquire("d", &semaphore)];
    sleep(0)?;
    semaphore.release();
    kill(&rest[0])?;
    sleep(0)?;
    show(&semaphore);

    println!("killed first, released then");
    let rest = ["e", "f"].map(|who| spawn_acquire(who, &semaphore));
    sleep(0)?;
    kill(&rest[0])?;
    semaphore.release();
    sleep(0)?;
    sleep(0)?;
    show(&semaphore);

    println!("one that tries while it is handed over");
    let waits = spawn_acquire("g", &semaphore);
    sleep(0)?;
    semaphore.release();
    println!("main: {}", semaphore.try_acquire());
    sleep(0)?;
    show(&semaphore);
    semaphore.release();
    semaphore.release();
    waits.join()?;
    show(&semaphore);

    println!("no time at all");
    acquire("h", &semaphore, Some(0.0));
    let its = semaphore.clone();
    let spawned = spawn(move || {
        its.release();
    });
    acquire("i", &semaphore, Some(0.0));
    spawned.join()?;
    show(&semaphore);

    println!("each greenlet that gets it releases it for the next");
    let semaphore = Semaphore::new(0);
    let greenlets = ["j", "k", "l"].map(|who| {
        let semaphore = semaphore.clone();
        spawn(move || {
            semaphore.acquire()?;
            println!("{who} has it");
            semaphore.release();
            println!("{who} has released it");
            Ok(())
        })
    });
    sleep(0)?;
    semaphore.release();
    joinall(&greenlets)?;
    show(&semaphore);

    println!("and comes back for more");
    let greenlets = ["m", "n"].map(|who| {
        let semaphore = semaphore.clone();
        spawn(move || {
            for i in 0..3 {
                let _held = semaphore.acquire_guard()?;
                println!("{who} {i}");
                sleep(0)?;
            }
            Ok(())
        })
    });
    joinall(&greenlets)?;
    show(&semaphore);
    Ok(())
}
