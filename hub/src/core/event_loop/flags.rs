//! Backends and flags of a loop, by bit and by name. Source: gevent's `_flags_to_int`, `_flags_to_list` and
//! `_check_flags`; ev.pod, "FUNCTIONS CONTROLLING EVENT LOOPS".

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign};

use libev_sys as ev;

use crate::core::error::{InvalidFlag, UnsupportedBackend};

/// A set of backends and flags.
///
/// ```
/// use hub::core::{IntoFlags, LoopFlags};
///
/// let flags = "epoll, noenv".into_flags()?;
/// assert_eq!(flags, LoopFlags::EPOLL | LoopFlags::NOENV);
/// assert_eq!(flags.to_list(), ["epoll", "noenv"]);
/// # Ok::<(), hub::core::InvalidFlag>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LoopFlags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $ev:ident, $text:literal;)*) => {
        impl LoopFlags {
            $($(#[$doc])* pub const $name: LoopFlags = LoopFlags(ev::$ev);)*
        }

        /// Backends in the order in which libev tries them, then the flags.
        const NAMES: &[(LoopFlags, &str)] = &[$((LoopFlags::$name, $text)),*];
    };
}

flags! {
    /// Solaris event ports.
    PORT = EVBACKEND_PORT, "port";
    /// BSD and macOS kqueue.
    KQUEUE = EVBACKEND_KQUEUE, "kqueue";
    /// Linux io_uring; libev never picks it by itself.
    IOURING = EVBACKEND_IOURING, "linux_iouring";
    /// Linux aio; libev never picks it by itself. A watched descriptor that is stopped and closed stays open in the
    /// kernel until the loop has run again, and a moment longer: a listener goes on listening, unless it is shut down
    /// first.
    LINUXAIO = EVBACKEND_LINUXAIO, "linux_aio";
    /// Linux epoll.
    EPOLL = EVBACKEND_EPOLL, "epoll";
    /// `poll(2)`.
    POLL = EVBACKEND_POLL, "poll";
    /// `select(2)`.
    SELECT = EVBACKEND_SELECT, "select";
    /// Do not look at the environment variable `LIBEV_FLAGS`; always added, as in gevent.
    NOENV = EVFLAG_NOENV, "noenv";
    /// Notice a fork in each iteration; always added, as in gevent.
    FORKCHECK = EVFLAG_FORKCHECK, "forkcheck";
    /// Do not use inotify for stat watchers.
    NOINOTIFY = EVFLAG_NOINOTIFY, "noinotify";
    /// Receive signals by a signalfd.
    SIGNALFD = EVFLAG_SIGNALFD, "signalfd";
    /// Leave the thread's signal mask alone.
    NOSIGMASK = EVFLAG_NOSIGMASK, "nosigmask";
    /// Do not use a timerfd for periodic watchers.
    NOTIMERFD = EVFLAG_NOTIMERFD, "notimerfd";
}

/// All names, sorted.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
    names.sort_unstable();
    names
}

impl LoopFlags {
    /// No backend and no flag: libev chooses the backend.
    pub const AUTO: LoopFlags = LoopFlags(ev::EVFLAG_AUTO);

    /// The set with libev's own bits.
    pub const fn from_bits(bits: u32) -> LoopFlags {
        LoopFlags(bits)
    }

    /// libev's own bits.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are in the set.
    pub const fn contains(self, other: LoopFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The backends in the set, without the flags.
    pub const fn backends(self) -> LoopFlags {
        LoopFlags(self.0 & ev::EVBACKEND_MASK)
    }

    /// The names in the set; bits without a name come last, as a number. Source: `_flags_to_list`.
    pub fn to_list(self) -> Vec<String> {
        let mut left = self.0;
        let mut list = Vec::new();
        for (flag, name) in NAMES {
            if left & flag.0 != 0 {
                list.push((*name).to_owned());
                left &= !flag.0;
            }
        }
        if left != 0 {
            list.push(left.to_string());
        }
        list
    }

    /// The name, if the set is exactly one flag and that has a name, else the number.
    pub(in crate::core) fn to_name(self) -> String {
        let known = NAMES.iter().find(|(flag, _)| *flag == self);
        known.map_or_else(|| self.0.to_string(), |(_, name)| (*name).to_owned())
    }

    /// Refuses a set none of whose backends is supported here. A set without backends is fine: libev chooses.
    pub(crate) fn check(self) -> Result<LoopFlags, UnsupportedBackend> {
        let backends = self.backends();
        // SAFETY: ev_supported_backends has no preconditions.
        let supported = unsafe { ev::ev_supported_backends() };
        if backends.is_empty() || backends.0 & supported != 0 {
            Ok(self)
        } else {
            Err(UnsupportedBackend { backends })
        }
    }
}

impl BitOr for LoopFlags {
    type Output = LoopFlags;
    fn bitor(self, other: LoopFlags) -> LoopFlags {
        LoopFlags(self.0 | other.0)
    }
}

impl BitOrAssign for LoopFlags {
    fn bitor_assign(&mut self, other: LoopFlags) {
        self.0 |= other.0;
    }
}

impl BitAnd for LoopFlags {
    type Output = LoopFlags;
    fn bitand(self, other: LoopFlags) -> LoopFlags {
        LoopFlags(self.0 & other.0)
    }
}

impl fmt::Display for LoopFlags {
    /// The names, and bits without one in hexadecimal: `epoll|noenv|0x40`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        let mut separator = "";
        for (flag, name) in NAMES.iter().filter(|(flag, _)| self.0 & flag.0 != 0) {
            write!(f, "{separator}{name}")?;
            separator = "|";
            left &= !flag.0;
        }
        match left {
            0 => Ok(()),
            left => write!(f, "{separator}{left:#x}"),
        }
    }
}

impl fmt::Debug for LoopFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopFlags({self})")
    }
}

/// A value that [`Loop::new`](crate::core::Loop::new) takes for flags: a set, a number, names in one string separated
/// by commas, or a list of names. Upper and lower case are the same; an empty string or `()` means libev's choice.
pub trait IntoFlags {
    /// The set of flags.
    ///
    /// # Errors
    /// [`InvalidFlag`] if a name is neither a backend's nor a flag's.
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag>;
}

fn by_name<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<LoopFlags, InvalidFlag> {
    let mut flags = LoopFlags::AUTO;
    for name in names {
        let name = name.trim();
        if name.is_empty() {
            continue;
        }
        match NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
            Some((flag, _)) => flags |= *flag,
            None => {
                return Err(InvalidFlag { name: name.to_owned() });
            }
        }
    }
    Ok(flags)
}

impl IntoFlags for LoopFlags {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        Ok(self)
    }
}

impl IntoFlags for () {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        Ok(LoopFlags::AUTO)
    }
}

impl IntoFlags for u32 {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        Ok(LoopFlags(self))
    }
}

impl IntoFlags for &str {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        by_name(self.split(','))
    }
}

impl IntoFlags for String {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        self.as_str().into_flags()
    }
}

impl<S: AsRef<str>> IntoFlags for &[S] {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        by_name(self.iter().map(AsRef::as_ref))
    }
}

impl<S: AsRef<str>, const N: usize> IntoFlags for [S; N] {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        self.as_slice().into_flags()
    }
}

impl<S: AsRef<str>> IntoFlags for Vec<S> {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        self.as_slice().into_flags()
    }
}

impl<F: IntoFlags> IntoFlags for Option<F> {
    fn into_flags(self) -> Result<LoopFlags, InvalidFlag> {
        self.map_or(Ok(LoopFlags::AUTO), IntoFlags::into_flags)
    }
}
