//! [`Waiter`]: gevent's cell of that name.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{ExcInfo, Exception, RawGreenlet};

use crate::error::{ConcurrentObjectUseError, NotInHubError};
use crate::hub::{Failed, WaitHub};
use crate::park::Park;
use crate::resume::Resume;
use crate::stored::Stored;

/// A cell through which one greenlet gets one value, or one exception, from the hub.
///
/// * [`switch`](Waiter::switch) and [`throw`](Waiter::throw) wake the greenlet that is in
///   [`get`](Waiter::get); they may be called in the hub only.
/// * With nobody in `get`, they store what they were given, and the next `get` returns it
///   at once, as often as it is called, until [`clear`](Waiter::clear).
/// * An error that comes back from the woken greenlet is given to the hub's `handle_error`.
///
/// Handles are cheap to clone and mean the same waiter. Source: gevent's `_waiter.py`.
pub struct Waiter<T>(Rc<WaiterBody<T>>);

struct WaiterBody<T> {
    hub: Rc<dyn WaitHub>,
    /// The right to wake the greenlet that is in `get`.
    getter: RefCell<Option<Resume>>,
    /// A value for that greenlet, which it has not taken yet.
    handed: RefCell<Option<T>>,
    /// The value or exception for the next `get`.
    stored: RefCell<Stored<T>>,
}

impl<T> Clone for Waiter<T> {
    fn clone(&self) -> Self {
        Waiter(self.0.clone())
    }
}

impl<T> Waiter<T> {
    /// An empty waiter in this hub.
    pub fn new(hub: impl Into<Rc<dyn WaitHub>>) -> Self {
        Waiter(Rc::new(WaiterBody {
            hub: hub.into(),
            getter: RefCell::new(None),
            handed: RefCell::new(None),
            stored: RefCell::default(),
        }))
    }

    /// The hub in which [`get`](Waiter::get) waits.
    pub fn hub(&self) -> &Rc<dyn WaitHub> {
        &self.0.hub
    }

    /// Forgets what is stored.
    pub fn clear(&self) {
        let stored = self.0.stored.borrow_mut().take();
        drop(stored);
    }

    /// Whether the waiter holds a value or an exception.
    pub fn ready(&self) -> bool {
        self.0.stored.borrow().is_there()
    }

    /// Whether the waiter holds a value.
    pub fn successful(&self) -> bool {
        self.0.stored.borrow().is_value()
    }

    /// The exception that the waiter holds.
    pub fn exception(&self) -> Option<Exception> {
        self.0.stored.borrow().exception()
    }

    /// The [`exc_info`](Exception::exc_info) of the exception that the waiter holds.
    pub fn exc_info(&self) -> Option<ExcInfo> {
        self.exception().map(|exception| exception.exc_info())
    }

    /// Wakes the getter with `value`, or stores it for the next `get`. With a tuple it is gevent's
    /// `switch_args`.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn switch(&self, value: T) -> Result<(), NotInHubError> {
        match self.getter("switch")? {
            None => self.store(Ok(value)),
            Some(getter) => {
                self.hand(value);
                let woken = getter.switch();
                self.check(woken, getter, |g| Failed::Switch(g), Resume::switch);
            }
        }
        Ok(())
    }

    /// Wakes the getter with an exception, or stores it for the next `get`.
    ///
    /// # Errors
    /// [`NotInHubError`] when there is a getter and the caller is not the hub.
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<(), NotInHubError> {
        // `into` may be user code, so it runs before anything is looked at.
        let exception = exception.into();
        match self.getter("throw")? {
            None => self.store(Err(exception)),
            Some(getter) => {
                let woken = getter.throw(exception.clone());
                self.check(
                    woken,
                    getter,
                    |g| Failed::Throw(g),
                    move |getter| getter.throw(exception),
                );
            }
        }
        Ok(())
    }

    /// The right to wake the greenlet that is in `get`; an error if there is one and the caller is not the hub.
    fn getter(&self, method: &'static str) -> Result<Option<Resume>, NotInHubError> {
        let getter = self.0.getter.borrow().clone();
        if getter.is_some() && !self.0.hub.is_current() {
            return Err(NotInHubError { method });
        }
        Ok(getter)
    }

    /// Keeps a value or an exception for the next `get`. Dropping the one before may be user code, so nothing is
    /// borrowed then.
    fn store(&self, outcome: Result<T, Exception>) {
        let before = self.0.stored.borrow_mut().put(outcome);
        drop(before);
    }

    /// Hands a value to the getter. If it has not taken an earlier one yet, the value is kept for the next `get`.
    fn hand(&self, value: T) {
        let mut handed = self.0.handed.borrow_mut();
        if handed.is_none() {
            *handed = Some(value);
            return;
        }
        drop(handed);
        self.store(Ok(value));
    }

    /// Deals with the result of waking the getter. If the switch was refused because no greenlet can be switched to
    /// now, the hub is to wake the getter `again` as soon as it can. Other errors are given to `handle_error`.
    fn check(
        &self,
        woken: Result<(), Exception>,
        getter: Resume,
        failed: fn(&RawGreenlet) -> Failed<'_>,
        again: impl FnOnce(&Resume) -> Result<(), Exception> + 'static,
    ) {
        let Err(exception) = woken else { return };
        let hub = &self.0.hub;
        if getter.is_parked() {
            let (its, its_hub) = (getter.clone(), hub.clone());
            let wake = move || {
                if let Err(exception) = again(&its) {
                    its_hub.handle_error(failed(its.greenlet()), exception);
                }
                Ok(())
            };
            if hub.run_soon(Box::new(wake)).is_ok() {
                return;
            }
        }
        hub.handle_error(failed(getter.greenlet()), exception);
    }
}

