//! [`Now`]: which descriptors are ready at this moment. gevent asks the system's `select` this; we ask `poll`, which
//! has no limit for the numbers of descriptors.

use std::io;
use std::os::fd::RawFd;

use greenlet_core::{Exception, direct};
use hub::core::BadFd;
use libc::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, pollfd};

/// How many descriptors the system is asked about in one call. It refuses more than the process may have, but a list
/// may name a descriptor many times.
const AT_ONCE: usize = 64;

/// What a list of `select` is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    Read,
    Write,
    Exceptional,
}

impl List {
    /// The events to ask for.
    fn asks(self) -> i16 {
        match self {
            List::Read => POLLIN,
            List::Write => POLLOUT,
            List::Exceptional => POLLPRI,
        }
    }

    /// The events that make a descriptor of this list ready, as in the system's `select`.
    fn takes(self) -> i16 {
        match self {
            List::Read => POLLIN | POLLHUP | POLLERR,
            List::Write => POLLOUT | POLLERR,
            List::Exceptional => POLLPRI,
        }
    }
}

/// Descriptors to ask about. It keeps its memory.
#[derive(Default)]
pub(super) struct Now {
    asked: Vec<pollfd>,
    lists: Vec<List>,
}

impl Now {
    pub(super) fn clear(&mut self) {
        self.asked.clear();
        self.lists.clear();
    }

    pub(super) fn add(&mut self, fd: RawFd, list: List) -> Result<(), BadFd> {
        if fd < 0 {
            // The system would skip it.
            return Err(BadFd::not_open(fd));
        }
        let events = list.asks();
        self.asked.push(pollfd { fd, events, revents: 0 });
        self.lists.push(list);
        Ok(())
    }

    /// Asks. Returns whether any descriptor is ready.
    pub(super) fn ask(&mut self) -> Result<bool, Exception> {
        for part in self.asked.chunks_mut(AT_ONCE) {
            poll_now(part)?;
        }
        if let Some(closed) = self.asked.iter().find(|asked| asked.revents & POLLNVAL != 0) {
            return Err(BadFd::not_open(closed.fd).into());
        }
        Ok((0..self.asked.len()).any(|place| self.is_ready(place)))
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// The descriptor at this place.
    pub(super) fn fd(&self, place: usize) -> RawFd {
        self.asked[place].fd
    }

    /// Whether the descriptor at this place was ready.
    pub(super) fn is_ready(&self, place: usize) -> bool {
        self.asked[place].revents & self.lists[place].takes() != 0
    }
}

/// Asks the system about these descriptors, without waiting.
fn poll_now(asked: &mut [pollfd]) -> io::Result<()> {
    loop {
        #[allow(unsafe_code)]
        // SAFETY: the pointer and the number are those of a slice, to which the system writes. It takes any number for
        // a descriptor.
        let found = direct(|| unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) });
        if found >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
