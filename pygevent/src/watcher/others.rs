//! The classes `signal`, `async_` and `child`.

use hub::core::{AsyncSender, Child};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::{Kind, PyWatcher};
use crate::errors::to_py;
use crate::event_loop::PyLoop;

#[pyclass(name = "signal", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PySignal;

#[pymethods]
impl PySignal {
    #[new]
    #[pyo3(signature = (r#loop, signalnum, r#ref=true, priority=None))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        signalnum: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let made = r#loop.get().core()?.signal(signalnum).map_err(to_py)?;
        let watcher = PyWatcher::make(r#loop, Kind::Signal(made), r#ref, priority)?;
        Ok(PyClassInitializer::from(watcher).add_subclass(PySignal))
    }
}

#[pyclass(name = "async_", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PyAsync(AsyncSender);

#[pymethods]
impl PyAsync {
    #[new]
    #[pyo3(signature = (r#loop, r#ref=true, priority=None))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let made = r#loop.get().core()?.async_().map_err(to_py)?;
        let sender = made.sender();
        let watcher = PyWatcher::make(r#loop, Kind::Async(made), r#ref, priority)?;
        Ok(PyClassInitializer::from(watcher).add_subclass(PyAsync(sender)))
    }

    /// Any thread may send.
    fn send(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.as_super().get().kind.get().as_deref() {
            Some(Kind::Async(async_)) => async_.send().map_err(to_py),
            _ => slf
                .get()
                .0
                .send()
                .map_err(|error| PyValueError::new_err(error.to_string())),
        }
    }

    fn send_ignoring_arg(slf: &Bound<'_, Self>, _ignored: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::send(slf)
    }
}

#[pyclass(name = "child", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PyChild;

fn child<R>(slf: &Bound<'_, PyChild>, f: impl FnOnce(&Child) -> R) -> PyResult<R> {
    match &*slf.as_super().get().kind()? {
        Kind::Child(child) => Ok(f(child)),
        _ => unreachable!("PyChild::new makes no other kind"),
    }
}

#[pymethods]
impl PyChild {
    #[new]
    #[pyo3(signature = (r#loop, pid, trace=None, r#ref=true))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        pid: i32,
        trace: Option<&Bound<'_, PyAny>>,
        r#ref: bool,
    ) -> PyResult<PyClassInitializer<Self>> {
        let trace = trace.map_or(Ok(false), |trace| trace.is_truthy())?;
        let made = r#loop.get().core()?.child(pid, trace).map_err(to_py)?;
        let watcher = PyWatcher::make(r#loop, Kind::Child(made), r#ref, None)?;
        Ok(PyClassInitializer::from(watcher).add_subclass(PyChild))
    }

    #[getter]
    fn pid(slf: &Bound<'_, Self>) -> PyResult<i32> {
        child(slf, Child::pid)
    }

    #[getter]
    fn get_rpid(slf: &Bound<'_, Self>) -> PyResult<i32> {
        child(slf, Child::rpid)
    }

    #[setter]
    fn set_rpid(slf: &Bound<'_, Self>, rpid: i32) -> PyResult<()> {
        child(slf, |child| child.set_rpid(rpid))
    }

    #[getter]
    fn get_rstatus(slf: &Bound<'_, Self>) -> PyResult<i32> {
        child(slf, Child::rstatus)
    }

    #[setter]
    fn set_rstatus(slf: &Bound<'_, Self>, rstatus: i32) -> PyResult<()> {
        child(slf, |child| child.set_rstatus(rstatus))
    }
}
