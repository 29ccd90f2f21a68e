//! The life of a [`Hub`]: its beginning, the function of its greenlet, and its end.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};

use greenlet_core::unwind::call_each;
use greenlet_core::{
    Exception, GreenletError, RawGreenlet, Value, finish, getcurrent, greenlets, is_first_thread, is_virtual_thread,
    thread_is_over,
};

use super::handle::{Hub, HubBody};
use crate::config;
use crate::context::Context;
use crate::core::{Error, HubDestroyed, Loop, complain};
use crate::exception_stream::{ExceptionStream, Printer};
use crate::exceptions::{HubError, LoopExit, NotMainGreenletError};
use crate::local;
use crate::monitor::is_monitoring_thread;
use crate::timers::Timers;
use crate::weak_list::WeakList;

/// The size of the hub's stack in bytes (of address space). Every callback of the loop runs on it.
const HUB_STACK: usize = 1 << 20;

static HUBS: AtomicU64 = AtomicU64::new(0);

/// Functions that are called at some point, as long as they exist.
#[derive(Default)]
pub(super) struct Hooks(RefCell<WeakList<dyn Fn()>>);

impl Hooks {
    fn add(&self, hook: Weak<dyn Fn()>) {
        self.0.borrow_mut().push(hook);
    }

    fn call(&self) {
        let hooks = self.0.borrow().clone();
        Hooks::call_all(hooks);
    }

    /// [`call`](Hooks::call) for the last time. The hooks are removed first, so that none is called again after a
    /// panic.
    fn call_last(&self) {
        Hooks::call_all(self.0.take());
    }

    /// Calls these hooks. A hook that one of them adds is called the next time.
    fn call_all(hooks: WeakList<dyn Fn()>) {
        call_each(hooks.iter().filter_map(|hook| {
            let hook = hook.upgrade()?;
            Some(move || hook())
        }));
    }
}

impl Hub {
    /// A hub that runs `loop_`. With `None` it runs the loop that the thread's last hub [kept](Hub::destroy); if there
    /// is none, a new loop (libev's default loop in the process's first thread) with the
    /// [backend](config::libev_backend) that is set.
    ///
    /// [`set_hub`](crate::set_hub) makes it the thread's hub. Most programs just use [`get_hub`](crate::get_hub).
    ///
    /// ```
    /// use hub::{Hub, core::Loop, get_hub, set_hub};
    ///
    /// set_hub(Some(Hub::new(Loop::new("poll", false)?)?));
    /// assert_eq!(get_hub().loop_().backend()?, "poll");
    /// hub::sleep(0.001)?;
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    ///
    /// When the thread [is over](thread_is_over), this returns a [destroyed](Hub::destroyed) hub.
    ///
    /// # Errors
    /// [`HubError`] if libev cannot make a loop.
    pub fn new(loop_: impl Into<Option<Loop>>) -> Result<Hub, HubError> {
        let loop_ = loop_.into();
        if thread_is_over() {
            // The thread's list of hubs, by which they are closed, is not emptied again.
            return Ok(Hub::failed_as_over());
        }
        let loop_ = match loop_.or_else(local::take_loop) {
            Some(loop_) => loop_,
            None => Loop::new(config::libev_backend().map_err(Error::from)?, is_main_thread())?,
        };
        let hub = Hub::of(loop_, None);
        local::add_hub(&hub);
        adopt_orphans(hub.greenlet());
        Ok(hub)
    }

    /// A hub that is destroyed from the beginning for this reason, for code that must have a hub where none can be
    /// made.
    pub(crate) fn failed(reason: impl Into<Exception>) -> Hub {
        let hub = Hub::of(Loop::dead(), Some(reason.into()));
        hub.0.destroyed.set(true);
        hub
    }

    /// A hub that is destroyed from the beginning because no greenlet runs in the calling thread: it is over, or a
    /// virtual one.
    pub(crate) fn failed_as_over() -> Hub {
        if is_virtual_thread() {
            Hub::failed(GreenletError::VirtualThread)
        } else {
            Hub::failed(HubDestroyed)
        }
    }

