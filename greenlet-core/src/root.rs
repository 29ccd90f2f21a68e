//! The beginning and the end of a greenlet's life on its stack.

use std::ptr::NonNull;

use crate::arch::{self, Suspended, Word};
use crate::attached;
use crate::core::{GreenletCore, Life};
use crate::direct::Direct;
use crate::exception::{Exception, watch_panics};
use crate::sanitizer;
use crate::stack::overflow;
use crate::switch::{self, JumpTarget, Next, SwitchMessage};
use crate::thread::{Attention, Thread};
use crate::trace;
use crate::unwind::{self, Caught};
use crate::value::Value;
use crate::virtual_thread;

/// Gives a greenlet that never ran a stack, on which a jump will begin its function.
pub(crate) fn start(core: &GreenletCore) -> Result<(), Exception> {
    let thread = &core.thread;
    let made_at = core.parked_at.get();
    if thread.over() {
        return Err(Exception::at(virtual_thread::why_over(), made_at));
    }
    // What comes here may wait for a lock of the process, as that of the panic hook. The greenlet must not be started
    // once more meanwhile.
    let _direct = Direct::begin();
    if !thread.watched.replace(true) {
        thread.alternate_stack.set(overflow::prepare_thread());
        watch_panics();
    }
    let stack = thread.stacks.borrow_mut().take(core.stack_size);
    let stack = stack.map_err(|error| Exception::at(error, made_at))?;
    // SAFETY: the pool lends the stack to nobody else until `bury` gives it back, after the last
    // jump away from it.
    let suspended = unsafe { arch::prepare::<Root>(stack.top(), stack.room()) };
    core.stack.set(Some(stack));
    core.suspended.set(Some(suspended));
    core.life.set(Life::Started);
    thread.live.set(thread.live.get() + 1);
    Ok(())
}

/// Starts a greenlet and takes its place to continue out of it; none if it has begun before, or
/// gets no stack.
#[inline(never)]
pub(crate) fn begin(core: &GreenletCore) -> Option<Suspended> {
    if core.life.get() != Life::Unstarted {
        return None;
    }
    start(core).ok()?;
    core.suspended.take()
}

/// Ends a greenlet that never ran.
pub(crate) fn die_unrun(core: &GreenletCore, reason: &mut Option<Exception>) {
    core.life.set(Life::Dead);
    // Its start ticket is void.
    core.parked.set(0);
    // SAFETY: `create` put it into the list of its own thread.
    unsafe { core.thread.list.remove(core) };
    attached::abandon_function(core, reason);
}

/// Takes the stack from a greenlet that has just left for good.
pub(crate) fn bury(thread: &Thread, dead: &GreenletCore) {
    thread.live.set(thread.live.get() - 1);
    // SAFETY: `create` put it into the list of its own thread.
    unsafe { thread.list.remove(dead) };
    // `give_up_stack` has taken the stack out already if it was given up.
    if let Some(stack) = dead.stack.take() {
        sanitizer::wipe(&stack);
        thread.stacks.borrow_mut().give_back(stack);
    }
}

/// The root of every greenlet's stack.
struct Root;

impl arch::Entry for Root {
    extern "C" fn enter(a: Word, b: Word, c: Word) -> ! {
        sanitizer::arrive_first();
        // SAFETY: every jump carries the words of a message, and these are read only here.
        let message = unsafe { SwitchMessage::from_words([a, b, c]) };
        match unwind::catch(|| run(message)) {
            Ok(Ok(value)) => end(SwitchMessage::Value(value)),
            Ok(Err(exception)) | Err(Caught::Panic(exception)) => end(SwitchMessage::Throw(exception)),
            Err(Caught::Forced(payload)) => {
                drop(payload);
                end(SwitchMessage::Value(Value::None))
            }
        }
    }
}

