//! The classes `idle`, `prepare`, `check` and `fork`, which have nothing but what all watchers have.

use pyo3::prelude::*;

use super::{Kind, PyWatcher};
use crate::errors::to_py;
use crate::event_loop::PyLoop;

macro_rules! plain {
    ($class:ident, $name:literal, $kind:ident, $make:ident) => {
        #[pyclass(name = $name, module = "rustloop", extends = PyWatcher, frozen, subclass)]
        pub(crate) struct $class;

        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (r#loop, r#ref=true, priority=None))]
            pub(crate) fn new(
                r#loop: &Bound<'_, PyLoop>,
                r#ref: bool,
                priority: Option<i32>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let made = r#loop.get().core()?.$make().map_err(to_py)?;
                let watcher = PyWatcher::make(r#loop, Kind::$kind(made), r#ref, priority)?;
                Ok(PyClassInitializer::from(watcher).add_subclass($class))
            }
        }
    };
}

plain!(PyIdle, "idle", Idle, idle);
plain!(PyPrepare, "prepare", Prepare, prepare);
plain!(PyCheck, "check", Check, check);
plain!(PyFork, "fork", Fork, fork);
