//! LoopExit tells main that it cannot be woken; the greenlets that wait are still there in the next wait.

use gevent::event::Event;
use gevent::exceptions::LoopExit;
use gevent::{Exception, get_hub, spawn};

use super::common::TestResult;

fn waiter(event: &Event, label: &'static str) -> Result<&'static str, Exception> {
    event.wait()?;
    println!("{label} goes on");
    Ok(label)
}

pub(crate) fn main() -> TestResult {
    let event = Event::new();
    let waits = event.clone();
    let g = spawn(move || waiter(&waits, "a"));
    for _ in 0..2 {
        match g.join() {
            Err(error) if error.is::<LoopExit>() => {
                let exit = error.downcast_ref::<LoopExit>().expect("just asked");
                println!("LoopExit {} {}", exit.hub() == Some(get_hub()), g.ready());
            }
            other => other?,
        }
    }
    let waits = event.clone();
    let h = spawn(move || waiter(&waits, "b"));
    println!("joined: {}", get_hub().join()?);
    event.set();
    println!("{} {}", g.get()?, h.get()?);
    println!("joined: {}", get_hub().join()?);
    Ok(())
}
