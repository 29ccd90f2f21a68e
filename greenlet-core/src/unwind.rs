//! Catching panics, and the private panic that unwinds dropped greenlets.
//!
//! A parked greenlet whose last handle is dropped can never run again. Its stack is unwound, so
//! that its destructors run, by a panic with a payload of this crate's own: the *private panic*. Code
//! that must not let a panic pass, because a C frame is below it for instance, calls [`catch`] and,
//! once those frames are left, [`ForcedUnwind::resume`].
//!
//! ```
//! use greenlet_core::unwind::{Caught, catch};
//!
//! extern "C" fn called_by_c() -> i32 {
//!     match catch(|| "12".parse::<i32>().unwrap()) {
//!         Ok(number) => number,
//!         Err(Caught::Panic(exception)) => {
//!             eprintln!("{exception}");
//!             -1
//!         }
//!         // A real program stores it, and resumes it when C has returned.
//!         Err(Caught::Forced(_unwinding)) => std::process::abort(),
//!     }
//! }
//! assert_eq!(called_by_c(), 12);
//! ```
//!
//! # Greenlets that do not end
//!
//! While its stack unwinds, a greenlet cannot park: in a destructor, `switch` and `throw` return
//! a [`GreenletExit`](struct@GreenletExit) at once. A function that catches the panic and drops it may run on, but
//! its next switch raises the panic again. If that one is dropped as well, the stack is given up: the
//! greenlet ends at its next switch, its frames stay where they are for ever, and a warning is printed.
//!
//! # During other panics
//!
//! A greenlet may be parked in a destructor that an ordinary panic runs, and a second panic there would
//! abort the process. There is no way to know whether a parked greenlet panics, only whether some greenlet
//! of the thread does. So a greenlet that is dropped while one panics is first *told* by a
//! [`GreenletExit`](struct@GreenletExit), which the switch that it is parked in returns, and then each further
//! one. If a panic is under way in it, that goes on to unwind its stack, and otherwise the function has an
//! error to pass on. After a thousand switches, the private panic is raised after all. A C frame that would
//! go on for ever, such as an event loop's, has to be made to return when the greenlet [is told](is_told).

use std::any::Any;
use std::cell::Cell;
use std::io::{self, Write};
use std::iter;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attached;
use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::direct::direct;
use crate::exception::{Exception, GreenletError, GreenletExit};
use crate::pinned::pinned;
use crate::root;
use crate::sanitizer;
use crate::switch::{JumpTarget, SwitchMessage};
use crate::thread::{Attention, Thread};
use crate::value::Value;
use crate::weak::WeakGreenlet;

/// The panic that [`catch`] has caught.
#[derive(Debug)]
pub enum Caught {
    /// An ordinary panic.
    Panic(Exception),
    /// The unwinding of the current greenlet, which has been dropped: it has to be resumed.
    Forced(ForcedUnwind),
}

/// The unwinding of a dropped greenlet, interrupted by [`catch`].
#[must_use = "the greenlet's stack is only released if its unwinding is resumed"]
pub struct ForcedUnwind(Box<dyn Any + Send>);

impl std::fmt::Debug for ForcedUnwind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForcedUnwind")
    }
}

impl ForcedUnwind {
    /// Goes on unwinding.
    ///
    /// # Panics
    /// Always panics: that is how a stack is unwound. The panic hook is not called.
    pub fn resume(self) -> ! {
        resume_unwind(self.0)
    }
}

/// Runs `f` and tells a panic from the unwinding of a dropped greenlet.
///
/// ```
/// use greenlet_core::unwind::{Caught, catch};
/// assert_eq!(catch(|| 1).unwrap(), 1);
/// assert!(matches!(catch(|| panic!("oh")), Err(Caught::Panic(e)) if e.to_string() == "panicked: oh"));
/// ```
///
/// # Errors
/// Returns the panic by which `f` has ended instead of returning.
// It is inlined because `f` may switch: see `transfer`.
#[inline(always)]
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Caught> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Caught::new)
}

impl Caught {
    #[cold]
    fn new(payload: Box<dyn Any + Send>) -> Caught {
        if is_forced(&*payload) {
            Caught::Forced(ForcedUnwind(payload))
        } else {
            Caught::Panic(Exception::from_panic(payload))
        }
    }
}