    fn of(loop_: Loop, failed: Option<Exception>) -> Hub {
        let main = main_of(&getcurrent());
        Hub(Rc::new_cyclic(|weak: &Weak<HubBody>| {
            let life = HubRun(weak.clone());
            let greenlet = RawGreenlet::builder()
                .parent(&main)
                .stack_size(HUB_STACK)
                .daemon()
                .build(move |_| life.run());
            HubBody {
                loop_,
                greenlet,
                main,
                destroyed: Cell::new(false),
                failed,
                minimal_ident: HUBS.fetch_add(1, Ordering::Relaxed) + 1,
                main_hub: is_main_thread(),
                thread_ident: thread::current().id(),
                name: RefCell::default(),
                printer: RefCell::new(Printer::new(ExceptionStream::default())),
                stream: Arc::default(),
                monitor: RefCell::default(),
                error_handler: RefCell::default(),
                not_error: RefCell::new(Rc::new(Hub::NOT_ERROR)),
                system_error: RefCell::new(Rc::new(Hub::SYSTEM_ERROR)),
                timers: Timers::default(),
                reinit_hooks: Hooks::default(),
                end_hooks: Hooks::default(),
            }
        }))
    }

    /// Destroys a hub whose greenlet has ended by itself: it was killed or unwound by hand, or an error was thrown into
    /// it. The thread's other greenlets go on, because the next hub runs the same loop.
    #[cold]
    pub(super) fn died(&self) {
        if self.0.destroyed.replace(true) {
            return;
        }
        self.0.greenlet.set_local(DiedByItself);
        let keep_loop = || {
            if self.is_the_threads() && self.0.loop_.now().is_ok() {
                local::set_loop(Some(self.0.loop_.clone()));
            }
        };
        let steps: [&dyn Fn(); 5] = [
            &|| self.end_monitoring(),
            &|| self.0.timers.clear(),
            &|| self.0.end_hooks.call(),
            &keep_loop,
            &|| self.leave_thread(),
        ];
        call_each(steps);
    }

    fn is_the_threads(&self) -> bool {
        local::get_hub_if_exists().as_ref() == Some(self)
    }

    /// Leaves the thread without a hub, if this is its hub.
    fn leave_thread(&self) {
        if self.is_the_threads() {
            local::set_hub(None);
        }
    }

    /// Prepares the hub for use in the child of a `fork`, by making the kernel's part of the loop anew. To be called in
    /// the child right after the fork.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn reinit(&self) -> Result<(), Exception> {
        self.loop_().reinit()?;
        self.0.reinit_hooks.call();
        Ok(())
    }

    /// Has `hook` called at the end of each [`reinit`](Hub::reinit), as long as `hook` exists. Meant for objects that
    /// have threads. (The loop's fork watchers are called when the loop begins an iteration, which may be too late.)
    ///
    /// Source: gevent's `hub.reinit`, which makes its thread pool anew.
    pub fn on_reinit(&self, hook: Weak<dyn Fn()>) {
        self.0.reinit_hooks.add(hook);
    }

    /// Has `hook` called when this hub ends for good, at the end of [`run`](crate::run) or of the thread, as long as
    /// `hook` exists. Meant for objects that have threads, which would wait for work for ever.
    pub fn on_end(&self, hook: Weak<dyn Fn()>) {
        self.0.end_hooks.add(hook);
    }

    /// Ends the hub: its greenlet ends, and with `destroy_loop` its loop is destroyed, too. A loop that is kept is
    /// taken over by the thread's next hub. With `None`, libev's default loop is kept and any other is destroyed. To be
    /// called in the main greenlet; a second call does nothing.
    ///
    /// # Errors
    /// [`NotMainGreenletError`] in any other greenlet.
    pub fn destroy(&self, destroy_loop: impl Into<Option<bool>>) -> Result<(), Exception> {
        if getcurrent() != self.0.main {
            return Err(Exception::new(NotMainGreenletError));
        }
        if self.0.destroyed.replace(true) {
            return Ok(());
        }
        let destroy_loop = destroy_loop.into();
        let goes = || destroy_loop.unwrap_or(!self.0.loop_.default());
        let mut destroyed = Ok(());
        let steps: [&mut dyn FnMut(); 6] = [
            &mut || self.end_monitoring(),
            &mut || self.end_greenlet(),
            &mut || self.0.timers.clear(),
            &mut || local::set_loop((!goes()).then(|| self.0.loop_.clone())),
            &mut || {
                if goes() {
                    destroyed = self.0.loop_.destroy();
                }
            },
            &mut || self.leave_thread(),
        ];
        call_each(steps);
        Ok(destroyed?)
    }

    /// Ends the hub's greenlet, if it has begun.
    fn end_greenlet(&self) {
        if !self.0.greenlet.active() {
            return;
        }
        // The throw returns the LoopExit or the HubDestroyed that the greenlet ends with.
        if let Err(exception) = self.0.greenlet.throw(HubDestroyed) {
            let error = exception.error();
            if !(error.is::<LoopExit>() || error.is::<HubDestroyed>() || error.is::<GreenletError>()) {
                self.print_exception(Context::Object(self), &exception);
            }
        }
    }

    /// Ends the hub of a thread that is over: destroys its loop, and ends its greenlet if that is still possible.
    pub(crate) fn close(&self) {
        self.0.destroyed.set(true);
        self.end_monitoring();
        self.0.timers.clear();
        let end_runs = || _ = finish(&self.0.greenlet, HubDestroyed);
        // This fails only in the midst of a callback that will never go on.
        let destroy = || _ = self.0.loop_.destroy_after(end_runs);
        let steps: [&dyn Fn(); 2] = [&destroy, &|| self.let_go()];
        call_each(steps);
    }

    /// Calls the end hooks of a destroyed hub for the last time, and drops all that the hub owns.
    pub(crate) fn let_go(&self) {
        // A parent that was set by the user may own the hub.
        let has_own_parent = || _ = self.0.greenlet.set_parent(&self.0.main);
        let steps: [&dyn Fn(); 3] = [
            &|| self.0.end_hooks.call_last(),
            &|| self.forget_handlers(),
            &has_own_parent,
        ];
        call_each(steps);
    }
}

