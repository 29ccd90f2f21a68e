//! [`LazyLock`].

use std::fmt;
use std::ops::Deref;
use std::sync::{self, PoisonError};

use super::once::Once;

/// A value that is made when it is used first.
///
/// ```
/// use gevent_threading::sync::LazyLock;
/// use gevent_threading::{spawn, yield_now};
///
/// static NUMBERS: LazyLock<Vec<u32>> = LazyLock::new(|| {
///     yield_now(); // whoever wants the value meanwhile waits
///     vec![1, 2, 3]
/// });
/// let (one, other) = (spawn(|| NUMBERS.len()), spawn(|| NUMBERS[0]));
/// assert_eq!((one.join().unwrap(), other.join().unwrap()), (3, 1));
/// ```
///
/// Source: [`std::sync::LazyLock`].
pub struct LazyLock<T, F = fn() -> T> {
    once: Once,
    /// Taken by the function of `once` only, and never waited for.
    make: sync::Mutex<Option<F>>,
    /// Set by the function of `once` only, and never waited for.
    value: sync::OnceLock<T>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// One whose value `f` is going to make.
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock {
            once: Once::new(),
            make: sync::Mutex::new(Some(f)),
            value: sync::OnceLock::new(),
        }
    }

    /// The value. If this is the first use, it is made; if another thread is just making it, this waits for it.
    ///
    /// # Panics
    /// If the function does, and then always. As [`park`](crate::park), if an exception is thrown into the caller.
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        if let Some(value) = this.value.get() {
            return value;
        }
        this.make()
    }

    #[cold]
    #[track_caller]
    fn make(&self) -> &T {
        self.once.call_once_force(|state| {
            if state.is_poisoned() {
                panic!("LazyLock instance has previously been poisoned");
            }
            let make = self.make.lock().unwrap_or_else(PoisonError::into_inner).take();
            let value = make.expect("it is called once")();
            let is_first = self.value.set(value).is_ok();
            debug_assert!(is_first, "nobody else sets it");
        });
        self.value.get().expect("the function has set it")
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => all.field(value),
            None => all.field(&format_args!("<uninit>")),
        };
        all.finish()
    }
}
