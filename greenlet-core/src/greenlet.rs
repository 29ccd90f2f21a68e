//! The handle of a greenlet: Python's `greenlet.greenlet`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::arch::Suspended;
use crate::exception::{Exception, GreenletError};
use crate::stack::{DEFAULT_STACK_SIZE, Stack};
use crate::switch::{self, Message};
use crate::thread::Thread;
use crate::unwind::Unwinding;
use crate::value::Value;

/// What a greenlet runs.
pub(crate) type Run = Box<dyn FnOnce(Value) -> Result<Value, Exception>>;

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Made, never switched to.
    Unstarted,
    /// On its stack: running, or parked in a switch.
    Started,
    /// Its function has ended, or never will begin.
    Dead,
}

/// One greenlet; handles share it.
pub(crate) struct Core {
    pub(crate) state: Cell<State>,
    pub(crate) unwinding: Cell<Unwinding>,
    /// Where to continue: there whenever the greenlet is started and not running.
    pub(crate) suspended: Cell<Option<Suspended>>,
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) stack_size: usize,
    pub(crate) run: Cell<Option<Run>>,
    /// None for the main greenlet only.
    pub(crate) parent: RefCell<Option<RawGreenlet>>,
    pub(crate) ticket: Cell<u64>,
    pub(crate) parked_at: Cell<&'static Location<'static>>,
    pub(crate) locals: RefCell<Vec<Rc<dyn std::any::Any>>>,
    pub(crate) thread: Rc<Thread>,
}

impl Core {
    /// The main greenlet of a thread: it runs already, on the thread's own stack.
    #[track_caller]
    pub(crate) fn main(thread: Rc<Thread>) -> Rc<Core> {
        Rc::new(Core {
            state: Cell::new(State::Started),
            unwinding: Cell::new(Unwinding::No),
            suspended: Cell::new(None),
            stack: Cell::new(None),
            stack_size: 0,
            run: Cell::new(None),
            parent: RefCell::new(None),
            ticket: Cell::new(0),
            parked_at: Cell::new(Location::caller()),
            locals: RefCell::default(),
            thread,
        })
    }
}

/// A greenlet: a function on a stack of its own. Handles are cheap to clone and all mean the
/// same greenlet; equality is identity.
///
/// When the last handle of a greenlet that is parked in a switch goes, nobody can ever continue
/// it: its stack is unwound, so that the destructors on it run.
///
/// Source: greenlet's `greenlet` class.
#[derive(Clone)]
pub struct RawGreenlet(Rc<Core>);

/// Settings of a greenlet, for those that differ from the default.
#[derive(Debug, Default)]
pub struct Builder {
    stack_size: Option<usize>,
    parent: Option<RawGreenlet>,
}

impl Builder {
    /// The size of the stack in bytes, rounded up to whole pages.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// The parent, instead of the greenlet that makes it.
    pub fn parent(mut self, parent: &RawGreenlet) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// Makes the greenlet. It takes its stack when it is first switched to.
    #[track_caller]
    pub fn build(
        self,
        run: impl FnOnce(Value) -> Result<Value, Exception> + 'static,
    ) -> RawGreenlet {
        let parent = self.parent.unwrap_or_else(getcurrent);
        let thread = parent.0.thread.clone();
        RawGreenlet(Rc::new(Core {
            state: Cell::new(State::Unstarted),
            unwinding: Cell::new(Unwinding::No),
            suspended: Cell::new(None),
            stack: Cell::new(None),
            stack_size: self.stack_size.unwrap_or(DEFAULT_STACK_SIZE),
            run: Cell::new(Some(Box::new(run))),
            parent: RefCell::new(Some(parent)),
            ticket: Cell::new(0),
            parked_at: Cell::new(Location::caller()),
            locals: RefCell::default(),
            thread,
        }))
    }
}

impl RawGreenlet {
    /// A greenlet that will run `run`, with the current greenlet as its parent. `run` gets the
    /// value of the first switch; what it returns goes to the parent.
    #[track_caller]
    pub fn new(run: impl FnOnce(Value) -> Result<Value, Exception> + 'static) -> Self {
        Builder::default().build(run)
    }

