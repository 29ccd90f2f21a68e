//! The table of the children that somebody here waits for, and of what libev's reaper has taken.
//!
//! The status of a child can be taken once. Whoever takes it, [`Claim::look`], [`take_end`] or libev's reaper, does so
//! under the lock of the table, and writes it down for the others. Between them no number is mistaken for that of an
//! earlier child: a number stays in use until the status is taken.

use std::collections::BTreeMap;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::raw::c_int;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use greenlet_core::direct;
use libev_sys as ev;

use crate::core::error::StatusUnknown;
use crate::core::event_loop::forking::{ForkMutex, ThreadToken};

static TABLE: ForkMutex<Table> = ForkMutex::new(Table {
    spawning: Vec::new(),
    held_off: false,
    claims: BTreeMap::new(),
    orphans: Vec::new(),
    watchers: 0,
    for_libev: Vec::new(),
});

struct Table {
    /// The threads that make a child just now, whose number they do not know yet.
    spawning: Vec<ThreadToken>,
    /// Whether libev's reaper was called meanwhile. It takes nothing then.
    held_off: bool,
    /// The children that are waited for, by their numbers.
    claims: BTreeMap<i32, Arc<Claimed>>,
    /// Children that nobody waits for any more, and that have not ended. They are looked at when the next child is
    /// made.
    orphans: Vec<Arc<Claimed>>,
    /// How many child watchers of libev's are started.
    watchers: usize,
    /// The statuses that were taken here while there were such watchers, which are to be told, too.
    for_libev: Vec<(i32, c_int)>,
}

/// A child whose status somebody has a claim to.
struct Claimed {
    pid: i32,
    pidfd: Option<Arc<OwnedFd>>,
    /// The status as `waitpid` tells it, [`RUNNING`] or [`UNKNOWN`].
    state: AtomicI64,
}

const RUNNING: i64 = -1;
const UNKNOWN: i64 = -2;

impl Claimed {
    fn state(&self) -> i64 {
        self.state.load(Ordering::Acquire)
    }

    fn is_running(&self) -> bool {
        self.state() == RUNNING
    }

    fn set(&self, state: i64) {
        self.state.store(state, Ordering::Release);
    }

    /// Takes the status of the child, if it has ended: the state that it is in now.
    fn take(&self) -> i64 {
        let by_pid = || wait_for(libc::P_PID, self.pid.unsigned_abs(), libc::WNOHANG);
        let got = match &self.pidfd {
            Some(pidfd) => match wait_for(P_PIDFD, pidfd.as_raw_fd().unsigned_abs(), libc::WNOHANG) {
                // Linux 5.3 has such descriptors, but does not wait for them.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => by_pid(),
                got => got,
            },
            None => by_pid(),
        };
        match got {
            Ok(Some(status)) => status.into(),
            Ok(None) => RUNNING,
            Err(_) => UNKNOWN,
        }
    }
}

/// The right to the status of a child. If it is dropped before the child has ended, the child is reaped later.
pub(super) struct Claim(Arc<Claimed>);

impl Claim {
    /// The status if the child has ended, which is taken if nobody has taken it yet.
    pub(super) fn look(&self) -> Result<Option<ExitStatus>, StatusUnknown> {
        if self.0.is_running() {
            TABLE.lock().look(&self.0);
        }
        self.known()
    }

    /// The status if it was taken already.
    pub(super) fn known(&self) -> Result<Option<ExitStatus>, StatusUnknown> {
        match self.0.state() {
            RUNNING => Ok(None),
            UNKNOWN => Err(StatusUnknown { pid: self.0.pid }),
            // What is stored was a `c_int`.
            status => Ok(Some(ExitStatus::from_raw(status as c_int))),
        }
    }

    /// Sends the child a signal, unless it has ended.
    pub(super) fn kill(&self, signum: i32) -> io::Result<()> {
        // While the table is locked nobody here takes the status, so the number still means this child.
        let mut table = TABLE.lock();
        table.look(&self.0);
        if !self.0.is_running() {
            return Ok(());
        }
        // SAFETY: neither call has preconditions.
        let sent = unsafe {
            match &self.0.pidfd {
                Some(pidfd) => send_signal(pidfd, signum),
                None => libc::kill(self.0.pid, signum).into(),
            }
        };
        match sent {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
                error => Err(error),
            },
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.0.pid
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.0.is_running() {
            let mut table = TABLE.lock();
            table.look(&self.0);
            if self.0.is_running() {
                table.orphans.push(self.0.clone());
            }
        }
    }
}

/// While it exists, libev's reaper takes nothing: neither the status of a child that is just being made, nor that of
/// one that could not run its program, for which std itself waits, and panics if it gets none.
pub(super) struct Spawning(());