/// Calls functions that may be user code, one after the other. All are called, even if one panics. The first panic goes
/// on afterwards; if another panic is under way already, it is only printed. The unwinding of this greenlet goes on at
/// once: the rest of the functions are called while it does, and cannot wait.
///
/// ```
/// use greenlet_core::unwind::{Caught, call_each, catch};
/// use std::cell::Cell;
///
/// let called = Cell::new(0);
/// let call = |i| {
///     let called = &called;
///     move || {
///         called.set(called.get() + 1);
///         assert!(i != 1, "the second");
///     }
/// };
/// let caught = catch(|| call_each((0..3).map(call)));
/// assert!(matches!(caught, Err(Caught::Panic(e)) if e.to_string() == "panicked: the second"));
/// assert_eq!(called.get(), 3);
/// ```
pub fn call_each<F: FnOnce()>(functions: impl IntoIterator<Item = F>) {
    let mut rest = Rest {
        functions: Some(functions.into_iter()),
        panic: None,
    };
    while rest.call_next() {}
    match rest.panic.take() {
        Some(payload) if std::thread::panicking() => discard(payload),
        Some(payload) => resume_unwind(payload),
        None => {}
    }
}

/// The functions that are still to be called, and the first panic.
struct Rest<F: FnOnce(), I: Iterator<Item = F>> {
    functions: Option<I>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F: FnOnce(), I: Iterator<Item = F>> Rest<F, I> {
    /// Calls the next function. Returns whether there may be more.
    fn call_next(&mut self) -> bool {
        let Some(functions) = &mut self.functions else {
            return false;
        };
        let called = catch_unwind(AssertUnwindSafe(|| functions.next()));
        let (more, caught) = match called {
            Ok(Some(function)) => (true, catch_unwind(AssertUnwindSafe(function)).err()),
            Ok(None) => (false, None),
            Err(payload) => (false, Some(payload)),
        };
        let over = if more { None } else { self.functions.take() };
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(over)));
        caught.into_iter().for_each(|payload| self.add(payload));
        dropped.err().into_iter().for_each(|payload| self.add(payload));
        more
    }

    #[cold]
    fn add(&mut self, payload: Box<dyn Any + Send>) {
        if is_forced(&*payload) && !std::thread::panicking() {
            // `Drop` calls the rest while this goes on, and those functions cannot wait any more.
            resume_unwind(payload);
        } else if self.panic.is_none() {
            self.panic = Some(payload);
        } else if let Some(forced) = try_discard(payload) {
            self.add(forced);
        }
    }
}

impl<F: FnOnce(), I: Iterator<Item = F>> Drop for Rest<F, I> {
    fn drop(&mut self) {
        while self.call_next() {}
        if let Some(payload) = self.panic.take() {
            discard(payload);
        }
    }
}

/// Drops the payload of a caught panic that goes no further. If its destructor panics, the new payload is dropped in
/// turn, and so on; after ten of them the next one is leaked. The unwinding of this greenlet goes on.
///
/// ```
/// use greenlet_core::unwind::discard;
/// use std::panic::{catch_unwind, panic_any};
///
/// struct Bomb;
/// impl Drop for Bomb {
///     fn drop(&mut self) {
///         panic_any(Bomb);
///     }
/// }
/// discard(catch_unwind(|| panic_any(Bomb)).unwrap_err());
/// ```
pub fn discard(payload: Box<dyn Any + Send>) {
    if let Some(forced) = try_discard(payload)
        && !std::thread::panicking()
    {
        resume_unwind(forced);
    }
}

/// Does what [`discard`] does, but returns the payload of the current greenlet's unwinding, if that begins in a
/// destructor.
fn try_discard(mut payload: Box<dyn Any + Send>) -> Option<Box<dyn Any + Send>> {
    for _ in 0..MOST_PAYLOADS {
        let next = catch_unwind(AssertUnwindSafe(|| drop(payload))).err()?;
        if is_forced(&*next) {
            return Some(next);
        }
        payload = next;
    }
    std::mem::forget(payload);
    None
}

/// So many payloads are dropped, as there is no last one if each destructor panics with the same again.
const MOST_PAYLOADS: u32 = 10;

