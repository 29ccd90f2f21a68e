//! [`scope`]: greenlets that borrow from their caller's stack, in the manner of
//! [`std::thread::scope`]. gevent has no counterpart: its users ask for nurseries.
//!
//! # Why it is sound
//!
//! A greenlet of a scope borrows for `'scope`. So the scope's frame must not go while the
//! greenlet's function, or anything that it owns, is still there. That a greenlet is dead does not
//! say so: what a killed one owned may still be in the midst of its destructor, in the greenlet
//! that killed it. So each function carries a [`Loan`] that is dropped after it, and the scope
//! ends when all loans are returned. It is left in three ways, and each ends the greenlets before:
//!
//! * by returning or by an exception: they are joined, after a kill if something failed;
//! * by a panic, which is caught, and goes on after they were killed and joined;
//! * by the unwinding of a dropped greenlet, in which nobody can wait: they are unwound on the
//!   spot ([`RawGreenlet::unwind`](crate::RawGreenlet::unwind)).
//!
//! The hub may be unable to let anybody wait (its loop was destroyed, or the scope is entered in
//! the hub itself); then, too, they are unwound on the spot. If even that returns no loan (a
//! greenlet is itself in the midst of unwinding the scope's, or swallowed its unwinding, so that
//! its stack is still there, and with it may be inner scopes whose greenlets run), the process
//! aborts, as there is no sound way on. When the stack that the scope is on is given up, all that
//! it lends stays in memory for ever, and the greenlets may go on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use greenlet_core::{Exception, WeakGreenlet, getcurrent, may_switch, unwind};
use hub::{Link, Linkable, get_hub_if_exists, throw_unless_masked};
use waiter::WaitHub;

use crate::exceptions::{BlockingSwitchOutError, HubDestroyed, LoopExit};
use crate::greenlet::{AnyGreenlet, AsGreenlet, Greenlet, Kill, Killable, Victim};
use crate::outcome::Outcome;

/// The scope is ending because one of its greenlets failed: raised in the scope's own function
/// where that waits. [`scope`] itself returns the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet of this scope has failed")]
pub struct ScopeCancelled;

/// Where greenlets are spawned that end before [`scope`] returns.
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    state: Rc<State>,
    // Invariant in both, as in `std::thread::Scope`.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

#[derive(Debug)]
struct State {
    /// Weak: this lies on its stack, and would keep it alive.
    owner: WeakGreenlet,
    /// Those that have not ended, as far as is known; by their ids, which are in the order of their making.
    greenlets: RefCell<BTreeMap<u64, AnyGreenlet>>,
    /// How many functions are not dropped yet.
    loans: Cell<usize>,
    /// The first failure of a greenlet.
    failure: RefCell<Option<Exception>>,
    /// Whether the scope's own function runs.
    in_function: Cell<bool>,
}

/// A greenlet of a [`Scope`].
#[derive(Debug, Clone)]
pub struct ScopedGreenlet<'scope, T: 'static> {
    greenlet: Greenlet<T>,
    scope: PhantomData<&'scope ()>,
}

impl<T: 'static> std::ops::Deref for ScopedGreenlet<'_, T> {
    type Target = Greenlet<T>;

    fn deref(&self) -> &Greenlet<T> {
        &self.greenlet
    }
}

impl<T: 'static> AsGreenlet for ScopedGreenlet<'_, T> {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.any()
    }
}

impl<T: 'static> Killable for ScopedGreenlet<'_, T> {
    fn victim(&self) -> Victim {
        self.greenlet.victim()
    }
}

