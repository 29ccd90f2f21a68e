//! The strikes, and the checks afterwards.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gevent::greenlet_core::{RawGreenlet, greenlets};
use gevent::threadpool::HubExt;
use gevent::{Exception, GreenletExit, Timeout, get_hub, getcurrent, kill, run_in_thread, sleep};
use gevent_monkey::{run, stats};
use gevent_threading::on_carrier;

use crate::row::{Case, Row, Thrown, done};

/// Who makes the call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Who {
    VirtualThread,
    Greenlet,
}

impl Who {
    /// Begins one.
    fn spawn(self, f: impl FnOnce() + Send + 'static) {
        match self {
            Who::VirtualThread => drop(gevent_threading::spawn(f)),
            Who::Greenlet => drop(gevent::spawn(move || {
                f();
                Ok::<(), Exception>(())
            })),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Strike {
    Exit,
    /// An exception that looks like an error of the call's own.
    Kill(i32),
    Timeout,
    /// The hub ends while the call is parked.
    End,
    Close,
    Dup2,
    Fork,
    Signals,
    /// Nothing but the end of the call.
    None,
}

const STRIKES: [Strike; 11] = [
    Strike::None,
    Strike::Exit,
    Strike::Kill(libc::EINTR),
    Strike::Kill(libc::EAGAIN),
    Strike::Kill(libc::EBADF),
    Strike::Timeout,
    Strike::End,
    Strike::Close,
    Strike::Dup2,
    Strike::Fork,
    Strike::Signals,
];

impl Strike {
    /// Whether something is thrown into the call.
    fn throws(self) -> bool {
        matches!(self, Strike::Exit | Strike::Kill(_) | Strike::Timeout)
    }

    /// Whether the descriptor goes away during the call.
    fn closes(self) -> bool {
        matches!(self, Strike::Close | Strike::Dup2)
    }
}

/// What has become of who makes the call.
#[derive(Default)]
struct Ended {
    /// What the call has returned.
    call: Option<io::Result<()>>,
    /// What `run` has returned.
    run: Option<Result<(), Exception>>,
}

thread_local! {
    /// The carrier's: the greenlet that makes the call, and the timeout that is thrown into it.
    static VICTIM: RefCell<Option<RawGreenlet>> = const { RefCell::new(None) };
    static TIMEOUT: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Long enough that only a strike ends it.
const LONG: Duration = Duration::from_secs(1000);

/// A call that is parked.
struct Victim {
    greenlet: RawGreenlet,
    ended: Arc<Mutex<Ended>>,
}

/// Begins somebody who makes the call of a case, and waits until that is parked, for the last time that it will be.
fn begin(what: &str, who: Who, strike: Strike, case: &mut Case) -> Victim {
    let ended = Arc::new(Mutex::new(Ended::default()));
    let its = ended.clone();
    let before = stats();
    // If the call is to do a part before, time must not be over at once.
    let timed = strike == Strike::Timeout && case.again.is_empty();
    let call = std::mem::replace(&mut case.call, Box::new(|| Ok(())));
    who.spawn(move || {
        on_carrier(|| {
            VICTIM.set(Some(getcurrent()));
            if strike == Strike::Timeout {
                let timeout = Timeout::new(0.0);
                if timed {
                    timeout.start().expect("there is a hub");
                }
                TIMEOUT.set(Some(timeout));
            }
        });
        let in_call = its.clone();
        let got = run(move || {
            let got = call();
            let succeeded = got.is_ok();
            in_call.lock().unwrap().call = Some(got);
            if succeeded && strike.throws() {
                // What has come too late for the call, or was no error of it, is there now, or comes.
                std::thread::sleep(LONG);
            }
            Ok::<(), Exception>(())
        });
        its.lock().unwrap().run = Some(got);
    });
    let is_over = || ended.lock().unwrap().run.is_some();
    until(&format!("{what}: it does not park"), || {
        stats().waiting > before.waiting || is_over()
    });
    // Timeouts may have struck already. For the others, it is parked.
    for again in case.again.drain(..) {
        let parked = stats().parked;
        again();
        until(&format!("{what}: it does not park again"), || {
            stats().parked > parked && stats().waiting > before.waiting || is_over()
        });
        assert!(!is_over(), "{what}: it has ended");
    }
    let greenlet = VICTIM.take().expect("it has begun");
    if let Some(timeout) = TIMEOUT.with_borrow(|timeout| timeout.as_ref().filter(|_| !timed).map(Timeout::exception)) {
        kill(&greenlet, timeout).expect("there is a hub");
    }
    Victim { greenlet, ended }
}

/// Lets the others run until something is so.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let bound = Instant::now() + Duration::from_secs(120);
    while !is() {
        assert!(Instant::now() < bound, "{what}");
        sleep(0.0002).expect("nobody kills this");
    }
}

/// Runs a case once.
fn strike_once(row: Row, who: Who, strike: Strike) {
    let what = format!("{row}: {strike:?} of a {who:?}");
    let mut case = (row.make)();
    let Victim {
        greenlet: victim,
        ended,
    } = begin(&what, who, strike, &mut case);
    let mut fd = case.fd;
    let exception = match strike {
        Strike::Exit => Some(Exception::new(GreenletExit)),
        Strike::Kill(errno) => Some(Exception::new(io::Error::from_raw_os_error(errno))),
        _ => None,
    };
    match strike {
        Strike::Exit | Strike::Kill(_) => {
            kill(&victim, exception.clone().expect("it is thrown")).expect("there is a hub");
        }
        Strike::Close => drop(fd.take()),
        Strike::Dup2 => {
            let other = fs::File::open("/dev/null").expect("it is there");
            let its = fd.as_ref().expect("there is one").as_raw_fd();
            // SAFETY: both are open, and this test owns them.
            done(unsafe { libc::dup2(other.as_raw_fd(), its) }).expect("they are open");
        }
        Strike::Fork => fork(&what),
        Strike::Signals => signals(),
        Strike::Timeout | Strike::End | Strike::None => {}
    }
    let called = || ended.lock().unwrap().call.is_some();
    let ends_by_strike = strike.closes() || strike.throws() && !row.thrown.goes_on();
    if ends_by_strike {
        until(&format!("{what}: the call does not end"), called);
        sleep(0).expect("nobody kills this");
    }
    if !ends_by_strike {
        if strike.throws() {
            // The throw has come by now, and the call goes on.
            (0..5).for_each(|_| sleep(0.0002).expect("nobody kills this"));
            assert!(!called(), "{what}: the call has ended");
        }
        (case.give)();
    }
    until(&format!("{what}: it does not end"), || {
        ended.lock().unwrap().run.is_some()
    });
    until(&format!("{what}: its greenlet does not end"), || victim.dead());
    let Ended { call, run } = std::mem::take(&mut *ended.lock().unwrap());
    let call = call.expect("it has returned");
    let errno = call.as_ref().map_err(|error| error.raw_os_error()).err();
    let expected = match strike {
        Strike::Close => row.closed.expect("there is one")[0].map(Some),
        Strike::Dup2 => row.closed.expect("there is one")[1].map(Some),
        _ if strike.throws() && matches!(row.thrown, Thrown::Fails | Thrown::FailsOrReturns) => {
            Some(Some(libc::ECANCELED))
        }
        _ => None,
    };
    let may_be_done = strike.throws() && row.thrown == Thrown::FailsOrReturns && call.is_ok();
    assert!(may_be_done || errno == expected, "{what}: the call: {call:?}");
    let run = run.expect("it has ended");
    let timeout = TIMEOUT.take();
    match (&run, &exception, &timeout) {
        (Ok(()), None, None) => {}
        (Err(got), Some(exception), _) if got.same(exception) => {}
        (Err(got), _, Some(timeout)) if timeout.caused(got) => {}
        _ => panic!("{what}: run: {run:?}"),
    }
    drop((run, exception, timeout, victim));
    (case.check)(call.is_ok() && !strike.closes(), fd.filter(|_| strike != Strike::Dup2));
}

/// The child is there for a while. Its calls wait for nobody of its parent.
fn fork(what: &str) {
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: the functions have no conditions.
            unsafe {
                let time = libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 1_000_000,
                };
                libc::syscall(libc::SYS_nanosleep, &raw const time, null_mut::<()>());
                libc::_exit(7)
            }
        }
        child => {
            let mut status = 0_i32;
            // By the kernel, so that no call that is parked finds the child.
            // SAFETY: the pointer is that of a variable, and nothing else is asked for.
            let waited = unsafe { libc::syscall(libc::SYS_wait4, child, &raw mut status, 0, null_mut::<()>()) };
            assert_eq!(
                (waited, libc::WEXITSTATUS(status)),
                (child.into(), 7),
                "{what}: the child"
            );
        }
    }
}

