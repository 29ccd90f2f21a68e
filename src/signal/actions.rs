//! [`signal`] and [`getsignal`]: the one handler of a signal. Source: gevent's `signal.py`.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use greenlet_core::{Exception, ThreadSlot};
use hub::core::{CallbackResult, NotDefaultLoop, SignalAction, set_signal_action, signal_action};
use hub::{SignalHandler, get_hub};

use super::handler::{handle_in_greenlet, signal_handler};

/// What is done when the process gets a signal.
#[derive(Clone)]
pub enum Handler {
    /// What belongs to the signal, by the system; most end the process. [`SIG_DFL`].
    Default,
    /// Nothing. [`SIG_IGN`].
    Ignore,
    /// A function is called in a new greenlet, with the number of the signal. Every such function is one.
    Function(Function),
    /// Something else, which [`signal`] of this thread has not set: a handler of C, of another thread, of
    /// [`signal_handler`]. Python's `None`.
    Other,
}

/// The function of a [`Handler`].
#[derive(Clone)]
pub struct Function(Rc<dyn Fn(i32) -> Result<(), Exception>>);

/// The default action of a signal.
pub const SIG_DFL: Handler = Handler::Default;
/// A signal is ignored.
pub const SIG_IGN: Handler = Handler::Ignore;

impl<F, R> From<F> for Handler
where
    F: Fn(i32) -> R + 'static,
    R: CallbackResult,
{
    fn from(function: F) -> Handler {
        Handler::Function(Function(Rc::new(move |signum| function(signum).into_result())))
    }
}

