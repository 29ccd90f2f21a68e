//! The hook that a greenlet runs each time before it waits. Source: `switch_out` in gevent's
//! `_greenlet_primitives.py`.

use std::cell::Cell;
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

struct SwitchOut(Rc<dyn Fn() -> Result<(), Exception>>);

thread_local! {
    /// Whether any greenlet of this thread ever had a hook. Most programs have none, and need not look for one at each
    /// wait.
    static ANY: Cell<bool> = const { Cell::new(false) };
}

/// Has `hook` called in `greenlet` each time before it waits in the hub. The hook should not wait itself; an error of
/// the hook keeps the greenlet from waiting, and is returned by the call that was to wait.
pub fn set_switch_out(greenlet: &RawGreenlet, hook: Rc<dyn Fn() -> Result<(), Exception>>) {
    ANY.set(true);
    greenlet.set_local(SwitchOut(hook));
}

/// Calls the current greenlet's hook, if it has one.
#[inline]
pub(crate) fn call() -> Result<(), Exception> {
    if ANY.get() { call_hook(&getcurrent()) } else { Ok(()) }
}

#[cold]
fn call_hook(greenlet: &RawGreenlet) -> Result<(), Exception> {
    match greenlet.local::<SwitchOut>() {
        Some(hook) => (hook.0)(),
        None => Ok(()),
    }
}
