//! Greenlets with data of their own, in the same piece of memory: [`Attached`].
//!
//! ```text
//!   ┌──────────────┬──────────────┬─────────┬──────────────────────────┐
//!   │ core         │ data         │ label   │ function, until it runs  │
//!   └──────────────┴──────────────┴─────────┴──────────────────────────┘
//! ```
//!
//! Only a greenlet's [`TypeTable`] knows the types of data, label and function. Data and label stay until the last
//! handle is gone; the function is moved out when it is called, or dropped in place when it never will be.

use std::any::{Any, TypeId};
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use crate::core::{GreenletCore, RawGreenlet};
use crate::exception::Exception;
use crate::object::Object;
use crate::pinned::pinned;
use crate::unwind;
use crate::value::Value;

/// What can be attached to a greenlet when it is made, by [`Builder::build_with`](crate::Builder::build_with).
pub trait Data: Sized + 'static {
    /// Called when the greenlet will never run its function, which is about to be dropped, or never end it, because its
    /// stack was [given up](crate::unwind); in the second case this cannot switch. It is not called if nobody has a
    /// handle of the greenlet any more.
    fn unrun(greenlet: &Attached<Self>) {
        let _ = greenlet;
    }

    /// Called instead of [`unrun`](Data::unrun) when there is a reason, see [`RawGreenlet::fail`].
    ///
    /// # Errors
    /// Returns the reason to leave it to the caller of `fail`.
    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        Self::unrun(greenlet);
        Err(reason)
    }

    /// Makes a handle that can do more than [`RawGreenlet`]. Code that does not know the type of the data gets it from
    /// [`RawGreenlet::object`].
    fn object(greenlet: &Attached<Self>) -> Option<Box<dyn Object>> {
        let _ = greenlet;
        None
    }

    /// A part of the data. Code that does not know the type of the data, but that of the part, gets it from
    /// [`RawGreenlet::part`].
    fn part(&self) -> Option<&dyn Any> {
        None
    }
}

/// No data.
impl Data for () {}

/// The name of a greenlet as long as nobody has set one. It is kept in the greenlet's own memory, and asked only when
/// somebody wants the name: for many greenlets whose names are rarely needed. See
/// [`Builder::label`](crate::Builder::label).
pub trait Label: 'static {
    /// The name, if there is one.
    fn label(&self) -> Option<String>;
}

/// No name.
impl Label for () {
    fn label(&self) -> Option<String> {
        None
    }
}

/// A handle of a greenlet that dereferences to its data, or to a part of them.
///
/// ```
/// use greenlet_core::{Data, RawGreenlet, Value};
///
/// struct Words(&'static str, &'static str);
/// impl Data for Words {}
///
/// let g = RawGreenlet::builder().build_with(Words("to", "fro"), |words, _| Ok(Value::new(words.1)));
/// assert_eq!(g.0, "to");
/// let part = g.clone().map(|words| words.0);
/// assert_eq!(&*part, "to");
/// assert_eq!(g.greenlet().switch(())?.downcast::<&str>().unwrap(), "fro");
/// # Ok::<(), greenlet_core::Exception>(())
/// ```
pub struct Attached<D: ?Sized> {
    greenlet: RawGreenlet,
    /// Points into the greenlet's memory, or to something that lives as long.
    data: NonNull<D>,
}

impl<D: ?Sized> Attached<D> {
    /// The greenlet.
    #[inline]
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// Makes a handle that dereferences to a part of the data, or to the data as a more general type.
    #[inline]
    pub fn map<U: ?Sized>(self, part: impl for<'a> FnOnce(&'a D) -> &'a U) -> Attached<U> {
        // The part lives as long as a shared borrow of the data can last, which is as long as there are
        // handles: until then, the data are neither moved nor borrowed mutably.
        let data = NonNull::from(part(&self));
        Attached {
            greenlet: self.greenlet,
            data,
        }
    }
}

