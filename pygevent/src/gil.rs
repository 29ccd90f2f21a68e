//! Python's global lock: a loop has it while it runs, and gives it up while it waits. [`Held`]: a Python object that a
//! loop holds.
//!
//! (gevent gives it up for the whole run, and takes it for each callback. Here nobody but the loop's thread can look at
//! a loop between two waits, and a callback costs no lock.)

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr;
use std::rc::Rc;

use hub::core::{Error, Loop, LoopRelease};
use parking_lot::Mutex;
use pyo3::ffi;
use pyo3::prelude::*;

thread_local! {
    /// The thread's state, while the lock is given up.
    static SAVED: Cell<*mut ffi::PyThreadState> = const { Cell::new(ptr::null_mut()) };
}

/// Has `loop_` give the lock up while it waits. Only [`run`](crate::event_loop::PyLoop::run) runs the loop, with the
/// lock.
pub(crate) fn give_up_for_waits(loop_: &Loop) -> Result<(), Error> {
    loop_.set_loop_release_cb(Some(Rc::new(Gil)))
}

struct Gil;

impl LoopRelease for Gil {
    fn release(&self) {
        release();
    }

    fn acquire(&self) {
        acquire();
    }
}

// pyo3 counts how often a thread has entered Python, and believes all the while that the thread has the lock. Nothing
// of pyo3's is used between these two functions, so the count may stay as it is. (`Python::detach` would set it to 0
// and restore it later, which goes wrong if the thread changes greenlets meanwhile; here it cannot.)

fn release() {
    // SAFETY: the loop is run with the lock, by this thread.
    SAVED.set(unsafe { ffi::PyEval_SaveThread() });
}

fn acquire() {
    let saved = SAVED.replace(ptr::null_mut());
    if !saved.is_null() {
        // SAFETY: `release` has saved it, on this thread, and nothing has restored it since.
        unsafe { ffi::PyEval_RestoreThread(saved) };
    }
}

/// Whether this thread is one of Python's at the moment, and so has the lock (as nothing of ours but the two functions
/// above runs without it). A thread that ends is none any more; no thread is when Python has ended.
pub(crate) fn is_python_thread() -> bool {
    // SAFETY: both may be called at any time.
    unsafe { ffi::Py_IsInitialized() != 0 && !ffi::PyGILState_GetThisThreadState().is_null() }
}

/// A Python object that something of the loop's holds. It may be dropped when the thread ends, or after Python has
/// ended.
///
/// pyo3 does not notice that: it counts the calls from Python that have not returned, and a greenlet that is parked in
/// [`run`](crate::event_loop::PyLoop::run) for ever never does.
pub(crate) struct Held<T>(ManuallyDrop<Py<T>>);

/// The objects that threads without the lock have dropped.
static GRAVES: Mutex<Vec<Py<PyAny>>> = Mutex::new(Vec::new());

impl<T> Held<T> {
    pub(crate) fn new(object: Py<T>) -> Held<T> {
        Held(ManuallyDrop::new(object))
    }

    /// The object, for a thread that has the lock.
    pub(crate) fn into_inner(self, _: Python<'_>) -> Py<T> {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: this is the only time, as `self` is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> Deref for Held<T> {
    type Target = Py<T>;

    fn deref(&self) -> &Py<T> {
        &self.0
    }
}

impl<T> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: this is the only time, and nobody uses the field afterwards.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        if is_python_thread() {
            drop(object);
        } else {
            GRAVES.lock().push(object.into_any());
        }
    }
}

/// Drops what other threads could not drop.
pub(crate) fn bury(_: Python<'_>) {
    let graves = std::mem::take(&mut *GRAVES.lock());
    drop(graves);
}
