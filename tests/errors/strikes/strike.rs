//! The strikes, and the checks afterwards.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::{ExpectedError, LONG, TestResult, bounded};
use gevent::greenlet_core::greenlets;
use gevent::hub::{ExceptionStream, set_switch_out};
use gevent::{Exception, Greenlet, GreenletExit, Timeout, get_hub, getcurrent, kill, sleep, spawn};

/// A row of a table: a function that waits.
pub(crate) struct Row {
    /// The name as in `list.rs`, for example `queue/base.rs BaseQueue::put`.
    pub(crate) name: &'static str,
    /// Whether an exception that is thrown by hand ends the function like all others. (A mask does not hold such an
    /// exception back.)
    pub(crate) by_hand: bool,
    make: Box<dyn Fn() -> Case>,
}

/// A situation in which the function waits.
pub(crate) struct Case {
    call: Box<dyn FnOnce() -> TestResult>,
    /// Lets the function go on. Called in the hub.
    give: Rc<dyn Fn()>,
    /// Checks the outcome, given whether the call has succeeded.
    check: Box<dyn FnOnce(bool)>,
}

pub(crate) fn case(
    call: impl FnOnce() -> TestResult + 'static,
    give: impl Fn() + 'static,
    check: impl FnOnce(bool) + 'static,
) -> Case {
    Case {
        call: Box::new(call),
        give: Rc::new(give),
        check: Box::new(check),
    }
}

pub(crate) fn row(name: &'static str, make: impl Fn() -> Case + 'static) -> Row {
    Row {
        name,
        by_hand: true,
        make: Box::new(make),
    }
}

/// The ways to end a wait from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Exit,
    ExitBecause,
    Timeout,
    TimeoutOf(ErrorKind),
    Kill(ErrorKind),
    ByHand(ErrorKind),
    /// An exception of a type with which the function itself may fail.
    Own(usize),
}

/// Kinds of errors after which code tries again, or which it takes for the end of a source.
const KINDS: [ErrorKind; 5] = [
    ErrorKind::Interrupted,
    ErrorKind::WouldBlock,
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionAborted,
    ErrorKind::TimedOut,
];

/// Exceptions of types that the library uses internally, thrown here by user code.
fn owns() -> [Exception; 6] {
    use gevent::exceptions::{BlockingSwitchOutError, Empty, ShutDown, TimedOut, TimeoutError};
    [
        Exception::new(ShutDown),
        Exception::new(Empty),
        Exception::new(TimedOut),
        Exception::new(TimeoutError::default()),
        Exception::new(BlockingSwitchOutError),
        Exception::new(std::io::Error::from_raw_os_error(libc::EBADF)),
    ]
}

fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Exit, Kind::ExitBecause, Kind::Timeout];
    kinds.push(Kind::TimeoutOf(ErrorKind::Interrupted));
    kinds.extend(KINDS.map(Kind::Kill));
    kinds.push(Kind::ByHand(ErrorKind::WouldBlock));
    kinds.extend((0..owns().len()).map(Kind::Own));
    kinds
}

/// The moment of a strike: at the `park`-th wait, and with or without `give` at the same time.
#[derive(Debug, Clone, Copy)]
struct When {
    park: usize,
    with_give: bool,
}

/// Whether an exception is the one that was thrown.
type Is = Rc<dyn Fn(&Exception) -> bool>;

/// The exception of a strike, and the function that recognises it.
fn thrown(kind: Kind) -> (Exception, Is) {
    let exception = match kind {
        Kind::Exit => Exception::new(GreenletExit),
        Kind::ExitBecause => Exception::new(GreenletExit::because("no more of it")),
        Kind::Timeout => Exception::new(ExpectedError("not used")),
        Kind::TimeoutOf(kind) | Kind::Kill(kind) | Kind::ByHand(kind) => Exception::new(std::io::Error::from(kind)),
        Kind::Own(index) => owns()[index].clone(),
    };
    let its = exception.clone();
    (exception, Rc::new(move |other: &Exception| other.same(&its)))
}

/// One strike, before and after it has come.
struct Strike {
    kind: Kind,
    when: When,
    parks: Cell<usize>,
    struck: Cell<bool>,
    given: Cell<bool>,
    give: Rc<dyn Fn()>,
    is: RefCell<Is>,
    timeout: RefCell<Option<Rc<Timeout>>>,
}

impl Strike {
    /// Called in the greenlet before each of its waits.
    fn before_park(self: &Rc<Self>) -> TestResult {
        let park = self.parks.get();
        self.parks.set(park + 1);
        if park != self.when.park {
            return Ok(());
        }
        self.struck.set(true);
        if self.when.with_give {
            self.give()?;
        }
        let (exception, is) = thrown(self.kind);
        self.is.replace(is);
        let greenlet = getcurrent();
        match self.kind {
            Kind::Timeout => {
                let timeout = Rc::new(Timeout::new(0.0));
                timeout.start()?;
                let its = timeout.clone();
                self.is.replace(Rc::new(move |error| its.caused(error)));
                self.timeout.replace(Some(timeout));
            }
            Kind::TimeoutOf(_) => {
                let timeout = Rc::new(Timeout::new(0.0).with_exception(exception));
                timeout.start()?;
                self.timeout.replace(Some(timeout));
            }
            Kind::ByHand(_) => {
                get_hub().loop_().run_callback(move || {
                    if greenlet.dead() {
                        return Ok(());
                    }
                    greenlet.throw(exception).map(drop)
                })?;
            }
            _ => kill(&greenlet, exception)?,
        }
        Ok(())
    }

