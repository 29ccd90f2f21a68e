//! `hub::core`'s errors as Python's, and Python's on their way through `hub::core`.

use std::fmt;

use greenlet_core::Exception;
use hub::core::{Error, HubDestroyed, LoopDestroyed};
use pyo3::exceptions::{
    PyAttributeError, PyBaseException, PyOSError, PyRuntimeError, PySystemError, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The error that gevent raises.
pub(crate) fn to_py(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Destroyed(_)
        | Error::InvalidFlag(_)
        | Error::UnsupportedBackend(_)
        | Error::IllegalTime(_)
        | Error::IllegalSignal(_)
        | Error::IllegalPath(_) => PyValueError::new_err(text),
        Error::IllegalEvents(events) => PyValueError::new_err(format!("illegal event mask: {}", events.0.bits())),
        Error::BadFd(bad) if bad.fd < 0 => PyValueError::new_err(format!("fd must be non-negative: {}", bad.fd)),
        // Python chooses the class and the message by the number.
        Error::BadFd(bad) => match bad.source.raw_os_error() {
            Some(number) => PyOSError::new_err((number, text)),
            None => PyOSError::new_err(text),
        },
        Error::CannotCreateLoop(_) | Error::DefaultLoopInUse(_) | Error::SignalInUse(_) => PySystemError::new_err(text),
        Error::NotDefaultLoop(_) => PyTypeError::new_err(text),
        Error::WatcherInUse(_) | Error::NoInternals(_) => PyAttributeError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

pub(crate) fn destroyed(error: LoopDestroyed) -> PyErr {
    to_py(error.into())
}

/// For what only a loop's own thread can do.
pub(crate) fn other_thread() -> PyErr {
    PyRuntimeError::new_err("the loop belongs to another thread")
}

/// An exception that Python code has raised in a callback, with the Python object that gevent's `handle_error` is to
/// get.
pub(crate) struct Raised {
    pub(crate) error: PyErr,
    pub(crate) context: Py<PyAny>,
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Raised {}

/// The exception as `hub::core` takes it. Its own `HubDestroyed` ends the run, as gevent's does.
pub(crate) fn raised(py: Python<'_>, error: PyErr, context: Py<PyAny>) -> Exception {
    if is_hub_destroyed(py, error.get_type(py).as_any()) {
        Exception::new(HubDestroyed)
    } else {
        Exception::new(Raised { error, context })
    }
}

/// Whether this is the class `gevent.exceptions.HubDestroyed`.
pub(crate) fn is_hub_destroyed(py: Python<'_>, class: &Bound<'_, PyAny>) -> bool {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let its = CLASS.import(py, "gevent.exceptions", "HubDestroyed");
    its.is_ok_and(|its| its.is(class))
}

/// Prints an exception that no handler takes.
pub(crate) fn print(py: Python<'_>, error: &PyErr) {
    let value: &Bound<'_, PyBaseException> = error.value(py);
    let traceback = py.import("traceback");
    let printed = traceback.and_then(|module| module.call_method1("print_exception", (value,)));
    if let Err(another) = printed {
        another.write_unraisable(py, None);
    }
}
