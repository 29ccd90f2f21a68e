//! The virtual thread that runs, as its own code sees it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use greenlet_core::unwind::{Caught, ForcedUnwind, catch, is_forced};
use greenlet_core::{Carrier, Exception, GreenletError, GreenletExit, StackPlace, getcurrent, getmain, may_switch};
use hub::get_hub_if_exists;

use crate::machine::{self, Block};
use crate::thread::Thread;

thread_local! {
    /// The state of the virtual thread; null in a real thread.
    static HERE: Cell<*const Here> = const { Cell::new(ptr::null()) };
}

/// The state of a virtual thread that runs. It is on the stack of its greenlet.
struct Here {
    thread: Thread,
    /// The unwinding of its greenlet, which has been dropped: it goes on when the virtual thread has ended.
    unwinding: RefCell<Option<ForcedUnwind>>,
    /// Whether its thread-locals are being destroyed, and nothing may be raised any more.
    ending: Cell<bool>,
}

/// Calls `f` with the state of the virtual thread that calls this, if it is one.
fn here<R>(f: impl FnOnce(&Here) -> R) -> Option<R> {
    // SAFETY: `run` sets the pointer to its own variable, and takes it away before that is gone. The thread-local is
    // one of the block, so no other code than the virtual thread's finds it.
    unsafe { HERE.get().as_ref() }.map(f)
}

/// Runs `job` as a virtual thread: in a block of its own, whose thread-locals are destroyed afterwards. To be called by
/// the greenlet that is to carry it. Returns the greenlet's unwinding, if it has begun, which has to go on.
pub(crate) fn run(block: &Block, thread: Thread, job: impl FnOnce() + Send) -> Option<ForcedUnwind> {
    let here = Here {
        thread,
        unwinding: RefCell::default(),
        ending: Cell::new(false),
    };
    let carrier = Carrier::here();
    let stack = getcurrent().stack_place();
    let ended = block.inside(|| {
        // SAFETY: the block is fresh, and is destroyed before the greenlet that calls this ends.
        unsafe { carrier.begin_virtual_thread() };
        HERE.set(&raw const here);
        if let Some(StackPlace { addresses, guard, .. }) = &stack {
            machine::set_stack(addresses.start, addresses.len(), *guard);
        }
        job();
        here.ending.set(true);
        block.run_destructors();
        HERE.set(ptr::null());
    });
    if ended.is_err() {
        // `job` lets no panic out, and std none of a destructor. A stranger's has left its thread half-destroyed.
        std::process::abort();
    }
    here.unwinding.into_inner()
}

/// The virtual thread that calls this.
pub(crate) fn virtual_thread() -> Option<Thread> {
    here(|here| here.thread.clone())
}

/// Whether an exception cannot be raised now: a destructor runs because of a panic, or because the thread has ended.
pub(crate) fn is_quiet() -> bool {
    std::thread::panicking() || here(|here| here.ending.get()).unwrap_or(false)
}

/// Raises an exception that was thrown into a wait which has no other way to tell: as a panic with the exception as
/// its payload, for which no hook is called. Does nothing in a destructor that runs because of a panic or the
/// thread's end.
pub(crate) fn raise(exception: Exception) {
    if !is_quiet() {
        resume_unwind(Box::new(exception));
    }
}

/// Calls a function of the hub that does not wait, by the carrier. What goes in and out may go from thread to thread.
pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
    machine::outside(f).unwrap_or_else(|payload| resume_unwind(payload))
}

