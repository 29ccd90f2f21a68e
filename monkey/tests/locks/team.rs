//! Who runs a test.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use gevent_monkey::real_threads;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Virtual threads of the carrier of the test, which is one itself.
    OneCarrier,
    /// Virtual threads of three other carriers, in turn.
    ThreeCarriers,
    /// Real threads and virtual ones of three carriers, in turn.
    Mixed,
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs functions of a test.
pub(crate) struct Team {
    kind: Kind,
    carriers: Vec<Sender<Job>>,
    next: Cell<usize>,
}

/// A member of the team, which can be joined.
pub(crate) struct Member<T>(Receiver<thread::Result<T>>);

impl<T> Member<T> {
    pub(crate) fn join(self) -> T {
        let ended = self.0.recv().unwrap();
        ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }
}

/// A thread that carries virtual ones: it is one, and makes others as std does.
fn carrier() -> Sender<Job> {
    let (send, jobs) = channel::<Job>();
    let serve = move || jobs.into_iter().for_each(|job| _ = thread::spawn(job));
    real_threads(|| thread::spawn(move || gevent_threading::spawn(serve).join().unwrap()));
    send
}

impl Team {
    fn new(kind: Kind) -> Team {
        let carriers = if kind == Kind::OneCarrier { 0 } else { 3 };
        Team {
            kind,
            carriers: (0..carriers).map(|_| carrier()).collect(),
            next: Cell::new(0),
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Member<T> {
        let (tell, told) = channel();
        let job = move || {
            let _ = tell.send(catch_unwind(AssertUnwindSafe(f)));
        };
        let turn = self.next.replace(self.next.get() + 1);
        match self.kind {
            Kind::OneCarrier => drop(thread::spawn(job)),
            Kind::Mixed if turn % 4 == 3 => drop(real_threads(|| thread::spawn(job))),
            Kind::ThreeCarriers | Kind::Mixed => self.carriers[turn % 3].send(Box::new(job)).unwrap(),
        }
        Member(told)
    }

    /// Runs the function in so many members, with their numbers, and returns what they return.
    pub(crate) fn all<T: Send + 'static>(
        &self,
        count: usize,
        f: impl Fn(usize) -> T + Clone + Send + 'static,
    ) -> Vec<T> {
        let members: Vec<_> = (0..count)
            .map(|number| {
                let f = f.clone();
                self.spawn(move || f(number))
            })
            .collect();
        members.into_iter().map(Member::join).collect()
    }
}

/// Runs a test with each kind of a team, for a minute at most.
pub(crate) fn everywhere(test: fn(&Team)) {
    gevent_monkey::patch_all().unwrap();
    for kind in [Kind::OneCarrier, Kind::ThreeCarriers, Kind::Mixed] {
        let (end, ended) = channel();
        let run = move || {
            let thread = gevent_threading::spawn(move || test(&Team::new(kind)));
            end.send(thread.join()).unwrap();
        };
        thread::spawn(run);
        match ended.recv_timeout(Duration::from_secs(240)) {
            Ok(Ok(())) => {}
            Ok(Err(payload)) => std::panic::resume_unwind(payload),
            Err(_) => {
                eprintln!("{kind:?}: it hangs");
                std::process::abort();
            }
        }
    }
}
