//! [`ScopeState`]: the loans of a scope, the greenlets that have them, and how the scope gets them
//! back. See [the module above](super).

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

/// The state of a scope, which the scope and its greenlets share.
pub(super) struct ScopeState {
    /// The greenlet that called `scope`. The handle is weak, as it is on that greenlet's own stack
    /// and would keep it alive.
    owner: WeakGreenlet,
    /// The greenlets that have not ended or not returned their loans, by their numbers, which are
    /// in the order of the spawns.
    borrowers: RefCell<BTreeMap<u64, Borrower>>,
    /// How many greenlets were spawned. The next one has this number.
    made: Cell<u64>,
    /// How many loans are not returned yet.
    loans: Cell<usize>,
    /// The loan that the owner waits for, while it waits.
    waits: RefCell<Option<Awaited>>,
    /// The first failure of a greenlet.
    failure: RefCell<Option<Exception>>,
    /// Whether the other greenlets, and the owner, were told of the failure.
    cancelled: Cell<bool>,
    /// Whether the scope's function has not ended.
    in_function: Cell<bool>,
}

impl fmt::Debug for ScopeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The greenlets are left out, as their descriptions may call user code.
        write!(f, "<scope of {:?}, {} borrow>", self.owner, self.loans.get())
    }
}

/// The number of the loan that the owner waits for, and the right to wake the owner.
struct Awaited {
    id: u64,
    loop_: Loop,
    resume: Resume,
}

/// A greenlet that has a loan, or had one and has not ended.
struct Borrower {
    greenlet: AnyGreenlet,
    /// Whether the loan is not returned: the function, or something that it owns, is still there.
    borrows: bool,
    /// The greenlet that drops the function, if that is dropped without a call. The handle is weak,
    /// as it may be on the stack of that greenlet.
    dropper: Option<WeakGreenlet>,
}

impl Borrower {
    /// The greenlet whose end returns the loan.
    fn holder(&self) -> RawGreenlet {
        let dropper = self.dropper.as_ref().and_then(WeakGreenlet::upgrade);
        dropper.unwrap_or_else(|| self.greenlet.raw().clone())
    }
}

/// The function of a greenlet of a scope. Its fields are dropped in their order, the loan last.
pub(super) struct LentFunction<R> {
    going: Going,
    function: Box<dyn FnOnce() -> R>,
    loan: Loan,
}

impl<R> LentFunction<R> {
    /// Makes a loan for `function`, and returns the loan's number, too.
    pub(super) fn new(state: &Rc<ScopeState>, function: Box<dyn FnOnce() -> R>) -> (u64, LentFunction<R>) {
        let id = state.made.replace(state.made.get() + 1);
        let lent = LentFunction {
            going: Going(state.clone(), id),
            function,
            loan: Loan::new(state, id),
        };
        (id, lent)
    }

    pub(super) fn call(self) -> R {
        let LentFunction { going, function, loan } = self;
        // The function is called by its own greenlet, which also drops all that it owns, so no
        // other greenlet is the dropper.
        drop(going);
        let result = function();
        drop(loan);
        result
    }
}

/// Notes, when it is dropped, in which greenlet the function is dropped.
struct Going(Rc<ScopeState>, u64);

impl Drop for Going {
    fn drop(&mut self) {
        if let Some(borrower) = self.0.borrowers.borrow_mut().get_mut(&self.1) {
            borrower.dropper = Some(getcurrent().downgrade());
        }
    }
}

