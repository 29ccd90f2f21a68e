//! The class `callback`: a function that the loop calls once, soon.

use greenlet_core::Exception;
use hub::core::HubDestroyed;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::errors::raised;
use crate::gil::Held;
use crate::slot::Slot;

/// The function is there until it is called, the arguments until it has returned.
#[pyclass(name = "callback", module = "rustloop", frozen, subclass)]
pub(crate) struct PyCallback {
    callback: Slot<PyAny>,
    args: Slot<PyTuple>,
}

/// What the loop's queue calls.
pub(crate) fn run(this: Held<PyCallback>) -> Result<(), Exception> {
    Python::attach(|py| {
        let this = this.into_inner(py);
        let me = this.get();
        let Some(args) = me.args.get(py) else { return Ok(()) };
        let Some(callback) = me.callback.take() else {
            return Ok(());
        };
        let Err(error) = callback.into_bound(py).call1(args.into_bound(py)) else {
            me.args.set(None);
            return Ok(());
        };
        let exception = raised(py, error, this.clone_ref(py).into_any());
        if exception.is::<HubDestroyed>() {
            // No error handler gets it, so `over` is not called.
            me.args.set(None);
        }
        Err(exception)
    })
}

impl PyCallback {
    /// Called when the error handler has returned: until then, the callback counts as running.
    pub(crate) fn over(&self) {
        self.args.set(None);
    }
}

#[pymethods]
impl PyCallback {
    #[new]
    pub(crate) fn new(callback: Option<Py<PyAny>>, args: Option<Py<PyTuple>>) -> PyCallback {
        PyCallback {
            callback: Slot::new(callback),
            args: Slot::new(args),
        }
    }

    fn stop(&self) {
        self.callback.set(None);
        self.args.set(None);
    }

    fn close(&self) {
        self.stop();
    }

    /// Pending or running.
    fn __bool__(&self) -> bool {
        self.args.is_set()
    }

    #[getter]
    fn pending(&self) -> bool {
        self.callback.is_set()
    }

    #[getter]
    fn get_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.callback.get(py)
    }

    #[setter]
    fn set_callback(&self, callback: Option<Py<PyAny>>) {
        self.callback.set(callback);
    }

    #[getter]
    fn get_args(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.args.get(py)
    }

    #[setter]
    fn set_args(&self, args: Option<Py<PyTuple>>) {
        self.args.set(args);
    }

    fn _format(&self) -> &'static str {
        ""
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (me, py) = (slf.get(), slf.py());
        let (class, format) = (slf.get_type().name()?, slf.call_method0("_format")?);
        let mut text = format!("<{class} at {:#x}{format}", slf.as_ptr().addr());
        let (callback, args) = (me.callback.get(py), me.args.get(py));
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
        self.callback.traverse(&visit)?;
        self.args.traverse(&visit)
    }

    fn __clear__(&self) {
        self.stop();
    }
}

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyCallback>()
}
