//! The handler of a watcher: the function that it calls, or the greenlet that it wakes, when it fires.

mod word;

use std::cell::UnsafeCell;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet};
use waiter::Resume;

use crate::core::callbacks::outcome::CallbackResult;
use crate::core::watchers::small_fn::{Act, SmallFn};
use crate::core::{Events, Io};

use word::Own;
pub(in crate::core) use word::{Marks, Word};

/// A closure, or the waking of one park of one greenlet.
pub(in crate::core) struct Handler(SmallFn);

struct NoEvents<F>(F);
struct WithEvents<F>(F);
struct WakePark(Resume);

// SAFETY: `IS_WAKE` is false.
unsafe impl<F: Fn() -> R + 'static, R: CallbackResult> Act for NoEvents<F> {
    fn act(&self, _: Events) -> Result<(), Exception> {
        (self.0)().into_result()
    }
}

// SAFETY: as above.
unsafe impl<F: Fn(Events) -> R + 'static, R: CallbackResult> Act for WithEvents<F> {
    fn act(&self, events: Events) -> Result<(), Exception> {
        (self.0)(events).into_result()
    }
}

// SAFETY: this is the only type whose `IS_WAKE` is true, and it fits into a `SmallFn` (checked by `SmallFn::wake`).
unsafe impl Act for WakePark {
    const IS_WAKE: bool = true;

    fn act(&self, events: Events) -> Result<(), Exception> {
        wake(&self.0, events)
    }
}

/// Ends the park. Throws an error into the greenlet if the kernel had no room for its descriptor.
#[inline]
fn wake(resume: &Resume, events: Events) -> Result<(), Exception> {
    if events.contains(Events::ERROR) {
        return wake_after_error(resume, events);
    }
    resume.switch()
}

#[cold]
fn wake_after_error(resume: &Resume, events: Events) -> Result<(), Exception> {
    match Io::refused(events) {
        // The descriptor is closed. As in gevent, the greenlet finds out when it uses the descriptor.
        None => resume.switch(),
        Some(error) => resume.throw(error),
    }
}

impl Handler {
    #[inline]
    pub(in crate::core) fn plain<R: CallbackResult>(callback: impl Fn() -> R + 'static) -> Handler {
        Handler(SmallFn::new(NoEvents(callback)))
    }

    #[inline]
    pub(in crate::core) fn with_events<R: CallbackResult>(callback: impl Fn(Events) -> R + 'static) -> Handler {
        Handler(SmallFn::new(WithEvents(callback)))
    }

    /// A handler that ends one park. Costs no allocation.
    #[inline]
    pub(in crate::core) fn wake(resume: Resume) -> Handler {
        Handler(SmallFn::new(WakePark(resume)))
    }

    #[inline]
    fn resume(&self) -> Option<&Resume> {
        self.0.wake::<WakePark>().map(|wake| &wake.0)
    }
}

/// The place of a watcher's handler, which may be replaced while it runs, even by itself.
///
/// A closure is called in its place, so it must stay there until its last call has returned. A handler that replaces
/// it before then is put into `later`, in an `Rc` that it shares with its own calls.
#[derive(Default)]
pub(in crate::core) struct HandlerSlot {
    /// The handler, which is neither moved nor dropped while it is called.
    own: UnsafeCell<Option<Handler>>,
    later: UnsafeCell<Option<Rc<Handler>>>,
    /// Notes about the handler in place and whether it is called or replaced, together with the marks of the body. If
    /// the word is [quiet](Word::is_quiet), `own` is the handler, and may simply be overwritten.
    pub(in crate::core) word: Word,
}

// Each of the unsafe blocks below ends its borrow before it returns and runs no user code meanwhile (no closure, no
// destructor), so that no two of them overlap. Only `OwnCall` lends `own` out for longer, and counts that in `word`.
impl HandlerSlot {
    /// Sets the body's marks, and the handler of a slot that is quiet.
    #[inline]
    pub(in crate::core) fn overwrite(&self, marks: Marks, handler: Option<Handler>) {
        self.word.overwrite(marks, said_of(handler.as_ref()));
        self.write(handler);
    }

    #[inline]
    fn write(&self, handler: Option<Handler>) {
        // The old handler needs no drop, so it is overwritten: moving it out to drop it would take time.
        // SAFETY: see above; no call of `own` is on any stack.
        unsafe { self.own.get().write(handler) };
    }

    /// Puts the handler into `own`, and returns the old one, of which no call is on any stack.
    #[inline]
    fn put(&self, handler: Option<Handler>) -> Option<Handler> {
        self.word.put(said_of(handler.as_ref()));
        // SAFETY: see above.
        unsafe { std::mem::replace(&mut *self.own.get(), handler) }
    }

