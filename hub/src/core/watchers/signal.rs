//! [`Signal`]: a watcher for signals. Source: gevent's `signal`; ev.pod, `ev_signal`.

use libev_sys as ev;
use libev_sys::{ev_loop, ev_signal};

use crate::core::error::{Error, IllegalSignal, SignalInUse};
use crate::core::event_loop::forking::{ForkMutex, ThreadToken};
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::watcher_type;

/// The lock of libev's table of signals, which is one for the whole process, and which libev does not lock.
pub(in crate::core) static SIGNAL_TABLE: ForkMutex<SignalTable> = ForkMutex::new(SignalTable(Vec::new()));

/// The signals that our loops watch, each with the thread of its loop.
pub(in crate::core) struct SignalTable(Vec<(i32, ThreadToken)>);

impl SignalTable {
    /// The loop whose watchers get the signal, or null. In the child of a fork, the loop of a thread that stayed in the
    /// parent loses the signal.
    pub(in crate::core) fn loop_of(&mut self, signum: i32) -> *mut ev_loop {
        if let Some(at) = self.0.iter().position(|(signal, _)| *signal == signum)
            && self.0[at].1.stayed_in_parent()
        {
            self.0.swap_remove(at);
            // SAFETY: the table is ours, and the thread of the watchers does not exist here.
            unsafe { ev::ev_shim_forget_signal(signum) };
        }
        // SAFETY: no preconditions.
        unsafe { ev::ev_shim_signal_loop(signum) }
    }

    /// Notes that a loop of this thread watches the signal.
    pub(in crate::core) fn taken(&mut self, signum: i32) {
        if self.0.iter().all(|(signal, _)| *signal != signum) {
            self.0.push((signum, ThreadToken::here()));
        }
    }

    /// Notes that a loop of this thread may have stopped watching the signal.
    fn left(&mut self, signum: i32) {
        // SAFETY: no preconditions.
        if unsafe { ev::ev_shim_signal_loop(signum) }.is_null() {
            self.disown(signum);
        }
    }

    /// Notes that no thread has the loop that watches the signal, if any does.
    pub(in crate::core) fn disown(&mut self, signum: i32) {
        self.0.retain(|(signal, _)| *signal != signum);
    }
}

pub(in crate::core) struct SignalKind {
    signum: i32,
}

// SAFETY: ev_signal begins with EV_WATCHER and is plain data.
unsafe impl Kind for SignalKind {
    type Raw = ev_signal;
    const NAME: &'static str = "signal";

    unsafe fn start(&self, loop_: *mut ev_loop, raw: *mut ev_signal) -> Result<(), Error> {
        let mut table = SIGNAL_TABLE.lock();
        let owner = table.loop_of(self.signum);
        if !owner.is_null() && owner != loop_ {
            return Err(SignalInUse(self.signum).into());
        }
        table.taken(self.signum);
        // SAFETY: by the contract of this function and of the trait; the table is locked. libev asserts that a signal
        // has one loop only, as was checked just now.
        unsafe {
            ev::ev_signal_start(loop_, raw);
            if self.signum == libc::SIGCHLD && ev::ev_shim_default_loop_ptr() == loop_ {
                // `ev_signal_start` does not install the handler if libev believes that its own is still in place.
                ev::ev_shim_install_sigchld();
            }
        }
        Ok(())
    }

    unsafe fn stop(&self, loop_: *mut ev_loop, raw: *mut ev_signal) {
        let mut table = SIGNAL_TABLE.lock();
        // SAFETY: by the contract of this function and of the trait; the table is locked.
        unsafe { ev::ev_signal_stop(loop_, raw) };
        table.left(self.signum);
    }
}

watcher_type! {
    /// Calls back, from the loop, after the process has received a signal. Made by [`Loop::signal`].
    ///
    /// Several signals that arrive before the loop looks count as one. Any number of watchers may watch one signal,
    /// but all on the same loop. While one is started, libev's handler replaces the signal's action; when the last one
    /// stops, the signal gets the default action (not the one that it had before).
    ///
    /// Watching `SIGCHLD` reaps no child: the program waits for its children by itself. Only while a
    /// [`Child`](crate::core::Child) watcher is started, libev reaps every child of the process. (The system's libev,
    /// which the feature `system` selects, reaps every child from the start of such a watcher on. In gevent, such a
    /// watcher never fires before something else has called [`install_sigchld`](Loop::install_sigchld), and then libev
    /// reaps.)
    Signal(SignalKind)
}

impl Loop {
    /// A watcher for signal `signum`.
    ///
    /// Its [`start`](crate::core::Watcher::start) fails with [`SignalInUse`] when another loop watches the signal.
    ///
    /// # Errors
    /// [`IllegalSignal`] if `signum` is not a signal, or one that cannot be caught. Fails also if the loop is
    /// destroyed.
    pub fn signal(&self, signum: i32) -> Result<Signal, Error> {
        // SAFETY: no preconditions.
        let signals = unsafe { ev::ev_shim_nsig() };
        if !(1..signals).contains(&signum) || [libc::SIGKILL, libc::SIGSTOP].contains(&signum) {
            return Err(IllegalSignal(signum).into());
        }
        Signal::make(self, SignalKind { signum }, |_, raw, callback| {
            // SAFETY: `raw` is the new body's own.
            unsafe { ev::ev_shim_signal_init(raw, Some(callback), signum) }
        })
    }
}

impl Signal {
    /// The signal's number.
    pub fn signum(&self) -> i32 {
        self.kind().signum
    }
}
