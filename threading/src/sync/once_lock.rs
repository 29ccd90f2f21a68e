//! [`OnceLock`].

use std::fmt;
use std::mem;
use std::sync;

use super::once::Once;

/// A value that is set once, by whoever comes first.
///
/// ```
/// use gevent_threading::sync::OnceLock;
/// use gevent_threading::{spawn, yield_now};
///
/// static NAME: OnceLock<String> = OnceLock::new();
/// let name = |name: &'static str| {
///     move || NAME.get_or_init(|| { yield_now(); name.to_owned() }).as_str()
/// };
/// let (one, other) = (spawn(name("one")), spawn(name("other")));
/// assert_eq!((one.join().unwrap(), other.join().unwrap()), ("one", "one"));
/// ```
///
/// Source: [`std::sync::OnceLock`].
pub struct OnceLock<T> {
    once: Once,
    /// Set by the function of `once` only, and never waited for.
    value: sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> OnceLock<T> {
        OnceLock {
            once: Once::new(),
            value: sync::OnceLock::new(),
        }
    }

    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// The value, if it is set.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Waits until the value is set.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        self.set_value()
    }

    /// Sets the value, if it is not set. If another thread is just making one, this waits for it.
    ///
    /// # Errors
    /// With the value, if there is one already.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init_from(&mut value, |value| value.take().expect("this is called once"));
        match value {
            None => Ok(()),
            Some(value) => Err(value),
        }
    }

    /// The value. If it is not set, `f` makes it; if another thread is just making one, this waits for it. `f` must not
    /// use the same `OnceLock` so.
    ///
    /// # Panics
    /// If `f` does, and the value is not set then. As [`park`](crate::park), if an exception is thrown into the caller.
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        self.get_or_init_from(f, |f| f())
    }

    fn get_or_init_from<A>(&self, from: A, make: impl FnOnce(A) -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        self.once.call_once_force(|_| {
            let value = make(from);
            let is_first = self.value.set(value).is_ok();
            debug_assert!(is_first, "nobody else sets it");
        });
        self.set_value()
    }

    fn set_value(&self) -> &T {
        self.value.get().expect("the function has set it")
    }

    /// The value, if it is set.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if it is set, and leaves an empty one.
    pub fn take(&mut self) -> Option<T> {
        mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => all.field(value),
            None => all.field(&format_args!("<uninit>")),
        };
        all.finish()
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> OnceLock<T> {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> OnceLock<T> {
        let cell = OnceLock::new();
        let _ = cell.set(value);
        cell
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
