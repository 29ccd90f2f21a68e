//! The state and the clock of a [`Loop`], and the versions and backends of libev.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::RawFd;

use libev_sys as ev;
use libev_sys::ev_loop;

use crate::core::error::{Error, NoInternals, RefUnderflow};
use crate::core::event_loop::flags::LoopFlags;
use crate::core::event_loop::loop_::Loop;

/// How many watchers of one type a loop has, see [`Loop::watchers`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatcherCount {
    /// Those that are started or fed.
    pub started: usize,
    /// All for which there is a handle, and the started ones.
    pub all: usize,
}

impl Loop {
    /// The loop's clock, in seconds since the epoch: the time at which the loop last looked. Source: ev.pod, `ev_now`.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn now(&self) -> Result<f64, Error> {
        // SAFETY: `look` says that the loop is alive. The same holds in all functions of this file.
        Ok(unsafe { ev::ev_now(self.look()?) })
    }

    /// Brings the loop's clock up to date.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn update_now(&self) -> Result<(), Error> {
        // SAFETY: as in `now`.
        unsafe { ev::ev_now_update(self.modify()?) };
        Ok(())
    }

    /// The old name of [`update_now`](Self::update_now).
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn update(&self) -> Result<(), Error> {
        self.update_now()
    }

    /// Stops the loop's clock, as timers see it, until [`resume`](Self::resume). Meant for long computations. Source:
    /// ev.pod, `ev_suspend`.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn suspend(&self) -> Result<(), Error> {
        // SAFETY: as in `now`.
        unsafe { ev::ev_suspend(self.modify()?) };
        Ok(())
    }

    /// Ends [`suspend`](Self::suspend), and puts all timers off by the time in between.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn resume(&self) -> Result<(), Error> {
        // SAFETY: as in `now`.
        unsafe { ev::ev_resume(self.modify()?) };
        Ok(())
    }

    /// The resolution of a timer, in seconds. gevent has the same number for libev.
    pub fn approx_timer_resolution(&self) -> f64 {
        0.00001
    }

    /// Whether a timer that is started at this moment updates the loop's clock first. It does while queued callbacks
    /// run.
    pub fn starting_timer_may_update_loop_time(&self) -> bool {
        self.state().is_running_callbacks()
    }

    /// Has libev check its own data, and abort if they are not consistent. Does nothing if libev was compiled without
    /// assertions.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or has been [`unref`](Self::unref)d too often.
    pub fn verify(&self) -> Result<(), Error> {
        let raw_loop = self.modify()?;
        // SAFETY: as in `now`. libev asserts that the count of references is not below -1, which is checked first.
        unsafe {
            let count = ev::ev_shim_loop_activecnt(raw_loop);
            if count != ev::EV_SHIM_UNAVAILABLE && count < -1 {
                return Err(RefUnderflow.into());
            }
            ev::ev_verify(raw_loop);
        }
        Ok(())
    }

    /// Whether this is libev's default loop; false once it is destroyed.
    pub fn default(&self) -> bool {
        self.look().is_ok() && self.state().shared.is_default()
    }

    /// Whether the loop is destroyed.
    pub fn destroyed(&self) -> bool {
        self.look().is_err()
    }

    /// How many times the loop has waited.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn iteration(&self) -> Result<u32, Error> {
        // SAFETY: as in `now`.
        Ok(unsafe { ev::ev_iteration(self.look()?) })
    }

    /// How many runs of the loop are on some stack.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn depth(&self) -> Result<u32, Error> {
        // SAFETY: as in `now`.
        Ok(unsafe { ev::ev_depth(self.look()?) })
    }

    /// The backend, as libev's bit.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn backend_int(&self) -> Result<u32, Error> {
        // SAFETY: as in `now`.
        Ok(unsafe { ev::ev_backend(self.look()?) })
    }

    /// The backend's name, or its number if it has no name.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn backend(&self) -> Result<String, Error> {
        Ok(LoopFlags::from_bits(self.backend_int()?).to_name())
    }

    /// How many events have happened and were not delivered yet.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn pendingcnt(&self) -> Result<u32, Error> {
        // SAFETY: as in `now`.
        Ok(unsafe { ev::ev_pending_count(self.look()?) })
    }

    /// The count of references, by active watchers, queued callbacks and [`ref_`](Self::ref_). The loop runs until the
    /// count is 0.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn activecnt(&self) -> Result<i32, Error> {
        self.internal(ev::ev_shim_loop_activecnt)
    }

    /// Not 0 when a signal has arrived that the loop has not looked at yet.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn sig_pending(&self) -> Result<i32, Error> {
        self.internal(ev::ev_shim_loop_sig_pending)
    }

    /// The names of the flags that the loop was made with.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn origflags(&self) -> Result<Vec<String>, Error> {
        Ok(LoopFlags::from_bits(self.origflags_int()?).to_list())
    }

    /// The flags that the loop was made with.
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn origflags_int(&self) -> Result<u32, Error> {
        let raw_loop = self.look()?;
        has_internals()?;
        // SAFETY: as in `now`.
        Ok(unsafe { ev::ev_shim_loop_origflags(raw_loop) })
    }

    /// The signalfd by which the loop receives signals, if it uses one. (If not, gevent raises `AttributeError`.)
    ///
    /// # Errors
    /// Fails if the loop is destroyed, or with [`NoInternals`].
    pub fn sigfd(&self) -> Result<Option<RawFd>, Error> {
        Ok(Some(self.internal(ev::ev_shim_loop_sigfd)?).filter(|fd| *fd >= 0))
    }

    /// The backend's descriptor, if it has one and the loop is not destroyed.
    pub fn fileno(&self) -> Option<RawFd> {
        self.internal(ev::ev_shim_loop_backend_fd).ok().filter(|fd| *fd >= 0)
    }

    /// How many watchers are started or fed, and so kept alive by this object. The call looks at every watcher.
    pub fn started_watchers(&self) -> usize {
        self.state().started_count()
    }

    /// How many watchers there are of each type that has any, by the names of the types. The call looks at every
    /// watcher.
    ///
    /// ```
    /// let loop_ = hub::core::Loop::new((), false)?;
    /// let timer = loop_.timer(1)?;
    /// let _other = loop_.timer(2)?;
    /// timer.start(|| ())?;
    /// let counts = loop_.watchers();
    /// assert_eq!((counts["timer"].started, counts["timer"].all), (1, 2));
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    pub fn watchers(&self) -> BTreeMap<&'static str, WatcherCount> {
        self.state().count_by_type()
    }

    /// How many callbacks are queued, without those that other threads queued since the loop last looked.
    pub fn queued_callbacks(&self) -> usize {
        self.state().queue.borrow().len()
    }

    fn internal(&self, get: unsafe extern "C" fn(*mut ev_loop) -> i32) -> Result<i32, Error> {
        let raw_loop = self.look()?;
        has_internals()?;
        // SAFETY: as in `now`; the callers pass functions of the shim that only read.
        Ok(unsafe { get(raw_loop) })
    }
}

