//! A loop that is blocked is reported, with the greenlet's number and the names of its functions.

use std::cell::Cell;
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use gevent::events::{self, EventLoopBlocked};
use gevent::greenlet_core::{ThreadWatch, WatchSignal};
use gevent::monitor::Frame;
use gevent::{get_hub, sleep, spawn};

use crate::monitored;
use crate::support::{Reports, TestResult, bounded};

const ROUNDS: usize = 100;

/// The greenlet of a round, as the subscriber knows it.
#[derive(Default)]
struct Round {
    id: AtomicU64,
    /// Whether the greenlet is where it blocks.
    there: AtomicBool,
    /// Whether it was reported there.
    reported: AtomicBool,
    /// How many reports did not name the function.
    wrong: AtomicUsize,
}

thread_local! {
    static ROUND: Cell<*const Round> = const { Cell::new(std::ptr::null()) };
}

/// Whether the greenlet is to go on blocking.
fn goes_on() -> bool {
    // SAFETY: `is_reported` has set it, and waits for the greenlets that call this.
    let round = unsafe { &*ROUND.get() };
    round.there.store(true, Ordering::Relaxed);
    !round.reported.load(Ordering::Relaxed)
}

/// Checks that greenlets which `block` until they are reported are reported as such, with the functions of these
/// `names`.
fn is_reported(block: fn(), names: &'static [&'static str]) -> TestResult {
    let _bounded = bounded();
    let (hub, monitor) = monitored();
    let _printed = Reports::new();
    let round = Arc::new(Round::default());
    ROUND.set(Arc::as_ptr(&round));
    let (sender, reports) = channel();
    let ident = hub.minimal_ident();
    let seen = round.clone();
    let _subscription = events::subscribe(move |event: &mut EventLoopBlocked| {
        if event.hub.minimal_ident() != ident || !seen.there.load(Ordering::Relaxed) {
            return;
        }
        let frames = &event.greenlet.backtrace;
        let named = |name: &&str| {
            frames
                .iter()
                .any(|frame| frame.function.as_ref().is_some_and(|own| own.contains(*name)))
        };
        if event.greenlet.id == seen.id.load(Ordering::Relaxed) && names.iter().all(named) {
            sender.send(event.clone()).expect("the test goes on");
            seen.there.store(false, Ordering::Relaxed);
            seen.reported.store(true, Ordering::Relaxed);
        } else {
            seen.wrong.fetch_add(1, Ordering::Relaxed);
        }
    });
    for _ in 0..ROUNDS {
        // The greenlet may have said that it is there once more, after the report.
        round.there.store(false, Ordering::Relaxed);
        round.reported.store(false, Ordering::Relaxed);
        let line = line!() + 1;
        let greenlet = spawn(block);
        round.id.store(greenlet.raw().id(), Ordering::Relaxed);
        greenlet.join()?;
        round.there.store(false, Ordering::Relaxed);
        let event = reports.try_recv().expect("the greenlet goes on when it is reported");
        assert_eq!(
            event.greenlet.made_at.map(|at| (at.file(), at.line())),
            Some((file!(), line))
        );
        assert!(
            event.info.iter().any(|line| line.contains("appears to be blocked")),
            "{:#?}",
            event.info
        );
        assert!(
            event.info.iter().any(|line| line.contains(names[0])),
            "{:#?}",
            event.info
        );
        // A snapshot may be taken right before the greenlet is there, and arrive when it is.
        assert!(round.wrong.swap(0, Ordering::Relaxed) <= 1);
    }
    monitor.kill();
    Ok(())
}

#[inline(never)]
fn computes() {
    while goes_on() {
        black_box((0..100_u64).sum::<u64>());
    }
}

#[test]
fn a_greenlet_that_computes_is_reported() -> TestResult {
    is_reported(computes, &["computes"])
}

#[inline(never)]
fn sleeps_in_c() {
    while goes_on() {
        // SAFETY: the call takes a number.
        unsafe { libc::usleep(300_000) };
    }
}

#[test]
fn a_greenlet_in_usleep_is_reported() -> TestResult {
    is_reported(sleeps_in_c, &["sleeps_in_c"])
}

#[inline(never)]
fn sorts_in_c() {
    extern "C" fn compare(one: *const c_void, other: *const c_void) -> i32 {
        computes();
        // SAFETY: these are elements of the array.
        unsafe { *one.cast::<i32>() - *other.cast::<i32>() }
    }
    let mut numbers: Vec<i32> = (0..1000).map(|number| number * 7919 % 1000).collect();
    // SAFETY: the array has 1000 elements of four bytes.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, Some(compare)) };
    assert!(numbers.is_sorted());
}

#[test]
fn a_greenlet_in_a_callback_of_qsort_is_reported() -> TestResult {
    is_reported(sorts_in_c, &["computes", "compare", "sorts_in_c"])
}

#[inline(never)]
fn allocates() {
    while goes_on() {
        for size in [16, 100, 1000, 10_000, 200_000] {
            black_box(vec![1_u8; size]);
        }
    }
}

#[test]
fn a_greenlet_in_malloc_is_reported() -> TestResult {
    is_reported(allocates, &["allocates"])
}

#[test]
fn a_hub_that_waits_is_not_reported() -> TestResult {
    let _bounded = bounded();
    let (_, monitor) = monitored();
    monitor.kill();
    let over = gevent::threadsafe::Event::new();
    let looks = {
        let over = over.clone();
        thread::spawn(move || {
            // First nothing has switched, and then the hub runs.
            let none = (0..1000).all(|_| monitor.monitor_blocking().is_none());
            over.set();
            none
        })
    };
    over.wait()?;
    assert!(looks.join().expect("it does not panic"));
    Ok(())
}

/// Sets the event when the thread ends, also by a failure.
struct Over(gevent::threadsafe::Event);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.set();
    }
}

#[test]
fn a_hub_that_waits_can_be_looked_at_and_goes_on() -> TestResult {
    let _bounded = bounded();
    let signal = WatchSignal::install(None).expect("there are free signals");
    // From now on the hub is inside its loop when it is switched to.
    sleep(0)?;
    let (hub, over) = (get_hub(), gevent::threadsafe::Event::new());
    let id = hub.greenlet().id();
    let watch = ThreadWatch::here();
    let looks = {
        let over = over.clone();
        thread::spawn(move || {
            let _over = Over(over);
            // Each of these signals ends the hub's system call.
            let mut seen = 0;
            while seen < 100 {
                let snapshot = watch.snapshot(signal, Duration::from_secs(30)).expect("it answers");
                if snapshot.greenlet.is_some_and(|greenlet| greenlet.id == id) {
                    let frames = snapshot.addresses.iter().flat_map(|address| Frame::of(*address));
                    let names: Vec<_> = frames.filter_map(|frame| frame.function).collect();
                    assert!(
                        names.iter().any(|name| name == "ev_run") && snapshot.complete,
                        "{names:#?}"
                    );
                    seen += 1;
                }
            }
        })
    };
    let sleeper = spawn(|| sleep(0.3));
    over.wait()?;
    looks.join().expect("it does not panic");
    sleeper.get()
}
