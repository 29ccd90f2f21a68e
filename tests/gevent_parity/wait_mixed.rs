//! wait and iwait of greenlets, events, results and semaphores in one list, by count and by time.

use gevent::event::{AsyncResult, Event};
use gevent::lock::Semaphore;
use gevent::{Linkable, Wait, iwait_with, sleep, spawn, wait, wait_timeout, wait_with};

use super::common::TestResult;

fn after<T>(turns: i32, function: impl FnOnce() -> T) -> TestResult {
    for _ in 0..turns {
        sleep(0)?;
    }
    function();
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (event, result, semaphore) = (Event::new(), AsyncResult::new(), Semaphore::new(0));
    let greenlet = spawn(|| after(1, || println!("the greenlet ends")));
    let things: [&dyn Linkable; 4] = [&event, &result, &semaphore, &greenlet];
    let names = ["event", "result", "semaphore", "greenlet"];
    let name_of = |thing: &dyn Linkable| {
        let found = things.iter().position(|other| other.is(thing));
        names[found.expect("only these are waited for")]
    };
    let show = |label, ready: Vec<_>| {
        let ready: Vec<_> = ready.into_iter().map(name_of).collect();
        println!("{label}: {}", ready.join(" "));
    };

    show("at once", wait_timeout(things, 0)?);
    show("one", wait_with(things, Wait::default().count(1))?);
    spawn({
        let result = result.clone();
        move || after(1, move || result.set(7))
    });
    spawn({
        let semaphore = semaphore.clone();
        move || after(2, move || semaphore.release())
    });
    for thing in iwait_with(things[..3].iter().copied(), Wait::default().count(2))? {
        println!("{} is ready", name_of(thing?));
    }
    show("three", wait_with(things, Wait::default().count(3))?);
    show("in a time", wait_timeout(things, 0.001)?);
    spawn({
        let event = event.clone();
        move || after(3, move || event.set())
    });
    show("all", wait(things)?);
    show("at once", wait_timeout(things, 0)?);
    let two = wait_with(things, Wait::default().count(2).timeout(5))?;
    println!("{} {} {}", result.get()?, semaphore.counter(), two.len());
    Ok(())
}
