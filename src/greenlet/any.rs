//! [`AnyGreenlet`]: a greenlet whose value's type does not matter.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{Attached, ExcInfo, Exception, RawGreenlet, Value, getcurrent};
use hub::core::GreenletFn;
use hub::{Context, Hub, Seconds};

use super::Greenlet;
use super::Spawned;
use super::base::{self, GreenletBase, GreenletPhase};
use super::builder::FormatInfo;
use super::tree::SpawnTreeLocals;

/// The data and functions of a greenlet for which the type of its value does not matter.
pub(super) trait Erased {
    fn base(&self) -> &GreenletBase;
    fn exception(&self) -> Option<Exception>;
    fn successful(&self) -> bool;
    /// Stores the exception that the greenlet has ended with.
    fn set_exception(&self, exception: Exception);
    /// The function that calls the greenlet's links.
    fn notifier(&self) -> GreenletFn;
}

/// A handle like [`Greenlet`], without the type of its value.
#[derive(Clone)]
pub struct AnyGreenlet(Attached<dyn Erased>);

impl AnyGreenlet {
    pub(super) fn new(attached: Attached<dyn Erased>) -> Self {
        AnyGreenlet(attached)
    }

    /// The handle of the greenlet that is built on a raw one. `None` for greenlets that are only
    /// raw: those of [`spawn_raw`](crate::spawn_raw), main, and the hub.
    ///
    /// ```
    /// use gevent::{AnyGreenlet, getcurrent, spawn};
    ///
    /// let greenlet = spawn(|| AnyGreenlet::of(&getcurrent()).map(|current| current.name()));
    /// assert_eq!(greenlet.get()?, Some(greenlet.name()));
    /// assert!(AnyGreenlet::of(&getcurrent()).is_none());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn of(greenlet: &RawGreenlet) -> Option<AnyGreenlet> {
        let object: Box<dyn Any> = greenlet.object()?;
        object.downcast().ok().map(|greenlet| *greenlet)
    }

    /// The current greenlet: gevent's `getcurrent()`, if that is a [`Greenlet`]. `None` in main, in the hub, and in
    /// raw greenlets.
    ///
    /// ```
    /// use gevent::{AnyGreenlet, GreenletExit, spawn};
    ///
    /// let greenlet = spawn(|| AnyGreenlet::current().expect("it is a Greenlet").kill());
    /// assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn current() -> Option<AnyGreenlet> {
        AnyGreenlet::of(&getcurrent())
    }

    pub(super) fn erased(&self) -> &dyn Erased {
        &*self.0
    }

    pub(super) fn base(&self) -> &GreenletBase {
        self.0.base()
    }

    /// The hub that the greenlet was made in.
    pub(crate) fn hub(&self) -> &Hub {
        &self.base().hub
    }

    /// The raw greenlet underneath.
    pub fn raw(&self) -> &RawGreenlet {
        self.0.greenlet()
    }

    /// See [`Greenlet::start`].
    ///
    /// # Errors
    /// As for [`Greenlet::start`].
    pub fn start(&self) -> Result<(), Exception> {
        self.base().start(self.raw(), || self.clone())
    }

    /// See [`Greenlet::start_later`].
    ///
    /// # Errors
    /// As for [`Greenlet::start_later`].
    pub fn start_later(&self, seconds: impl Seconds) -> Result<(), Exception> {
        let seconds = seconds.checked()?;
        self.base().start_later(self.raw(), seconds, || self.clone())
    }

    /// Whether the greenlet was started and has not ended.
    pub fn started(&self) -> bool {
        matches!(
            self.base().phase.get(),
            GreenletPhase::Scheduled | GreenletPhase::Running
        )
    }

    /// Whether the greenlet has ended: its value or exception is there.
    pub fn ready(&self) -> bool {
        self.base().ended()
    }

    /// Whether the greenlet can never run again.
    pub fn dead(&self) -> bool {
        self.raw().dead()
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

    /// The [`exception`](AnyGreenlet::exception) with its type and the place where it was made:
    /// gevent's three-tuple, in which the place stands for the traceback.
    pub fn exc_info(&self) -> Option<ExcInfo> {
        self.exception().map(|exception| exception.exc_info())
    }

    /// See [`Greenlet::name`].
    pub fn name(&self) -> Rc<str> {
        let given = self.raw().name();
        given.unwrap_or_else(|| format!("Greenlet-{}", self.base().ident.get()).into())
    }

    /// See [`Greenlet::set_name`].
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.raw().set_name(name);
    }

    /// See [`Greenlet::minimal_ident`].
    pub fn minimal_ident(&self) -> usize {
        self.base().ident.get()
    }

    /// See [`Greenlet::spawning_greenlet`].
    pub fn spawning_greenlet(&self) -> Option<RawGreenlet> {
        self.raw().spawning_greenlet()
    }

    /// See [`Greenlet::spawning_location`].
    pub fn spawning_location(&self) -> &'static Location<'static> {
        self.raw().made_at()
    }

    /// See [`Greenlet::spawn_tree_locals`].
    pub fn spawn_tree_locals(&self) -> SpawnTreeLocals {
        SpawnTreeLocals::of(self.raw())
    }

    /// See [`Spawned::age`].
    pub fn age(&self) -> Option<Duration> {
        self.raw().age()
    }

    /// See [`Greenlet::switch`].
    ///
    /// # Errors
    /// As for [`Greenlet::switch`].
    #[track_caller]
    pub fn switch(&self, value: impl Into<Value>) -> Result<Value, Exception> {
        self.raw().switch(value)
    }

    /// See [`Greenlet::throw`].
    ///
    /// # Errors
    /// As for [`Greenlet::throw`].
    #[track_caller]
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<Value, Exception> {
        let exception = exception.into();
        if self.end_unrun(&exception) || self.raw().dead() {
            return Ok(Value::None);
        }
        self.raw().throw(exception)
    }

    /// Ends the greenlet if its function has not begun. Returns whether it had not.
    pub(super) fn end_unrun(&self, exception: &Exception) -> bool {
        if !matches!(self.base().phase.get(), GreenletPhase::New | GreenletPhase::Scheduled) {
            return false;
        }
        // Drops the function, and takes the greenlet's turn away. A panic of the function's
        // destructor is reported and not passed on, for the caller may have others to kill.
        let discard = || match catch(|| self.raw().discard()) {
            Ok(_) => {}
            Err(Caught::Panic(exception)) => {
                let hub = &self.base().hub;
                hub.report_error(Context::Greenlet(self.raw()), exception);
            }
            Err(Caught::Forced(unwind)) => unwind.resume(),
        };
        // `fail` reports to user code, which may wait, and the current greenlet may be unwound
        // there. The function is dropped all the same.
        let steps: [&dyn Fn(); 2] = [&|| base::fail(self, exception.clone()), &discard];
        call_each(steps);
        true
    }
}

