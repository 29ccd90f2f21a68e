//! [`Hub`]: the greenlet that runs the loop. Source: gevent's `hub.py`.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug};
use std::rc::{Rc, Weak};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};

use greenlet_core::unwind::{Caught, call_each, catch};
use greenlet_core::{
    Exception, GreenletError, RawGreenlet, State, Value, finish, getcurrent, greenlets,
    is_first_thread,
};
use waiter::{Failed, Park, WaitHub, Wake};

use crate::config;
use crate::context::Context;
use crate::core::{Error, ErrorHandler, HubDestroyed, Loop};
use crate::errors::ErrorKind;
use crate::exception_stream::{ExceptionStream, Printer};
use crate::exceptions::{
    BlockedGreenlet, BlockingSwitchOutError, HubError, LoopExit, NotMainGreenletError,
};
use crate::local;
use crate::seconds::Seconds;
use crate::switch_out;
use crate::time_limit::TimeLimit;
use crate::timers::Timers;
use crate::weak_list::WeakList;

/// Address space for the hub's own stack, in bytes: every loop callback runs on it.
const HUB_STACK: usize = 1 << 20;

static HUBS: AtomicU64 = AtomicU64::new(0);

/// The greenlet that runs a thread's loop and wakes the others; made by
/// [`get_hub`](crate::get_hub). Handles are cheap to clone and mean the same hub.
///
/// Source: gevent's `Hub`.
#[derive(Clone)]
pub struct Hub(Rc<Inner>);

pub(crate) struct Inner {
    loop_: Loop,
    greenlet: RawGreenlet,
    main: RawGreenlet,
    destroyed: Cell<bool>,
    minimal_ident: u64,
    main_hub: bool,
    thread_ident: ThreadId,
    name: RefCell<String>,
    pub(crate) printer: RefCell<Rc<Printer>>,
    pub(crate) error_handler: RefCell<Option<Rc<dyn ErrorHandler>>>,
    pub(crate) not_error: RefCell<ErrorKind>,
    pub(crate) system_error: RefCell<ErrorKind>,
    pub(crate) timers: Timers,
    reinit_hooks: Hooks,
    end_hooks: Hooks,
}

/// A hub, as long as somebody has it.
pub(crate) struct WeakHub(Weak<Inner>);

impl WeakHub {
    pub(crate) fn upgrade(&self) -> Option<Hub> {
        self.0.upgrade().map(Hub)
    }

