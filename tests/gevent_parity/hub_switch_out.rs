//! A greenlet's switch_out hook is called each time it leaves for the hub, and may refuse.

use std::cell::Cell;
use std::rc::Rc;

use gevent::{Greenlet, idle, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn switch_out(refuses: &Cell<bool>) -> TestResult {
    println!("switch_out");
    if refuses.get() {
        return Err(ValueError("stay").into());
    }
    Ok(())
}

fn worker(refuses: &Cell<bool>) -> TestResult {
    println!("worker begins");
    sleep(0)?;
    println!("worker goes on");
    sleep(0.001)?;
    refuses.set(true);
    let waits: [fn() -> TestResult; 3] = [|| sleep(0), || sleep(0.001), || idle(0)];
    for wait in waits {
        match wait() {
            Err(error) if error.is::<ValueError>() => println!("{}", name(&error)),
            waited => waited?,
        }
    }
    refuses.set(false);
    spawn(|| println!("another")).join()?;
    println!("worker ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let refuses = Rc::new(Cell::new(false));
    let hooks = refuses.clone();
    let g = Greenlet::builder()
        .switch_out(move || switch_out(&hooks))
        .build(move || worker(&refuses));
    g.start()?;
    g.join()?;
    sleep(0.01)
}
