//! Greenlets with data of their own, in the same piece of memory: [`Attached`].
//!
//! ```text
//!   ┌──────────────┬──────────────┬─────────┬──────────────────────────┐
//!   │ core         │ data         │ label   │ function, until it runs  │
//!   └──────────────┴──────────────┴─────────┴──────────────────────────┘
//! ```
//!
//! Only a greenlet's [`TypeTable`] knows the types of the others. Data and label stay until the last handle is
//! gone; the function is moved out when it is called, or dropped in place when it never will be.

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
    /// The greenlet will never run its function, which is about to be dropped; or never end it, because its stack was
    /// [given up](crate::unwind), and then it cannot switch. Not called if nobody has a handle of the greenlet any more.
    fn unrun(greenlet: &Attached<Self>) {
        let _ = greenlet;
    }

    /// Called instead of [`unrun`](Data::unrun) when there is a reason, see [`RawGreenlet::fail`].
    ///
    /// # Errors
    /// The reason, to leave it to the caller of `fail`.
    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        Self::unrun(greenlet);
        Err(reason)
    }

    /// What the greenlet is to those who know its data's type: a handle that can do more. Others get it from
    /// [`RawGreenlet::object`].
    fn object(greenlet: &Attached<Self>) -> Option<Box<dyn Object>> {
        let _ = greenlet;
        None
    }

    /// A part of the data for those who do not know their type: [`RawGreenlet::part`] finds it by its own.
    fn part(&self) -> Option<&dyn Any> {
        None
    }
}

/// Nothing.
impl Data for () {}

/// What a greenlet is called as long as nobody has named it, for many greenlets with names that are rarely looked at: it is
/// in the greenlet's own memory, and asked only then. See [`Builder::label`](crate::Builder::label).
pub trait Label: 'static {
    /// The name, if it has one.
    fn label(&self) -> Option<String>;
}

/// It has no name.
impl Label for () {
    fn label(&self) -> Option<String> {
        None
    }
}

/// A handle of a greenlet, and a look at its data or a part of them.
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
    /// In the greenlet's memory, or something that lives as long.
    data: NonNull<D>,
}

impl<D: ?Sized> Attached<D> {
    /// The greenlet.
    #[inline]
    pub fn greenlet(&self) -> &RawGreenlet {
        &self.greenlet
    }

    /// A handle that looks at a part of the data, or at them as something more general.
    #[inline]
    pub fn map<U: ?Sized>(self, part: impl for<'a> FnOnce(&'a D) -> &'a U) -> Attached<U> {
        // What a shared borrow of the data leads to is there as long as the borrow is, and this one
        // lasts as long as there are handles: the data are neither moved nor borrowed otherwise.
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

    /// Of a greenlet that was just made, without asking for the type of its data.
    ///
    /// # Safety
    /// It was made with a `D`.
    #[inline]
    pub(crate) unsafe fn of_new(greenlet: RawGreenlet) -> Self {
        // SAFETY: by this function's contract.
        let data = unsafe { data_of::<D>(greenlet.core()) };
        let data = NonNull::from(data);
        Attached { greenlet, data }
    }
}

impl RawGreenlet {
    /// What was attached to the greenlet when it was made, if it is a `D`.
    #[inline]
    pub fn data<D: Data>(&self) -> Option<&D> {
        let core = self.core();
        if (core.table.data_type)() != TypeId::of::<D>() {
            return None;
        }
        // SAFETY: the table says that a `D` follows the core.
        Some(unsafe { data_of(core) })
    }

    /// The [part](Data::part) of what was attached to the greenlet that is meant for others, if it is a `P`.
    pub fn part<P: 'static>(&self) -> Option<&P> {
        let core = self.core();
        // SAFETY: the table is the core's own, and its data are there as long as there are handles.
        let part = unsafe { (core.table.part)(core) };
        part?.downcast_ref()
    }

    /// What the greenlet is to those who made it, if it is more than a greenlet: an object of a subclass, in Python.
    /// See [`Data::object`].
    pub fn object(&self) -> Option<Box<dyn Object>> {
        (self.core().table.object)(self)
    }
}

impl<D: ?Sized> Deref for Attached<D> {
    type Target = D;

