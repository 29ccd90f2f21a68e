//! The parts of a greenlet, and the counted handle that keeps it alive.
//!
//! Handles are counted by hand rather than by `Rc` for two reasons. Nothing is counted at a
//! switch: the thread knows the running greenlet by a plain pointer. And a count that reaches zero
//! does not always free the greenlet: one that is on its stack is unwound first.
//!
//! | count reaches zero while the greenlet | what happens |
//! |---|---|
//! | has never run, or is dead | it is freed |
//! | is parked | it is unwound (`unwind::unwind_dropped`), then freed |
//! | runs | it goes on; when it parks, it is unwound; when it ends, it is freed |

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use crate::arch::Suspended;
use crate::attached::{self, Data, Label, Run, TypeTable};
use crate::exception::Thrown;
use crate::introspect::WaitingOn;
use crate::list::ListPlace;
use crate::local::Extra;
use crate::stack::{Stack, StackSize};
use crate::thread::{Attention, Thread};
use crate::unwind;
use crate::weak::WeakGreenlet;

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Made, never switched to.
    Unstarted,
    /// On its stack: running, or parked in a switch.
    Started,
    /// Its function has ended, or never will begin.
    Dead,
}

/// One greenlet; handles share it.
#[repr(C)] // What a switch touches comes first, on one cache line.
pub(crate) struct GreenletCore {
    /// Where to continue: there if and only if the greenlet is started and does not run.
    pub(crate) suspended: Cell<Option<Suspended>>,
    pub(crate) thread: Rc<Thread>,
    pub(crate) parked_at: Cell<&'static Location<'static>>,
    handles: Cell<usize>,
    /// The ticket of the park that it is in, or of its start; 0 if there is none. A switch to the greenlet zeroes it.
    pub(crate) parked: Cell<u64>,
    /// The ticket of the park that it has begun and not entered yet; 0 if there is none.
    pub(crate) ticket: Cell<u64>,
    pub(crate) id: u64,
    /// Whether `Extra::parks` has something in it.
    pub(crate) parks_aside: Cell<bool>,
    pub(crate) waiting_on: Cell<Option<WaitingOn>>,
    pub(crate) life: Cell<Life>,
    /// Whether its function is still there, see [`attached`].
    pub(crate) has_function: Cell<bool>,
    pub(crate) table: &'static TypeTable,
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) stack_size: StackSize,
    /// None for the main greenlet only.
    pub(crate) parent: RefCell<Option<RawGreenlet>>,
    /// Its place in the thread's list of greenlets, where it is until it is dead.
    pub(crate) place: ListPlace,
    /// The count of weak references, which keep the memory but nothing in it.
    pub(crate) weaks: Cell<usize>,
    /// Whether the last handle is gone: then only `weaks` and `gone` are used any more, by weak references.
    pub(crate) gone: Cell<bool>,
    /// Whether the message about greenlets left behind at the thread's end leaves it out.
    pub(crate) daemon: Cell<bool>,
    pub(crate) made_at: &'static Location<'static>,
    /// The exception that was thrown into it last.
    pub(crate) thrown: RefCell<Option<Thrown>>,
    pub(crate) extra: RefCell<Option<Box<Extra>>>,
}

impl GreenletCore {
    /// Whether this is the greenlet that runs on its thread.
    #[inline]
    pub(crate) fn runs(&self) -> bool {
        ptr::eq(self.thread.current(), self)
    }

    /// Whether it is on its stack and does not run.
    pub(crate) fn is_parked(&self) -> bool {
        let place = self.suspended.take();
        let parked = place.is_some();
        self.suspended.set(place);
        parked
    }

    /// The parent, for the greenlet itself at its end.
    #[inline]
    pub(crate) fn own_parent(&self) -> Option<&GreenletCore> {
        // SAFETY: only the greenlet itself calls this, when its function has ended, and leaves at
        // once. The parent can only be replaced by others, which run after that.
        unsafe { &*self.parent.as_ptr() }.as_ref().map(RawGreenlet::core)
    }

    /// Has the next switch look after this greenlet, which is the running one, if it has no handle.
    pub(crate) fn attend_if_orphan(&self) {
        if self.handles.get() == 0 {
            self.thread.attend(Attention::ORPHAN);
        }
    }
}

/// A greenlet: a function on a stack of its own. Handles are cheap to clone and all mean the
/// same greenlet; equality is identity.
///
/// When the last handle of a greenlet that is parked in a switch goes, nobody can ever continue
/// it: its stack is unwound, so that the destructors on it run. In builds with `panic = "abort"`
/// that cannot be done, and the stack is leaked instead.
///
/// Source: greenlet's `greenlet` class.
pub struct RawGreenlet(NonNull<GreenletCore>);

