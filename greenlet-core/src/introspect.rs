//! Looking at greenlets from outside: which there are, where they are in their lives, and what they wait for.

use std::fmt;
use std::ops::Range;
use std::panic::Location;
use std::rc::Rc;

use crate::core::{Life, RawGreenlet};
use crate::stack::{trim_below, trim_below_here, usage};
use crate::thread::Thread;

/// Where a greenlet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Made, never switched to.
    Pending,
    /// Running.
    Current,
    /// Parked in a switch.
    Suspended,
    /// Its function has ended, or never will begin.
    Dead,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Pending => "pending",
            State::Current => "current",
            State::Suspended => "suspended",
            State::Dead => "dead",
        })
    }
}

/// Where a greenlet's stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackPlace {
    /// The addresses that its frames can have.
    pub addresses: Range<usize>,
    /// How many bytes the guard has, which is below them.
    pub guard: usize,
}

impl RawGreenlet {
    /// Where the greenlet is in its life.
    pub fn state(&self) -> State {
        match self.core().life.get() {
            Life::Unstarted => State::Pending,
            Life::Started if self.core().runs() => State::Current,
            Life::Started => State::Suspended,
            Life::Dead => State::Dead,
        }
    }

    /// A small number that no other greenlet of this thread ever had; the main greenlet's is 0.
    pub fn id(&self) -> u64 {
        self.core().id
    }

    /// Where the greenlet last switched away (or was made).
    pub fn parked_at(&self) -> &'static Location<'static> {
        self.core().parked_at.get()
    }

    /// Where the greenlet was made.
    pub fn made_at(&self) -> &'static Location<'static> {
        self.core().made_at
    }

    /// What the greenlet waits for, if it is parked and its park says so.
    pub fn waiting_on(&self) -> Option<WaitingOn> {
        match self.core().parked.get() {
            0 => None,
            _ => self.core().waiting_on.get(),
        }
    }

    /// How many bytes of its stack have ever been touched, in whole pages, counted from the top:
    /// by this greenlet or by one that had the stack before. None if it has no stack of its own
    /// (it has not begun, is dead, or is a main greenlet). In a stack that is larger than 16 MiB, pages
    /// below a gap of 16 MiB that was never touched do not count.
    ///
    /// This takes a system call: it is for tuning stack sizes, not for every switch.
    pub fn stack_usage(&self) -> Option<usize> {
        // SAFETY: the slot is only written when the greenlet gets or loses its stack, and neither
        // happens in here.
        let stack = unsafe { &*self.core().stack.as_ptr() }.as_ref()?;
        Some(usage::touched(stack))
    }

    /// Where its stack is. None if it has none of its own: it has not begun, is dead, or is a main greenlet.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, Value, getcurrent};
    ///
    /// let g = RawGreenlet::new(|_| {
    ///     let place = getcurrent().stack_place().expect("it runs");
    ///     let local = 1;
    ///     assert!(place.addresses.contains(&(&raw const local).addr()));
    ///     Ok(Value::None)
    /// });
    /// g.switch(())?;
    /// assert_eq!(g.stack_place(), None);
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    pub fn stack_place(&self) -> Option<StackPlace> {
        // SAFETY: as in `stack_usage`.
        let stack = unsafe { &*self.core().stack.as_ptr() }.as_ref()?;
        let low = stack.low().addr().get();
        Some(StackPlace {
            addresses: low..low + stack.size(),
            guard: stack.guard().len(),
        })
    }

    /// Gives the memory of its stack that is not in use now back to the system: the whole pages below the frames of a
    /// greenlet that is parked, or of the caller. A page or two are left then. For a greenlet that has worked and waits
    /// for long now, as one of thousands that serve connections.
    ///
    /// This takes a system call, about a microsecond, and as long again for each page that is touched later. It does
    /// nothing for a greenlet that has no stack of its own: see [`stack_usage`](Self::stack_usage).
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, getcurrent};
    ///
    /// fn work() {
    ///     std::hint::black_box([1_u8; 40_000]);
    /// }
    ///
    /// let main = getcurrent();
    /// let g = RawGreenlet::new(move |_| {
    ///     work();
    ///     main.switch(()) // waits
    /// });
    /// g.switch(())?;
    /// let before = g.stack_usage();
    /// g.trim_stack();
    /// assert!(g.stack_usage() < before);
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    pub fn trim_stack(&self) {
        let core = self.core();
        // SAFETY: the slot is only written when the greenlet gets or loses its stack, and neither
        // happens in here.
        let Some(stack) = unsafe { &*core.stack.as_ptr() }.as_ref() else {
            return;
        };
        if core.runs() {
            trim_below_here(stack);
        } else if let Some(lowest) = self.lowest_in_use() {
            // SAFETY: it does not run, and `lowest` is where its frames end.
            unsafe { trim_below(stack, lowest.addr().get()) };
        }
    }

    /// All that a list of greenlets shows of it now.
    pub fn info(&self) -> Info {
        Info {
            id: self.id(),
            name: self.name(),
            state: self.state(),
            parent: self.parent().map(|parent| parent.id()),
            made_at: self.made_at(),
            parked_at: self.parked_at(),
            waiting_on: self.waiting_on(),
        }
    }
}

