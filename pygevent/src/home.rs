//! [`Owned`]: a value that never leaves its thread, with an owner that may.
//!
//! Python's objects can be used and dropped by any thread, but a loop and its watchers belong to one. So a Python
//! object has no loop in it; it owns a place on a shelf of the thread where the loop was made. Other threads find
//! nothing there. A value whose owner another thread drops stays on its shelf until its own thread next puts something
//! there, or ends.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// The owner of a value on the shelf of some thread.
pub(crate) struct Owned<T> {
    home: u64,
    place: usize,
    returns: Arc<Returns>,
    value: PhantomData<fn() -> T>,
}

struct Home {
    number: u64,
    shelf: RefCell<Shelf>,
    returns: Arc<Returns>,
}

#[derive(Default)]
struct Shelf {
    places: Vec<Option<Rc<dyn Any>>>,
    free: Vec<usize>,
}

/// The places whose owners other threads have dropped.
#[derive(Default)]
struct Returns {
    any: AtomicBool,
    places: Mutex<Vec<usize>>,
}

thread_local! {
    static HOME: Home = Home::new();
}

impl<T: 'static> Owned<T> {
    /// Puts a value on this thread's shelf.
    pub(crate) fn new(value: T) -> Owned<T> {
        HOME.with(|home| {
            home.take_returns();
            Owned {
                home: home.number,
                place: home.shelf.borrow_mut().put(Rc::new(value)),
                returns: home.returns.clone(),
                value: PhantomData,
            }
        })
    }

    /// The value; none in another thread than the one that has made it.
    pub(crate) fn get(&self) -> Option<Rc<T>> {
        let value = HOME.try_with(|home| {
            let shelf = home.shelf.borrow();
            (home.number == self.home)
                .then(|| shelf.places[self.place].clone())
                .flatten()
        });
        value.ok().flatten()?.downcast().ok()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        let value = HOME.try_with(|home| {
            let is_here = home.number == self.home;
            is_here.then(|| home.shelf.borrow_mut().take(self.place))
        });
        match value {
            // Dropping the value may use the shelf.
            Ok(Some(value)) => drop(value),
            // This is another thread; or this thread ends, and its shelf is gone.
            _ => self.returns.add(self.place),
        }
    }
}

impl Home {
    fn new() -> Home {
        static HOMES: AtomicU64 = AtomicU64::new(0);
        Home {
            number: HOMES.fetch_add(1, Ordering::Relaxed),
            shelf: RefCell::default(),
            returns: Arc::default(),
        }
    }

    fn take_returns(&self) {
        if self.returns.any.load(Ordering::Acquire) {
            for place in self.returns.take() {
                let value = self.shelf.borrow_mut().take(place);
                drop(value);
            }
        }
    }
}

impl Shelf {
    fn put(&mut self, value: Rc<dyn Any>) -> usize {
        if let Some(place) = self.free.pop() {
            self.places[place] = Some(value);
            return place;
        }
        self.places.push(Some(value));
        self.places.len() - 1
    }

    fn take(&mut self, place: usize) -> Option<Rc<dyn Any>> {
        self.free.push(place);
        self.places[place].take()
    }
}

impl Returns {
    fn add(&self, place: usize) {
        self.places.lock().push(place);
        self.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Vec<usize> {
        let mut places = self.places.lock();
        self.any.store(false, Ordering::Relaxed);
        std::mem::take(&mut *places)
    }
}
