//! A timeout interrupts the greenlet that has started it, wherever it is, and no other after its end.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{Timeout, joinall, sleep, spawn};

use super::common::{TestResult, report_errors};

fn limited() {
    let timeout = Timeout::start_new(0.01);
    if let Err(error) = sleep(100) {
        println!("limited: {}", timeout.caused(&error));
    }
}

fn unlimited() -> TestResult {
    sleep(0.3)?;
    println!("unlimited ends");
    Ok(())
}

fn careless(timeouts: &RefCell<Vec<Timeout>>) {
    timeouts.borrow_mut().push(Timeout::start_new(0.1));
    println!("careless ends");
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let timeouts: Rc<RefCell<Vec<Timeout>>> = Rc::default();
    let t = timeouts.clone();
    let greenlets = [spawn(limited), spawn(unlimited), spawn(move || careless(&t))];
    joinall(greenlets)?;
    println!("pending: {}", timeouts.borrow()[0].pending());
    Ok(())
}