impl<D: Data> Attached<D> {
    /// The greenlet's data, if they are a `D`.
    #[inline]
    pub fn of(greenlet: &RawGreenlet) -> Option<Self> {
        let data = NonNull::from(greenlet.data::<D>()?);
        Some(Attached {
            greenlet: greenlet.clone(),
            data,
        })
    }

    /// Makes the handle of a greenlet that was just made, without a check of the type of its data.
    ///
    /// # Safety
    /// The greenlet was made with a `D`.
    #[inline]
    pub(crate) unsafe fn of_new(greenlet: RawGreenlet) -> Self {
        // SAFETY: by this function's contract, the data are a `D`.
        let data = unsafe { data_of::<D>(greenlet.core()) };
        let data = NonNull::from(data);
        Attached { greenlet, data }
    }
}

impl RawGreenlet {
    /// The data that were attached to the greenlet when it was made, if they are a `D`.
    #[inline]
    pub fn data<D: Data>(&self) -> Option<&D> {
        let core = self.core();
        if (core.table.data_type)() != TypeId::of::<D>() {
            return None;
        }
        // SAFETY: the table says that a `D` follows the core.
        Some(unsafe { data_of(core) })
    }

    /// The [part](Data::part) of the greenlet's data that is meant for others, if it is a `P`.
    pub fn part<P: 'static>(&self) -> Option<&P> {
        let core = self.core();
        // SAFETY: the table is the core's own, and its data are there as long as there are handles.
        let part = unsafe { (core.table.part)(core) };
        part?.downcast_ref()
    }

    /// The handle that can do more than this one, if the greenlet has one, see [`Data::object`]. In Python, it would be
    /// an object of a subclass.
    pub fn object(&self) -> Option<Box<dyn Object>> {
        (self.core().table.object)(self)
    }
}

impl<D: ?Sized> Deref for Attached<D> {
    type Target = D;

    #[inline]
    fn deref(&self) -> &D {
        // SAFETY: `data` points to something that lives as long as there are handles of the greenlet, and
        // `greenlet` is one.
        unsafe { self.data.as_ref() }
    }
}

impl<D: ?Sized> Clone for Attached<D> {
    #[inline]
    fn clone(&self) -> Self {
        Attached {
            greenlet: self.greenlet.clone(),
            data: self.data,
        }
    }
}

impl<D: ?Sized> fmt::Debug for Attached<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.greenlet.fmt(f)
    }
}

/// The part of a greenlet's memory that does not depend on its function.
#[repr(C)]
struct Front<D> {
    core: GreenletCore,
    data: ManuallyDrop<D>,
}

/// All of a greenlet's memory.
#[repr(C)]
struct Body<D, N, F> {
    front: Front<D>,
    label: ManuallyDrop<N>,
    /// Initialised as long as the core's `has_function` says so.
    function: UnsafeCell<MaybeUninit<F>>,
}

/// The function of a greenlet.
pub(crate) trait Run<D>: FnOnce(&D, Value) -> Result<Value, Exception> + 'static {}

impl<D, F: FnOnce(&D, Value) -> Result<Value, Exception> + 'static> Run<D> for F {}

/// The functions that must know the types of a greenlet's data, label and function. They are for greenlets made
/// with this table only, and a pointer to the core is one from [`whole`]: the callers see to both.
pub(crate) struct TypeTable {
    data_type: fn() -> TypeId,
    /// Takes the function out and calls it.
    run: unsafe fn(*mut GreenletCore, Value) -> Result<Value, Exception>,
    drop_function: unsafe fn(*mut GreenletCore),
    unrun: fn(&RawGreenlet, &mut Option<Exception>),
    object: fn(&RawGreenlet) -> Option<Box<dyn Object>>,
    /// The greenlet's data must not be dropped yet.
    part: unsafe fn(&GreenletCore) -> Option<&dyn Any>,
    /// The greenlet's label must not be dropped yet.
    label: unsafe fn(*mut GreenletCore) -> Option<String>,
    /// Drops data and label; none if neither needs to be dropped.
    drop_data: Option<unsafe fn(*mut GreenletCore)>,
    /// Gives the memory back.
    free: unsafe fn(*mut GreenletCore),
}