    pub(in crate::core) fn is_set(&self) -> bool {
        // SAFETY: see above.
        unsafe {
            if self.word.is_replaced() {
                (*self.later.get()).is_some()
            } else {
                (*self.own.get()).is_some()
            }
        }
    }

    /// Shows the handler to `f`, which must not run user code.
    #[inline]
    fn look<R>(&self, f: impl FnOnce(&Handler) -> R) -> Option<R> {
        // SAFETY: see above; `f` runs no user code.
        unsafe {
            if self.word.is_replaced() {
                (*self.later.get()).as_deref().map(f)
            } else {
                (*self.own.get()).as_ref().map(f)
            }
        }
    }

    #[inline]
    pub(in crate::core) fn resume(&self) -> Option<Resume> {
        if self.word.is_closure_in_place() {
            return None;
        }
        self.look(|handler| handler.resume().cloned()).flatten()
    }

    /// Shows the greenlet that the handler wakes, if it wakes one, to `f`, which must not run user code.
    #[inline]
    pub(in crate::core) fn with_greenlet(&self, f: impl FnOnce(&RawGreenlet)) {
        if self.word.wakes() {
            self.look(|handler| {
                if let Some(resume) = handler.resume() {
                    f(resume.greenlet());
                }
            });
        }
    }

    /// Sets the handler and returns the old one. Dropping that runs user code, so the caller does it last.
    #[inline]
    pub(in crate::core) fn set(&self, handler: Option<Handler>) -> OldHandler {
        if self.word.is_called() {
            return self.set_later(handler);
        }
        let later = if self.word.is_replaced() {
            // SAFETY: see above.
            unsafe { (*self.later.get()).take() }
        } else {
            None
        };
        OldHandler {
            _own: self.put(handler),
            _later: later,
        }
    }

    /// Sets the handler and drops the old one.
    #[inline]
    pub(in crate::core) fn replace(&self, handler: Handler) {
        if self.word.is_quiet() {
            self.word.put(said_of(Some(&handler)));
            self.write(Some(handler));
        } else {
            drop(self.set(Some(handler)));
        }
    }

    /// Drops the handler.
    #[inline]
    pub(in crate::core) fn clear(&self) {
        if self.word.is_quiet() {
            self.write(None);
        } else {
            self.clear_slowly();
        }
    }

    #[inline(never)]
    fn clear_slowly(&self) {
        drop(self.set(None));
    }

    #[cold]
    fn set_later(&self, handler: Option<Handler>) -> OldHandler {
        let handler = handler.map(Rc::new);
        self.word.set_replaced();
        OldHandler {
            _own: None,
            // SAFETY: see above.
            _later: unsafe { std::mem::replace(&mut *self.later.get(), handler) },
        }
    }

    /// Borrows the handler for a call, if it is a closure in its place, as it nearly always is.
    #[inline]
    pub(in crate::core) fn begin_own(&self) -> Option<OwnCall<'_>> {
        if !self.word.is_closure_in_place() {
            return None;
        }
        self.word.begin_call();
        Some(OwnCall(self))
    }

    /// Takes the handler for a call, if `begin_own` has returned none.
    #[inline]
    pub(in crate::core) fn begin_other(&self) -> OtherCall {
        if let Some(resume) = self.resume() {
            return OtherCall::Wake(resume);
        }
        // SAFETY: see above.
        OtherCall::Later(unsafe { (*self.later.get()).clone() })
    }

    /// Moves `later` into place after the last call of the handler that it replaced, unless `later` is being called
    /// itself; then it stays where it is.
    #[cold]
    fn settle(&self) {
        // SAFETY: see above.
        let over = match unsafe { (*self.later.get()).take() }.map(Rc::try_unwrap) {
            Some(Err(shared)) => {
                let over = self.put(None);
                self.word.set_replaced();
                // SAFETY: see above; `later` is empty, so nothing is dropped.
                unsafe { *self.later.get() = Some(shared) };
                over
            }
            unshared => self.put(unshared.and_then(Result::ok)),
        };
        drop(over);
    }
}

/// The word's notes about a handler in place.
#[inline]
fn said_of(own: Option<&Handler>) -> Own {
    own.map_or(Own::NOTHING, |handler| {
        Own::handler(handler.0.needs_drop(), handler.resume().is_some())
    })
}

impl fmt::Debug for HandlerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Writing may run user code, so nothing of the slot is borrowed meanwhile.
        match (self.is_set(), self.resume()) {
            (false, _) => f.write_str("None"),
            (true, Some(resume)) => resume.fmt(f),
            (true, None) => {
                let at = self.look(|handler| (&raw const *handler).cast::<()>());
                write!(f, "<function at {:p}>", at.unwrap_or_default())
            }
        }
    }
}

/// A handler that was replaced.
#[must_use = "to be dropped when nothing is half-done"]
pub(in crate::core) struct OldHandler {
    _own: Option<Handler>,
    _later: Option<Rc<Handler>>,
}

