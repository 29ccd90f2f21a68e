//! [`Local`]: a value that each greenlet has its own of. Source: gevent's `local.py`.
//!
//! ```
//! use std::cell::Cell;
//! use gevent::prelude::*;
//!
//! gevent::local! {
//!     static REQUEST: Cell<u32> = Cell::new(0);
//! }
//!
//! let other = spawn(|| REQUEST.with(|request| request.replace(7)));
//! assert_eq!(other.get()?, 0);
//! assert_eq!(REQUEST.with(Cell::get), 0); // this greenlet's own
//! # Ok::<(), Exception>(())
//! ```
//!
//! The [`Local`] holds the values, by greenlet. A greenlet only has a list of the locals in which it has a value. So a
//! value is dropped as soon as its local or its greenlet ends.

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::{Rc, Weak};

use greenlet_core::unwind::{Caught, ForcedUnwind, call_each, catch, drop_each};
use greenlet_core::{RawGreenlet, ThreadSlot, getcurrent};
use hub::{Context, WeakList, get_hub_if_exists};

/// A value that each greenlet has its own of, made when the greenlet first asks for it.
///
/// Handles are cheap to clone and mean the same local. [`local!`](crate::local!) makes one that is a `static`.
///
/// A greenlet's value is dropped when the greenlet ends, in the greenlet itself. The value of a
/// [raw](crate::spawn_raw) greenlet is dropped with the greenlet's last handle. All values are dropped with the last
/// handle of the local.
///
/// ```
/// use std::cell::Cell;
/// use gevent::local::Local;
///
/// let count = Local::new(|| Cell::new(0));
/// let counts = [1, 2, 3].map(|times| {
///     let count = count.clone();
///     gevent::spawn(move || {
///         for _ in 0..times {
///             count.with(|count| count.set(count.get() + 1));
///             gevent::sleep(0)?;
///         }
///         Ok(count.with(Cell::get))
///     })
/// });
/// gevent::joinall(&counts)?;
/// assert_eq!(counts[2].get()?, 3);
/// assert_eq!(count.with(Cell::get), 0);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `local`. Its attributes are the fields of the value here, and the `__init__` of its subclasses is
/// the function given to [`new`](Local::new).
pub struct Local<T: 'static>(Rc<Values<T>>);

struct Values<T> {
    init: Rc<dyn Fn() -> T>,
    /// The values by their greenlets' numbers. No other greenlet of the thread ever has the same number.
    by_greenlet: RefCell<HashMap<u64, Rc<T>>>,
}

impl<T: 'static> Local<T> {
    /// A local whose value in each greenlet is made by `init`, called there.
    pub fn new(init: impl Fn() -> T + 'static) -> Self {
        Local::with_init(Rc::new(init))
    }

    fn with_init(init: Rc<dyn Fn() -> T>) -> Self {
        Local(Rc::new(Values {
            init,
            by_greenlet: RefCell::default(),
        }))
    }

    /// Calls `function` with the current greenlet's value.
    pub fn with<R>(&self, function: impl FnOnce(&T) -> R) -> R {
        let value = self.value();
        let done = function(&value);
        // The value's destructor may panic. If it ran while `done` is being returned, `done` would be leaked.
        drop(value);
        done
    }

    /// The current greenlet's value, as a handle that can be kept, for example while the greenlet waits.
    pub fn value(&self) -> Rc<T> {
        let greenlet = getcurrent();
        let value = self.0.by_greenlet.borrow().get(&greenlet.id()).cloned();
        value.unwrap_or_else(|| {
            let value = Rc::new((self.0.init)());
            drop(self.store(&greenlet, value.clone()));
            value
        })
    }

    /// A copy of the current greenlet's value.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Replaces the current greenlet's value.
    pub fn set(&self, value: T) {
        drop(self.store(&getcurrent(), Rc::new(value)));
    }

    /// Removes the current greenlet's value and returns it, if there is one. The next access makes a new value.
    pub fn take(&self) -> Option<Rc<T>> {
        let id = getcurrent().id();
        self.0.by_greenlet.borrow_mut().remove(&id)
    }

    /// Whether the current greenlet has a value.
    pub fn is_set(&self) -> bool {
        let id = getcurrent().id();
        self.0.by_greenlet.borrow().contains_key(&id)
    }

    /// How many greenlets have a value.
    pub fn count(&self) -> usize {
        self.0.by_greenlet.borrow().len()
    }

    /// Another local, in which the current greenlet has a copy of its value in this one. Other greenlets have no value
    /// there yet.
    ///
    /// Source: copying a gevent `local`.
    #[must_use]
    pub fn copy(&self) -> Self
    where
        T: Clone,
    {
        let copy = Local::with_init(self.0.init.clone());
        copy.set(self.get());
        copy
    }

    fn store(&self, greenlet: &RawGreenlet, value: Rc<T>) -> Option<Rc<T>> {
        let id = greenlet.id();
        let old = self.0.by_greenlet.borrow_mut().insert(id, value);
        if old.is_none() {
            let forget: Rc<dyn Forget> = self.0.clone();
            Owned::of(greenlet).add(Rc::downgrade(&forget));
        }
        old
    }
}