impl<D: Data, N: Label, F: Run<D>> Body<D, N, F> {
    const TABLE: &'static TypeTable = &TypeTable {
        data_type: TypeId::of::<D>,
        run: |core, value| {
            // SAFETY: by the contract of the table. The caller has cleared `has_function`, so this is the
            // only read of the function. The data stay while the greenlet is on its stack.
            unsafe {
                let body = core.cast::<Body<D, N, F>>();
                let function = (*(*body).function.get()).assume_init_read();
                function(&(*body).front.data, value)
            }
        },
        drop_function: |core| {
            // SAFETY: by the contract of the table. The caller has cleared `has_function`, so nobody else
            // uses the function.
            unsafe { (*(*core.cast::<Body<D, N, F>>()).function.get()).assume_init_drop() }
        },
        unrun: |greenlet, reason| {
            if let Some(attached) = Attached::of(greenlet) {
                match reason.take() {
                    None => D::unrun(&attached),
                    Some(exception) => *reason = D::failed(&attached, exception).err(),
                }
            }
        },
        object: |greenlet| D::object(&Attached::of(greenlet)?),
        part: |core| {
            // SAFETY: by the contract of the table. Nobody borrows the data mutably before they are dropped.
            unsafe { &(*whole(core).cast::<Front<D>>()).data }.part()
        },
        label: |core| {
            // SAFETY: by the contract of the table. Nobody changes the label before it is dropped.
            unsafe { (*core.cast::<Body<D, N, F>>()).label.label() }
        },
        drop_data: if std::mem::needs_drop::<(D, N)>() {
            Some(|core| {
                // SAFETY: by the contract of the table. The caller sees to it that nobody borrows data or
                // label any more.
                unsafe {
                    let body = core.cast::<Body<D, N, F>>();
                    // The label is dropped even if the destructor of the data panics.
                    let _label = ManuallyDrop::take(&mut (*body).label);
                    ManuallyDrop::drop(&mut (*body).front.data);
                }
            })
        } else {
            None
        },
        free: |core| {
            // SAFETY: by the contract of the table. `place` has taken the memory out of such a box.
            drop(unsafe { Box::from_raw(core.cast::<Body<D, N, F>>()) });
        },
    };
}

