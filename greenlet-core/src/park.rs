//! [`Park`]: a wait that the holder of its [`Ticket`] ends.
//!
//! A greenlet [begins](Park::begin) a park, leaves its ticket where it wants to be woken from, and
//! [enters](Park::enter) it by switching away. A [wake-up](RawGreenlet::wake) is spent at one place only, the
//! switch itself (`Thread::set_current`): if the switch is refused, nothing has changed.
//!
//! ```text
//!             begin              enter              somebody switches to it
//!    nothing ──────> `ticket` ──────────> `parked` ─────────────────────────> nothing
//!                       │ wake: enter returns at once                             ^
//!                       └─────────────────────────────────────────────────────────┘
//! ```
//!
//! User code may run between `begin` and `enter`, in a destructor for instance, and park for something else. The
//! park that was begun before is set aside meanwhile, and can still be woken.

use std::fmt;

use std::num::NonZeroU64;

use crate::core::{GreenletCore, Life, RawGreenlet};
use crate::exception::Exception;
use crate::greenlet::getcurrent;
use crate::introspect::WaitingOn;
use crate::switch::{self, SwitchMessage};
use crate::thread::Thread;
use crate::value::Value;

/// The number of a park, which no other park of its thread ever has; later parks have larger numbers. Code that has a
/// ticket may end the park, so a ticket cannot be made of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(NonZeroU64);

impl Ticket {
    /// A ticket that is for no park. Parks that have begun in this thread have smaller numbers, and those that will
    /// begin larger ones.
    pub fn draw() -> Ticket {
        new_ticket(getcurrent().core())
    }

    /// Draws `count` tickets with numbers one after the other, and returns the first.
    pub fn draw_many(count: usize) -> Ticket {
        let first = Ticket::draw();
        getcurrent().core().thread.skip_tickets(count);
        first
    }

    /// The number of this thread's last ticket. While it stays the same, no park has begun, and no ticket was drawn.
    #[inline]
    pub fn last() -> u64 {
        Thread::with(Thread::last_ticket)
    }

    /// The number, which a wake-up [sends](Value::Token).
    #[inline]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

/// One wait of the current greenlet, from its preparation to the return of [`enter`](Park::enter), or to the drop of
/// this. Other greenlets end it by a wake-up with its ticket.
///
/// ```
/// use greenlet_core::{Park, RawGreenlet, Value, getcurrent};
///
/// let park = Park::begin(None);
/// let (main, ticket) = (getcurrent(), park.ticket());
/// let g = RawGreenlet::new(move |_| main.wake(ticket).map(|()| Value::None));
/// let value = park.enter(&g)?;
/// assert!(matches!(value, Value::Token(token) if token == ticket.get()));
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Park {
    greenlet: RawGreenlet,
    ticket: Ticket,
}

/// A park that is set aside for one inside it, or the exception thrown into a park that has not been entered.
pub(crate) struct Aside {
    ticket: u64,
    is: Begun,
}

enum Begun {
    Waiting(Option<WaitingOn>),
    Thrown(Exception),
}

impl Park {
    /// Begins a park; `waiting_on` says what it is for, in lists of greenlets.
    #[inline(always)]
    pub fn begin(waiting_on: Option<WaitingOn>) -> Park {
        let greenlet = getcurrent();
        let core = greenlet.core();
        if core.ticket.get() != 0 {
            set_aside(core);
        }
        let ticket = new_ticket(core);
        core.ticket.set(ticket.get());
        core.waiting_on.set(waiting_on);
        Park { greenlet, ticket }
    }

    /// The greenlet that the park belongs to.
    #[inline]
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// The ticket to wake it with.
    #[inline]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// Switches to `to`, and returns when somebody wakes this park, with [`Value::Token`] of the ticket, or switches
    /// here otherwise. The park holds a handle of its greenlet meanwhile. Returns at once if the park has been woken
    /// already or was entered before, and in another greenlet than its own.
    ///
    /// # Errors
    /// As for [`RawGreenlet::switch`], and the exception of [`wake_throwing`](RawGreenlet::wake_throwing).
    #[track_caller]
    #[inline(always)]
    pub fn enter(&self, to: &RawGreenlet) -> Result<Value, Exception> {
        let core = self.greenlet.core();
        // If the park's greenlet is not parked it is the current one: no other greenlet can enter the park.
        if core.ticket.get() != self.ticket.get() || core.is_parked() {
            if let Some(woken) = self.woken() {
                return woken;
            }
        } else {
            core.ticket.set(0);
        }
        core.parked.set(self.ticket.get());
        let got = to.switch(());
        // The switch back has zeroed it already, unless the switch to `to` was refused.
        core.parked.set(0);
        got
    }