    pub(crate) fn exists(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// What is called at some point, as long as it exists.
#[derive(Default)]
struct Hooks(RefCell<WeakList<dyn Fn()>>);

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

    pub(crate) fn downgrade(&self) -> WeakHub {
        WeakHub(Rc::downgrade(&self.0))
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// The loop that this hub runs.
    #[inline]
    pub fn loop_(&self) -> &Loop {
        &self.0.loop_
    }

    /// The greenlet that runs the loop; it is the parent of the greenlets of this thread.
    #[inline]
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.0.greenlet
    }

    /// The thread's main greenlet, the hub's parent.
    pub fn parent(&self) -> &RawGreenlet {
        &self.0.main
    }

    /// A small number that tells this hub from the process's others.
    pub fn minimal_ident(&self) -> u64 {
        self.0.minimal_ident
    }

    /// The name given with [`set_name`](Hub::set_name), empty before.
    pub fn name(&self) -> String {
        self.0.name.borrow().clone()
    }

    /// Names the hub, for its `Debug` output.
    pub fn set_name(&self, name: impl Into<String>) {
        self.0.name.replace(name.into());
    }

    /// Whether [`destroy`](Hub::destroy) was called, or its greenlet has ended otherwise.
    pub fn destroyed(&self) -> bool {
        self.check_alive().is_err()
    }

    /// Refuses a wait that nobody would end.
    ///
    /// # Errors
    /// After [`destroy`](Hub::destroy), and when its greenlet has ended otherwise.
    #[inline]
    pub fn check_alive(&self) -> Result<(), HubDestroyed> {
        if self.0.destroyed.get() {
            Err(HubDestroyed)
        } else if self.0.greenlet.dead() {
            // Without a word: its stack was given up.
            self.died();
            Err(HubDestroyed)
        } else {
            Ok(())
        }
    }

    /// Its greenlet has ended, though nobody has destroyed it: it was killed or unwound by hand, or an error was thrown
    /// into it. Nothing of the thread's greenlets is lost: the next hub runs the same loop.
    #[cold]
    fn died(&self) {
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

    /// This hub, as a waiter wants it.
    pub fn as_wait_hub(&self) -> Rc<dyn WaitHub> {
        Rc::new(self.clone())
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

    /// Whether this is the hub of the process's first thread.
    pub fn main_hub(&self) -> bool {
        self.0.main_hub
    }

    /// The thread it was made in, in which it runs.
    pub fn thread_ident(&self) -> ThreadId {
        self.0.thread_ident
    }

    /// The greenlets of this thread that are parked, without the main greenlet and the hub
    /// itself: when the loop has nothing left to do, those that wait for ever.
    pub fn blocked_greenlets(&self) -> Vec<BlockedGreenlet> {
        let parked = |greenlet: &RawGreenlet| {
            greenlet.state() == State::Suspended
                && *greenlet != self.0.main
                && *greenlet != self.0.greenlet
        };
        let mut blocked: Vec<_> = greenlets()
            .into_iter()
            .filter(parked)
            .map(|greenlet| BlockedGreenlet {
                id: greenlet.id(),
                name: name_of(&greenlet),
                made_at: greenlet.made_at(),
                parked_at: greenlet.parked_at(),
                waiting_on: greenlet.waiting_on(),
            })
            .collect();
        blocked.sort_by_key(|greenlet| greenlet.id);
        blocked
    }

    /// Parks the current greenlet: control goes to the loop, until somebody switches back.
    ///
    /// # Errors
    /// [`BlockingSwitchOutError`] in the hub itself, [`HubDestroyed`] after
    /// [`destroy`](Hub::destroy), and what is thrown into the current greenlet meanwhile, in
    /// the main greenlet [`LoopExit`] among it.
    // Inlined for the reason that greenlet-core's `transfer` is: after a switch, the return from each
    // frame that was entered before is mispredicted.
    #[track_caller]
    #[inline(always)]
    pub fn switch(&self) -> Result<Value, Exception> {
        self.before_switch()?;
        self.0.greenlet.switch(())
    }

    #[inline(always)]
    fn before_switch(&self) -> Result<(), Exception> {
        if self.0.greenlet.is_current() {
            return Err(Exception::new(BlockingSwitchOutError));
        }
        switch_out::call()?;
        self.check_alive()?;
        Ok(())
    }

    /// Waits until the loop has nothing left to do: no greenlets that wait for it, no servers,
    /// no timers. Only in the main greenlet. Returns whether that was so before `timeout`
    /// seconds were over.
    ///
    /// # Errors
    /// [`NotMainGreenletError`] elsewhere; what is thrown into the main greenlet meanwhile.
    pub fn join(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        if getcurrent() != self.0.main {
            return Err(Exception::new(NotMainGreenletError));
        }
        let timeout = timeout.checked()?;
        if self.destroyed() {
            return Ok(true);
        }
        let park = Park::new(self)?;
        let limit = TimeLimit::start_without_ref(self, &park, timeout)?;
        let got = park.wait_for_any(self);
        drop(limit);
        match got {
            Ok(_) => Ok(false),
            Err(exception) if exception.error().is::<LoopExit>() => Ok(true),
            Err(exception) => Err(exception),
        }
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
}

impl Hub {
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

/// What it is called. The function that makes up a name is somebody's, and the hub must not fail with it.
fn name_of(greenlet: &RawGreenlet) -> Option<String> {
    match catch(|| greenlet.name()) {
        Ok(name) => name.map(|name| name.to_string()),
        Err(Caught::Panic(_)) => None,
        Err(Caught::Forced(unwind)) => unwind.resume(),
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

impl WaitHub for Hub {
    #[inline(always)]
    fn greenlet(&self) -> &RawGreenlet {
        &self.0.greenlet
    }

    #[inline(always)]
    fn before_switch(&self) -> Result<(), Exception> {
        Hub::before_switch(self)
    }

    fn handle_error(&self, failed: Failed<'_>, exception: Exception) {
        let context = match failed {
            Failed::Switch(greenlet) => Context::Switch(greenlet),
            Failed::Throw(greenlet) => Context::Throw(greenlet),
        };
        self.report_error(context, exception);
    }

    fn check_alive(&self) -> Result<(), Exception> {
        Ok(Hub::check_alive(self)?)
    }

    fn run_soon(&self, wake: Wake) -> Result<(), Wake> {
        self.0.loop_.run_soon(wake)
    }
}

/// So that a waiter is made as in gevent: `Waiter::new(get_hub())`.
impl From<Hub> for Rc<dyn WaitHub> {
    fn from(hub: Hub) -> Self {
        Rc::new(hub)
    }
}

impl From<&Hub> for Rc<dyn WaitHub> {
    fn from(hub: &Hub) -> Self {
        hub.as_wait_hub()
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
