//! Calls functions every few seconds without drift: a late or slow call does not move the next ones, it skips them.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Instant};

use gevent::{prelude::*, queue::Queue};

#[derive(Clone, Default)]
struct Scheduler(Rc<RefCell<BTreeMap<&'static str, Greenlet<()>>>>);

impl Scheduler {
    fn every(&self, interval: f64, name: &'static str, function: impl Fn(u32) -> Result<(), Exception> + 'static) {
        let greenlet = spawn(move || repeat(interval, name, function));
        greenlet.link_value(move |_| println!("{name} was cancelled"));
        greenlet.link_exception(move |ended| println!("{name} has failed: {}", ended.exception().unwrap()));
        let jobs = self.0.clone();
        greenlet.rawlink(move |_| drop(jobs.borrow_mut().remove(name)));
        self.0.borrow_mut().insert(name, greenlet);
    }

    fn cancel(&self, name: &str) -> Result<(), Exception> {
        kill(&self.0.borrow()[name], GreenletExit)
    }

    fn join(&self) -> Result<(), Exception> {
        while !self.0.borrow().is_empty() {
            let greenlets: Vec<_> = self.0.borrow().values().cloned().collect();
            joinall(greenlets)?;
        }
        Ok(())
    }
}

fn repeat(interval: f64, name: &str, function: impl Fn(u32) -> Result<(), Exception>) -> Result<(), Exception> {
    let (start, mut turn) = (Instant::now(), 0);
    loop {
        turn += 1;
        let left = f64::from(turn) * interval - start.elapsed().as_secs_f64();
        if left >= 0.0 {
            sleep(left)?;
            function(turn)?;
        } else {
            println!("{name} skips turn {turn}");
        }
    }
}

fn lazy(turn: u32) -> Result<(), Exception> {
    if turn == 1 {
        sleep(0.25)
    } else {
        AnyGreenlet::current().unwrap().kill()
    }
}

fn main() -> Result<(), Exception> {
    let (scheduler, ticks) = (Scheduler::default(), Queue::new());
    let its = ticks.clone();
    scheduler.every(0.05, "ticks", move |turn| its.put(turn));
    scheduler.every(0.10, "lazy", lazy);
    scheduler.every(0.01, "failing", |_| Err(Exception::msg("no luck")));
    let never = spawn_later(60, || println!("never"));
    println!("ticks: {} {}", ticks.get()?, ticks.get()?);
    let running: Vec<_> = scheduler.0.borrow().keys().copied().collect();
    println!("running: {}", running.join(" "));
    scheduler.cancel("ticks")?;
    never.kill()?;
    scheduler.join()
}
