//! The loans of a scope: to whom, and how it gets them back. See [the folder's head](super).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, WeakGreenlet, getcurrent, may_switch, unwind};
use hub::core::Loop;
use hub::{Hub, get_hub_if_exists, throw_unless_masked};
use waiter::{Park, Resume, WaitHub};

use super::ScopeCancelled;
use crate::exceptions::{BlockingSwitchOutError, HubDestroyed, LoopExit};
use crate::greenlet::{AnyGreenlet, Kill};

/// A scope, as its greenlets know it too.
pub(super) struct ScopeState {
    /// Weak: this lies on its stack, and would keep it alive.
    owner: WeakGreenlet,
    /// Those that have not ended or not returned their loans; by the order of their making.
    borrowers: RefCell<BTreeMap<u64, Borrower>>,
    /// How many greenlets there have been.
    made: Cell<u64>,
    /// How many loans are not returned yet.
    loans: Cell<usize>,
    /// The owner, while it waits for a loan.
    waits: RefCell<Option<Awaited>>,
    /// The first failure of a greenlet.
    failure: RefCell<Option<Exception>>,
    /// Whether the others were told of it.
    cancelled: Cell<bool>,
    /// Whether the scope's own function runs.
    in_function: Cell<bool>,
}

impl fmt::Debug for ScopeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the greenlets: what describes them may be anybody's function.
        write!(
            f,
            "<scope of {:?}, {} borrow>",
            self.owner,
            self.loans.get()
        )
    }
}

/// How to wake the owner that waits for this loan.
struct Awaited {
    id: u64,
    loop_: Loop,
    resume: Resume,
}

/// Who has a loan, or had one and has not ended.
struct Borrower {
    greenlet: AnyGreenlet,
    /// Whether its function, or something that it owns, is still there.
    borrows: bool,
    /// Who drops the function; weak, for it may lie on the stack of that greenlet.
    dropper: Option<WeakGreenlet>,
}

impl Borrower {
    /// Whose end is that of the loan.
    fn holder(&self) -> RawGreenlet {
        let dropper = self.dropper.as_ref().and_then(WeakGreenlet::upgrade);
        dropper.unwrap_or_else(|| self.greenlet.raw().clone())
    }
}

/// A function of a scope. Its fields are dropped in their order: the loan last.
pub(super) struct LentFunction<R> {
    going: Going,
    function: Box<dyn FnOnce() -> R>,
    loan: Loan,
}

impl<R> LentFunction<R> {
    /// A loan with a number of its own.
    pub(super) fn new(
        state: &Rc<ScopeState>,
        function: Box<dyn FnOnce() -> R>,
    ) -> (u64, LentFunction<R>) {
        let id = state.made.replace(state.made.get() + 1);
        let lent = LentFunction {
            going: Going(state.clone(), id),
            function,
            loan: Loan::new(state, id),
        };
        (id, lent)
    }

    pub(super) fn call(self) -> R {
        let LentFunction {
            going,
            function,
            loan,
        } = self;
        // Its own greenlet calls it, and drops what it owns.
        drop(going);
        let result = function();
        drop(loan);
        result
    }
}

/// Says, by being dropped, in which greenlet a function is dropped.
struct Going(Rc<ScopeState>, u64);

impl Drop for Going {
    fn drop(&mut self) {
        if let Some(borrower) = self.0.borrowers.borrow_mut().get_mut(&self.1) {
            borrower.dropper = Some(getcurrent().downgrade());
        }
    }
}

/// Says, by being dropped, that a function and all that it borrowed is gone.
struct Loan(Rc<ScopeState>, u64);

impl Loan {
    fn new(state: &Rc<ScopeState>, id: u64) -> Loan {
        state.loans.set(state.loans.get() + 1);
        Loan(state.clone(), id)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.returned(self.1);
    }
}

impl ScopeState {
    /// That of a scope of the current greenlet.
    pub(super) fn new() -> Rc<ScopeState> {
        Rc::new(ScopeState {
            owner: getcurrent().downgrade(),
            borrowers: RefCell::default(),
            made: Cell::new(0),
            loans: Cell::new(0),
            waits: RefCell::default(),
            failure: RefCell::default(),
            cancelled: Cell::new(false),
            in_function: Cell::new(true),
        })
    }

