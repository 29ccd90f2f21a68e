//! Who runs a test: real threads, virtual ones, or both.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel as std_channel};
use std::thread;
use std::time::Duration;

use gevent_threading::sync::mpsc::{Sender, channel};
use gevent_threading::{Builder, JoinHandle, yield_now};
use greenlet_core::{GreenletExit, greenlets};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Real threads, none of which has a hub.
    Real,
    /// Virtual threads of the thread that runs the test, whose own waits run the hub.
    Virtual,
    /// In turn virtual threads of two other carriers, and real threads. The test runs in a real thread.
    Mixed,
}

/// Runs functions of a test.
pub(crate) struct Team {
    kind: Kind,
    carriers: Vec<Carrier>,
    next: Cell<usize>,
}

/// A member of the team, which can be joined.
pub(crate) enum Member<T> {
    Real(thread::JoinHandle<T>),
    Virtual(JoinHandle<T>),
}

/// Runs a test with each kind of a team.
pub(crate) fn everywhere(test: fn(&Team)) {
    with(&[Kind::Real, Kind::Virtual, Kind::Mixed], test);
}

/// Runs a test with the teams that have virtual threads.
pub(crate) fn where_there_are_kills(test: fn(&Team)) {
    with(&[Kind::Virtual, Kind::Mixed], test);
}

fn with(kinds: &[Kind], test: fn(&Team)) {
    for &kind in kinds {
        bounded(&format!("{kind:?}"), move || test(&Team::new(kind)));
    }
}

/// Runs a function in a thread of its own, for a minute or two at most.
pub(crate) fn bounded(name: &str, f: impl FnOnce() + Send + 'static) {
    let (end, ended) = std_channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        f();
        end.send(()).expect("it is received");
    });
    let thread = thread.expect("it begins");
    match ended.recv_timeout(Duration::from_secs(120)) {
        Ok(()) => thread.join().expect("it has not panicked"),
        Err(RecvTimeoutError::Disconnected) => thread.join().unwrap_or_else(|payload| resume_unwind(payload)),
        Err(RecvTimeoutError::Timeout) => panic!("{name} hangs"),
    }
}

/// Lets the others run until it is so.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now();
    }
}

impl Team {
    fn new(kind: Kind) -> Team {
        let count = if kind == Kind::Mixed { 2 } else { 0 };
        Team {
            kind,
            carriers: (0..count).map(|_| Carrier::new()).collect(),
            next: Cell::new(0),
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Member<T> {
        let turn = self.next.get();
        self.next.set(turn + 1);
        match self.kind {
            Kind::Real => Member::Real(thread::spawn(f)),
            Kind::Virtual => Member::Virtual(gevent_threading::spawn(f)),
            Kind::Mixed => match self.carriers.get(turn % 3) {
                Some(carrier) => Member::Virtual(carrier.spawn(Builder::new(), f)),
                None => Member::Real(thread::spawn(f)),
            },
        }
    }

    /// Runs a function in the thread, and in the main greenlet, that carries the [victim](Team::victim). There, a
    /// virtual thread that has said that it is going to wait does wait.
    pub(crate) fn beside_victim<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        match self.carriers.first() {
            Some(carrier) => carrier.run(f),
            None => f(),
        }
    }

    /// Makes a virtual thread that [`kill`] finds.
    pub(crate) fn victim<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let builder = Builder::new().name("victim".into());
        match self.carriers.first() {
            Some(carrier) => carrier.spawn(builder, f),
            None => builder.spawn(f).expect("it begins"),
        }
    }
}

/// Kills the victim, which is unwound as soon as the caller waits. To be called beside it.
pub(crate) fn kill() {
    let all = greenlets().into_iter();
    let victim = all
        .filter(|greenlet| greenlet.name().as_deref() == Some("victim"))
        .last();
    hub::kill(&victim.expect("it is there"), GreenletExit).expect("there is a hub");
}

impl<T> Member<T> {
    pub(crate) fn join(self) -> thread::Result<T> {
        match self {
            Member::Real(thread) => thread.join(),
            Member::Virtual(thread) => thread.join(),
        }
    }

    /// The value of one that does not panic.
    pub(crate) fn value(self) -> T {
        self.join().unwrap_or_else(|payload| resume_unwind(payload))
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A real thread that carries virtual ones.
pub(crate) struct Carrier {
    jobs: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Carrier {
    pub(crate) fn new() -> Carrier {
        let (jobs, received) = channel::<Job>();
        // Once there is a hub, it runs while this thread waits for jobs.
        let thread = thread::spawn(move || received.into_iter().for_each(|job| job()));
        Carrier {
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    pub(crate) fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let (reply, replied) = std_channel();
        let job = move || reply.send(f()).expect("it is received");
        let jobs = self.jobs.as_ref().expect("it has not ended");
        jobs.send(Box::new(job)).expect("it is received");
        replied.recv().expect("the job has not panicked")
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        builder: Builder,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.run(move || builder.spawn(f).expect("it begins"))
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.thread.take().map(thread::JoinHandle::join);
        if !thread::panicking() {
            ended.expect("it is there").expect("it has not panicked");
        }
    }
}

/// A panic without a message.
pub(crate) fn fall() -> ! {
    resume_unwind(Box::new("fallen"))
}
