//! The exceptions that were thrown into a greenlet.
//!
//! A kill or a timeout is not an error to be handled: the code that gets it has to end. A library that knows
//! nothing of this puts it into an error of its own. So each greenlet remembers the exceptions that were thrown
//! into it, as long as they exist, and finds them in the errors that come out of the library.

use std::sync::{Arc, Weak};

use super::{AnyLocated, Exception, GreenletExit, chain};
use crate::core::GreenletCore;
use crate::thread::Thread;

/// An exception that was thrown into a greenlet, and may not exist any more. The latest is in the greenlet itself,
/// for few get more than one; earlier ones are in its `Extra`, some of them twice.
pub(crate) struct Thrown(Weak<dyn AnyLocated>);

impl Thrown {
    /// Notes that `exception` arrives in this greenlet.
    #[inline(never)]
    pub(crate) fn note(greenlet: &GreenletCore, exception: &Exception) {
        let mut latest = greenlet.thrown.borrow_mut();
        if latest.as_ref().is_some_and(|latest| latest.is(exception)) {
            return;
        }
        let before = latest.replace(Thrown(Arc::downgrade(&exception.0)));
        if let Some(before) = before.filter(Thrown::exists) {
            let mut extra = greenlet.extra.borrow_mut();
            let earlier = &mut extra.get_or_insert_default().thrown;
            if earlier.len() == earlier.capacity() {
                earlier.retain(Thrown::exists);
                earlier.sort_unstable_by_key(Thrown::address);
                earlier.dedup_by_key(|earlier| earlier.address());
                // The room grows with the entries, so that this is seldom done.
                earlier.reserve(earlier.len().max(4));
            }
            earlier.push(before);
        }
    }

    fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    fn is(&self, exception: &Exception) -> bool {
        self.address() == Arc::as_ptr(&exception.0).addr()
    }

    fn exists(&self) -> bool {
        self.0.strong_count() > 0
    }

    fn get(&self) -> Option<Exception> {
        self.0.upgrade().map(Exception)
    }
}

impl Exception {
    /// The exception that was thrown into the running greenlet (by a kill, a timeout, or whatever else
    /// ends a wait early) and that this one is, or was made of. Code that retries, or goes on to the next
    /// of several, must not do so after such an error.
    ///
    /// ```
    /// use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};
    ///
    /// let main = getcurrent();
    /// let greenlet = RawGreenlet::new(move |_| {
    ///     let thrown = main.switch(()).unwrap_err();
    ///     // What a library makes of it.
    ///     let error = Exception::new(std::io::Error::other(std::io::Error::from(thrown)));
    ///     assert!(error.thrown_here().is_some_and(|thrown| thrown.is::<GreenletExit>()));
    ///     assert!(Exception::new(GreenletExit).thrown_here().is_none());
    ///     Ok(Value::None)
    /// });
    /// greenlet.switch(())?;
    /// greenlet.throw(GreenletExit)?;
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn thrown_here(&self) -> Option<Exception> {
        // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
        let thread = unsafe { Thread::peek().as_ref() }?;
        // SAFETY: the running greenlet is never freed; after the thread's end there is none.
        let greenlet = unsafe { thread.current().as_ref() }?;
        let thrown: Vec<_> = {
            let (latest, extra) = (greenlet.thrown.borrow(), greenlet.extra.borrow());
            let earlier = extra.iter().flat_map(|extra| &extra.thrown);
            let all = latest.iter().chain(earlier);
            if all.clone().any(|thrown| thrown.is(self)) {
                return Some(self.clone());
            }
            all.filter_map(Thrown::get).collect()
        };
        // Errors' `source` may be user code: nothing is borrowed here.
        let stands_for = |error| thrown.iter().find(|thrown| chain::is_of(error, thrown));
        self.chain().find_map(stands_for).cloned()
    }

    /// Whether this is a [`GreenletExit`](struct@super::GreenletExit) itself, and not only made of one.
    pub fn is_exit(&self) -> bool {
        self.error().is::<GreenletExit>()
    }

    /// The exception that the running greenlet ends with if its function fails with this one: the
    /// [`GreenletExit`](struct@super::GreenletExit) that was thrown into it, if this one was made of that, or
    /// else this one.
    #[must_use]
    pub fn or_exit(self) -> Exception {
        if self.is_exit() {
            return self;
        }
        match self.thrown_here() {
            Some(exit) if exit.is_exit() => exit,
            _ => self,
        }
    }
}
