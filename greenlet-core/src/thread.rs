//! The state of one thread: its running greenlet, its main greenlet, its stacks and more.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

use crate::arch::Suspended;
use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::debugger::Slot;
use crate::exception::{Exception, PanicPlaces};
use crate::list::List;
use crate::local::Name;
use crate::sentinel::Sentinels;
use crate::stack::overflow::AlternateStack;
use crate::stack::{Stack, StackPool, StackSize};
use crate::thread_end;
use crate::trace::Tracer;
use crate::unwind::Unwinding;
use crate::value::Value;
use crate::virtual_thread::{self, is_virtual_thread};
use crate::watch::Published;

/// Reasons why a switch on this thread must look closer: bits of [`Thread::attention`], so that
/// the common switch tests one word for all of them.
pub(crate) struct Attention;

impl Attention {
    /// The last handle of the running greenlet is gone.
    pub(crate) const ORPHAN: u32 = 1;
    /// The greenlet that has just left is dead: its stack can be taken.
    pub(crate) const ENDED: u32 = 2;
    /// There is a tracer.
    pub(crate) const TRACED: u32 = 4;
    /// Some greenlet of the thread is being unwound.
    pub(crate) const UNWINDING: u32 = 8;
    /// The running greenlet may not be left.
    pub(crate) const PINNED: u32 = 16;
    /// The thread-locals are being destroyed: no greenlet may be switched to any more.
    pub(crate) const OVER: u32 = 32;
}

/// The state of one thread. Kept alive by the thread itself and by every greenlet of it.
pub(crate) struct Thread {
    /// The running greenlet; null only after the thread's end.
    current: Cell<*const GreenletCore>,
    /// The greenlet that ran before the running one; null once it is freed.
    left: Cell<*const GreenletCore>,
    pub(crate) attention: Cell<u32>,
    /// What other threads may know.
    pub(crate) published: Arc<Published>,
    pub(crate) sentinels: Sentinels,
    /// A dead greenlet's place to continue is written here, and nobody reads it.
    pub(crate) nowhere: Cell<Option<Suspended>>,
    pub(crate) list: List,
    pub(crate) stacks: RefCell<StackPool>,
    /// The greenlets being unwound, the innermost last.
    pub(crate) unwinding: RefCell<Vec<Unwinding>>,
    pub(crate) tracer: RefCell<Option<Rc<Tracer>>>,
    /// Whether overflows on this thread are reported.
    pub(crate) watched: Cell<bool>,
    /// The stack for the signal handler that reports them, if the thread had none before.
    pub(crate) alternate_stack: Cell<Option<AlternateStack>>,
    /// The count of greenlets that are started and not dead, without the main greenlet.
    pub(crate) live: Cell<usize>,
    last_ticket: Cell<u64>,
    next_id: Cell<u64>,
    main: RefCell<Option<RawGreenlet>>,
    /// Whether the thread ends, and everything that a parked greenlet can have borrowed is still there.
    pub(crate) in_time: Cell<bool>,
    /// The functions to call at the thread's end, the last one first.
    pub(crate) end_hooks: RefCell<Vec<fn()>>,
    /// Where the thread's latest panics began.
    pub(crate) panics: RefCell<PanicPlaces>,
    /// Its place in the list for debuggers.
    slot: Cell<Option<&'static Slot>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.get() {
            slot.leave();
        }
    }
}

thread_local! {
    /// Points to the state that `GUARD` owns. It is apart from `GUARD` because a plain pointer is
    /// read without a check for lazy initialisation or destruction.
    static THREAD: Cell<*const Thread> = const { Cell::new(ptr::null()) };
    static GUARD: Guard = const { Guard(Cell::new(None)) };
}

impl Thread {
    /// The offset of the pointer to the running greenlet.
    pub(crate) const CURRENT: usize = offset_of!(Thread, current);

    /// The calling thread's state; null if it has none yet, or none any more.
    #[inline]
    pub(crate) fn peek() -> *const Thread {
        THREAD.get()
    }

    /// Runs `f` with the calling thread's state.
    #[inline]
    pub(crate) fn with<R>(f: impl FnOnce(&Thread) -> R) -> R {
        let thread = THREAD.get();
        let thread = if thread.is_null() { create() } else { thread };
        // SAFETY: the state outlives the thread's own code: `Guard` holds it until the thread's
        // end, and a state created after that is never freed (see `create`).
        f(unsafe { &*thread })
    }