/// Drops things whose destructors may be user code, one after the other, as [`call_each`] calls functions.
pub fn drop_each<T>(things: impl IntoIterator<Item = T>) {
    call_each(things.into_iter().map(|thing| || drop(thing)));
}

/// Whether the current greenlet is being unwound during another panic, and has been told so by an exception. It cannot
/// wait any more, and its frames are still to be left. C code that would go on for ever in one of them has to return
/// as soon as it can, and its caller calls [`insist`] then.
///
/// ```
/// assert!(!greenlet_core::unwind::is_told());
/// ```
#[inline]
pub fn is_told() -> bool {
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    let thread = unsafe { Thread::peek().as_ref() };
    thread.is_some_and(|thread| thread.attention.get() & Attention::UNWINDING != 0 && has_been_told(thread))
}

#[cold]
fn has_been_told(thread: &Thread) -> bool {
    let unwinding = thread.unwinding.borrow();
    let last = unwinding.last();
    last.is_some_and(|last| last.stage == UnwindStage::Told && last.greenlet.is_current())
}

/// Reminds the current greenlet, if it [is told](is_told): the private panic is raised if nothing panics any more, or
/// at the thousandth time.
pub fn insist() {
    if is_told() {
        // The exception is not needed: the greenlet has got one like it before.
        let _ = Thread::with(|thread| switch_refused(thread, Location::caller()));
    }
}

