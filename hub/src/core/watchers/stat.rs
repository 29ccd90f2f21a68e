//! [`Stat`]: a watcher for a path. Source: gevent's `stat`; ev.pod, `ev_stat`.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libev_sys as ev;
use libev_sys::ev_stat;

use crate::core::error::{Error, IllegalPath, IllegalTime};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};
use crate::seconds::Seconds;

pub(in crate::core) struct StatKind {
    path: PathBuf,
    /// The same path for libev, which keeps a pointer to it.
    c_path: CString,
}

// SAFETY: ev_stat begins with EV_WATCHER and is plain data.
unsafe impl Kind for StatKind {
    type Raw = ev_stat;
    const NAME: &'static str = "stat";

    plain_start_stop!(ev_stat_start, ev_stat_stop);
}

watcher_type! {
    /// Calls back when the attributes of a path, as `lstat` reports them, have changed; the path need not exist. Made
    /// by [`Loop::stat`].
    ///
    /// libev notices changes by inotify where it trusts that, and by calling `lstat` at intervals.
    Stat(StatKind)
}

impl Loop {
    /// A watcher for `path`, which looks every `interval` seconds. `None` and 0 leave the interval to libev (about 5
    /// seconds); libev raises one that is too small (below 0.1, or negative) when the watcher starts.
    ///
    /// # Errors
    /// [`IllegalPath`] if `path` has a NUL byte inside; [`IllegalTime`] if `interval` is NaN. Fails also if the loop is
    /// destroyed.
    pub fn stat(&self, path: impl AsRef<Path>, interval: impl Seconds) -> Result<Stat, Error> {
        let path = path.as_ref().to_owned();
        let interval = interval.seconds().unwrap_or(0.0);
        if interval.is_nan() {
            return Err(IllegalTime {
                what: "interval",
                value: interval,
            }
            .into());
        }
        let Ok(c_path) = CString::new(path.as_os_str().as_bytes()) else {
            return Err(IllegalPath(path).into());
        };
        Stat::make(self, StatKind { path, c_path }, |kind, raw, callback| {
            // SAFETY: `raw` is the new body's own. The path is in the same body and never changed, so it lives as long.
            unsafe { ev::ev_shim_stat_init(raw, Some(callback), kind.c_path.as_ptr(), interval) }
        })
    }
}

impl Stat {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.kind().path
    }

    /// The interval in seconds, as libev uses it.
    pub fn interval(&self) -> f64 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).interval }
    }

    /// The newest attributes; `None` if the path did not exist then.
    pub fn attr(&self) -> Option<libc::stat> {
        // SAFETY: as in `interval`.
        existing(unsafe { (*self.raw()).attr })
    }

    /// The attributes before the last change; `None` if the path did not exist then.
    pub fn prev(&self) -> Option<libc::stat> {
        // SAFETY: as in `interval`.
        existing(unsafe { (*self.raw()).prev })
    }
}

fn existing(attributes: libc::stat) -> Option<libc::stat> {
    (attributes.st_nlink != 0).then_some(attributes)
}
