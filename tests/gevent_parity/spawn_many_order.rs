//! A thousand greenlets: every one has its turn, in order, each round.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

fn worker(order: &RefCell<Vec<(usize, usize)>>, i: usize) -> TestResult {
    for r in 0..3 {
        order.borrow_mut().push((r, i));
        sleep(0)?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let order: Rc<RefCell<Vec<_>>> = Rc::default();
    let greenlets = (0..1000).map(|i| {
        let order = order.clone();
        spawn(move || worker(&order, i))
    });
    let greenlets: Vec<_> = greenlets.collect();
    joinall(greenlets)?;
    let order = order.borrow();
    println!("{}", order.len());
    let sorted = order.is_sorted();
    println!("{}", if sorted { "in order" } else { "out of order" });
    Ok(())
}
