//! The list of a thread's greenlets that are not dead. It is always kept, because it costs a store or two per
//! greenlet, and an allocation only as it grows.
//!
//! Each greenlet knows its place in the list. If the greenlets were linked to each other instead, the end of
//! one would have to fetch two others from memory.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::mem::offset_of;
use std::ptr::NonNull;

use crate::core::GreenletCore;
use crate::debugger::Shown;
use crate::slack;

/// A greenlet's place in the list, or [`NONE`] if it is not in it.
pub(crate) struct ListPlace(Cell<u32>);

const NONE: u32 = u32::MAX;

impl Default for ListPlace {
    fn default() -> Self {
        ListPlace(Cell::new(NONE))
    }
}

/// The greenlets of one thread that are not dead.
#[derive(Default)]
pub(crate) struct List {
    places: RefCell<Places>,
    shown: Shown,
}

#[derive(Default)]
struct Places {
    all: Vec<Option<NonNull<GreenletCore>>>,
    /// The places that are empty.
    free: Vec<u32>,
}

impl Places {
    /// Closes the gaps, and gives back memory.
    #[cold]
    #[inline(never)]
    fn move_up(&mut self) {
        self.all.retain(Option::is_some);
        for (place, core) in self.all.iter().flatten().enumerate() {
            // SAFETY: every greenlet in the list is alive, by the contract of `insert`.
            let core = unsafe { core.as_ref() };
            core.place.0.set(place as u32);
        }
        self.all.shrink_to(self.all.capacity() / 4);
        self.free = Vec::new();
    }
}

impl List {
    /// The offset of the [`Shown`].
    pub(crate) const SHOWN: usize = offset_of!(List, shown);

    /// Says where the places are.
    fn show(&self, places: &Places) {
        self.shown.greenlets.set(places.all.as_ptr().addr());
        self.shown.len.set(places.all.len());
    }

    /// Puts a greenlet in.
    ///
    /// # Safety
    /// The greenlet is in no list, does not move, and is removed before it is freed.
    pub(crate) unsafe fn insert(&self, core: &GreenletCore) {
        let mut places = self.places.borrow_mut();
        let this = Some(NonNull::from(core));
        let place = match places.free.pop() {
            Some(place) => {
                places.all[place as usize] = this;
                place
            }
            None => {
                let place = u32::try_from(places.all.len()).unwrap_or(NONE);
                assert!(place != NONE, "no memory holds so many greenlets");
                places.all.push(this);
                self.show(&places);
                place
            }
        };
        core.place.0.set(place);
    }

    /// Takes a greenlet out, if it is still in.
    ///
    /// # Safety
    /// The list is the one that the greenlet was put into, if it was put into one.
    #[inline]
    pub(crate) unsafe fn remove(&self, core: &GreenletCore) {
        let place = core.place.0.replace(NONE);
        if place != NONE {
            let mut places = self.places.borrow_mut();
            places.all[place as usize] = None;
            places.free.push(place);
            let left = places.all.len() - places.free.len();
            if slack::is_idle::<Option<NonNull<GreenletCore>>>(left, places.all.capacity()) {
                places.move_up();
                self.show(&places);
            }
        }
    }

    /// The greenlets for which `wanted` returns true, the newest first.
    pub(crate) fn newest_first(&self, wanted: impl Fn(&GreenletCore) -> bool) -> Vec<NonNull<GreenletCore>> {
        let places = self.places.borrow();
        // SAFETY: every greenlet in the list is alive, by the contract of `insert`, and `wanted`, which is
        // this crate's own, frees none.
        let look = |pointer: &NonNull<GreenletCore>| unsafe { pointer.as_ref() };
        let all = places.all.iter().copied().flatten();
        let mut found: Vec<_> = all.filter(|pointer| wanted(look(pointer))).collect();
        found.sort_unstable_by_key(|pointer| Reverse(look(pointer).id));
        found
    }
}
