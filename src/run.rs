//! [`run`] and [`run_in_thread`]: threads whose greenlets have an end.

use std::io;
use std::thread::{Builder, JoinHandle};

use greenlet_core::Exception;

use crate::outcome::Outcome;

/// Calls `f`, and ends this thread's greenlets while everything that they use is there. What `f` returned is
/// given back after the hub is destroyed and the greenlets that are left are unwound, so that the destructors
/// on their stacks have run. To have them finish instead, join them in `f`.
///
/// Wrap the code of every thread that uses greenlets in it, and `main`'s if destructors are to run there too.
/// A thread that just returns leaves its parked greenlets as they are, for ever, and says so on stderr: its
/// thread-locals are being destroyed by then, and a greenlet may have borrowed from them.
///
/// ```
/// use gevent::{Exception, run, sleep, spawn};
///
/// fn main() -> Result<(), Exception> {
///     run(|| {
///         let greenlet = spawn(|| sleep(0.001));
///         greenlet.get()
///     })
/// }
/// ```
///
/// Afterwards the hub's handles give [`HubDestroyed`](crate::exceptions::HubDestroyed), and
/// [`get_hub`](crate::get_hub) makes a new hub.
///
/// # Errors
/// What `f` returns; without calling it, [`NotMainGreenletError`](crate::exceptions::NotMainGreenletError) in
/// another than the thread's main greenlet, [`NestedRunError`](crate::exceptions::NestedRunError) inside of
/// another `run`, and `HubDestroyed` when the thread's thread-locals are being destroyed.
///
/// # Panics
/// If `f` does, after the same end; else if a destructor does that is run by the end.
pub fn run<R: Outcome>(f: impl FnOnce() -> R) -> Result<R::Value, Exception> {
    hub::run(f)?.into_result()
}

/// Starts an OS thread that [runs](run) `f`.
///
/// ```
/// let thread = gevent::run_in_thread(|| {
///     let greenlet = gevent::spawn(|| 6 * 7);
///     greenlet.get()
/// })?;
/// assert_eq!(thread.join().expect("it does not panic")?, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// When the system has no more threads. The thread's own outcome is that of its `join`.
pub fn run_in_thread<R>(
    f: impl FnOnce() -> R + Send + 'static,
) -> io::Result<JoinHandle<Result<R::Value, Exception>>>
where
    R: Outcome<Value: Send>,
{
    Builder::new().spawn(|| run(f))
}