    /// Ends the greenlets when it is dropped, whatever leaves the scope's function.
    pub(super) fn end_on_drop(&self) -> impl Drop + '_ {
        EndOnDrop(self)
    }

    /// From here on the frame that lends may be left: all is returned. It does not return otherwise.
    pub(super) fn let_go(&self) {
        if self.loans.get() > 0 {
            cannot_end();
        }
        drop(self.borrowers.take());
    }

    /// The scope's own function is not to be told of failures any more.
    pub(super) fn function_has_ended(&self) {
        self.in_function.set(false);
    }

    /// Notes whose loan that is.
    pub(super) fn lent_to(&self, id: u64, greenlet: AnyGreenlet) {
        let borrower = Borrower {
            greenlet,
            borrows: true,
            dropper: None,
        };
        self.borrowers.borrow_mut().insert(id, borrower);
    }

    /// Takes the first failure of a greenlet.
    pub(super) fn failure(&self) -> Option<Exception> {
        self.forget_all_over();
        self.failure.take()
    }

    /// A function is gone, and with it what it borrowed. The owner, if it waits for it, is woken by the hub: here may be
    /// anywhere.
    fn returned(&self, id: u64) {
        self.loans.set(self.loans.get() - 1);
        if let Some(borrower) = self.borrowers.borrow_mut().get_mut(&id) {
            borrower.borrows = false;
        }
        let awaited = self.waits.borrow_mut().take_if(|awaited| awaited.id == id);
        if let Some(Awaited { loop_, resume, .. }) = awaited {
            // A destroyed loop wakes nobody any more.
            let _ = loop_.run_callback_resume(resume);
        }
        self.forget_if_over(id);
    }

    /// A greenlet has failed: the others, and the scope's function, are told. In the hub.
    pub(super) fn failed(self: &Rc<Self>, exception: Exception) -> Result<(), Exception> {
        self.note_failure(exception);
        if self.cancelled.replace(true) {
            return Ok(());
        }
        self.cancel_all();
        let Some(owner) = self.owner.upgrade() else {
            return Ok(());
        };
        let its = self.clone();
        let wanted = move || its.in_function.get();
        let thrown = throw_unless_masked(&owner, wanted, Exception::new(ScopeCancelled));
        // It may be unwound by that, and what is being returned is forgotten if a destructor panics.
        drop(owner);
        thrown
    }

    /// The first one counts.
    fn note_failure(&self, exception: Exception) {
        let mut failure = self.failure.borrow_mut();
        // A later one is dropped after the borrow: it may be anything.
        let _later = match &*failure {
            Some(_) => Some(exception),
            None => failure.replace(exception),
        };
        drop(failure);
    }

    /// The greenlets that have not ended.
    fn running(&self) -> Vec<AnyGreenlet> {
        let borrowers = self.borrowers.borrow();
        let greenlets = borrowers.values().map(|borrower| &borrower.greenlet);
        greenlets.filter(|g| !g.ready()).cloned().collect()
    }

    /// The last of them.
    fn last_running(&self) -> Option<AnyGreenlet> {
        let borrowers = self.borrowers.borrow();
        let last = borrowers.values().rfind(|who| !who.greenlet.ready())?;
        Some(last.greenlet.clone())
    }

    /// Lets go of a greenlet that has ended and borrows nothing; says whether it has. A scope may go on for ever, and
    /// keeps nothing of those that are over.
    pub(super) fn forget_if_over(&self, id: u64) -> bool {
        let mut borrowers = self.borrowers.borrow_mut();
        let is_over = |borrower: &Borrower| !borrower.borrows && borrower.greenlet.ready();
        if !borrowers.get(&id).is_none_or(is_over) {
            return false;
        }
        let over = borrowers.remove(&id);
        drop(borrowers);
        if let Some(exception) = over.as_ref().and_then(|over| over.greenlet.exception()) {
            self.note_failure(exception);
        }
        // What it owns may come back here as it is dropped.
        drop(over);
        true
    }

    /// [`forget_if_over`](Self::forget_if_over) for all: somebody may have taken the links away by which they would be.
    fn forget_all_over(&self) {
        let ids: Vec<_> = self.borrowers.borrow().keys().copied().collect();
        for id in ids {
            self.forget_if_over(id);
        }
    }

    /// Kills all greenlets, without waiting.
    pub(super) fn cancel_all(&self) {
        for greenlet in self.running() {
            let kill = Kill {
                block: false,
                ..Kill::default()
            };
            // Fails if the loop is destroyed; then `join_all` ends them.
            let _ = greenlet.kill_with(kill);
        }
    }

    /// Waits until all greenlets have ended, and all that they borrowed is returned. What is thrown
    /// in meanwhile has them killed, and is returned at last.
    pub(super) fn join_all(&self) -> Result<(), Exception> {
        let (mut thrown, mut for_ever) = (Ok(()), false);
        loop {
            let waited = if let Some((id, hub)) = self.last_loan() {
                self.wait(id, &hub)
            } else if let Some(greenlet) = self.last_running() {
                // Its function has ended, but what it keeps for itself has not.
                greenlet.join(None)
            } else {
                return thrown;
            };
            let Err(exception) = waited else { continue };
            // Nobody will wake those that have been killed and still wait.
            let stuck =
                exception.error().is::<LoopExit>() && std::mem::replace(&mut for_ever, true);
            let hopeless = if stuck || cannot_wait(&exception) {
                !self.unwind_all()
            } else {
                self.cancel_all();
                false
            };
            thrown = thrown.and(Err(exception));
            if hopeless {
                return thrown;
            }
        }
    }

    /// The loan that was taken last, of those that are not returned, and the hub of who has it.
    fn last_loan(&self) -> Option<(u64, Hub)> {
        let borrowers = self.borrowers.borrow();
        let (id, last) = borrowers.iter().rfind(|(_, who)| who.borrows)?;
        Some((*id, last.greenlet.hub().clone()))
    }

    /// Parks the owner until a loan is returned, in the hub of who has it.
    fn wait(&self, id: u64, hub: &Hub) -> Result<(), Exception> {
        let park = Park::on(hub, "scope", std::ptr::from_ref(self).addr())?;
        // A hook that was just called may have waited.
        if !self.lends_to(id) {
            return Ok(());
        }
        let awaited = Awaited {
            id,
            loop_: hub.loop_().clone(),
            resume: park.resume(),
        };
        drop(self.waits.replace(Some(awaited)));
        let waits = Waits(self);
        let got = park.wait(hub, &"scope");
        drop(waits);
        got
    }

    fn lends_to(&self, id: u64) -> bool {
        let borrowers = self.borrowers.borrow();
        borrowers.get(&id).is_some_and(|who| who.borrows)
    }

    /// Ends all greenlets on the spot, also those that are spawned meanwhile. Says whether all that
    /// they borrowed is returned.
    fn unwind_all(&self) -> bool {
        loop {
            let borrowers = self.borrowers.borrow();
            let holders = borrowers.iter().map(|(id, who)| (*id, who.holder()));
            let holders: Vec<_> = holders.collect();
            drop(borrowers);
            let mut any_ended = false;
            for (id, holder) in holders {
                // It may have gone with another.
                if !self.forget_if_over(id) {
                    holder.unwind();
                }
                any_ended |= self.forget_if_over(id);
            }
            if !any_ended {
                return self.loans.get() == 0;
            }
        }
    }
}

