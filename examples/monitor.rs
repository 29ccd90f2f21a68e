//! The monitoring thread finds a greenlet that computes for so long that all others wait, and names it.

use gevent::events::{self, EventLoopBlocked};
use gevent::{config, prelude::*, threadsafe::AsyncResult};

/// The number below `limit` with the longest Collatz sequence. To find it takes a while, and nobody else runs
/// meanwhile.
#[inline(never)]
fn longest_sequence(limit: u64) -> u64 {
    let next = |n: &u64| Some(if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    let length = |n: &u64| std::iter::successors(Some(*n), next).take_while(|n| *n != 1).count();
    (1..limit).max_by_key(length).unwrap_or(0)
}

fn main() -> Result<(), Exception> {
    // The same is done by GEVENT_MONITOR_THREAD_ENABLE=1 in the environment, without any line of code.
    config::set_monitor_thread(true);
    config::set_max_blocking_time(0.02)?;

    // The monitoring thread prints its reports to stderr, and calls whoever has subscribed.
    let found = AsyncResult::new();
    let result = found.clone();
    let _subscription = events::subscribe(move |event: &mut EventLoopBlocked| {
        event
            .info
            .push("    Advice: hub.threadpool().apply(..), or a sleep(0) now and then".into());
        result.set(event.clone());
        // One report is enough here.
        config::set_max_blocking_time(None).expect("none is a time");
    });

    let heart = spawn(|| {
        for beat in 1.. {
            println!("beat {beat}");
            sleep(0.05)?;
        }
        Ok(())
    });
    let stuck = spawn(|| {
        sleep(0.2)?;
        println!("the longest sequence begins with {}", longest_sequence(300_000));
        Ok(())
    });
    stuck.join()?;
    heart.kill()?;

    let event = found.get_timeout(10)?;
    let own = event.greenlet.backtrace.iter().find(|frame| !frame.is_of_std());
    let place = own.map(ToString::to_string).unwrap_or_default();
    println!("greenlet #{} kept the others waiting in {place}", event.greenlet.id);
    Ok(())
}