    /// Lets the function go on soon, if that is not done yet.
    fn give(self: &Rc<Self>) -> TestResult {
        if !self.given.replace(true) {
            let give = self.give.clone();
            get_hub().loop_().run_callback(move || {
                give();
                Ok::<(), Exception>(())
            })?;
        }
        Ok(())
    }
}

/// The number of rounds of the loop before the function may go on. The other greenlets have begun to wait by then.
const ROUNDS: usize = 4;

/// Runs a case once. Returns whether the strike has come.
fn run_once(row: &Row, kind: Kind, when: When, floor: Option<&Floor>) -> Result<bool, Exception> {
    let what = || format!("{}: {kind:?} at {when:?}", row.name);
    let named = NameOnPanic(what());
    let case = (row.make)();
    let strike = Rc::new(Strike {
        kind,
        when,
        parks: Cell::new(0),
        struck: Cell::new(false),
        given: Cell::new(false),
        give: case.give,
        is: RefCell::new(Rc::new(|_| false)),
        timeout: RefCell::default(),
    });
    let (call, its) = (case.call, strike.clone());
    let ended = Rc::new(RefCell::new(None));
    let end = ended.clone();
    let victim: Greenlet<()> = spawn(move || {
        let hook = its.clone();
        set_switch_out(&getcurrent(), Rc::new(move || hook.before_park()));
        let got = call();
        set_switch_out(&getcurrent(), Rc::new(|| Ok(())));
        let came_to_its_end = got.is_ok();
        // An exception that has come too late for the call arrives here.
        let got = match got {
            Ok(()) if its.struck.get() => sleep(LONG),
            got => got,
        };
        drop(its.timeout.take());
        end.replace(Some((came_to_its_end, got)));
    });
    for _ in 0..ROUNDS {
        sleep(0)?;
    }
    strike.give()?;
    victim.join_timeout(LONG)?;
    // By now `give` is done, whether the victim was still there or not.
    sleep(0)?;
    let ended = ended.take();
    let Some((came_to_its_end, got)) = ended else {
        panic!("{}: does not end: {:?}", what(), victim.exception());
    };
    match got {
        Ok(()) => assert!(!strike.struck.get(), "{}: what was thrown is lost", what()),
        Err(exception) => {
            let is = strike.is.borrow().clone();
            assert!(is(&exception), "{}: ended with {exception:?}", what());
        }
    }
    drop(victim);
    if let Some(floor) = floor {
        settle(&named.0, floor)?;
    }
    (case.check)(came_to_its_end);
    if let Some(floor) = floor {
        settle(&named.0, floor)?;
    }
    Ok(strike.struck.get())
}

/// Prints, if a check panics, the strike after which it has failed.
struct NameOnPanic(String);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("wrong with {}", self.0);
        }
    }
}

type Counts = (usize, i32);

/// The counts at a time when everything that was begun before had ended.
struct Floor(Cell<Counts>);

/// Counts the greenlets, and the watchers and callbacks that keep the loop running.
fn counts() -> Result<Counts, Exception> {
    Ok((greenlets().len(), get_hub().loop_().activecnt()?))
}

/// Waits until everything that was begun has ended. On a busy machine, greenlets from before the floor was counted may
/// have ended only now; then the floor is lowered.
fn settle(what: &str, floor: &Floor) -> TestResult {
    let bound = Instant::now() + Duration::from_secs(30);
    loop {
        let (now, start) = (counts()?, floor.0.get());
        if now.0 <= start.0 && now.1 <= start.1 {
            floor.0.set(now);
            return Ok(());
        }
        let blocked = get_hub().blocked_greenlets();
        assert!(Instant::now() < bound, "{what}: {start:?} became {now:?}: {blocked:?}");
        sleep(0.001)?;
    }
}

fn strike_row(row: &Row) -> TestResult {
    get_hub().set_exception_stream(ExceptionStream::Discard);
    // The first run makes objects that are kept for good.
    run_once(
        row,
        Kind::Exit,
        When {
            park: usize::MAX,
            with_give: false,
        },
        None,
    )?;
    sleep(0.01)?;
    let floor = Floor(Cell::new(counts()?));
    let mut places = 0;
    for kind in kinds() {
        if matches!(kind, Kind::ByHand(_)) && !row.by_hand {
            continue;
        }
        for with_give in [false, true] {
            for park in 0.. {
                let when = When { park, with_give };
                if !run_once(row, kind, when, Some(&floor))? {
                    break;
                }
                places += 1;
            }
        }
    }
    assert!(places > 0, "{} does not wait", row.name);
    Ok(())
}

/// Strikes at every wait of every row. Each row runs in a thread of its own, so that it has a hub of its own.
pub(crate) fn strike_everywhere(rows: fn() -> Vec<Row>) {
    for index in 0..rows().len() {
        let _bounded = bounded();
        let thread = gevent::run_in_thread(move || {
            let rows = rows();
            strike_row(&rows[index])
        });
        let ended = thread.expect("it starts").join();
        let name = rows()[index].name;
        match ended {
            Ok(ended) => ended.unwrap_or_else(|error| panic!("{name}: {error:?}")),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
