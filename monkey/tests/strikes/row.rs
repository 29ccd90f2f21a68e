//! The rows of the tables: calls that park.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// A row of a table: a call that parks.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) function: &'static str,
    /// In which situation, if there are several for the function.
    what: &'static str,
    pub(crate) thrown: Thrown,
    /// For a call that has a descriptor: its error if that is closed, and if it becomes that of `/dev/null`.
    pub(crate) closed: Option<[Option<i32>; 2]>,
    /// Whether plain greenlets park in it, too.
    pub(crate) parks_greenlets: bool,
    pub(crate) make: fn() -> Case,
}

impl Row {
    pub(crate) fn new(function: &'static str, make: fn() -> Case) -> Row {
        Row {
            function,
            what: "",
            thrown: Thrown::Fails,
            closed: None,
            parks_greenlets: true,
            make,
        }
    }

    pub(crate) fn with(self, what: &'static str) -> Row {
        Row { what, ..self }
    }

    pub(crate) fn thrown(self, thrown: Thrown) -> Row {
        Row { thrown, ..self }
    }

    pub(crate) fn closed(self, closed: [Option<i32>; 2]) -> Row {
        Row {
            closed: Some(closed),
            ..self
        }
    }

    /// Plain greenlets block their thread in this call, as `docs/monkey.md` says.
    pub(crate) fn blocks_greenlets(self) -> Row {
        Row {
            parks_greenlets: false,
            ..self
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            "" => f.write_str(self.function),
            what => write!(f, "{}, {what}", self.function),
        }
    }
}

/// What becomes of a call into which an exception is thrown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Thrown {
    /// It fails with `ECANCELED`.
    Fails,
    /// It returns as if it were done, or what it has done.
    Returns,
    /// It fails, or is done before.
    FailsOrReturns,
    /// It goes on; at the end of the hub, it is given up.
    GoesOn,
    /// It goes on; at the end of the hub, what it waits for may end before it is given up.
    GoesOnOrReturns,
}

impl Thrown {
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Thrown::GoesOn | Thrown::GoesOnOrReturns)
    }
}

/// A situation in which the call parks.
pub(crate) struct Case {
    /// Called in a virtual thread, or a greenlet.
    pub(crate) call: Box<dyn FnOnce() -> io::Result<()> + Send>,
    /// Each lets the call do a part of its work, or wakes it for nothing, so that it parks again. Called by the
    /// carrier, which does not give it a turn meanwhile.
    pub(crate) again: Vec<Box<dyn FnOnce()>>,
    /// Lets the call end. Called by the carrier.
    pub(crate) give: Box<dyn FnOnce()>,
    /// What the call waits for, if that is a descriptor; nobody else owns it.
    pub(crate) fd: Option<OwnedFd>,
    /// Checks that nothing is lost, given whether the call has succeeded, and the descriptor if it is still open.
    pub(crate) check: Box<dyn FnOnce(bool, Option<OwnedFd>)>,
}

impl Case {
    /// A call without a descriptor, and with nothing to lose.
    pub(crate) fn new(call: impl FnOnce() -> io::Result<()> + Send + 'static, give: impl FnOnce() + 'static) -> Case {
        Case {
            call: Box::new(call),
            again: Vec::new(),
            give: Box::new(give),
            fd: None,
            check: Box::new(|_, _| {}),
        }
    }

    /// With something to check, given whether the call has succeeded.
    pub(crate) fn checked(self, check: impl FnOnce(bool) + 'static) -> Case {
        Case {
            check: Box::new(|succeeded, _| check(succeeded)),
            ..self
        }
    }
}

/// What the kernel says of a system call.
pub(crate) fn done(returned: impl TryInto<i64>) -> io::Result<i64> {
    match returned.try_into() {
        Ok(returned @ 0..) => Ok(returned),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The answer of a function that returns an `errno`.
pub(crate) fn answered(errno: i32) -> io::Result<()> {
    match errno {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}
