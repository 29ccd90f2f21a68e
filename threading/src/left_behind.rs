//! The end of a carrier that just returns: what is done for the virtual threads that it leaves behind.
//!
//! None of these ever runs again, and no destructor on their stacks. Others must not wait for them: whoever joins one
//! is told, and one that waits in a line leaves it, so that what it was called for goes to the next one.

use std::cell::Cell;
use std::mem::transmute;
use std::ptr;

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
    let node = Node {
        // SAFETY: only the lifetime changes, of a pointer. `Acts::drop` says why the function is there when it is
        // called.
        act: unsafe { transmute::<*const (dyn Fn() + '_), *const (dyn Fn() + 'static)>(act) },
        previous: Cell::new(ptr::null()),
        next: Cell::new(ptr::null()),
    };
    let _listed = Listed::new(&node);
    wait()
}

thread_local!(static ACTS: ThreadSlot<Acts> = const {
    ThreadSlot::new(Acts { first: ptr::null() }, || ACTS.with(ThreadSlot::clear))
});

/// What is to be done at the carrier's end, which drops this: a list whose links are on the stacks of those who wait.
/// So nothing is allocated, in the midst of which an allocator might wait.
struct Acts {
    first: *const Node,
}

struct Node {
    act: *const dyn Fn(),
    previous: Cell<*const Node>,
    next: Cell<*const Node>,
}

/// A node in the list, until this is dropped. It must not be forgotten.
struct Listed<'a>(Option<&'a Node>);

impl<'a> Listed<'a> {
    fn new(node: &'a Node) -> Listed<'a> {
        let is_listed = outside(|| {
            // A thread without a hub leaves nobody behind.
            get_hub_if_exists()?;
            ACTS.with(|slot| slot.with(|acts| acts.borrow_mut().add(node)))
        });
        Listed(is_listed.map(|()| node))
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        if let Some(node) = self.0 {
            outside(|| ACTS.with(|slot| slot.with(|acts| acts.borrow_mut().remove(node))));
        }
    }
}

impl Acts {
    fn add(&mut self, node: &Node) {
        node.next.set(self.first);
        // SAFETY: a node is there, and where it is, until `Listed` has taken it out of the list.
        if let Some(next) = unsafe { self.first.as_ref() } {
            next.previous.set(node);
        }
        self.first = node;
    }

    fn remove(&mut self, node: &Node) {
        let (previous, next) = (node.previous.get(), node.next.get());
        // SAFETY: as in `add`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None => self.first = next,
        }
        // SAFETY: as in `add`.
        if let Some(next) = unsafe { next.as_ref() } {
            next.previous.set(previous);
        }
    }
}

impl Default for Acts {
    fn default() -> Acts {
        Acts { first: ptr::null() }
    }
}

impl Drop for Acts {
    fn drop(&mut self) {
        // SAFETY: the node is listed, so the frame of `when_left` that has listed it was not left, and what that has
        // borrowed is there. The frame is not running either: this is called when its thread is over, after which no
        // greenlet is continued or unwound, and stacks are never freed.
        while let Some(node) = unsafe { self.first.as_ref() } {
            self.first = node.next.get();
            // SAFETY: as above.
            unsafe { (*node.act)() };
        }
    }
}