/// Puts a greenlet into memory of its own.
#[inline(always)]
pub(crate) fn place<D: Data, N: Label, F: Run<D>>(
    data: D,
    label: N,
    function: Option<F>,
    core: impl FnOnce(&'static TypeTable, bool) -> GreenletCore,
) -> NonNull<GreenletCore> {
    // Nothing unwinds from here on, so the parts need no place on the stack from which they could be dropped.
    let (data, label) = (ManuallyDrop::new(data), ManuallyDrop::new(label));
    let function = function.map(ManuallyDrop::new);
    let body = Box::into_raw(Box::<Body<D, N, F>>::new_uninit()).cast::<Body<D, N, F>>();
    // SAFETY: it is fresh memory for a `Body`, all of which is filled in; each part is written straight into
    // its place instead of being copied there.
    unsafe {
        let has_function = function.is_some();
        (&raw mut (*body).front.core).write(core(Body::<D, N, F>::TABLE, has_function));
        (&raw mut (*body).front.data).write(data);
        (&raw mut (*body).label).write(label);
        if let Some(function) = function {
            (&raw mut (*body).function).cast::<ManuallyDrop<F>>().write(function);
        }
    }
    let core = body.cast::<GreenletCore>();
    // `whole` makes a pointer of this provenance.
    let _ = core.expose_provenance();
    // SAFETY: a box is never null.
    unsafe { NonNull::new_unchecked(core) }
}

/// A pointer to all of a greenlet's memory, of which a reference to its core is only a part.
fn whole(core: &GreenletCore) -> *mut GreenletCore {
    ptr::with_exposed_provenance_mut((&raw const *core).addr())
}

/// The data that follow a core.
///
/// # Safety
/// The data are a `D`.
#[inline]
unsafe fn data_of<D>(core: &GreenletCore) -> &D {
    // SAFETY: `Front` has the data there. They are dropped when the last handle is gone, and nobody borrows them
    // mutably before.
    unsafe { &(*whole(core).cast::<Front<D>>()).data }
}

/// The name that the greenlet's label returns.
pub(crate) fn label(greenlet: &RawGreenlet) -> Option<String> {
    let core = greenlet.core();
    // SAFETY: the table is the core's own, and its data are there as long as there are handles.
    unsafe { (core.table.label)(whole(core)) }
}

/// Calls the function of a greenlet; none if it has none any more.
///
/// # Safety
/// `core` is the running greenlet.
#[inline(always)]
pub(crate) unsafe fn run(core: &GreenletCore, value: Value) -> Option<Result<Value, Exception>> {
    if !core.has_function.replace(false) {
        return None;
    }
    // SAFETY: the table is the core's own, and the function was there until now.
    Some(unsafe { (core.table.run)(whole(core), value) })
}

/// Drops the function of a greenlet, if it is still there.
pub(crate) fn drop_function(core: &GreenletCore) {
    if core.has_function.replace(false) {
        // SAFETY: the table is the core's own, and the function was there until now.
        unsafe { (core.table.drop_function)(whole(core)) }
    }
}

/// Drops the function as [`drop_function`] does, but tells the greenlet's data first, for somebody may have a handle of
/// it. They may run any code, which may panic or be unwound: the function is dropped all the same.
pub(crate) fn abandon_function(core: &GreenletCore, reason: &mut Option<Exception>) {
    /// Drops the function when this is dropped.
    struct Abandoned<'a>(&'a GreenletCore);

    impl Drop for Abandoned<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                // A second panic would abort the process.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop_function(self.0))) {
                    unwind::discard(payload);
                }
            } else {
                drop_function(self.0);
            }
        }
    }

    if core.has_function.get() {
        // SAFETY: the reference says that the greenlet is not freed.
        let greenlet = unsafe { RawGreenlet::from_core(NonNull::from(core)) };
        let abandoned = Abandoned(core);
        (core.table.unrun)(&greenlet, reason);
        drop(abandoned);
    }
}

/// Tells the data of a greenlet whose stack was given up that its function will not end.
pub(crate) fn given_up(greenlet: &RawGreenlet) {
    let tell = || pinned(|| (greenlet.core().table.unrun)(greenlet, &mut None));
    // Nothing may unwind any further, so a panic is caught, and its payload leaked.
    std::mem::forget(catch_unwind(AssertUnwindSafe(tell)));
}

/// Whether a greenlet has nothing to be dropped: no function any more, and neither data nor label with a destructor.
#[inline]
pub(crate) fn is_plain(core: &GreenletCore) -> bool {
    !core.has_function.get() && core.table.drop_data.is_none()
}

/// Drops the data and the label of a greenlet.
///
/// # Safety
/// This is called once, when nobody has a handle of the greenlet any more and it is not on its stack.
pub(crate) unsafe fn drop_data(core: &GreenletCore) {
    if let Some(drop_data) = core.table.drop_data {
        // SAFETY: the table is the core's own; the rest is the caller's.
        unsafe { drop_data(whole(core)) }
    }
}

/// Gives the memory back.
///
/// # Safety
/// No handle, list, stack or weak reference refers to the greenlet; function and data are dropped.
pub(crate) unsafe fn free(pointer: NonNull<GreenletCore>) {
    // SAFETY: the table is the core's own; the rest is the caller's.
    unsafe {
        let core = pointer.as_ref();
        let (free, core) = (core.table.free, whole(core));
        free(core);
    }
}
