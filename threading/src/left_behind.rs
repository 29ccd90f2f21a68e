//! The end of a carrier that just returns: what is done for the virtual threads that it leaves behind.
//!
//! None of these ever runs again, and no destructor on their stacks. Others must not wait for them: whoever joins one
//! is told, and one that waits in a line leaves it, so that what it was called for goes to the next one.

use std::cell::Cell;
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
    ThreadSlot::new(Acts { all: Vec::new(), free: Vec::new() }, || ACTS.with(ThreadSlot::clear))
});

/// What is to be done at the carrier's end. That drops this.
#[derive(Default)]
struct Acts {
    /// Each wait has a place of its own, and those of earlier waits are used again: a wait allocates nothing.
    all: Vec<Option<*const dyn Fn()>>,
    free: Vec<usize>,
}

impl Acts {
    fn add(&mut self, act: *const dyn Fn()) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.all[place] = Some(act);
                place
            }
            None => {
                self.all.push(Some(act));
                // So that there is room when the place is given back.
                self.free.reserve(self.all.len());
                self.all.len() - 1
            }
        }
    }

    fn remove(&mut self, place: usize) {
        // All of them are gone if the carrier has ended meanwhile.
        if let Some(act) = self.all.get_mut(place) {
            *act = None;
            self.free.push(place);
        }
    }
}

/// The place of an act. None if there is no end at which it would be called: a thread without a hub leaves nobody
/// behind.
struct Listed(Option<usize>);

fn list(act: &dyn Fn()) -> Option<usize> {
    get_hub_if_exists()?;
    // SAFETY: only the lifetime changes, of a pointer. `Acts::drop` says why the function is there when it is called.
    let act = unsafe { transmute::<*const (dyn Fn() + '_), *const (dyn Fn() + 'static)>(act) };
    ACTS.with(|slot| slot.with(|acts| acts.borrow_mut().add(act)))
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(place) = self.0 {
            outside(|| ACTS.with(|slot| slot.with(|acts| acts.borrow_mut().remove(place))));
        }
    }
}

impl Drop for Acts {
    fn drop(&mut self) {
        for act in take(&mut self.all).into_iter().flatten() {
            // SAFETY: the act is listed, so the frame of `when_left` that has listed it was not left, and what that has
            // borrowed is there. The frame is not running either: this is called when its thread is over, after which
            // no greenlet is continued or unwound, and stacks are never freed.
            unsafe { (*act)() };
        }
    }
}
