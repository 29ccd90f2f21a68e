//! Dining philosophers: each takes the two forks beside him in the order of their numbers, so that all eat.

use std::cell::RefCell;

use gevent::lock::{RLock, Semaphore};
use gevent::{JoinAll, Timeout, joinall_with, scope, sleep};

use super::common::TestResult;

struct Table {
    forks: [Semaphore; 5],
    lock: RLock,
    meals: RefCell<[usize; 5]>,
}

fn eat(table: &Table, who: usize) -> TestResult {
    {
        let _held = table.lock.acquire_guard()?;
        let mut meals = table.meals.borrow_mut();
        meals[who] += 1;
        println!("{who} eats meal {}", meals[who]);
    }
    sleep(0)
}

fn philosopher(table: &Table, who: usize) -> TestResult {
    let next = (who + 1) % 5;
    let (first, second) = (who.min(next), who.max(next));
    for _ in 0..2 {
        {
            let _first = table.forks[first].acquire_guard()?;
            sleep(0)?;
            let _second = table.forks[second].acquire_guard()?;
            eat(table, who)?;
        }
        println!("{who} thinks");
        sleep(0)?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let forks = std::array::from_fn(|_| Semaphore::new(1));
    let table = Table {
        forks,
        lock: RLock::new(),
        meals: RefCell::default(),
    };
    let table = &table;

    Timeout::new(100).with(|| {
        scope(|s| {
            let all = (0..5).map(|who| s.spawn(move || philosopher(table, who)));
            joinall_with(all, JoinAll::default().raise_error()).map(drop)
        })
    })?;
    println!(
        "{:?}, forks free: {:?}",
        table.meals.borrow(),
        table.forks.each_ref().map(|fork| fork.counter())
    );
    Ok(())
}
