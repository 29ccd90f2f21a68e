//! Each crate in a hundred virtual threads at once: all values are right, and the waits overlap.

use std::panic::resume_unwind;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gevent_crates_tests::cases::{ENTRIES, Entry};
use gevent_crates_tests::modes::{Measured, in_threads, in_virtual_threads, in_virtual_threads_of_its_own};
use gevent_crates_tests::{Case, Result, SOON, THREADS, WAIT, raise_fd_limit};

/// The limit of a test.
const BOUND: Duration = SOON.saturating_mul(4);

/// Tests a case. What is parked is counted in the whole process, so this is one at a time.
fn check(name: &str) -> Result {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    raise_fd_limit()?;
    gevent_monkey::patch_all()?;
    let entry = ENTRIES.iter().find(|entry| entry.name == name).ok_or("no such case")?;
    let Some(started) = (entry.start)()? else {
        return Ok(());
    };
    // The servers stay in this thread, which stops them even if the others hang.
    let (ended, is_ended) = channel();
    let case = started.case.clone();
    thread::spawn(move || {
        // The thread has ended with all that it carries.
        let _ = ended.send(thread::spawn(move || run(entry, &case).map_err(|error| error.to_string())).join());
    });
    match is_ended.recv_timeout(BOUND)? {
        Ok(done) => Ok(done?),
        Err(payload) => resume_unwind(payload),
    }
}

/// Runs a case in each way.
fn run(entry: &Entry, case: &Arc<dyn Case>) -> Result {
    none_failed("threads", &in_threads(case, THREADS, WAIT));
    let at_once = in_virtual_threads(case, THREADS, Duration::ZERO)?;
    none_failed("virtual threads that do not wait", &at_once);
    let measured = in_virtual_threads(case, THREADS, WAIT)?;
    none_failed("virtual threads", &measured);
    overlapped(entry, &measured);
    case.end(THREADS * 3)?;
    if let Some(measured) = in_virtual_threads_of_its_own(case, THREADS, WAIT)? {
        none_failed("virtual threads, as are the crate's own", &measured);
        overlapped(entry, &measured);
    }
    Ok(())
}

fn none_failed(kind: &str, measured: &Measured) {
    assert_eq!(measured.failed, [] as [String; 0], "{kind}");
}

/// When one of them was done, others were parked, in calls that block a thread otherwise; and the thread went on.
fn overlapped(entry: &Entry, measured: &Measured) {
    // The loop has its turn while they begin. So the first may be done long before the last has begun, if each of them
    // takes as long to begin as a process does.
    assert!(measured.parked >= 2, "{entry:?}: {measured:?}");
    assert!(measured.ticks > 0, "{entry:?}: {measured:?}");
}

macro_rules! tests {
    ($($(#[$attribute:meta])* $name:ident)*) => {
        $(
            #[test]
            $(#[$attribute])*
            fn $name() -> Result {
                check(stringify!($name))
            }
        )*

        /// No case is forgotten here.
        #[test]
        fn all_have_a_test() {
            let tests = [$($(#[$attribute])* stringify!($name)),*];
            assert!(ENTRIES.iter().map(|entry| entry.name).eq(tests));
        }
    };
}

tests! {
    std_net
    std_sync
    process
    parking_lot
    crossbeam_channel
    redis
    rusqlite
    ureq
    #[cfg(feature = "all")]
    postgres
    #[cfg(feature = "all")]
    mysql
    #[cfg(feature = "all")]
    diesel
    #[cfg(feature = "all")]
    reqwest_blocking
    #[cfg(feature = "all")]
    lettre
    #[cfg(feature = "all")]
    native_tls
    #[cfg(feature = "all")]
    rustls
    #[cfg(feature = "all")]
    curl
    #[cfg(feature = "all")]
    tiny_http
    #[cfg(feature = "all")]
    r2d2
    #[cfg(feature = "all")]
    rayon
    #[cfg(feature = "all")]
    tokio
}
