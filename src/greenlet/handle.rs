//! [`Greenlet`]: the handle, by which a greenlet is spawned and started, and its value read.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{
    Attached, Builder as Settings, Data, ExcInfo, Exception, GreenletExit, Label, Object, RawGreenlet, Value,
    getcurrent,
};
use hub::core::{GreenletFn, Loop};
use hub::{Seconds, get_hub};
use waiter::Source;

use super::any::{AnyGreenlet, Erased};
use super::base::{self, GreenletBase, GreenletPhase};
use super::tree::SpawnTreeLocals;
use crate::outcome::Outcome;

/// The value or the exception that a greenlet has ended with.
pub(super) enum Ending<T> {
    Value(T),
    /// A `GreenletExit`, which counts as success.
    Exit(Exception),
    Exception(Exception),
}

impl<T> From<Exception> for Ending<T> {
    fn from(exception: Exception) -> Self {
        if exception.is_exit() {
            Ending::Exit(exception)
        } else {
            Ending::Exception(exception)
        }
    }
}

pub(super) struct GreenletData<T> {
    pub(super) base: GreenletBase,
    /// Stored once. Borrowed while the value is cloned: `clone` is user code and may wait, and the
    /// value stays until it is done.
    pub(super) ending: RefCell<Option<Ending<T>>>,
}

