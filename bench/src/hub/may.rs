//! The cases with may, on one worker.

use std::time::Duration;

use ::may::coroutine::{sleep, yield_now};
use ::may::{config, go};

use crate::Result;
use crate::turns::{Measure, Stopwatch};

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "spawn" => |count, _| in_coroutine(move || spawn_and_join(count)),
        "spawn-many" => |count, _| in_coroutine(move || spawn_many(count)),
        "yield" => |count, _| in_coroutine(move || yields(count)),
        "timers" => |count, _| in_coroutine(move || timers(count)),
        "kill" => kill,
        _ => return None,
    })
}

/// Runs the case in a coroutine, so that a join parks a coroutine and not a thread.
fn in_coroutine(case: impl FnOnce() + Send + 'static) -> Result {
    config().set_workers(1);
    go!(case).join().map_err(|_| "may's case failed".into())
}

fn join(coroutine: ::may::coroutine::JoinHandle<()>) {
    coroutine.join().expect("it does not fail");
}

fn spawn_and_join(count: u32) {
    for _ in 0..count {
        join(go!(|| ()));
    }
}

fn spawn_many(count: u32) {
    let coroutines: Vec<_> = (0..count).map(|_| go!(|| ())).collect();
    coroutines.into_iter().for_each(join);
}

fn yields(count: u32) {
    let one = move || (0..count / 1000).for_each(|_| yield_now());
    let coroutines: Vec<_> = (0..1000).map(|_| go!(one)).collect();
    coroutines.into_iter().for_each(join);
}

fn timers(count: u32) {
    let coroutines: Vec<_> = (0..u64::from(count))
        .map(|i| go!(move || sleep(Duration::from_micros(i * 7919 % 100_000))))
        .collect();
    coroutines.into_iter().for_each(join);
}

fn kill(count: u32, watch: &mut Stopwatch) -> Result {
    config().set_workers(1);
    let coroutines: Vec<_> = (0..count).map(|_| go!(|| sleep(Duration::from_secs(3600)))).collect();
    std::thread::sleep(Duration::from_millis(100));
    watch.restart();
    for coroutine in coroutines {
        // SAFETY: nothing on the coroutine's stack suffers from being unwound.
        unsafe { coroutine.coroutine().cancel() };
        let _ = coroutine.join();
    }
    Ok(())
}
