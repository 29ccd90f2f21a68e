//! [`SpawnTreeLocals`], the values that a tree of greenlets shares, and callbacks for each spawn.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::{call_each, drop_each};
use greenlet_core::{RawGreenlet, ThreadSlot, getcurrent};

use super::origin::Origin;
use super::{AnyGreenlet, Greenlet};

/// Named values that all the greenlets of a tree share. A greenlet that main spawns begins a tree,
/// to which all greenlets that it spawns belong, and those that they spawn in turn. Clones mean the
/// same values.
///
/// The names are in the order in which they were set first, as those of a Python `dict`.
///
/// ```
/// gevent::spawn(|| {
///     let locals = gevent::SpawnTreeLocals::current();
///     locals.set("request", 7);
///     locals.set("user", "me");
///     assert!(locals.contains("user"));
///     assert_eq!(locals.names().collect::<Vec<_>>(), ["request", "user"]);
///     for (name, value) in &locals {
///         println!("{name}: {:?}", value.downcast_ref::<i32>());
///     }
/// });
/// # gevent::sleep(0)?;
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Greenlet.spawn_tree_locals`.
#[derive(Clone, Default)]
pub struct SpawnTreeLocals(Rc<RefCell<Named>>);

#[derive(Default)]
struct Named {
    /// The values, each with its place in the order in which the names came.
    values: HashMap<String, (u64, Rc<dyn Any>)>,
    /// How many names have come.
    places: u64,
}

impl Named {
    fn set(&mut self, name: String, value: Rc<dyn Any>) -> Option<Rc<dyn Any>> {
        match self.values.entry(name) {
            Entry::Occupied(mut entry) => Some(std::mem::replace(&mut entry.get_mut().1, value)),
            Entry::Vacant(entry) => {
                entry.insert((self.places, value));
                self.places += 1;
                None
            }
        }
    }
}

impl SpawnTreeLocals {
    /// The value of that name, if there is one and its type is `T`.
    pub fn get<T: 'static>(&self, name: &str) -> Option<Rc<T>> {
        let value = self.0.borrow().values.get(name).map(|(_, value)| value.clone())?;
        value.downcast().ok()
    }

    /// Sets the value of that name, for the whole tree.
    pub fn set<T: 'static>(&self, name: impl Into<String>, value: T) {
        let (name, value) = (name.into(), Rc::new(value));
        let old = self.0.borrow_mut().set(name, value);
        drop(old);
    }

    /// Removes the value of that name.
    pub fn remove(&self, name: &str) {
        let old = self.0.borrow_mut().values.remove(name);
        drop(old);
    }

    /// Removes all values.
    pub fn clear(&self) {
        let old = self.0.take();
        drop_each(old.values);
    }

    /// Whether there is a value of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.borrow().values.contains_key(name)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.borrow().values.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names that there are now.
    pub fn names(&self) -> impl Iterator<Item = String> + use<> {
        self.iter().map(|(name, _)| name)
    }

    /// The names and values that there are now.
    pub fn iter(&self) -> std::vec::IntoIter<(String, Rc<dyn Any>)> {
        self.into_iter()
    }

    fn snapshot(&self) -> Vec<(String, Rc<dyn Any>)> {
        let named = self.0.borrow();
        let mut all: Vec<_> = named.values.iter().collect();
        all.sort_unstable_by_key(|(_, (place, _))| *place);
        let all = all.into_iter().map(|(name, (_, value))| (name.clone(), value.clone()));
        all.collect()
    }

    /// Whether both belong to the same tree.
    pub fn same(&self, other: &SpawnTreeLocals) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The values of the current greenlet's tree.
    pub fn current() -> SpawnTreeLocals {
        SpawnTreeLocals::of(&getcurrent())
    }

    /// The values of the greenlet's tree. A greenlet that is in no tree yet begins one.
    pub fn of(greenlet: &RawGreenlet) -> SpawnTreeLocals {
        if let Some(origin) = Origin::find(greenlet) {
            return origin.tree.get_or_init(SpawnTreeLocals::default).clone();
        }
        if let Some(tree) = greenlet.local::<SpawnTreeLocals>() {
            return SpawnTreeLocals::clone(&tree);
        }
        let tree = SpawnTreeLocals::default();
        greenlet.set_local(tree.clone());
        tree
    }
}

impl IntoIterator for &SpawnTreeLocals {
    type Item = (String, Rc<dyn Any>);
    type IntoIter = std::vec::IntoIter<(String, Rc<dyn Any>)>;

    /// The names and values that there are now.
    fn into_iter(self) -> Self::IntoIter {
        self.snapshot().into_iter()
    }
}

impl fmt::Debug for SpawnTreeLocals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names are copies: the writer is user code, and nothing is borrowed while it runs.
        f.debug_set().entries(self.names()).finish()
    }
}

type SpawnCallback = Rc<dyn Fn(&AnyGreenlet)>;

thread_local! {
    static SPAWN_CALLBACKS: ThreadSlot<Vec<SpawnCallback>> =
        const { ThreadSlot::new(Vec::new(), || SPAWN_CALLBACKS.with(ThreadSlot::clear)) };
}

/// Calls `f` with the thread's spawn callbacks; returns `None` if they are gone, as the thread
/// ends.
fn with_callbacks<R>(f: impl FnOnce(&RefCell<Vec<SpawnCallback>>) -> R) -> Option<R> {
    SPAWN_CALLBACKS.with(|slot| slot.with(f))
}

/// Calls the spawn callbacks in the current greenlet, before the new one is scheduled.
pub(super) fn call_spawn_callbacks(greenlet: impl FnOnce() -> AnyGreenlet) {
    let callbacks = with_callbacks(|callbacks| {
        let callbacks = callbacks.borrow();
        if callbacks.is_empty() {
            None
        } else {
            Some(callbacks.clone())
        }
    });
    if let Some(callbacks) = callbacks.flatten() {
        let greenlet = greenlet();
        call_each(callbacks.iter().map(|callback| || callback(&greenlet)));
        drop_each(callbacks);
    }
}

impl AnyGreenlet {
    /// Has `callback` called with each greenlet of this thread that is started from now on. Does
    /// nothing if the same callback was added before.
    ///
    /// Source: gevent's `Greenlet.add_spawn_callback`.
    pub fn add_spawn_callback(callback: Rc<dyn Fn(&AnyGreenlet)>) {
        let _ = with_callbacks(|callbacks| {
            let mut callbacks = callbacks.borrow_mut();
            if !callbacks.iter().any(|other| Rc::ptr_eq(other, &callback)) {
                callbacks.push(callback);
            }
        });
    }

    /// Takes a callback away that was added by
    /// [`add_spawn_callback`](AnyGreenlet::add_spawn_callback).
    pub fn remove_spawn_callback(callback: &Rc<dyn Fn(&AnyGreenlet)>) {
        let removed = with_callbacks(|callbacks| {
            let mut callbacks = callbacks.borrow_mut();
            let index = callbacks.iter().position(|other| Rc::ptr_eq(other, callback));
            index.map(|index| callbacks.remove(index))
        });
        drop(removed);
    }
}

impl Greenlet<()> {
    /// See [`AnyGreenlet::add_spawn_callback`].
    pub fn add_spawn_callback(callback: Rc<dyn Fn(&AnyGreenlet)>) {
        AnyGreenlet::add_spawn_callback(callback);
    }

    /// See [`AnyGreenlet::remove_spawn_callback`].
    pub fn remove_spawn_callback(callback: &Rc<dyn Fn(&AnyGreenlet)>) {
        AnyGreenlet::remove_spawn_callback(callback);
    }
}
