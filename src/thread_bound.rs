//! [`ThreadBound`]: carries a value of one thread through others.
//!
//! In gevent any thread can hold an object, which refuses to be used there. Here the compiler keeps such objects in
//! their thread, unless they are wrapped in a `ThreadBound`.

use std::fmt;
use std::mem::ManuallyDrop;
use std::thread::{self, ThreadId};

/// An object was used in another thread than the one it is bound to.
///
/// This error is only for values in a [`ThreadBound`]: elsewhere the compiler refuses such a use, as handles of
/// greenlets, hubs and watchers are not `Send`. Source: gevent's `InvalidThreadUseError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bound to {bound_to:?}, but used in {used_in:?}")]
#[non_exhaustive]
pub struct InvalidThreadUseError {
    /// The thread that the object is bound to.
    pub bound_to: ThreadId,
    /// The thread that tried to use it.
    pub used_in: ThreadId,
}

/// A value that can be sent to and shared with other threads, but used only in the one it was made in.
///
/// A job for another thread can carry along an object of its own thread, which is used when the job is back:
///
/// ```
/// use gevent::exceptions::InvalidThreadUseError;
/// use gevent::{ThreadBound, event::Event, get_hub, spawn};
///
/// let done = Event::new();
/// let bound = ThreadBound::new(done.clone());
/// let home = get_hub().loop_().threadsafe();
/// std::thread::spawn(move || {
///     assert!(bound.get().is_err_and(|error| error.bound_to != error.used_in));
///     home.run_callback_threadsafe(move || -> Result<(), gevent::Exception> {
///         bound.get()?.set();
///         Ok(())
///     })
/// });
/// assert!(done.wait_timeout(10)?);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// If the `ThreadBound` is dropped in another thread, the value is leaked, because its destructor may not run there.
pub struct ThreadBound<T> {
    value: ManuallyDrop<T>,
    thread: ThreadId,
}

#[allow(unsafe_code)]
// SAFETY: the value is only reached in its own thread. `get`, `get_mut`, `into_inner` and the destructor call `check`
// first, and the id of a thread is never used again.
unsafe impl<T> Send for ThreadBound<T> {}

#[allow(unsafe_code)]
// SAFETY: as for `Send`.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    /// Binds the value to the current thread.
    pub fn new(value: T) -> Self {
        ThreadBound {
            value: ManuallyDrop::new(value),
            thread: thread::current().id(),
        }
    }

    fn check(&self) -> Result<(), InvalidThreadUseError> {
        let used_in = thread::current().id();
        match used_in == self.thread {
            true => Ok(()),
            false => Err(InvalidThreadUseError {
                bound_to: self.thread,
                used_in,
            }),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// Returns [`InvalidThreadUseError`] in any other thread than the value's own.
    pub fn get(&self) -> Result<&T, InvalidThreadUseError> {
        self.check().map(|()| &*self.value)
    }

    /// The value, to be changed.
    ///
    /// # Errors
    /// Fails as [`get`](ThreadBound::get) does.
    pub fn get_mut(&mut self) -> Result<&mut T, InvalidThreadUseError> {
        self.check().map(|()| &mut *self.value)
    }

    /// Takes the value out again.
    ///
    /// # Errors
    /// Fails as [`get`](ThreadBound::get) does. The error gives the `ThreadBound` back, so that its own thread can use
    /// it.
    pub fn into_inner(self) -> Result<T, IntoInnerError<T>> {
        if let Err(error) = self.check() {
            return Err(IntoInnerError { bound: self, error });
        }
        let mut bound = ManuallyDrop::new(self);
        #[allow(unsafe_code)]
        // SAFETY: the value is taken once: `bound` is neither used again nor dropped.
        let value = unsafe { ManuallyDrop::take(&mut bound.value) };
        Ok(value)
    }
}

/// The error of [`ThreadBound::into_inner`] in another thread than the value's own.
///
/// ```
/// use gevent::ThreadBound;
///
/// let bound = ThreadBound::new("at home");
/// let back = std::thread::spawn(move || bound.into_inner().unwrap_err().bound);
/// assert_eq!(back.join().unwrap().into_inner()?, "at home");
/// # Ok::<(), gevent::Exception>(())
/// ```
#[non_exhaustive]
pub struct IntoInnerError<T> {
    /// The `ThreadBound`, unchanged.
    pub bound: ThreadBound<T>,
    /// The two threads.
    pub error: InvalidThreadUseError,
}

impl<T> fmt::Debug for IntoInnerError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoInnerError").field(&self.error).finish()
    }
}

impl<T> fmt::Display for IntoInnerError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value is only taken out in its own thread")
    }
}

impl<T> std::error::Error for IntoInnerError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        if self.check().is_ok() {
            #[allow(unsafe_code)]
            // SAFETY: the value is dropped once, here, and not used again.
            unsafe {
                ManuallyDrop::drop(&mut self.value);
            }
        }
    }
}

impl<T> fmt::Debug for ThreadBound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadBound")
            .field("thread", &self.thread)
            .finish_non_exhaustive()
    }
}
