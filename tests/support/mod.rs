//! Helpers of the tests that are written after gevent's own.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use gevent::hub::ExceptionStream;
use gevent::{Exception, Timeout, get_hub, sleep};

/// The result of tests and their greenlets.
pub(crate) type TestResult = Result<(), Exception>;

/// The error with which greenlets fail on purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ExpectedError(pub(crate) &'static str);

/// An [`ExpectedError`], for any function that is to fail.
pub(crate) fn fail<T>(message: &'static str) -> Result<T, Exception> {
    Err(ExpectedError(message).into())
}

/// The time limit of a test.
const BOUND: Duration = Duration::from_secs(60);

/// Ends the process unless this value is dropped, at the end of the test, in time. The clock is in another thread,
/// because a loop that hangs may call no timers.
pub(crate) struct Bounded(#[allow(dead_code, reason = "it is there to be dropped")] Sender<()>);

/// See [`Bounded`].
#[must_use]
pub(crate) fn bounded() -> Bounded {
    let (alive, over) = channel::<()>();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if over.recv_timeout(BOUND) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    Bounded(alive)
}

/// A loopback address that nobody else uses, for tests that check that a port is closed, or listen at it again: at
/// 127.0.0.1 another test or program could get the port meanwhile, if only for a client. (On Linux all of 127.0.0.0/8
/// is this machine, and connections begin at 127.0.0.1.)
pub(crate) fn own_address() -> SocketAddr {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    if !cfg!(target_os = "linux") {
        return SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    }
    // 127.128.0.0 to 127.191.255.255: by the process, and by the call.
    let (process, call) = (
        std::process::id() % (1 << 12),
        CALLS.fetch_add(1, Ordering::Relaxed) % (1 << 10),
    );
    let ours = (process << 10) | call;
    SocketAddr::from((Ipv4Addr::from(0x7f80_0000 | ours), 0))
}

/// Starts a server at the address that it had before. A child that another test is just making has the descriptors of
/// this process, the old listener too, until its program runs.
pub(crate) fn start_again<E: Into<Exception>>(start: impl Fn() -> Result<(), E>) -> TestResult {
    let in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    loop {
        match start().map_err(Into::into) {
            Err(error) if error.downcast_ref().is_some_and(in_use) => sleep(0.001)?,
            started => return started,
        }
    }
}

/// A log of values, in order. Clones are the same log.
pub(crate) struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(self.0.clone())
    }
}

impl<T> Log<T> {
    pub(crate) fn new() -> Log<T> {
        Log(Rc::default())
    }

    pub(crate) fn add(&self, what: impl Into<T>) {
        self.0.borrow_mut().push(what.into());
    }

    pub(crate) fn take(&self) -> Vec<T> {
        self.0.take()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The reports of this thread's hub about errors that no caller takes.
#[derive(Clone, Default)]
pub(crate) struct Reports(Rc<RefCell<Vec<u8>>>);

impl Reports {
    /// Makes the hub print here from now on.
    pub(crate) fn new() -> Reports {
        let reports = Reports::default();
        let stream = ExceptionStream::Write(Box::new(reports.clone()));
        get_hub().set_exception_stream(stream);
        reports
    }

    pub(crate) fn take(&self) -> String {
        String::from_utf8(self.0.take()).expect("reports are text")
    }

    /// Takes the reports, and fails unless there is exactly one, which contains `part`.
    #[track_caller]
    pub(crate) fn one_with(&self, part: &str) {
        let text = self.take();
        assert_eq!(text.matches(" failed with ").count(), 1, "{text}");
        assert!(text.contains(part), "{text}");
    }
}

impl io::Write for Reports {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails unless the numbers are equal, except for rounding.
#[track_caller]
pub(crate) fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
}

/// The time of a wait that another event is to cut short.
pub(crate) const LONG: f64 = 100.0;

/// gevent's `test_returns_none_after_timeout`: the wait ends when its own time is over, not
/// before, and without an error.
#[track_caller]
pub(crate) fn returns_after_timeout(wait: impl FnOnce(f64) -> TestResult) -> TestResult {
    let (seconds, begin) = (0.02, Instant::now());
    wait(seconds)?;
    let took = begin.elapsed().as_secs_f64();
    assert!((seconds..LONG / 2.0).contains(&took), "{took}");
    Ok(())
}

/// gevent's `test_outer_timeout_is_not_lost`: a timeout around the wait ends it, and can be told from the wait's own.
#[track_caller]
pub(crate) fn outer_timeout_is_not_lost(wait: impl FnOnce(f64) -> TestResult) {
    let timeout = Timeout::start_new(0.001);
    let error = wait(LONG).expect_err("the outer timeout comes first");
    assert!(timeout.caused(&error), "{error:?}");
}
