//! [`Context`]: the thing that has failed, for error handlers. Source: the argument `context` of gevent's
//! `handle_error`.

use std::fmt::{self, Debug};

use greenlet_core::{Object, RawGreenlet};

use crate::core::{Callback, ThreadsafeCallback, Watcher};
use crate::linkable::Link;

/// The thing that has failed, which error handlers get with the error.
///
/// Its `{:?}` output is the repr of gevent's context. A thing without a variant of its own is an
/// [`Object`](Context::Object).
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use greenlet_core::Exception;
/// use hub::{Context, get_hub, sleep};
///
/// let hub = get_hub();
/// let failed = Rc::new(RefCell::new(None));
/// let its = failed.clone();
/// hub.set_error_handler(Some(Rc::new(move |context: Context<'_>, _: Exception| {
///     if let Context::Watcher(watcher) = context {
///         its.replace(Some(watcher.clone()));
///     }
/// })));
/// let timer = hub.loop_().timer(0.001)?;
/// timer.start(|| -> Result<(), Exception> { Err(Exception::msg("no time")) })?;
/// sleep(0.01)?;
/// assert_eq!(failed.take().as_ref(), Some(&*timer));
/// # Ok::<(), Exception>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Context<'a> {
    /// Nothing in particular, or the process as a whole: the error is raised in the main greenlet.
    None,
    /// A greenlet that ended with the error, or that gave it back when it was killed. `AnyGreenlet::of` returns its
    /// public handle.
    Greenlet(&'a RawGreenlet),
    /// A watcher whose callback has failed: a timer, a signal watcher or any other.
    Watcher(&'a Watcher),
    /// A callback of the loop's queue. It is still [scheduled](Callback::scheduled), and not pending.
    Callback(&'a Callback),
    /// A callback that another thread has queued. It is still scheduled, and not pending.
    ThreadsafeCallback(&'a ThreadsafeCallback),
    /// A link, called because `source` (a greenlet, an event, a semaphore) is ready. gevent passes a tuple of the two.
    Link {
        /// The link, which tells whether it was added by [`link`](crate::LinkKind::Spawned) or
        /// [`rawlink`](crate::LinkKind::Raw).
        link: &'a Link,
        /// The object, as a handle of its public type: `AnyGreenlet`, `Event`.
        source: &'a dyn Object,
    },
    /// A greenlet that waited and was woken by a switch, when that switch returned the error. gevent passes the bound
    /// method `switch`.
    Switch(&'a RawGreenlet),
    /// A greenlet that waited and was woken by a throw, when that throw returned the error. gevent passes the bound
    /// method `throw`.
    Throw(&'a RawGreenlet),
    /// Something else: a server, a task of a thread pool, or any object that the caller of
    /// [`report_error`](crate::Hub::report_error) has passed.
    Object(&'a dyn Object),
}

impl<'a> Context<'a> {
    /// Whether this is [`Context::None`].
    pub fn is_none(&self) -> bool {
        matches!(self, Context::None)
    }

    /// The greenlet that failed, as far as that is known. For a callback or a link this is the greenlet that was to be
    /// begun or switched to.
    pub fn greenlet(&self) -> Option<&'a RawGreenlet> {
        match *self {
            Context::Greenlet(greenlet) | Context::Switch(greenlet) | Context::Throw(greenlet) => Some(greenlet),
            Context::Callback(callback) => callback.greenlet(),
            Context::Link { link, .. } => link.greenlet(),
            _ => None,
        }
    }

    /// The object of [`Context::Object`], if it is a `T`.
    pub fn object<T: 'static>(&self) -> Option<&'a T> {
        match *self {
            Context::Object(object) => object.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Debug for Context<'_> {
    /// The repr of gevent's context.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Context::None => f.write_str("None"),
            Context::Greenlet(greenlet) => show(greenlet, f),
            Context::Watcher(watcher) => watcher.fmt(f),
            Context::Callback(callback) => callback.fmt(f),
            Context::ThreadsafeCallback(callback) => callback.fmt(f),
            Context::Link { link, source } => (link, source).fmt(f),
            Context::Switch(greenlet) => method("switch", greenlet, f),
            Context::Throw(greenlet) => method("throw", greenlet, f),
            Context::Object(object) => object.fmt(f),
        }
    }
}

/// Writes a greenlet as its public type shows it.
fn show(greenlet: &RawGreenlet, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match greenlet.object() {
        Some(object) => (*object).fmt(f),
        None => greenlet.fmt(f),
    }
}

fn method(name: &str, greenlet: &RawGreenlet, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "<built-in method {name} of ")?;
    show(greenlet, f)?;
    f.write_str(">")
}
