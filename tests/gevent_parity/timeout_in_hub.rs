//! A timeout that a callback starts is thrown in the hub, which reports it.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{Timeout, get_hub, sleep, spawn};

use super::common::{TestResult, report_errors};

type Timeouts = RefCell<Vec<Timeout>>;

fn callback(timeouts: &Timeouts) {
    timeouts.borrow_mut().push(Timeout::start_new(0.001));
    println!("pending: {}", timeouts.borrow()[0].pending());
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let timeouts: Rc<Timeouts> = Rc::default();
    let t = timeouts.clone();
    get_hub().loop_().run_callback(move || callback(&t))?;
    sleep(0.05)?;
    println!("pending: {}", timeouts.borrow()[0].pending());
    spawn(|| println!("the hub goes on")).join()
}
