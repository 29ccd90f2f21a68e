//! gevent's `libev/corecext.pyx` on `hub::core`: the loop that Python's gevent runs with `GEVENT_LOOP=rustloop.loop`.
//!
//! | file | what is in it |
//! |---|---|
//! | `event_loop/` | the class `loop` |
//! | `callback.rs` | the class `callback` |
//! | `watcher/` | the class `watcher` and its subclasses |
//! | `constants.rs`, `errors.rs`, `syserr.rs` | what belongs to no class |
//! | `gil.rs` | Python's lock while a loop waits; the only file with `unsafe` |
//! | `home.rs`, `slot.rs` | what a Python object may hold: a value of one thread, and another Python object |
//!
//! Nothing here decides how a loop behaves: that is `hub::core`. Python's greenlets are switched inside of callbacks,
//! on stacks that this code knows nothing of, as in gevent.

mod callback;
mod constants;
mod errors;
mod event_loop;
mod gil;
mod home;
mod slot;
mod syserr;
mod watcher;

use pyo3::prelude::*;

#[pymodule]
fn _rustloop(m: &Bound<'_, PyModule>) -> PyResult<()> {
    constants::add(m)?;
    event_loop::add(m)?;
    callback::add(m)?;
    watcher::add(m)?;
    syserr::add(m)
}
