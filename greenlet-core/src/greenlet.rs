//! What a greenlet can do: Python's `greenlet.greenlet`.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr::NonNull;
use std::rc::Rc;

use crate::arch::Suspended;
use crate::core::{Life, RawGreenlet};
use crate::exception::{Exception, GreenletError};
use crate::prefetch;
use crate::root;
use crate::switch::{self, SwitchMessage};
use crate::thread::Thread;
use crate::unwind;
use crate::value::Value;

impl RawGreenlet {
    /// Parks the current greenlet and continues this one, whose own switch returns `value`;
    /// starts it if it never ran. Returns what somebody switches back with.
    ///
    /// A switch to a dead greenlet goes to its nearest living parent instead.
    ///
    /// # Errors
    /// Returns the exception that somebody throws into the current greenlet, or the error that a
    /// child has ended with. [`StackError`](crate::StackError) means that a new greenlet got no
    /// stack, and [`GreenletError`] that the switch is not allowed, to a greenlet of another thread
    /// for instance.
    #[track_caller]
    #[inline(always)]
    pub fn switch(&self, value: impl Into<Value>) -> Result<Value, Exception> {
        switch::transfer(self, SwitchMessage::Value(value.into()))
    }

    /// Like [`switch`](Self::switch), but the target's own switch returns the exception.
    ///
    /// A greenlet that never ran dies without running. If the target is dead, or dies of the
    /// exception, the exception goes on to its parent; a [`GreenletExit`](struct@crate::GreenletExit)
    /// arrives there as a value: the exception, boxed.
    ///
    /// # Errors
    /// As for [`switch`](Self::switch).
    #[track_caller]
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<Value, Exception> {
        switch::transfer(self, SwitchMessage::Throw(exception.into()))
    }

    /// Has the processor fetch the memory that every use of this greenlet begins with. It changes
    /// nothing. A loop that switches to many greenlets calls it for one that comes a little later.
    #[inline(always)]
    pub fn prefetch(&self) {
        let address = self.pointer().as_ptr().cast();
        (0..2).for_each(|line| prefetch::line(address, line));
    }

    /// Like [`prefetch`](Self::prefetch) for the rest of the greenlet, which its beginning and its end need.
    #[inline(always)]
    pub fn prefetch_rest(&self) {
        let address = self.pointer().as_ptr().cast();
        (2..6).for_each(|line| prefetch::line(address, line));
    }

    /// Has the processor fetch so many cache lines of the stack, for the switch to this greenlet
    /// that comes after the current one. [`prefetch`](Self::prefetch) has to come earlier, as this
    /// reads the greenlet. More lines help if it is parked many calls below its function.
    #[inline(always)]
    pub fn prefetch_stack(&self, lines: usize) {
        match self.lowest_in_use() {
            Some(lowest) => (0..lines).for_each(|line| prefetch::line(lowest.as_ptr(), line)),
            None => self.prefetch_rest(),
        }
    }

    /// The low end of the part of the stack that is in use. None for a greenlet that is not parked.
    #[inline(always)]
    pub(crate) fn lowest_in_use(&self) -> Option<NonNull<u8>> {
        let slot = self.core().suspended.as_ptr().cast::<Option<NonNull<u8>>>();
        const { assert!(size_of::<Option<Suspended>>() == size_of::<Option<NonNull<u8>>>()) };
        // SAFETY: on every machine the slot is the stack pointer, null if there is no place to continue.
        unsafe { slot.read() }
    }

    /// Ends a greenlet that never ran, without a switch: its function is dropped and never called.
    /// Returns false, and does nothing, if the greenlet has begun.
    pub fn discard(&self) -> bool {
        self.end_unrun(&mut None)
    }

    /// Like [`discard`](Self::discard), with a reason, which is passed to [`Data::failed`](crate::Data::failed).
    ///
    /// # Errors
    /// Returns the reason if the greenlet never ran and its data leave the reason to the caller.
    pub fn fail(&self, reason: Exception) -> Result<(), Exception> {
        let mut reason = Some(reason);
        match (self.end_unrun(&mut reason), reason) {
            (true, Some(left)) => Err(left),
            _ => Ok(()),
        }
    }

