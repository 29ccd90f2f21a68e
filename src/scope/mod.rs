//! [`scope`]: greenlets that borrow from their caller's stack, in the manner of
//! [`std::thread::scope`]. gevent has no counterpart, though its users ask for nurseries.
//!
//! # Why it is sound
//!
//! A greenlet of a scope borrows for `'scope`. So the scope's frame must not be left while the
//! greenlet's function, or anything that the function owns, is still there. That the greenlet is
//! dead is not enough: the destructor of something that it owned may still run, in the greenlet
//! that killed it. So each function carries a *loan*, an object that is dropped after it (the loan
//! is *returned*), and the scope ends when all loans are returned. The frame can be left in three
//! ways, and before each the greenlets are ended:
//!
//! * The scope's function returns a value or an error. The greenlets are joined, after a kill if
//!   one of them or the function has failed.
//! * The scope's function panics. The panic is caught, the greenlets are killed and joined, and the
//!   panic goes on.
//! * The greenlet that is in the scope is dropped and unwound. It cannot wait then, so the scope's
//!   greenlets are unwound on the spot ([`RawGreenlet::unwind`](crate::RawGreenlet::unwind)).
//!
//! While it joins, the owner of the scope (the greenlet that called [`scope`]) is parked, and the
//! return of the loan that it waits for wakes it.
//!
//! Joining may be impossible: the hub's loop is destroyed, the scope was entered in the hub itself,
//! or nothing is left to run that could return a loan. Then, too, the scope's greenlets are unwound
//! on the spot. So is a greenlet that waits in the destructor of something that one of them owned.
//! If loans are left even after that, the frame can never be left. This happens in three cases:
//!
//! * A greenlet of the scope is the one that unwinds the owner, directly or through others.
//! * A stack that holds a loan was given up, as its greenlet swallowed its unwinding. The code on it
//!   may have lent in turn to others that still run: greenlets of an inner scope, threads.
//! * Main, which cannot be unwound, waits in the destructor of something that a greenlet of the
//!   scope owned.
//!
//! Then the owner's stack is given up, as if the owner had swallowed its unwinding
//! ([`unwind::give_up`]): the owner has ended, but all that it lends stays in memory for ever, so
//! the others may go on. The stack of main cannot be given up, nor one on which libev waits for a
//! callback to return. There the process aborts, as there is no sound way on. Main gets there only
//! if a stack was given up that holds a loan, and the hub has nothing left to run, or is destroyed.

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

/// The exception that is thrown into a scope's function when one of the scope's greenlets has
/// failed. The call in which the function waits returns it. [`scope`] itself returns the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a greenlet of this scope has failed")]
pub struct ScopeCancelled;

/// A scope: the greenlets that are spawned in it end before [`scope`] returns.
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    state: Rc<ScopeState>,
    // The type is invariant in both lifetimes, as `std::thread::Scope` is.
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

/// Calls `function` with a [`Scope`], in which it can spawn greenlets that borrow variables from
/// outside of the scope. Returns when all these greenlets have ended.
///
/// The first failure, of a greenlet or of `function`, cancels the rest: the other greenlets are
/// killed, and [`ScopeCancelled`] is thrown into `function`. The greenlets are also killed when the
/// caller is killed, or times out, while it waits for them.
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
/// A greenlet cannot borrow a variable that ends before the scope does:
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
/// The first failure of a greenlet or of `function`; any exception that is thrown into the caller
/// meanwhile.
///
/// # Panics
/// Panics if `function` panics, after the greenlets were killed.
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
    // Every unwinding is caught here, so none leaves the frame before `let_go` has looked at the
    // loans. The guard is dropped before the closure returns, because a result that is being
    // returned is leaked if a destructor panics then.
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
fn call<T>(state: &ScopeState, function: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    let result = match catch_unwind(AssertUnwindSafe(function)) {
        // This greenlet is being unwound and cannot wait, so the greenlets are ended by the guard
        // of `end_on_drop`.
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
        // A kill or a timeout that ended the join is returned in place of a greenlet's failure; a
        // `LoopExit` is not.
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
    ///
    /// # Panics
    /// As for [`gevent::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<R: Outcome>(&'scope self, function: impl FnOnce() -> R + 'scope) -> ScopedGreenlet<'scope, R::Value> {
        let function: Box<dyn FnOnce() -> R + 'scope> = Box::new(function);
        #[allow(unsafe_code)]
        // SAFETY: only the lifetime changes. `LentFunction` drops the function, and with it all its
        // borrows, before the loan is returned, and `scope` does not leave its frame before all
        // loans are returned. `'scope` does not end before the frame is left: see the head of this
        // file.
        let function = unsafe {
            std::mem::transmute::<Box<dyn FnOnce() -> R + 'scope>, Box<dyn FnOnce() -> R + 'static>>(function)
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
                // This may be the last reference, and its drop may panic. It comes before the
                // return, as a result that is being returned is leaked if a destructor panics.
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
