//! A Waiter wakes a greenlet in get at once; such a value is not kept.

use gevent::{get_hub, sleep, spawn};
use waiter::Waiter;

use super::common::{TestResult, ValueError, name};

type Strings = Waiter<&'static str>;

fn getter(waiter: &Strings, label: &str) {
    match waiter.get() {
        Ok(value) => println!("{label} gets {value}"),
        Err(error) => println!("{label}: {} {error}", name(&error)),
    }
}

fn switch(waiter: &Strings) -> TestResult {
    println!("before the switch");
    waiter.switch("value")?;
    println!("after the switch, ready={}", waiter.ready());
    Ok(())
}

fn throw(waiter: &Strings) -> TestResult {
    println!("before the throw");
    waiter.throw(ValueError("thrown"))?;
    println!("after the throw, ready={}", waiter.ready());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let waiter = Strings::new(hub.as_wait_hub());

    let w = waiter.clone();
    let a = spawn(move || getter(&w, "a"));
    let w = waiter.clone();
    loop_.run_callback(move || switch(&w))?;
    a.join()?;
    let w = waiter.clone();
    let b = spawn(move || getter(&w, "b"));
    let w = waiter.clone();
    loop_.run_callback(move || throw(&w))?;
    b.join()?;
    let w = waiter.clone();
    loop_.run_callback(move || Ok(w.switch("kept")?))?;
    sleep(0)?;
    getter(&waiter, "main");
    Ok(())
}