/// Calls a function that waits in the hub, by the carrier. What goes in and out may go from thread to thread.
///
/// # Errors
/// The exception that was thrown into the greenlet meanwhile, or the reason why it could not wait. When the virtual
/// thread's greenlet is unwound, that is a `GreenletExit`.
pub(crate) fn wait_outside<R>(wait: impl FnOnce() -> Result<R, Exception>) -> Result<R, Exception> {
    let Some(unwound) = here(|here| here.unwinding.borrow().is_some()) else {
        look_at_clock();
        let waited = wait();
        // Nothing tells of the end of a greenlet.
        look_at_clock();
        return waited;
    };
    if unwound && is_quiet() {
        // It cannot wait any more, and its destructors go on without.
        return Err(Exception::new(GreenletExit));
    }
    let waited = outside(|| {
        look_at_clock();
        catch(|| match unwound {
            false => wait(),
            // The thread has caught its unwinding. This raises it again, and in the end gives up the stack.
            true => Err(getmain()
                .switch(())
                .err()
                .unwrap_or_else(|| Exception::new(GreenletExit))),
        })
    });
    match waited {
        Ok(waited) => waited,
        Err(Caught::Panic(exception)) => Err(exception),
        Err(Caught::Forced(unwinding)) => {
            put_aside(unwinding);
            Err(Exception::new(GreenletExit))
        }
    }
}

/// Has the hub look at its clock when the caller waits or ends. Threads run for as long as they like between their
/// waits, and timers are to have their turn among them. To be called by the carrier.
pub(crate) fn look_at_clock() {
    if let Some(hub) = get_hub_if_exists() {
        hub.loop_().end_round();
    }
}

/// Whether the greenlet of the caller is being unwound, or has caught that. Then a park raises it again, and gives up
/// the stack in the end, with all that is on it.
pub(crate) fn is_unwound() -> bool {
    here(|here| here.unwinding.borrow().is_some()).unwrap_or_else(|| {
        // Without a hub nothing parks, and a real thread may have no greenlets at all.
        get_hub_if_exists().is_some() && may_switch() == Err(GreenletError::Unwinding)
    })
}

/// Has the unwinding of the caller's greenlet go on, which [is unwound](is_unwound).
pub(crate) fn unwind_on() -> ! {
    let refused = wait_outside(|| getmain().switch(()).map(drop));
    let exception = refused.err().unwrap_or_else(|| Exception::new(GreenletExit));
    resume_unwind(Box::new(exception))
}

/// Keeps the greenlet's unwinding until the virtual thread has ended.
fn put_aside(unwinding: ForcedUnwind) {
    let earlier = here(|here| here.unwinding.replace(Some(unwinding)));
    drop(earlier);
}

/// Calls code of users by the carrier; in a real thread just so. What goes in and out may go from thread to thread, or
/// is of the carrier's own and is not looked at here.
///
/// None if the greenlet was unwound meanwhile, and the caller cannot be, as it is quiet.
pub(crate) fn lend_carrier<R>(f: impl FnOnce() -> R) -> Option<R> {
    let Some(unwound) = here(|here| here.unwinding.borrow().is_some()) else {
        return Some(f());
    };
    if unwound && is_quiet() {
        let ended = outside(|| during_a_panic(f));
        return Some(ended.unwrap_or_else(|payload| resume_unwind(payload)));
    }
    let called = outside(|| {
        look_at_clock();
        catch(|| match catch_unwind(AssertUnwindSafe(f)) {
            Err(payload) if is_forced(&*payload) => resume_unwind(payload),
            ended => ended,
        })
    });
    match called {
        Ok(Ok(value)) => Some(value),
        Ok(Err(payload)) => resume_unwind(payload),
        Err(Caught::Panic(exception)) => resume_unwind(Box::new(exception)),
        Err(Caught::Forced(unwinding)) => {
            put_aside(unwinding);
            raise(Exception::new(GreenletExit));
            None
        }
    }
}

/// Calls `f` in a destructor that a panic runs, as its caller's is. For a greenlet that is being unwound, that is the
/// difference: there its waits fail at once, while elsewhere they raise its unwinding again.
fn during_a_panic<R>(f: impl FnOnce() -> R) -> std::thread::Result<R> {
    struct Calls<F: FnOnce()>(Option<F>);
    impl<F: FnOnce()> Drop for Calls<F> {
        fn drop(&mut self) {
            if let Some(f) = self.0.take() {
                f();
            }
        }
    }
    let mut ended = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _calls = Calls(Some(|| ended = Some(catch_unwind(AssertUnwindSafe(f)))));
        resume_unwind(Box::new(()))
    }));
    let Err(nothing) = panicked;
    drop(nothing);
    ended.expect("it was called")
}
