//! Polling a socket: a task that would have to wait leaves its waker, where a greenlet is parked.
//!
//! Tasks wait with the socket's own watchers. So a greenlet and a task cannot both wait in one direction: the second
//! gets an error, as a second greenlet does.
//!
//! A waker is user code, also when it is cloned or dropped, so that nothing is borrowed or half done meanwhile.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, IoSliceMut, Read};
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use std::mem::MaybeUninit;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, ready};

use greenlet_core::Exception;
use greenlet_core::unwind::call_each;
use hub::core::{Events, Io};
use waiter::ConcurrentObjectUseError;

use super::{Direction, MAX_PARTS, NO_SIGNAL, RawSocket, closed};
use crate::future::LocalWaker;

/// What is known of the tasks that poll a socket, by [`Direction`].
#[derive(Default)]
pub(super) struct Polls([Side; 2]);

#[derive(Default)]
struct Side {
    /// The task that waits. As long as there is one, the watcher of this direction is started. It is also while it
    /// calls back, so that a task that waits again in that time finds it started.
    waker: RefCell<Option<LocalWaker>>,
    /// Why the kernel has refused to watch the descriptor. The next poll returns it.
    refused: Cell<Option<io::Error>>,
    /// Whether the last read has taken all that was there. Then the next one waits without asking the system, for an
    /// event that comes also if there is something again: the loop is level-triggered.
    is_drained: Cell<bool>,
}

impl RawSocket {
    /// Calls `operation`. If it fails with `WouldBlock`, the task is woken when it is worth while to poll again.
    fn poll<T>(
        self: &Rc<Self>,
        direction: Direction,
        cx: &Context<'_>,
        mut operation: impl FnMut(&socket2::Socket) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let socket = self.socket()?;
        let side = self.side(direction);
        if let Some(error) = side.refused.take() {
            return Poll::Ready(Err(error));
        }
        let nothing_new = side.waker.borrow().is_some() || side.is_drained.take();
        if !nothing_new {
            if self.hub.turn_is_due() {
                return self.poll_after_turn(cx);
            }
            loop {
                match operation(&socket) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    result => {
                        if matches!(direction, Direction::Write) {
                            self.emptied.this_has_sent();
                        }
                        return Poll::Ready(result);
                    }
                }
            }
        }
        drop(socket);
        self.leave_waker(direction, cx)?;
        Poll::Pending
    }

    /// Receives into `buf`, and returns how many bytes at its beginning are initialised by that.
    #[cfg(any(feature = "hyper", feature = "tokio-io"))]
    pub(crate) fn poll_recv(self: &Rc<Self>, cx: &Context<'_>, buf: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        let len = buf.len();
        self.poll_read(cx, len, |socket| socket.recv(buf))
    }

    /// As [`poll_recv`](RawSocket::poll_recv), into bytes that are initialised.
    pub(crate) fn poll_recv_into(self: &Rc<Self>, cx: &Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, buf.len(), |mut socket| socket.read(buf))
    }

    pub(crate) fn poll_recv_vectored(
        self: &Rc<Self>,
        cx: &Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = bufs.len().min(MAX_PARTS);
        let bufs = &mut bufs[..count];
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_read(cx, len, |mut socket| socket.read_vectored(bufs))
    }

    fn poll_read(
        self: &Rc<Self>,
        cx: &Context<'_>,
        len: usize,
        operation: impl FnMut(&socket2::Socket) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if len == 0 {
            return Poll::Ready(self.socket().map(|_| 0));
        }
        let n = ready!(self.poll(Direction::Read, cx, operation))?;
        self.side(Direction::Read).is_drained.set(0 < n && n < len);
        Poll::Ready(Ok(n))
    }

    pub(crate) fn poll_send(self: &Rc<Self>, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(Direction::Write, cx, |socket| socket.send_with_flags(buf, NO_SIGNAL))
    }

    pub(crate) fn poll_send_vectored(
        self: &Rc<Self>,
        cx: &Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[..bufs.len().min(MAX_PARTS)];
        self.poll(Direction::Write, cx, |socket| {
            socket.send_vectored_with_flags(bufs, NO_SIGNAL)
        })
    }

    /// Wakes the task that waits in this direction, if any.
    pub(super) fn wake_task(&self, direction: Direction) {
        if let Some(waker) = self.stop_poll(direction) {
            waker.wake();
        }
    }

    /// Stops the watchers with which tasks wait.
    pub(crate) fn stop_polls(&self) -> Stopped {
        Stopped([Direction::Read, Direction::Write].map(|direction| self.stop_poll(direction)))
    }

    fn side(&self, direction: Direction) -> &Side {
        &self.polls.get_or_init(Box::default).0[direction as usize]
    }

    /// Has the task woken when the hub has had its turn.
    #[cold]
    fn poll_after_turn<T>(&self, cx: &Context<'_>) -> Poll<io::Result<T>> {
        let waker = LocalWaker::of(cx);
        let loop_ = self.hub.loop_();
        loop_.run_callback(move || waker.wake()).map_err(Exception::from)?;
        // The round ends, so that descriptors and times have their turn, too.
        loop_.end_round();
        Poll::Pending
    }

    /// Has the task woken when the watcher of this direction fires. A task that waited before is woken now: it may be
    /// another one.
    fn leave_waker(self: &Rc<Self>, direction: Direction, cx: &Context<'_>) -> io::Result<()> {
        let side = self.side(direction);
        let will_wake = |waker: &LocalWaker| waker.will_wake(cx);
        let is_known = side.waker.borrow().as_ref().is_some_and(will_wake);
        let new = (!is_known).then(|| LocalWaker::of(cx));
        // The waker's `clone` may have closed the socket.
        self.fd().ok_or_else(closed)?;
        let watcher = self.watcher(direction)?;
        if watcher.resume().is_some() {
            return Err(in_use(watcher));
        }
        let before = match new {
            Some(new) => side.waker.replace(Some(new)),
            None => None,
        };
        if !watcher.active() {
            // Whoever runs in the callback may drop the last handle, or take the socket out of it.
            let raw = Rc::downgrade(self);
            let started = watcher.start_pass_events(move |events| on_event(&raw, direction, events));
            if let Err(error) = started {
                let waker = side.waker.take();
                drop(waker);
                return Err(Exception::from(error).into());
            }
        }
        if let Some(before) = before {
            before.wake();
        }
        Ok(())
    }

    /// Stops the watcher of this direction if it is started for tasks and none waits.
    #[inline]
    pub(super) fn stop_unless_awaited(&self, direction: Direction) {
        if let Some(polls) = self.polls.get()
            && polls.0[direction as usize].waker.borrow().is_none()
            && let Ok(watcher) = self.watcher(direction)
            && watcher.has_callback()
            && watcher.resume().is_none()
        {
            // This fails only if the loop is destroyed, which has stopped the watcher.
            let _ = watcher.stop();
        }
    }

    /// Stops the watcher of this direction if it is started for tasks. Returns the one that waits.
    fn stop_poll(&self, direction: Direction) -> Option<LocalWaker> {
        let waker = self.polls.get()?.0[direction as usize].waker.take();
        self.stop_unless_awaited(direction);
        waker
    }
}

