//! threading's Barrier on gevent's locks: passes, an action, a timeout, a reset.

use gevent::exceptions::BrokenBarrierError;
use gevent::lock::Barrier;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let barrier = Barrier::new(3).with_action(|| {
        println!("action");
        Ok(())
    });
    let passes = |name: i32| {
        let barrier = barrier.clone();
        move || {
            for i in 0..2 {
                barrier.wait()?;
                println!("{name} has passed, {i}");
            }
            Ok(())
        }
    };

    let greenlets: Vec<_> = (0..3).map(|i| spawn(passes(i))).collect();
    joinall(&greenlets)?;
    println!("waiting: {}, broken: {}", barrier.n_waiting(), barrier.broken());

    let b = barrier.clone();
    let is_broken = move |name: &'static str, timeout: Option<f64>| match b.wait_timeout(timeout) {
        Err(error) if error.is::<BrokenBarrierError>() => println!("{name}: broken"),
        _ => {}
    };
    let patient = || {
        let is_broken = is_broken.clone();
        spawn(move || is_broken("patient", None))
    };
    let waits = patient();
    sleep(0)?;
    println!("waiting: {}", barrier.n_waiting());
    is_broken("in a hurry", Some(0.001));
    waits.join()?;
    println!("broken: {}", barrier.broken());
    is_broken("late", None);
    barrier.reset();
    println!("broken: {}", barrier.broken());
    let waits = patient();
    sleep(0)?;
    barrier.reset();
    waits.join()?;
    println!("waiting: {}, broken: {}", barrier.n_waiting(), barrier.broken());
    Ok(())
}