/// Functions are equal if they are one.
impl PartialEq for Handler {
    fn eq(&self, other: &Handler) -> bool {
        match (self, other) {
            (Handler::Function(this), Handler::Function(other)) => Rc::ptr_eq(&this.0, &other.0),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Handler::Default => "SIG_DFL",
            Handler::Ignore => "SIG_IGN",
            Handler::Function(_) => "Function",
            Handler::Other => "Other",
        })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

/// A handler that [`signal`] has set.
struct Set {
    handler: Handler,
    /// What watches the signal; none for `SIGCHLD`.
    watching: Option<SignalHandler>,
}

thread_local! {
    static SET: ThreadSlot<BTreeMap<i32, Set>> =
        const { ThreadSlot::new(BTreeMap::new(), || SET.with(ThreadSlot::clear)) };
}

/// What this thread has set for the signal, if that holds still.
fn set_here(signum: i32) -> Option<Handler> {
    let set = SET.with(|slot| {
        slot.with(|set| {
            let set = set.borrow();
            let set = set.get(&signum)?;
            let holds = set.watching.as_ref().is_none_or(SignalHandler::active);
            holds.then(|| set.handler.clone())
        })
    });
    set.flatten()
}

/// What is done now when the process gets the signal. For `SIGCHLD` it is what [`signal`] has set, whether or not
/// children are watched meanwhile; before that, what libev does when children are watched counts as the default action.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if there is no such signal.
pub fn getsignal(signum: i32) -> Result<Handler, Exception> {
    let action = signal_action(signum).map_err(hub::core::Error::from)?;
    Ok(match (set_here(signum), action) {
        (Some(handler), _) if signum == libc::SIGCHLD => handler,
        (Some(handler @ Handler::Function(_)), SignalAction::Handler) => handler,
        // libev's own, for child watchers.
        (None, SignalAction::Handler) if signum == libc::SIGCHLD => Handler::Default,
        (_, SignalAction::Default) => Handler::Default,
        (_, SignalAction::Ignore) => Handler::Ignore,
        (_, SignalAction::Handler) => Handler::Other,
    })
}

/// Sets what is done when the process gets the signal: [`SIG_DFL`], [`SIG_IGN`], or a function, which is called in a
/// new greenlet each time, with the number of the signal. Returns what was done before; to restore it, give it back.
///
/// The function is called when the hub of this thread runs. It is there until the next call for this signal, or until
/// the hub's loop is destroyed. It does not keep the hub from ending. Its error or panic is raised in the main
/// greenlet.
///
/// # `SIGCHLD`
///
/// libev has this signal for its child watchers. So a function for it is called by our own rules, which are gevent's:
/// once for each child that has ended, if the child is *watched*, which those of [`fork`](crate::os::fork()),
/// [`fork_and_watch`](crate::os::fork_and_watch) and [`posix_spawn`](crate::os::posix_spawn) are. Other children do not
/// call it. It finds the status by [`waitpid`](crate::os::waitpid()) with -1 and `WNOHANG`.
///
/// With `SIG_IGN`, the system forgets the status of each child that ends, so that nobody hears it: `waitpid` fails with
/// [`StatusUnknown`](crate::core::StatusUnknown). This lasts until the next child is watched. `SIG_DFL` harms no child
/// that is watched. Both are for the main thread, as in Python.
///
/// # In the child of a fork
///
/// Handlers are there as in the parent, if the thread is that of their hub.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another loop watches it, and, for `SIG_DFL` and `SIG_IGN`, if a
/// [`signal_handler`] or a watcher has it; [`NotDefaultLoop`](crate::core::NotDefaultLoop) for `SIGCHLD`, `SIG_DFL` and
/// `SIG_IGN` in a thread other than the main one. Fails with [`Handler::Other`], which says nothing that could be set.
/// The old handler stays then.
pub fn signal(signum: i32, handler: impl Into<Handler>) -> Result<Handler, Exception> {
    let handler = handler.into();
    let old = getsignal(signum)?;
    if signum == libc::SIGCHLD {
        match handler {
            Handler::Default | Handler::Ignore => {
                let loop_ = get_hub().loop_().clone();
                if !loop_.default() {
                    return Err(hub::core::Error::from(NotDefaultLoop).into());
                }
                set_signal_action(signum, handler == Handler::Ignore)?;
                loop_.reset_sigchld()?;
            }
            Handler::Function(_) => heed_children()?,
            Handler::Other => return Err(cannot_set()),
        }
        set(signum, handler, None);
        return Ok(old);
    }
    let watching = match &handler {
        Handler::Function(Function(function)) => {
            let function = function.clone();
            Some(signal_handler(signum, move || function(signum))?)
        }
        Handler::Default | Handler::Ignore => None,
        Handler::Other => return Err(cannot_set()),
    };
    let (ignore, watches) = (handler == Handler::Ignore, watching.is_some());
    set(signum, handler, watching);
    if !watches && let Err(error) = set_signal_action(signum, ignore) {
        if matches!(old, Handler::Function(_)) {
            signal(signum, old)?;
        }
        return Err(error.into());
    }
    Ok(old)
}

fn cannot_set() -> Exception {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, "Handler::Other cannot be set").into()
}

/// Puts the handler in the place of the earlier one, which is cancelled.
fn set(signum: i32, handler: Handler, watching: Option<SignalHandler>) {
    let new = Set { handler, watching };
    let earlier = SET.with(|slot| slot.with(|set| set.borrow_mut().insert(signum, new)));
    if let Some(watching) = earlier.flatten().and_then(|earlier| earlier.watching) {
        watching.cancel();
    }
}

/// Has the system keep the statuses of children again, if [`signal`] of this thread has had `SIGCHLD` ignored.
pub(crate) fn heed_children() -> Result<(), Exception> {
    if set_here(libc::SIGCHLD) == Some(Handler::Ignore) && signal_action(libc::SIGCHLD) == Ok(SignalAction::Ignore) {
        set_signal_action(libc::SIGCHLD, false)?;
    }
    Ok(())
}

/// Has the function for `SIGCHLD` called, in a new greenlet: a watched child has ended. Called in the hub.
pub(crate) fn child_ended() {
    if let Some(Handler::Function(Function(function))) = set_here(libc::SIGCHLD) {
        handle_in_greenlet(Rc::new(move || function(libc::SIGCHLD)));
    }
}