/// A greenlet that the hub schedules. Handles are cheap to clone and mean the same greenlet. A
/// started greenlet goes on when all its handles are dropped.
///
/// ```
/// let greenlet = gevent::spawn(|| {
///     gevent::sleep(0.001)?;
///     Ok("done")
/// });
/// assert!(greenlet.started() && !greenlet.ready());
/// assert_eq!(greenlet.get()?, "done");
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Greenlet`.
pub struct Greenlet<T>(Attached<GreenletData<T>>);

impl<T> Clone for Greenlet<T> {
    fn clone(&self) -> Self {
        Greenlet(self.0.clone())
    }
}

impl<T: 'static> Greenlet<T> {
    /// Makes a greenlet that will run `function` once it is [started](Greenlet::start). If this
    /// thread can have no hub (see [`hub::get_hub`]), the start returns an error.
    #[track_caller]
    pub fn new<R: Outcome<Value = T>>(function: impl FnOnce() -> R + 'static) -> Self {
        Greenlet::build(RawGreenlet::builder(), function)
    }

    /// [`new`](Greenlet::new) with settings for the raw greenlet underneath.
    #[track_caller]
    pub(crate) fn build<R: Outcome<Value = T>, N: Label>(
        settings: Settings<N>,
        function: impl FnOnce() -> R + 'static,
    ) -> Self {
        let (hub, spawner) = (get_hub(), getcurrent());
        let builder = settings.parent(hub.greenlet());
        let shared = GreenletData {
            base: GreenletBase::new(hub, &spawner),
            ending: RefCell::new(None),
        };
        Greenlet(builder.build_with(shared, |shared, _| run(shared, function)))
    }

    /// The current greenlet, if it is a `Greenlet` and its value has the type `T`. Where the type does
    /// not matter, [`AnyGreenlet::current`] finds greenlets of all types.
    ///
    /// ```
    /// use gevent::{Greenlet, sleep, spawn};
    ///
    /// let greenlet = spawn(|| {
    ///     let this = Greenlet::<i32>::current().expect("it returns an i32");
    ///     this.rawlink(|ended| println!("{:?}", ended.value()));
    ///     sleep(0)?;
    ///     Ok(7)
    /// });
    /// assert_eq!(greenlet.get()?, 7);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn current() -> Option<Self> {
        Greenlet::of(&getcurrent())
    }

    /// The handle of the greenlet that is built on `raw`, if its value has the type `T`.
    pub(super) fn of(raw: &RawGreenlet) -> Option<Self> {
        Attached::of(raw).map(Greenlet)
    }

    /// Makes a greenlet and starts it. If this thread can have no hub, the greenlet has ended, with
    /// that error.
    #[track_caller]
    pub fn spawn<R: Outcome<Value = T>>(function: impl FnOnce() -> R + 'static) -> Self {
        let greenlet = Greenlet::new(function);
        greenlet.start_or_end();
        greenlet
    }

    /// Starts the greenlet, or ends it with the error. Starting fails only if the hub's loop is
    /// destroyed, after which nothing runs there.
    pub(crate) fn start_or_end(&self) {
        let _ = self.start_or_fail();
    }

    /// [`start_or_end`](Self::start_or_end) that also returns the error.
    pub(crate) fn start_or_fail(&self) -> Result<(), Exception> {
        self.start().inspect_err(|error| _ = self.any().end_unrun(error))
    }

    /// Starts the greenlet `seconds` from now, or ends it with the error.
    pub(crate) fn start_later_or_end(&self, seconds: impl Seconds) {
        if let Err(error) = self.start_later(seconds) {
            self.any().end_unrun(&error);
        }
    }

    /// Makes a greenlet and starts it `seconds` from now; `None` means never. If the time is not a number, or this
    /// thread can have no hub, the greenlet has ended, with that error.
    #[track_caller]
    pub fn spawn_later<R: Outcome<Value = T>>(seconds: impl Seconds, function: impl FnOnce() -> R + 'static) -> Self {
        let greenlet = Greenlet::new(function);
        greenlet.start_later_or_end(seconds);
        greenlet
    }

    /// Has the greenlet run soon. Does nothing if it was started before.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn start(&self) -> Result<(), Exception> {
        self.base().start(self.raw(), || self.any())
    }

    /// Has the greenlet run `seconds` from now; `None` means never. Does nothing if it was started
    /// before.
    ///
    /// # Errors
    /// An error if the time is not a number, or if the loop is destroyed.
    pub fn start_later(&self, seconds: impl Seconds) -> Result<(), Exception> {
        self.any().start_later(seconds)
    }

    pub(super) fn base(&self) -> &GreenletBase {
        &self.0.base
    }

    /// The raw greenlet underneath.
    pub fn raw(&self) -> &RawGreenlet {
        self.0.greenlet()
    }

    /// The loop of the greenlet's hub.
    pub fn loop_(&self) -> &Loop {
        self.base().hub.loop_()
    }

    /// A handle of the same greenlet without the type of its value, for lists of greenlets with
    /// different types.
    pub fn any(&self) -> AnyGreenlet {
        AnyGreenlet::new(self.0.clone().map(|shared| shared as &dyn Erased))
    }

    /// Whether the greenlet was started and has not ended. In gevent this is its truth value.
    pub fn started(&self) -> bool {
        self.any().started()
    }

    /// Whether the greenlet has ended: its value or exception is there.
    pub fn ready(&self) -> bool {
        self.base().ended()
    }

    /// Whether the greenlet can never run again.
    pub fn dead(&self) -> bool {
        self.any().dead()
    }

    /// Whether the greenlet has ended well. A `GreenletExit` counts as a good end.
    pub fn successful(&self) -> bool {
        self.0.successful()
    }

    /// The exception that the greenlet has ended with. `None` if it has not ended, or has ended
    /// well.
    pub fn exception(&self) -> Option<Exception> {
        self.0.exception()
    }

    /// See [`AnyGreenlet::exc_info`].
    pub fn exc_info(&self) -> Option<ExcInfo> {
        self.any().exc_info()
    }

    /// Moves the value out of a greenlet that has ended well: for values that cannot be cloned.
    /// `None` if there is no value, or while somebody else's call is cloning it.
    pub fn take(&self) -> Option<T> {
        let mut ending = self.0.ending.try_borrow_mut().ok()?;
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

    /// Moves the value out, or returns the exception that the greenlet has ended with.
    pub(crate) fn take_outcome(&self) -> Result<T, Exception> {
        if let Some(value) = self.take() {
            return Ok(value);
        }
        match &*self.0.ending.borrow() {
            Some(Ending::Exit(exception) | Ending::Exception(exception)) => Err(exception.clone()),
            _ => Err(crate::timeout::expired(None)),
        }
    }

    /// Waits for the end and moves the value out.
    #[track_caller]
    pub(crate) fn join_and_take(&self) -> Result<T, Exception> {
        self.join()?;
        self.take_outcome()
    }

    /// A small number that no other living greenlet of the thread has.
    pub fn minimal_ident(&self) -> usize {
        self.base().ident.get()
    }

    /// The name: the one that was given or else `Greenlet-` and the
    /// [`minimal_ident`](Greenlet::minimal_ident).
    pub fn name(&self) -> Rc<str> {
        self.any().name()
    }

    /// Sets the name, which the `Debug` output and reports show.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.raw().set_name(name);
    }

    /// The greenlet that made this one, if it still exists.
    pub fn spawning_greenlet(&self) -> Option<RawGreenlet> {
        self.any().spawning_greenlet()
    }

    /// The place in the source where the greenlet was made: the counterpart of gevent's
    /// `spawning_stack`.
    pub fn spawning_location(&self) -> &'static Location<'static> {
        self.any().spawning_location()
    }

    /// The named values that the greenlet shares with all greenlets of its tree.
    pub fn spawn_tree_locals(&self) -> SpawnTreeLocals {
        self.any().spawn_tree_locals()
    }

    /// How long ago the greenlet was made; see [`Spawned::age`](super::Spawned::age).
    pub fn age(&self) -> Option<Duration> {
        self.any().age()
    }

    /// Switches to the greenlet at once, by hand, as [`RawGreenlet::switch`] does. If the greenlet has not begun, it
    /// begins now, and has no turn any more. A greenlet that waits or ends switches to the hub and not to another
    /// caller, so this is for callbacks in the hub.
    ///
    /// # Errors
    /// As for [`RawGreenlet::switch`].
    #[track_caller]
    pub fn switch(&self, value: impl Into<Value>) -> Result<Value, Exception> {
        self.any().switch(value)
    }

    /// Throws into the greenlet at once. The current greenlet goes on when something switches back
    /// to it. A greenlet that waits or ends switches to the hub and not to another caller, so this
    /// is for callbacks in the hub. A greenlet that has not begun never will.
    ///
    /// # Errors
    /// As for [`RawGreenlet::throw`].
    #[track_caller]
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<Value, Exception> {
        self.any().throw(exception)
    }
}

