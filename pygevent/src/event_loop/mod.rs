//! The class `loop`: making, running and ending it. `make.rs` makes watchers and callbacks, `info.rs` has the
//! attributes, `handle_error.rs` the errors of callbacks.

mod handle_error;
mod info;
mod make;

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use hub::core::{Break, Loop, LoopDestroyed, Run, ThreadsafeLoop};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::constants::flags_of;
use crate::errors::{destroyed, other_thread, to_py};
use crate::gil;
use crate::home::Owned;
use crate::slot::Slot;

#[pyclass(name = "loop", module = "rustloop", frozen, subclass, weakref)]
pub(crate) struct PyLoop {
    core: Owned<Loop>,
    remote: ThreadsafeLoop,
    /// Another thread has called `destroy`.
    destroyed_elsewhere: AtomicBool,
    error_handler: Slot<PyAny>,
    /// Python's signals are looked for if this is the default loop.
    checks_signals: bool,
}

impl PyLoop {
    /// The loop, on its own thread.
    pub(crate) fn core(&self) -> PyResult<Rc<Loop>> {
        self.core
            .get()
            .ok_or_else(|| self.remote().map_or_else(destroyed, |_| other_thread()))
    }

    /// The loop, for other threads.
    fn remote(&self) -> Result<&ThreadsafeLoop, LoopDestroyed> {
        if self.destroyed_elsewhere.load(Ordering::Relaxed) || self.remote.destroyed() {
            Err(LoopDestroyed)
        } else {
            Ok(&self.remote)
        }
    }

    /// Calls Python's signal handlers, if signals have come. gevent does so at each event, too.
    pub(crate) fn check_signals(&self, py: Python<'_>) {
        if self.checks_signals
            && let Err(error) = py.check_signals()
            && let Ok(core) = self.core()
        {
            handle_error::report(py, &core, error, py.None());
        }
    }
}

#[pymethods]
impl PyLoop {
    #[new]
    #[pyo3(signature = (flags=None, default=None))]
    fn new(py: Python<'_>, flags: Option<&Bound<'_, PyAny>>, default: Option<&Bound<'_, PyAny>>) -> PyResult<PyLoop> {
        gil::bury(py);
        let default = default.map_or(Ok(true), |default| default.is_truthy())?;
        let core = Loop::new(flags_of(flags)?, default).map_err(to_py)?;
        gil::give_up_for_waits(&core).map_err(to_py)?;
        Ok(PyLoop {
            remote: core.threadsafe(),
            core: Owned::new(core),
            destroyed_elsewhere: AtomicBool::new(false),
            error_handler: Slot::new(None),
            checks_signals: default,
        })
    }

    #[pyo3(signature = (flags=None, default=None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        flags: Option<&Bound<'_, PyAny>>,
        default: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        // `new` has used them.
        let _ = (flags, default);
        let core = slf.get().core()?;
        handle_error::install(slf, &core)?;
        if slf.get().checks_signals {
            check_signals_each_round(slf, &core)?;
        }
        Ok(())
    }

    #[pyo3(signature = (nowait=false, once=false))]
    pub(crate) fn run(&self, nowait: bool, once: bool) -> PyResult<()> {
        let core = self.core()?;
        core.run_with(Run { nowait, once }).map(drop).map_err(to_py)
    }

    /// A thread may also destroy the loop of another one. Then that thread does it, as soon as it looks at its loop,
    /// and at its end at the latest; for all others the loop is destroyed at once.
    fn destroy(&self) -> PyResult<()> {
        if let Some(core) = self.core.get() {
            return core.destroy().map_err(to_py);
        }
        if let Ok(remote) = self.remote() {
            remote.destroy();
            self.destroyed_elsewhere.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    #[pyo3(signature = (how=1))]
    fn break_(&self, how: i32) -> PyResult<()> {
        self.core()?.break_(Break::from(how)).map_err(to_py)
    }

    fn reinit(&self) -> PyResult<()> {
        self.core()?.reinit().map_err(to_py)
    }

    fn r#ref(&self) -> PyResult<()> {
        self.core()?.ref_().map_err(to_py)
    }

    fn unref(&self) -> PyResult<()> {
        self.core()?.unref().map_err(to_py)
    }

    fn verify(&self) -> PyResult<()> {
        self.core()?.verify().map_err(to_py)
    }

    fn closing_fd(&self, fd: i32) -> PyResult<bool> {
        self.core()?.closing_fd(fd).map_err(to_py)
    }

    fn install_sigchld(&self) -> PyResult<()> {
        self.core()?.install_sigchld().map_err(to_py)
    }

    fn reset_sigchld(&self) -> PyResult<()> {
        self.core()?.reset_sigchld().map_err(to_py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.error_handler.traverse(&visit)
    }

    fn __clear__(&self) {
        self.error_handler.set(None);
    }
}

/// gevent looks for Python's signals before it runs the queued callbacks, whether there are any or not.
fn check_signals_each_round(slf: &Bound<'_, PyLoop>, core: &Loop) -> PyResult<()> {
    let its = handle_error::weak(slf)?;
    let hook = core.set_round_hook(move || {
        Python::attach(|py| {
            if let Some(this) = handle_error::upgrade(py, &its) {
                this.get().check_signals(py);
            }
        });
    });
    hook.map_err(to_py)
}

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyLoop>()
}
