//! [`Limit`]: how long a call may take that may wait several times.

use std::cell::Cell;
use std::io;

use hub::TimedOut;

use crate::lock::Deadline;

/// How long a call may wait: at most so many seconds each time, until the deadline altogether, and until it is told to
/// end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<'a> {
    /// The timeout of the socket, which may be changed meanwhile. It holds from the next wait on.
    each: Option<&'a Cell<Option<f64>>>,
    all: Deadline,
    may_wait: bool,
    told: Option<&'a Cell<bool>>,
}

impl<'a> Limit<'a> {
    /// Limits each wait alone, by this timeout.
    #[inline]
    pub(crate) fn of_each_wait(seconds: &'a Cell<Option<f64>>) -> Limit<'a> {
        Limit {
            each: Some(seconds),
            ..Limit::none()
        }
    }

    /// Limits nothing.
    #[inline]
    pub(crate) fn none() -> Limit<'a> {
        Limit {
            each: None,
            all: Deadline::after(None),
            may_wait: true,
            told: None,
        }
    }

    /// Limits all waits together, from now on.
    pub(crate) fn of_the_whole(seconds: Option<f64>) -> Limit<'a> {
        Limit {
            all: Deadline::after(seconds),
            may_wait: seconds != Some(0.0),
            ..Limit::none()
        }
    }

    /// Limits the waits together as well, from now on.
    pub(crate) fn and_the_whole(self, seconds: Option<f64>) -> Limit<'a> {
        let whole = Limit::of_the_whole(seconds);
        Limit {
            all: self.all.or_earlier(whole.all),
            may_wait: self.may_wait && whole.may_wait,
            ..self
        }
    }

    /// As this limit, but without a wait if not `may_wait`.
    pub(crate) fn waiting_if(self, may_wait: bool) -> Limit<'a> {
        Limit {
            may_wait: self.may_wait && may_wait,
            ..self
        }
    }

    /// As this limit, but ends the call when `told` is true. Who sets it [wakes](super::RawSocket::wake) the socket.
    pub(crate) fn unless_told(self, told: &'a Cell<bool>) -> Limit<'a> {
        Limit {
            told: Some(told),
            ..self
        }
    }

    /// Whether the call was told to end.
    #[inline]
    pub(crate) fn is_told_to_end(&self) -> bool {
        self.told.is_some_and(Cell::get)
    }

    /// Whether the call may wait at all. With a time of 0 it may not.
    #[inline]
    pub(crate) fn may_wait(&self) -> bool {
        self.may_wait && self.each.is_none_or(|each| each.get() != Some(0.0))
    }

    /// How many seconds the next wait may take.
    #[inline]
    pub(crate) fn left(&self) -> Option<f64> {
        let all = self.all.left().map(|left| left.max(0.0));
        match (self.each.and_then(Cell::get), all) {
            (Some(each), Some(all)) => Some(each.min(all)),
            (each, all) => each.or(all),
        }
    }

    /// Fails if the deadline is over: to be asked before each step of a call but the first, as a step that does not
    /// have to wait does not notice.
    pub(crate) fn check(&self) -> io::Result<()> {
        match self.all.left() {
            Some(left) if left <= 0.0 && self.may_wait() => Err(TimedOut.into()),
            _ => Ok(()),
        }
    }
}