/// A handler that is about to be called.
pub(in crate::core) trait Call {
    /// Whether dropping this call runs no user code. It does if the handler was replaced meanwhile.
    fn ends_quietly(&self) -> bool;
    fn run(&self, events: Events) -> Result<(), Exception>;
    /// The greenlet that the handler wakes, if it is no closure.
    fn woken(&self) -> Option<&RawGreenlet> {
        None
    }
}

/// A call of the handler in its place.
pub(in crate::core) struct OwnCall<'a>(&'a HandlerSlot);

/// A call of a handler that is shared or cloned, so that the slot is free meanwhile.
pub(in crate::core) enum OtherCall {
    Later(Option<Rc<Handler>>),
    /// A resume, which is cloned because the greenlet usually sets the next one before this call is over.
    Wake(Resume),
}

impl Call for OwnCall<'_> {
    #[inline]
    fn ends_quietly(&self) -> bool {
        !self.0.word.is_replaced()
    }

    #[inline]
    fn run(&self, events: Events) -> Result<(), Exception> {
        // SAFETY: the slot counts this call, and neither moves nor drops `own` until this is dropped. Shared borrows of
        // `own` may overlap.
        match unsafe { (*self.0.own.get()).as_ref() } {
            Some(handler) => handler.0.act(events),
            None => Ok(()),
        }
    }
}

impl Drop for OwnCall<'_> {
    #[inline]
    fn drop(&mut self) {
        let slot = self.0;
        slot.word.end_call();
        if !slot.word.is_called() && slot.word.is_replaced() {
            slot.settle();
        }
    }
}

impl Call for OtherCall {
    #[inline]
    fn ends_quietly(&self) -> bool {
        false
    }

    #[inline]
    fn run(&self, events: Events) -> Result<(), Exception> {
        match self {
            OtherCall::Later(Some(handler)) => handler.0.act(events),
            OtherCall::Later(None) => Ok(()),
            OtherCall::Wake(resume) => wake(resume, events),
        }
    }

    fn woken(&self) -> Option<&RawGreenlet> {
        match self {
            OtherCall::Later(_) => None,
            OtherCall::Wake(resume) => Some(resume.greenlet()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::{Call, Handler, HandlerSlot};
    use crate::core::Events;

    type Log = Rc<RefCell<Vec<String>>>;

    /// Logs its calls and its end.
    struct Named(&'static str, Log);

    impl Named {
        fn handler(name: &'static str, log: &Log) -> Option<Handler> {
            let named = Named(name, log.clone());
            Some(Handler::plain(move || named.log("called")))
        }

        fn log(&self, what: &str) {
            self.1.borrow_mut().push(format!("{} {what}", self.0));
        }
    }

    impl Drop for Named {
        fn drop(&mut self) {
            self.log("dropped");
        }
    }

    fn begin(slot: &HandlerSlot) -> Box<dyn Call + '_> {
        match slot.begin_own() {
            Some(call) => Box::new(call),
            None => Box::new(slot.begin_other()),
        }
    }

    #[track_caller]
    fn assert_log(log: &Log, expected: &[&str]) {
        assert_eq!(log.take(), expected);
    }

    #[test]
    fn a_handler_that_is_replaced_lives_until_its_last_call_is_over() {
        let (slot, log) = (HandlerSlot::default(), Log::default());
        drop(slot.set(Named::handler("a", &log)));
        let outer = begin(&slot);
        let inner = begin(&slot);
        drop(slot.set(Named::handler("b", &log)));
        outer.run(Events::READ).unwrap();
        drop(outer);
        inner.run(Events::READ).unwrap();
        assert_log(&log, &["a called", "a called"]);
        drop(inner);
        assert_log(&log, &["a dropped"]);
        begin(&slot).run(Events::READ).unwrap();
        drop(slot.set(None));
        assert_log(&log, &["b called", "b dropped"]);
        assert!(!slot.is_set());
    }

    #[test]
    fn so_does_one_that_was_set_during_a_call() {
        let (slot, log) = (HandlerSlot::default(), Log::default());
        drop(slot.set(Named::handler("a", &log)));
        let first = begin(&slot);
        drop(slot.set(Named::handler("b", &log)));
        let second = begin(&slot);
        drop(first);
        assert_log(&log, &["a dropped"]);
        drop(slot.set(Named::handler("c", &log)));
        assert_log(&log, &[]);
        second.run(Events::READ).unwrap();
        drop(second);
        assert_log(&log, &["b called", "b dropped"]);
        let third = begin(&slot);
        drop(slot.set(None));
        assert!(!slot.is_set());
        third.run(Events::READ).unwrap();
        drop(third);
        assert_log(&log, &["c called", "c dropped"]);
    }
}