fn has_internals() -> Result<(), NoInternals> {
    // SAFETY: no preconditions.
    if unsafe { ev::ev_shim_has_internals() } != 0 {
        Ok(())
    } else {
        Err(NoInternals)
    }
}

impl fmt::Debug for Loop {
    /// gevent's repr: `<loop at 0x.. epoll default pending=0 ref=0 fileno=3>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.state().mailbox.facts;
        if let Ok(raw_loop) = self.look() {
            // SAFETY: as in `now`.
            unsafe { facts.publish(raw_loop) };
        }
        facts.fmt(f)
    }
}

/// The version of the libev that is linked: `libev-4.33`.
pub fn get_version() -> String {
    // SAFETY: no preconditions.
    let (major, minor) = unsafe { (ev::ev_version_major(), ev::ev_version_minor()) };
    format!("libev-{major}.{minor:02}")
}

/// The version of the libev whose header was compiled against.
pub fn get_header_version() -> String {
    // SAFETY: no preconditions.
    let (major, minor) = unsafe { (ev::ev_shim_header_version_major(), ev::ev_shim_header_version_minor()) };
    format!("libev-{major}.{minor:02}")
}

/// The names of the backends that libev was compiled with. The kernel may lack some of them.
pub fn supported_backends() -> Vec<String> {
    // SAFETY: no preconditions.
    LoopFlags::from_bits(unsafe { ev::ev_supported_backends() }).to_list()
}

/// The names of the backends that libev thinks work well here.
pub fn recommended_backends() -> Vec<String> {
    // SAFETY: no preconditions.
    LoopFlags::from_bits(unsafe { ev::ev_recommended_backends() }).to_list()
}

/// The names of the backends whose loops can be [embedded](crate::core::Embed), according to libev. (It is mistaken
/// about `linux_iouring`: embedding such a loop is refused all the same.)
pub fn embeddable_backends() -> Vec<String> {
    // SAFETY: no preconditions.
    LoopFlags::from_bits(unsafe { ev::ev_embeddable_backends() }).to_list()
}

/// The real time, in seconds since the epoch.
pub fn time() -> f64 {
    // SAFETY: no preconditions.
    unsafe { ev::ev_time() }
}