impl Spawning {
    pub(super) fn begin() -> Spawning {
        // SAFETY: `reap` does what `waitpid` does, and may be called in any thread.
        unsafe { ev::ev_shim_set_reaper(Some(reap)) };
        let mut table = TABLE.lock();
        table.spawning.push(ThreadToken::here());
        let orphans = std::mem::take(&mut table.orphans);
        for orphan in &orphans {
            table.look(orphan);
        }
        table
            .orphans
            .extend(orphans.into_iter().filter(|orphan| orphan.is_running()));
        Spawning(())
    }

    /// Claims a child that was made meanwhile, or before.
    pub(super) fn claim(&self, pid: i32, pidfd: Option<Arc<OwnedFd>>) -> Claim {
        let mut table = TABLE.lock();
        let child = Arc::new(Claimed {
            pid,
            pidfd,
            state: AtomicI64::new(RUNNING),
        });
        if let Some(earlier) = table.claims.insert(pid, child.clone()) {
            // Somebody else has taken the status of the child that had the number, or has claimed the same child.
            earlier.set(UNKNOWN);
        }
        Claim(child)
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        let mut table = TABLE.lock();
        let its = ThreadToken::here();
        if let Some(at) = table.spawning.iter().position(|thread| *thread == its) {
            table.spawning.swap_remove(at);
        }
        if table.spawning.is_empty() && std::mem::take(&mut table.held_off) {
            // SAFETY: the signal that has called the reaper is sent once more.
            unsafe { libc::kill(libc::getpid(), libc::SIGCHLD) };
        }
    }
}

impl Table {
    fn look(&mut self, child: &Arc<Claimed>) {
        if !child.is_running() {
            return;
        }
        let state = child.take();
        if state == RUNNING {
            return;
        }
        if let Ok(status) = c_int::try_from(state)
            && status >= 0
        {
            self.tell_libev(child.pid, status);
        }
        child.set(state);
        if self
            .claims
            .get(&child.pid)
            .is_some_and(|other| Arc::ptr_eq(other, child))
        {
            self.claims.remove(&child.pid);
        }
    }

    fn tell_libev(&mut self, pid: i32, status: c_int) {
        if self.watchers > 0 {
            self.for_libev.push((pid, status));
        }
    }

    /// Whether a thread makes a child just now.
    fn is_spawning(&mut self) -> bool {
        // In the child of a fork, the threads that stayed in the parent make nothing.
        self.spawning.retain(|thread| !thread.stayed_in_parent());
        !self.spawning.is_empty()
    }

    /// Writes down what was taken without a claim.
    fn taken(&mut self, pid: i32, status: c_int) {
        if let Some(child) = self.claims.remove(&pid) {
            child.set(status.into());
        }
    }
}

/// Notes that a child watcher of libev's was started (`by` is 1) or stopped (-1). The signal of a child's end makes
/// libev's reaper look after that end, so it finds in the table what was taken here before.
pub(in crate::core) fn libev_watches(by: isize) {
    let mut table = TABLE.lock();
    table.watchers = table.watchers.saturating_add_signed(by);
    if table.watchers == 0 {
        table.for_libev.clear();
    }
}

/// What libev's reaper calls in the place of `waitpid`.
///
/// # Safety
/// `status` is valid for writing.
unsafe extern "C" fn reap(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    let mut table = TABLE.lock();
    if pid == -1
        && let Some((pid, taken)) = table.for_libev.pop()
    {
        // SAFETY: by this function's contract.
        unsafe { *status = taken };
        return pid;
    }
    if table.is_spawning() {
        table.held_off = true;
        return 0;
    }
    // SAFETY: by this function's contract.
    let reaped = direct(|| unsafe { libc::waitpid(pid, status, options) });
    if reaped > 0 {
        // SAFETY: by this function's contract; `waitpid` has written it.
        let status = unsafe { *status };
        if is_end(status) {
            table.taken(reaped, status);
        }
    }
    reaped
}

/// Whether a status tells of the end of a child, rather than of a stop.
fn is_end(status: c_int) -> bool {
    libc::WIFEXITED(status) || libc::WIFSIGNALED(status)
}

/// Does what `waitpid` does with `WNOHANG`, and tells those who wait for the same child.
pub(super) fn take_end(pid: i32, options: c_int) -> io::Result<(i32, c_int)> {
    let taken = take(pid <= 0, || {
        let mut status = 0;
        // SAFETY: the status is writable.
        let ended = unsafe { libc::waitpid(pid, &raw mut status, options | libc::WNOHANG) };
        ((ended, status), (ended, status))
    })?;
    Ok(taken.unwrap_or_default())
}

