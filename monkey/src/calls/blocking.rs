//! [`Call`]: a call that would block, done without blocking.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use hub::core::Events;
use libc::{c_int, socklen_t, ssize_t, timeval};

use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, set_errno};

/// The caller's place, if a call for this descriptor may park there. For the standard input and output that is another
/// patch, and for the standard error output never: what is written there may be told of a fault, in the midst of
/// anything.
#[inline(always)]
pub(super) fn place_for(fd: c_int) -> Option<Place> {
    match fd {
        0 | 1 => place(Module::Sys),
        2 => None,
        _ => place(Module::Socket),
    }
}

/// How a system call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It fails with `EAGAIN` if it would block.
    Try,
    /// It blocks the thread, as the caller cannot park.
    Block,
}

impl How {
    /// The flag of the system call that has it fail instead of blocking.
    pub(super) fn flag(self, flag: c_int) -> c_int {
        if self == How::Try { flag } else { 0 }
    }
}

/// A call for one descriptor that is to be made as if it blocked. Only when it would block for the first time, the
/// descriptor is looked at more closely.
pub(super) struct Call {
    place: Place,
    fd: c_int,
    events: Events,
    /// Until when, once that is known.
    deadline: Option<Option<Instant>>,
    /// Whether this may be a socket, which has a time limit of its own.
    limited: bool,
    /// How many waits in a row were in vain.
    vain: u32,
    /// The caller's `errno`, which a call that succeeds leaves alone.
    errno: c_int,
}

/// How many waits may be in vain before there are pauses, and how long these are.
const VAIN: u32 = 2;
const PAUSE: Duration = Duration::from_millis(1);

impl Call {
    /// A call that waits until something can be read.
    pub(super) fn reading(place: Place, fd: c_int) -> Call {
        Call::new(place, fd, Events::READ)
    }

    /// A call that waits until something can be written.
    pub(super) fn writing(place: Place, fd: c_int) -> Call {
        Call::new(place, fd, Events::WRITE)
    }

    fn new(place: Place, fd: c_int, events: Events) -> Call {
        Call {
            place,
            fd,
            events,
            deadline: None,
            limited: true,
            vain: 0,
            errno: errno(),
        }
    }

    /// This is no socket.
    pub(super) fn without_limit(&mut self) {
        self.limited = false;
    }

    /// The call ends after so long, counted from when this is said first. To be said of what blocks.
    pub(super) fn limit(&mut self, limit: Duration) {
        self.deadline.get_or_insert_with(|| Some(Instant::now() + limit));
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The caller's `errno` before the call.
    pub(super) fn errno(&self) -> c_int {
        self.errno
    }

    pub(super) fn fd(&self) -> c_int {
        self.fd
    }

    /// Makes a system call again and again, until it does not say any more that it would block. It is told to block if
    /// the caller cannot park. Returns what it has returned, with its `errno`.
    pub(super) fn once(&mut self, mut call: impl FnMut(How) -> ssize_t) -> ssize_t {
        self.all(0, |_, how| call(how))
    }

    /// Has a system call move `len` bytes. It is told how many are done already; it may do less than the rest, and
    /// nothing at the end of a stream. Returns how many were moved before it has failed; -1, with its `errno`, if there
    /// are none.
    pub(super) fn all(&mut self, len: usize, mut call: impl FnMut(usize, How) -> ssize_t) -> ssize_t {
        let (mut done, mut how) = (0, How::Try);
        loop {
            let moved = call(done, how);
            if let Ok(more) = usize::try_from(moved) {
                done += more;
                if done >= len || more == 0 {
                    return self.done(done);
                }
                self.vain = 0;
            } else if errno() != libc::EAGAIN || how == How::Block {
                return self.failed(done, errno());
            }
            if how == How::Try {
                match self.wait() {
                    Ok(()) => {}
                    Err(Failed::Errno(errno)) => return self.failed(done, errno),
                    Err(Failed::MustBlock) => how = How::Block,
                }
            }
        }
    }

    pub(super) fn done(&self, done: usize) -> ssize_t {
        set_errno(self.errno);
        done.cast_signed()
    }

    /// The call fails, unless something was done before.
    pub(super) fn failed(&self, done: usize, errno: c_int) -> ssize_t {
        if done > 0 {
            return self.done(done);
        }
        set_errno(errno);
        -1
    }

    /// Waits until another try is worth it, after one has said that it would block. Fails with `EAGAIN` if the
    /// descriptor is one that does not block, or if its own time limit is over.
    pub(super) fn wait(&mut self) -> Result<(), Failed> {
        let deadline = self.deadline()?;
        self.pause(deadline)?;
        self.vain += 1;
        match self.place.wait_fd(self.fd, self.events, deadline)? {
            true => Ok(()),
            false => Err(Failed::Errno(libc::EAGAIN)),
        }
    }

    /// Waits for a time, where nothing tells when another try is worth it.
    pub(super) fn wait_a_while(&mut self) -> Result<(), Failed> {
        let deadline = self.deadline()?;
        self.vain = self.vain.max(VAIN);
        self.pause(deadline)
    }

    /// Waits for a time if the last waits were in vain. The hub has told that the descriptor is ready, and the call
    /// would block: others are quicker; or this is something that the kernel does not tell, as the room in the queue of
    /// a Unix datagram socket to which no other one is connected.
    fn pause(&mut self, deadline: Option<Instant>) -> Result<(), Failed> {
        if self.vain < VAIN {
            return Ok(());
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Failed::Errno(libc::EAGAIN));
        }
        self.place.pause(self.fd, PAUSE)
    }

