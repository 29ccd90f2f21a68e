//! The methods of the class `loop` that make watchers and queue callbacks.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::PyLoop;
use crate::callback::{self, PyCallback};
use crate::errors::{destroyed, to_py};
use crate::gil::Held;
use crate::watcher::{PyAsync, PyCheck, PyChild, PyFork, PyIdle, PyIo, PyPrepare, PySignal, PyStat, PyTimer};

#[pymethods]
impl PyLoop {
    #[pyo3(signature = (fd, events, r#ref=true, priority=None))]
    fn io(slf: &Bound<'_, Self>, fd: i32, events: i32, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyIo>> {
        Py::new(slf.py(), PyIo::new(slf, fd, events, r#ref, priority)?)
    }

    #[pyo3(signature = (after, repeat=0.0, r#ref=true, priority=None))]
    fn timer(
        slf: &Bound<'_, Self>,
        after: f64,
        repeat: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<PyTimer>> {
        Py::new(slf.py(), PyTimer::new(slf, after, repeat, r#ref, priority)?)
    }

    #[pyo3(signature = (signum, r#ref=true, priority=None))]
    fn signal(slf: &Bound<'_, Self>, signum: i32, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PySignal>> {
        Py::new(slf.py(), PySignal::new(slf, signum, r#ref, priority)?)
    }

    #[pyo3(signature = (r#ref=true, priority=None))]
    fn idle(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyIdle>> {
        Py::new(slf.py(), PyIdle::new(slf, r#ref, priority)?)
    }

    #[pyo3(signature = (r#ref=true, priority=None))]
    fn prepare(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyPrepare>> {
        Py::new(slf.py(), PyPrepare::new(slf, r#ref, priority)?)
    }

    #[pyo3(signature = (r#ref=true, priority=None))]
    fn check(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyCheck>> {
        Py::new(slf.py(), PyCheck::new(slf, r#ref, priority)?)
    }

    #[pyo3(signature = (r#ref=true, priority=None))]
    fn fork(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyFork>> {
        Py::new(slf.py(), PyFork::new(slf, r#ref, priority)?)
    }

    #[pyo3(signature = (r#ref=true, priority=None))]
    fn async_(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyAsync>> {
        Py::new(slf.py(), PyAsync::new(slf, r#ref, priority)?)
    }

    /// The old name, which is a keyword now.
    #[pyo3(name = "async", signature = (r#ref=true, priority=None))]
    fn async_of_old(slf: &Bound<'_, Self>, r#ref: bool, priority: Option<i32>) -> PyResult<Py<PyAsync>> {
        Self::async_(slf, r#ref, priority)
    }

    #[pyo3(signature = (pid, trace=None, r#ref=true))]
    fn child(slf: &Bound<'_, Self>, pid: i32, trace: Option<&Bound<'_, PyAny>>, r#ref: bool) -> PyResult<Py<PyChild>> {
        Py::new(slf.py(), PyChild::new(slf, pid, trace, r#ref)?)
    }

    #[pyo3(signature = (path, interval=0.0, r#ref=true, priority=None))]
    fn stat(
        slf: &Bound<'_, Self>,
        path: &Bound<'_, PyString>,
        interval: f32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<Py<PyStat>> {
        Py::new(slf.py(), PyStat::new(slf, path, interval, r#ref, priority)?)
    }

    #[pyo3(signature = (func, *args))]
    fn run_callback(&self, py: Python<'_>, func: Py<PyAny>, args: Py<PyTuple>) -> PyResult<Py<PyCallback>> {
        let Some(core) = self.core.get() else {
            return self.run_callback_threadsafe(py, func, args);
        };
        let made = Py::new(py, PyCallback::new(Some(func), Some(args)))?;
        let queued = Held::new(made.clone_ref(py));
        core.run_callback(move || callback::run(queued)).map_err(to_py)?;
        Ok(made)
    }

    #[pyo3(signature = (func, *args))]
    fn run_callback_threadsafe(&self, py: Python<'_>, func: Py<PyAny>, args: Py<PyTuple>) -> PyResult<Py<PyCallback>> {
        let made = Py::new(py, PyCallback::new(Some(func), Some(args)))?;
        let queued = Held::new(made.clone_ref(py));
        let function = move || callback::run(queued);
        match self.core.get() {
            Some(core) => core.run_callback_threadsafe(function).map(drop).map_err(to_py)?,
            None => {
                let posted = self
                    .remote()
                    .and_then(|remote| remote.run_callback_threadsafe(function));
                posted.map(drop).map_err(destroyed)?;
            }
        }
        Ok(made)
    }
}
