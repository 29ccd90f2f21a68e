//! A call of the system that cannot go on, at a descriptor of which the system says that it can.
//!
//! Linux has such descriptors. Nothing can be received by a datagram socket that is shut down for reading, which counts
//! as readable. And a Unix datagram socket counts as writable while the queue is full of the receiver that it sends to,
//! unless it is connected to this one. An event of the loop would come at once, again and again.

use std::io;

use hub::TimedOut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use super::{Direction, FIRST_PAUSE, LONGEST_PAUSE};
use crate::lock::Deadline;

/// What to do after a call that would have blocked.
pub(super) enum Next {
    Wait,
    TryAgain,
    /// Nothing will ever come.
    End,
}

/// What is known of a call, from its first wait on.
pub(super) struct Stuck {
    direction: Direction,
    /// Whether the system has said since the last wait that the descriptor is ready.
    was_ready: bool,
    /// How many seconds the next pause takes, and when the last one ends.
    pause: f64,
    deadline: Option<Deadline>,
}

impl Stuck {
    pub(super) fn new(direction: Direction) -> Stuck {
        Stuck {
            direction,
            was_ready: false,
            pause: FIRST_PAUSE,
            deadline: None,
        }
    }

    /// To be called when the call fails again after a wait. If the system says that the descriptor is ready, and the
    /// call, made once more, fails nevertheless, it pauses, for `left` seconds altogether.
    #[cold]
    #[track_caller]
    pub(super) fn next(&mut self, socket: &socket2::Socket, left: Option<f64>) -> io::Result<Next> {
        let events = self.events(socket)?;
        if events.is_empty() {
            self.was_ready = false;
            return Ok(Next::Wait);
        }
        if !std::mem::replace(&mut self.was_ready, true) {
            return Ok(Next::TryAgain);
        }
        if is_over(events) {
            return Ok(Next::End);
        }
        match self.deadline.get_or_insert_with(|| Deadline::after(left)).left() {
            Some(left) if left <= 0.0 => return Err(TimedOut.into()),
            left => hub::sleep(left.map_or(self.pause, |left| left.min(self.pause)))?,
        }
        self.pause = (self.pause * 2.0).min(LONGEST_PAUSE);
        Ok(Next::TryAgain)
    }

    /// What the system says of the descriptor now.
    fn events(&self, socket: &socket2::Socket) -> io::Result<PollFlags> {
        let wanted = match self.direction {
            Direction::Read => PollFlags::IN | OVER,
            Direction::Write => PollFlags::OUT,
        };
        let mut asked = [PollFd::new(socket, wanted)];
        // A signal interrupts even a call that does not wait.
        retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))?;
        Ok(asked[0].revents())
    }
}

/// The event of a socket at which nothing can be received any more. Other systems have none: there the call returns 0.
#[cfg(any(target_os = "linux", target_os = "android"))]
const OVER: PollFlags = PollFlags::RDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const OVER: PollFlags = PollFlags::empty();

fn is_over(events: PollFlags) -> bool {
    !OVER.is_empty() && events.contains(OVER)
}

/// The result of a call at the end: of one that receives, nothing.
pub(crate) trait AtEnd: Sized {
    fn at_end() -> io::Result<Self>;
}

impl AtEnd for usize {
    fn at_end() -> io::Result<usize> {
        Ok(0)
    }
}

impl AtEnd for (usize, Option<socket2::SockAddr>) {
    fn at_end() -> io::Result<Self> {
        Ok((0, None))
    }
}

/// A listener that is shut down has no such end: the call fails.
impl AtEnd for (socket2::Socket, socket2::SockAddr) {
    fn at_end() -> io::Result<Self> {
        Err(io::Error::from_raw_os_error(libc::EINVAL))
    }
}
