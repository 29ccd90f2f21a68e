//! [`Probe`]: takes a [`Snapshot`] of a thread, by its own answer to a signal.
//!
//! | state | who may touch the content | what comes next |
//! |---|---|---|
//! | `IDLE` | nobody | a thread that wants a snapshot makes it `WANTED`, and sends the signal |
//! | `WANTED` | nobody | the handler makes it `TAKING`; or the other thread has waited enough, and makes it `IDLE` |
//! | `TAKING` | the handler | it makes it `TAKEN` |
//! | `TAKEN` | the thread that wants the snapshot | it reads the content; it makes it `WANTED` the next time |
//!
//! Only one thread at a time wants a snapshot. The content belongs to the [`Published`] that the watched thread keeps
//! alive as long as its handler can find it, and is freed with it: so a signal that arrives late, or in another thread,
//! touches nothing that is gone.

use std::alloc::{self, Layout};
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{self, Registers, STACK};
use super::published::Published;
use super::seen::{SeenGreenlet, Snapshot, SnapshotError};
use super::signal::WatchSignal;
use super::walk;
use crate::core::GreenletCore;
use crate::stack::thread_stack;
use crate::thread::Thread;
use crate::virtual_thread;

/// How many bytes of the stack are copied at most, beginning with the innermost frame.
const MOST_STACK: usize = 128 * 1024;
/// How many bytes below the stack pointer are copied, too. A function that is about to return has freed the place from
/// which it has just taken its caller's registers, and the unwind tables still name that place.
const BELOW: usize = 128;

const IDLE: u32 = 0;
const WANTED: u32 = 1;
const TAKING: u32 = 2;
const TAKEN: u32 = 3;

/// What the handler copies.
struct Content {
    registers: Registers,
    /// The parts of a `SeenGreenlet`; the places are `None` if there is none.
    id: u64,
    made_at: Option<&'static Location<'static>>,
    parked_at: Option<&'static Location<'static>>,
    /// The address of the first byte of the copy, and how many bytes there are.
    from: usize,
    len: usize,
    stack: [u8; MOST_STACK],
}

/// The place where the handler's answer goes.
#[derive(Default)]
pub(super) struct Probe {
    /// The system's number of the thread.
    tid: AtomicI32,
    /// The addresses of the thread's own stack.
    stack_low: AtomicUsize,
    stack_high: AtomicUsize,
    state: AtomicU32,
    /// Whether a thread takes a snapshot, as the id of its process; 0 if none does. In the child of a fork, a thread
    /// that stayed in the parent does not.
    taker: AtomicU32,
    /// Whether a signal was sent that has not arrived yet.
    on_its_way: AtomicBool,
    /// Made with the first watch of the thread, and freed with this.
    content: AtomicPtr<UnsafeCell<Content>>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        let content = *self.content.get_mut();
        if !content.is_null() {
            // SAFETY: `begin` has allocated it as a box would, and nobody else frees it.
            drop(unsafe { Box::from_raw(content) });
        }
    }
}

impl Probe {
    /// Makes all ready for the calling thread, which the handler will run in.
    pub(super) fn begin(&self) {
        // SAFETY: the call only asks.
        self.tid.store(unsafe { libc::gettid() }, Relaxed);
        let stack = thread_stack();
        self.stack_low.store(stack.start, Relaxed);
        self.stack_high.store(stack.end, Relaxed);
        self.on_its_way.store(false, Relaxed);
        if self.content.load(Relaxed).is_null() {
            // Most of the memory will never be touched.
            let layout = Layout::new::<UnsafeCell<Content>>();
            // SAFETY: the layout has a size. Zero is a value of all the fields: numbers, and references that are
            // `None`.
            let content = unsafe { alloc::alloc_zeroed(layout) };
            if content.is_null() {
                alloc::handle_alloc_error(layout);
            }
            self.content.store(content.cast(), Release);
        }
    }

    /// Does [`ThreadWatch::snapshot`](super::ThreadWatch::snapshot).
    pub(super) fn take(
        &self,
        published: &Published,
        signal: WatchSignal,
        limit: Duration,
    ) -> Result<Snapshot, SnapshotError> {
        let process = std::process::id();
        let taker = self.taker.load(Relaxed);
        if taker == process || self.taker.compare_exchange(taker, process, AcqRel, Relaxed).is_err() {
            return Err(SnapshotError::Busy);
        }
        let taken = self.ask(published, signal, limit);
        let taken = taken.map(|()| self.read());
        self.taker.store(0, Release);
        taken
    }