/// Calls `function` with a [`Scope`], in which greenlets can be spawned that borrow what lives
/// outside. It returns when they have all ended.
///
/// The first failure, of a greenlet or of `function`, cancels the rest: the other greenlets are
/// killed, and `function` gets [`ScopeCancelled`] where it waits. So they are when the caller is
/// killed, or times out, while it waits here.
///
/// ```
/// let mut left = vec![1, 2, 3];
/// let mut right = 0;
/// gevent::scope(|s| {
///     s.spawn(|| {
///         gevent::sleep(0.001)?;
///         left.push(4);
///         Ok(())
///     });
///     s.spawn(|| right += 10);
///     Ok(())
/// })?;
/// assert_eq!((left, right), (vec![1, 2, 3, 4], 10));
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// A greenlet cannot borrow what ends before the scope does:
///
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     let inside = 1;
///     s.spawn(|| println!("{inside}"));
///     Ok(())
/// });
/// ```
///
/// # Errors
/// The first failure; what is thrown into the caller meanwhile.
///
/// # Panics
/// When `function` panics, after its greenlets were killed.
#[track_caller]
pub fn scope<'env, T>(
    function: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> Result<T, Exception>,
) -> Result<T, Exception> {
    let state = Rc::new(State {
        owner: getcurrent().downgrade(),
        greenlets: RefCell::default(),
        loans: Cell::new(0),
        failure: RefCell::default(),
        in_function: Cell::new(true),
    });
    let scope = Scope {
        state: state.clone(),
        scope: PhantomData,
        env: PhantomData,
    };
    let _ended = EndOnDrop(&state);
    let result = catch_unwind(AssertUnwindSafe(|| function(&scope)));
    state.in_function.set(false);
    if !matches!(result, Ok(Ok(_))) {
        state.cancel_all();
    }
    let joined = match &result {
        // Nobody can wait now: `_ended` does what is to be done.
        Err(payload) if unwind::is_forced(&**payload) => Ok(()),
        _ => state.join_all(),
    };
    let failure = state.failure.take();
    match (result, joined) {
        (Err(payload), _) => resume_unwind(payload),
        (Ok(Err(exception)), _) if !exception.is::<ScopeCancelled>() => Err(exception),
        (Ok(result), joined) => {
            if let Some(failure) = failure {
                return Err(failure);
            }
            joined?;
            result
        }
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a greenlet that ends before the scope does.
    ///
    /// # Panics
    /// As [`gevent::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<R: Outcome>(
        &'scope self,
        function: impl FnOnce() -> R + 'scope,
    ) -> ScopedGreenlet<'scope, R::Value> {
        let function: Box<dyn FnOnce() -> R + 'scope> = Box::new(function);
        #[allow(unsafe_code)]
        // SAFETY: only the lifetime changes. The function, and all it borrows, is used up or
        // dropped before its loan is returned, and `scope` does not leave its frame, which
        // `'scope` does not outlive, before that: see the head of this file.
        let function = unsafe {
            std::mem::transmute::<Box<dyn FnOnce() -> R + 'scope>, Box<dyn FnOnce() -> R + 'static>>(
                function,
            )
        };
        let lent = Lent {
            function,
            loan: Loan::new(&self.state),
        };
        let greenlet = Greenlet::new(move || lent.call());
        let id = greenlet.any().raw().id();
        (self.state.greenlets.borrow_mut()).insert(id, greenlet.any());
        let state = Rc::downgrade(&self.state);
        Linkable::rawlink(
            &greenlet,
            Link::new(move |ended| {
                let Some(state) = state.upgrade() else {
                    return Ok(());
                };
                state.forget_if_ended(id);
                match ended.exception() {
                    Some(exception) => state.failed(exception),
                    None => Ok(()),
                }
            }),
        );
        greenlet.start_or_end();
        // It ends at once if the loop is destroyed, which then calls no link.
        if let Some(exception) = greenlet.exception() {
            (self.state.failure.borrow_mut()).get_or_insert(exception);
        }
        ScopedGreenlet {
            greenlet,
            scope: PhantomData,
        }
    }
}

/// A function of a scope. Its fields are dropped in their order: the loan last.
struct Lent<R> {
    function: Box<dyn FnOnce() -> R>,
    loan: Loan,
}

impl<R> Lent<R> {
    fn call(self) -> R {
        let Lent { function, loan } = self;
        let result = function();
        drop(loan);
        result
    }
}

/// Says, by being dropped, that a function and all that it borrowed is gone.
struct Loan(Rc<State>);

impl Loan {
    fn new(state: &Rc<State>) -> Loan {
        state.loans.set(state.loans.get() + 1);
        Loan(state.clone())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.loans.set(self.0.loans.get() - 1);
    }
}

impl State {
    /// A greenlet has failed: the others, and the scope's function, are told. In the hub.
    fn failed(self: Rc<Self>, exception: Exception) -> Result<(), Exception> {
        if self.failure.borrow().is_some() {
            return Ok(());
        }
        self.failure.replace(Some(exception));
        self.cancel_all();
        let Some(owner) = self.owner.upgrade() else {
            return Ok(());
        };
        let wanted = move || self.in_function.get();
        throw_unless_masked(&owner, wanted, Exception::new(ScopeCancelled))
    }

    /// The greenlets that have not ended.
    fn running(&self) -> Vec<AnyGreenlet> {
        let greenlets = self.greenlets.borrow();
        let running = greenlets.values().filter(|g| !g.raw().dead());
        running.cloned().collect()
    }

    /// The last of the greenlets that have not ended.
    fn last_running(&self) -> Option<AnyGreenlet> {
        loop {
            let last = self.greenlets.borrow().last_key_value()?.1.clone();
            if !self.forget_if_ended(last.raw().id()) {
                return Some(last);
            }
        }
    }

    /// Lets go of a greenlet that has ended; says whether it has. A scope may go on for ever, and
    /// keeps nothing of those that are over.
    fn forget_if_ended(&self, id: u64) -> bool {
        let mut greenlets = self.greenlets.borrow_mut();
        let is_over = greenlets.get(&id).is_none_or(|g| g.raw().dead());
        let ended = is_over.then(|| greenlets.remove(&id));
        drop(greenlets);
        // What it owns may come back here as it is dropped.
        drop(ended);
        is_over
    }

