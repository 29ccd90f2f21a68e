//! [`Stat`]: a path changes. Source: gevent's `stat`; ev.pod, `ev_stat`.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libev_sys as ev;
use libev_sys::ev_stat;

use crate::core::error::{Error, IllegalPath, IllegalTime};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};

pub(in crate::core) struct StatKind {
    path: PathBuf,
    /// libev keeps a pointer to it.
    c_path: CString,
}

// SAFETY: ev_stat begins with EV_WATCHER and is plain data.
unsafe impl Kind for StatKind {
    type Raw = ev_stat;
    const NAME: &'static str = "stat";

    plain_start_stop!(ev_stat_start, ev_stat_stop);
}

watcher_type! {
    /// Calls back when what `lstat` says about a path has changed; the path need not exist. Made by
    /// [`Loop::stat`].
    ///
    /// Changes are noticed by inotify where libev trusts it, and by looking again every so often.
    Stat(StatKind)
}

impl Loop {
    /// A watcher for `path`. `interval` says how often to look, in seconds: 0 leaves it to libev (about 5), and
    /// libev raises what is too small (below 0.1, or negative) when the watcher starts.
    ///
    /// # Errors
    /// `path` has a NUL byte inside; `interval` is not a number; the loop is destroyed.
    pub fn stat(&self, path: impl AsRef<Path>, interval: f64) -> Result<Stat, Error> {
        let path = path.as_ref().to_owned();
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
            // SAFETY: `raw` is the new body's own; the path is the same body's, never changed, and so lives as long.
            unsafe { ev::ev_shim_stat_init(raw, Some(callback), kind.c_path.as_ptr(), interval) }
        })
    }
}

impl Stat {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.kind().path
    }

    /// The interval in seconds, as libev has it.
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
