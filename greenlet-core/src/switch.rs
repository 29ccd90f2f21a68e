//! Who runs next, and what travels along.
//!
//! The common switch is [`transfer`] with a parked target and nothing that wants attention: the
//! thread notes who runs now, and [`arch::jump`] carries the [`SwitchMessage`] over in registers. All
//! else is in functions marked cold: beginning and ending greenlets (`root.rs`), dead targets,
//! tracing, unwinding.

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

/// What arrives with a switch.
pub(crate) enum SwitchMessage {
    Value(Value),
    Throw(Exception),
    /// The last handle is gone: unwind.
    Unwind,
}

const _: () = assert!(size_of::<Box<dyn Any>>() == size_of::<[Word; 2]>());

impl SwitchMessage {
    /// The message as it travels: which kind it is, and what it holds. Whoever gets the words
    /// owns the message.
    ///
    /// Spelled out rather than transmuted whole, which would go through memory and wait for it.
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
                // SAFETY: of the same size, and two words may hold any bytes.
                let [data, meta] = unsafe { mem::transmute::<Box<dyn Any>, [Word; 2]>(any) };
                [kind(2), data, meta]
            }
            SwitchMessage::Throw(exception) => {
                // SAFETY: of the same size, and two words may hold any bytes.
                let [data, meta] =
                    unsafe { mem::transmute::<RawException, [Word; 2]>(exception.into_raw()) };
                [kind(3), data, meta]
            }
            SwitchMessage::Unwind => [kind(4), NOTHING, NOTHING],
        }
    }

    /// Reads a message off its words.
    ///
    /// # Safety
    /// They came from [`into_words`](Self::into_words) and are read once.
    #[inline(always)]
    pub(crate) unsafe fn from_words([kind, a, b]: Words) -> SwitchMessage {
        // SAFETY: `into_words` sets the first always, and the others as each kind needs them.
        unsafe {
            match kind.assume_init().addr() {
                0 => SwitchMessage::Value(Value::None),
                1 => {
                    let [low, high] = [a, b].map(|half| half.assume_init().addr() as u128);
                    SwitchMessage::Value(Value::Token((low | high << usize::BITS) as u64))
                }
                2 => SwitchMessage::Value(Value::Any(mem::transmute::<[Word; 2], Box<dyn Any>>([
                    a, b,
                ]))),
                3 => SwitchMessage::Throw(Exception::from_raw(mem::transmute::<
                    [Word; 2],
                    RawException,
                >([a, b]))),
                _ => SwitchMessage::Unwind,
            }
        }
    }

    /// Turns what arrived into what the current greenlet's switch returns.
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

/// [`SwitchMessage::receive`] straight from the words.
///
/// # Safety
/// As for [`SwitchMessage::from_words`].
#[inline(always)]
unsafe fn receive(thread: &Thread, words: Words) -> Result<Value, Exception> {
    #[inline(never)]
    unsafe fn receive_other(
        thread: &Thread,
        kind: Word,
        a: Word,
        b: Word,
    ) -> Result<Value, Exception> {
        // SAFETY: by this function's contract.
        unsafe { SwitchMessage::from_words([kind, a, b]) }.receive(thread)
    }
    let [kind, a, b] = words;
    // SAFETY: as in `from_words`.
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
        // SAFETY: it is the target's, and a thread's state is not freed before its greenlets.
        let thread = unsafe { &*thread };
        if thread.attention.get() == 0
            && thread.sentinels.up_to_date()
            && let Some(to) = place(core, &message)
        {
            // SAFETY: the running greenlet is never freed. What is in `suspended` continues an
            // intact stack of the greenlet's thread, which is this one, and taking it out
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

/// Takes the place to continue out of a greenlet that is parked, or has yet to begin.
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
        if !ptr::eq(thread, &raw const *target.core().thread) {
            return Err(Exception::at(GreenletError::WrongThread, at));
        }
        if thread.over() {
            return Err(Exception::at(GreenletError::ThreadEnding, at));
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

/// Jumps to `target` and returns with what whoever comes back brings. The target is a pointer, because it may be
/// freed before that.
///
/// # Safety
/// `current` runs on `thread`, which is this one and `target`'s; `to` was taken out of `target`'s
/// `suspended`.
#[inline(always)]
unsafe fn leave(
    thread: &Thread,
    current: &GreenletCore,
    target: NonNull<GreenletCore>,
    to: Suspended,
    message: SwitchMessage,
) -> Result<Value, Exception> {
    // SAFETY: it runs from here on, and what runs is not freed.
    let target = unsafe { target.as_ref() };
    thread.set_current(current, target);
    let fiber = sanitizer::leave(target);
    // SAFETY: the greenlet that ran until now is not freed before somebody arrives; the rest is
    // the caller's, and a message is what everybody sends.
    let words = unsafe { arch::jump(to, &current.suspended, message.into_words()) };
    fiber.arrive();
    // SAFETY: the words of a message, read once, in one of the branches.
    unsafe {
        if thread.attention.get() != 0 {
            // Destructors run there, which may panic: the message is somebody's by then.
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
    /// Takes the place to continue out of a greenlet; there is none in one that runs.
    pub(crate) fn of(greenlet: &RawGreenlet) -> Option<JumpTarget> {
        let suspended = greenlet.core().suspended.take()?;
        let greenlet = greenlet.clone();
        Some(JumpTarget {
            greenlet,
            suspended,
        })
    }

    /// Jumps there and returns with what whoever comes back brings.
    pub(crate) fn go(self, thread: &Thread, message: SwitchMessage) -> Result<Value, Exception> {
        let core = self.greenlet.into_running();
        // SAFETY: what runs is not freed. `of` took the place to continue, from a greenlet of this
        // thread: others' are refused before.
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
    // SAFETY: the greenlet that ran until now is not freed before somebody arrives, nor the one that
    // runs from here on.
    let (current, target) = unsafe { (&*thread.current(), target.as_ref()) };
    current.life.set(Life::Dead);
    thread.set_current(current, target);
    thread.attend(Attention::ENDED);
    sanitizer::leave_for_good(target);
    // SAFETY: as in `leave`; nobody comes back here.
    unsafe { arch::jump(to, &thread.nowhere, message.into_words()) };
    unreachable!("a dead greenlet has no place to continue")
}

/// First thing on the arriving stack if something wants attention: puts the greenlet that left in
/// order. Returns it if the tracer is to be told.
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
    // Possibly the last handle: then it is unwound or freed here.
    drop(left);
    None
}

/// What [`resolve`] found.
pub(crate) enum Next {
    Jump(JumpTarget, SwitchMessage),
    /// The target is who runs already: the message is its own.
    Stay(SwitchMessage),
    /// A greenlet that could be given no stack, and is as unstarted as before.
    Failed(RawGreenlet, Exception),
}

/// Finds who gets `message` when `target` should: itself, or if it is dead its nearest living
/// parent. A greenlet that has not begun is given a stack, or dies of an exception.
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
                // Without a stack, an exception would have nothing to show to the tracer.
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
        // The main greenlet has no parent, but neither does it die.
        let parent = greenlet.parent();
        greenlet = parent.expect("only the main greenlet has no parent");
    }
}

/// What a greenlet's end is to its parent: a GreenletExit becomes a value.
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