/// The watcher of a task has fired. The task may wait again before this is over. Otherwise the watcher is stopped: it
/// would fire again and again.
fn on_event(raw: &Weak<RawSocket>, direction: Direction, events: Events) {
    struct StopUnlessAwaited<'a>(&'a Weak<RawSocket>, Direction);
    impl Drop for StopUnlessAwaited<'_> {
        fn drop(&mut self) {
            if let Some(raw) = self.0.upgrade() {
                raw.stop_unless_awaited(self.1);
            }
        }
    }
    let refused = Io::refused(events);
    let waker = raw.upgrade().and_then(|raw| {
        let side = raw.side(direction);
        side.refused.set(refused);
        side.waker.take()
    });
    let _stop = StopUnlessAwaited(raw, direction);
    if let Some(waker) = waker {
        waker.resume();
    }
}

/// The tasks whose watchers were stopped. They are woken when this is dropped.
#[must_use]
pub(crate) struct Stopped([Option<LocalWaker>; 2]);

impl Drop for Stopped {
    fn drop(&mut self) {
        let wakers = std::mem::take(&mut self.0);
        // `call_each` lets no panic out of a drop that is part of another panic.
        call_each(wakers.into_iter().flatten().map(|waker| move || waker.wake()));
    }
}

#[cold]
fn in_use(watcher: &Io) -> io::Error {
    let error = ConcurrentObjectUseError {
        object: "socket",
        user: format!("a greenlet: {watcher:?}"),
    };
    Exception::new(error).into()
}