/// Signals come to the carrier while it waits for events. Their handler is not one that restarts calls.
fn signals() {
    static CAUGHT: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn caught(_: i32) {
        CAUGHT.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: zero is right for each of its fields.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = caught as *const () as usize;
    // SAFETY: the action is whole, and its handler changes an atomic only.
    done(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, null_mut()) }).expect("it is a signal");
    // SAFETY: the function has no conditions.
    let carrier = unsafe { libc::pthread_self() };
    let before = CAUGHT.load(Ordering::Relaxed);
    let sender = std::thread::spawn(move || {
        for sent in 1..=5 {
            // SAFETY: the carrier waits for this thread.
            assert_eq!(unsafe { libc::pthread_kill(carrier, libc::SIGUSR1) }, 0);
            while CAUGHT.load(Ordering::Relaxed) < before + sent {
                std::thread::yield_now();
            }
        }
    });
    until("the signals come", || CAUGHT.load(Ordering::Relaxed) >= before + 5);
    sender.join().expect("it does not panic");
}

/// Runs a case in a thread whose hub ends while the call is parked.
fn end(row: Row, who: Who) {
    let what = format!("{row}: the hub of a {who:?} ends");
    let thread = std::thread::spawn(move || {
        let begun = gevent::run(|| {
            let mut case = (row.make)();
            let ended = begin(&what, who, Strike::End, &mut case).ended;
            // The wait is not to end because what it waits for is dropped.
            Ok::<_, Exception>((ended, case.fd, case.give, case.check))
        });
        let (ended, fd, _give, check) = begun.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let call = ended.lock().unwrap().call.take();
        if row.thrown.goes_on() {
            let may_return = row.thrown == Thrown::GoesOnOrReturns && matches!(call, Some(Ok(())));
            assert!(
                call.is_none() || may_return,
                "{what}: {call:?}, but nobody has let it go on"
            );
            return;
        }
        let call = call.unwrap_or_else(|| panic!("{what}: the call has not returned"));
        let errno = call.as_ref().map_err(io::Error::raw_os_error).err();
        let expected = (row.thrown == Thrown::Fails).then_some(Some(libc::ECANCELED));
        assert!(
            row.thrown == Thrown::FailsOrReturns || errno == expected,
            "{what}: {call:?}"
        );
        check(call.is_ok(), fd);
    });
    // A join that parks would be counted with the call.
    until("the thread ends", || thread.is_finished());
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// What belongs to the process and to the hub: parked calls, descriptors, greenlets, jobs of the thread pools, and what
/// keeps the loop running.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    waiting: u64,
    descriptors: usize,
    greenlets: usize,
    jobs: usize,
    active: i32,
}

