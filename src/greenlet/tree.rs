//! [`SpawnTreeLocals`], the values that a tree of greenlets shares, and callbacks for each spawn.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use greenlet_core::unwind::{call_each, drop_each};
use greenlet_core::{RawGreenlet, ThreadSlot};

use super::AnyGreenlet;
use super::base::GreenletBase;

/// Named values that all the greenlets of a tree share. A greenlet that main spawns begins a tree,
/// to which all greenlets that it spawns belong, and those that they spawn in turn. Clones mean the
/// same values.
///
/// Source: gevent's `Greenlet.spawn_tree_locals`.
#[derive(Clone, Default)]
pub struct SpawnTreeLocals(Rc<RefCell<HashMap<String, Rc<dyn Any>>>>);

impl SpawnTreeLocals {
    /// The value of that name, if there is one and its type is `T`.
    pub fn get<T: 'static>(&self, name: &str) -> Option<Rc<T>> {
        let value = self.0.borrow().get(name).cloned()?;
        value.downcast().ok()
    }

    /// Sets the value of that name, for the whole tree.
    pub fn set<T: 'static>(&self, name: impl Into<String>, value: T) {
        let name = name.into();
        let old = self.0.borrow_mut().insert(name, Rc::new(value));
        drop(old);
    }

    /// Removes the value of that name.
    pub fn remove(&self, name: &str) {
        let old = self.0.borrow_mut().remove(name);
        drop(old);
    }

    /// Whether both belong to the same tree.
    pub fn same(&self, other: &SpawnTreeLocals) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The values of the greenlet's tree. A greenlet that is in no tree yet begins one.
    pub fn of(greenlet: &RawGreenlet) -> SpawnTreeLocals {
        if let Some(base) = greenlet.part::<GreenletBase>() {
            return base.tree.get_or_init(SpawnTreeLocals::default).clone();
        }
        if let Some(tree) = greenlet.local::<SpawnTreeLocals>() {
            return SpawnTreeLocals::clone(&tree);
        }
        let tree = SpawnTreeLocals::default();
        greenlet.set_local(tree.clone());
        tree
    }
}

/// The tree of a new greenlet: its spawner's. Main is in none, so each greenlet that it spawns
/// begins a tree, which is made when somebody asks for it.
#[inline]
pub(super) fn grown_from(spawner: &RawGreenlet) -> OnceCell<SpawnTreeLocals> {
    match spawner.parent() {
        Some(_) => OnceCell::from(SpawnTreeLocals::of(spawner)),
        None => OnceCell::new(),
    }
}

/// Makes a new raw greenlet part of its spawner's tree. It has no field for the tree, so the tree
/// is one of its locals.
pub(super) fn grow(spawner: &RawGreenlet, greenlet: &RawGreenlet) {
    if let Some(tree) = grown_from(spawner).into_inner() {
        greenlet.set_local(tree);
    }
}

impl fmt::Debug for SpawnTreeLocals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The writer is user code, so the names are copied first: nothing is borrowed while it
        // runs.
        let names: Vec<_> = self.0.borrow().keys().cloned().collect();
        f.debug_set().entries(names).finish()
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
