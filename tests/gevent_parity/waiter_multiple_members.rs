//! What a MultipleWaiter has from Waiter: each value only leaves a mark, and an exception waits for the values.

use gevent::hub::MultipleWaiter;
use gevent::{get_hub, spawn};

use super::common::{TestResult, ValueError, show};

type Waiter = MultipleWaiter<String>;

fn tell(when: &str, waiter: &Waiter) {
    let error = waiter.exc_info().map(|(name, ..)| name);
    let (ready, successful) = (waiter.ready(), waiter.successful());
    println!("{when}: ready={ready} successful={successful} exc_info={}", show(error));
}

fn get(waiter: &Waiter) -> Result<String, gevent::Exception> {
    match waiter.get() {
        Err(error) if error.is::<ValueError>() => Ok(format!("{}: {error}", super::common::name(&error))),
        got => got,
    }
}

pub(crate) fn main() -> TestResult {
    let waiter = Waiter::new(get_hub());
    tell("new", &waiter);
    waiter.switch("one".to_owned())?;
    tell("switch", &waiter);
    waiter.throw(ValueError("a"))?;
    tell("throw", &waiter);
    println!("{}", get(&waiter)?);
    println!("{}", get(&waiter)?);
    println!("{}", get(&waiter)?);
    tell("the exception stays", &waiter);
    waiter.switch("two".to_owned())?;
    tell("and is replaced", &waiter);
    println!("{}", get(&waiter)?);
    tell("the mark stays", &waiter);
    waiter.switch("three".to_owned())?;
    waiter.clear();
    tell("cleared", &waiter);
    println!("{}", get(&waiter)?);
    waiter.switch("four five".to_owned())?;
    println!("{}", get(&waiter)?);
    waiter.clear();
    let throws = waiter.clone();
    get_hub()
        .loop_()
        .run_callback(move || Ok(throws.throw(ValueError("b"))?))?;
    println!("{}", get(&waiter)?);
    tell("thrown into", &waiter);
    let wakes = waiter.clone();
    get_hub()
        .loop_()
        .run_callback(move || Ok(wakes.switch("six".to_owned())?))?;
    println!("{}", get(&waiter)?);
    tell("woken", &waiter);
    let g = spawn(|| "seven".to_owned());
    let linked = waiter.clone();
    g.rawlink(move |g| Ok(linked.call(g)?));
    println!("{}", get(&waiter)?);
    Ok(())
}
