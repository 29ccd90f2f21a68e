//! How a [`Hub`] begins and ends, and what its greenlet runs meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};

use greenlet_core::unwind::call_each;
use greenlet_core::{
    Exception, GreenletError, RawGreenlet, Value, finish, getcurrent, greenlets, is_first_thread,
};

use super::handle::{Hub, Inner};
use crate::config;
use crate::context::Context;
use crate::core::{Error, HubDestroyed, Loop};
use crate::exception_stream::{ExceptionStream, Printer};
use crate::exceptions::{HubError, LoopExit, NotMainGreenletError};
use crate::local;
use crate::timers::Timers;
use crate::weak_list::WeakList;

/// Address space for the hub's own stack, in bytes: every loop callback runs on it.
const HUB_STACK: usize = 1 << 20;

static HUBS: AtomicU64 = AtomicU64::new(0);

/// What is called at some point, as long as it exists.
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

    /// [`call`](Hooks::call) for the last time: one that panics shall not do so again.
    fn call_last(&self) {
        Hooks::call_all(self.0.take());
    }

    /// Those that are added by one of them come with the next time.
    fn call_all(hooks: WeakList<dyn Fn()>) {
        call_each(hooks.iter().filter_map(|hook| {
            let hook = hook.upgrade()?;
            Some(move || hook())
        }));
    }
}

impl Hub {
    /// A hub that runs this loop; with `None` the one that the thread's last hub
    /// [kept](Hub::destroy), else a new one (libev's default loop in the process's first thread) with
    /// the [backend](config::libev_backend) that is set.
    /// It becomes the thread's by [`set_hub`](crate::set_hub); most programs just take
    /// [`get_hub`](crate::get_hub)'s.
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
    /// # Errors
    /// [`HubError`] when libev cannot make a loop.
    pub fn new(loop_: impl Into<Option<Loop>>) -> Result<Hub, HubError> {
        let loop_ = match loop_.into().or_else(local::take_loop) {
            Some(loop_) => loop_,
            None => Loop::new(
                config::libev_backend().map_err(Error::from)?,
                is_main_thread(),
            )?,
        };
        let hub = Hub::of(loop_);
        local::add_hub(&hub);
        adopt_orphans(hub.greenlet());
        Ok(hub)
    }

    /// A hub that is destroyed from the beginning: for who must have one where none can be any more.
    pub(crate) fn dead() -> Hub {
        let hub = Hub::of(Loop::dead());
        hub.0.destroyed.set(true);
        hub
    }

    fn of(loop_: Loop) -> Hub {
        let main = main_of(&getcurrent());
        Hub(Rc::new_cyclic(|weak: &Weak<Inner>| {
            let life = Life(weak.clone());
            let greenlet = RawGreenlet::builder()
                .parent(&main)
                .stack_size(HUB_STACK)
                .daemon()
                .build(move |_| life.run());
            Inner {
                loop_,
                greenlet,
                main,
                destroyed: Cell::new(false),
                minimal_ident: HUBS.fetch_add(1, Ordering::Relaxed) + 1,
                main_hub: is_main_thread(),
                thread_ident: thread::current().id(),
                name: RefCell::default(),
                printer: RefCell::new(Printer::new(ExceptionStream::default())),
                error_handler: RefCell::default(),
                not_error: RefCell::new(Rc::new(Hub::NOT_ERROR)),
                system_error: RefCell::new(Rc::new(Hub::SYSTEM_ERROR)),
                timers: Timers::default(),
                reinit_hooks: Hooks::default(),
                end_hooks: Hooks::default(),
            }
        }))
    }