impl<T: Clone + 'static> Greenlet<T> {
    /// A clone of the value, if the greenlet has ended well. The value's `clone` may wait;
    /// meanwhile nobody can [take](Greenlet::take) the value.
    pub fn value(&self) -> Option<T> {
        match &*self.0.ending.borrow() {
            Some(Ending::Value(value)) => Some(value.clone()),
            _ => None,
        }
    }

    /// Waits for the end and returns the value.
    ///
    /// # Errors
    /// The exception that the greenlet has ended with, also the `GreenletExit` of a kill; the
    /// errors of [`join`](Greenlet::join).
    #[track_caller]
    pub fn get(&self) -> Result<T, Exception> {
        self.get_timeout(None)
    }

    /// [`get`](Greenlet::get), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `get`; [`TimeoutError`](crate::TimeoutError) when the time is over.
    #[track_caller]
    pub fn get_timeout(&self, timeout: impl Seconds) -> Result<T, Exception> {
        let timeout = timeout.checked()?;
        self.join_timeout(timeout)?;
        match &*self.0.ending.borrow() {
            Some(Ending::Value(value)) => Ok(value.clone()),
            Some(Ending::Exit(exception) | Ending::Exception(exception)) => Err(exception.clone()),
            None => Err(crate::timeout::expired(timeout)),
        }
    }

    /// [`get`](Greenlet::get) without waiting: gevent's `get(block=False)`.
    ///
    /// # Errors
    /// As for `get`; [`TimeoutError`](crate::TimeoutError) if the greenlet has not ended.
    #[track_caller]
    pub fn get_nowait(&self) -> Result<T, Exception> {
        if self.ready() {
            self.get()
        } else {
            Err(crate::timeout::expired(None))
        }
    }
}

impl<T: 'static> Data for GreenletData<T> {
    fn unrun(greenlet: &Attached<Self>) {
        if !greenlet.base.ended() {
            greenlet.set_exception(Exception::new(GreenletExit));
            base::end(&**greenlet, greenlet.greenlet());
        }
    }

    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        if !greenlet.base.ended() {
            base::fail(&Greenlet(greenlet.clone()).any(), reason);
        }
        Ok(())
    }

    fn object(greenlet: &Attached<Self>) -> Option<Box<dyn Object>> {
        Some(Box::new(Greenlet(greenlet.clone()).any()))
    }

    fn part(&self) -> Option<&dyn Any> {
        Some(&self.base)
    }
}

