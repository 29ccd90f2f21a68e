//! What was thrown into a parked call. It cannot unwind the C code that has made the call, which fails instead, and the
//! exception is kept.

#![cfg_attr(not(glibc), allow(dead_code, reason = "nothing parks there"))]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use greenlet_core::unwind::{Caught, discard};
use greenlet_core::{Exception, GreenletExit, getcurrent, is_virtual_thread};

thread_local! {
    /// Of the virtual thread.
    static KEPT: RefCell<Option<Exception>> = const { RefCell::new(None) };
}

/// Of a plain greenlet.
#[derive(Default)]
struct Kept(RefCell<Option<Caught>>);

/// Keeps what was thrown into the caller, unless something is kept already: that came first.
pub(crate) fn keep(thrown: Caught) {
    if is_virtual_thread() {
        let exception = match thrown {
            Caught::Panic(exception) => exception,
            // `gevent_threading` keeps the unwinding itself.
            Caught::Forced(_) => Exception::new(GreenletExit),
        };
        // Without its thread-locals, the thread is over, and nobody asks.
        let late = KEPT.try_with(|kept| match &mut *kept.borrow_mut() {
            Some(_) => Some(exception),
            none => none.replace(exception),
        });
        // What has come late is dropped without the borrow, as its destructor may make patched calls.
        drop(late);
        return;
    }
    let greenlet = getcurrent();
    let kept = greenlet.local::<Kept>().unwrap_or_else(|| {
        greenlet.set_local(Kept::default());
        greenlet.local::<Kept>().expect("it was set")
    });
    let dropped = match &mut *kept.0.borrow_mut() {
        Some(Caught::Forced(_)) => Some(thrown),
        Some(_) if matches!(thrown, Caught::Panic(_)) => Some(thrown),
        kept => kept.replace(thrown),
    };
    drop(dropped);
}

/// Whether something is kept.
pub(crate) fn is_kept() -> bool {
    if is_virtual_thread() {
        return KEPT.try_with(|kept| kept.borrow().is_some()).unwrap_or(false);
    }
    let kept = getcurrent().local::<Kept>();
    kept.is_some_and(|kept| kept.0.borrow().is_some())
}

fn take() -> Option<Caught> {
    if is_virtual_thread() {
        let kept = KEPT.try_with(RefCell::take).ok().flatten();
        return kept.map(Caught::Panic);
    }
    getcurrent().local::<Kept>()?.0.take()
}

/// Takes the exception that was thrown into the caller while it was parked in a patched call, if there is one. Until it
/// is taken, patched calls that would park fail with `ECANCELED`, and let the others run before.
pub fn take_exception() -> Option<Exception> {
    match take()? {
        Caught::Panic(exception) => Some(exception),
        Caught::Forced(unwinding) => {
            keep(Caught::Forced(unwinding));
            None
        }
    }
}

/// Calls code that was written for threads, and returns what was thrown into one of its patched calls, whatever it has
/// made of its failed call: an error of another type, a panic, or nothing at all.
///
/// ```
/// use gevent_monkey::run;
///
/// gevent_monkey::patch_all()?;
/// let thread = gevent_threading::spawn(|| {
///     run(|| {
///         std::thread::sleep(std::time::Duration::from_millis(1));
///         Ok::<_, std::io::Error>(1)
///     })
/// });
/// assert_eq!(thread.join().unwrap()?, 1);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// # Errors
/// What was thrown into the caller; else the error of the function.
///
/// # Panics
/// If the function does, and nothing was thrown into the caller.
pub fn run<T, E: Into<Exception>>(f: impl FnOnce() -> Result<T, E>) -> Result<T, Exception> {
    let ended = catch_unwind(AssertUnwindSafe(f));
    match (take(), ended) {
        (Some(Caught::Panic(exception)), ended) => {
            if let Err(payload) = ended {
                discard(payload);
            }
            Err(exception)
        }
        (Some(Caught::Forced(unwinding)), ended) => {
            drop(ended);
            unwinding.resume()
        }
        (None, Ok(result)) => result.map_err(Into::into),
        (None, Err(payload)) => resume_unwind(payload),
    }
}
