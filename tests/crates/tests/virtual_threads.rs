//! Each crate in a hundred virtual threads at once: all values are right, and the waits overlap.

use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gevent_crates_tests::cases::{ENTRIES, Entry};
use gevent_crates_tests::modes::{Measured, in_threads, in_virtual_threads};
use gevent_crates_tests::{Result, SOON, THREADS, WAIT, raise_fd_limit};

/// Runs a case with threads, and then with virtual threads.
fn check(name: &str) -> Result {
    // What is parked is counted in the whole process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    raise_fd_limit()?;
    gevent_monkey::patch_all()?;
    let entry = ENTRIES.iter().find(|entry| entry.name == name).ok_or("no such case")?;
    let Some(started) = (entry.start)()? else {
        return Ok(());
    };
    // The servers stay in this thread, which stops them even if the other one hangs.
    let (done, is_done) = channel();
    let case = started.case.clone();
    thread::spawn(move || {
        let measured = (|| {
            let threads = in_threads(&case, THREADS, WAIT);
            let again = in_virtual_threads(&case, THREADS, Duration::ZERO)?;
            let measured = in_virtual_threads(&case, THREADS, WAIT)?;
            case.end(THREADS * 3)?;
            Ok([threads, again, measured])
        })();
        let _ = done.send(measured.map_err(|error: Box<dyn std::error::Error>| error.to_string()));
    });
    let [threads, again, measured] = is_done.recv_timeout(SOON)??;
    assert_eq!(threads.failed, Vec::<String>::new(), "of threads");
    assert_eq!(
        again.failed,
        Vec::<String>::new(),
        "of virtual threads that do not wait"
    );
    assert_eq!(measured.failed, Vec::<String>::new(), "of virtual threads");
    overlapped(entry, &measured);
    Ok(())
}

/// When one of them was done, others were parked, in calls that block a thread otherwise; and the thread went on.
fn overlapped(entry: &Entry, measured: &Measured) {
    // The loop gets its turn after fifty of them have begun, if each of them takes long to begin.
    assert!(measured.parked >= THREADS as u64 / 4, "{entry:?}: {measured:?}");
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
}
