//! Where there are no virtual threads, making one is refused, and nothing is lost.

#![cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]

use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use gevent_threading::{Builder, Unsupported, park_timeout, sleep, spawn, supported, yield_now};

#[test]
fn the_reason_is_told() {
    assert_eq!(supported(), Err(Unsupported::Platform));
    let owned = Arc::new(());
    let its = owned.clone();
    let error = Builder::new().spawn(move || drop(its)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("x86-64"), "{error}");
    assert_eq!(Arc::strong_count(&owned), 1);
    catch_unwind(|| spawn(|| ())).map(drop).unwrap_err();
}

#[test]
fn waits_of_real_threads_work() {
    yield_now();
    sleep(Duration::from_millis(1));
    park_timeout(Duration::from_millis(1));
}
