//! Two greenlets that join each other wait for ever; main gets LoopExit, and can end it.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::exceptions::LoopExit;
use gevent::{Greenlet, joinall, spawn};

use super::common::{TestResult, name};

type Both = OnceCell<[Greenlet<()>; 2]>;

fn joins(greenlets: &Both, label: &str, other: usize) -> TestResult {
    println!("{label} joins");
    let greenlets = greenlets.get().expect("set before they run");
    let joined = greenlets[other].join();
    println!("{label} ends");
    joined
}

pub(crate) fn main() -> TestResult {
    let both: Rc<Both> = Rc::default();
    let greenlets = both.get_or_init(|| {
        [("a", 1), ("b", 0)].map(|(label, other)| {
            let both = both.clone();
            spawn(move || joins(&both, label, other))
        })
    });
    match joinall(greenlets) {
        Err(error) if error.is::<LoopExit>() => println!("{}", name(&error)),
        joined => drop(joined?),
    }
    greenlets[0].kill()?;
    joinall(greenlets)?;
    Ok(())
}
