//! Who runs next, and what travels along.
//!
//! A switch hands over three things: the processor (by [`arch::jump`]), the thread's strong
//! reference to its current greenlet, and a [`Message`]. The last two lie in a [`Transit`] on
//! the stack of the greenlet that leaves; the one that arrives takes them out first thing.

use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;

use crate::arch::{self, Suspended};
use crate::exception::{Exception, GreenletError, GreenletExit};
use crate::greenlet::{Core, RawGreenlet, State};
use crate::thread::Thread;
use crate::unwind::{self, Caught, Unwinding};
use crate::value::Value;

/// What arrives with a switch.
pub(crate) enum Message {
    Value(Value),
    Throw(Exception),
    /// The last handle is gone: unwind.
    Unwind,
}

/// What lies on the leaving stack for the one that arrives.
struct Transit {
    from: ManuallyDrop<Rc<Core>>,
    message: ManuallyDrop<Message>,
}

/// Switches from the current greenlet to `target`.
#[track_caller]
#[inline]
pub(crate) fn transfer(target: &RawGreenlet, message: Message) -> Result<Value, Exception> {
    let at = Location::caller();
    Thread::with(|thread| {
        let current = thread.current();
        if !std::ptr::eq(thread, Rc::as_ptr(&target.core().thread)) {
            return Err(wrong_thread());
        }
        if current.unwinding.get() != Unwinding::No {
            return switch_while_unwinding(thread);
        }
        current.parked_at.set(at);
        let core = target.core();
        // The common case: a parked greenlet. It alone has a place to continue.
        let (to, message) = match core.suspended.take() {
            Some(to) => (ready(core.clone(), to), message),
            None => match resolve(core, message) {
                Next::Jump(to, message) => (to, message),
                Next::Stay(message) => return receive(thread, message),
            },
        };
        let message = leave(thread, to, message);
        receive(thread, message)
    })
}

/// Turns what arrived into what the current greenlet's switch returns.
#[inline]
fn receive(thread: &Thread, message: Message) -> Result<Value, Exception> {
    match message {
        Message::Value(value) => Ok(value),
        Message::Throw(exception) => Err(exception),
        Message::Unwind => unwind::raise(thread.current()),
    }
}

#[cold]
#[track_caller]
fn wrong_thread() -> Exception {
    Exception::new(GreenletError::WrongThread)
}

/// A greenlet that can be jumped to.
struct Target {
    core: Rc<Core>,
    suspended: Suspended,
}

fn ready(core: Rc<Core>, suspended: Suspended) -> Target {
    Target { core, suspended }
}

enum Next {
    Jump(Target, Message),
    /// The target is who runs already: the message is its own.
    Stay(Message),
}

/// Finds who gets `message` when `core` should: itself, or if it is dead its nearest living
/// parent. A greenlet that has not begun is given a stack, or dies of an exception.
fn resolve(core: &Rc<Core>, mut message: Message) -> Next {
    let mut core = core.clone();
    loop {
        match core.state.get() {
            State::Started => {
                return match core.suspended.take() {
                    Some(to) => Next::Jump(ready(core, to), message),
                    None => Next::Stay(message),
                };
            }
            State::Unstarted => match message {
                Message::Value(value) => match start(&core) {
                    Ok(to) => return Next::Jump(ready(core, to), Message::Value(value)),
                    Err(exception) => return Next::Stay(Message::Throw(exception)),
                },
                other => {
                    core.state.set(State::Dead);
                    drop(core.run.take());
                    message = other;
                }
            },
            State::Dead => {}
        }
        message = exit_is_a_value(message);
        let parent = core.parent.borrow().clone();
        // The main greenlet has no parent, but neither does it die.
        let parent = parent.expect("only the main greenlet has no parent");
        core = parent.core().clone();
    }
}

/// A GreenletExit that has left its greenlet arrives at the parent as a value.
fn exit_is_a_value(message: Message) -> Message {
    match message {
        Message::Throw(exception) if exception.is::<GreenletExit>() => {
            Message::Value(Value::new(exception))
        }
        other => other,
    }
}

/// Gives a greenlet its stack.
fn start(core: &Rc<Core>) -> Result<Suspended, Exception> {
    let thread = &core.thread;
    if thread.ending() {
        return Err(Exception::new(GreenletError::ThreadEnding));
    }
    let stack = thread.stacks.borrow_mut().take(core.stack_size)?;
    // SAFETY: the pool lends the stack to nobody else until `arrive` gives it back, after the
    // last jump away from it; `Root::ENTRY` neither returns nor unwinds.
    let suspended = unsafe { arch::prepare::<Root>(stack.top(), stack.size()) };
    core.stack.set(Some(stack));
    core.state.set(State::Started);
    thread.live.set(thread.live.get() + 1);
    Ok(suspended)
}

/// Jumps to `to`; returns with the message of whoever comes back.
#[inline]
fn leave(thread: &Thread, to: Target, message: Message) -> Message {
    let mut transit = Transit {
        from: ManuallyDrop::new(thread.set_current(to.core)),
        message: ManuallyDrop::new(message),
    };
    // SAFETY: a greenlet's `suspended` is there only while its stack is intact (`arrive` puts
    // it in place, taking it out is what entitles to this one jump), and `transfer` checked the
    // thread.
    let (from, word) = unsafe { arch::jump(to.suspended, (&raw mut transit).expose_provenance()) };
    // SAFETY: whoever jumps passes its own `Transit`.
    unsafe { arrive(thread, from, word) }
}