impl<T: Clone> Waiter<T> {
    /// A clone of the value that the waiter holds, even if the value is replaced while it is cloned.
    pub fn value(&self) -> Option<T> {
        self.stored()?.ok()
    }

    fn stored(&self) -> Option<Result<T, Exception>> {
        let stored = self.0.stored.borrow_mut().share()?;
        match stored {
            Ok(value) => Option::clone(&value).map(Ok),
            Err(exception) => Some(Err(exception)),
        }
    }

    /// Returns the value that is stored. If there is none, parks the current greenlet in the hub until
    /// the next `switch` or `throw`, and returns the value of that.
    ///
    /// # Errors
    /// Returns the exception that is stored or thrown, [`ConcurrentObjectUseError`] when another greenlet
    /// waits here, [`InvalidSwitchError`](crate::InvalidSwitchError) when another switch woke the greenlet,
    /// or the error of [`WaitHub::before_switch`].
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        if let Some(stored) = self.stored() {
            return stored;
        }
        let getter = self.0.getter.borrow().clone();
        if let Some(getter) = getter {
            return Err(Exception::new(ConcurrentObjectUseError {
                object: "Waiter",
                user: format!("{:?}", getter.greenlet()),
            }));
        }
        let park = Park::on(&*self.0.hub, "Waiter", Rc::as_ptr(&self.0).addr())?;
        // The hook that `Park::on` calls may have waited here itself.
        if self.0.getter.borrow().is_some() || self.ready() {
            drop(park);
            return self.get();
        }
        *self.0.getter.borrow_mut() = Some(park.resume());
        let _parked = Getting(self);
        park.wait(&*self.0.hub, self)?;
        // Only `switch` wakes this park, and hands a value over.
        let handed = self.0.handed.take();
        handed.ok_or_else(|| Exception::msg("a forged wake-up"))
    }
}

/// Takes the getter out again, also when its greenlet is unwound.
struct Getting<'a, T>(&'a Waiter<T>);

impl<T> Drop for Getting<'_, T> {
    fn drop(&mut self) {
        let WaiterBody { getter, handed, .. } = &*self.0.0;
        let (getter, handed) = (getter.take(), handed.take());
        if let Some(value) = handed {
            // Something else woke this greenlet before it took the value, which is for the next `get`.
            self.0.store(Ok(value));
        }
        drop(getter);
    }
}

impl<T> fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Writing may be user code, so nothing is borrowed then.
        let getter = self.0.getter.borrow().clone();
        let (value, exception) = (self.successful(), self.exception());
        write!(f, "<Waiter greenlet=")?;
        match getter {
            Some(getter) => write!(f, "{:?}", getter.greenlet())?,
            None => f.write_str("None")?,
        }
        if value {
            f.write_str(" value=..")?;
        }
        if let Some(exception) = exception {
            write!(f, " exception={exception:?}")?;
        }
        f.write_str(">")
    }
}