impl<T> Drop for Values<T> {
    /// Drops every value, even if the destructor of one panics; the map would leak the rest.
    fn drop(&mut self) {
        drop_each(self.by_greenlet.take().into_values());
    }
}

/// The inside of a [`Local`], without the type of its values.
trait Forget {
    fn forget(&self, greenlet: u64);
    /// The type of the values, if the greenlet has one.
    fn type_if_set(&self, greenlet: u64) -> Option<&'static str>;
}

impl<T> Forget for Values<T> {
    fn forget(&self, greenlet: u64) {
        // The value is dropped after the borrow, because its destructor may use this local.
        let value = self.by_greenlet.borrow_mut().remove(&greenlet);
        drop(value);
    }

    fn type_if_set(&self, greenlet: u64) -> Option<&'static str> {
        let set = self.by_greenlet.borrow().contains_key(&greenlet);
        set.then(type_name::<T>)
    }
}

/// The type and the address of each local in which the greenlet has a value.
///
/// Source: gevent's `all_local_dicts_for_greenlet`.
pub(crate) fn locals_of(greenlet: &RawGreenlet) -> Vec<(&'static str, usize)> {
    let owned = greenlet.local::<Owned>();
    let owned = owned.filter(|owned| owned.greenlet == greenlet.id());
    let values = owned.map(|owned| owned.values.borrow().clone()).unwrap_or_default();
    let all = values.into_iter().filter_map(|values| values.upgrade());
    let set = |values: Rc<dyn Forget>| Some((values.type_if_set(greenlet.id())?, Rc::as_ptr(&values).addr()));
    all.filter_map(set).collect()
}

/// The list of the locals in which a greenlet has values, attached to that greenlet.
struct Owned {
    greenlet: u64,
    values: RefCell<WeakList<dyn Forget>>,
}

thread_local! {
    /// Whether any greenlet of this thread ever had a value. In most programs none has, and greenlets then end without
    /// looking for values.
    static ANY: Cell<bool> = const { Cell::new(false) };
}

impl Owned {
    fn of(greenlet: &RawGreenlet) -> Rc<Owned> {
        if let Some(owned) = greenlet.local::<Owned>()
            // The list may be another greenlet's, inherited by this one.
            && owned.greenlet == greenlet.id()
        {
            return owned;
        }
        ANY.set(true);
        greenlet.set_local(Owned {
            greenlet: greenlet.id(),
            values: RefCell::default(),
        });
        greenlet.local::<Owned>().expect("set just now")
    }

    fn add(&self, values: Weak<dyn Forget>) {
        self.values.borrow_mut().push(values);
    }

    fn forget_all(&self) {
        call_each(self.values.take().into_iter().map(|values| {
            move || {
                if let Some(values) = values.upgrade() {
                    values.forget(self.greenlet);
                }
            }
        }));
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.forget_all();
    }
}

/// Drops the current greenlet's values; called when it ends. If the greenlet is dropped while a destructor of theirs
/// waits, its unwinding is returned.
#[inline]
pub(crate) fn end_of_greenlet() -> Option<ForcedUnwind> {
    if ANY.get() { drop_values() } else { None }
}

