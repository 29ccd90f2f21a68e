//! The class `io`.

use hub::core::{Events, Io};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Kind, PyWatcher};
use crate::constants::events_mark;
use crate::errors::to_py;
use crate::event_loop::PyLoop;

#[pyclass(name = "io", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PyIo;

fn io<R>(slf: &Bound<'_, PyIo>, f: impl FnOnce(&Io) -> R) -> PyResult<R> {
    match &*slf.as_super().get().kind()? {
        Kind::Io(io) => Ok(f(io)),
        _ => unreachable!("PyIo::new makes no other kind"),
    }
}

#[pymethods]
impl PyIo {
    #[new]
    #[pyo3(signature = (r#loop, fd, events, r#ref=true, priority=None))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        fd: i32,
        events: i32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let made = r#loop.get().core()?.io(fd, Events::from_bits(events)).map_err(to_py)?;
        let watcher = PyWatcher::make(r#loop, Kind::Io(made), r#ref, priority)?;
        Ok(PyClassInitializer::from(watcher).add_subclass(PyIo))
    }

    #[pyo3(signature = (callback, *args, pass_events=false))]
    fn start(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        pass_events: bool,
    ) -> PyResult<()> {
        if !pass_events {
            return PyWatcher::start_plain(slf.as_super(), callback, args);
        }
        let mark = events_mark(slf.py())?.clone();
        let all: Vec<_> = std::iter::once(mark).chain(args.iter()).collect();
        PyWatcher::start_plain(slf.as_super(), callback, &PyTuple::new(slf.py(), all)?)
    }

    #[getter]
    fn get_fd(slf: &Bound<'_, Self>) -> PyResult<i32> {
        io(slf, Io::fd)
    }

    #[setter]
    fn set_fd(slf: &Bound<'_, Self>, fd: i32) -> PyResult<()> {
        io(slf, |io| io.set_fd(fd))?.map_err(to_py)
    }

    #[getter]
    fn get_events(slf: &Bound<'_, Self>) -> PyResult<i32> {
        io(slf, |io| io.events().bits())
    }

    #[setter]
    fn set_events(slf: &Bound<'_, Self>, events: i32) -> PyResult<()> {
        io(slf, |io| io.set_events(Events::from_bits(events)))?.map_err(to_py)
    }

    #[getter]
    fn events_str(slf: &Bound<'_, Self>) -> PyResult<String> {
        io(slf, Io::events_str)
    }
}
