//! The class `stat`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use hub::core::Stat;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::{Kind, PyWatcher};
use crate::errors::to_py;
use crate::event_loop::PyLoop;

#[pyclass(name = "stat", module = "rustloop", extends = PyWatcher, frozen, subclass)]
pub(crate) struct PyStat {
    #[pyo3(get)]
    path: Py<PyString>,
    #[pyo3(get)]
    _paths: Py<PyBytes>,
}

fn stat<R>(slf: &Bound<'_, PyStat>, f: impl FnOnce(&Stat) -> R) -> PyResult<R> {
    match &*slf.as_super().get().kind()? {
        Kind::Stat(stat) => Ok(f(stat)),
        _ => unreachable!("PyStat::new makes no other kind"),
    }
}

/// The result as `os.stat` returns it.
fn stat_result(py: Python<'_>, stat: Option<libc::stat>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let Some(s) = stat else { return Ok(None) };
    let fields = (
        s.st_mode, s.st_ino, s.st_dev, s.st_nlink, s.st_uid, s.st_gid, s.st_size, s.st_atime, s.st_mtime, s.st_ctime,
    );
    let more = PyDict::new(py);
    for (name, seconds, nanoseconds) in [
        ("atime", s.st_atime, s.st_atime_nsec),
        ("mtime", s.st_mtime, s.st_mtime_nsec),
        ("ctime", s.st_ctime, s.st_ctime_nsec),
    ] {
        more.set_item(format!("st_{name}"), seconds as f64 + nanoseconds as f64 * 1e-9)?;
        let all = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        more.set_item(format!("st_{name}_ns"), all)?;
    }
    more.set_item("st_blksize", s.st_blksize)?;
    more.set_item("st_blocks", s.st_blocks)?;
    more.set_item("st_rdev", s.st_rdev)?;
    py.import("os")?.call_method1("stat_result", (fields, more)).map(Some)
}

#[pymethods]
impl PyStat {
    #[new]
    #[pyo3(signature = (r#loop, path, interval=0.0, r#ref=true, priority=None))]
    pub(crate) fn new(
        r#loop: &Bound<'_, PyLoop>,
        path: &Bound<'_, PyString>,
        // gevent has no more than that.
        interval: f32,
        r#ref: bool,
        priority: Option<i32>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let encoding = path.py().import("sys")?.call_method0("getfilesystemencoding")?;
        let encoded = path.call_method1("encode", (encoding,))?.cast_into::<PyBytes>()?;
        let core = r#loop.get().core()?;
        let made = core.stat(OsStr::from_bytes(encoded.as_bytes()), f64::from(interval));
        let watcher = PyWatcher::make(r#loop, Kind::Stat(made.map_err(to_py)?), r#ref, priority)?;
        let this = PyStat {
            path: path.clone().unbind(),
            _paths: encoded.unbind(),
        };
        Ok(PyClassInitializer::from(watcher).add_subclass(this))
    }

    #[getter]
    fn attr<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        stat_result(slf.py(), stat(slf, Stat::attr)?)
    }

    #[getter]
    fn prev<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        stat_result(slf.py(), stat(slf, Stat::prev)?)
    }

    #[getter]
    fn interval(slf: &Bound<'_, Self>) -> PyResult<f64> {
        stat(slf, Stat::interval)
    }
}
