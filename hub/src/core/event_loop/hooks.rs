//! User code that a loop calls around its own work: a hook per round, and two callbacks around the wait. Source:
//! gevent's `gevent_check_signals`, which its `gevent_run_callbacks` calls first; ev.pod, `ev_set_loop_release_cb`.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::raw::c_int;
use std::ptr;
use std::rc::{Rc, Weak};

use greenlet_core::Exception;
use greenlet_core::unwind::{Caught, catch};
use libev_sys as ev;
use libev_sys::ev_loop;

use crate::context::Context;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::error::Error;
use crate::core::event_loop::c_frames;
use crate::core::event_loop::loop_::Loop;
use crate::core::event_loop::parts::LoopParts;

/// Gives something up while a loop waits for events, for other threads to have it meanwhile: a lock that all other code
/// of the thread holds, such as Python's GIL. Set by [`Loop::set_loop_release_cb`].
///
/// Both functions are called in the midst of libev, so there is little that they may do:
///
/// - They may look at the loop, and queue callbacks as other threads do
///   ([`run_callback_threadsafe`](Loop::run_callback_threadsafe)). Whatever would change a loop or run one fails with
///   [`Uninterruptible`](crate::core::Uninterruptible).
/// - No greenlet can be switched to.
/// - They may block, as taking the lock does. Events wait meanwhile.
/// - They cannot fail. A panic is printed, and the loop goes on; so `acquire` should rather abort than panic without
///   the lock.
///
/// They may change `errno`, which libev still looks at: it is put back.
pub trait LoopRelease {
    /// Called right before the loop asks the kernel for events, even if it will not wait for them.
    fn release(&self);

    /// Called right after, in the same thread, before anything else of the thread runs.
    fn acquire(&self);
}

/// The callbacks around the waits of a loop, and the `Loop` that has set them.
struct Released {
    raw_loop: *mut ev_loop,
    whose: Weak<LoopParts>,
    callbacks: Rc<dyn LoopRelease>,
}

thread_local! {
    /// This thread's, at most one for each loop. They need no destructor: a loop that ends removes its own.
    static RELEASED: RefCell<ManuallyDrop<Vec<Released>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };
}

/// A function of [`Loop::set_round_hook`].
pub(in crate::core) type RoundHook = Rc<dyn Fn() -> Result<(), Exception>>;

impl Loop {
    /// Has `hook` called at the beginning of each round of queued callbacks, also when none is queued. There is one
    /// round in each iteration of a run, before the loop looks for events. The hook does not keep the loop running. The
    /// loop owns it until it is replaced, [cleared](Self::clear_round_hook), or the loop destroyed.
    ///
    /// The hook may do whatever a [queued callback](Self::run_callback) may. Its error goes to
    /// [`handle_error`](Self::handle_error), without a context, and the round goes on.
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use hub::core::Loop;
    ///
    /// let loop_ = Loop::new("", false)?;
    /// let rounds = Rc::new(Cell::new(0));
    /// let count = rounds.clone();
    /// loop_.set_round_hook(move || count.set(count.get() + 1))?;
    /// loop_.run_nowait()?;
    /// loop_.run_nowait()?;
    /// assert_eq!(rounds.get(), 2);
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn set_round_hook<F, R>(&self, hook: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        self.look()?;
        let old = self
            .state()
            .round_hook
            .replace(Some(Rc::new(move || hook().into_result())));
        drop(old);
        Ok(())
    }

    /// Takes the hook of [`set_round_hook`](Self::set_round_hook) away.
    pub fn clear_round_hook(&self) {
        let old = self.state().round_hook.take();
        drop(old);
    }

    /// Has `callbacks` called around each wait of the loop, in its thread: see [`LoopRelease`]. With `None`, none are.
    /// libev has only one pair for a loop, so this replaces those that another `Loop` or C code has set.
    ///
    /// The loop owns them until they are replaced, or until this object is dropped or its loop destroyed.
    ///
    /// ```
    /// use std::rc::Rc;
    /// use hub::core::{Loop, LoopRelease};
    ///
    /// struct Tell;
    ///
    /// impl LoopRelease for Tell {
    ///     fn release(&self) {
    ///         println!("the loop asks for events");
    ///     }
    ///     fn acquire(&self) {
    ///         println!("it has asked");
    ///     }
    /// }
    ///
    /// let loop_ = Loop::new("", false)?;
    /// loop_.set_loop_release_cb(Some(Rc::new(Tell)))?;
    /// loop_.run_nowait()?;
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn set_loop_release_cb(&self, callbacks: Option<Rc<dyn LoopRelease>>) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        let (release, acquire): (Option<ReleaseCallback>, Option<ReleaseCallback>) = match callbacks {
            Some(_) => (Some(on_release), Some(on_acquire)),
            None => (None, None),
        };
        let old = RELEASED.with_borrow_mut(|all| {
            let old = take(all, |released| released.raw_loop == raw_loop);
            all.extend(callbacks.map(|callbacks| Released {
                raw_loop,
                whose: Rc::downgrade(self.state()),
                callbacks,
            }));
            old
        });
        // SAFETY: `modify` says that the loop is alive, and in no wait. Both functions may be called at any time.
        unsafe { ev::ev_set_loop_release_cb(raw_loop, release, acquire) };
        drop(old);
        Ok(())
    }
}

