//! The names and numbers of corecext.pyx that belong to no class: flags, events, backends, versions.

use hub::core::{Events, IntoFlags, LoopFlags};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::errors::to_py;

/// The flags that Python code may give: nothing, a number, a string, or strings.
pub(crate) fn flags_of(flags: Option<&Bound<'_, PyAny>>) -> PyResult<LoopFlags> {
    let Some(flags) = flags else {
        return Ok(LoopFlags::AUTO);
    };
    if !flags.is_truthy()? {
        return Ok(LoopFlags::AUTO);
    }
    if let Ok(number) = flags.extract::<u32>() {
        return Ok(LoopFlags::from_bits(number));
    }
    let parsed = match flags.extract::<String>() {
        Ok(names) => names.into_flags(),
        Err(_) => {
            let names = flags.try_iter()?.map(|name| name?.extract::<String>());
            names.collect::<PyResult<Vec<String>>>()?.into_flags()
        }
    };
    parsed.map_err(|error| to_py(error.into()))
}

#[pyfunction]
#[pyo3(signature = (flags))]
fn _flags_to_int(flags: Option<&Bound<'_, PyAny>>) -> PyResult<u32> {
    Ok(flags_of(flags)?.bits())
}

#[pyfunction]
fn _flags_to_list(flags: u32) -> Vec<String> {
    LoopFlags::from_bits(flags).to_list()
}

#[pyfunction]
fn _events_to_str(events: i32) -> String {
    Events::from_bits(events).to_string()
}

#[pyfunction]
fn get_version() -> String {
    hub::core::get_version()
}

#[pyfunction]
fn get_header_version() -> String {
    hub::core::get_header_version()
}

#[pyfunction]
fn supported_backends() -> Vec<String> {
    hub::core::supported_backends()
}

#[pyfunction]
fn recommended_backends() -> Vec<String> {
    hub::core::recommended_backends()
}

#[pyfunction]
fn embeddable_backends() -> Vec<String> {
    hub::core::embeddable_backends()
}

#[pyfunction]
fn time() -> f64 {
    hub::core::time()
}

/// The type of the mark that stands for the events among a watcher's arguments.
#[pyclass(frozen, module = "rustloop")]
struct _EVENTSType;

#[pymethods]
impl _EVENTSType {
    fn __repr__(&self) -> &'static str {
        "gevent.core.EVENTS"
    }
}

/// The mark: `io.start(.., pass_events=True)` puts it before the other arguments.
pub(crate) fn events_mark(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MARK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mark = MARK.get_or_try_init(py, || Py::new(py, _EVENTSType).map(Py::into_any))?;
    Ok(mark.bind(py))
}

const EVENTS: [(&str, Events); 19] = [
    ("UNDEF", Events::UNDEF),
    ("NONE", Events::NONE),
    ("READ", Events::READ),
    ("WRITE", Events::WRITE),
    ("TIMER", Events::TIMER),
    ("PERIODIC", Events::PERIODIC),
    ("SIGNAL", Events::SIGNAL),
    ("CHILD", Events::CHILD),
    ("STAT", Events::STAT),
    ("IDLE", Events::IDLE),
    ("PREPARE", Events::PREPARE),
    ("CHECK", Events::CHECK),
    ("EMBED", Events::EMBED),
    ("FORK", Events::FORK),
    ("CLEANUP", Events::CLEANUP),
    ("ASYNC", Events::ASYNC),
    ("CUSTOM", Events::CUSTOM),
    ("ERROR", Events::ERROR),
    ("READWRITE", Events::READWRITE),
];

const FLAGS: [(&str, LoopFlags); 9] = [
    ("BACKEND_PORT", LoopFlags::PORT),
    ("BACKEND_KQUEUE", LoopFlags::KQUEUE),
    ("BACKEND_EPOLL", LoopFlags::EPOLL),
    ("BACKEND_POLL", LoopFlags::POLL),
    ("BACKEND_SELECT", LoopFlags::SELECT),
    ("FORKCHECK", LoopFlags::FORKCHECK),
    ("NOINOTIFY", LoopFlags::NOINOTIFY),
    ("SIGNALFD", LoopFlags::SIGNALFD),
    ("NOSIGMASK", LoopFlags::NOSIGMASK),
];

pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(_flags_to_int, m)?)?;
    m.add_function(wrap_pyfunction!(_flags_to_list, m)?)?;
    m.add_function(wrap_pyfunction!(_events_to_str, m)?)?;
    m.add_function(wrap_pyfunction!(get_version, m)?)?;
    m.add_function(wrap_pyfunction!(get_header_version, m)?)?;
    m.add_function(wrap_pyfunction!(supported_backends, m)?)?;
    m.add_function(wrap_pyfunction!(recommended_backends, m)?)?;
    m.add_function(wrap_pyfunction!(embeddable_backends, m)?)?;
    m.add_function(wrap_pyfunction!(time, m)?)?;
    for (name, events) in EVENTS {
        m.add(name, events.bits())?;
    }
    for (name, flag) in FLAGS {
        m.add(name, flag.bits())?;
    }
    m.add("MINPRI", hub::core::MINPRI)?;
    m.add("MAXPRI", hub::core::MAXPRI)?;
    m.add("LIBEV_EMBED", true)?;
    let mark = events_mark(m.py())?;
    m.add("EVENTS", mark)?;
    m.add("GEVENT_CORE_EVENTS", mark)?;
    m.add_class::<_EVENTSType>()
}
