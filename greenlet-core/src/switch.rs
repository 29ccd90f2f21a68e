//! Switching: which greenlet runs next, and the message that goes along.
//!
//! The common switch is [`transfer`] with a parked target and nothing that wants attention: the
//! thread notes which greenlet runs now, and [`arch::jump`] carries the [`SwitchMessage`] over in
//! registers. All else is in functions marked cold: beginning and ending greenlets (`root.rs`), dead
//! targets, tracing, unwinding.

use std::any::Any;
use std::mem;
use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::arch::{self, Suspended, Word, Words};
use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::exception::{Exception, GreenletError, RawException, Thrown};
use crate::root;
use crate::sanitizer;
use crate::thread::{Attention, Thread};
use crate::trace;
use crate::unwind;
use crate::value::Value;
use crate::virtual_thread;

/// The message that arrives with a switch.
pub(crate) enum SwitchMessage {
    Value(Value),
    Throw(Exception),
    /// The greenlet that gets this is to unwind its stack.
    Unwind,
}

const _: () = assert!(size_of::<Box<dyn Any>>() == size_of::<[Word; 2]>());

impl SwitchMessage {
    /// Takes the message apart for a jump: its kind, and its contents. The words own the message.
    ///
    /// Each kind is spelled out, because to transmute the message as a whole would go through memory
    /// and wait for it.
    #[inline(always)]
    fn into_words(self) -> Words {
        const NOTHING: Word = Word::uninit();
        let kind = |kind: usize| Word::new(ptr::without_provenance_mut(kind));
        match self {
            SwitchMessage::Value(Value::None) => [kind(0), NOTHING, NOTHING],
            SwitchMessage::Value(Value::Token(token)) => {
                let halves = [token as usize, (u128::from(token) >> usize::BITS) as usize];
                let [low, high] = halves.map(|half| Word::new(ptr::without_provenance_mut(half)));
                [kind(1), low, high]
            }
            SwitchMessage::Value(Value::Any(any)) => {
                // SAFETY: both types have the same size, and words may hold any bytes.
                let [data, meta] = unsafe { mem::transmute::<Box<dyn Any>, [Word; 2]>(any) };
                [kind(2), data, meta]
            }
            SwitchMessage::Throw(exception) => {
                // SAFETY: both types have the same size, and words may hold any bytes.
                let [data, meta] = unsafe { mem::transmute::<RawException, [Word; 2]>(exception.into_raw()) };
                [kind(3), data, meta]
            }
            SwitchMessage::Unwind => [kind(4), NOTHING, NOTHING],
        }
    }

    /// Puts a message together again.
    ///
    /// # Safety
    /// The words came from [`into_words`](Self::into_words) and are read only once.
    #[inline(always)]
    pub(crate) unsafe fn from_words([kind, a, b]: Words) -> SwitchMessage {
        // SAFETY: `into_words` always sets the first word, and the others as each kind needs them.
        unsafe {
            match kind.assume_init().addr() {
                0 => SwitchMessage::Value(Value::None),
                1 => {
                    let [low, high] = [a, b].map(|half| half.assume_init().addr() as u128);
                    SwitchMessage::Value(Value::Token((low | high << usize::BITS) as u64))
                }
                2 => SwitchMessage::Value(Value::Any(mem::transmute::<[Word; 2], Box<dyn Any>>([a, b]))),
                3 => SwitchMessage::Throw(Exception::from_raw(mem::transmute::<[Word; 2], RawException>([a, b]))),
                _ => SwitchMessage::Unwind,
            }
        }
    }

    /// Turns the message that has arrived into the result of the current greenlet's switch.
    fn receive(self, thread: &Thread) -> Result<Value, Exception> {
        match self {
            SwitchMessage::Value(value) => Ok(value),
            SwitchMessage::Throw(exception) => {
                // SAFETY: the running greenlet is never freed.
                Thrown::note(unsafe { &*thread.current() }, &exception);
                Err(exception)
            }
            SwitchMessage::Unwind => unwind::asked(thread),
        }
    }
}

/// Does [`SwitchMessage::receive`] straight from the words.
///
/// # Safety
/// As for [`SwitchMessage::from_words`].
#[inline(always)]
unsafe fn receive(thread: &Thread, words: Words) -> Result<Value, Exception> {
    #[inline(never)]
    unsafe fn receive_other(thread: &Thread, kind: Word, a: Word, b: Word) -> Result<Value, Exception> {
        // SAFETY: by this function's contract.
        unsafe { SwitchMessage::from_words([kind, a, b]) }.receive(thread)
    }
    let [kind, a, b] = words;
    // SAFETY: `into_words` has set the words that each kind needs.
    unsafe {
        match kind.assume_init().addr() {
            0 => Ok(Value::None),
            #[cfg(target_pointer_width = "64")]
            1 => Ok(Value::Token(a.assume_init().addr() as u64)),
            _ => receive_other(thread, kind, a, b),
        }
    }
}

