//! [`OwnChild`]: a watcher that reaps one child and no other. gevent has none.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::process::ExitStatus;
use std::rc::Rc;

use greenlet_core::unwind::{Caught, catch};

use super::statuses::{Claim, Spawning};
use super::wakeup::{Reserve, Wakeup};
use crate::context::Context;
use crate::core::callbacks::outcome::CallbackResult;
use crate::core::error::{CannotWatchChild, Error, StatusUnknown};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::events::Events;
use crate::core::watchers::io::Io;
use crate::core::watchers::watcher::Watcher;

/// Calls back when one child process has ended, and takes the status of that child alone. Made by [`Loop::own_child`]
/// and [`Loop::spawn_child`].
///
/// [`Child`](crate::core::Child) is libev's: it needs the default loop, and while one is started, libev reaps every
/// child of the process. This watcher works on the loop of any thread, installs no signal handler, and leaves all other
/// children to whoever started them. The two go together: if libev's reaper takes the status of a child that is watched
/// here, this watcher gets it from there, on whichever thread; and libev's watchers are told of a status that was taken
/// here.
///
/// On Linux since 5.3 the watcher waits for a descriptor of the process. Elsewhere a small thread waits for the child.
///
/// If other code of the program waits for the child, or for all children, or if `SIGCHLD` is ignored, then the end of
/// the child is noticed, but its [`status`](OwnChild::status) is not known.
///
/// This is a handle: clones are the same watcher. A started watcher keeps itself alive. When a watcher that is not
/// started is dropped before the child has ended, the child is reaped when the program makes its next child by
/// [`Loop::spawn_child`].
///
/// ```
/// use hub::core::Loop;
/// use std::process::Command;
///
/// let loop_ = Loop::new("", false)?; // any loop
/// let (child, _) = loop_.spawn_child(|| {
///     let child = Command::new("sh").args(["-c", "exit 7"]).spawn()?;
///     Ok((child.id() as i32, ()))
/// })?;
/// child.start({
///     let child = child.clone();
///     move || println!("{:?}", child.status())
/// })?;
/// loop_.run()?;
/// assert_eq!(child.status()?.unwrap().code(), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A hub waits for it by `get_hub().wait(child.as_ref())`, after which the status is there.
#[derive(Clone)]
pub struct OwnChild(Rc<Parts>);

struct Parts {
    io: Io,
    process: Rc<Process>,
}

struct Process {
    claim: Claim,
    /// Its descriptor is what the watcher watches.
    wakeup: Wakeup,
}

impl Drop for Parts {
    fn drop(&mut self) {
        // The descriptor is closed next. An error means that the loop is destroyed, which has stopped the watcher.
        let _ = self.io.close();
    }
}

impl Loop {
    /// A watcher of the child `pid`, which somebody else has made and does not wait for. The child may have ended
    /// already. At most one such watcher gets the status of a child.
    ///
    /// If another thread runs libev's reaper, this may come too late: [`spawn_child`](Loop::spawn_child) does not.
    ///
    /// # Errors
    /// [`CannotWatchChild`] if `pid` is not positive, and if there are no descriptors or threads left. Fails also if
    /// the loop is destroyed.
    pub fn own_child(&self, pid: i32) -> Result<OwnChild, Error> {
        self.look()?;
        let cannot = |source| Error::from(CannotWatchChild { pid, source });
        if pid <= 0 {
            return Err(cannot(io::ErrorKind::InvalidInput.into()));
        }
        let reserve = Reserve::make().map_err(cannot)?;
        self.watch_own(&Spawning::begin(), reserve, pid)
    }

    /// Calls `spawn`, which makes a child and returns its number with anything else, and returns the watcher of that
    /// child. Nothing that takes place in this library meanwhile, in any thread, can take the status away: libev's
    /// reaper takes none until `spawn` has returned.
    ///
    /// # Errors
    /// The error of `spawn`; an error if there are no descriptors or threads left, or the loop is destroyed. If the
    /// child was made before such a failure, it is killed.
    pub fn spawn_child<T>(&self, spawn: impl FnOnce() -> io::Result<(i32, T)>) -> io::Result<(OwnChild, T)> {
        let as_io = |error: Error| match error {
            Error::CannotWatchChild(error) => error.source,
            error => greenlet_core::Exception::from(error).into(),
        };
        self.look().map_err(|error| as_io(error.into()))?;
        let reserve = Reserve::make()?;
        let spawning = Spawning::begin();
        let (pid, made) = spawn()?;
        let child = self.watch_own(&spawning, reserve, pid).map_err(as_io)?;
        Ok((child, made))
    }

