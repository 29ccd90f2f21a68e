//! A supervisor that starts workers again when they fail, until they have failed too often, and stops the rest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use gevent::event::Event;
use gevent::{Exception, Greenlet, killall, sleep, spawn};

use super::common::{TestResult, ValueError, name, report_errors};

/// A handle: its clones are the same supervisor.
#[derive(Clone)]
struct Supervisor(Rc<State>);

struct State {
    limit: usize,
    failures: RefCell<BTreeMap<&'static str, usize>>,
    running: RefCell<BTreeMap<&'static str, Greenlet<()>>>,
    given_up: Event,
}

type Worker = fn(&str) -> TestResult;

impl Supervisor {
    fn new(limit: usize) -> Self {
        let (failures, running) = Default::default();
        let given_up = Event::new();
        Supervisor(Rc::new(State {
            limit,
            failures,
            running,
            given_up,
        }))
    }

    fn start(&self, label: &'static str, function: Worker) {
        let g = spawn(move || function(label));
        self.0.running.borrow_mut().insert(label, g.clone());
        let this = self.clone();
        g.link_exception(move |g| this.failed(label, function, &g.exception().unwrap()));
        let this = self.clone();
        g.link_value(move |_| drop(this.0.running.borrow_mut().remove(label)));
    }

    fn failed(&self, label: &'static str, function: Worker, error: &Exception) {
        let count = self.failures(label) + 1;
        self.0.failures.borrow_mut().insert(label, count);
        println!("{label}: {} {error}, failure {count}", name(error));
        self.0.running.borrow_mut().remove(label);
        if count < self.0.limit {
            self.start(label, function);
        } else {
            self.0.given_up.set();
        }
    }

    fn failures(&self, label: &str) -> usize {
        self.0.failures.borrow().get(label).copied().unwrap_or(0)
    }

    fn stop(&self) -> TestResult {
        let running: Vec<_> = self.0.running.borrow().values().cloned().collect();
        killall(running)?;
        sleep(0)
    }
}

fn crashes(_: &str) -> TestResult {
    sleep(0)?;
    Err(ValueError("crashed").into())
}

fn endless(label: &str) -> TestResult {
    let slept = loop {
        if let Err(error) = sleep(100) {
            break Err(error);
        }
    };
    println!("{label} stops");
    slept
}

fn short(label: &str) -> TestResult {
    println!("{label} is done");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let supervisor = Supervisor::new(3);
    for (label, function) in [("crasher", crashes as Worker), ("server", endless), ("task", short)] {
        supervisor.start(label, function);
    }
    supervisor.0.given_up.wait()?;
    let running: Vec<_> = supervisor.0.running.borrow().keys().copied().collect();
    println!("running: {}", running.join(" "));
    supervisor.stop()?;
    println!(
        "running: {}, failures: {}",
        supervisor.0.running.borrow().len(),
        supervisor.failures("crasher")
    );
    Ok(())
}