    /// Its greenlet has ended, though nobody has destroyed it: it was killed or unwound by hand, or an error was thrown
    /// into it. Nothing of the thread's greenlets is lost: the next hub runs the same loop.
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
        let steps: [&dyn Fn(); 4] = [
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

    /// The thread is without a hub, if it is this one's.
    fn leave_thread(&self) {
        if self.is_the_threads() {
            local::set_hub(None);
        }
    }

    /// To be called in the child right after a `fork`, if the child is to go on using this hub:
    /// the kernel's half of the loop is made anew.
    ///
    /// # Errors
    /// When the loop is destroyed.
    pub fn reinit(&self) -> Result<(), Exception> {
        self.loop_().reinit()?;
        self.0.reinit_hooks.call();
        Ok(())
    }

    /// Calls `hook` at the end of each [`reinit`](Hub::reinit), for as long as it exists: for objects
    /// that have threads. The loop's own fork watchers are called when it begins an iteration,
    /// which may be too late.
    ///
    /// Source: what gevent's `hub.reinit` does for its thread pool.
    pub fn on_reinit(&self, hook: Weak<dyn Fn()>) {
        self.0.reinit_hooks.add(hook);
    }

    /// Calls `hook` when this hub ends for good, for as long as it exists: at the end of [`run`](crate::run), or
    /// when the thread is over. For objects that have threads, which would wait for work for ever.
    pub fn on_end(&self, hook: Weak<dyn Fn()>) {
        self.0.end_hooks.add(hook);
    }

    /// Ends the hub: its greenlet ends, and its loop too if `destroy_loop`; a loop that is kept
    /// is taken over by the thread's next hub. With `None`, libev's default loop is kept and any
    /// other is destroyed. Only in the main greenlet. Destroying twice is fine.
    ///
    /// # Errors
    /// [`NotMainGreenletError`] elsewhere.
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
        let steps: [&mut dyn FnMut(); 5] = [
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

    /// Has its greenlet end, if it has begun.
    fn end_greenlet(&self) {
        if !self.0.greenlet.active() {
            return;
        }
        // It comes back with the LoopExit or the HubDestroyed that it ends with.
        if let Err(exception) = self.0.greenlet.throw(HubDestroyed) {
            let error = exception.error();
            if !(error.is::<LoopExit>()
                || error.is::<HubDestroyed>()
                || error.is::<GreenletError>())
            {
                self.print_exception(Context::Object(self), &exception);
            }
        }
    }

    /// Ends the hub of a thread that is over: its loop goes, and its greenlet too if there is still time.
    pub(crate) fn close(&self) {
        self.0.destroyed.set(true);
        self.0.timers.clear();
        let end_runs = || _ = finish(&self.0.greenlet, HubDestroyed);
        // Refused only in the midst of something that will never go on.
        let destroy = || _ = self.0.loop_.destroy_after(end_runs);
        let steps: [&dyn Fn(); 2] = [&destroy, &|| self.let_go()];
        call_each(steps);
    }

    /// The last of a hub that is destroyed: whoever serves it ends, and what it owns goes.
    pub(crate) fn let_go(&self) {
        // Another parent that somebody gave its greenlet may be one that owns the hub.
        let has_own_parent = || _ = self.0.greenlet.set_parent(&self.0.main);
        let steps: [&dyn Fn(); 3] = [
            &|| self.0.end_hooks.call_last(),
            &|| self.forget_handlers(),
            &has_own_parent,
        ];
        call_each(steps);
    }
}

/// What the hub's greenlet runs; whichever way it ends, if it begins at all, the hub has ended.
struct Life(Weak<Inner>);

impl Life {
    fn run(self) -> Result<Value, Exception> {
        match self.0.upgrade() {
            Some(inner) => run(Hub(inner)),
            None => Ok(Value::None),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            Hub(inner).died();
        }
    }
}

/// Attached to the greenlet of a hub that was not destroyed, but died.
struct DiedByItself;

/// Makes a new hub the parent of those whose hub has died: they go on, and when they end, the main greenlet must not
/// get what they end with instead of what it waits for.
fn adopt_orphans(hub: &RawGreenlet) {
    let is_orphan = |greenlet: &RawGreenlet| {
        let parent = greenlet.parent();
        parent.is_some_and(|parent| parent.dead() && parent.local::<DiedByItself>().is_some())
    };
    for orphan in greenlets().iter().filter(|greenlet| is_orphan(greenlet)) {
        // Fails for nobody who waits: the hub's own parent is the main greenlet.
        let _ = orphan.set_parent(hub);
    }
}

/// Runs the loop; when that has nothing left to do, says so to the parent, and runs it again if
/// somebody switches back.
fn run(hub: Hub) -> Result<Value, Exception> {
    let inner = &hub.0;
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
            blocked: hub.blocked_greenlets(),
        })?;
    }
}

/// Breaks the cycle between the hub and its loop after each run, also when the hub's greenlet is
/// unwound: a hub that was replaced, at the end of its thread.
struct NoErrorHandler<'a>(&'a Loop);

impl Drop for NoErrorHandler<'_> {
    fn drop(&mut self) {
        self.0.set_error_handler(None);
    }
}

/// The main greenlet of `greenlet`'s thread: the one without a parent.
fn main_of(greenlet: &RawGreenlet) -> RawGreenlet {
    let mut greenlet = greenlet.clone();
    while let Some(parent) = greenlet.parent() {
        greenlet = parent;
    }
    greenlet
}

/// Whether this is the process's first thread, whose hub runs libev's default loop.
///
/// In the child of a fork, the thread that forked is the first one. But if that was another one in the parent, the
/// default loop may be still what the parent's first thread has made of it. Source: `main_thread_ident` in gevent's
/// `hub.py`.
fn is_main_thread() -> bool {
    // Written by no thread but the first, so that no fork finds it half-written.
    static MAIN: OnceLock<ThreadId> = OnceLock::new();
    is_first_thread() && {
        let here = thread::current().id();
        *MAIN.get_or_init(|| here) == here
    }
}
