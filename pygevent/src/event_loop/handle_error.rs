//! The errors of callbacks: from `hub::core`'s error handler to Python's.

use std::rc::Rc;

use greenlet_core::Exception;
use hub::Context;
use hub::core::{Break, HubDestroyed, Loop, SystemError};
use pyo3::exceptions::{PyRuntimeError, PySystemError};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::PyLoop;
use crate::callback::PyCallback;
use crate::errors::{Raised, is_hub_destroyed, print, raised, to_py};
use crate::gil::Held;
use crate::watcher::PyWatcher;

/// A reference to the Python object of a loop for what the loop itself owns.
pub(super) fn weak(this: &Bound<'_, PyLoop>) -> PyResult<Held<PyWeakrefReference>> {
    Ok(Held::new(PyWeakrefReference::new(this)?.unbind()))
}

pub(super) fn upgrade(py: Python<'_>, weak: &Py<PyWeakrefReference>) -> Option<Py<PyLoop>> {
    Some(weak.bind(py).upgrade()?.cast_into().ok()?.unbind())
}

/// Has `hub::core` call the loop's `handle_error`.
pub(super) fn install(this: &Bound<'_, PyLoop>, core: &Loop) -> PyResult<()> {
    let its = weak(this)?;
    let handler = move |_: Context<'_>, exception: Exception| {
        Python::attach(|py| deliver(py, upgrade(py, &its), &exception));
    };
    core.set_error_handler(Some(Rc::new(handler)));
    Ok(())
}

/// Gives an error, which concerns `context`, to the loop's error handler by way of `hub::core`.
pub(super) fn report(py: Python<'_>, core: &Loop, error: PyErr, context: Py<PyAny>) {
    core.handle_error(Context::None, raised(py, error, context));
}

fn deliver(py: Python<'_>, this: Option<Py<PyLoop>>, exception: &Exception) {
    let (error, context) = match exception.downcast_ref::<Raised>() {
        Some(raised) => (raised.error.clone_ref(py), raised.context.bind(py).clone()),
        None => (from_core(py, exception), py.None().into_bound(py)),
    };
    let Some(this) = this else {
        return print(py, &error);
    };
    let arguments = (&context, error.get_type(py), error.value(py), error.traceback(py));
    // A subclass may have a `handle_error` of its own.
    if let Err(another) = this.bind(py).call_method1("handle_error", arguments) {
        print(py, &another);
    }
    if let Ok(callback) = context.cast::<PyCallback>() {
        callback.get().over();
    } else if let Ok(watcher) = context.cast::<PyWatcher>() {
        watcher.get().returned();
    }
}

/// An error that is not Python's.
fn from_core(py: Python<'_>, exception: &Exception) -> PyErr {
    let Some(system) = exception.downcast_ref::<SystemError>() else {
        return PyRuntimeError::new_err(exception.to_string());
    };
    let number = system.source.raw_os_error();
    let os = py.import("os").and_then(|os| os.call_method1("strerror", (number,)));
    let text = os.map_or_else(|_| system.source.to_string(), |text| text.to_string());
    PySystemError::new_err(format!("{}: {text}", system.message))
}

#[pymethods]
impl PyLoop {
    #[getter]
    fn get_error_handler(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.error_handler.get(py)
    }

    #[setter]
    fn set_error_handler(&self, handler: Option<Py<PyAny>>) {
        self.error_handler.set(handler);
    }

    #[pyo3(signature = (context, r#type, value, tb))]
    fn handle_error(
        slf: &Bound<'_, Self>,
        context: Bound<'_, PyAny>,
        r#type: Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        tb: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (me, py) = (slf.get(), slf.py());
        if is_hub_destroyed(py, &r#type) {
            let core = me.core()?;
            core.handle_error(Context::None, Exception::new(HubDestroyed));
            return Ok(());
        }
        let Some(handler) = me.error_handler.get(py) else {
            slf.call_method1("_default_handle_error", (context, r#type, value, tb))?;
            return Ok(());
        };
        let handler = handler.bind(py);
        // The hub's method is looked up each time: it may be replaced.
        let function = handler.getattr_opt("handle_error")?;
        let function = function.unwrap_or_else(|| handler.clone());
        function.call1((context, r#type, value, tb)).map(drop)
    }

    fn _default_handle_error(
        &self,
        py: Python<'_>,
        _context: &Bound<'_, PyAny>,
        r#type: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        tb: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let traceback = py.import("traceback")?;
        traceback.call_method1("print_exception", (r#type, value, tb))?;
        // The loop may be destroyed.
        if let Err(hub::core::Error::Uninterruptible(error)) = self.core()?.break_(Break::One) {
            return Err(to_py(error.into()));
        }
        Ok(())
    }
}