/// The type of libev's two callbacks.
type ReleaseCallback = unsafe extern "C" fn(*mut ev_loop);

/// Takes the callbacks away that this `Loop` has set. Dropping them runs user code.
///
/// # Safety
/// The loop is alive, and in no wait.
pub(in crate::core) unsafe fn take_release_cb(
    state: &LoopParts,
    raw_loop: *mut ev_loop,
) -> Option<Rc<dyn LoopRelease>> {
    let old = forget_release_cb(state)?;
    // SAFETY: by this function's contract.
    unsafe { ev::ev_set_loop_release_cb(raw_loop, None, None) };
    Some(old)
}

/// [`take_release_cb`] for a loop that is gone.
pub(in crate::core) fn forget_release_cb(state: &LoopParts) -> Option<Rc<dyn LoopRelease>> {
    RELEASED.with_borrow_mut(|all| take(all, |released| ptr::eq(released.whose.as_ptr(), state)))
}

/// Removes the callbacks that fit, and with the last ones the list's memory.
fn take(all: &mut Vec<Released>, fits: impl Fn(&Released) -> bool) -> Option<Rc<dyn LoopRelease>> {
    let at = all.iter().position(fits)?;
    let old = all.swap_remove(at);
    if all.is_empty() {
        *all = Vec::new();
    }
    Some(old.callbacks)
}

/// Calls the round's hook.
pub(in crate::core) fn begin_round(loop_: &Loop) {
    let hook = loop_.state().round_hook.borrow().clone();
    let Some(hook) = hook else { return };
    match catch(|| hook()) {
        Ok(Ok(())) => {}
        Ok(Err(exception)) | Err(Caught::Panic(exception)) => loop_.report(Context::None, exception),
        Err(forced) => c_frames::absorb(loop_, forced),
    }
    c_frames::guard(loop_, || drop(hook));
    c_frames::obey(&loop_.state().shared);
}

/// # Safety
/// Only libev calls this, right before it asks the kernel.
unsafe extern "C" fn on_release(raw_loop: *mut ev_loop) {
    around_wait(raw_loop, |callbacks| callbacks.release());
}

/// # Safety
/// Only libev calls this, right after it has asked the kernel.
unsafe extern "C" fn on_acquire(raw_loop: *mut ev_loop) {
    around_wait(raw_loop, |callbacks| callbacks.acquire());
}

/// Calls one of the callbacks, and keeps `errno`, by which libev knows how its system call has ended. Nobody replaces
/// the callbacks meanwhile, because [`Loop::set_loop_release_cb`] is refused: so they are not dropped here.
fn around_wait(raw_loop: *mut ev_loop, call: fn(&dyn LoopRelease)) {
    let found = RELEASED.with_borrow(|all| {
        let of_this = all.iter().find(|released| released.raw_loop == raw_loop)?;
        Some((of_this.callbacks.clone(), of_this.whose.upgrade()?))
    });
    let Some((callbacks, whose)) = found else { return };
    let errno = errno_place();
    // SAFETY: the place is this thread's own, and stays where it is.
    let before = unsafe { errno.read() };
    match c_frames::uninterruptible(|| call(&*callbacks)) {
        Ok(()) => {}
        Err(Caught::Panic(panic)) => c_frames::complain(format_args!("panic around the wait of a loop: {panic:?}")),
        Err(forced) => c_frames::absorb(&Loop::from_state(whose.clone()), forced),
    }
    c_frames::exit(Loop::from_state(whose));
    // SAFETY: as above.
    unsafe { errno.write(before) };
}

/// The place of this thread's `errno`.
fn errno_place() -> *mut c_int {
    // SAFETY: no preconditions.
    unsafe {
        #[cfg(any(target_os = "linux", target_os = "emscripten"))]
        return libc::__errno_location();
        #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
        return libc::__errno();
        #[cfg(any(target_os = "solaris", target_os = "illumos"))]
        return libc::___errno();
        #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
        return libc::__error();
    }
}