    /// Kills all greenlets, without waiting.
    fn cancel_all(&self) {
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
    fn join_all(&self) -> Result<(), Exception> {
        let (mut thrown, mut for_ever) = (Ok(()), false);
        loop {
            let waited = match self.last_running() {
                Some(greenlet) if !greenlet.ready() => greenlet.join(None),
                // It is on its last steps.
                Some(_) => crate::sleep(0),
                // What it owned goes, in another greenlet, and may take its time.
                None if self.loans.get() > 0 => crate::sleep(0.001),
                None => return thrown,
            };
            let Err(exception) = waited else { continue };
            // Nobody will wake those that have been killed and still wait.
            let stuck = exception.is::<LoopExit>() && std::mem::replace(&mut for_ever, true);
            if stuck || cannot_wait(&exception) {
                self.unwind_all();
            } else {
                self.cancel_all();
            }
            thrown = thrown.and(Err(exception));
        }
    }

    /// Ends all greenlets on the spot, also those that are spawned meanwhile.
    fn unwind_all(&self) {
        loop {
            let running = self.running();
            if running.is_empty() {
                break;
            }
            for greenlet in running {
                if !greenlet.raw().unwind() {
                    outlives(&greenlet);
                }
            }
        }
        if self.loans.get() > 0 {
            outlives(&"a greenlet's function");
        }
    }
}

/// Whatever leaves the scope's frame, no greenlet outlives it. (A panic in here, from a
/// greenlet's destructor, while another is on its way aborts, as panics in destructors do.)
struct EndOnDrop<'a>(&'a State);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        // Greenlets may have ended without a loan's return, and the other way round.
        self.0.unwind_all();
    }
}

fn outlives(who: &dyn fmt::Debug) -> ! {
    eprintln!("gevent: {who:?} outlives its scope");
    std::process::abort();
}

/// Whether waiting is impossible here, now and later: `exception` says so, or the hub does. It must not be tried
/// again and again then, which would never end.
fn cannot_wait(exception: &Exception) -> bool {
    exception.is::<BlockingSwitchOutError>()
        || exception.is::<HubDestroyed>()
        || exception.is::<hub::core::Error>()
        || may_switch().is_err()
        // Without a stack, it has never run yet.
        || get_hub_if_exists()
            .is_none_or(|hub| !hub.greenlet().started() || hub.before_switch().is_err())
}

/// What the compiler refuses, by which error.
///
/// A greenlet that borrows what its own scope's function owns:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     let inside = 1;
///     s.spawn(|| println!("{inside}"));
///     Ok(())
/// });
/// ```
/// The same by reference, moved:
/// ```compile_fail,E0597
/// gevent::scope(|s| {
///     let inside = String::new();
///     let inside = &inside;
///     s.spawn(move || println!("{inside}"));
///     Ok(())
/// });
/// ```
/// Or what a greenlet of it owns, in a greenlet that this one spawns beside itself:
/// ```compile_fail,E0373
/// gevent::scope(|s| {
///     s.spawn(|| {
///         let inside = 1;
///         s.spawn(|| println!("{inside}"));
///     });
///     Ok(())
/// });
/// ```
/// The scope, or a greenlet's handle with what it may borrow, carried out:
/// ```compile_fail,E0521
/// let mut out = None;
/// gevent::scope(|s| {
///     out = Some(s);
///     Ok(())
/// });
/// ```
/// ```compile_fail
/// let escaped = gevent::scope(|s| Ok(s.spawn(|| ())));
/// ```
/// What is lent, moved or dropped or changed meanwhile:
/// ```compile_fail,E0505
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| println!("{lent}"));
///     drop(lent);
///     Ok(())
/// });
/// ```
/// ```compile_fail,E0499
/// let mut lent = 0;
/// gevent::scope(|s| {
///     s.spawn(|| lent += 1);
///     s.spawn(|| lent += 1);
///     Ok(())
/// });
/// ```
/// A value that borrows: handles may outlive the scope, so what they hold may not borrow.
/// ```compile_fail,E0597
/// let lent = String::new();
/// gevent::scope(|s| {
///     s.spawn(|| Ok(&lent));
///     Ok(())
/// });
/// ```
/// A longer lifetime by variance: `'scope` and `'env` are both invariant.
/// ```compile_fail
/// fn longer<'scope, 'env>(s: &'scope gevent::Scope<'scope, 'env>) -> &'scope gevent::Scope<'scope, 'static> {
///     s
/// }
/// ```
/// ```compile_fail
/// fn shorter<'a, 'b: 'a, 'env: 'b>(s: &'b gevent::Scope<'b, 'env>) -> &'a gevent::Scope<'a, 'env> {
///     s
/// }
/// ```
/// Another thread:
/// ```compile_fail,E0277
/// gevent::scope(|s| {
///     std::thread::scope(|t| {
///         t.spawn(|| s.spawn(|| ()));
///     });
///     Ok(())
/// });
/// ```
#[cfg(doctest)]
struct Refused;