/// Returns the loan when it is dropped: then the function and all its borrows are gone.
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
    /// Makes the state of a scope that the current greenlet owns.
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

    /// A guard that ends the greenlets when it is dropped, in whatever way the scope's function is
    /// left.
    pub(super) fn end_on_drop(&self) -> impl Drop + '_ {
        EndOnDrop(self)
    }

    /// Returns only if all loans are returned, so that the caller may leave the frame that lends.
    pub(super) fn let_go(&self) {
        if self.loans.get() > 0 {
            cannot_end();
        }
        drop(self.borrowers.take());
    }

    /// Notes that the scope's function has ended, so that no `ScopeCancelled` is thrown into it.
    pub(super) fn function_has_ended(&self) {
        self.in_function.set(false);
    }

    /// Notes the greenlet that has the loan.
    pub(super) fn lent_to(&self, id: u64, greenlet: AnyGreenlet) {
        let borrower = Borrower {
            greenlet,
            borrows: true,
            dropper: None,
        };
        self.borrowers.borrow_mut().insert(id, borrower);
    }

    /// Takes out the first failure of a greenlet.
    pub(super) fn failure(&self) -> Option<Exception> {
        self.forget_all_over();
        self.failure.take()
    }

    /// Notes that a loan is returned. If the owner waits for that loan, has the hub wake it: the
    /// current greenlet may be any, so it cannot switch to the owner itself.
    fn returned(&self, id: u64) {
        self.loans.set(self.loans.get() - 1);
        if let Some(borrower) = self.borrowers.borrow_mut().get_mut(&id) {
            borrower.borrows = false;
        }
        let awaited = self.waits.borrow_mut().take_if(|awaited| awaited.id == id);
        if let Some(Awaited { loop_, resume, .. }) = awaited {
            // This fails if the loop is destroyed, and then it wakes no greenlet any more.
            let _ = loop_.run_callback_resume(resume);
        }
        self.forget_if_over(id);
    }

    /// Handles the failure of a greenlet: kills the others, and throws [`ScopeCancelled`] into the
    /// scope's function. Runs in the hub.
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
        // This may be the last handle, and its drop unwinds the owner, so it may panic. It comes
        // before the return, as a result that is being returned is leaked if a destructor panics.
        drop(owner);
        thrown
    }

    /// Stores the exception, if it is the first.
    fn note_failure(&self, exception: Exception) {
        let mut failure = self.failure.borrow_mut();
        // A later exception is dropped after the borrow has ended, as its destructor may be user
        // code.
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

    /// The greenlet that was spawned last of those that have not ended.
    fn last_running(&self) -> Option<AnyGreenlet> {
        let borrowers = self.borrowers.borrow();
        let last = borrowers.values().rfind(|who| !who.greenlet.ready())?;
        Some(last.greenlet.clone())
    }

    /// Forgets a greenlet if it has ended and its loan is returned. Returns whether it is
    /// forgotten. A scope that spawns greenlets for ever does not grow thereby.
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
        // The borrow has ended: the drop may run destructors that use this scope.
        drop(over);
        true
    }

    /// [`forget_if_over`](Self::forget_if_over) for all greenlets: user code may have taken the
    /// links away that do this.
    fn forget_all_over(&self) {
        let ids: Vec<_> = self.borrowers.borrow().keys().copied().collect();
        for id in ids {
            self.forget_if_over(id);
        }
    }

    /// Kills all greenlets, without waiting.
    pub(super) fn cancel_all(&self) {
        for greenlet in self.running() {
            let kill = Kill::default().nonblocking();
            // This fails if the loop is destroyed, and then `join_all` ends the greenlets.
            let _ = greenlet.kill_with(kill);
        }
    }

    /// Waits until all greenlets have ended and all loans are returned. If an exception is thrown
    /// into the owner meanwhile, kills the greenlets, goes on waiting, and returns the first such
    /// exception at the end.
    pub(super) fn join_all(&self) -> Result<(), Exception> {
        let (mut thrown, mut for_ever) = (Ok(()), false);
        loop {
            let waited = if let Some((id, hub)) = self.last_loan() {
                self.wait(id, &hub)
            } else if let Some(greenlet) = self.last_running() {
                // The loan is returned, so the user's function is over, but the greenlet has not
                // ended yet.
                greenlet.join()
            } else {
                return thrown;
            };
            let Err(exception) = waited else { continue };
            // After a second `LoopExit`, nothing will wake the greenlets that were killed after the
            // first and still wait.
            let stuck = exception.error().is::<LoopExit>() && std::mem::replace(&mut for_ever, true);
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

    /// The loan that was taken last, of those that are not returned, and the hub of its greenlet.
    fn last_loan(&self) -> Option<(u64, Hub)> {
        let borrowers = self.borrowers.borrow();
        let (id, last) = borrowers.iter().rfind(|(_, who)| who.borrows)?;
        Some((*id, last.greenlet.hub().clone()))
    }

    /// Parks the owner until a loan is returned, in the hub of the loan's greenlet.
    fn wait(&self, id: u64, hub: &Hub) -> Result<(), Exception> {
        let park = Park::on(hub, "scope", std::ptr::from_ref(self).addr())?;
        // `Park::on` has called a hook, which may have waited until the loan was returned.
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

    /// Unwinds all greenlets on the spot, also those that are spawned meanwhile. Returns whether
    /// all loans are returned.
    fn unwind_all(&self) -> bool {
        loop {
            let borrowers = self.borrowers.borrow();
            let holders = borrowers.iter().map(|(id, who)| (*id, who.holder()));
            let holders: Vec<_> = holders.collect();
            drop(borrowers);
            let mut any_ended = false;
            for (id, holder) in holders {
                // The end of another greenlet may have ended this one.
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

/// Takes the right to wake the owner back when it is dropped, also by the owner's unwinding.
struct Waits<'a>(&'a ScopeState);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        drop(self.0.waits.take());
    }
}

/// Unwinds the scope's greenlets when it is dropped, in whatever way the scope's function is left.
struct EndOnDrop<'a>(&'a ScopeState);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.in_function.set(false);
        // A destructor of something that a greenlet owns may panic. Each runs only once, so the
        // loop ends. The first panic goes on, unless another one is under way.
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

/// Gives the owner's stack up, so that the frame that lends stays in memory: there is a loan that
/// will never be returned. If the stack cannot be given up, aborts the process.
#[cold]
fn cannot_end() -> ! {
    unwind::give_up("has lent to greenlets of a scope that cannot be ended");
    eprintln!("gevent: a greenlet outlives its scope, whose stack cannot be given up");
    std::process::abort();
}

/// Whether the owner cannot wait, neither now nor later, by `exception` or by the state of the hub.
/// The caller must not try again then, which would never end.
fn cannot_wait(exception: &Exception) -> bool {
    exception.error().is::<BlockingSwitchOutError>()
        || exception.error().is::<HubDestroyed>()
        || exception.error().is::<hub::core::Error>()
        || may_switch().is_err()
        // If the hub is not started even after that wait, it got no stack.
        || get_hub_if_exists()
            .is_none_or(|hub| !hub.greenlet().started() || hub.before_switch().is_err())
}