/// As [`take_end`], with what the child has used.
pub(super) fn take_with_usage(pid: i32, options: c_int) -> io::Result<Option<(i32, c_int, libc::rusage)>> {
    take(pid <= 0, || {
        let mut status = 0;
        // SAFETY: the usage is plain data, valid when zeroed; it and the status are writable.
        let (ended, usage) = unsafe {
            let mut usage = zeroed();
            let ended = libc::wait4(pid, &raw mut status, options | libc::WNOHANG, &raw mut usage);
            (ended, usage)
        };
        ((ended, status, usage), (ended, status))
    })
}

/// Does what `waitid` does with `WNOHANG`, and tells those who wait for the same child.
pub(super) fn take_info(kind: libc::idtype_t, id: u32, options: c_int) -> io::Result<Option<libc::siginfo_t>> {
    let is_one = [libc::P_PID, P_PIDFD].contains(&kind);
    take(!is_one, || {
        // SAFETY: the struct is plain data, valid when zeroed, and the call only writes to it.
        let (done, info) = unsafe {
            let mut info: libc::siginfo_t = zeroed();
            (libc::waitid(kind, id, &raw mut info, options | libc::WNOHANG), info)
        };
        let told = match (done, of_child(&info)) {
            (0, Some(child)) if options & libc::WNOWAIT == 0 => child,
            (0, _) => (0, 0),
            _ => (-1, 0),
        };
        (info, told)
    })
}

/// Calls a function that takes something of a child without waiting. It returns what is returned here, with the number
/// of the child (0 if there is nothing, -1 if the system has failed) and its status. None if nothing can be taken now.
fn take<T>(of_several: bool, take: impl FnOnce() -> (T, (i32, c_int))) -> io::Result<Option<T>> {
    let mut table = TABLE.lock();
    if of_several && table.is_spawning() {
        // The child may be one that could not run its program, for which std waits.
        return Ok(None);
    }
    let (taken, (pid, status)) = take();
    if pid == -1 {
        return Err(io::Error::last_os_error());
    }
    if pid != 0 && is_end(status) {
        table.taken(pid, status);
        table.tell_libev(pid, status);
    }
    Ok(Some(taken))
}

/// Waits until `take_end` finds something, unless somebody is faster. Blocks the thread.
pub(super) fn await_end(pid: i32, options: c_int) -> io::Result<()> {
    let (kind, id) = match pid {
        -1 => (libc::P_ALL, 0),
        // The group of this process: 0 has another meaning before Linux 5.4.
        // SAFETY: no preconditions.
        0 => (libc::P_PGID, unsafe { libc::getpgrp() }.unsigned_abs()),
        1.. => (libc::P_PID, pid.unsigned_abs()),
        _ => (libc::P_PGID, pid.unsigned_abs()),
    };
    let stops = match options & libc::WUNTRACED {
        0 => 0,
        _ => libc::WSTOPPED,
    };
    let others = options & !(libc::WUNTRACED | libc::WNOHANG);
    loop {
        wait_for(kind, id, stops | others | libc::WNOWAIT)?;
        if pid > 0 || !TABLE.lock().is_spawning() {
            return Ok(());
        }
        // What has ended may be the child that another thread is about to make, which takes less than a millisecond.
        direct(|| thread::sleep(Duration::from_millis(1)));
    }
}

/// `P_PIDFD`, which not every system names.
const P_PIDFD: libc::idtype_t = 3;

/// `waitid` for the end of one child: its status as `waitpid` tells it, and nothing if it has not ended.
pub(super) fn wait_for(kind: libc::idtype_t, id: u32, options: c_int) -> io::Result<Option<c_int>> {
    loop {
        // SAFETY: the struct is plain data, valid when zeroed, and the call only writes to it.
        let (done, info) = direct(|| unsafe {
            let mut info: libc::siginfo_t = zeroed();
            (libc::waitid(kind, id, &raw mut info, libc::WEXITED | options), info)
        });
        if done == 0 {
            return Ok(of_child(&info).map(|(_, status)| status));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The number of the child that `waitid` tells of, and the status as `waitpid` tells it. None if there is none.
fn of_child(info: &libc::siginfo_t) -> Option<(i32, c_int)> {
    // SAFETY: `waitid` has filled the fields for a child, or left them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status | 0x80,
        libc::CLD_STOPPED | libc::CLD_TRAPPED => (status << 8) | 0x7f,
        libc::CLD_CONTINUED => 0xffff,
        _ => status,
    };
    (pid != 0).then_some((pid, status))
}

/// Sends a signal by a descriptor. Returns 0, or -1 and leaves the reason in `errno`.
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn send_signal(pidfd: &OwnedFd, signum: c_int) -> libc::c_long {
    // SAFETY: the call takes any number, and no data.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signum,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    }
}

/// Other systems have no such descriptors.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
unsafe fn send_signal(_: &OwnedFd, _: c_int) -> libc::c_long {
    -1
}