/// A handle of a greenlet, with or without the type of its value, or a reference to one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a greenlet",
    label = "a `Greenlet<T>` or an `AnyGreenlet` is one, or a reference to it",
    note = "if it is a `Result`: `?` gives the greenlet",
    note = "greenlets with different values are a list by `any`: `[a.any(), b.any()]`"
)]
pub trait AsGreenlet {
    /// A handle without the type of the value.
    fn as_greenlet(&self) -> AnyGreenlet;
}

impl<T: 'static> AsGreenlet for Greenlet<T> {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.any()
    }
}

impl AsGreenlet for AnyGreenlet {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.clone()
    }
}

impl<G: AsGreenlet + ?Sized> AsGreenlet for &G {
    fn as_greenlet(&self) -> AnyGreenlet {
        (**self).as_greenlet()
    }
}

impl PartialEq for AnyGreenlet {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for AnyGreenlet {}

impl fmt::Debug for AnyGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Greenlet")?;
        if self.raw().name().is_some() || self.base().ident.given().is_some() {
            write!(f, " {:?}", self.name())?;
        }
        write!(f, " at {:#x}: ", self.raw().address())?;
        match self.raw().local::<FormatInfo>() {
            Some(info) => write!(f, "{}>", (info.0)()),
            None => write!(f, "spawned at {}>", self.raw().made_at()),
        }
    }
}
