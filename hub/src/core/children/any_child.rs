//! Children of any number: [`waitpid`], which tells the claims to a child of what it takes, and [`AnyChild`].

use std::fmt;
use std::io::{self, PipeReader, PipeWriter, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitStatus};
use std::sync::Arc;
use std::thread;

use super::statuses::{await_end, take_end, take_info, take_with_usage};
use super::wakeup::STACK;
use crate::core::event_loop::forking::ForkMutex;

/// The system's `waitpid`, beside the watchers of children: an [`OwnChild`](crate::core::OwnChild) or
/// [`Child`](crate::core::Child) of the process whose status is taken here gets it, too, on whichever thread. Returns 0
/// in the place of the child's number if `options` has `WNOHANG`, and no child has ended.
///
/// Without `WNOHANG` this blocks the thread. A signal does not end it.
///
/// # Errors
/// An error of the system: `ECHILD` if there is no such child, or if somebody else has waited for it.
pub fn waitpid(pid: i32, options: i32) -> io::Result<(i32, ExitStatus)> {
    loop {
        if options & libc::WNOHANG == 0 {
            await_end(pid, options)?;
        }
        let (ended, status) = take_end(pid, options)?;
        if ended != 0 || options & libc::WNOHANG != 0 {
            return Ok((ended, ExitStatus::from_raw(status)));
        }
    }
}

/// The system's `wait4` with `WNOHANG`, for `gevent-monkey`. As [`waitpid`], it tells the watchers of what it takes.
/// None if nothing can be taken just now, as another thread makes a child.
#[doc(hidden)]
pub fn wait4(pid: i32, options: i32) -> io::Result<Option<(i32, i32, libc::rusage)>> {
    take_with_usage(pid, options)
}

/// The system's `waitid` with `WNOHANG`, as [`wait4`].
#[doc(hidden)]
pub fn waitid(kind: libc::idtype_t, id: u32, options: i32) -> io::Result<Option<libc::siginfo_t>> {
    take_info(kind, id, options)
}

/// A descriptor that can be read once some child of the process has ended that nobody has waited for, or there is no
/// child any more. It takes no status: [`waitpid`] with -1 does, if nobody else was faster.
///
/// One thread of the process waits for all of these descriptors. It stays until the next child ends, even if the
/// descriptors are dropped before.
///
/// ```
/// use hub::core::{AnyChild, Events, Loop, waitpid};
/// use std::os::fd::{AsFd, AsRawFd};
/// use std::process::Command;
///
/// let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
/// let any = AnyChild::new()?;
/// let loop_ = Loop::new("", false)?;
/// let watcher = loop_.io(any.as_fd().as_raw_fd(), Events::READ)?;
/// watcher.start({
///     let watcher = watcher.clone();
///     move || Ok(watcher.stop()?)
/// })?;
/// loop_.run()?;
/// let (pid, status) = waitpid(-1, libc::WNOHANG)?;
/// assert_eq!((pid as u32, status.code()), (child.id(), Some(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AnyChild {
    reader: PipeReader,
    writer: Arc<PipeWriter>,
}

struct Waiting {
    /// The process whose thread waits; 0 if none does. A fork copies no thread.
    thread_of: u32,
    writers: Vec<Arc<PipeWriter>>,
}

static WAITING: ForkMutex<Waiting> = ForkMutex::new(Waiting {
    thread_of: 0,
    writers: Vec::new(),
});

impl AnyChild {
    /// A new descriptor, for the next end of a child.
    ///
    /// # Errors
    /// Fails if there are no descriptors or threads left.
    pub fn new() -> io::Result<AnyChild> {
        let (reader, writer) = pipe()?;
        let writer = Arc::new(writer);
        let mut waiting = WAITING.lock();
        if waiting.thread_of != process::id() {
            waiting.writers.clear();
            let thread = thread::Builder::new().name("any child".to_owned()).stack_size(STACK);
            thread.spawn(wait_and_tell)?;
            waiting.thread_of = process::id();
        }
        waiting.writers.push(writer.clone());
        Ok(AnyChild { reader, writer })
    }
}

fn wait_and_tell() {
    // An error means that there is no child.
    let _ = await_end(-1, 0);
    let mut waiting = WAITING.lock();
    waiting.thread_of = 0;
    for writer in waiting.writers.drain(..) {
        // The pipe is empty, and its reader is there: it leaves the list before it is closed.
        let _ = (&*writer).write(&[0]);
    }
}

impl Drop for AnyChild {
    fn drop(&mut self) {
        let mut waiting = WAITING.lock();
        waiting.writers.retain(|writer| !Arc::ptr_eq(writer, &self.writer));
    }
}

impl AsFd for AnyChild {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl fmt::Debug for AnyChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyChild").field(&self.reader).finish()
    }
}
