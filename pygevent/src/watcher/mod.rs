//! The class `watcher`, whose attributes and methods all watchers have. Each subclass has a file of its own, but for
//! those without any attribute, which are in `plain.rs`.

mod attributes;
mod io;
mod others;
mod plain;
mod stat;
mod timer;

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use greenlet_core::Exception;
use hub::core::{Async, Check, Child, Error, Events, Fork, Idle, Io, Prepare, Signal, Stat, Timer, Watcher};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::constants::events_mark;
use crate::errors::{other_thread, raised, to_py};
use crate::event_loop::PyLoop;
use crate::gil::{Held, is_python_thread};
use crate::home::Owned;
use crate::slot::Slot;

pub(crate) use io::PyIo;
pub(crate) use others::{PyAsync, PyChild, PySignal};
pub(crate) use plain::{PyCheck, PyFork, PyIdle, PyPrepare};
pub(crate) use stat::PyStat;
pub(crate) use timer::PyTimer;

/// A watcher of `hub::core`.
pub(crate) enum Kind {
    Io(Io),
    Timer(Timer),
    Signal(Signal),
    Idle(Idle),
    Prepare(Prepare),
    Check(Check),
    Fork(Fork),
    Async(Async),
    Child(Child),
    Stat(Stat),
}

impl Kind {
    fn watcher(&self) -> &Watcher {
        match self {
            Kind::Io(watcher) => watcher,
            Kind::Timer(watcher) => watcher,
            Kind::Signal(watcher) => watcher,
            Kind::Idle(watcher) => watcher,
            Kind::Prepare(watcher) => watcher,
            Kind::Check(watcher) => watcher,
            Kind::Fork(watcher) => watcher,
            Kind::Async(watcher) => watcher,
            Kind::Child(watcher) => watcher,
            Kind::Stat(watcher) => watcher,
        }
    }
}

#[pyclass(name = "watcher", module = "rustloop", frozen, subclass)]
pub(crate) struct PyWatcher {
    loop_: Py<PyLoop>,
    kind: Owned<Kind>,
    callback: Slot<PyAny>,
    args: Slot<PyTuple>,
    /// The number of the start that has set the two above.
    starts: AtomicU64,
    /// Whether the watcher has not been stopped since.
    is_started: AtomicBool,
}

/// What a started watcher calls. As in gevent, a started watcher keeps its Python object, and a stopped one has neither
/// callback nor arguments.
struct Fire {
    object: Held<PyWatcher>,
    start: u64,
}

impl Fire {
    fn fire(&self, events: Events) -> Result<(), Exception> {
        Python::attach(|py| {
            // The watcher may be started anew by its own callback, which drops `self`.
            let object = self.object.clone_ref(py);
            object.get().loop_.get().check_signals(py);
            match object.get().call(py, events) {
                Ok(()) => {
                    object.get().returned();
                    Ok(())
                }
                Err(error) => Err(raised(py, error, object.into_any())),
            }
        })
    }
}

impl Drop for Fire {
    /// The watcher was stopped, perhaps by libev, or started anew.
    fn drop(&mut self) {
        let object = self.object.get();
        // If the thread ends, the object is dropped later, with all that it has.
        if is_python_thread() && object.starts.load(Ordering::Relaxed) == self.start {
            object.stopped();
        }
    }
}

impl PyWatcher {
    fn make(loop_: &Bound<'_, PyLoop>, kind: Kind, ref_: bool, priority: Option<i32>) -> PyResult<PyWatcher> {
        let watcher = kind.watcher();
        if !ref_ {
            watcher.set_ref(false).map_err(to_py)?;
        }
        if let Some(priority) = priority {
            watcher.set_priority(priority).map_err(to_py)?;
        }
        Ok(PyWatcher {
            loop_: loop_.clone().unbind(),
            kind: Owned::new(kind),
            callback: Slot::new(None),
            args: Slot::new(None),
            starts: AtomicU64::new(0),
            is_started: AtomicBool::new(false),
        })
    }

