//! `set_syserr_cb`: the function that is called when a system call fails inside libev.

use std::io;
use std::sync::Arc;

use hub::core::SyserrCallback;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors::print;

/// With `None`, the error goes to the loop's error handler, as a `SystemError`.
#[pyfunction]
#[pyo3(signature = (callback))]
fn set_syserr_cb(py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<()> {
    if let Some(callback) = &callback {
        let callback = callback.bind(py);
        if !callback.is_callable() {
            let text = format!("Expected callable or None, got {}", callback.repr()?);
            return Err(PyTypeError::new_err(text));
        }
    }
    hub::core::set_syserr_cb(callback.map(|callback| -> SyserrCallback {
        Arc::new(move |message: &str, error: io::Error| {
            Python::attach(|py| {
                let number = error.raw_os_error().unwrap_or(0);
                if let Err(error) = callback.call1(py, (message.as_bytes(), number)) {
                    print(py, &error);
                }
            });
        })
    }));
    Ok(())
}

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(set_syserr_cb, m)?)
}
