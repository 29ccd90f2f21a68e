//! [`AlarmThread`]: a thread that waits in the hub's place, for executors whose own waits are not known.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use greenlet_core::Exception;
use greenlet_core::unwind::discard;
use hub::core::OuterWait;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(super) struct AlarmThread {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// A byte in here makes the thread look at the state.
    poke: PipeWriter,
}

#[derive(Default)]
struct State {
    /// When the alarm is to go off at the latest, if it is set. The inner option is none if there is no such time.
    set: Option<Option<Instant>>,
    /// What the thread knows of `set`.
    known: Option<Option<Instant>>,
    /// There is a byte in the pipe.
    poked: bool,
    gone_off: bool,
    waker: Option<Waker>,
    ended: bool,
}

impl AlarmThread {
    pub(super) fn start(wait: &OuterWait) -> Result<AlarmThread, Exception> {
        let fd = wait.as_fd().try_clone_to_owned()?;
        let (poked, poke) = io::pipe()?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            poke,
        });
        let thread = thread::Builder::new().name("gevent-driver".to_owned());
        thread.spawn({
            let shared = shared.clone();
            move || shared.run(poked, &fd)
        })?;
        Ok(AlarmThread { shared })
    }

    pub(super) fn set(&self, limit: Option<Duration>) -> Result<(), Exception> {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.shared.state.lock();
        state.gone_off = false;
        state.set = Some(until);
        // A thread that looks too early looks once more.
        let will_look = state.known.is_some_and(|known| is_no_later(known, until));
        if will_look {
            Ok(())
        } else {
            Ok(self.shared.poke(&mut state)?)
        }
    }

    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        // Wakers are cloned and dropped while nothing is locked: that may be user code.
        let mut new = None;
        let old = loop {
            let mut state = self.shared.state.lock();
            if std::mem::take(&mut state.gone_off) {
                drop(state);
                return Poll::Ready(());
            }
            match new.take() {
                Some(waker) => break state.waker.replace(waker),
                None if state
                    .waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(context.waker())) =>
                {
                    break None;
                }
                None => {}
            }
            drop(state);
            new = Some(context.waker().clone());
        };
        drop(old);
        Poll::Pending
    }
}

/// Whether one time is not after another. None is never.
fn is_no_later(one: Option<Instant>, other: Option<Instant>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one <= other,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

impl Shared {
    fn poke(&self, state: &mut State) -> io::Result<()> {
        if !state.poked {
            (&self.poke).write_all(&[0])?;
            state.poked = true;
        }
        Ok(())
    }

    /// The thread.
    fn run(&self, mut poked: PipeReader, fd: &OwnedFd) {
        loop {
            let set = {
                let mut state = self.state.lock();
                if state.ended {
                    return;
                }
                state.known = state.set;
                state.set
            };
            let limit = set
                .flatten()
                .map(|until| until.saturating_duration_since(Instant::now()));
            // A time that is too long for the kernel is for ever.
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            let mut fds = [PollFd::new(&poked, PollFlags::IN), PollFd::new(fd, PollFlags::IN)];
            let watched = if set.is_some() { 2 } else { 1 };
            // An interrupted wait has found nothing, and the state is looked at again.
            let found = poll(&mut fds[..watched], limit.as_ref()).unwrap_or(0) > 0;
            let [was_poked, readable] = [0, 1].map(|at| found && !fds[at].revents().is_empty());
            self.look(was_poked.then_some(&mut poked), readable);
        }
    }

    /// Lets the alarm go off, if it is time.
    fn look(&self, poked: Option<&mut PipeReader>, readable: bool) {
        let mut state = self.state.lock();
        state.known = None;
        if let Some(pipe) = poked {
            // In the parent of a fork, the byte may be the child's. Whatever it is, the state is looked at again.
            let _ = pipe.read(&mut [0]);
            state.poked = false;
        }
        let is_over = |until: Option<Instant>| until.is_some_and(|until| until <= Instant::now());
        if !state.set.is_some_and(|until| readable || is_over(until)) {
            return;
        }
        state.set = None;
        state.gone_off = true;
        let waker = state.waker.take();
        drop(state);
        // The waker is the executor's, and its panic must not end the thread.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.map(Waker::wake))) {
            discard(panic);
        }
    }
}

impl Drop for AlarmThread {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.ended = true;
        // The pipe has room for a byte.
        let _ = self.shared.poke(&mut state);
        let waker = state.waker.take();
        drop(state);
        drop(waker);
    }
}
