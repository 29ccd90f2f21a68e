//! Who runs next, and what travels along.
//!
//! The common switch is [`transfer`] with a parked target and nothing that wants attention: the
//! thread notes who runs now, and [`arch::jump`] carries the [`Message`] over in registers. All
//! else is in functions marked cold: beginning and ending greenlets (`root.rs`), dead targets,
//! tracing, unwinding.

use std::mem;
use std::panic::Location;
use std::ptr;

use crate::arch::{self, Suspended, Words};
use crate::core::{Core, Life, RawGreenlet};
use crate::exception::{Exception, GreenletError, GreenletExit};
use crate::root;
use crate::sanitizer;
use crate::thread::{Attention, Thread};
use crate::trace;
use crate::unwind;
use crate::value::Value;

/// What arrives with a switch.
pub(crate) enum Message {
    Value(Value),
    Throw(Exception),
    /// The last handle is gone: unwind.
    Unwind,
}

impl Message {
    /// The message as it travels. Whoever gets the words owns the message.
    #[inline(always)]
    fn into_words(self) -> Words {
        // SAFETY: a `Words` may hold any bytes, and the sizes are equal or this does not compile.
        unsafe { mem::transmute::<Message, Words>(self) }
    }

    /// Reads a message off its words.
    ///
    /// # Safety
    /// They came from [`into_words`](Self::into_words) and are read once.
    #[inline(always)]
    pub(crate) unsafe fn from_words(words: Words) -> Message {
        // SAFETY: the caller's.
        unsafe { mem::transmute::<Words, Message>(words) }
    }
}

/// Switches from the current greenlet to `target`.
#[track_caller]
#[inline]
pub(crate) fn transfer(target: &RawGreenlet, message: Message) -> Result<Value, Exception> {
    let at = Location::caller();
    let core = target.core();
    let thread = &*core.thread;
    if ptr::eq(thread, Thread::peek()) && thread.attention.get() == 0 {
        if let Some(to) = core.suspended.take() {
            // SAFETY: the running greenlet is never freed.
            unsafe { (*thread.current()).parked_at.set(at) };
            // SAFETY: what is in `suspended` continues an intact stack of the greenlet's
            // thread, which is this one; taking it out entitles to one jump.
            return receive(thread, unsafe { leave(thread, core, to, message) });
        }
    }
    transfer_with_care(target, message, at)
}

/// [`transfer`] in all its other cases.
#[cold]
#[inline(never)]
fn transfer_with_care(
    target: &RawGreenlet,
    message: Message,
    at: &'static Location<'static>,
) -> Result<Value, Exception> {
    Thread::with(|thread| {
        if !ptr::eq(thread, &raw const *target.core().thread) {
            return Err(Exception::at(GreenletError::WrongThread, at));
        }
        if unwind::in_progress(thread) {
            return unwind::switch_refused(thread, at);
        }
        thread.current_greenlet().core().parked_at.set(at);
        match resolve(target, message) {
            Next::Jump(to, message) => receive(thread, to.go(thread, message)),
            Next::Stay(message) => receive(thread, message),
            Next::Failed(_, exception) => Err(exception),
        }
    })
}

/// Turns what arrived into what the current greenlet's switch returns.
#[inline(always)]
fn receive(thread: &Thread, message: Message) -> Result<Value, Exception> {
    match message {
        Message::Value(value) => Ok(value),
        Message::Throw(exception) => Err(exception),
        Message::Unwind => unwind::raise(thread),
    }
}

/// Jumps to `target` and returns with the message of whoever comes back.
///
/// # Safety
/// `to` was taken out of `target`'s `suspended`, and `thread` is its thread and this one.
#[inline(always)]
unsafe fn leave(thread: &Thread, target: &Core, to: Suspended, message: Message) -> Message {
    let left = thread.set_current(target);
    let fiber = sanitizer::leave(target);
    // SAFETY: the greenlet that ran until now is not freed before somebody arrives; the rest is
    // the caller's, and a message is what everybody sends.
    let message = unsafe {
        let words = arch::jump(to, &(*left).suspended, message.into_words());
        Message::from_words(words)
    };
    fiber.arrive();
    if thread.attention.get() == 0 {
        message
    } else {
        arrive(thread, message)
    }
}