/// The function that runs in every greenlet: calls the user's and stores how it ends.
fn run<T: 'static, R: Outcome<Value = T>>(
    shared: &GreenletData<T>,
    function: impl FnOnce() -> R,
) -> Result<Value, Exception> {
    shared.base.phase.set(GreenletPhase::Running);
    // If somebody has switched here before the timer was due, the timer is not needed.
    drop(shared.base.start_timer.take());
    let ended = catch(|| function().into_result());
    let ended = match crate::local::end_of_greenlet() {
        Some(unwind) => Err(Caught::Forced(unwind)),
        None => ended,
    };
    match ended {
        Ok(result) => finish(shared, result),
        Err(Caught::Panic(exception)) => finish(shared, Err(exception)),
        Err(Caught::Forced(unwind)) => {
            finish(shared, Err(Exception::new(GreenletExit)));
            unwind.resume()
        }
    }
    Ok(Value::None)
}

/// Stores the value or exception that the current greenlet has ended with, and has its links
/// called.
fn finish<T: 'static>(shared: &GreenletData<T>, result: Result<T, Exception>) {
    let raw = getcurrent();
    match result {
        Ok(value) => {
            shared.ending.replace(Some(Ending::Value(value)));
            base::end(shared, &raw);
        }
        Err(exception) => {
            let greenlet = Greenlet::<T>::of(&raw).expect("it runs this function");
            base::fail(&greenlet.any(), exception.or_exit());
        }
    }
}

impl<T: 'static> Erased for GreenletData<T> {
    fn base(&self) -> &GreenletBase {
        &self.base
    }

    fn exception(&self) -> Option<Exception> {
        match &*self.ending.borrow() {
            Some(Ending::Exception(exception)) => Some(exception.clone()),
            _ => None,
        }
    }

    fn successful(&self) -> bool {
        matches!(*self.ending.borrow(), Some(Ending::Value(_) | Ending::Exit(_)))
    }

    fn set_exception(&self, exception: Exception) {
        self.ending.replace(Some(exception.into()));
    }

    fn notifier(&self) -> GreenletFn {
        |raw| {
            if let Some(greenlet) = Greenlet::<T>::of(raw) {
                base::notify_links(&greenlet.any());
            }
            Ok(())
        }
    }
}

impl<T: Clone + 'static> Source<T> for Greenlet<T> {
    fn exception(&self) -> Option<Exception> {
        Greenlet::exception(self)
    }

    fn value(&self) -> Option<T> {
        Greenlet::value(self)
    }

    fn exit(&self) -> Option<Exception> {
        match &*self.0.ending.borrow() {
            Some(Ending::Exit(exit)) => Some(exit.clone()),
            _ => None,
        }
    }
}

impl<T> PartialEq for Greenlet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.greenlet() == other.0.greenlet()
    }
}

impl<T> Eq for Greenlet<T> {}

impl<T> Hash for Greenlet<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.greenlet().hash(state);
    }
}

impl Hash for AnyGreenlet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.raw().hash(state);
    }
}

impl<T: 'static> fmt::Debug for Greenlet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.any(), f)
    }
}

/// Makes a greenlet that runs `function`, and starts it. It runs once the current greenlet waits.
/// If this thread can have no hub (see [`hub::get_hub`]), it has ended, with that error.
#[track_caller]
pub fn spawn<R: Outcome>(
    function: impl FnOnce() -> R + 'static, // to borrow, spawn in a `gevent::scope`
) -> Greenlet<R::Value> {
    Greenlet::spawn(function)
}

/// Makes a greenlet that runs `function`, and starts it `seconds` from now; `None` means never. If the time is not a
/// number, or this thread can have no hub, the greenlet has ended, with that error.
///
/// ```
/// let late = gevent::spawn_later(0.001, || "late");
/// assert_eq!(late.get()?, "late");
/// # Ok::<(), gevent::Exception>(())
/// ```
#[track_caller]
pub fn spawn_later<R: Outcome>(seconds: impl Seconds, function: impl FnOnce() -> R + 'static) -> Greenlet<R::Value> {
    Greenlet::spawn_later(seconds, function)
}
