//! The attributes and methods that all watchers have.

use hub::core::Events;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::{Kind, PyWatcher, is_callable_or_none};
use crate::errors::to_py;
use crate::event_loop::PyLoop;

/// gevent's bits of `_flags`.
const OWNS_PYREF: u32 = 1;
const NEEDS_EVREF: u32 = 2;
const UNREF_BEFORE_START: u32 = 4;

#[pymethods]
impl PyWatcher {
    #[getter]
    fn r#loop(&self, py: Python<'_>) -> Py<PyLoop> {
        self.loop_.clone_ref(py)
    }

    #[getter]
    fn get_ref(&self) -> PyResult<bool> {
        Ok(self.kind()?.watcher().ref_())
    }

    #[setter]
    fn set_ref(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = value.is_truthy()?;
        self.kind()?.watcher().set_ref(value).map_err(to_py)
    }

    #[getter]
    fn get_callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.look();
        self.callback.get(py)
    }

    #[setter]
    fn set_callback(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        is_callable_or_none(callback)?;
        self.look();
        self.callback
            .set((!callback.is_none()).then(|| callback.clone().unbind()));
        Ok(())
    }

    #[getter]
    fn get_args(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.look();
        self.args.get(py)
    }

    #[setter]
    fn set_args(&self, args: Option<Py<PyTuple>>) {
        self.look();
        self.args.set(args);
    }

    #[getter]
    fn get_priority(&self) -> PyResult<i32> {
        Ok(self.kind()?.watcher().priority())
    }

    #[setter]
    fn set_priority(&self, priority: i32) -> PyResult<()> {
        self.kind()?.watcher().set_priority(priority).map_err(to_py)
    }

    #[getter]
    fn active(&self) -> PyResult<bool> {
        Ok(self.kind()?.watcher().active())
    }

    #[getter]
    fn pending(&self) -> PyResult<bool> {
        Ok(self.kind()?.watcher().pending())
    }

    #[getter]
    fn _flags(&self) -> PyResult<u32> {
        let kind = self.kind()?;
        let watcher = kind.watcher();
        let kept = if watcher.has_callback() { OWNS_PYREF } else { 0 };
        let unref = match (watcher.ref_(), watcher.active()) {
            (true, _) => 0,
            (false, true) => UNREF_BEFORE_START | NEEDS_EVREF,
            (false, false) => UNREF_BEFORE_START,
        };
        Ok(kept | unref)
    }

    #[pyo3(signature = (callback, *args))]
    fn start(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        Self::start_plain(slf, callback, args)
    }

    fn stop(&self) -> PyResult<()> {
        self.kind()?.watcher().stop().map_err(to_py)?;
        self.forget();
        Ok(())
    }

    fn close(&self) -> PyResult<()> {
        self.kind()?.watcher().close().map_err(to_py)?;
        self.forget();
        Ok(())
    }

    #[pyo3(signature = (revents, callback, *args))]
    fn feed(
        slf: &Bound<'_, Self>,
        revents: i32,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        is_callable_or_none(callback)?;
        Self::begin(slf, callback, args, |kind, fire| {
            let events = Events::from_bits(revents);
            kind.watcher().feed_pass_events(events, move |events| fire.fire(events))
        })
    }

    fn _format(&self) -> PyResult<String> {
        Ok(match &*self.kind()? {
            Kind::Io(io) => format!(" fd={} events={}", io.fd(), io.events_str()),
            Kind::Child(child) => format!(" pid={} rstatus={}", child.pid(), child.rstatus()),
            _ => String::new(),
        })
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (me, py) = (slf.get(), slf.py());
        let (class, format) = (slf.get_type().name()?, slf.call_method0("_format")?);
        let (at, native) = (slf.as_ptr().addr(), me.kind()?.watcher().address());
        let mut text = format!("<{class} at {at:#x} native={native:#x}{format}");
        if me.active()? {
            text += " active";
        }
        if me.pending()? {
            text += " pending";
        }
        if let Some(callback) = me.get_callback(py) {
            text += &format!(" callback={}", callback.bind(py).repr()?);
        }
        if let Some(args) = me.get_args(py) {
            text += &format!(" args={}", args.bind(py).repr()?);
        }
        Ok(text + ">")
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(slf: &Bound<'_, Self>, _error: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.call_method0("close").map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.loop_)?;
        self.callback.traverse(&visit)?;
        self.args.traverse(&visit)
    }

    fn __clear__(&self) {
        self.forget();
    }
}