/// Whether the payload of a caught panic is that of the current greenlet's own unwinding. Then the panic has to
/// go on by [`resume_unwind`], and the greenlet cannot wait before. In any other greenlet, the same payload is
/// that of an ordinary panic.
pub fn is_forced(payload: &(dyn Any + Send)) -> bool {
    let Some(Payload(raised)) = payload.downcast_ref() else {
        return false;
    };
    // `Thread::with` would make a state, and a thread without one has no greenlet to unwind.
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`.
    let thread = unsafe { Thread::peek().as_ref() };
    thread.is_some_and(|thread| {
        in_progress(thread) && (thread.unwinding.borrow().last()).is_some_and(|last| Arc::ptr_eq(&last.dropped, raised))
    })
}

/// The payload of the private panic. Code that catches it may take it anywhere, even to another thread:
/// it only notes that it is dropped.
struct Payload(Arc<AtomicBool>);

impl Drop for Payload {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The unwinding of one greenlet.
pub(crate) struct Unwinding {
    greenlet: RawGreenlet,
    /// The greenlet that unwinds it, and waits for its end.
    dropper: RawGreenlet,
    stage: UnwindStage,
    /// Whether nothing panicked when the outermost of the current unwindings began. No greenlet has
    /// parked since, so no parked greenlet has a panic of its own.
    calm: bool,
    /// How many switches were refused since the greenlet was told.
    refusals: u32,
    /// Whether the payload has been dropped.
    dropped: Arc<AtomicBool>,
}

/// After so many refused switches, the greenlet is taken to be in a loop and not in a destructor.
const PATIENCE: u32 = 1000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum UnwindStage {
    /// The greenlet is switched to, and nothing is raised yet.
    Asked,
    /// It has been told by an exception, because it may have a panic of its own under way.
    Told,
    /// The private panic has been raised.
    Raised,
    /// It has been swallowed, and raised once more.
    RaisedAgain,
    /// The stack is given up: the greenlet only prints the warning and ends.
    GivenUp,
}

/// Whether the running greenlet is being unwound, or has swallowed its unwinding.
pub(crate) fn in_progress(thread: &Thread) -> bool {
    let unwinding = thread.unwinding.borrow();
    unwinding
        .last()
        .is_some_and(|last| ptr::eq(last.greenlet.core(), thread.current()))
}

/// Has the current greenlet, which has just been switched to, unwind: raises the private panic, or returns the
/// exception that tells it.
#[cold]
#[inline(never)]
pub(crate) fn asked(thread: &Thread) -> Result<Value, Exception> {
    // SAFETY: the running greenlet is never freed.
    let current = unsafe { &*thread.current() };
    let calm = {
        let mut unwinding = thread.unwinding.borrow_mut();
        let last = unwinding.last_mut().expect("`force` has put it there");
        if !last.calm {
            last.stage = UnwindStage::Told;
        }
        last.calm
    };
    if calm {
        raise(thread)
    }
    Err(Exception::at(GreenletExit, current.parked_at.get()))
}

/// Raises the private panic in the current greenlet, for the first or the second time.
fn raise(thread: &Thread) -> ! {
    let dropped = Arc::new(AtomicBool::new(false));
    {
        let mut unwinding = thread.unwinding.borrow_mut();
        let last = unwinding.last_mut().expect("`force` has put it there");
        last.dropped = dropped.clone();
        last.stage = match last.stage {
            UnwindStage::Asked | UnwindStage::Told => UnwindStage::Raised,
            _ => UnwindStage::RaisedAgain,
        };
    }
    resume_unwind(Box::new(Payload(dropped)))
}

/// Notes that the current greenlet, which ends, is not being unwound any more. Returns the greenlet
/// that waits for that, if it was being unwound.
pub(crate) fn finished(thread: &Thread) -> Option<RawGreenlet> {
    if !in_progress(thread) {
        return None;
    }
    let mut unwinding = thread.unwinding.borrow_mut();
    let last = unwinding.pop();
    if unwinding.is_empty() {
        thread.attended(Attention::UNWINDING);
    }
    drop(unwinding);
    last.map(|last| last.dropper)
}

/// Refuses a switch in a greenlet that is being unwound: it cannot park, as nobody could wake it. The switch
/// returns an exception, raises the private panic, or gives the stack up.
#[cold]
pub(crate) fn switch_refused(thread: &Thread, at: &'static Location<'static>) -> Result<Value, Exception> {
    let (stage, in_destructor) = {
        let mut unwinding = thread.unwinding.borrow_mut();
        let last = unwinding.last_mut().expect("it is in progress");
        let going_on = match last.stage {
            UnwindStage::Asked => false,
            UnwindStage::Told => last.refusals < PATIENCE,
            UnwindStage::Raised | UnwindStage::RaisedAgain => !last.dropped.load(Ordering::Relaxed),
            UnwindStage::GivenUp => false,
        };
        last.refusals = last.refusals.saturating_add(1);
        (last.stage, going_on && std::thread::panicking())
    };
    if in_destructor {
        // A destructor wants to wait: the exception tells it to go on without.
        return Err(Exception::at(GreenletExit, at));
    }
    match stage {
        UnwindStage::Asked => asked(thread),
        UnwindStage::Told | UnwindStage::Raised => raise(thread),
        UnwindStage::RaisedAgain => give_up_stack(thread, "swallows the unwinding of its stack"),
        UnwindStage::GivenUp => Err(Exception::at(GreenletError::Unwinding, at)),
    }
}

/// Ends the current greenlet without unwinding it: its frames stay where they are for ever, the values in them are
/// never dropped, and the memory of the stack is never reused. It is for code that must not leave a frame because
/// something borrows from it. Prints a warning that says `why`.
///
/// ```
/// use greenlet_core::{GreenletError, RawGreenlet, unwind};
/// let g = RawGreenlet::new(|_| Err(unwind::give_up("is an example").into()));
/// g.switch(())?;
/// assert!(g.dead());
/// assert_eq!(unwind::give_up("is main"), GreenletError::MainGreenlet);
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// # Errors
/// It returns only where it cannot end the greenlet: [`GreenletError::MainGreenlet`] in the main greenlet, and
/// [`GreenletError::Pinned`] in a pinned one.
pub fn give_up(why: &str) -> GreenletError {
    Thread::with(|thread| {
        if thread.pinned() {
            GreenletError::Pinned
        } else if thread.current_greenlet().parent().is_none() {
            GreenletError::MainGreenlet
        } else {
            give_up_stack(thread, why)
        }
    })
}

/// Does [`give_up`] in a greenlet where that is possible.
fn give_up_stack(thread: &Thread, why: &str) -> ! {
    if let Some(last) = thread.unwinding.borrow_mut().last_mut()
        && last.greenlet.is_current()
    {
        last.stage = UnwindStage::GivenUp;
    }
    let greenlet = thread.current_greenlet();
    tell_given_up(&greenlet, why);
    attached::given_up(&greenlet);
    sanitizer::keep(greenlet.core());
    // A stack that is not given back to the pool is never reused.
    greenlet.core().stack.set(None);
    // The data stay as well: the frames may refer to them.
    std::mem::forget(greenlet);
    root::end(SwitchMessage::Value(Value::None))
}

/// Says so on stderr, and owns nothing any more when it returns.
fn tell_given_up(greenlet: &RawGreenlet, why: &str) {
    // The name may be made by user code, which must neither unwind any further nor wait.
    let who = catch(|| pinned(|| format!("{greenlet:?}")));
    let who = who.unwrap_or_else(|_| format!("<greenlet at {:#x}>", greenlet.address()));
    let _ = direct(|| writeln!(io::stderr(), "greenlet-core: {who} {why}: the stack is given up"));
}

/// Unwinds a parked greenlet whose last handle is being dropped.
#[cold]
#[inline(never)]
pub(crate) fn unwind_dropped(greenlet: RawGreenlet) {
    let core = greenlet.core();
    let here = ptr::eq(Thread::peek(), &*core.thread);
    if !here || core.thread.over() || cfg!(panic = "abort") {
        // The greenlet cannot be run any more. Its memory is never reused, so nothing dangles, but
        // the destructors on its stack do not run.
        std::mem::forget(greenlet);
        return;
    }
    force(&greenlet);
}

/// Unwinds a greenlet that others have handles of, or discards it. Returns whether it is dead then.
pub(crate) fn unwind_now(greenlet: &RawGreenlet) -> bool {
    let core = greenlet.core();
    let thread = &*core.thread;
    if greenlet.discard() || core.life.get() == Life::Dead {
        if ptr::eq(thread, Thread::peek()) {
            // If it has died unrun, its function may still be there: its data are told first, and may be
            // waiting in that call.
            attached::drop_function(core);
        }
        return true;
    }
    let waits = |unwinding: &Unwinding| unwinding.dropper == *greenlet;
    if core.runs()
        // A main greenlet's stack is the thread's own.
        || core.parent.borrow().is_none()
        || !ptr::eq(thread, Thread::peek())
        || thread.over()
        || cfg!(panic = "abort")
        || thread.unwinding.borrow().iter().any(waits)
    {
        return false;
    }
    force(greenlet);
    core.life.get() == Life::Dead
}

/// Unwinds a parked greenlet of this thread, and returns when it has ended.
fn force(greenlet: &RawGreenlet) {
    let thread = &*greenlet.core().thread;
    let Some(target) = JumpTarget::of(greenlet) else {
        return;
    };
    thread.sentinels.update();
    let dropper = thread.current_greenlet();
    let calm = match thread.unwinding.borrow().last() {
        Some(outer) => outer.calm,
        None => !std::thread::panicking(),
    };
    thread.unwinding.borrow_mut().push(Unwinding {
        calm,
        greenlet: greenlet.clone(),
        dropper: dropper.clone(),
        stage: UnwindStage::Asked,
        refusals: 0,
        dropped: Arc::default(),
    });
    thread.attend(Attention::UNWINDING);
    // The last message of a greenlet that is unwound is for nobody.
    let message = target.go(thread, SwitchMessage::Unwind);
    drop(message);
}

/// Unwinds every parked greenlet of the calling thread that can be unwound, the newest first.
pub(crate) fn unwind_all(thread: &Thread) {
    let unwound = Cell::new(true);
    let round = || unwind_round(thread, &unwound);
    // Others may have parked meanwhile.
    call_each(iter::from_fn(|| unwound.replace(false).then_some(&round)));
}

/// Unwinds the greenlets that are parked now, and notes in `unwound` whether one of them is dead then.
fn unwind_round(thread: &Thread, unwound: &Cell<bool>) {
    let parked = |core: &GreenletCore| core.life.get() == Life::Started && !core.runs();
    let all = thread.list.newest_first(parked).into_iter();
    // They are weak, as handles would keep a greenlet that only the stack of another one has a handle of.
    // SAFETY: every greenlet in the list is alive.
    let all = all.map(|core| unsafe { WeakGreenlet::from_core(core) });
    let all: Vec<_> = all.collect();
    call_each(all.iter().map(|greenlet| {
        || {
            if let Some(greenlet) = greenlet.upgrade()
                && unwind_now(&greenlet)
            {
                unwound.set(true);
            }
        }
    }));
}
