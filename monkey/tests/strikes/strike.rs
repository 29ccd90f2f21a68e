//! The strikes, and the checks afterwards.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gevent::greenlet_core::{RawGreenlet, greenlets};
use gevent::{Exception, GreenletExit, Timeout, get_hub, getcurrent, kill, run_in_thread, sleep};
use gevent_monkey::{run, stats};
use gevent_threading::{on_carrier, spawn};

/// A row of a table: a call that parks.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    thrown: Thrown,
    /// For a call that has a descriptor: its error if that is closed, and if it becomes that of `/dev/null`.
    closed: Option<[Option<i32>; 2]>,
    make: fn() -> Case,
}

impl Row {
    pub(crate) fn new(name: &'static str, make: fn() -> Case) -> Row {
        Row {
            name,
            thrown: Thrown::Fails,
            closed: None,
            make,
        }
    }

    pub(crate) fn thrown(self, thrown: Thrown) -> Row {
        Row { thrown, ..self }
    }

    pub(crate) fn closed(self, closed: [Option<i32>; 2]) -> Row {
        Row {
            closed: Some(closed),
            ..self
        }
    }
}

/// What becomes of a call into which an exception is thrown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Thrown {
    /// It fails with `ECANCELED`.
    Fails,
    /// It returns as if it were done.
    Returns,
    /// It fails, or is done before.
    FailsOrReturns,
    /// It goes on; at the end of the hub, it is given up.
    GoesOn,
}

/// A situation in which the call parks.
pub(crate) struct Case {
    /// Called in a virtual thread.
    pub(crate) call: Box<dyn FnOnce() -> io::Result<()> + Send>,
    /// Lets the call end. Called by the carrier.
    pub(crate) give: Box<dyn FnOnce()>,
    /// What the call waits for, if that is a descriptor; nobody else owns it.
    pub(crate) fd: Option<OwnedFd>,
    /// Checks that nothing is lost, given whether the call has succeeded, and the descriptor if it is still open.
    pub(crate) check: Box<dyn FnOnce(bool, Option<OwnedFd>)>,
}

/// What the kernel says of a system call.
pub(crate) fn done(returned: impl TryInto<i64>) -> io::Result<i64> {
    match returned.try_into() {
        Ok(returned @ 0..) => Ok(returned),
        _ => Err(io::Error::last_os_error()),
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

/// What has become of the virtual thread.
#[derive(Default)]
struct Ended {
    /// What the call has returned.
    call: Option<io::Result<()>>,
    /// What `run` has returned.
    run: Option<Result<(), Exception>>,
}

thread_local! {
    /// The carrier's: the greenlet of the virtual thread, and the timeout that is thrown into it.
    static VICTIM: RefCell<Option<RawGreenlet>> = const { RefCell::new(None) };
    static TIMEOUT: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Long enough that only a strike ends it.
const LONG: Duration = Duration::from_secs(1000);

/// Begins a virtual thread that makes the call, and waits until that is parked.
fn begin(what: &str, strike: Strike, call: Box<dyn FnOnce() -> io::Result<()> + Send>) -> Arc<Mutex<Ended>> {
    let ended = Arc::new(Mutex::new(Ended::default()));
    let its = ended.clone();
    let before = stats().waiting;
    let victim = spawn(move || {
        on_carrier(|| {
            VICTIM.set(Some(getcurrent()));
            if strike == Strike::Timeout {
                let timeout = Timeout::new(0.0);
                timeout.start().expect("there is a hub");
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
    drop(victim);
    let is_parked = || stats().waiting > before || ended.lock().unwrap().run.is_some();
    until(&format!("{what}: it does not park"), is_parked);
    // Timeouts may have struck already. For the others, it is parked.
    ended
}

/// Lets the others run until something is so.
fn until(what: &str, is: impl Fn() -> bool) {
    let bound = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < bound, "{what}");
        sleep(0.0002).expect("nobody kills this");
    }
}

/// Runs a case once.
fn strike_once(row: Row, strike: Strike) {
    let what = format!("{}: {strike:?}", row.name);
    let case = (row.make)();
    let mut fd = case.fd;
    let ended = begin(&what, strike, case.call);
    let victim = VICTIM.take().expect("it has begun");
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
    let ends_by_strike = strike.closes() || strike.throws() && row.thrown != Thrown::GoesOn;
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

/// The child is there, and its calls go to the C library.
fn fork(what: &str) {
    // SAFETY: the child makes system calls only.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: the functions have no conditions.
            unsafe {
                libc::usleep(1000);
                libc::_exit(7)
            }
        }
        child => {
            let mut status = 0;
            // SAFETY: the pointer is that of a variable.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!((waited, libc::WEXITSTATUS(status)), (child, 7), "{what}: the child");
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
    done(unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) }).expect("it is a signal");
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
fn end(row: Row) {
    let what = format!("{}: the hub ends", row.name);
    let thread = std::thread::spawn(move || {
        let begun = gevent::run(|| {
            let case = (row.make)();
            let ended = begin(&what, Strike::End, case.call);
            VICTIM.take();
            // The wait is not to end because what it waits for is dropped.
            Ok::<_, Exception>((ended, case.fd, case.give, case.check))
        });
        let (ended, fd, _give, check) = begun.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let call = ended.lock().unwrap().call.take();
        if row.thrown == Thrown::GoesOn {
            assert!(call.is_none(), "{what}: {call:?}, but nobody has let it go on");
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
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// What belongs to the process and to the hub: parked calls, descriptors, greenlets, and what keeps the loop running.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counts {
    waiting: u64,
    descriptors: usize,
    greenlets: usize,
    active: i32,
}

impl Counts {
    fn is_within(self, floor: Counts) -> bool {
        self.waiting <= floor.waiting
            && self.descriptors <= floor.descriptors
            && self.greenlets <= floor.greenlets
            && self.active <= floor.active
    }
}

fn counts() -> Counts {
    Counts {
        waiting: stats().waiting,
        descriptors: fs::read_dir("/proc/self/fd").expect("it is there").count(),
        greenlets: greenlets().len(),
        active: get_hub().loop_().activecnt().expect("it is not destroyed"),
    }
}

fn strike_row(row: Row) {
    // The first runs make objects that are kept.
    for strike in [Strike::None, Strike::Exit] {
        strike_once(row, strike);
    }
    let mut floor = counts();
    for strike in STRIKES {
        match strike {
            Strike::End => end(row),
            _ if strike.closes() && row.closed.is_none() => {}
            _ => strike_once(row, strike),
        }
        // On a busy machine, something of before may have ended only now.
        let bound = Instant::now() + Duration::from_secs(30);
        loop {
            let now = counts();
            if now.is_within(floor) {
                floor = now;
                break;
            }
            assert!(
                Instant::now() < bound,
                "{}: {strike:?}: {floor:?} became {now:?}",
                row.name
            );
            sleep(0.001).expect("nobody kills this");
        }
    }
}

/// Strikes at every row, each in a thread of its own, so that it has a hub of its own.
pub(crate) fn strike_everywhere(rows: Vec<Row>) {
    for row in rows {
        let _bounded = Bounded::new(row.name);
        println!("{}", row.name);
        let thread = run_in_thread(move || strike_row(row));
        match thread.expect("it starts").join() {
            Ok(ended) => ended.unwrap_or_else(|error| panic!("{}: {error:?}", row.name)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Ends the process if it is not dropped in time.
struct Bounded(Option<Sender<()>>);

impl Bounded {
    fn new(name: &'static str) -> Bounded {
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
