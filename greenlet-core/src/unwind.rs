//! Panics at the border, and the private unwinding of dropped greenlets.
//!
//! A parked greenlet whose last handle is dropped can never run again. Its stack is unwound, so
//! that its destructors run, by a panic with a payload of this crate's own. Code that must not
//! let a panic pass (a C frame below it, say) calls [`catch`] and, once those frames are left,
//! [`ForcedUnwind::resume`].
//!
//! # What a greenlet can do against it
//!
//! While its stack unwinds, a greenlet cannot park: in a destructor, `switch` and `throw` return
//! a [`GreenletExit`] at once. A function that catches the panic and drops it is allowed to run
//! on, but the next switch raises the panic again. After that the stack is given up: the
//! greenlet ends at its next switch, its frames stay where they are for ever, a warning is
//! printed.
//!
//! One that is dropped while it is parked in a destructor that a panic of its own runs is told by
//! the [`GreenletExit`] alone: a second panic there would abort the process, and the first one
//! goes on to unwind the stack.

use std::any::Any;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::core::{Core, Life, RawGreenlet};
use crate::exception::{Exception, GreenletExit};
use crate::root;
use crate::switch::{Message, Target};
use crate::thread::{Attention, Thread};
use crate::value::Value;

/// What [`catch`] caught.
#[derive(Debug)]
pub enum Caught {
    /// An ordinary panic.
    Panic(Exception),
    /// The end of a dropped greenlet: to be resumed, never to be swallowed.
    Forced(ForcedUnwind),
}

/// The unwinding of a dropped greenlet, caught on its way.
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
    /// Always: that is how a stack is unwound. The panic hook is not called.
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
/// What left `f` other than by returning.
// Inlined, as `f` may switch: see `transfer`.
#[inline(always)]
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Caught> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Caught::new)
}

impl Caught {
    #[cold]
    fn new(payload: Box<dyn Any + Send>) -> Caught {
        if payload.is::<Payload>() {
            Caught::Forced(ForcedUnwind(payload))
        } else {
            Caught::Panic(Exception::from_panic(payload))
        }
    }
}

/// Whether the payload of a caught panic is that of a dropped greenlet's unwinding: then it must
/// go on, by [`resume_unwind`], and nobody may wait meanwhile.
pub fn is_forced(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Payload>()
}

/// The private payload. It may end up anywhere, on another thread even, if somebody catches it:
/// all it does is to say when it is dropped.
struct Payload(Arc<AtomicBool>);

impl Drop for Payload {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The unwinding of one greenlet.
pub(crate) struct Unwinding {
    greenlet: RawGreenlet,
    /// Who waits for its end.
    dropper: RawGreenlet,
    stage: Stage,
    /// How many switches were refused.
    refusals: u32,
    /// Whether the payload has been dropped.
    dropped: Arc<AtomicBool>,
}

/// So many switches that are refused mean that somebody tries for ever.
const PATIENCE: u32 = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Switched to, but nothing raised yet.
    Asked,
    /// Told by an exception, because it was parked in a destructor that an ordinary panic runs:
    /// another one there would abort the process. That panic may still be under way.
    Told,
    Raised,
    RaisedAgain,
}

/// Whether the running greenlet is being unwound, or has been and swallowed it.
pub(crate) fn in_progress(thread: &Thread) -> bool {
    let unwinding = thread.unwinding.borrow();
    unwinding
        .last()
        .is_some_and(|last| ptr::eq(last.greenlet.core(), thread.current()))
}

/// What the switch does in which the current greenlet is asked to unwind.
#[cold]
#[inline(never)]
pub(crate) fn asked(thread: &Thread) -> Result<Value, Exception> {
    // SAFETY: the running greenlet is never freed.
    let current = unsafe { &*thread.current() };
    if !current.parked_in_panic.get() {
        raise(thread)
    }
    let mut unwinding = thread.unwinding.borrow_mut();
    unwinding
        .last_mut()
        .expect("`force` has put it there")
        .stage = Stage::Told;
    Err(Exception::at(GreenletExit, current.parked_at.get()))
}

/// Starts (or starts again) to unwind the current greenlet.
fn raise(thread: &Thread) -> ! {
    let dropped = Arc::new(AtomicBool::new(false));
    {
        let mut unwinding = thread.unwinding.borrow_mut();
        let last = unwinding.last_mut().expect("`force` has put it there");
        last.dropped = dropped.clone();
        last.stage = match last.stage {
            Stage::Asked | Stage::Told => Stage::Raised,
            Stage::Raised | Stage::RaisedAgain => Stage::RaisedAgain,
        };
    }
    resume_unwind(Box::new(Payload(dropped)))
}