    /// The running greenlet.
    #[inline]
    pub(crate) fn current(&self) -> *const GreenletCore {
        self.current.get()
    }

    /// A handle of the running greenlet.
    #[inline]
    pub(crate) fn current_greenlet(&self) -> RawGreenlet {
        let current = NonNull::new(self.current.get().cast_mut());
        // SAFETY: the running greenlet is never freed.
        unsafe { RawGreenlet::from_core(current.expect("a thread has a current greenlet")) }
    }

    /// Makes `next` the running greenlet, instead of `current`, which leaves. The park that `next` was in is over:
    /// here, and nowhere else, a wake-up is spent.
    #[inline(always)]
    pub(crate) fn set_current(&self, current: &GreenletCore, next: &GreenletCore) {
        next.parked.set(0);
        self.current.set(next);
        self.left.set(current);
        self.published.switched_to(next.id);
    }

    /// A handle of the greenlet that left last.
    ///
    /// # Safety
    /// This is the first thing after a switch: the greenlet is not freed yet then.
    pub(crate) unsafe fn left(&self) -> RawGreenlet {
        let left = NonNull::new(self.left.get().cast_mut()).expect("somebody has left");
        // SAFETY: the greenlet that leaves is not freed before the arriving one looks after it.
        unsafe { RawGreenlet::from_core(left) }
    }

    /// Notes that a greenlet is freed.
    #[inline]
    pub(crate) fn forget_left(&self, freed: &GreenletCore) {
        if ptr::eq(self.left.get(), freed) {
            self.left.set(ptr::null());
        }
    }

    /// A number that no other park on this thread has had.
    #[inline]
    pub(crate) fn next_ticket(&self) -> u64 {
        let ticket = self.last_ticket.get() + 1;
        self.last_ticket.set(ticket);
        ticket
    }

    #[inline]
    pub(crate) fn last_ticket(&self) -> u64 {
        self.last_ticket.get()
    }

    /// Passes over so many tickets, which nobody else gets.
    pub(crate) fn skip_tickets(&self, count: usize) {
        self.last_ticket.update(|ticket| ticket + count as u64);
    }

    /// A number that no other greenlet of this thread has had; the main greenlet's is 0.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    /// Turns on some bits of [`Attention`].
    #[inline]
    pub(crate) fn attend(&self, bits: u32) {
        self.attention.set(self.attention.get() | bits);
    }

    /// Turns off some bits of [`Attention`].
    #[inline]
    pub(crate) fn attended(&self, bits: u32) {
        self.attention.set(self.attention.get() & !bits);
    }

    /// Whether there is a tracer.
    pub(crate) fn traced(&self) -> bool {
        self.attention.get() & Attention::TRACED != 0
    }

    /// Whether the running greenlet may not be left.
    pub(crate) fn pinned(&self) -> bool {
        self.attention.get() & Attention::PINNED != 0
    }

    /// Whether the thread is over: no greenlet may be switched to any more.
    pub(crate) fn over(&self) -> bool {
        self.attention.get() & Attention::OVER != 0
    }

    /// Keeps this state for ever, where leak checkers find it.
    pub(crate) fn keep(&self) {
        if let Some(main) = self.main() {
            thread_end::keep(Rc::into_raw(main.core().thread.clone()).cast());
        }
    }

    /// Ends the state of the calling thread, if it has one, while everything that a parked greenlet can have
    /// borrowed is still there.
    pub(crate) fn end_in_time() {
        // SAFETY: as in `with`.
        if let Some(thread) = unsafe { THREAD.get().as_ref() } {
            thread_end::end(thread, true);
        }
    }

    /// Whether the calling thread has no state because its state has ended already.
    pub(crate) fn guard_is_gone() -> bool {
        GUARD.try_with(|_| ()).is_err()
    }

    /// The greenlet of the calling thread into whose guard `address` points, if it runs or is just
    /// leaving: the last thing that a switch does on a stack is to push the place to continue. This is
    /// for the signal handler, so it takes no lock and allocates nothing.
    pub(crate) fn overflown<'a>(address: usize) -> Option<&'a GreenletCore> {
        // SAFETY: the state outlives the thread's own code, as in `with`.
        let thread = unsafe { virtual_thread::interrupted().as_ref() }?;
        // SAFETY: the running greenlet is not freed, and the one that left is forgotten when it is.
        let both = unsafe { [thread.current().as_ref(), thread.left.get().as_ref()] };
        both.into_iter().flatten().find(|core| {
            // SAFETY: `stack` is only written by code on another stack, which causes no fault of this
            // kind, so the handler never interrupts it.
            let stack = unsafe { &*core.stack.as_ptr() };
            stack.as_ref().is_some_and(|stack| stack.guard().contains(&address))
        })
    }

