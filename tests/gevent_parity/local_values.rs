//! Values that each greenlet has for itself, and the time when they are dropped.

use std::cell::{Cell, RefCell};

use gevent::local::Local;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        println!("{} is dropped", self.0);
    }
}

struct Mine {
    count: Cell<i32>,
    noisy: RefCell<Option<Noisy>>,
}

fn run(mine: &Local<Mine>, name: &'static str, times: i32) -> TestResult {
    mine.with(|mine| mine.noisy.replace(Some(Noisy(name))));
    for _ in 0..times {
        mine.with(|mine| mine.count.update(|count| count + 1));
        sleep(0)?;
    }
    println!("{name} {}", mine.with(|mine| mine.count.get()));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let mine = Local::new(|| {
        println!("init");
        Mine {
            count: Cell::new(0),
            noisy: RefCell::new(None),
        }
    });

    mine.with(|mine| mine.count.set(7));
    let gs = [("a", 1), ("b", 3)].map(|(name, times)| {
        let mine = mine.clone();
        spawn(move || run(&mine, name, times))
    });
    joinall(&gs)?;
    sleep(0)?;
    let noisy = mine.with(|mine| mine.noisy.borrow().is_some());
    println!("main {}, {noisy}", mine.with(|mine| mine.count.get()));
    Ok(())
}