/// Switches from the current greenlet to `target`.
///
/// Inlined wherever it is used: after a switch, the processor mispredicts the return from every
/// frame that was entered before it.
#[track_caller]
#[inline(always)]
pub(crate) fn transfer(target: &RawGreenlet, message: SwitchMessage) -> Result<Value, Exception> {
    let at = Location::caller();
    let core = target.core();
    let thread = Thread::peek();
    if ptr::eq(thread, &*core.thread) {
        // SAFETY: this is the target's thread, whose state is not freed before its greenlets.
        let thread = unsafe { &*thread };
        if thread.attention.get() == 0
            && thread.sentinels.up_to_date()
            && let Some(to) = place(core, &message)
        {
            // SAFETY: the running greenlet is never freed. A place in `suspended` continues an
            // intact stack of the target's thread, which is this one, and to have taken it out
            // entitles to one jump.
            return unsafe {
                let current = &*thread.current();
                current.parked_at.set(at);
                leave(thread, current, NonNull::from(core), to, message)
            };
        }
    }
    transfer_with_care(target, message, at)
}

/// Takes the place to continue out of a greenlet that is parked. One that has yet to begin is started for a value.
#[inline(always)]
fn place(core: &GreenletCore, message: &SwitchMessage) -> Option<Suspended> {
    match (core.suspended.take(), message) {
        (None, SwitchMessage::Value(_)) => root::begin(core),
        (place, _) => place,
    }
}

/// [`transfer`] in all its other cases.
#[cold]
#[inline(never)]
fn transfer_with_care(
    target: &RawGreenlet,
    message: SwitchMessage,
    at: &'static Location<'static>,
) -> Result<Value, Exception> {
    Thread::with(|thread| {
        // In the last destructors, its own greenlets seem to be another thread's.
        if thread.over() {
            return Err(Exception::at(virtual_thread::why_over(), at));
        }
        if !ptr::eq(thread, &raw const *target.core().thread) {
            return Err(Exception::at(GreenletError::WrongThread, at));
        }
        thread.sentinels.update();
        if unwind::in_progress(thread) {
            return unwind::switch_refused(thread, at);
        }
        if thread.pinned() {
            return Err(Exception::at(GreenletError::Pinned, at));
        }
        // SAFETY: the running greenlet is never freed.
        let current = unsafe { &*thread.current() };
        current.parked_at.set(at);
        match resolve(target, message) {
            Next::Jump(to, message) => to.go(thread, message),
            Next::Stay(message) if thread.traced() => {
                trace::switched(thread, thread.current_greenlet(), message).receive(thread)
            }
            Next::Stay(message) => message.receive(thread),
            Next::Failed(_, exception) => Err(exception),
        }
    })
}

/// Jumps to `target`, and returns with the message of the greenlet that switches back. The target is a pointer,
/// because it may be freed before that.
///
/// # Safety
/// `current` is the running greenlet of `thread`, which is the calling thread's and `target`'s; `to`
/// was taken out of `target`'s `suspended`.
#[inline(always)]
unsafe fn leave(
    thread: &Thread,
    current: &GreenletCore,
    target: NonNull<GreenletCore>,
    to: Suspended,
    message: SwitchMessage,
) -> Result<Value, Exception> {
    // SAFETY: the target runs from here on, and a running greenlet is not freed.
    let target = unsafe { target.as_ref() };
    thread.set_current(current, target);
    let fiber = sanitizer::leave(target);
    // SAFETY: the greenlet that ran until now is not freed before the other side has arrived; the
    // rest is this function's contract, and all jumps carry the words of a message.
    let words = unsafe { arch::jump(to, &current.suspended, message.into_words()) };
    fiber.arrive();
    // SAFETY: these are the words of a message, and only one of the branches reads them.
    unsafe {
        if thread.attention.get() != 0 {
            // `arrive` runs destructors, which may panic: then the message is dropped, as it is put
            // together already.
            let mut message = SwitchMessage::from_words(words);
            if let Some(origin) = arrive(thread) {
                message = trace::switched(thread, origin, message);
            }
            return message.receive(thread);
        }
        receive(thread, words)
    }
}

/// A greenlet that can be jumped to, once.
pub(crate) struct JumpTarget {
    greenlet: RawGreenlet,
    suspended: Suspended,
}

impl JumpTarget {
    /// Takes the place to continue out of a greenlet; none if the greenlet runs.
    pub(crate) fn of(greenlet: &RawGreenlet) -> Option<JumpTarget> {
        let suspended = greenlet.core().suspended.take()?;
        let greenlet = greenlet.clone();
        Some(JumpTarget { greenlet, suspended })
    }

