//! [`Process`]: the part of a [`Popen`] that lives as long as the child: its watcher, its status, and who waits for it.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::rc::Weak;

use greenlet_core::{Exception, Object};
use hub::core::{OwnChild, StatusUnknown};
use hub::try_get_hub;

use super::popen::{Inner, Popen};
use crate::abstract_linkable::{AbstractLinkable, Waitable};

pub(super) struct Process {
    pub(super) args: Vec<OsString>,
    pub(super) pid: i32,
    /// The child's watcher, until it has ended.
    child: RefCell<Option<OwnChild>>,
    ended: Cell<Option<Result<ExitStatus, StatusUnknown>>>,
    /// The handles, while there are any.
    pub(super) handles: RefCell<Weak<Inner>>,
}

impl Process {
    /// Watches a child in the loop of its watcher until it has ended. Until then the loop keeps the result.
    pub(super) fn new(args: Vec<OsString>, child: OwnChild) -> Result<AbstractLinkable<Process>, Exception> {
        let process = AbstractLinkable::new(Process {
            args,
            pid: child.pid(),
            child: RefCell::new(Some(child)),
            ended: Cell::new(None),
            handles: RefCell::default(),
        });
        start(&process)?;
        Ok(process)
    }

    pub(super) fn child(&self) -> Option<OwnChild> {
        self.child.borrow().clone()
    }

    /// The status, if it is known that the child has ended.
    pub(super) fn ended(&self) -> Option<Result<ExitStatus, StatusUnknown>> {
        self.ended.get()
    }
}

/// Looks whether the child has ended, and tells those who wait.
pub(super) fn look(process: &AbstractLinkable<Process>) {
    let state = process.state();
    if let Some(child) = state.child()
        && let Some(status) = child.status().transpose()
    {
        state.ended.set(Some(status));
        // An error means that the loop is destroyed, which has stopped the watcher.
        let _ = child.stop();
        drop(state.child.take());
        process.check_and_notify();
    }
}

fn start(process: &AbstractLinkable<Process>) -> Result<(), Exception> {
    let its = process.clone();
    if let Some(child) = process.state().child() {
        child.start(move || look(&its))?;
    }
    Ok(())
}

/// Has the loop of this thread watch the child, if the loop that did is destroyed.
pub(super) fn keep_watching(process: &AbstractLinkable<Process>) -> Result<(), Exception> {
    let state = process.state();
    match state.child() {
        Some(child) if !child.active() => {
            let moved = child.on_loop(try_get_hub()?.loop_())?;
            drop(state.child.replace(Some(moved)));
            start(process)
        }
        _ => Ok(()),
    }
}

/// Python's `returncode`: the exit code, or the signal that has ended the child, negative.
pub(super) fn returncode(status: ExitStatus) -> i32 {
    match status.code() {
        Some(code) => code,
        None => -status.signal().unwrap_or(0),
    }
}

impl Waitable for Process {
    const KIND: &'static str = "Popen";

    fn ready(&self) -> bool {
        self.ended.get().is_some()
    }

    fn exception(&self) -> Option<Exception> {
        let unknown = self.ended.get()?.err()?;
        Some(unknown.into())
    }

    fn handle(object: AbstractLinkable<Self>) -> Box<dyn Object> {
        Box::new(Popen::of(object))
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid={} returncode=", self.pid)?;
        match self.ended.get() {
            None => f.write_str("None"),
            Some(Ok(status)) => write!(f, "{}", returncode(status)),
            Some(Err(_)) => f.write_str("unknown"),
        }
    }
}
