//! The end of a thread, as its greenlets see it.
//!
//! A thread that just returns destroys its thread-locals one after the other. Before the first one is destroyed
//! that a parked greenlet can have borrowed from (see `sentinel.rs`), the thread is *over*: no greenlet is
//! switched to, started or unwound any more. Greenlets that are parked then are left as they are for ever, and
//! their memory is never used again.
//!
//! To have the destructors run, call [`unwind_all`] while everything is still there.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::direct::direct;
use crate::exception::Exception;
use crate::sanitizer;
use crate::switch::{JumpTarget, SwitchMessage};
use crate::thread::{Attention, Thread};
use crate::unwind;
use crate::virtual_thread::is_virtual_thread;

/// Unwinds all parked greenlets of this thread, the newest first, then those that have parked because of
/// that, until none is left that can be unwound. It is called when the thread is about to end. The main
/// greenlet stays, and so does a greenlet that waits for another one to be unwound.
///
/// ```
/// use greenlet_core::{RawGreenlet, getcurrent, live_greenlets, unwind_all};
/// std::thread::spawn(|| {
///     let main = getcurrent();
///     RawGreenlet::new(move |_| main.switch(())).switch(()).unwrap();
///     unwind_all();
///     assert_eq!(live_greenlets(), 0);
/// })
/// .join()
/// .unwrap();
/// ```
pub fn unwind_all() {
    Thread::with(unwind::unwind_all);
}

/// Whether this thread is over: no greenlet is switched to any more, as the thread-locals that greenlets can have
/// borrowed from are being destroyed. In a [virtual thread](crate::is_virtual_thread) none ever is.
pub fn thread_is_over() -> bool {
    // A state is marked as over when it ends. Without a state, it is gone already or never was there.
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    match unsafe { Thread::peek().as_ref() } {
        Some(thread) => thread.over(),
        None => is_virtual_thread() || Thread::guard_is_gone(),
    }
}

/// Has `hook` called when this thread [is over](thread_is_over), to close things that belong to the thread. The
/// hook that was added last is called first. A panic in a hook is printed and goes no further. When the thread
/// is over already, this does nothing.
pub fn at_thread_end(hook: fn()) {
    Thread::with(|thread| {
        if !thread.over() {
            thread.end_hooks.borrow_mut().push(hook);
        }
    });
}

/// Throws `exception` into a parked greenlet from a [hook](at_thread_end) of its thread's end, so that it ends
/// and its stack is not lost: for greenlets that serve others. All its switches are refused. Returns whether it
/// is dead. It is left alone when it is not parked, when the hook runs in another greenlet than the main one,
/// and when something that it has borrowed may be gone already.
pub fn finish(greenlet: &RawGreenlet, exception: impl Into<Exception>) -> bool {
    let thread = &*greenlet.core().thread;
    let may =
        thread.in_time.get() && ptr::eq(thread, Thread::peek()) && thread.main().is_some_and(|main| main.is_current());
    if may && let Some(target) = JumpTarget::of(greenlet) {
        // The greenlet's last message is of no use to anybody.
        let _ = target.go(thread, SwitchMessage::Throw(exception.into()));
    }
    greenlet.dead()
}

/// A value for a thread-local that destructors of other thread-locals may still ask for. The slot has no
/// destructor: its value is dropped [at the thread's end](at_thread_end), and nobody gets at it after that.
///
/// ```
/// use greenlet_core::ThreadSlot;
/// thread_local! {
///     static NAMES: ThreadSlot<Vec<String>> = const { ThreadSlot::new(Vec::new(), || NAMES.with(ThreadSlot::clear)) };
/// }
/// NAMES.with(|names| names.with(|names| names.borrow_mut().push("one".into())));
/// assert_eq!(NAMES.with(|names| names.with(|names| names.borrow().len())), Some(1));
/// ```
pub struct ThreadSlot<T> {
    value: ManuallyDrop<RefCell<T>>,
    clear: fn(),
    /// Whether `clear` will be called at the thread's end.
    registered: Cell<bool>,
}

impl<T> ThreadSlot<T> {
    /// Makes a slot that holds `value`. The function `clear` has to call [`ThreadSlot::clear`] of this slot.
    pub const fn new(value: T, clear: fn()) -> Self {
        ThreadSlot {
            value: ManuallyDrop::new(RefCell::new(value)),
            clear,
            registered: Cell::new(false),
        }
    }