    /// Jumps there, and returns with the message of the greenlet that switches back.
    pub(crate) fn go(self, thread: &Thread, message: SwitchMessage) -> Result<Value, Exception> {
        let core = self.greenlet.into_running();
        // SAFETY: a running greenlet is not freed. `of` took the place to continue out of a greenlet
        // of this thread: the callers refuse greenlets of other threads.
        unsafe {
            let current = &*thread.current();
            leave(thread, current, core, self.suspended, message)
        }
    }

    /// Jumps there from a dead greenlet.
    ///
    /// # Safety
    /// As for [`leave_for_good`].
    pub(crate) unsafe fn go_for_good(self, thread: &Thread, message: SwitchMessage) -> ! {
        let core = self.greenlet.into_running();
        // SAFETY: by this function's contract.
        unsafe { leave_for_good(thread, core, self.suspended, message) }
    }
}

/// Jumps to `target` from a dead greenlet.
///
/// # Safety
/// As for [`leave`], and nothing on the current stack is needed any more.
#[inline(always)]
pub(crate) unsafe fn leave_for_good(
    thread: &Thread,
    target: NonNull<GreenletCore>,
    to: Suspended,
    message: SwitchMessage,
) -> ! {
    // SAFETY: the greenlet that ran until now is not freed before the other side has arrived, and the
    // one that runs from here on is not freed either.
    let (current, target) = unsafe { (&*thread.current(), target.as_ref()) };
    current.life.set(Life::Dead);
    thread.set_current(current, target);
    thread.attend(Attention::ENDED);
    sanitizer::leave_for_good(target);
    // SAFETY: as in `leave`. Nobody jumps back here, as nobody reads `nowhere`.
    unsafe { arch::jump(to, &thread.nowhere, message.into_words()) };
    unreachable!("a dead greenlet has no place to continue")
}

/// Looks after the greenlet that has left: this is the first thing on the arriving stack, if something
/// wants attention. Returns that greenlet if the tracer is to be told.
#[inline(never)]
pub(crate) fn arrive(thread: &Thread) -> Option<RawGreenlet> {
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
        return Some(left);
    }
    // This may be the last handle: then the greenlet is unwound or freed here.
    drop(left);
    None
}

/// The result of [`resolve`].
pub(crate) enum Next {
    Jump(JumpTarget, SwitchMessage),
    /// The target is the running greenlet, which gets its own message.
    Stay(SwitchMessage),
    /// The greenlet got no stack, and is still unstarted.
    Failed(RawGreenlet, Exception),
}

/// Finds the greenlet that gets a `message` for `target`: `target` itself, or its nearest living
/// parent if it is dead. A greenlet that has not begun is given a stack, or dies of an exception.
pub(crate) fn resolve(target: &RawGreenlet, mut message: SwitchMessage) -> Next {
    let mut greenlet = target.clone();
    loop {
        match greenlet.core().life.get() {
            Life::Started => {
                return match JumpTarget::of(&greenlet) {
                    Some(target) => Next::Jump(target, message),
                    None => Next::Stay(message),
                };
            }
            Life::Unstarted => match message {
                // The tracer is told of the exception by a switch to this greenlet, which takes a stack.
                SwitchMessage::Throw(_) if greenlet.core().thread.traced() => {
                    if root::start(greenlet.core()).is_err() {
                        root::die_unrun(greenlet.core(), &mut None);
                    }
                    continue;
                }
                SwitchMessage::Value(_) => {
                    if let Err(exception) = root::start(greenlet.core()) {
                        return Next::Failed(greenlet, exception);
                    }
                    continue;
                }
                other => {
                    root::die_unrun(greenlet.core(), &mut None);
                    message = other;
                }
            },
            Life::Dead => {}
        }
        // A GreenletExit that leaves its greenlet arrives at the parent as a value.
        message = exit_is_a_value(message);
        // A dead greenlet has a parent: only the main one has none, and it does not die.
        let parent = greenlet.parent();
        greenlet = parent.expect("only the main greenlet has no parent");
    }
}

/// Turns the last message of a greenlet into the one for its parent: a GreenletExit becomes a value.
#[inline(always)]
pub(crate) fn exit_is_a_value(message: SwitchMessage) -> SwitchMessage {
    #[inline(never)]
    fn of(exception: Exception) -> SwitchMessage {
        if exception.is_exit() {
            SwitchMessage::Value(Value::new(exception))
        } else {
            SwitchMessage::Throw(exception)
        }
    }
    match message {
        SwitchMessage::Throw(exception) => of(exception),
        other => other,
    }
}
