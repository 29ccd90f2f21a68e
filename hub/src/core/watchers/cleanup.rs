//! [`Cleanup`]: a watcher for the end of the loop. Source: ev.pod, `ev_cleanup`; gevent has no such watcher.

use libev_sys as ev;
use libev_sys::ev_cleanup;

use crate::core::error::Error;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};

pub(in crate::core) struct CleanupKind;

// SAFETY: ev_cleanup begins with EV_WATCHER and is plain data.
unsafe impl Kind for CleanupKind {
    type Raw = ev_cleanup;
    const NAME: &'static str = "cleanup";
    const IS_CLEANUP: bool = true;

    plain_start_stop!(ev_cleanup_start, ev_cleanup_stop);
}

watcher_type! {
    /// Calls back when the loop is being destroyed. Made by [`Loop::cleanup`].
    ///
    /// By then all other watchers are stopped, and every method of the loop fails as on a destroyed one. A cleanup
    /// watcher never keeps a loop running. Dropping the last handle of the default loop does not destroy that loop: its
    /// cleanup watchers are stopped without being called.
    ///
    /// ```
    /// use hub::core::Loop;
    ///
    /// let loop_ = Loop::new("", false)?;
    /// loop_.cleanup()?.start(|| println!("so long"))?;
    /// loop_.destroy()?;
    /// # Ok::<(), hub::core::Error>(())
    /// ```
    Cleanup(CleanupKind)
}

impl Loop {
    /// A watcher for the end of the loop.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn cleanup(&self) -> Result<Cleanup, Error> {
        Cleanup::make(self, CleanupKind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_cleanup_init(raw, Some(callback)) }
        })
    }
}
