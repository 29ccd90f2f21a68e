//! The attributes of the class `loop`. Another thread than the loop's own, such as gevent's monitoring thread, gets
//! those that its thread has published.

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::PyLoop;
use crate::errors::{destroyed, to_py};
use crate::watcher::PyWatcher;

#[pymethods]
impl PyLoop {
    #[getter]
    #[pyo3(name = "WatcherType")]
    fn watcher_type(&self, py: Python<'_>) -> Py<PyType> {
        py.get_type::<PyWatcher>().unbind()
    }

    #[getter]
    #[pyo3(name = "MAXPRI")]
    fn maxpri(&self) -> i32 {
        hub::core::MAXPRI
    }

    #[getter]
    #[pyo3(name = "MINPRI")]
    fn minpri(&self) -> i32 {
        hub::core::MINPRI
    }

    /// The address of libev's loop, 0 if it is destroyed.
    #[getter]
    fn ptr(&self) -> PyResult<usize> {
        Ok(self.core()?.as_ptr().map_or(0, |raw| raw.addr()))
    }

    fn now(&self) -> PyResult<f64> {
        self.core()?.now().map_err(to_py)
    }

    fn update_now(&self) -> PyResult<()> {
        self.core()?.update_now().map_err(to_py)
    }

    fn update(&self) -> PyResult<()> {
        self.update_now()
    }

    #[getter]
    fn default(&self) -> bool {
        self.remote().is_ok_and(|remote| remote.default())
    }

    #[getter]
    fn iteration(&self) -> PyResult<u32> {
        match self.core.get() {
            Some(core) => core.iteration().map_err(to_py),
            None => self.remote().and_then(|remote| remote.iteration()).map_err(destroyed),
        }
    }

    #[getter]
    fn depth(&self) -> PyResult<u32> {
        self.core()?.depth().map_err(to_py)
    }

    #[getter]
    fn backend_int(&self) -> PyResult<u32> {
        self.remote().and_then(|remote| remote.backend_int()).map_err(destroyed)
    }

    #[getter]
    fn backend(&self) -> PyResult<String> {
        self.remote().and_then(|remote| remote.backend()).map_err(destroyed)
    }

    #[getter]
    fn pendingcnt(&self) -> PyResult<u32> {
        match self.core.get() {
            Some(core) => core.pendingcnt().map_err(to_py),
            None => self.remote().and_then(|remote| remote.pendingcnt()).map_err(destroyed),
        }
    }

    #[getter]
    fn activecnt(&self) -> PyResult<i32> {
        match self.core.get() {
            Some(core) => core.activecnt().map_err(to_py),
            None => self.remote().map_err(destroyed)?.activecnt().map_err(to_py),
        }
    }

    #[getter]
    fn sig_pending(&self) -> PyResult<i32> {
        self.core()?.sig_pending().map_err(to_py)
    }

    #[getter]
    fn origflags(&self) -> PyResult<Vec<String>> {
        self.core()?.origflags().map_err(to_py)
    }

    #[getter]
    fn origflags_int(&self) -> PyResult<u32> {
        self.core()?.origflags_int().map_err(to_py)
    }

    #[getter]
    fn sigfd(&self) -> PyResult<i32> {
        let fd = self.core()?.sigfd().map_err(to_py)?;
        fd.ok_or_else(|| PyAttributeError::new_err("sigfd"))
    }

    #[getter]
    fn approx_timer_resolution(&self) -> PyResult<f64> {
        Ok(self.core()?.approx_timer_resolution())
    }

    #[getter]
    fn starting_timer_may_update_loop_time(&self) -> PyResult<bool> {
        Ok(self.core()?.starting_timer_may_update_loop_time())
    }

    fn fileno(&self) -> Option<i32> {
        match self.core.get() {
            Some(core) => core.fileno(),
            None => self.remote().ok()?.fileno(),
        }
    }

    fn _format(slf: &Bound<'_, Self>) -> PyResult<String> {
        let me = slf.get();
        let (Ok(backend), Ok(pending)) = (me.backend(), me.pendingcnt()) else {
            return Ok("destroyed".to_owned());
        };
        let default = if me.default() { " default" } else { "" };
        let details = slf.call_method0("_format_details")?;
        Ok(format!("{backend}{default} pending={pending}{details}"))
    }

    fn _format_details(&self) -> String {
        let count = self.activecnt().map(|count| format!(" ref={count}"));
        let fileno = self.fileno().map(|fd| format!(" fileno={fd}"));
        count.unwrap_or_default() + &fileno.unwrap_or_default()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (class, format) = (slf.get_type().name()?, slf.call_method0("_format")?);
        Ok(format!("<{class} at {:#x} {format}>", slf.as_ptr().addr()))
    }
}
