//! [`scope`]: greenlets that borrow from their caller's stack, in the manner of
//! [`std::thread::scope`]. gevent has no counterpart: its users ask for nurseries.
//!
//! # Why it is sound
//!
//! A greenlet of a scope borrows for `'env`. So the scope's frame must not go while such a
//! greenlet could still run. It is left in three ways, and each ends the greenlets before:
//!
//! * by returning or by an exception: they are joined, after a kill if something failed;
//! * by a panic, which is caught, and goes on after they were killed and joined;
//! * by the unwinding of a dropped greenlet, in which nobody can wait: they are unwound on the
//!   spot ([`RawGreenlet::unwind`](crate::RawGreenlet::unwind)).
//!
//! The hub may be unable to let anybody wait (its loop was destroyed, or the scope is entered in
//! the hub itself); then, too, they are unwound on the spot. If even that is impossible, because
//! one of them is itself in the midst of unwinding the scope's greenlet, the process aborts, as
//! there is no sound way on. A stack that is leaked is never reused, so what it lends stays.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use greenlet_core::{Exception, WeakGreenlet, getcurrent, unwind};
use hub::{Link, Linkable, throw_unless_masked};

use crate::greenlet::{AnyGreenlet, Greenlet, Kill};
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
    greenlets: RefCell<Vec<AnyGreenlet>>,
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
        // dropped when its greenlet ends, and `scope` does not leave its frame, which `'scope`
        // does not outlive, before that: see the head of this file.
        let function = unsafe {
            std::mem::transmute::<Box<dyn FnOnce() -> R + 'scope>, Box<dyn FnOnce() -> R + 'static>>(
                function,
            )
        };
        let greenlet = Greenlet::new(function);
        self.state.greenlets.borrow_mut().push(greenlet.any());
        let state = Rc::downgrade(&self.state);
        Linkable::rawlink(
            &greenlet,
            Link::new(move |ended| match (state.upgrade(), ended.exception()) {
                (Some(state), Some(exception)) => state.failed(exception),
                _ => Ok(()),
            }),
        );
        greenlet.start_or_panic();
        ScopedGreenlet {
            greenlet,
            scope: PhantomData,
        }
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
        let mut greenlets = self.greenlets.borrow_mut();
        greenlets.retain(|greenlet| !greenlet.raw().dead());
        greenlets.clone()
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

    /// Waits until all greenlets have ended. What is thrown in meanwhile has them killed, and is
    /// returned at last.
    fn join_all(&self) -> Result<(), Exception> {
        let mut thrown = Ok(());
        while let Some(greenlet) = self.running().pop() {
            let waited = match greenlet.ready() {
                // It is on its last steps.
                true => crate::sleep(0),
                false => greenlet.join(None),
            };
            if let Err(exception) = waited {
                if cannot_wait(&exception) {
                    self.unwind_all();
                } else {
                    self.cancel_all();
                }
                thrown = thrown.and(Err(exception));
            }
        }
        thrown
    }

    /// Ends all greenlets on the spot.
    fn unwind_all(&self) {
        for greenlet in self.running() {
            if !greenlet.raw().unwind() {
                eprintln!("gevent: {greenlet:?} outlives its scope");
                std::process::abort();
            }
        }
    }
}

/// Whatever leaves the scope's frame, no greenlet outlives it. (A panic in here, from a
/// greenlet's destructor, while another is on its way aborts, as panics in destructors do.)
struct EndOnDrop<'a>(&'a State);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        while !self.0.running().is_empty() {
            self.0.unwind_all();
        }
    }
}

/// Whether the exception says that waiting is impossible here, now and later.
fn cannot_wait(exception: &Exception) -> bool {
    use crate::exceptions::{BlockingSwitchOutError, HubDestroyed};
    exception.is::<BlockingSwitchOutError>()
        || exception.is::<HubDestroyed>()
        || exception.is::<hub::core::Error>()
}