impl RawGreenlet {
    /// A greenlet that never ran, in its thread's list.
    pub(crate) fn create<D: Data, N: Label>(
        thread: Rc<Thread>,
        data: D,
        label: N,
        function: Option<impl Run<D>>,
        stack_size: StackSize,
        parent: Option<RawGreenlet>,
        parked_at: &'static Location<'static>,
    ) -> RawGreenlet {
        let id = thread.next_id();
        let core = |table, has_function| GreenletCore {
            suspended: Cell::new(None),
            thread,
            parked_at: Cell::new(parked_at),
            handles: Cell::new(1),
            parked: Cell::new(0),
            ticket: Cell::new(0),
            waiting_on: Cell::new(None),
            made_at: parked_at,
            life: Cell::new(Life::Unstarted),
            parks_aside: Cell::new(false),
            has_function: Cell::new(has_function),
            table,
            stack: Cell::new(None),
            stack_size,
            parent: RefCell::new(parent),
            place: ListPlace::default(),
            weaks: Cell::new(0),
            gone: Cell::new(false),
            daemon: Cell::new(false),
            id,
            thrown: RefCell::default(),
            extra: RefCell::new(None),
        };
        let greenlet = RawGreenlet(attached::place(data, label, function, core));
        let core = greenlet.core();
        // SAFETY: `last_handle_gone` at the latest takes it out, before it is freed.
        unsafe { core.thread.list.insert(core) };
        greenlet
    }

    /// One more handle.
    ///
    /// # Safety
    /// `core` is a greenlet's that is not freed yet.
    #[inline]
    pub(crate) unsafe fn from_core(core: NonNull<GreenletCore>) -> RawGreenlet {
        // SAFETY: the greenlet is not freed, by this function's contract.
        count_one_more(unsafe { &core.as_ref().handles });
        RawGreenlet(core)
    }

    #[inline]
    pub(crate) fn core(&self) -> &GreenletCore {
        // SAFETY: every handle is counted, and a greenlet is freed only with none left.
        unsafe { self.0.as_ref() }
    }

    /// Gives up the handle of a greenlet that is about to run: a running greenlet needs none.
    pub(crate) fn into_running(self) -> NonNull<GreenletCore> {
        let core = self.core();
        core.handles.set(core.handles.get() - 1);
        core.attend_if_orphan();
        std::mem::ManuallyDrop::new(self).0
    }

    #[inline]
    pub(crate) fn pointer(&self) -> NonNull<GreenletCore> {
        self.0
    }
}

impl Clone for RawGreenlet {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: this handle keeps it alive.
        unsafe { RawGreenlet::from_core(self.0) }
    }
}

impl Drop for RawGreenlet {
    #[inline]
    fn drop(&mut self) {
        let handles = &self.core().handles;
        let left = handles.get() - 1;
        handles.set(left);
        if left == 0 {
            // SAFETY: the count has just reached zero.
            unsafe { last_handle_gone(self.0) }
        }
    }
}

/// Counts one more reference, and aborts on overflow: references lost to `mem::forget` could make a count of 32 bits
/// start again at zero.
#[inline]
pub(crate) fn count_one_more(count: &Cell<usize>) {
    match count.get().checked_add(1) {
        Some(more) => count.set(more),
        None => std::process::abort(),
    }
}

/// Ends a greenlet that nobody has a handle of; see the table above. Parents that only this greenlet
/// kept follow in a loop: recursion along a long chain of them would overflow the stack.
///
/// # Safety
/// The greenlet's count of handles is zero, and it is not freed.
unsafe fn last_handle_gone(mut pointer: NonNull<GreenletCore>) {
    loop {
        // SAFETY: the first greenlet is alive by this function's contract; each further one, a parent,
        // was kept until here by the handle that is counted off below.
        let core = unsafe { pointer.as_ref() };
        if core.runs() {
            return core.attend_if_orphan();
        }
        if core.life.get() == Life::Started {
            // SAFETY: the greenlet is alive, as above.
            return unwind::unwind_dropped(unsafe { RawGreenlet::from_core(pointer) });
        }
        // SAFETY: `create` put it into this list, and nobody else puts it into one.
        unsafe { core.thread.list.remove(core) };
        let parent = core.parent.take();
        // SAFETY: nobody has a handle, it is neither running nor parked, and no list names it.
        unsafe { free(pointer) };
        let Some(parent) = parent else { return };
        let parent = std::mem::ManuallyDrop::new(parent);
        let handles = &parent.core().handles;
        handles.set(handles.get() - 1);
        if handles.get() > 0 {
            return;
        }
        pointer = parent.0;
    }
}

/// Frees a greenlet, or as much of it as weak references do not look at.
///
/// # Safety
/// Nobody has a handle, it is neither running nor parked, and no list names it.
unsafe fn free(pointer: NonNull<GreenletCore>) {
    // SAFETY: by this function's contract the last handle has just gone, so the greenlet is not freed yet.
    let core = unsafe { pointer.as_ref() };
    core.thread.forget_left(core);
    if core.weaks.get() == 0 && attached::is_plain(core) {
        // SAFETY: nothing names it any more.
        return unsafe { attached::free(pointer) };
    }
    // The destructors below may drop weak references to this greenlet: one more keeps the memory until they
    // are done. The drop order of the two locals frees the data first and then the memory, also if a
    // destructor panics.
    // SAFETY: as above, the greenlet is not freed yet.
    let _memory = unsafe { WeakGreenlet::from_core(pointer) };
    core.gone.set(true);
    let _data = DropData(core);
    attached::drop_function(core);
    drop(core.extra.take());
}

/// Drops the data of a greenlet that is being freed.
struct DropData<'a>(&'a GreenletCore);

impl Drop for DropData<'_> {
    fn drop(&mut self) {
        // SAFETY: `free` makes exactly one `DropData` for each greenlet, when nobody has a handle of it.
        unsafe { attached::drop_data(self.0) }
    }
}