/// Notes that the current greenlet, which ends, is not being unwound any more. Returns who waits
/// for that, if it was.
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

/// What a switch does in a greenlet that is being unwound: it cannot park, for nobody could
/// wake it.
#[cold]
pub(crate) fn switch_refused(
    thread: &Thread,
    at: &'static Location<'static>,
) -> Result<Value, Exception> {
    let (stage, in_destructor, refusals) = {
        let mut unwinding = thread.unwinding.borrow_mut();
        let last = unwinding.last_mut().expect("it is in progress");
        let in_destructor = last.stage != Stage::Asked
            && !last.dropped.load(Ordering::Relaxed)
            && std::thread::panicking();
        last.refusals += u32::from(in_destructor);
        (last.stage, in_destructor, last.refusals)
    };
    match stage {
        // It is told to be quick.
        _ if in_destructor && refusals < PATIENCE => Err(Exception::at(GreenletExit, at)),
        _ if in_destructor => give_up(thread),
        Stage::Asked => asked(thread),
        Stage::Told | Stage::Raised => raise(thread),
        Stage::RaisedAgain => give_up(thread),
    }
}

/// Ends the current greenlet without unwinding it: its frames stay, its memory is never reused.
fn give_up(thread: &Thread) -> ! {
    let greenlet = thread.current_greenlet();
    let _ = writeln!(
        io::stderr(),
        "greenlet-core: {greenlet:?} swallows the unwinding of its stack: the stack is given up"
    );
    // A stack that is not given back is lost to the process, as it must be.
    greenlet.core().stack.set(None);
    drop(greenlet);
    root::end(Message::Value(Value::None))
}

/// Unwinds a parked greenlet whose last handle is being dropped.
#[cold]
#[inline(never)]
pub(crate) fn unwind_dropped(greenlet: RawGreenlet) {
    let core = greenlet.core();
    let here = ptr::eq(Thread::peek(), &*core.thread);
    if !here || core.thread.ending() || cfg!(panic = "abort") {
        // Nothing can run it any more. Its memory is never reused, so nothing dangles; but the
        // destructors on its stack do not run.
        std::mem::forget(greenlet);
        return;
    }
    force(&greenlet);
}

/// Unwinds a greenlet that others have handles of, or discards it. Says whether it is dead then.
pub(crate) fn unwind_now(greenlet: &RawGreenlet) -> bool {
    let core = greenlet.core();
    if greenlet.discard() || core.life.get() == Life::Dead {
        return true;
    }
    let thread = &*core.thread;
    let waits = |unwinding: &Unwinding| unwinding.dropper == *greenlet;
    if core.runs()
        // A main greenlet's stack is the thread's own.
        || core.parent.borrow().is_none()
        || !ptr::eq(thread, Thread::peek())
        || cfg!(panic = "abort")
        || thread.unwinding.borrow().iter().any(waits)
    {
        return false;
    }
    force(greenlet);
    core.life.get() == Life::Dead
}

/// Unwinds a parked greenlet of this thread, and returns at its end.
fn force(greenlet: &RawGreenlet) {
    let thread = &*greenlet.core().thread;
    let Some(target) = Target::of(greenlet) else {
        return;
    };
    let dropper = thread.current_greenlet();
    thread.unwinding.borrow_mut().push(Unwinding {
        greenlet: greenlet.clone(),
        dropper: dropper.clone(),
        stage: Stage::Asked,
        refusals: 0,
        dropped: Arc::default(),
    });
    thread.attend(Attention::UNWINDING);
    let ticket = dropper.ticket();
    // Its last words; it has nobody to say them to.
    let message = target.go(thread, Message::Unwind);
    dropper.core().ticket.set(ticket);
    drop(message);
}

/// Unwinds every parked greenlet of a thread that is about to end, the newest first.
pub(crate) fn unwind_all(thread: &Thread) {
    if cfg!(panic = "abort") {
        return;
    }
    let parked = |core: &Core| core.life.get() == Life::Started && !core.runs();
    while let Some(pointer) = thread.list.find(parked) {
        // SAFETY: what is in the list is alive.
        force(&unsafe { RawGreenlet::from_core(pointer) });
    }
}