/// Takes the right to wake the owner back, also when its greenlet is unwound.
struct Waits<'a>(&'a ScopeState);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        drop(self.0.waits.take());
    }
}

/// Ends the scope's greenlets, however its function is left.
struct EndOnDrop<'a>(&'a ScopeState);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.in_function.set(false);
        // Destructors of what greenlets own may panic; each runs once. The first panic goes on, unless one does already.
        let mut first = None;
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.0.unwind_all())) {
            if first.is_none() && !std::thread::panicking() {
                first = Some(payload);
            } else {
                std::mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
            }
        }
        if let Some(payload) = first {
            resume_unwind(payload);
        }
    }
}

/// A loan will never be returned: the frame that lends stays.
#[cold]
fn cannot_end() -> ! {
    unwind::give_up("has lent to greenlets of a scope that cannot be ended");
    eprintln!("gevent: a greenlet outlives its scope, whose stack cannot be given up");
    std::process::abort();
}

/// Whether waiting is impossible here, now and later: `exception` says so, or the hub does. It must not be tried
/// again and again then, which would never end.
fn cannot_wait(exception: &Exception) -> bool {
    exception.error().is::<BlockingSwitchOutError>()
        || exception.error().is::<HubDestroyed>()
        || exception.error().is::<hub::core::Error>()
        || may_switch().is_err()
        // Without a stack, it has never run yet.
        || get_hub_if_exists()
            .is_none_or(|hub| !hub.greenlet().started() || hub.before_switch().is_err())
}