impl Counts {
    fn is_within(self, floor: Counts) -> bool {
        self.waiting <= floor.waiting
            && self.descriptors <= floor.descriptors
            && self.greenlets <= floor.greenlets
            && self.jobs <= floor.jobs
            && self.active <= floor.active
    }
}

fn counts() -> Counts {
    Counts {
        waiting: stats().waiting,
        descriptors: fs::read_dir("/proc/self/fd").expect("it is there").count(),
        greenlets: greenlets().len(),
        jobs: get_hub().threadpool().len() + get_hub().resolver_threadpool().len(),
        active: get_hub().loop_().activecnt().expect("it is not destroyed"),
    }
}

fn strike_row(row: Row, who: Who) {
    // The first runs make objects that are kept.
    for strike in [Strike::None, Strike::Exit] {
        strike_once(row, who, strike);
    }
    let mut floor = counts();
    for strike in STRIKES {
        match strike {
            Strike::End => end(row, who),
            _ if strike.closes() && row.closed.is_none() => {}
            _ => strike_once(row, who, strike),
        }
        // On a busy machine, something of before may have ended only now.
        let bound = Instant::now() + Duration::from_secs(120);
        loop {
            let now = counts();
            if now.is_within(floor) {
                floor = now;
                break;
            }
            assert!(
                Instant::now() < bound,
                "{row}: {strike:?} of a {who:?}: {floor:?} became {now:?}"
            );
            sleep(0.001).expect("nobody kills this");
        }
    }
}

/// Strikes at every row, each in a thread of its own, so that it has a hub of its own.
pub(crate) fn strike_everywhere(rows: &[Row], who: Who) {
    for row in rows.iter().copied() {
        let _bounded = Bounded::new(format!("{row}, in a {who:?}"));
        println!("{who:?}: {row}");
        let thread = run_in_thread(move || strike_row(row, who));
        match thread.expect("it starts").join() {
            Ok(ended) => ended.unwrap_or_else(|error| panic!("{row}: {error:?}")),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Ends the process if it is not dropped in time.
struct Bounded(Option<Sender<()>>);

impl Bounded {
    fn new(name: String) -> Bounded {
        let (sender, receiver): (_, Receiver<()>) = channel();
        std::thread::spawn(move || {
            if receiver.recv_timeout(Duration::from_secs(90)) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{name}: it hangs");
                std::process::abort();
            }
        });
        Bounded(Some(sender))
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}
