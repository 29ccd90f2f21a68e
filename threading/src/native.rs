//! [`NativeThread`]: a virtual thread as the C library's functions know one.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::here::outside;
use crate::machine::{self, SharedBlock};
use crate::parker::Parker;
use crate::spawn::{Ending, start_native};
use crate::thread::Thread;

/// A virtual thread for who implements `pthread_create` and `pthread_join`: it has a `pthread_t` from the beginning,
/// which stays until both the thread and this handle are gone.
///
/// ```
/// use gevent_threading::{NativeThread, Parker};
///
/// # if gevent_threading::supported().is_err() { return Ok(()) }
/// let thread = NativeThread::spawn(256 << 10, || assert_ne!(gevent_threading::os_thread(), 0))?;
/// assert_ne!(thread.pthread(), 0);
/// let parker = Parker::new();
/// thread.unparks(&parker);
/// while !thread.is_finished() {
///     parker.park(None)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct NativeThread {
    thread: Thread,
    ending: Arc<Ending>,
    block: Arc<SharedBlock>,
}

impl NativeThread {
    /// Makes a virtual thread of the calling thread, or of the one that carries the caller. It runs when that waits.
    ///
    /// # Errors
    /// As [`Builder::spawn`](crate::Builder::spawn); [`OutOfMemory`](io::ErrorKind::OutOfMemory) if there is no memory
    /// for its thread-locals.
    pub fn spawn(stack_size: usize, function: impl FnOnce() + Send + 'static) -> io::Result<NativeThread> {
        let thread = Thread::new(None);
        let theirs = thread.clone();
        let (ending, block) = outside(move || {
            machine::supported()?;
            let block = SharedBlock::new().ok_or(io::ErrorKind::OutOfMemory)?;
            let block = Arc::new(block);
            let ending = start_native(Box::new(function), theirs, stack_size, block.clone())?;
            Ok::<_, io::Error>((ending, block))
        })?;
        Ok(NativeThread { thread, ending, block })
    }

    /// Its `pthread_t`. As the kernel does not know the thread, what asks the kernel about it fails with `ESRCH`.
    pub fn pthread(&self) -> usize {
        self.block.pthread()
    }

    /// Whether it has ended, and its thread-locals are destroyed.
    pub fn is_finished(&self) -> bool {
        self.ending.is_over()
    }

    /// Has its end, or an end that was before, unpark this parker, instead of any that was given earlier.
    pub fn unparks(&self, parker: &Parker) {
        self.ending.unparks(parker.thread());
        if self.is_finished() {
            parker.unpark();
        }
    }

    /// The thread's handle.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl fmt::Debug for NativeThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NativeThread").field(self.thread()).finish()
    }
}
