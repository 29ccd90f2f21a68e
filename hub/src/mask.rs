//! [`mask_kill`]: holds kills and timeouts back. gevent has no counterpart, though its users ask for one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

use crate::local::get_hub_if_exists;

/// The mask of one greenlet: how deep it is nested, and the throws that it holds back.
#[derive(Default)]
struct Mask {
    depth: Cell<usize>,
    held: RefCell<Vec<HeldBack>>,
}

type HeldBack = Box<dyn FnOnce() -> Result<(), Exception>>;

/// Runs `function` with kills and timeouts of the current greenlet held back: while it waits in `function`, no kill by
/// another greenlet and no [`Timeout`] ends the wait. They arrive afterwards, at the next place where the greenlet
/// waits (a timeout only if it has not been cancelled by then). Masks may be nested; the outermost counts.
///
/// An exception that is thrown by hand, with [`RawGreenlet::throw`], is not held back.
///
/// ```
/// use greenlet_core::GreenletExit;
///
/// let greenlet = hub::spawn_raw(|| {
///     hub::mask_kill(|| hub::sleep(0.01))?; // not cut short
///     hub::sleep(100) // this one is
/// })?;
/// hub::sleep(0)?;
/// hub::kill(&greenlet, GreenletExit)?;
/// hub::sleep(0)?;
/// assert!(!greenlet.dead());
/// assert!(hub::get_hub().join()?);
/// assert!(greenlet.dead());
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
///
/// [`Timeout`]: https://docs.rs/gevent
pub fn mask_kill<T>(function: impl FnOnce() -> T) -> T {
    let greenlet = getcurrent();
    if greenlet.local::<Mask>().is_none() {
        greenlet.set_local(Mask::default());
    }
    let mask = greenlet.local::<Mask>().expect("set just now");
    mask.depth.set(mask.depth.get() + 1);
    let _unmask = Unmask(mask);
    function()
}

/// Ends the mask when it is dropped, so also after a panic of the function.
struct Unmask(Rc<Mask>);

impl Drop for Unmask {
    fn drop(&mut self) {
        let depth = self.0.depth.get() - 1;
        self.0.depth.set(depth);
        if depth > 0 {
            return;
        }
        let held = self.0.held.take();
        // Without a hub or a loop no greenlet is woken any more, so the kills are dropped.
        if let Some(hub) = get_hub_if_exists() {
            for held in held {
                let _ = hub.loop_().run_soon(held);
            }
        }
    }
}

/// Throws into a parked greenlet, at once or when its mask ends, but only if `wanted` returns true just before. Called
/// in the hub.
///
/// # Errors
/// Returns the error of [`RawGreenlet::throw`].
pub fn throw_unless_masked(
    greenlet: &RawGreenlet,
    wanted: impl Fn() -> bool + 'static,
    exception: Exception,
) -> Result<(), Exception> {
    if greenlet.dead() || !wanted() {
        return Ok(());
    }
    if let Some(mask) = greenlet.local::<Mask>()
        && mask.depth.get() > 0
    {
        let greenlet = greenlet.clone();
        let again = move || throw_unless_masked(&greenlet, wanted, exception);
        mask.held.borrow_mut().push(Box::new(again));
        return Ok(());
    }
    let thrown = greenlet.throw(exception).map(drop);
    // Its destructor may panic, and what is being returned would be forgotten.
    drop(wanted);
    thrown
}
