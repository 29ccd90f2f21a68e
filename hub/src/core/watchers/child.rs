//! [`Child`]: a watcher for child processes. Source: gevent's `child`; ev.pod, `ev_child`.

use std::fmt;
use std::os::raw::c_int;

use libev_sys as ev;
use libev_sys::{ev_child, ev_loop};

use crate::core::children::libev_watches;
use crate::core::error::{Error, NotDefaultLoop};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::watcher_type;

pub(in crate::core) struct ChildKind;

// SAFETY: ev_child begins with EV_WATCHER and is plain data. libev asserts that the loop is the default loop; `start`
// is only reached through a `Child`, which `Loop::child` makes on no other loop.
unsafe impl Kind for ChildKind {
    type Raw = ev_child;
    const NAME: &'static str = "child";

    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut ev_child) -> Result<(), Error> {
        // SAFETY: by the contract of this function and of the trait.
        unsafe {
            let was_active = ev::ev_shim_is_active(raw.cast()) != 0;
            ev::ev_child_start(loop_, raw);
            if !was_active {
                libev_watches(1);
            }
        }
        Ok(())
    }

    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut ev_child) {
        // SAFETY: by the contract of this function and of the trait.
        unsafe {
            let was_active = ev::ev_shim_is_active(raw.cast()) != 0;
            ev::ev_child_stop(loop_, raw);
            if was_active {
                libev_watches(-1);
            }
        }
    }

    /// The highest priority, to which libev raises a child watcher when the child is reaped, even if the watcher is
    /// pending. With an event pending at another priority, libev would look for that event in the wrong place.
    fn feed_priority(_: c_int) -> c_int {
        ev::EV_MAXPRI
    }

    fn format(&self, raw: *mut ev_child, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        let (pid, rstatus) = unsafe { ((*raw).pid, (*raw).rstatus) };
        write!(f, " pid={pid} rstatus={rstatus}")
    }
}

watcher_type! {
    /// Calls back when a child process has ended (or, if asked for, was stopped or continued). Made by
    /// [`Loop::child`].
    ///
    /// While any child watcher is started, libev reaps *every* child of the process, by `waitpid(-1)`. Code that waits
    /// for a child in another way, such as [`std::process::Command`] in a thread, then gets an `ECHILD` error, and the
    /// status is lost. While no child watcher is started, libev reaps no child. (The system's libev, which the feature
    /// `system` selects, reaps every child from the first child watcher on.) A child that ended before the watcher was
    /// made is noticed, too; so is one that ended before the watcher was started, if the loop has not run in between.
    /// [`OwnChild`](crate::core::OwnChild) reaps its own child only, and works on every loop.
    ///
    /// The events of a child watcher have the highest priority; the first event sets the watcher's priority to that.
    Child(ChildKind)
}

impl Loop {
    /// A watcher for the child `pid`; 0 means any child. With `trace` it also fires when the child is stopped or
    /// continued. Installs libev's `SIGCHLD` handler if it is not in place.
    ///
    /// # Errors
    /// [`NotDefaultLoop`] if this is not the default loop. Fails also if the loop is destroyed.
    pub fn child(&self, pid: i32, trace: bool) -> Result<Child, Error> {
        self.modify()?;
        if !self.default() {
            return Err(NotDefaultLoop.into());
        }
        // SAFETY: this thread has the default loop, so no other thread uses this state.
        let is_late = matches!(unsafe { ev::ev_shim_sigchld_state() }, 1 | 3);
        self.install_sigchld()?;
        if is_late {
            // The child may have ended before the handler was in place, or while no child was watched; so libev is made
            // to look. (gevent would wait for ever.)
            // SAFETY: SIGCHLD is a signal.
            unsafe { ev::ev_feed_signal(libc::SIGCHLD) };
        }
        Child::make(self, ChildKind, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_child_init(raw, Some(callback), pid, i32::from(trace)) }
        })
    }

    /// Puts libev's `SIGCHLD` handler in place, as making a child watcher does. Does nothing if this is not the
    /// default loop.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn install_sigchld(&self) -> Result<(), Error> {
        self.modify()?;
        if self.default() {
            // SAFETY: this thread has the default loop, so no other thread uses this state.
            unsafe { ev::ev_shim_install_sigchld() };
        }
        Ok(())
    }

    /// Tells libev that other code has replaced its `SIGCHLD` handler: the next child watcher puts it back. Does
    /// nothing if this is not the default loop.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn reset_sigchld(&self) -> Result<(), Error> {
        self.modify()?;
        if self.default() {
            // SAFETY: as in `install_sigchld`.
            unsafe { ev::ev_shim_reset_sigchld() };
        }
        Ok(())
    }
}

impl Child {
    /// The process that is watched; 0 means any child.
    pub fn pid(&self) -> i32 {
        // SAFETY: the body's own watcher, which was initialised when it was made.
        unsafe { (*self.raw()).pid }
    }

    /// The process that has changed its state.
    pub fn rpid(&self) -> i32 {
        // SAFETY: as in `pid`.
        unsafe { (*self.raw()).rpid }
    }

    /// Sets [`rpid`](Self::rpid).
    pub fn set_rpid(&self, rpid: i32) {
        // SAFETY: as in `pid`; libev documents the field as writable.
        unsafe { (*self.raw()).rpid = rpid };
    }

    /// The status of that process, as `waitpid` reports it. [`ExitStatus::from_raw`] or `libc::WIFEXITED` and the like
    /// tell what it means.
    ///
    /// [`ExitStatus::from_raw`]: std::os::unix::process::ExitStatusExt::from_raw
    pub fn rstatus(&self) -> i32 {
        // SAFETY: as in `pid`.
        unsafe { (*self.raw()).rstatus }
    }

    /// Sets [`rstatus`](Self::rstatus).
    pub fn set_rstatus(&self, rstatus: i32) {
        // SAFETY: as in `set_rpid`.
        unsafe { (*self.raw()).rstatus = rstatus };
    }
}
