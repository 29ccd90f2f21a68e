//! [`Greenlet`] itself: spawn, start, and what became of it.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};
use hub::{Seconds, get_hub};
use waiter::Resume;

use super::any::{AnyGreenlet, Erased};
use super::base::{Base, Life, Link};
use crate::outcome::Outcome;

/// What a greenlet ended with.
pub(super) enum Ending<T> {
    Value(T),
    /// A `GreenletExit`, which counts as success.
    Exit(Exception),
    Exception(Exception),
}

pub(super) struct Shared<T> {
    pub(super) base: Base,
    pub(super) ending: RefCell<Option<Ending<T>>>,
}

/// A greenlet scheduled by the hub. Handles are cheap to clone and mean the same greenlet; one
/// that has been started goes on when they are all dropped.
///
/// Source: gevent's `Greenlet`.
pub struct Greenlet<T> {
    pub(super) raw: RawGreenlet,
    pub(super) shared: Rc<Shared<T>>,
}

impl<T> Clone for Greenlet<T> {
    fn clone(&self) -> Self {
        Greenlet {
            raw: self.raw.clone(),
            shared: self.shared.clone(),
        }
    }
}

/// A greenlet can be started only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("greenlet has already been started")]
pub struct StartedError;

impl<T: 'static> Greenlet<T> {
    /// A greenlet that will run `function` once it is [started](Greenlet::start).
    #[track_caller]
    pub fn new<R: Outcome<Value = T>>(function: impl FnOnce() -> R + 'static) -> Self {
        let hub = get_hub();
        let shared = Rc::new(Shared {
            base: Base::new(hub.loop_().clone()),
            ending: RefCell::new(None),
        });
        let its = shared.clone();
        let raw = RawGreenlet::builder()
            .parent(hub.greenlet())
            .build(move |_| run(&its, function));
        Greenlet { raw, shared }
    }

    /// Makes a greenlet and starts it.
    #[track_caller]
    pub fn spawn<R: Outcome<Value = T>>(function: impl FnOnce() -> R + 'static) -> Self {
        let greenlet = Greenlet::new(function);
        greenlet.start().expect("a new greenlet can be started");
        greenlet
    }

    /// Makes a greenlet and starts it `seconds` from now.
    ///
    /// # Errors
    /// For a time that is no number.
    #[track_caller]
    pub fn spawn_later<R: Outcome<Value = T>>(
        seconds: impl Seconds,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Self, Exception> {
        let greenlet = Greenlet::new(function);
        greenlet.start_later(seconds)?;
        Ok(greenlet)
    }

    /// Lets the greenlet run, soon.
    ///
    /// # Errors
    /// [`StartedError`] when it was started before.
    pub fn start(&self) -> Result<(), Exception> {
        self.schedule()?;
        self.base()
            .loop_
            .run_callback_resume(Resume::start(&self.raw))?;
        Ok(())
    }

    /// Lets the greenlet run `seconds` from now.
    ///
    /// # Errors
    /// [`StartedError`] when it was started before, and a time that is no number.
    pub fn start_later(&self, seconds: impl Seconds) -> Result<(), Exception> {
        let seconds = seconds.checked()?.unwrap_or(f64::INFINITY);
        let hub = get_hub();
        let timer = hub.timer(seconds)?;
        self.schedule()?;
        hub.loop_().update_now()?;
        timer.start_resume(Resume::start(&self.raw))?;
        self.base().start_timer.replace(Some(timer));
        Ok(())
    }

    fn schedule(&self) -> Result<(), StartedError> {
        match self.base().life.get() {
            Life::New => Ok(self.base().life.set(Life::Scheduled)),
            _ => Err(StartedError),
        }
    }

    pub(super) fn base(&self) -> &Base {
        &self.shared.base
    }

    /// The greenlet underneath.
    pub fn raw(&self) -> &RawGreenlet {
        &self.raw
    }

    /// The same greenlet without its value's type, for lists of different ones.
    pub fn any(&self) -> AnyGreenlet {
        AnyGreenlet::new(self.raw.clone(), self.shared.clone())
    }

    /// Whether its function has begun or is about to, and has not ended.
    pub fn started(&self) -> bool {
        matches!(self.base().life.get(), Life::Scheduled | Life::Running)
    }

    /// Whether it has ended: its value or exception is there.
    pub fn ready(&self) -> bool {
        self.base().ended()
    }

    /// Whether it can never run again.
    pub fn dead(&self) -> bool {
        self.ready() || self.raw.dead()
    }

    /// Whether it ended well; a `GreenletExit` counts as that.
    pub fn successful(&self) -> bool {
        matches!(
            *self.shared.ending.borrow(),
            Some(Ending::Value(_) | Ending::Exit(_))
        )
    }

    /// The exception it ended with; none if it has not ended, or ended well.
    pub fn exception(&self) -> Option<Exception> {
        match &*self.shared.ending.borrow() {
            Some(Ending::Exception(exception)) => Some(exception.clone()),
            _ => None,
        }
    }

    /// Takes its value away, once it has ended well.
    pub fn take(&self) -> Option<T> {
        let mut ending = self.shared.ending.borrow_mut();
        match ending.take() {
            Some(Ending::Value(value)) => {
                *ending = Some(Ending::Exit(Exception::new(GreenletExit)));
                Some(value)
            }
            other => {
                *ending = other;
                None
            }
        }
    }

    /// Calls `callback` with this greenlet soon after its end, in the hub: it must not block. An
    /// error of it goes to the hub's `handle_error`.
    pub fn link(
        &self,
        callback: impl FnOnce(&Greenlet<T>) -> Result<(), Exception> + 'static,
    ) -> Link {
        // Without the handle, which would keep the greenlet alive as long as it is linked.
        let shared = self.shared.clone();
        let callback = move |any: &AnyGreenlet| {
            let raw = any.raw().clone();
            callback(&Greenlet { raw, shared })
        };
        self.base().link(Box::new(callback), || self.any())
    }
}