    fn end_unrun(&self, reason: &mut Option<Exception>) -> bool {
        let unstarted = self.core().life.get() == Life::Unstarted;
        if unstarted {
            root::die_unrun(self.core(), reason);
        }
        unstarted
    }

    /// Ends a parked greenlet here and now, as dropping its last handle does: its stack is
    /// unwound. A greenlet that never ran is [discarded](Self::discard). Returns whether it is dead
    /// now. It is not if it runs, if it is the main greenlet, if it is itself waiting for another
    /// greenlet to be unwound, or with `panic = "abort"`.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, getcurrent};
    /// let main = getcurrent();
    /// let g = RawGreenlet::new(move |_| main.switch(()));
    /// g.switch(())?;
    /// assert!(g.unwind() && g.dead());
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    pub fn unwind(&self) -> bool {
        unwind::unwind_now(self)
    }

    /// Whether it is the one that runs: `getcurrent() == *self`, without making a handle.
    #[inline(always)]
    pub fn is_current(&self) -> bool {
        self.core().runs()
    }

    /// Whether it has been switched to and has not ended.
    ///
    /// Source: greenlet's truth value.
    pub fn active(&self) -> bool {
        self.core().life.get() == Life::Started
    }

    /// Whether its function has ended (or will never begin).
    pub fn dead(&self) -> bool {
        self.core().life.get() == Life::Dead
    }

    /// Whether it has ever been switched to.
    pub fn started(&self) -> bool {
        match self.core().life.get() {
            Life::Unstarted => false,
            Life::Started | Life::Dead => true,
        }
    }

    /// The greenlet that gets its result; none for a thread's main greenlet.
    pub fn parent(&self) -> Option<RawGreenlet> {
        self.core().parent.borrow().clone()
    }

    /// Makes `parent` the greenlet that gets the result.
    ///
    /// # Errors
    /// [`GreenletError::CyclicParent`] when the parents would form a cycle,
    /// [`GreenletError::WrongThread`] when the two belong to different threads, and
    /// [`GreenletError::MainGreenlet`] when this is a main greenlet.
    pub fn set_parent(&self, parent: &RawGreenlet) -> Result<(), GreenletError> {
        if self.core().parent.borrow().is_none() {
            return Err(GreenletError::MainGreenlet);
        }
        if !Rc::ptr_eq(&self.core().thread, &parent.core().thread) {
            return Err(GreenletError::WrongThread);
        }
        let mut ancestor = Some(parent.clone());
        while let Some(greenlet) = ancestor {
            if greenlet == *self {
                return Err(GreenletError::CyclicParent);
            }
            ancestor = greenlet.parent();
        }
        // The old parent is dropped only after the borrow: dropping may run user code.
        let old = self.core().parent.replace(Some(parent.clone()));
        drop(old);
        Ok(())
    }

    /// The greenlet's address, which tells it from all others that are alive.
    pub fn address(&self) -> usize {
        self.pointer().addr().get()
    }
}

impl PartialEq for RawGreenlet {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.pointer() == other.pointer()
    }
}

impl Eq for RawGreenlet {}

impl Hash for RawGreenlet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pointer().hash(state);
    }
}

impl fmt::Debug for RawGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<greenlet at {:#x}", self.address())?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        write!(f, " {}", self.state())?;
        if self.core().parent.borrow().is_none() {
            f.write_str(" main")?;
        }
        f.write_str(">")
    }
}

/// The greenlet that runs.
///
/// Source: greenlet's `getcurrent`.
#[inline]
pub fn getcurrent() -> RawGreenlet {
    Thread::with(Thread::current_greenlet)
}

/// The main greenlet of this thread: the one on the thread's own stack, and the ancestor of all
/// others.
pub fn getmain() -> RawGreenlet {
    Thread::with(|thread| thread.main().expect("it is made with the thread's state"))
}
