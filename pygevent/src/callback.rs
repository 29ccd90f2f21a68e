//! The class `callback`: a function that the loop calls once, soon.

use greenlet_core::Exception;
use hub::core::HubDestroyed;
use parking_lot::Mutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::raised;
use crate::gil::Held;

#[pyclass(name = "callback", module = "rustloop", frozen, subclass)]
pub(crate) struct PyCallback(Mutex<Parts>);

/// The function is there until it is called, the arguments until it has returned. As for a `Slot`, the mutex is always
/// free, and what is taken out is dropped when it is free again. One mutex costs less than two slots.
struct Parts {
    callback: Option<Py<PyAny>>,
    args: Option<Py<PyTuple>>,
}

impl Parts {
    fn begin(&mut self, py: Python<'_>) -> Option<(Py<PyAny>, Py<PyTuple>)> {
        let args = self.args.as_ref()?;
        Some((self.callback.take()?, args.clone_ref(py)))
    }
}

/// What the loop's queue calls.
pub(crate) fn run(this: Held<PyCallback>) -> Result<(), Exception> {
    Python::attach(|py| {
        let this = this.into_inner(py);
        let me = this.get();
        let begun = me.0.lock().begin(py);
        let Some((callback, args)) = begun else { return Ok(()) };
        let Err(error) = callback.into_bound(py).call1(args.into_bound(py)) else {
            me.over();
            return Ok(());
        };
        let exception = raised(py, error, this.clone_ref(py).into_any());
        if exception.is::<HubDestroyed>() {
            // No error handler gets it, which would call `over`.
            me.over();
        }
        Err(exception)
    })
}

impl PyCallback {
    /// Called when the error handler has returned: until then, the callback counts as running.
    pub(crate) fn over(&self) {
        let old = self.0.lock().args.take();
        drop(old);
    }
}

#[pymethods]
impl PyCallback {
    #[new]
    pub(crate) fn new(callback: Option<Py<PyAny>>, args: Option<Py<PyTuple>>) -> PyCallback {
        PyCallback(Mutex::new(Parts { callback, args }))
    }

    fn stop(&self) {
        let none = Parts {
            callback: None,
            args: None,
        };
        let old = std::mem::replace(&mut *self.0.lock(), none);
        drop(old);
    }

    fn close(&self) {
        self.stop();
    }

    /// Pending or running.
    fn __bool__(&self) -> bool {
        self.0.lock().args.is_some()
    }

    #[getter]
    fn pending(&self) -> bool {
        self.0.lock().callback.is_some()
    }

    #[getter]
    fn get_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.0.lock().callback.as_ref().map(|callback| callback.clone_ref(py))
    }

    #[setter]
    fn set_callback(&self, callback: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.0.lock().callback, callback);
        drop(old);
    }

    #[getter]
    fn get_args(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.0.lock().args.as_ref().map(|args| args.clone_ref(py))
    }

    #[setter]
    fn set_args(&self, args: Option<Py<PyTuple>>) {
        let old = std::mem::replace(&mut self.0.lock().args, args);
        drop(old);
    }

    fn _format(&self) -> &'static str {
        ""
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (me, py) = (slf.get(), slf.py());
        let (class, format) = (slf.get_type().name()?, slf.call_method0("_format")?);
        let mut text = format!("<{class} at {:#x}{format}", slf.as_ptr().addr());
        let (callback, args) = (me.get_callback(py), me.get_args(py));
        if callback.is_none() && args.is_none() {
            text += " stopped";
        }
        if let Some(callback) = callback {
            text += &format!(" pending callback={}", callback.bind(py).repr()?);
        }
        if let Some(args) = args {
            text += &format!(" args={}", args.bind(py).repr()?);
        }
        Ok(text + ">")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let parts = self.0.lock();
        visit.call(&parts.callback)?;
        visit.call(&parts.args)
    }

    fn __clear__(&self) {
        self.stop();
    }
}

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyCallback>()
}