impl<T: Clone + 'static> Greenlet<T> {
    /// Its value, if it has ended well.
    pub fn value(&self) -> Option<T> {
        match &*self.shared.ending.borrow() {
            Some(Ending::Value(value)) => Some(value.clone()),
            _ => None,
        }
    }

    /// Waits for the end and returns the value.
    ///
    /// # Errors
    /// The exception it ended with; the `GreenletExit` if it was killed; whatever keeps the
    /// current greenlet from [joining](Greenlet::join).
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.join(None)?;
        match &*self.shared.ending.borrow() {
            Some(Ending::Value(value)) => Ok(value.clone()),
            Some(Ending::Exit(exception) | Ending::Exception(exception)) => Err(exception.clone()),
            None => unreachable!("a join without a timeout ends when the greenlet has"),
        }
    }
}

/// The body of every greenlet.
fn run<T: 'static, R: Outcome<Value = T>>(
    shared: &Rc<Shared<T>>,
    function: impl FnOnce() -> R,
) -> Result<Value, Exception> {
    shared.base.life.set(Life::Running);
    drop(shared.base.start_timer.take());
    let result = match catch(function) {
        Ok(outcome) => outcome.into_result(),
        Err(Caught::Panic(exception)) => Err(exception),
        Err(Caught::Forced(unwind)) => {
            end(shared, Err(Exception::new(GreenletExit)));
            unwind.resume()
        }
    };
    end(shared, result);
    Ok(Value::None)
}

/// Stores how the current greenlet ended and tells everybody.
fn end<T: 'static>(shared: &Rc<Shared<T>>, result: Result<T, Exception>) {
    let ending = match result {
        Ok(value) => Ending::Value(value),
        Err(exception) if exception.is::<GreenletExit>() => Ending::Exit(exception),
        Err(exception) => Ending::Exception(exception),
    };
    let failed = match &ending {
        Ending::Exception(exception) => Some(exception.clone()),
        _ => None,
    };
    shared.ending.replace(Some(ending));
    let any = || AnyGreenlet::new(getcurrent(), shared.clone());
    shared.base.end(any);
    if let Some(exception) = failed {
        get_hub().handle_error(Some(&any()), exception);
    }
}

impl<T: 'static> Erased for Shared<T> {
    fn base(&self) -> &Base {
        &self.base
    }

    fn exception(&self) -> Option<Exception> {
        match &*self.ending.borrow() {
            Some(Ending::Exception(exception)) => Some(exception.clone()),
            _ => None,
        }
    }

    fn end_unrun(&self, exception: Exception) {
        let ending = if exception.is::<GreenletExit>() {
            Ending::Exit(exception)
        } else {
            Ending::Exception(exception)
        };
        self.ending.replace(Some(ending));
    }
}

impl<T> PartialEq for Greenlet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<T> Eq for Greenlet<T> {}

impl<T: 'static> fmt::Debug for Greenlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.any(), f)
    }
}

/// Makes a greenlet that runs `function`, and starts it: it runs as soon as the current one
/// blocks.
///
/// # Panics
/// When this thread has no hub yet and none can be made, see [`hub::try_get_hub`].
#[track_caller]
pub fn spawn<R: Outcome>(function: impl FnOnce() -> R + 'static) -> Greenlet<R::Value> {
    Greenlet::spawn(function)
}

/// Makes a greenlet that runs `function`, and starts it `seconds` from now.
///
/// # Errors
/// For a time that is no number.
#[track_caller]
pub fn spawn_later<R: Outcome>(
    seconds: impl Seconds,
    function: impl FnOnce() -> R + 'static,
) -> Result<Greenlet<R::Value>, Exception> {
    Greenlet::spawn_later(seconds, function)
}
