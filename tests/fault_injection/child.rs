//! A process that runs the program, some of its calls failing.

use std::fs;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use gevent::exceptions::LoopExit;
use gevent::greenlet_core::live_greenlets;

use crate::inject::{self, Plan, armed};
use crate::no_hub;
use crate::program::{Errors, Wrong, program};

/// Says what to do.
pub(crate) const VARIABLE: &str = "FAULT_CHILD";
/// What is printed, at the beginning of a line: the calls that a run makes, that one begins, and what is wrong.
pub(crate) const CALLS: &str = "calls ";
pub(crate) const RUN: &str = "run ";
pub(crate) const WRONG: &str = "wrong ";

/// So many runs before the first count: what is made once is there by then.
const WARM_UP: usize = 3;
/// No run takes so many seconds, unless it hangs.
const BOUND: u64 = 30;

static PANICS: AtomicUsize = AtomicUsize::new(0);
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Which runs: `count`, `no hub`, or `kind:errno:times:n,n,..`.
pub(crate) fn main(job: &str) {
    if job == "no hub" {
        return no_hub::check();
    }
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Relaxed);
        print(panic);
    }));
    thread::spawn(watch);
    for _ in 0..WARM_UP {
        run("without faults", None, None);
    }
    let start = Counts::now();
    if job == "count" {
        println!("{CALLS}{}", inject::calls().map(|n| n.to_string()).join(","));
        return;
    }
    let [kind, errno, times, list] = job.split(':').collect::<Vec<_>>()[..] else {
        panic!("kind:errno:times:n,n,..")
    };
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let kind = number(kind);
    for nth in list.split(',').map(number) {
        println!("{RUN}{nth}");
        let plan = Plan {
            kind,
            nth,
            times: number(times),
            errno: number(errno) as i32,
        };
        run("", Some(plan), Some(&start));
        run("the run afterwards", None, Some(&start));
    }
}

/// Ends the process when a run hangs.
fn watch() {
    let mut last = RUNS.load(Relaxed);
    loop {
        // In small steps: a machine that stands still for a while is no run that hangs.
        for _ in 0..BOUND {
            thread::sleep(Duration::from_secs(1));
        }
        let now = RUNS.load(Relaxed);
        if now == last {
            println!("{WRONG}it hangs");
            std::process::abort();
        }
        last = now;
    }
}

fn wrong(what: impl std::fmt::Display) {
    println!("{WRONG}{}", what.to_string().replace('\n', " | "));
}

/// Runs the program in a thread of its own and in this one, whose loop is libev's default one, and says what is wrong.
fn run(name: &str, plan: Option<Plan>, start: Option<&Counts>) {
    let once = || {
        let errors = armed(|| gevent::run(|| Ok(program())));
        (errors, live_greenlets())
    };
    for in_first in [false, true] {
        inject::begin(plan);
        let panics = PANICS.load(Relaxed);
        let (name, ended) = match in_first {
            false => (name.to_owned(), thread::spawn(once).join()),
            true => (format!("{name} in the first thread"), catch_unwind(once)),
        };
        match ended {
            Ok((Ok(errors), alive)) => {
                judge(&name, errors);
                if alive > 1 {
                    wrong(format_args!("{name}: {alive} greenlets are left"));
                }
            }
            Ok((Err(exception), _)) => wrong(format_args!("{name}: gevent::run: {exception}")),
            Err(_) => wrong(format_args!("{name}: the thread panics")),
        }
        if PANICS.load(Relaxed) > panics {
            wrong(format_args!("{name}: somebody panics"));
        }
        if let Some(start) = start {
            start.compare(&name);
        }
        RUNS.fetch_add(1, Relaxed);
    }
}

fn judge(name: &str, errors: Errors) {
    for (place, exception) in &errors.errors {
        if exception.is::<Wrong>() || exception.is::<LoopExit>() {
            wrong(format_args!("{name}: {place}: {exception}"));
        } else if !inject::fired() || inject::interrupts() {
            wrong(format_args!("{name}: {place} fails by itself: {exception}"));
        } else if std::env::var_os("FAULT_VERBOSE").is_some() {
            println!("{place}: {exception}");
        }
    }
    if !inject::fired() && !errors.reports.is_empty() {
        wrong(format_args!("{name}: reported: {}", errors.reports));
    }
}

/// What belongs to the process.
struct Counts {
    descriptors: usize,
    threads: usize,
}

impl Counts {
    fn now() -> Counts {
        Counts {
            descriptors: entries("fd"),
            threads: entries("task"),
        }
    }

    /// Threads need a moment to end after they have done what there was to do.
    fn compare(&self, name: &str) {
        let mut now = Counts::now();
        for _ in 0..5000 {
            if now.threads <= self.threads && now.descriptors <= self.descriptors {
                return;
            }
            thread::sleep(Duration::from_millis(1));
            now = Counts::now();
        }
        if now.threads > self.threads {
            wrong(format_args!(
                "{name}: {} threads instead of {}",
                now.threads, self.threads
            ));
        }
        if now.descriptors > self.descriptors {
            let (is, was) = (now.descriptors, self.descriptors);
            wrong(format_args!("{name}: {is} descriptors instead of {was}"));
        }
    }
}

fn entries(folder: &str) -> usize {
    fs::read_dir(format!("/proc/self/{folder}")).expect("Linux").count()
}
