//! Holding kills and timeouts back. gevent has no counterpart: its users ask for it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

use crate::local::get_hub_if_exists;

/// What one greenlet holds back.
#[derive(Default)]
struct Mask {
    depth: Cell<usize>,
    held: RefCell<Vec<HeldBack>>,
}

type HeldBack = Box<dyn FnOnce() -> Result<(), Exception>>;

/// Runs `function` with kills and timeouts of the current greenlet held back: whatever it waits
/// for, no other greenlet and no [`Timeout`] ends the wait. They arrive afterwards, at the next
/// place where the greenlet waits (a timeout only if it has not been cancelled by then). Masks
/// may be nested; the outermost counts.
///
/// What is thrown by hand, with [`RawGreenlet::throw`], is not held back.
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
/// assert!(hub::get_hub().join(None)?);
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

/// Ends the mask, however its function ends.
struct Unmask(Rc<Mask>);

impl Drop for Unmask {
    fn drop(&mut self) {
        let depth = self.0.depth.get() - 1;
        self.0.depth.set(depth);
        if depth > 0 {
            return;
        }
        let held = self.0.held.take();
        // Without a hub, or a loop, nobody is woken any more, by kills neither.
        if let Some(hub) = get_hub_if_exists() {
            for held in held {
                let _ = hub.loop_().run_soon(held);
            }
        }
    }
}

/// Throws into a greenlet that is parked somewhere, now or when its mask ends; `wanted` is asked
/// just before. Called in the hub.
///
/// # Errors
/// What came back by throwing.
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
    greenlet.throw(exception).map(drop)
}