    fn deadline(&mut self) -> Result<Option<Instant>, Failed> {
        if let Some(deadline) = self.deadline {
            return Ok(deadline);
        }
        if is_nonblocking(self.fd) {
            return Err(Failed::Errno(libc::EAGAIN));
        }
        let limit = if self.limited {
            time_limit(self.fd, self.events)
        } else {
            None
        };
        let deadline = limit.map(|limit| Instant::now() + limit);
        self.deadline = Some(deadline);
        Ok(deadline)
    }
}

/// Whether calls for the descriptor never block.
pub(super) fn is_nonblocking(fd: c_int) -> bool {
    // SAFETY: F_GETFL changes nothing, and takes any number.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

/// The socket's own limit, `SO_RCVTIMEO` or `SO_SNDTIMEO`. None if there is no limit, or this is no socket.
fn time_limit(fd: c_int, events: Events) -> Option<Duration> {
    let option = match events.contains(Events::READ) {
        true => libc::SO_RCVTIMEO,
        false => libc::SO_SNDTIMEO,
    };
    let limit: timeval = socket_option(fd, option)?;
    let seconds = u64::try_from(limit.tv_sec).ok()?;
    let microseconds = u32::try_from(limit.tv_usec).ok()?;
    let limit = Duration::from_secs(seconds) + Duration::from_micros(microseconds.into());
    // So much can be added to the time of day. Nobody waits longer.
    (!limit.is_zero() && limit < Duration::from_secs(1 << 40)).then_some(limit)
}

/// What an option of a socket can be.
///
/// # Safety
/// Any bytes are a value.
pub(super) unsafe trait Number: Copy {}
// SAFETY: a number.
unsafe impl Number for c_int {}
// SAFETY: two numbers.
unsafe impl Number for timeval {}
// SAFETY: two numbers.
unsafe impl Number for libc::linger {}

/// An option of a socket, at the level `SOL_SOCKET`. None if this is no socket. The caller's `errno` is left alone.
pub(super) fn socket_option<T: Number>(fd: c_int, option: c_int) -> Option<T> {
    let before = errno();
    let mut value = MaybeUninit::<T>::zeroed();
    let mut len = size_of::<T>() as socklen_t;
    // SAFETY: the kernel writes as many bytes as the value has, at most.
    let got = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, value.as_mut_ptr().cast(), &raw mut len) };
    set_errno(before);
    // SAFETY: by the contract of `Number`.
    (got == 0).then(|| unsafe { value.assume_init() })
}

/// What is ready of a descriptor now: the events of `poll`. The caller's `errno` is left alone.
pub(super) fn ready(fd: c_int, events: libc::c_short) -> libc::c_short {
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    let before = errno();
    // SAFETY: the pointer is that of one `pollfd`. With this time, `poll` does not wait.
    let count = unsafe { libc::poll(&raw mut poll, 1, 0) };
    set_errno(before);
    if count > 0 { poll.revents } else { 0 }
}