    /// Calls `f` with the value, unless the thread is over.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&RefCell<T>) -> R) -> Option<R> {
        (self.registered.get() || self.register()).then(|| f(&self.value))
    }

    #[cold]
    fn register(&self) -> bool {
        let in_time = !thread_is_over();
        if in_time {
            self.registered.set(true);
            at_thread_end(self.clear);
        }
        in_time
    }
}

impl<T> fmt::Debug for ThreadSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is left out: printing it may be user code, and would borrow it.
        f.debug_struct("ThreadSlot").finish_non_exhaustive()
    }
}

impl<T: Default> ThreadSlot<T> {
    /// Drops the value, and leaves the default in its place.
    pub fn clear(&self) {
        self.registered.set(false);
        let value = self.value.take();
        drop(value);
    }
}

/// Ends a thread: marks it as over, calls its hooks, and leaves its parked greenlets behind. `in_time` says that
/// everything that a parked greenlet can have borrowed is still there.
pub(crate) fn end(thread: &Thread, in_time: bool) {
    if thread.over() {
        return;
    }
    thread.attend(Attention::OVER);
    thread.published.end();
    thread.in_time.set(in_time);
    loop {
        let hook = thread.end_hooks.borrow_mut().pop();
        let Some(hook) = hook else { break };
        quietly(hook);
    }
    thread.in_time.set(false);
    thread.attended(Attention::TRACED);
    quietly(|| drop(thread.tracer.take()));
    leave_behind(thread);
}

/// Calls `f` and catches its panic, which would end the process in the destructor of a thread-local.
pub(crate) fn quietly(f: impl FnOnce()) {
    // The panic's message has been printed.
    let _ = unwind::catch(f);
}

/// Keeps the parked greenlets where leak checkers find them, and prints a warning.
fn leave_behind(thread: &Thread) {
    // SAFETY: every greenlet in the list is alive.
    let look = |core: &ptr::NonNull<GreenletCore>| unsafe { core.as_ref() };
    let left = thread
        .list
        .newest_first(|core| core.life.get() == Life::Started && !core.runs() && core.parent.borrow().is_some());
    if left.is_empty() {
        return;
    }
    left.iter().map(look).for_each(sanitizer::keep);
    thread.keep();
    // The process's first thread ends with the process, which gives all memory back anyway.
    if is_first_thread() {
        return;
    }
    let told = left.iter().map(look).filter(|core| !core.daemon.get());
    let mut count = 0;
    let mut first = None;
    for core in told {
        count += 1;
        first = Some(core.made_at);
    }
    if let Some(first) = first {
        tell(count, first);
    }
}

/// Prints the warning about greenlets that were left behind, by a single write.
fn tell(count: usize, first: &Location<'_>) {
    let (were, s) = if count == 1 { ("was", "") } else { ("were", "s") };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "greenlet-core: a thread has ended while {count} greenlet{s} of it {were} parked, the first one made at \
         {first}: what is on their stacks is never dropped. A thread whose code runs in gevent::run (or calls \
         greenlet_core::unwind_all last) has them unwound.",
    );
    // `std::io` is not used, because its thread-locals may be gone. A failure cannot be reported to anybody.
    // SAFETY: the pointer and the length are those of `text`.
    direct(|| unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) });
}

/// The things that threads have left behind. Nobody uses them again: they are here so that leak checkers can
/// reach them.
static LEFT_BEHIND: Mutex<Vec<LeftBehind>> = Mutex::new(Vec::new());

struct LeftBehind {
    _pointer: *const (),
}

// SAFETY: the pointer is never dereferenced.
unsafe impl Send for LeftBehind {}

/// Keeps something that is lost on purpose reachable, so that leak checkers do not report it.
pub(crate) fn keep(pointer: *const ()) {
    let mut all = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(LeftBehind { _pointer: pointer });
}

/// Whether this is the process's first thread: the one that runs `main`, or in the child of a fork the one that
/// forked.
///
/// ```
/// let is_first = std::thread::spawn(greenlet_core::is_first_thread).join().expect("it does not panic");
/// assert!(!is_first);
/// ```
pub fn is_first_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // The thread group's id is the first thread's.
    // SAFETY: both calls only ask for an id.
    unsafe {
        libc::getpid() == libc::gettid()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        std::thread::current().name() == Some("main")
    }
}