/// First thing on the arriving stack: puts the one that left in order.
///
/// # Safety
/// `word` is the address of the `Transit` of the greenlet that has just left, which nobody has
/// taken from yet.
#[inline]
unsafe fn arrive(thread: &Thread, from: Suspended, word: usize) -> Message {
    let transit = std::ptr::with_exposed_provenance_mut::<Transit>(word);
    // SAFETY: the leaving stack is intact until its stack is given back below, and each of the
    // two is taken once.
    let (left, message) = unsafe {
        (
            ManuallyDrop::take(&mut (*transit).from),
            ManuallyDrop::take(&mut (*transit).message),
        )
    };
    if left.state.get() == State::Started {
        left.suspended.set(Some(from));
        // Possibly the last handle: then it is unwound here.
        drop(RawGreenlet::from_core(left));
    } else {
        bury(thread, left);
    }
    message
}

/// Takes the stack from a greenlet that has just ended.
#[inline]
fn bury(thread: &Thread, dead: Rc<Core>) {
    thread.live.set(thread.live.get() - 1);
    if let Some(stack) = dead.stack.take() {
        if dead.unwinding.get() == Unwinding::GivenUp {
            // Its frames are still there: the memory must not be reused.
            return;
        }
        thread.stacks.borrow_mut().give_back(stack);
    }
}

/// The root of every greenlet's stack.
struct Root;

impl arch::EntryPoint for Root {
    const ENTRY: arch::Entry = |from, word| {
        // SAFETY: `leave` and `end` pass their `Transit`.
        let message = Thread::with(|thread| unsafe { arrive(thread, from, word) });
        let result = run(message);
        end(result)
    };
}

/// Runs the current greenlet's function; nothing but its outcome is left of it afterwards.
fn run(message: Message) -> Message {
    let run = Thread::with(|thread| thread.current().run.take());
    let outcome = match (run, message) {
        (Some(run), Message::Value(value)) => unwind::catch(move || run(value)),
        // Thrown into between `resolve` and here: only its own switch could do that.
        (_, other) => return exit_is_a_value(other),
    };
    match outcome {
        Ok(Ok(value)) => Message::Value(value),
        Ok(Err(exception)) => exit_is_a_value(Message::Throw(exception)),
        Err(Caught::Panic(exception)) => Message::Throw(exception),
        Err(Caught::Forced(payload)) => {
            drop(payload);
            Thread::with(|thread| thread.current().unwinding.set(Unwinding::No));
            Message::Value(Value::None)
        }
    }
}

/// Leaves a greenlet for good, for its nearest living parent.
fn end(message: Message) -> ! {
    Thread::with(|thread| {
        let current = thread.current();
        current.state.set(State::Dead);
        current.ticket.set(0);
        let to = match resolve_parent(current, message) {
            Next::Jump(to, message) => (to, message),
            Next::Stay(_) => unreachable!("a dead greenlet is nobody's living parent"),
        };
        leave(thread, to.0, to.1);
        unreachable!("nobody can switch to a dead greenlet")
    })
}

/// Who gets the last message of `core`, which is dead. A parent that cannot even be started is
/// passed over, with the reason instead of the message.
fn resolve_parent(core: &Rc<Core>, message: Message) -> Next {
    let mut message = message;
    loop {
        match resolve(core, message) {
            Next::Stay(failure) => {
                // `resolve` stays only where it could give the next one no stack: let that one
                // die of it.
                message = failure;
                let mut next = core.clone();
                while next.state.get() == State::Dead {
                    let parent = next.parent.borrow().clone();
                    let parent = parent.expect("only the main greenlet has no parent");
                    next = parent.core().clone();
                }
                next.state.set(State::Dead);
                drop(next.run.take());
            }
            jump => return jump,
        }
    }
}

/// What a switch does in a greenlet that is being unwound: it cannot park, for nobody could
/// wake it.
#[cold]
#[track_caller]
fn switch_while_unwinding(thread: &Thread) -> Result<Value, Exception> {
    let current = thread.current();
    match current.unwinding.get() {
        Unwinding::Swallowed => unwind::raise(current),
        Unwinding::GivenUp => {
            eprintln!(
                "greenlet-core: {:?} swallows its unwinding: its stack is given up",
                RawGreenlet::from_core(current.clone())
            );
            end(Message::Value(Value::None))
        }
        // A destructor wants to wait: it is told to be quick.
        Unwinding::No | Unwinding::Raised | Unwinding::RaisedAgain => {
            Err(Exception::new(GreenletExit))
        }
    }
}

/// Unwinds a parked greenlet whose last handle is being dropped.
#[cold]
pub(crate) fn unwind_dropped(core: &Rc<Core>) {
    // Without a place to continue it is running, and `Thread` holds a reference of its own; so
    // this is a main greenlet at its thread's end.
    let Some(suspended) = core.suspended.take() else {
        return;
    };
    let here = Thread::get();
    if !std::ptr::eq(here, Rc::as_ptr(&core.thread))
        || core.thread.ending()
        || cfg!(panic = "abort")
    {
        // Nothing can run it any more. Its memory is never reused, so nothing dangles; but the
        // destructors on its stack do not run.
        std::mem::forget(core.clone());
        return;
    }
    Thread::with(|thread| {
        let dropper = RawGreenlet::from_core(thread.current().clone());
        let old_parent = core.parent.replace(Some(dropper));
        let ticket = thread.current().ticket.get();
        let to = ready(core.clone(), suspended);
        let message = leave(thread, to, Message::Unwind);
        thread.current().ticket.set(ticket);
        // The unwound greenlet's last words; it had nobody to say them to.
        drop(message);
        drop(core.parent.replace(old_parent));
    });
}
