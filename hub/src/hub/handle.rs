//! [`Hub`]: the handle of the greenlet that runs the loop, and its fields.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread::ThreadId;

use greenlet_core::{Exception, RawGreenlet};

use super::life::Hooks;
use crate::context::Context;
use crate::core::{ErrorHandler, HubDestroyed, Loop};
use crate::errors::ErrorKind;
use crate::exception_stream::Printer;
use crate::monitor::{MonitorSlot, Stream};
use crate::timers::Timers;

/// The greenlet that runs a thread's loop and wakes the others; made by [`get_hub`](crate::get_hub). This is a handle:
/// clones are cheap, and are the same hub.
///
/// Source: gevent's `Hub`.
#[derive(Clone)]
pub struct Hub(pub(super) Rc<HubBody>);

pub(crate) struct HubBody {
    pub(super) loop_: Loop,
    pub(super) greenlet: RawGreenlet,
    pub(super) main: RawGreenlet,
    pub(super) destroyed: Cell<bool>,
    /// Why the hub is destroyed from the beginning, if it is.
    pub(super) failed: Option<Exception>,
    pub(super) minimal_ident: u64,
    pub(super) main_hub: bool,
    pub(super) thread_ident: ThreadId,
    pub(super) name: RefCell<String>,
    pub(crate) printer: RefCell<Rc<Printer>>,
    pub(crate) stream: Arc<Stream>,
    pub(crate) monitor: RefCell<Option<MonitorSlot>>,
    pub(crate) error_handler: RefCell<Option<Rc<dyn ErrorHandler>>>,
    pub(crate) not_error: RefCell<ErrorKind>,
    pub(crate) system_error: RefCell<ErrorKind>,
    pub(crate) timers: Timers,
    pub(super) reinit_hooks: Hooks,
    pub(super) end_hooks: Hooks,
}

/// A weak reference to a hub.
pub(crate) struct WeakHub(Weak<HubBody>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Hub {
    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Rc::downgrade(&self.0))
    }

    pub(crate) fn body(&self) -> &HubBody {
        &self.0
    }

    /// The loop that this hub runs.
    #[inline]
    pub fn loop_(&self) -> &Loop {
        &self.0.loop_
    }

    /// The greenlet that runs the loop. It is the parent of the thread's greenlets.
    #[inline]
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.0.greenlet
    }

    /// The thread's main greenlet, the hub's parent.
    pub fn parent(&self) -> &RawGreenlet {
        &self.0.main
    }

    /// A small number that no other hub of the process has.
    pub fn minimal_ident(&self) -> u64 {
        self.0.minimal_ident
    }

    /// The name that was given by [`set_name`](Hub::set_name), or an empty string.
    pub fn name(&self) -> String {
        self.0.name.borrow().clone()
    }

    /// Names the hub, for its `Debug` output.
    pub fn set_name(&self, name: impl Into<String>) {
        self.0.name.replace(name.into());
    }

    /// Whether [`destroy`](Hub::destroy) was called, or the hub's greenlet has ended otherwise.
    pub fn destroyed(&self) -> bool {
        self.check_alive().is_err()
    }

    /// The same as [`destroyed`](Hub::destroyed): the name that greenlets have for it.
    pub fn dead(&self) -> bool {
        self.destroyed()
    }

    /// Checks that the hub still runs, so that it can end a wait.
    ///
    /// # Errors
    /// [`HubDestroyed`] after [`destroy`](Hub::destroy), or if the hub's greenlet has ended otherwise; the
    /// [`HubError`](crate::exceptions::HubError) for which [`get_hub`](crate::get_hub) has returned a destroyed hub.
    #[inline]
    pub fn check_alive(&self) -> Result<(), Exception> {
        if self.0.destroyed.get() {
            Err(self.why_destroyed())
        } else if self.0.greenlet.dead() {
            // `HubRun` was not dropped, because the greenlet's stack was given up.
            self.died();
            Err(self.why_destroyed())
        } else {
            Ok(())
        }
    }

    #[cold]
    fn why_destroyed(&self) -> Exception {
        let failed = self.0.failed.clone();
        failed.unwrap_or_else(|| HubDestroyed.into())
    }

    /// Whether this is the hub of the process's first thread.
    pub fn main_hub(&self) -> bool {
        self.0.main_hub
    }

    /// The thread in which the hub was made and runs.
    pub fn thread_ident(&self) -> ThreadId {
        self.0.thread_ident
    }
}

impl ErrorHandler for Hub {
    fn handle_error(&self, context: Context<'_>, exception: Exception) {
        self.report_error(context, exception);
    }
}

impl PartialEq for Hub {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Hub {}

impl Hash for Hub {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Rc::as_ptr(&self.0).addr();
        write!(f, "<Hub {:?} at {address:#x} ", self.name())?;
        if self.destroyed() {
            f.write_str("destroyed>")
        } else {
            write!(f, "{:?}", self.0.loop_)?;
            write!(f, " thread_ident={:?}>", self.0.thread_ident)
        }
    }
}