    /// The result of a wake-up that came before the greenlet had parked; none if the park can be entered.
    #[cold]
    #[inline(never)]
    fn woken(&self) -> Option<Result<Value, Exception>> {
        let core = self.greenlet.core();
        match take_aside(core, self.ticket.get()) {
            Some(Begun::Thrown(exception)) => Some(Err(exception)),
            // This park was set aside for a later one that is not dropped yet: leaked, or kept somewhere.
            Some(Begun::Waiting(waiting_on)) if core.runs() => {
                core.waiting_on.set(waiting_on);
                None
            }
            _ => Some(Ok(Value::Token(self.ticket.get()))),
        }
    }
}

impl Drop for Park {
    #[inline]
    fn drop(&mut self) {
        let core = self.greenlet.core();
        if core.ticket.get() == self.ticket.get() {
            core.ticket.set(0);
        }
        if core.parks_aside.get() {
            end_nested(core, self.ticket.get());
        }
    }
}

impl RawGreenlet {
    /// Ends the park that has this ticket, if it is still on, by a switch to this greenlet with [`Value::Token`]. If
    /// the greenlet has begun the park but not entered it yet, there is no switch: [`Park::enter`] will return at once.
    ///
    /// # Errors
    /// Returns the exception that somebody throws into the caller while the other greenlet runs, or the one that says
    /// why the switch was refused; then the park is as it was.
    #[track_caller]
    #[inline(always)]
    pub fn wake(&self, ticket: Ticket) -> Result<(), Exception> {
        if self.core().parked.get() == ticket.get() {
            let token = SwitchMessage::Value(Value::Token(ticket.get()));
            return switch::transfer(self, token).map(drop);
        }
        wake_early(self.core(), ticket.get(), None);
        Ok(())
    }

    /// Ends a park as [`wake`](Self::wake) does, by an exception, which [`Park::enter`] returns.
    ///
    /// # Errors
    /// As for [`wake`](Self::wake).
    #[track_caller]
    pub fn wake_throwing(&self, ticket: Ticket, exception: impl Into<Exception>) -> Result<(), Exception> {
        if self.core().parked.get() == ticket.get() {
            return self.throw(exception).map(drop);
        }
        wake_early(self.core(), ticket.get(), Some(exception.into()));
        Ok(())
    }

    /// Whether the park that has this ticket is still on, so that a wake-up would end it.
    #[inline]
    pub fn is_parked(&self, ticket: Ticket) -> bool {
        let (core, ticket) = (self.core(), ticket.get());
        core.parked.get() == ticket || core.ticket.get() == ticket || core.parks_aside.get() && is_aside(core, ticket)
    }

    /// Whether the greenlet is still to be started: [`is_parked`](Self::is_parked) for a
    /// [`start_ticket`](Self::start_ticket).
    #[inline(always)]
    pub fn is_to_start(&self, ticket: Ticket) -> bool {
        self.core().parked.get() == ticket.get()
    }

    /// The ticket by which a wake-up starts a greenlet that never ran. Every call returns the same one, and the first
    /// switch to the greenlet makes it void. For any other greenlet, this is a ticket that wakes nobody.
    #[inline]
    pub fn start_ticket(&self) -> Ticket {
        let core = self.core();
        if core.life.get() != Life::Unstarted {
            return new_ticket(core);
        }
        NonZeroU64::new(core.parked.get()).map_or_else(
            || {
                let ticket = new_ticket(core);
                core.parked.set(ticket.get());
                ticket
            },
            Ticket,
        )
    }
}

#[inline]
fn new_ticket(core: &GreenletCore) -> Ticket {
    let ticket = NonZeroU64::new(core.thread.next_ticket());
    Ticket(ticket.expect("a thread does not park so often"))
}

/// Sets the park that was begun aside, for another one inside it.
#[cold]
fn set_aside(core: &GreenletCore) {
    let ticket = core.ticket.replace(0);
    let is = Begun::Waiting(core.waiting_on.get());
    put_aside(core, Aside { ticket, is });
}

fn put_aside(core: &GreenletCore, aside: Aside) {
    let mut extra = core.extra.borrow_mut();
    extra.get_or_insert_default().parks.push(aside);
    core.parks_aside.set(true);
}

fn is_aside(core: &GreenletCore, ticket: u64) -> bool {
    let extra = core.extra.borrow();
    let mut parks = extra.iter().flat_map(|extra| &extra.parks);
    parks.any(|aside| aside.ticket == ticket && matches!(aside.is, Begun::Waiting(_)))
}

fn take_aside(core: &GreenletCore, ticket: u64) -> Option<Begun> {
    let mut extra = core.extra.borrow_mut();
    let parks = &mut extra.as_mut()?.parks;
    let index = parks.iter().position(|aside| aside.ticket == ticket)?;
    let taken = parks.remove(index);
    core.parks_aside.set(!parks.is_empty());
    Some(taken.is)
}

/// Wakes a park that has been begun and not entered.
#[cold]
#[inline(never)]
fn wake_early(core: &GreenletCore, ticket: u64, exception: Option<Exception>) {
    if core.ticket.get() == ticket {
        core.ticket.set(0);
    } else if core.parks_aside.get() && is_aside(core, ticket) {
        drop(take_aside(core, ticket));
    } else {
        return;
    }
    if let Some(exception) = exception {
        let is = Begun::Thrown(exception);
        put_aside(core, Aside { ticket, is });
    }
}

/// Ends a park, and takes the one up again that was set aside for it.
#[cold]
#[inline(never)]
fn end_nested(core: &GreenletCore, ticket: u64) {
    let ended = take_aside(core, ticket);
    if core.ticket.get() == 0 {
        let mut extra = core.extra.borrow_mut();
        let parks = extra.as_mut().map(|extra| &mut extra.parks);
        if let Some(parks) = parks
            && let Some(last) = parks.iter().rposition(|aside| aside.waits())
            && let Begun::Waiting(waiting_on) = parks[last].is
        {
            core.ticket.set(parks.remove(last).ticket);
            core.waiting_on.set(waiting_on);
            core.parks_aside.set(!parks.is_empty());
        }
    }
    // The destructor of an exception may be user code: nothing is borrowed here.
    drop(ended);
}

impl Aside {
    fn waits(&self) -> bool {
        matches!(self.is, Begun::Waiting(_))
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aside({})", self.ticket)
    }
}