    /// Settings first: stack size, parent.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_core(core: Rc<Core>) -> Self {
        RawGreenlet(core)
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.0
    }

    /// Parks the current greenlet and continues this one, whose own switch returns `value`;
    /// starts it if it never ran. Returns what somebody switches back with.
    ///
    /// A switch to a dead greenlet goes to its nearest living parent instead.
    ///
    /// # Errors
    /// What somebody throws into the current greenlet; a child's error, if the child ended
    /// with it; [`StackError`](crate::StackError) when a new greenlet gets no stack, and
    /// [`GreenletError`] for a greenlet of another thread.
    #[track_caller]
    #[inline]
    pub fn switch(&self, value: impl Into<Value>) -> Result<Value, Exception> {
        switch::transfer(self, Message::Value(value.into()))
    }

    /// Like [`switch`](Self::switch), but the target's own switch returns the exception.
    ///
    /// A greenlet that never ran dies without running. If the target is dead (or dies of it),
    /// the exception goes on to its parent; a [`GreenletExit`](crate::GreenletExit) arrives
    /// there as a value: the exception, boxed.
    ///
    /// # Errors
    /// As for [`switch`](Self::switch).
    #[track_caller]
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<Value, Exception> {
        switch::transfer(self, Message::Throw(exception.into()))
    }

    /// Ends a greenlet that never ran, without a switch: its function is dropped unrun. Says
    /// whether that was so; a greenlet that has begun is left alone.
    pub fn discard(&self) -> bool {
        let unstarted = self.0.state.get() == State::Unstarted;
        if unstarted {
            self.0.state.set(State::Dead);
            drop(self.0.run.take());
        }
        unstarted
    }

    /// Whether it has been switched to and has not ended.
    ///
    /// Source: greenlet's truth value.
    pub fn active(&self) -> bool {
        self.0.state.get() == State::Started
    }

    /// Whether its function has ended (or will never begin).
    pub fn dead(&self) -> bool {
        self.0.state.get() == State::Dead
    }

    /// Whether it has ever been switched to.
    pub fn started(&self) -> bool {
        match self.0.state.get() {
            State::Unstarted => false,
            State::Started | State::Dead => true,
        }
    }

    /// Where its result goes; none for a thread's main greenlet.
    pub fn parent(&self) -> Option<RawGreenlet> {
        self.0.parent.borrow().clone()
    }

    /// Makes `parent` the one who gets the result.
    ///
    /// # Errors
    /// [`GreenletError`] when the parents would form a cycle, for another thread's greenlet,
    /// and for a main greenlet.
    pub fn set_parent(&self, parent: &RawGreenlet) -> Result<(), GreenletError> {
        if self.0.parent.borrow().is_none() {
            return Err(GreenletError::MainGreenlet);
        }
        if !Rc::ptr_eq(&self.0.thread, &parent.0.thread) {
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
        let old = self.0.parent.replace(Some(parent.clone()));
        drop(old);
        Ok(())
    }

    /// A word that tells this greenlet from all others alive: its address.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// Where the greenlet last switched away (or was made).
    pub fn parked_at(&self) -> &'static Location<'static> {
        self.0.parked_at.get()
    }

    /// Begins a new park of this greenlet and returns its ticket: a number that no other park
    /// on this thread has. Who wakes a greenlet compares tickets first, and so never disturbs a
    /// later park of it.
    #[inline]
    pub fn new_ticket(&self) -> u64 {
        let ticket = self.0.thread.next_ticket();
        self.0.ticket.set(ticket);
        ticket
    }

    /// The ticket of the present park, 0 if there is none.
    #[inline]
    pub fn ticket(&self) -> u64 {
        self.0.ticket.get()
    }

    /// Ends the present park: its ticket is void.
    #[inline]
    pub fn void_ticket(&self) {
        self.0.ticket.set(0);
    }
}

impl Drop for RawGreenlet {
    #[inline]
    fn drop(&mut self) {
        if Rc::strong_count(&self.0) == 1 && self.0.state.get() == State::Started {
            switch::unwind_dropped(&self.0);
        }
    }
}

impl PartialEq for RawGreenlet {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RawGreenlet {}

impl fmt::Debug for RawGreenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0.state.get() {
            State::Unstarted => "pending",
            State::Started if *self == getcurrent() => "current",
            State::Started => "suspended",
            State::Dead => "dead",
        };
        write!(f, "<greenlet at {:#x} {state}", self.address())?;
        if self.0.parent.borrow().is_none() {
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
    Thread::with(|thread| RawGreenlet(thread.current().clone()))
}
