//! join with a time limit returns although there is always something to do; callbacks count as work.

use std::cell::Cell;
use std::rc::Rc;

use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let stop = Rc::new(Cell::new(false));
    let stopped = stop.clone();
    spawn(move || {
        while !stopped.get() {
            sleep(0)?;
        }
        println!("busy no more");
        Ok(())
    });
    println!("joined: {}", hub.join_timeout(0.001)?);
    println!("joined: {}", hub.join_timeout(0)?);
    stop.set(true);
    println!("joined: {}", hub.join_timeout(10)?);
    hub.loop_().run_callback(|| println!("a callback"))?;
    println!("joined: {}", hub.join()?);
    let timer = hub.loop_().timer(0.001)?;
    timer.start(|| println!("a timer"))?;
    println!("joined: {}", hub.join()?);
    let unref = hub.loop_().timer(100.0)?;
    unref.set_ref(false)?;
    unref.start(|| println!("never"))?;
    println!("joined: {}", hub.join()?);
    println!("nothing to do: {}", hub.join_timeout(0)?);
    Ok(())
}
