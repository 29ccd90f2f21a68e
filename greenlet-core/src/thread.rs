//! What one thread knows of its greenlets.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use crate::greenlet::{Core, RawGreenlet};
use crate::stack::Pool;

/// The state of one thread. Kept alive by the thread itself and by every greenlet of it.
pub(crate) struct Thread {
    /// The running greenlet. None before the main greenlet exists and after the thread's end.
    current: Cell<Option<Rc<Core>>>,
    main: RefCell<Option<RawGreenlet>>,
    pub(crate) stacks: RefCell<Pool>,
    /// Started and not dead, without the main greenlet.
    pub(crate) live: Cell<usize>,
    next_ticket: Cell<u64>,
    ending: Cell<bool>,
}

thread_local! {
    /// Borrowed from `GUARD`; apart from it because a plain pointer is read without a check for
    /// lazy initialisation or destruction.
    static THREAD: Cell<*const Thread> = const { Cell::new(ptr::null()) };
    static GUARD: Guard = const { Guard(Cell::new(None)) };
}

/// Ends the thread's state when the thread ends.
struct Guard(Cell<Option<Rc<Thread>>>);

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(thread) = self.0.take() else { return };
        thread.ending.set(true);
        // The pointer stays valid for handles in other thread-locals' destructors: a greenlet
        // still alive keeps the state alive; with none left the last reference goes below.
        THREAD.set(ptr::null());
        drop(thread.current.take());
        drop(thread.main.take());
    }
}

impl Thread {
    /// The calling thread's state.
    #[inline]
    pub(crate) fn get() -> *const Thread {
        let thread = THREAD.get();
        if thread.is_null() { create() } else { thread }
    }

    /// Runs `f` with the calling thread's state.
    #[inline]
    pub(crate) fn with<R>(f: impl FnOnce(&Thread) -> R) -> R {
        // SAFETY: the state outlives the thread's own code: `Guard` holds it until the thread's
        // end, and a state created after that is never freed (see `create`).
        f(unsafe { &*Thread::get() })
    }

    /// The running greenlet.
    #[inline]
    pub(crate) fn current(&self) -> &Rc<Core> {
        // SAFETY: the slot is only written by `set_current`, which takes the old reference out
        // whole. Who borrows it is the running greenlet, and that one is in the slot whenever it
        // runs; the reference itself moves along to `switch::Transit` meanwhile, but the borrow
        // is not used then, because its user is parked.
        let current = unsafe { &*self.current.as_ptr() };
        current.as_ref().expect("a thread has a current greenlet")
    }

    /// Makes `next` the running greenlet and gives back the reference to the one before.
    #[inline]
    pub(crate) fn set_current(&self, next: Rc<Core>) -> Rc<Core> {
        let before = self.current.replace(Some(next));
        before.expect("a thread has a current greenlet")
    }

    /// A number that no other park on this thread has had.
    #[inline]
    pub(crate) fn next_ticket(&self) -> u64 {
        let ticket = self.next_ticket.get() + 1;
        self.next_ticket.set(ticket);
        ticket
    }

    /// Whether the thread-local destructors run already.
    pub(crate) fn ending(&self) -> bool {
        self.ending.get()
    }
}

#[cold]
fn create() -> *const Thread {
    let thread = Rc::new(Thread {
        current: Cell::new(None),
        main: RefCell::new(None),
        stacks: RefCell::new(Pool::new()),
        live: Cell::new(0),
        next_ticket: Cell::new(0),
        ending: Cell::new(false),
    });
    let main = Core::main(thread.clone());
    thread.current.set(Some(main.clone()));
    *thread.main.borrow_mut() = Some(RawGreenlet::from_core(main));
    let pointer = Rc::as_ptr(&thread);
    THREAD.set(pointer);
    let mut thread = Some(thread);
    let _ = GUARD.try_with(|guard| guard.0.set(thread.take()));
    if let Some(thread) = thread {
        // Asked for by a destructor that runs after ours: nothing is left to free it.
        thread.ending.set(true);
        std::mem::forget(thread);
    }
    pointer
}

/// How many greenlets of this thread have been started and are not dead; the main greenlet
/// does not count.
///
/// ```
/// use greenlet_core::{RawGreenlet, Value, getcurrent, live_greenlets};
/// let main = getcurrent();
/// let g = RawGreenlet::new(move |_| main.switch(()));
/// assert_eq!(live_greenlets(), 0);
/// g.switch(())?;
/// assert_eq!(live_greenlets(), 1);
/// g.switch(())?;
/// assert_eq!(live_greenlets(), 0);
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
pub fn live_greenlets() -> usize {
    Thread::with(|thread| thread.live.get())
}