    #[inline]
    fn deref(&self) -> &D {
        // SAFETY: what it looks at lives as long as there are handles of the greenlet, and `greenlet` is
        // one.
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
    /// There as long as the core says so.
    function: UnsafeCell<MaybeUninit<F>>,
}

/// What a greenlet runs.
pub(crate) trait Run<D>: FnOnce(&D, Value) -> Result<Value, Exception> + 'static {}

impl<D, F: FnOnce(&D, Value) -> Result<Value, Exception> + 'static> Run<D> for F {}

/// What must know the types of a greenlet's data and function. All pointers are to the core of a greenlet
/// made with this table, from [`whole`].
pub(crate) struct TypeTable {
    data_type: fn() -> TypeId,
    /// Takes the function out and calls it.
    run: unsafe fn(*mut GreenletCore, Value) -> Result<Value, Exception>,
    drop_function: unsafe fn(*mut GreenletCore),
    unrun: fn(&RawGreenlet, &mut Option<Exception>),
    object: fn(&RawGreenlet) -> Option<Box<dyn Object>>,
    /// The greenlet's data are there.
    part: unsafe fn(&GreenletCore) -> Option<&dyn Any>,
    /// The greenlet's data are there.
    label: unsafe fn(*mut GreenletCore) -> Option<String>,
    /// The label's, too. None: there is nothing to do.
    drop_data: Option<unsafe fn(*mut GreenletCore)>,
    /// Gives the memory back.
    free: unsafe fn(*mut GreenletCore),
}

impl<D: Data, N: Label, F: Run<D>> Body<D, N, F> {
    const TABLE: &'static TypeTable = &TypeTable {
        data_type: TypeId::of::<D>,
        run: |core, value| {
            // SAFETY: the table's; the caller has taken the function off the core's record, so this is
            // the only read of it. The data stay while the greenlet is on its stack.
            unsafe {
                let body = core.cast::<Body<D, N, F>>();
                let function = (*(*body).function.get()).assume_init_read();
                function(&(*body).front.data, value)
            }
        },
        drop_function: |core| {
            // SAFETY: as above.
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
            // SAFETY: the table's; nobody borrows the data mutably before they are dropped.
            unsafe { &(*whole(core).cast::<Front<D>>()).data }.part()
        },
        label: |core| {
            // SAFETY: the table's; the label is there as long as the data are, and nobody changes it.
            unsafe { (*core.cast::<Body<D, N, F>>()).label.label() }
        },
        drop_data: if std::mem::needs_drop::<(D, N)>() {
            Some(|core| {
                // SAFETY: the table's; the caller sees to it that nobody borrows data or label any more.
                unsafe {
                    let body = core.cast::<Body<D, N, F>>();
                    // It goes even if the destructor of the data panics.
                    let _label = ManuallyDrop::take(&mut (*body).label);
                    ManuallyDrop::drop(&mut (*body).front.data);
                }
            })
        } else {
            None
        },
        free: |core| {
            // SAFETY: the table's; it came out of such a box.
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
    // Nothing unwinds from here on: so none of them needs a place on the stack from which it could be dropped.
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
            (&raw mut (*body).function)
                .cast::<ManuallyDrop<F>>()
                .write(function);
        }
    }
    let core = body.cast::<GreenletCore>();
    // For `whole`.
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
/// They are a `D`.
#[inline]
unsafe fn data_of<D>(core: &GreenletCore) -> &D {
    // SAFETY: `Front` has it there. It is dropped when the last handle is gone, and nobody borrows it mutably before.
    unsafe { &(*whole(core).cast::<Front<D>>()).data }
}

/// What the greenlet's label says.
pub(crate) fn label(greenlet: &RawGreenlet) -> Option<String> {
    let core = greenlet.core();
    // SAFETY: the table is the core's own, and its data are there as long as there are handles.
    unsafe { (core.table.label)(whole(core)) }
}

/// Calls the function of a greenlet; none if it has none any more.
///
/// # Safety
/// It is the greenlet that runs.
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

/// The same for a greenlet that somebody has a handle of: its data are told first. They may do anything, be unwound too;
/// the function goes all the same.
pub(crate) fn abandon_function(core: &GreenletCore, reason: &mut Option<Exception>) {
    /// Drops the function, at last.
    struct Abandoned<'a>(&'a GreenletCore);

    impl Drop for Abandoned<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                // One panic is enough.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop_function(self.0))) {
                    unwind::discard(payload);
                }
            } else {
                drop_function(self.0);
            }
        }
    }

    if core.has_function.get() {
        // SAFETY: it is not freed.
        let greenlet = unsafe { RawGreenlet::from_core(NonNull::from(core)) };
        let abandoned = Abandoned(core);
        (core.table.unrun)(&greenlet, reason);
        drop(abandoned);
    }
}

/// Tells the data of a greenlet whose stack was given up that its function will not end.
pub(crate) fn given_up(greenlet: &RawGreenlet) {
    let tell = || pinned(|| (greenlet.core().table.unrun)(greenlet, &mut None));
    // Nothing may unwind here any more.
    std::mem::forget(catch_unwind(AssertUnwindSafe(tell)));
}

/// Whether dropping the greenlet's memory is all that there is to do.
#[inline]
pub(crate) fn is_plain(core: &GreenletCore) -> bool {
    !core.has_function.get() && core.table.drop_data.is_none()
}

/// Drops the data of a greenlet.
///
/// # Safety
/// Once, when nobody has a handle of it any more and it is not on its stack.
pub(crate) unsafe fn drop_data(core: &GreenletCore) {
    if let Some(drop_data) = core.table.drop_data {
        // SAFETY: the table is the core's own; the rest is the caller's.
        unsafe { drop_data(whole(core)) }
    }
}

/// Gives the memory back.
///
/// # Safety
/// No handle, list, stack or weak reference names the greenlet; function and data are dropped.
pub(crate) unsafe fn free(pointer: NonNull<GreenletCore>) {
    // SAFETY: the table is the core's own; the rest is the caller's.
    unsafe {
        let core = pointer.as_ref();
        let (free, core) = (core.table.free, whole(core));
        free(core);
    }
}
