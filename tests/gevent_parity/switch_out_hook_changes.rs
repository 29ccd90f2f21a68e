//! switch_out is called before each wait of any kind; the wait fails with its error.

use std::cell::Cell;
use std::rc::Rc;

use gevent::event::Event;
use gevent::hub::Waiter;
use gevent::{Greenlet, get_hub, sleep, spawn};

use super::common::{TestResult, ValueError, name};

#[derive(Default)]
struct Counting {
    count: Cell<u32>,
    refuse: Cell<bool>,
}

impl Counting {
    fn switch_out(&self) -> TestResult {
        self.count.set(self.count.get() + 1);
        match self.refuse.get() {
            true => Err(ValueError("stay").into()),
            false => Ok(()),
        }
    }

    fn one(&self, label: &str, wait: impl FnOnce() -> TestResult) {
        let before = self.count.get();
        let waited = wait();
        let asked = self.count.get() - before;
        match waited {
            Ok(()) => println!("{label}: waited, asked {asked}"),
            Err(error) => println!("{label}: {}, asked {asked}", name(&error)),
        }
    }
}

fn run(g: &Counting) -> TestResult {
    let done = spawn(|| ());
    let stored = Waiter::new(get_hub());
    stored.switch(1)?;
    let event = Event::new();
    g.one("sleep", || sleep(0));
    g.one("sleep some", || sleep(0.001));
    g.one("done", || done.join());
    g.one("stored", || stored.get().map(drop));
    g.one("event", || event.wait_timeout(0.001).map(drop));
    g.refuse.set(true);
    g.one("sleep", || sleep(0));
    g.one("sleep some", || sleep(0.001));
    g.one("event", || event.wait().map(drop));
    g.one("join", || spawn(|| ()).join());
    g.refuse.set(false);
    g.one("sleep", || sleep(0));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let counting = Rc::<Counting>::default();
    let asked = counting.clone();
    let g = Greenlet::builder()
        .switch_out(move || asked.switch_out())
        .build(move || run(&counting));
    g.start()?;
    g.join()
}
