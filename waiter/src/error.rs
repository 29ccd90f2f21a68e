//! The errors of a wait. Source: gevent's `exceptions.py`.

/// A second greenlet wants to wait where one waits already.
///
/// Source: gevent's `ConcurrentObjectUseError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("This {object} is already used by {user}")]
pub struct ConcurrentObjectUseError {
    /// The kind of object that is in use.
    pub object: &'static str,
    /// The greenlet that waits there.
    pub user: String,
}

/// A parked greenlet was woken by a switch that it did not wait for.
///
/// Source: gevent's `InvalidSwitchError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid switch into {greenlet}: got {got} while waiting on {waiting_on}")]
#[non_exhaustive]
pub struct InvalidSwitchError {
    /// The greenlet that was woken.
    pub greenlet: String,
    /// The value that the wrong switch carried.
    pub got: String,
    /// The object that the greenlet was waiting for.
    pub waiting_on: String,
}

/// A greenlet other than the hub wanted to wake a waiter: only the hub may do that.
///
/// Source: the `AssertionError` of gevent's `Waiter.switch` and `Waiter.throw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Can only use Waiter.{method} method from the Hub greenlet")]
#[non_exhaustive]
pub struct NotInHubError {
    /// The method that was called elsewhere.
    pub method: &'static str,
}
