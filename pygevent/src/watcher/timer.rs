//! The class `timer`.

use hub::core::Timer;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Kind, PyWatcher, is_callable, is_callable_or_none};
use crate::errors::to_py;
use crate::event_loop::PyLoop;

#[pyclass(name = "timer", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PyTimer;

fn timer(kind: &Kind) -> &Timer {
    match kind {
        Kind::Timer(timer) => timer,
        _ => unreachable!("PyTimer::new makes no other kind"),
    }
}

#[pymethods]
impl PyTimer {
    #[new]
    #[pyo3(signature = (r#loop, after=0.0, repeat=0.0, r#ref=true, priority=None))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        after: f64,
        repeat: f64,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let made = r#loop.get().core()?.timer_repeat(after, repeat).map_err(to_py)?;
        let watcher = PyWatcher::make(r#loop, Kind::Timer(made), r#ref, priority)?;
        Ok(PyClassInitializer::from(watcher).add_subclass(PyTimer))
    }

    #[pyo3(signature = (callback, *args, update=None))]
    fn start(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        update: Option<bool>,
    ) -> PyResult<()> {
        let Some(update) = update else {
            return PyWatcher::start_plain(slf.as_super(), callback, args);
        };
        is_callable(callback)?;
        PyWatcher::begin(slf.as_super(), callback, args, |kind, fire| {
            timer(kind).start_update_pass_events(update, move |events| fire.fire(events))
        })
    }

    #[pyo3(signature = (callback, *args, update=true))]
    fn again(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        update: bool,
    ) -> PyResult<()> {
        is_callable_or_none(callback)?;
        PyWatcher::begin(slf.as_super(), callback, args, |kind, fire| {
            timer(kind).again_update_pass_events(update, move |events| fire.fire(events))
        })
    }

    #[getter]
    fn at(slf: &Bound<'_, Self>) -> PyResult<f64> {
        Ok(timer(&*slf.as_super().get().kind()?).at())
    }
}
