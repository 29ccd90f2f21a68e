//! Code that somebody wrote for threads, in virtual threads, where it is hardest: kills in the midst, many at once,
//! forks, exits, signals, destructors.

mod crowds;
mod ends;
mod joins;
mod kills;
mod locks;
mod semaphores;
mod signals;
mod streams;

use gevent_threading::{Builder, spawn};
use greenlet_core::greenlets;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Ends the process if a test hangs.
pub(crate) struct Bound(mpsc::Sender<()>);

pub(crate) fn bound() -> Bound {
    let (alive, ended) = mpsc::channel::<()>();
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::spawn(move || {
        if ended.recv_timeout(Duration::from_secs(240)) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    Bound(alive)
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Calls `f` in a virtual thread, with patches for all.
pub(crate) fn in_virtual_thread<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    spawn(f).join().unwrap()
}

/// A virtual thread that can be killed.
pub(crate) fn victim<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> gevent_threading::JoinHandle<T> {
    Builder::new().name("victim".into()).spawn(f).unwrap()
}

/// Throws into all victims of the calling real thread.
pub(crate) fn kill_victims<E: Into<greenlet_core::Exception>>(exception: impl Fn() -> E) {
    for greenlet in greenlets() {
        if greenlet.name().as_deref() == Some("victim") {
            hub::kill(&greenlet, exception()).unwrap();
        }
    }
}
