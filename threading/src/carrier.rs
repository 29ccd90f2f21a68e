//! [`on_carrier`]: gevent's own functions in a virtual thread; [`Carried`]: what it keeps of them.

use std::fmt;
use std::marker::PhantomData;

use crate::here::lend_carrier;

/// Calls a function as code of the thread that carries the caller: with that thread's thread-locals and hub, in the
/// greenlet of the caller. So all of gevent works in there, which is refused in a virtual thread. A wait parks the
/// virtual thread.
///
/// ```
/// use gevent_threading::{on_carrier, spawn};
///
/// let thread = spawn(|| {
///     on_carrier(|| {
///         let greenlet = gevent::spawn(|| gevent::sleep(0.001).map(|()| "gevent"));
///         greenlet.get().unwrap()
///     })
/// });
/// assert_eq!(thread.join().unwrap(), "gevent");
/// ```
///
/// It is as if another thread called the function while the caller waits for it. So nothing that is bound to a thread
/// goes in or comes out; [`Carried`] keeps it in the carrier.
///
/// ```compile_fail,E0277
/// gevent_threading::on_carrier(|| gevent::event::Event::new());
/// ```
///
/// In a real thread, in a greenlet, and inside of itself, this just calls the function. [`current`](crate::current) is
/// the greenlet in there. A lock that knows its owner, as that of [`std::io::stdout`], is held by the virtual thread or
/// by the carrier, and the other one waits for it: for ever, if it is this one.
///
/// # Panics
/// If the function does. If the greenlet is dropped while it waits in the function, that is unwound, and then the
/// virtual thread, by a panic with `GreenletExit`. An exception that is thrown is given to the function, by the call in
/// which it waits.
///
/// # Aborts
/// The process is aborted if the greenlet is dropped while it waits here, in a destructor that runs because of a panic
/// or at the end of the virtual thread: there is no value, and nothing can be raised. Once it is being unwound, waits
/// in the function fail at once.
pub fn on_carrier<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    by_carrier(f)
}

/// Something of the carrier's that a virtual thread keeps: a socket, a greenlet, an event of gevent. It is made, used
/// and dropped by the carrier, and never leaves it.
///
/// ```
/// use gevent_threading::{Carried, on_carrier, spawn, yield_now};
///
/// let thread = spawn(|| {
///     let event = Carried::new(gevent::event::Event::new);
///     event.with(|event| {
///         let event = event.clone();
///         gevent::spawn(move || event.set());
///     });
///     event.with(|event| event.wait().is_ok())
/// });
/// assert!(thread.join().unwrap());
/// ```
///
/// It stays in its virtual thread:
///
/// ```compile_fail,E0277
/// let event = gevent_threading::Carried::new(gevent::event::Event::new);
/// gevent_threading::spawn(move || event.with(|event| event.set()));
/// ```
pub struct Carried<T> {
    /// None only in `drop`.
    value: Option<T>,
    /// It is neither `Send` nor `Sync`, whatever `T` is.
    _here: PhantomData<*const ()>,
}

impl<T> Carried<T> {
    /// Has the carrier make a value.
    ///
    /// # Panics
    /// As [`on_carrier`].
    pub fn new(make: impl FnOnce() -> T + Send) -> Carried<T> {
        Carried {
            value: Some(by_carrier(make)),
            _here: PhantomData,
        }
    }

    /// Has the carrier use the value.
    ///
    /// # Panics
    /// As [`on_carrier`].
    pub fn with<R: Send>(&self, f: impl FnOnce(&T) -> R + Send) -> R {
        let value = self.value.as_ref().expect(THERE);
        by_carrier(move || f(value))
    }

    /// Has the carrier change the value.
    ///
    /// # Panics
    /// As [`on_carrier`].
    pub fn with_mut<R: Send>(&mut self, f: impl FnOnce(&mut T) -> R + Send) -> R {
        let value = self.value.as_mut().expect(THERE);
        by_carrier(move || f(value))
    }

    /// Gives the value to a function of the carrier's.
    ///
    /// # Panics
    /// As [`on_carrier`].
    pub fn consume<R: Send>(mut self, f: impl FnOnce(T) -> R + Send) -> R {
        let value = self.value.take().expect(THERE);
        by_carrier(move || f(value))
    }
}

const THERE: &str = "it is there until it is dropped";

/// Calls code of users by the carrier. The value of a [`Carried`] is the carrier's own, and all else that goes in and
/// out may go from thread to thread.
fn by_carrier<R>(f: impl FnOnce() -> R) -> R {
    lend_carrier(f).unwrap_or_else(|| {
        eprintln!("gevent-threading: a greenlet was unwound while its carrier worked for a destructor");
        std::process::abort()
    })
}

impl<T> Drop for Carried<T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            // If the greenlet is unwound meanwhile, that goes on when the virtual thread has ended.
            let _ = lend_carrier(move || drop(value));
        }
    }
}

impl<T> fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carried").finish_non_exhaustive()
    }
}