    /// Has the content filled in.
    fn ask(&self, published: &Published, signal: WatchSignal, limit: Duration) -> Result<(), SnapshotError> {
        if published.is_over() {
            return Err(SnapshotError::NoAnswer);
        }
        if self.state.load(Acquire) == TAKING {
            // The thread got no processor since then.
            return Err(SnapshotError::NoAnswer);
        }
        self.state.store(WANTED, Release);
        // A thread that blocks the signal would collect one for each time that it was asked.
        if !self.on_its_way.swap(true, Relaxed) {
            let sent = signal.send(self.tid.load(Relaxed));
            if !matches!(sent, Ok(true)) {
                self.on_its_way.store(false, Relaxed);
                self.state.store(IDLE, Relaxed);
                return sent.and(Err(SnapshotError::NoAnswer));
            }
        }
        let until = Instant::now() + limit;
        let mut pause = Duration::from_micros(20);
        while self.state.load(Acquire) != TAKEN {
            if Instant::now() >= until {
                // If the handler is at work, it may go on: nobody reads what it writes.
                let _ = self.state.compare_exchange(WANTED, IDLE, Relaxed, Relaxed);
                return match self.state.load(Acquire) {
                    TAKEN => Ok(()),
                    _ => Err(SnapshotError::NoAnswer),
                };
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Reads what the handler has filled in.
    fn read(&self) -> Snapshot {
        // SAFETY: the state is `TAKEN`, and only the caller may change that: so nobody writes to the content. It is
        // there, because the handler has filled it in.
        let content = unsafe { &*(*self.content.load(Acquire)).get() };
        let stack = walk::Copied {
            from: content.from,
            bytes: &content.stack[..content.len],
        };
        let (addresses, complete) = walk::walk(&content.registers, &stack);
        let seen = |(made_at, parked_at)| SeenGreenlet {
            id: content.id,
            made_at,
            parked_at,
        };
        Snapshot {
            greenlet: content.made_at.zip(content.parked_at).map(seen),
            addresses,
            complete,
        }
    }

    /// Fills the content in, if that is wanted. This is for the signal handler, in the thread that `published` and
    /// `thread` are about.
    fn fill(&self, published: &Published, thread: &Thread, context: &libc::ucontext_t) {
        self.on_its_way.store(false, Relaxed);
        let content = self.content.load(Acquire);
        if content.is_null() || self.state.compare_exchange(WANTED, TAKING, AcqRel, Relaxed).is_err() {
            return;
        }
        let registers = Registers::interrupted(context);
        let greenlet = running(published, thread);
        let stack = self.stack_in_use(greenlet, registers.numbered[STACK]);
        let len = stack.len().min(MOST_STACK);
        // SAFETY: in the state `TAKING`, the content is the handler's; the fields are written in place. The stack of
        // what runs can be read.
        unsafe {
            let content = (*content).get();
            (*content).registers = registers;
            (*content).id = greenlet.map_or(0, |core| core.id);
            (*content).made_at = greenlet.map(|core| core.made_at);
            (*content).parked_at = greenlet.map(|core| core.parked_at.get());
            (*content).from = stack.start;
            (*content).len = len;
            let from = std::ptr::with_exposed_provenance(stack.start);
            machine::copy(from, (&raw mut (*content).stack).cast(), len);
        }
        self.state.store(TAKEN, Release);
    }

    /// The part of the running stack that is in use, and a little below; an empty range if nobody knows that stack.
    fn stack_in_use(&self, greenlet: Option<&GreenletCore>, pointer: usize) -> Range<usize> {
        // SAFETY: the stack of a greenlet that runs is only taken away by the greenlet itself, when it gives it up.
        // What is read here then is either the stack or none.
        let stack = greenlet.and_then(|core| unsafe { &*core.stack.as_ptr() }.as_ref());
        let greenlets = stack.map(|stack| stack.low().addr().get()..stack.top().addr().get());
        let own = self.stack_low.load(Relaxed)..self.stack_high.load(Relaxed);
        let known = [greenlets.unwrap_or(0..0), own];
        let found = known.into_iter().find(|stack| stack.contains(&pointer));
        found.map_or(0..0, |stack| pointer.saturating_sub(BELOW).max(stack.start)..stack.end)
    }
}

/// Answers a signal: this is what the handler does.
pub(super) fn answer(context: &libc::ucontext_t) {
    // SAFETY: the state outlives the thread's own code, as in `Thread::with`; at the end of the thread, the pointer is
    // taken away before the state is.
    if let Some(thread) = unsafe { virtual_thread::interrupted().as_ref() } {
        thread.published.probe.fill(&thread.published, thread, context);
    }
}

/// The running greenlet; none if the thread was asked to look away from it, or is just switching.
fn running<'a>(published: &Published, thread: &'a Thread) -> Option<&'a GreenletCore> {
    let id = published.running()?;
    // SAFETY: neither the running greenlet is freed, nor the one that is about to run.
    let current = unsafe { thread.current().as_ref() }?;
    // If the number is the greenlet's, all of its start was done before.
    (current.id == id).then_some(current)
}