    /// Writes the message about a greenlet's overflow. This is for the signal handler.
    pub(crate) fn describe_overflow(core: &GreenletCore, to: &mut dyn fmt::Write) -> fmt::Result {
        write!(to, "\ngreenlet-core: greenlet #{}", core.id)?;
        if let Ok(extra) = core.extra.try_borrow()
            && let Some(Name::Given(name)) = extra.as_ref().and_then(|extra| extra.name.as_ref())
        {
            write!(to, " {name:?}")?;
        }
        // SAFETY: as in `overflown`.
        let size = unsafe { &*core.stack.as_ptr() }.as_ref().map_or(0, Stack::size);
        write!(
            to,
            " has overflowed its stack of {size} bytes (made, or parked last, at {})\n\
             To get a larger one: RawGreenlet::builder().stack_size(..), StackSize::set_default, \
             or GREENLET_STACK_SIZE={}K in the environment\n",
            core.parked_at.get(),
            size / 512,
        )
    }

    /// The thread's main greenlet; none after the thread's end.
    pub(crate) fn main(&self) -> Option<RawGreenlet> {
        self.main.borrow().clone()
    }
}

#[cold]
fn create() -> *const Thread {
    let thread = Rc::new(Thread {
        current: Cell::new(ptr::null()),
        left: Cell::new(ptr::null()),
        attention: Cell::new(0),
        published: Arc::default(),
        sentinels: Sentinels::new(),
        nowhere: Cell::new(None),
        list: List::default(),
        stacks: RefCell::new(StackPool::new()),
        unwinding: RefCell::default(),
        tracer: RefCell::default(),
        watched: Cell::new(false),
        alternate_stack: Cell::default(),
        live: Cell::new(0),
        last_ticket: Cell::new(0),
        next_id: Cell::new(0),
        main: RefCell::default(),
        in_time: Cell::new(false),
        end_hooks: RefCell::default(),
        panics: RefCell::default(),
        slot: Cell::new(None),
    });
    thread.slot.set(Some(Slot::enter(Rc::as_ptr(&thread))));
    // The main greenlet runs already, on the thread's own stack.
    let here = Location::caller();
    let function = None::<fn(&(), Value) -> Result<Value, Exception>>;
    let size = StackSize::THREAD;
    let main = RawGreenlet::create(thread.clone(), (), (), function, size, None, here);
    main.core().life.set(Life::Started);
    thread.current.set(main.core());
    *thread.main.borrow_mut() = Some(main);
    let pointer = Rc::as_ptr(&thread);
    THREAD.set(pointer);
    if is_virtual_thread() {
        // No greenlet can be switched to here.
        thread.attend(Attention::OVER);
    }
    let mut thread = Some(thread);
    let _ = GUARD.try_with(|guard| guard.0.set(thread.take()));
    if let Some(thread) = thread {
        // A destructor of a thread-local has asked for the state after `GUARD` was destroyed: nothing
        // would free it.
        thread.attend(Attention::OVER);
        thread.keep();
    }
    pointer
}

/// Ends the thread's state when the thread ends.
struct Guard(Cell<Option<Rc<Thread>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(thread) = self.0.take() else { return };
        let Some(main) = thread.main() else { return };
        thread_end::end(&thread, false);
        // Handles in thread-locals that are destroyed later keep the state alive. If there are none,
        // the last reference to it goes below.
        THREAD.set(ptr::null());
        // A signal handler that comes from here on finds nothing, and nothing is freed before.
        compiler_fence(Ordering::SeqCst);
        if ptr::eq(thread.current(), main.core()) {
            thread.current.set(ptr::null());
            main.core().life.set(Life::Dead);
            drop(thread.alternate_stack.take());
            // Values attached to the main greenlet may have handles of it.
            thread_end::quietly(|| drop(main.core().extra.take()));
            drop(thread.main.take());
            drop(main);
        } else {
            // `exit` was called in another greenlet than the main one, and its frames are still there.
            std::mem::forget((main, thread));
        }
    }
}
