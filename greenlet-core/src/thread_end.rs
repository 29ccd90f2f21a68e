//! The end of a thread, as its greenlets see it.
//!
//! A thread that just returns destroys its thread-locals one after the other, ours among them. From the
//! moment ours is destroyed the thread is *over*: nobody is switched to, nobody starts, nobody is unwound,
//! for whoever ran now could find what it has borrowed from a thread-local gone. What is parked then is
//! left as it is for ever: its memory is never used again.
//!
//! Who wants destructors to run ends the thread while everything is there: [`unwind_all`].

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::exception::Exception;
use crate::sanitizer;
use crate::switch::{JumpTarget, SwitchMessage};
use crate::thread::{Attention, Thread};
use crate::unwind;

/// Unwinds all greenlets of this thread that are parked, the newest first, and those that are parked
/// because of that, until none is left that can be: the thread's explicit end. The main greenlet and those
/// that wait for a greenlet to be unwound stay.
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

/// Whether the thread-locals of this thread are being destroyed, as far as this crate can know: its own
/// has been. Nothing is switched to any more.
pub fn thread_is_over() -> bool {
    // Its state is marked when it ends; it is gone later, or was never there.
    // SAFETY: as in `Thread::with`.
    match unsafe { Thread::peek().as_ref() } {
        Some(thread) => thread.over(),
        None => Thread::guard_is_gone(),
    }
}

/// Calls `hook` when this thread [is over](thread_is_over), after those that are added later: to close
/// what belongs to the thread. A panic in it is printed and goes no further. Does nothing when the thread
/// is over already.
pub fn at_thread_end(hook: fn()) {
    Thread::with(|thread| {
        if !thread.over() {
            thread.end_hooks.borrow_mut().push(hook);
        }
    });
}

/// Throws into a greenlet that serves the others, from a [hook](at_thread_end) of its thread's end, so that it
/// ends and its stack is not lost. Whatever it switches to on its way is refused. Says whether it has ended; it
/// is left alone when it is not parked, when the hook runs in another greenlet than the main one, and when
/// something that it has borrowed may be gone already.
pub fn finish(greenlet: &RawGreenlet, exception: impl Into<Exception>) -> bool {
    let thread = &*greenlet.core().thread;
    let may = thread.in_time.get()
        && ptr::eq(thread, Thread::peek())
        && thread.main().is_some_and(|main| main.is_current());
    if may && let Some(target) = JumpTarget::of(greenlet) {
        // What it says is nobody's business any more.
        let _ = target.go(thread, SwitchMessage::Throw(exception.into()));
    }
    greenlet.dead()
}

/// A thread-local of the runtime's own that other thread-locals' destructors may come by. It has no
/// destructor itself: what it holds is dropped [at the thread's end](at_thread_end), and then it holds
/// nothing any more.
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
    /// A slot that holds `value`. `clear` is to call [`clear`](ThreadSlot::clear) for it.
    pub const fn new(value: T, clear: fn()) -> Self {
        ThreadSlot {
            value: ManuallyDrop::new(RefCell::new(value)),
            clear,
            registered: Cell::new(false),
        }
    }

    /// Calls `f` with what is in the slot, unless the thread is over.
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
        // Not what is in it: to show that is foreign code, and it would be borrowed.
        f.debug_struct("ThreadSlot").finish_non_exhaustive()
    }
}

impl<T: Default> ThreadSlot<T> {
    /// Drops what is in the slot.
    pub fn clear(&self) {
        self.registered.set(false);
        let value = self.value.take();
        drop(value);
    }
}

/// Ends a thread: marks it as over, has what belongs to it closed, and leaves what is parked behind. `in_time`:
/// nothing is gone yet that a parked greenlet can have borrowed.
pub(crate) fn end(thread: &Thread, in_time: bool) {
    if thread.over() {
        return;
    }
    thread.attend(Attention::OVER);
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

/// Calls `f`, whose panic would end the process here: it comes from a thread-local's destructor.
pub(crate) fn quietly(f: impl FnOnce()) {
    // The panic's message has been printed.
    let _ = unwind::catch(f);
}

/// Keeps what is parked where leak checkers find it, and says so.
fn leave_behind(thread: &Thread) {
    // SAFETY: what is in the list is alive.
    let look = |core: &ptr::NonNull<GreenletCore>| unsafe { core.as_ref() };
    let left = thread.list.newest_first(|core| {
        core.life.get() == Life::Started && !core.runs() && core.parent.borrow().is_some()
    });
    if left.is_empty() {
        return;
    }
    left.iter().map(look).for_each(sanitizer::keep);
    thread.keep();
    // The process's first thread ends with the process, and nothing is lost that was not lost anyway.
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

/// Says in one piece what was left behind.
fn tell(count: usize, first: &Location<'_>) {
    let (were, s) = if count == 1 {
        ("was", "")
    } else {
        ("were", "s")
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "greenlet-core: a thread has ended while {count} greenlet{s} of it {were} parked, the first one made at \
         {first}: what is on their stacks is never dropped. A thread whose code runs in gevent::run (or calls \
         greenlet_core::unwind_all last) has them unwound.",
    );
    // Not through `std::io`, whose thread-locals may be gone. A failure is nobody's business any more.
    // SAFETY: the bytes are there.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

/// What threads have left behind. Nobody uses it again: it is here so that it can be reached.
static LEFT_BEHIND: Mutex<Vec<LeftBehind>> = Mutex::new(Vec::new());

struct LeftBehind {
    _pointer: *const (),
}

// SAFETY: nobody looks at what the pointer points to.
unsafe impl Send for LeftBehind {}

/// Keeps something that is lost on purpose reachable, so that leak checkers do not report it.
pub(crate) fn keep(pointer: *const ()) {
    let mut all = LEFT_BEHIND.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(LeftBehind { _pointer: pointer });
}

/// Whether this is the process's first thread: the one that runs `main`, and in the child of a fork the one that forked.
///
/// ```
/// let is_first = std::thread::spawn(greenlet_core::is_first_thread).join().expect("it does not panic");
/// assert!(!is_first);
/// ```
pub fn is_first_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // The thread group's id is the first thread's.
    // SAFETY: both only ask for an id.
    unsafe {
        libc::getpid() == libc::gettid()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        std::thread::current().name() == Some("main")
    }
}
