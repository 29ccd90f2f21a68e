//! [`TokioRuntime`]: a tokio runtime beside the hubs.

use std::future::pending;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

/// A tokio runtime in one thread of its own, for [`InTokio`](super::InTokio). It runs the reactor and the timers, as
/// far as the program turns these features of tokio on, and the tasks that are spawned. One is enough for all threads
/// of a program; a program that has a runtime already needs none.
///
/// When this is dropped, the runtime is shut down, without waiting: its thread drops the tasks that are left, and ends.
/// Futures that still need the runtime then fail, or panic, as tokio says. A forked child has no such thread.
///
/// ```
/// use gevent::future::{TokioRuntime, block_on};
///
/// let runtime = TokioRuntime::new()?;
/// // A task runs in the runtime's thread, and a greenlet can wait for its end.
/// let task = runtime.handle().spawn(async { std::thread::current().id() });
/// assert_ne!(block_on(task)??, std::thread::current().id());
/// # Ok::<(), gevent::Exception>(())
/// ```
#[derive(Debug)]
pub struct TokioRuntime {
    handle: Handle,
    /// The task that the thread waits for. It never ends by itself.
    life: AbortHandle,
}

impl TokioRuntime {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns the system's error if there can be no more threads or descriptors.
    pub fn new() -> io::Result<TokioRuntime> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let life = runtime.spawn(pending::<()>());
        let this = TokioRuntime {
            handle: runtime.handle().clone(),
            life: life.abort_handle(),
        };
        let thread = thread::Builder::new().name("gevent-tokio".to_owned());
        thread.spawn(move || {
            // The error says that the task was aborted.
            let _ = runtime.block_on(life);
            runtime.shutdown_background();
        })?;
        Ok(this)
    }

    /// What [`InTokio`](super::InTokio) takes, and what spawns tasks.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for TokioRuntime {
    fn drop(&mut self) {
        self.life.abort();
    }
}
