//! The end of a carrier that just returns: what is done for the virtual threads that it leaves behind.
//!
//! None of these ever runs again, and no destructor on their stacks. Others must not wait for them: whoever joins one
//! is told, and one that waits in a line leaves it, so that what it was called for goes to the next one.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem::{take, transmute};

use greenlet_core::{Exception, ThreadSlot, at_thread_end, getcurrent, greenlets, is_first_thread};
use hub::core::HubDestroyed;
use hub::get_hub_if_exists;

use crate::here::outside;
use crate::spawn::Started;

/// Has those who join virtual threads of this carrier told when it ends without them. To be called by the carrier.
pub(crate) fn tell_joiners_at_end() {
    thread_local!(static TELLS: Cell<bool> = const { Cell::new(false) });
    if !TELLS.replace(true) {
        at_thread_end(tell_joiners);
    }
}

fn tell_joiners() {
    if is_first_thread() {
        // The process ends.
        return;
    }
    let here = getcurrent();
    let left = greenlets().into_iter().filter(|greenlet| *greenlet != here);
    for greenlet in left {
        if let Some(started) = greenlet.data::<Started>() {
            started.is_left_behind(Exception::new(HubDestroyed));
        }
    }
}

/// Calls `wait`. If the caller is left behind in there, `act` is called at the carrier's end, by the carrier: it must
/// run no code of users, and use nothing but what may go from thread to thread.
pub(crate) fn when_left<R>(act: &dyn Fn(), wait: impl FnOnce() -> R) -> R {
    let _listed = Listed(outside(|| list(act)));
    wait()
}

thread_local!(static ACTS: ThreadSlot<Acts> = const {
    ThreadSlot::new(Acts { all: BTreeMap::new(), last: 0 }, || ACTS.with(ThreadSlot::clear))
});

/// What is to be done at the carrier's end. That drops this.
#[derive(Default)]
struct Acts {
    all: BTreeMap<u64, *const dyn Fn()>,
    last: u64,
}

/// The number of an act. None if there is no end at which it would be called: a thread without a hub leaves nobody
/// behind.
struct Listed(Option<u64>);

fn list(act: &dyn Fn()) -> Option<u64> {
    get_hub_if_exists()?;
    // SAFETY: only the lifetime changes, of a pointer. `Acts::drop` says why the function is there when it is called.
    let act = unsafe { transmute::<*const (dyn Fn() + '_), *const (dyn Fn() + 'static)>(act) };
    ACTS.with(|slot| {
        slot.with(|acts| {
            let mut acts = acts.borrow_mut();
            acts.last += 1;
            let number = acts.last;
            acts.all.insert(number, act);
            number
        })
    })
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            outside(|| ACTS.with(|slot| slot.with(|acts| _ = acts.borrow_mut().all.remove(&number))));
        }
    }
}

impl Drop for Acts {
    fn drop(&mut self) {
        for act in take(&mut self.all).into_values() {
            // SAFETY: the act is listed, so the frame of `when_left` that has listed it was not left, and what that has
            // borrowed is there. The frame is not running either: this is called when its thread is over, after which
            // no greenlet is continued or unwound, and stacks are never freed.
            unsafe { (*act)() };
        }
    }
}