/// The function of the hub's greenlet. Its drop, in whatever way the greenlet ends, ends the hub.
struct HubRun(Weak<HubBody>);

impl HubRun {
    fn run(self) -> Result<Value, Exception> {
        match self.0.upgrade() {
            Some(inner) => run(Hub(inner)),
            None => Ok(Value::None),
        }
    }
}

impl Drop for HubRun {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            Hub(inner).died();
        }
    }
}

/// Marks the greenlet of a hub that was not destroyed, but whose greenlet has ended by itself.
struct DiedByItself;

/// Makes a new hub the parent of the greenlets whose hub has died. They go on; without this, the main greenlet would be
/// switched to, in the midst of its own wait, when one of them ends.
fn adopt_orphans(hub: &RawGreenlet) {
    let is_orphan = |greenlet: &RawGreenlet| {
        let parent = greenlet.parent();
        parent.is_some_and(|parent| parent.dead() && parent.local::<DiedByItself>().is_some())
    };
    for orphan in greenlets().iter().filter(|greenlet| is_orphan(greenlet)) {
        // This cannot make a cycle, which would be an error: the hub's own parent is the main greenlet.
        let _ = orphan.set_parent(hub);
    }
}

/// Runs the loop. When the loop has nothing left to do, throws [`LoopExit`] into the main greenlet, and runs the loop
/// again when the hub is switched to.
fn run(hub: Hub) -> Result<Value, Exception> {
    let inner = &hub.0;
    if config::monitor_thread()
        && !is_monitoring_thread()
        && let Err(error) = hub.start_periodic_monitoring_thread()
    {
        complain(format_args!("gevent: the hub is not monitored: {error}"));
    }
    loop {
        inner.loop_.set_error_handler(Some(Rc::new(hub.clone())));
        let handles_errors = NoErrorHandler(&inner.loop_);
        let ran = inner.loop_.run();
        drop(handles_errors);
        if inner.destroyed.get() {
            return Ok(Value::None);
        }
        ran?;
        inner.main.throw(LoopExit {
            hub: format!("{hub:?}"),
            ident: hub.minimal_ident(),
            name: hub.name(),
            blocked: hub.blocked_greenlets(),
        })?;
    }
}

/// Breaks the cycle between the hub and its loop after each run. It is dropped also when the hub's greenlet is unwound,
/// as that of a hub which was replaced is at the end of its thread.
struct NoErrorHandler<'a>(&'a Loop);

impl Drop for NoErrorHandler<'_> {
    fn drop(&mut self) {
        self.0.set_error_handler(None);
    }
}

/// The main greenlet of `greenlet`'s thread, which has no parent.
fn main_of(greenlet: &RawGreenlet) -> RawGreenlet {
    let mut greenlet = greenlet.clone();
    while let Some(parent) = greenlet.parent() {
        greenlet = parent;
    }
    greenlet
}

/// Whether this is the process's first thread, whose hub runs libev's default loop.
///
/// In the child of a fork, the thread that forked is the first one. But if it was not the first in the parent, this
/// returns false, as the thread's hub, if it has one, is no main hub either. Source: `main_thread_ident` in gevent's
/// `hub.py`.
fn is_main_thread() -> bool {
    // Only the first thread writes this, so no other thread can fork while it is half-written.
    static MAIN: OnceLock<ThreadId> = OnceLock::new();
    is_first_thread() && {
        let here = thread::current().id();
        *MAIN.get_or_init(|| here) == here
    }
}