/// A greenlet that can be jumped to, once.
pub(crate) struct Target {
    greenlet: RawGreenlet,
    suspended: Suspended,
}

impl Target {
    /// Takes the place to continue out of a greenlet; there is none in one that runs.
    pub(crate) fn of(greenlet: &RawGreenlet) -> Option<Target> {
        let suspended = greenlet.core().suspended.take()?;
        let greenlet = greenlet.clone();
        Some(Target {
            greenlet,
            suspended,
        })
    }

    /// Jumps there and returns with the message of whoever comes back.
    pub(crate) fn go(self, thread: &Thread, message: Message) -> Message {
        let core = self.greenlet.into_running();
        // SAFETY: what runs is not freed, and it runs from here on. `of` took the place to
        // continue, from a greenlet of this thread: others' are refused before.
        unsafe { leave(thread, core.as_ref(), self.suspended, message) }
    }

    /// Jumps there from a dead greenlet.
    ///
    /// # Safety
    /// Nothing on the current stack is needed any more.
    pub(crate) unsafe fn go_for_good(self, thread: &Thread, message: Message) -> ! {
        let core = self.greenlet.into_running();
        // SAFETY: as in `go`.
        unsafe {
            let core = core.as_ref();
            thread.set_current(core);
            thread.attend(Attention::ENDED);
            sanitizer::leave_for_good(core);
            arch::jump(self.suspended, &thread.nowhere, message.into_words());
        }
        unreachable!("a dead greenlet has no place to continue")
    }
}

/// First thing on the arriving stack if something wants attention: puts the greenlet that left in
/// order, and tells the tracer.
#[cold]
#[inline(never)]
pub(crate) fn arrive(thread: &Thread, message: Message) -> Message {
    // SAFETY: this is the first thing after a switch.
    let left = unsafe { thread.left() };
    let bits = thread.attention.get();
    thread.attended(Attention::ORPHAN | Attention::ENDED);
    if bits & Attention::ENDED != 0 {
        root::bury(thread, left.core());
    }
    // SAFETY: the running greenlet is never freed.
    unsafe { (*thread.current()).attend_if_orphan() };
    if bits & Attention::TRACED != 0 {
        return trace::switched(thread, left, message);
    }
    // Possibly the last handle: then it is unwound or freed here.
    drop(left);
    message
}

/// What [`resolve`] found.
pub(crate) enum Next {
    Jump(Target, Message),
    /// The target is who runs already: the message is its own.
    Stay(Message),
    /// A greenlet that could be given no stack, and is as unstarted as before.
    Failed(RawGreenlet, Exception),
}

/// Finds who gets `message` when `target` should: itself, or if it is dead its nearest living
/// parent. A greenlet that has not begun is given a stack, or dies of an exception.
pub(crate) fn resolve(target: &RawGreenlet, mut message: Message) -> Next {
    let mut greenlet = target.clone();
    loop {
        match greenlet.core().life.get() {
            Life::Started => {
                return match Target::of(&greenlet) {
                    Some(target) => Next::Jump(target, message),
                    None => Next::Stay(message),
                };
            }
            Life::Unstarted => match message {
                Message::Value(_) => {
                    if let Err(exception) = root::start(greenlet.core()) {
                        return Next::Failed(greenlet, exception);
                    }
                    continue;
                }
                other => {
                    root::die_unrun(greenlet.core());
                    message = other;
                }
            },
            Life::Dead => {}
        }
        // A GreenletExit that leaves its greenlet arrives at the parent as a value.
        message = exit_is_a_value(message);
        // The main greenlet has no parent, but neither does it die.
        let parent = greenlet.parent();
        greenlet = parent.expect("only the main greenlet has no parent");
    }
}

fn exit_is_a_value(message: Message) -> Message {
    match message {
        Message::Throw(exception) if exception.is::<GreenletExit>() => {
            Message::Value(Value::new(exception))
        }
        other => other,
    }
}