/// Runs the current greenlet's function. All code of a greenlet that may panic before its end is called from here.
#[inline(always)]
fn run(message: SwitchMessage) -> Result<Value, Exception> {
    let (core, message) = Thread::with(|thread| {
        let message = match thread.attention.get() {
            0 => Ok(message),
            _ => arrive(thread, message),
        };
        // SAFETY: the running greenlet is not freed.
        (unsafe { &*thread.current() }, message)
    });
    let ended = match message {
        Ok(SwitchMessage::Value(value)) => {
            // SAFETY: `core` is the running greenlet.
            let ended = unsafe { attached::run(core, value) };
            return ended.unwrap_or(Ok(Value::None)).map_err(Exception::or_exit);
        }
        // The tracer threw, or a panic came, before the function could begin.
        Ok(SwitchMessage::Throw(exception)) | Err(Caught::Panic(exception)) => Err(exception),
        // The greenlet was dropped before the function could begin.
        Ok(SwitchMessage::Unwind) | Err(Caught::Forced(_)) => Ok(Value::None),
    };
    attached::abandon_function(core, &mut None);
    ended
}

/// Does what comes before the function on the greenlet's stack: looks after the greenlet that left, and tells the
/// tracer. Both may call user code, which may panic.
#[inline(never)]
fn arrive(thread: &Thread, message: SwitchMessage) -> Result<SwitchMessage, Caught> {
    unwind::catch(|| match switch::arrive(thread) {
        Some(origin) => trace::switched(thread, origin, message),
        None => message,
    })
}

/// Leaves the current greenlet for good, for its nearest living parent.
#[inline(always)]
pub(crate) fn end(message: SwitchMessage) -> ! {
    Thread::with(|thread| {
        // SAFETY: the running greenlet is not freed.
        let core = unsafe { &*thread.current() };
        core.ticket.set(0);
        let message = switch::exit_is_a_value(message);
        // The common case: the parent is parked.
        if thread.attention.get() & (Attention::UNWINDING | Attention::OVER) == 0
            && let Some(parent) = core.own_parent()
            && let Some(to) = parent.suspended.take()
        {
            // SAFETY: the greenlet's function has returned or panicked, and all its locals are
            // moved or dropped. The dead greenlet has a handle of `parent`, and is freed after
            // `parent` runs.
            unsafe { switch::leave_for_good(thread, NonNull::from(parent), to, message) }
        }
        end_with_care(thread, message)
    })
}

/// [`end`] in all its other cases.
#[cold]
#[inline(never)]
fn end_with_care(thread: &Thread, mut message: SwitchMessage) -> ! {
    // This is no handle: one would keep the greenlet alive for ever if it parks in here.
    // SAFETY: neither a running greenlet nor one that is parked in here is freed.
    let core = unsafe { &*thread.current() };
    let to = loop {
        // The greenlet that unwinds this one waits for its end, and is sent no result.
        if let Some(dropper) = unwind::finished(thread) {
            break JumpTarget::of(&dropper).expect("who unwinds a greenlet is parked");
        }
        // At the thread's end only the main greenlet may run on, which has called `finish`,
        // whatever the parent is.
        if thread.over()
            && let Some(main) = thread.main()
        {
            break JumpTarget::of(&main).expect("`finish` is called in the main greenlet");
        }
        // On the way to the heir, greenlets may die unrun, and their functions are dropped. That
        // runs user code, which may panic; or it switches, and this greenlet is dropped while it is
        // parked in here.
        message = match unwind::catch(|| heir(core, message)) {
            Ok((Some(to), last)) => {
                message = last;
                break to;
            }
            Ok((None, again)) => again,
            Err(Caught::Panic(exception)) => SwitchMessage::Throw(exception),
            Err(Caught::Forced(_)) => SwitchMessage::Value(Value::None),
        };
    };
    // SAFETY: the greenlet's function has returned, was unwound, or is given up with all its stack;
    // the locals of this function are moved or dropped.
    unsafe { to.go_for_good(thread, message) }
}

/// Finds the greenlet that gets the last message of another one: its nearest living parent. A parent that
/// gets no stack to start on dies of that error, which becomes the message. Without a target, the caller is
/// to try again with the message returned.
fn heir(ending: &GreenletCore, message: SwitchMessage) -> (Option<JumpTarget>, SwitchMessage) {
    let parent = ending.parent.borrow().clone();
    let parent = parent.expect("the main greenlet does not end");
    match switch::resolve(&parent, message) {
        Next::Jump(to, message) => (Some(to), message),
        // The search has led back to `ending`: a destructor on the way has changed the parents.
        Next::Stay(message) => (None, message),
        Next::Failed(parent, exception) => {
            die_unrun(parent.core(), &mut Some(exception.clone()));
            (None, SwitchMessage::Throw(exception))
        }
    }
}
