//! [`Events`]: the events that a watcher waits for, or that it has received.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign};

use libev_sys as ev;

/// A set of libev's events. Source: ev.pod, "ANATOMY OF A WATCHER"; the constants of `gevent.core`.
///
/// ```
/// use hub::core::Events;
///
/// assert_eq!((Events::READ | Events::WRITE).to_string(), "READ|WRITE");
/// assert!(Events::READWRITE.contains(Events::WRITE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Events(i32);

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $ev:ident;)*) => {
        impl Events {
            $($(#[$doc])* pub const $name: Events = Events(ev::$ev);)*
        }
    };
}

events! {
    /// Never sent.
    UNDEF = EV_UNDEF;
    /// No event.
    NONE = EV_NONE;
    /// The descriptor can be read without blocking.
    READ = EV_READ;
    /// The descriptor can be written without blocking.
    WRITE = EV_WRITE;
    /// The timer's time has passed.
    TIMER = EV_TIMER;
    /// The time of a periodic watcher has come.
    PERIODIC = EV_PERIODIC;
    /// The signal came.
    SIGNAL = EV_SIGNAL;
    /// The child changed its state.
    CHILD = EV_CHILD;
    /// The path's attributes changed.
    STAT = EV_STAT;
    /// The loop has nothing else to do.
    IDLE = EV_IDLE;
    /// The loop is about to wait.
    PREPARE = EV_PREPARE;
    /// The loop has waited.
    CHECK = EV_CHECK;
    /// The embedded loop needs attention.
    EMBED = EV_EMBED;
    /// The process has forked, and this is the child.
    FORK = EV_FORK;
    /// The loop is about to be destroyed.
    CLEANUP = EV_CLEANUP;
    /// An [`Async`](crate::core::Async) watcher was sent to.
    ASYNC = EV_ASYNC;
    /// Never sent by libev; free for [`feed`](crate::core::Watcher::feed).
    CUSTOM = EV_CUSTOM;
    /// libev has stopped the watcher because of an error, such as a closed descriptor.
    ERROR = EV_ERROR;
    /// Internal to libev: the descriptor of an io watcher was set and not started since.
    IOFDSET = EV__IOFDSET;
}

/// The names, in the order of gevent's `_events_to_str`. gevent's own list lacks `TIMER`.
const NAMES: [(Events, &str); 17] = [
    (Events::READ, "READ"),
    (Events::WRITE, "WRITE"),
    (Events::IOFDSET, "_IOFDSET"),
    (Events::TIMER, "TIMER"),
    (Events::PERIODIC, "PERIODIC"),
    (Events::SIGNAL, "SIGNAL"),
    (Events::CHILD, "CHILD"),
    (Events::STAT, "STAT"),
    (Events::IDLE, "IDLE"),
    (Events::PREPARE, "PREPARE"),
    (Events::CHECK, "CHECK"),
    (Events::EMBED, "EMBED"),
    (Events::FORK, "FORK"),
    (Events::CLEANUP, "CLEANUP"),
    (Events::ASYNC, "ASYNC"),
    (Events::CUSTOM, "CUSTOM"),
    (Events::ERROR, "ERROR"),
];

impl Events {
    /// [`READ`](Self::READ) and [`WRITE`](Self::WRITE).
    pub const READWRITE: Events = Events(ev::EV_READ | ev::EV_WRITE);

    /// The set with libev's own bits.
    pub const fn from_bits(bits: i32) -> Events {
        Events(bits)
    }

    /// libev's own bits.
    pub const fn bits(self) -> i32 {
        self.0
    }

    /// Whether all of `other` are in the set.
    pub const fn contains(self, other: Events) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in the set.
    pub const fn intersects(self, other: Events) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Events {
    type Output = Events;
    fn bitor(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
}

impl BitOrAssign for Events {
    fn bitor_assign(&mut self, other: Events) {
        self.0 |= other.0;
    }
}

impl BitAnd for Events {
    type Output = Events;
    fn bitand(self, other: Events) -> Events {
        Events(self.0 & other.0)
    }
}

/// Writes the names, as in `READ|WRITE`: gevent's `_events_to_str`. Bits without a name come last, in hexadecimal.
impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        let mut separator = "";
        for (event, name) in NAMES {
            if left & event.0 != 0 {
                write!(f, "{separator}{name}")?;
                separator = "|";
                left &= !event.0;
            }
        }
        if left != 0 {
            write!(f, "{separator}{left:#x}")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({self})")
    }
}
