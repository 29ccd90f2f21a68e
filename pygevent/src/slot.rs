//! [`Slot`]: an attribute of a Python object that is a Python object itself, or none.

use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// Only threads that have Python's lock use a slot, and none gives it up meanwhile: the mutex is always free.
pub(crate) struct Slot<T>(Mutex<Option<Py<T>>>);

impl<T> Slot<T> {
    pub(crate) fn new(value: Option<Py<T>>) -> Slot<T> {
        Slot(Mutex::new(value))
    }

    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<T>> {
        self.0.lock().as_ref().map(|value| value.clone_ref(py))
    }

    /// Replaces the value. Dropping the old one may run Python code.
    pub(crate) fn set(&self, value: Option<Py<T>>) {
        let old = std::mem::replace(&mut *self.0.lock(), value);
        drop(old);
    }

    pub(crate) fn take(&self) -> Option<Py<T>> {
        self.0.lock().take()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.0.lock())
    }
}
