//! [`scope`]: greenlets that borrow from their caller's stack, in the manner of
//! [`std::thread::scope`]. gevent has no counterpart: its users ask for nurseries.
//!
//! # Why it is sound
//!
//! A greenlet of a scope borrows for `'scope`. So the scope's frame must not go while the
//! greenlet's function, or anything that it owns, is still there. A dead greenlet is
//! not enough: the destructor of something that it owned may still run, in the greenlet that
//! killed it. So each function carries a loan that is dropped after it, and the scope
//! ends when all loans are returned. It is left in three ways, and each ends the greenlets before:
//!
//! * by returning or by an exception: they are joined, after a kill if something failed;
//! * by a panic, which is caught, and goes on after they were killed and joined;
//! * by the unwinding of a dropped greenlet, in which nobody can wait: they are unwound on the
//!   spot ([`RawGreenlet::unwind`](crate::RawGreenlet::unwind)).
//!
//! To join is to be parked: whoever returns the last loan wakes the scope.
//!
//! The hub may be unable to let anybody wait (its loop was destroyed, the scope is entered in
//! the hub itself), or nobody is left that could return a loan; then, too, they are unwound on the spot, and so is
//! a greenlet that waits in the destructor of what another one owned. If even that returns
//! not all loans, the frame can never be left:
//!
//! * a greenlet of the scope, directly or not, is the one that unwinds the scope's own;
//! * a stack that holds a loan was given up: its greenlet swallowed its unwinding. The code on it may have lent to
//!   others in turn (an inner scope's greenlets, threads) that still run;
//! * the main greenlet, which cannot be unwound, waits in the destructor of what a greenlet owned.
//!
//! Then the scope's own stack is given up, as if its greenlet had swallowed its unwinding ([`unwind::give_up`]): it has
//! ended, but all that it lends stays in memory for ever, and the others may go on. Main
//! greenlets, and callbacks that libev waits for, have no such stack to give up. There the process aborts, as there is no
//! sound way on. A main
//! greenlet gets there only when the hub has nothing left to run, or is destroyed, and a stack was given up that holds a loan.

mod refused;
mod state;

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use greenlet_core::{Exception, unwind};
use hub::{Link, Linkable};

use crate::exceptions::LoopExit;
use crate::greenlet::{AnyGreenlet, AsGreenlet, Greenlet, Killable, Victim};
use crate::outcome::Outcome;
use state::{LentFunction, ScopeState};

/// The scope is ending because one of its greenlets failed: raised in the scope's own function
/// where that waits. [`scope`] itself returns the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet of this scope has failed")]
pub struct ScopeCancelled;

/// Where greenlets are spawned that end before [`scope`] returns.
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    state: Rc<ScopeState>,
    // Invariant in both, as in `std::thread::Scope`.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
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
    let state = ScopeState::new();
    let scope = Scope {
        state: state.clone(),
        scope: PhantomData,
        env: PhantomData,
    };
    // Whatever it unwinds by ends here: nothing goes on before the loans are looked at. (Each destructor that may panic
    // runs before a result is on its way out: it would be forgotten.)
    let result = catch_unwind(AssertUnwindSafe(|| {
        let ended = state.end_on_drop();
        let result = call(&state, || function(&scope));
        drop(ended);
        result
    }));
    state.let_go();
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Calls the scope's own function, and then joins the greenlets.
fn call<T>(
    state: &ScopeState,
    function: impl FnOnce() -> Result<T, Exception>,
) -> Result<T, Exception> {
    let result = match catch_unwind(AssertUnwindSafe(function)) {
        // Nobody can wait now: `end_on_drop` does what is to be done.
        Err(payload) if unwind::is_forced(&*payload) => resume_unwind(payload),
        result => result,
    };
    state.function_has_ended();
    if !matches!(result, Ok(Ok(_))) {
        state.cancel_all();
    }
    let joined = state.join_all();
    let failure = state.failure();
    match (result, joined) {
        (Err(payload), _) => resume_unwind(payload),
        // A kill or a timeout comes before what was to be reported; that nobody is left to wait for does not.
        (Ok(_), Err(exception)) if is_thrown(&exception) => Err(exception),
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

fn is_thrown(exception: &Exception) -> bool {
    exception.thrown_here().is_some() && !exception.error().is::<LoopExit>()
}

impl<'scope> Scope<'scope, '_> {
    /// Spawns a greenlet that ends before the scope does.
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
        let state = &self.state;
        let (id, lent) = LentFunction::new(state, function);
        let greenlet = Greenlet::new(move || lent.call());
        state.lent_to(id, greenlet.any());
        let weak = Rc::downgrade(state);
        Linkable::rawlink(
            &greenlet,
            Link::new(move |ended| {
                let Some(state) = weak.upgrade() else {
                    return Ok(());
                };
                state.forget_if_over(id);
                let told = match ended.exception() {
                    Some(exception) => state.failed(exception),
                    None => Ok(()),
                };
                // It may be the last one, and what is being returned is forgotten if a destructor panics.
                drop(state);
                told
            }),
        );
        greenlet.start_or_end();
        ScopedGreenlet {
            greenlet,
            scope: PhantomData,
        }
    }
}
