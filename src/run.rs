//! [`run`] and [`run_in_thread`]: end a thread's greenlets before the thread ends.

use std::io;
use std::thread::{Builder, JoinHandle};

use greenlet_core::Exception;

use crate::outcome::Outcome;

/// Calls `f`, and then ends this thread's greenlets while everything that they use is there.
///
/// After `f` has returned, `run` destroys the hub and unwinds the greenlets that are left, so that the destructors on
/// their stacks run; then it returns the value of `f`. To let greenlets finish instead, join them in `f`.
///
/// Wrap the code of every thread that uses greenlets in `run`, and that of `main` if destructors are to run there too.
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
/// A `main` that is to end as a Python program does, also after Ctrl-C, is [`run_main`](crate::run_main).
///
/// Afterwards calls on handles of the old hub fail with [`HubDestroyed`](crate::exceptions::HubDestroyed), and
/// [`get_hub`](crate::get_hub) makes a new hub.
///
/// # Errors
/// Returns the error of `f`. Without calling `f`, fails with
///
/// * [`NotMainGreenletError`](crate::exceptions::NotMainGreenletError) in another greenlet than the thread's main,
/// * [`NestedRunError`](crate::exceptions::NestedRunError) inside another `run`,
/// * `HubDestroyed` when the thread's thread-locals are being destroyed.
///
/// # Panics
/// A panic of `f` goes on after the greenlets are ended. If `f` has not panicked, a panic of a destructor on their
/// stacks goes on.
pub fn run<R: Outcome>(f: impl FnOnce() -> R) -> Result<R::Value, Exception> {
    hub::run(f)?.into_result()
}

/// Starts an OS thread that calls `f` by [`run`].
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
/// Fails if the system cannot start a thread. The error of `f` is in the value that the thread's `join` returns.
pub fn run_in_thread<R>(f: impl FnOnce() -> R + Send + 'static) -> io::Result<JoinHandle<Result<R::Value, Exception>>>
where
    R: Outcome<Value: Send>,
{
    Builder::new().spawn(|| run(f))
}