    fn kind(&self) -> PyResult<Rc<Kind>> {
        self.kind.get().ok_or_else(other_thread)
    }

    /// Takes callback and arguments, and has `start` start the watcher with the function that calls them.
    fn begin(
        slf: &Bound<'_, Self>,
        callback: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        start: impl FnOnce(&Kind, Fire) -> Result<(), Error>,
    ) -> PyResult<()> {
        let (me, kind) = (slf.get(), slf.get().kind()?);
        if me.loop_.get().core()?.destroyed() {
            return Err(to_py(hub::core::LoopDestroyed.into()));
        }
        let fire = Fire {
            object: Held::new(slf.clone().unbind()),
            start: me.starts.fetch_add(1, Ordering::Relaxed) + 1,
        };
        me.callback
            .set((!callback.is_none()).then(|| callback.clone().unbind()));
        me.args.set(Some(args.clone().unbind()));
        me.is_started.store(true, Ordering::Relaxed);
        start(&kind, fire).map_err(to_py)
    }

    fn start_plain(slf: &Bound<'_, Self>, callback: &Bound<'_, PyAny>, args: &Bound<'_, PyTuple>) -> PyResult<()> {
        is_callable(callback)?;
        Self::begin(slf, callback, args, |kind, fire| {
            kind.watcher().start_pass_events(move |events| fire.fire(events))
        })
    }

    fn call(&self, py: Python<'_>, events: Events) -> PyResult<()> {
        let callback = self.callback.get(py);
        let callback = callback.map_or_else(|| py.None().into_bound(py), |callback| callback.into_bound(py));
        let args = match self.args.get(py) {
            Some(args) => args.into_bound(py),
            None => PyTuple::empty(py),
        };
        let passes_events = match args.get_item(0) {
            Ok(first) => first.is(events_mark(py)?),
            Err(_) => false,
        };
        if passes_events {
            let events = events.bits().into_pyobject(py)?.into_any();
            let all: Vec<_> = std::iter::once(events).chain(args.iter().skip(1)).collect();
            callback.call1(PyTuple::new(py, all)?)?;
        } else {
            callback.call1(args)?;
        }
        Ok(())
    }

    /// Drops callback and arguments, unless that was done, and others set by hand since.
    fn stopped(&self) {
        if self.is_started.load(Ordering::Relaxed) {
            self.forget();
        }
    }

    /// Called when a call of the callback is over, and the error handler has returned. As in gevent, a stopped watcher
    /// has no arguments then, even if it was given some since it was stopped.
    pub(crate) fn returned(&self) {
        if let Some(kind) = self.kind.get()
            && !kind.watcher().has_callback()
        {
            self.forget();
        }
    }

    fn forget(&self) {
        self.is_started.store(false, Ordering::Relaxed);
        let gone = (self.callback.take(), self.args.take());
        drop(gone);
    }

    /// Notices that the watcher was stopped while a call of it was parked in some greenlet: `Fire` is not dropped then.
    fn look(&self) {
        if self.is_started.load(Ordering::Relaxed)
            && let Some(kind) = self.kind.get()
            && !kind.watcher().has_callback()
        {
            self.stopped();
        }
    }
}

/// gevent's check in `start`.
fn is_callable(callback: &Bound<'_, PyAny>) -> PyResult<()> {
    if callback.is_callable() {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "Expected callable, not {}",
        callback.repr()?
    )))
}

/// gevent's check where no callback is one, too.
fn is_callable_or_none(callback: &Bound<'_, PyAny>) -> PyResult<()> {
    if callback.is_none() {
        Ok(())
    } else {
        is_callable(callback)
    }
}

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyWatcher>()?;
    m.add_class::<PyIo>()?;
    m.add_class::<PyTimer>()?;
    m.add_class::<PySignal>()?;
    m.add_class::<PyIdle>()?;
    m.add_class::<PyPrepare>()?;
    m.add_class::<PyCheck>()?;
    m.add_class::<PyFork>()?;
    m.add_class::<PyAsync>()?;
    m.add_class::<PyChild>()?;
    m.add_class::<PyStat>()
}
