//! A raw greenlet whose parent is main may block like any other; at its end main goes on, outside of the hub.

use gevent::exceptions::LoopExit;
use gevent::{Exception, GreenletExit, RawGreenlet, Value, get_hub, sleep, spawn};

use super::common::{TestResult, name};

fn child() -> Result<Value, Exception> {
    println!("child begins");
    sleep(0.001)?;
    println!("child goes on");
    Ok(Value::new("child's value"))
}

fn parks() -> Result<Value, Exception> {
    get_hub().switch()
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    spawn(|| println!("spawned before"));
    let value = RawGreenlet::new(|_| child()).switch(())?;
    println!("{}", value.downcast().unwrap_or("something else"));
    let g = RawGreenlet::new(|_| parks());
    match g.switch(()) {
        Err(error) if error.is::<LoopExit>() => println!("main: {}", name(&error)),
        switched => drop(switched?),
    }
    hub.loop_().run_callback(|| println!("callback"))?;
    g.throw(GreenletExit)?;
    println!("main goes on");
    sleep(0)
}