#[cold]
fn drop_values() -> Option<ForcedUnwind> {
    let greenlet = getcurrent();
    let owned = greenlet.take_local::<Owned>()?;
    if owned.greenlet != greenlet.id() {
        return None;
    }
    // Reporting a panic may wait, too, and the greenlet may be unwound there.
    let dropped = catch(|| match catch(|| owned.forget_all()) {
        Ok(()) => {}
        Err(Caught::Panic(exception)) => match get_hub_if_exists() {
            Some(hub) => hub.report_error(Context::Greenlet(&greenlet), exception),
            None => {
                // `Debug` may be user code, so it runs before stderr is locked.
                let text = format!("{exception:?}");
                eprintln!("{text}");
            }
        },
        Err(Caught::Forced(unwind)) => unwind.resume(),
    });
    match dropped {
        Err(Caught::Forced(unwind)) => Some(unwind),
        Ok(()) | Err(Caught::Panic(_)) => None,
    }
}

impl<T: 'static> Clone for Local<T> {
    fn clone(&self) -> Self {
        Local(self.0.clone())
    }
}

impl<T: Default + 'static> Default for Local<T> {
    fn default() -> Self {
        Local::new(T::default)
    }
}

/// Two are equal if they are handles of the same local.
impl<T: 'static> PartialEq for Local<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: 'static> Eq for Local<T> {}

impl<T: 'static> Hash for Local<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl<T: 'static> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Rc::as_ptr(&self.0).addr();
        write!(f, "<local at {address:#x} of {} greenlets>", self.count())
    }
}

/// A `static` made by [`local!`](crate::local!): one [`Local`] for each thread.
///
/// Destructors of thread-locals may run when the thread [is over](greenlet_core::thread_is_over). There no value is
/// kept: each access makes a new one.
pub struct LocalKey<T: 'static> {
    slot: &'static std::thread::LocalKey<Slot<T>>,
    init: fn() -> T,
}

#[doc(hidden)]
pub type Slot<T> = ThreadSlot<Option<Local<T>>>;

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(slot: &'static std::thread::LocalKey<Slot<T>>, init: fn() -> T) -> Self {
        LocalKey { slot, init }
    }

    /// This thread's [`Local`].
    pub fn local(&self) -> Local<T> {
        let make = || Local::new(self.init);
        let known = self
            .slot
            .with(|slot| slot.with(|local| local.borrow_mut().get_or_insert_with(make).clone()));
        known.unwrap_or_else(make)
    }

    /// Calls `function` with the current greenlet's value.
    pub fn with<R>(&self, function: impl FnOnce(&T) -> R) -> R {
        // `function` does not run within the thread-local's own `with`, because it may switch to another greenlet.
        let local = self.local();
        let done = local.with(function);
        drop(local);
        done
    }

    /// A copy of the current greenlet's value.
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Replaces the current greenlet's value.
    pub fn set(&self, value: T) {
        self.local().set(value);
    }

    /// Removes the current greenlet's value and returns it, if there is one.
    pub fn take(&self) -> Option<Rc<T>> {
        self.local().take()
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.local().fmt(f)
    }
}

/// Declares statics of which each greenlet has its own value, as `thread_local!` does for threads.
///
/// ```
/// use std::cell::Cell;
///
/// gevent::local! {
///     /// The request that this greenlet works for.
///     static REQUEST: Cell<u32> = Cell::new(0);
/// }
///
/// let greenlet = gevent::spawn(|| {
///     REQUEST.with(|request| request.set(7));
///     REQUEST.with(Cell::get)
/// });
/// assert_eq!(greenlet.get()?, 7);
/// assert_eq!(REQUEST.with(Cell::get), 0);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[macro_export]
macro_rules! local {
    () => {};
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $init:expr) => {
        $(#[$attribute])*
        $visible static $name: $crate::local::LocalKey<$type> = {
            ::std::thread_local! {
                static SLOT: $crate::local::Slot<$type> = const {
                    $crate::local::Slot::new(::std::option::Option::None, || SLOT.with($crate::local::Slot::clear))
                };
            }
            $crate::local::LocalKey::new(&SLOT, || $init)
        };
    };
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $init:expr; $($rest:tt)*) => {
        $crate::local! { $(#[$attribute])* $visible static $name: $type = $init }
        $crate::local! { $($rest)* }
    };
}