    fn watch_own(&self, spawning: &Spawning, reserve: Reserve, pid: i32) -> Result<OwnChild, Error> {
        let wakeup = reserve.wakeup(pid);
        let pidfd = wakeup.as_ref().ok().filter(|wakeup| wakeup.is_pidfd);
        let claim = spawning.claim(pid, pidfd.map(|wakeup| wakeup.fd.clone()));
        let watched = wakeup
            .map_err(|source| CannotWatchChild { pid, source }.into())
            .and_then(|wakeup| Ok((self.io(wakeup.fd.as_raw_fd(), Events::READ)?, wakeup)));
        match watched {
            Ok((io, wakeup)) => {
                let process = Rc::new(Process { claim, wakeup });
                Ok(OwnChild(Rc::new(Parts { io, process })))
            }
            Err(error) => {
                // Nobody would ever hear of its end. An error means that it has ended.
                let _ = claim.kill(libc::SIGKILL);
                Err(error)
            }
        }
    }
}

impl OwnChild {
    /// The number of the process.
    pub fn pid(&self) -> i32 {
        self.0.process.claim.pid()
    }

    /// The status if the child has ended, which is taken if that was not done yet. Does not wait.
    ///
    /// # Errors
    /// [`StatusUnknown`] if the child has ended, but somebody else has taken its status.
    pub fn status(&self) -> Result<Option<ExitStatus>, StatusUnknown> {
        self.0.process.claim.look()
    }

    /// Sends the child a signal. Does nothing if it has ended.
    ///
    /// # Errors
    /// Fails if there is no such signal, or if the child may not be sent one.
    pub fn kill(&self, signum: i32) -> io::Result<()> {
        self.0.process.claim.kill(signum)
    }

    /// Has `callback` called once, when the child has ended and its status was taken. A second start replaces the
    /// callback. If it fails, the error handler gets this watcher as the context's object.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn start<F, R>(&self, callback: F) -> Result<(), Error>
    where
        F: Fn() -> R + 'static,
        R: CallbackResult,
    {
        let child = self.clone();
        self.0.io.start(move || {
            if matches!(child.status(), Ok(None)) {
                return Ok(());
            }
            child.stop()?;
            // Reported here, as the child's; the loop knows of a watcher for reading only.
            let exception = match catch(|| callback().into_result()) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(exception)) | Err(Caught::Panic(exception)) => exception,
                Err(Caught::Forced(unwind)) => unwind.resume(),
            };
            child.loop_().report(Context::Object(&child), exception);
            Ok(())
        })
    }

    /// Stops the watcher and drops its callback. Does nothing to one that is not started.
    ///
    /// # Errors
    /// Fails if the loop is destroyed; that has stopped the watcher already.
    pub fn stop(&self) -> Result<(), Error> {
        self.0.io.stop()
    }

    /// Whether the watcher is started, and its child has not ended yet.
    pub fn active(&self) -> bool {
        self.0.io.active()
    }

    /// Sets whether the watcher, while active, keeps the loop running. True at first.
    ///
    /// # Errors
    /// Fails if the loop is destroyed.
    pub fn set_ref(&self, ref_: bool) -> Result<(), Error> {
        self.0.io.set_ref(ref_)
    }

    /// Another watcher of the same child, on another loop of this thread: for a child whose loop was destroyed.
    ///
    /// # Errors
    /// Fails if `loop_` is destroyed.
    pub fn on_loop(&self, loop_: &Loop) -> Result<OwnChild, Error> {
        let process = self.0.process.clone();
        let io = loop_.io(process.wakeup.fd.as_raw_fd(), Events::READ)?;
        Ok(OwnChild(Rc::new(Parts { io, process })))
    }

    /// The watcher's loop.
    pub fn loop_(&self) -> &Loop {
        self.0.io.loop_()
    }
}

/// The watcher to wait for in a hub: it fires when the child has ended.
impl AsRef<Watcher> for OwnChild {
    fn as_ref(&self) -> &Watcher {
        &self.0.io
    }
}

impl fmt::Debug for OwnChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<child pid={}", self.pid())?;
        if self.active() {
            f.write_str(" active")?;
        }
        match self.0.process.claim.known() {
            Ok(None) => {}
            Ok(Some(status)) => write!(f, " {status}")?,
            Err(_) => f.write_str(" status unknown")?,
        }
        f.write_str(">")
    }
}