/// A line of a list of greenlets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Info {
    /// See [`RawGreenlet::id`].
    pub id: u64,
    /// See [`RawGreenlet::name`].
    pub name: Option<Rc<str>>,
    /// See [`RawGreenlet::state`].
    pub state: State,
    /// The parent's id; none for the main greenlet.
    pub parent: Option<u64>,
    /// See [`RawGreenlet::made_at`].
    pub made_at: &'static Location<'static>,
    /// See [`RawGreenlet::parked_at`].
    pub parked_at: &'static Location<'static>,
    /// See [`RawGreenlet::waiting_on`].
    pub waiting_on: Option<WaitingOn>,
}

/// What a park is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingOn {
    /// The kind of thing: `"Greenlet"`, `"io"`, `"Event"`.
    pub kind: &'static str,
    /// The address of the thing, as its `Debug` output shows it.
    pub address: usize,
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}", self.kind, self.address)
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " {} at {}", self.state, self.parked_at)?;
        if let Some(waiting_on) = self.waiting_on {
            write!(f, " on {waiting_on}")?;
        }
        write!(f, ", made at {}", self.made_at)?;
        match self.parent {
            Some(parent) => write!(f, ", child of #{parent}"),
            None => f.write_str(", main"),
        }
    }
}

/// Every greenlet of this thread that is not dead, the newest first; the main greenlet is the
/// last.
///
/// ```
/// use greenlet_core::{RawGreenlet, State, getcurrent, greenlets};
///
/// let main = getcurrent();
/// let g = RawGreenlet::new(move |_| main.switch(()));
/// g.set_name("waits");
/// g.switch(())?;
/// for greenlet in greenlets() {
///     println!("{}", greenlet.info());
/// }
/// assert_eq!(greenlets()[0].state(), State::Suspended);
/// assert_eq!(greenlets().len(), 2);
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// prints
///
/// ```text
/// #1 "waits" suspended at src/main.rs:4:43, made at src/main.rs:4:9, child of #0
/// #0 current at src/main.rs:8:3, made at src/main.rs:3:12, main
/// ```
pub fn greenlets() -> Vec<RawGreenlet> {
    Thread::with(|thread| {
        let all = thread.list.newest_first(|_| true).into_iter();
        // SAFETY: every greenlet in the list is alive.
        all.map(|core| unsafe { RawGreenlet::from_core(core) }).collect()
    })
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

/// Gives the memory of this thread's idle stacks back to the system: for a thread that has just ended
/// many greenlets and will not start as many soon.
///
/// Stacks of greenlets that have ended are kept for reuse. They keep their pages as long as they are no
/// more than the stacks in use, or fill no more than 32 MiB (128 MiB for a second, or until the next stack
/// comes back after it).
pub fn trim_stacks() {
    Thread::with(|thread| thread.stacks.borrow_mut().trim());
}

/// The stacks of a thread, see [`stacks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stacks {
    /// How many greenlets have one. Those that were given up, as nobody could unwind them, count for ever.
    pub in_use: usize,
    /// How many are kept for the next greenlets.
    pub idle: usize,
    /// How many bytes of address space all of them have, with their guards and room for further ones. Much less of it
    /// is in memory: the pages that were touched.
    pub mapped: usize,
}

/// How many stacks this thread has.
///
/// ```
/// use greenlet_core::{RawGreenlet, getcurrent, stacks};
///
/// let main = getcurrent();
/// let g = RawGreenlet::new(move |_| main.switch(()));
/// g.switch(())?;
/// assert_eq!(stacks().in_use, 1);
/// g.switch(())?;
/// assert_eq!((stacks().in_use, stacks().idle), (0, 1));
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
pub fn stacks() -> Stacks {
    let (in_use, idle, mapped) = Thread::with(|thread| thread.stacks.borrow().count());
    Stacks { in_use, idle, mapped }
}
