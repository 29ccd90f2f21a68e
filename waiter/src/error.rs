//! What can go wrong with a wait. Source: gevent's `exceptions.py`.

/// A second greenlet wants to wait where one waits already.
///
/// Source: gevent's `ConcurrentObjectUseError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("This {object} is already used by {user}")]
pub struct ConcurrentObjectUseError {
    /// What is in use.
    pub object: &'static str,
    /// The greenlet that waits there.
    pub user: String,
}

/// A parked greenlet was woken by somebody it did not wait for.
///
/// Source: gevent's `InvalidSwitchError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid switch into {greenlet}: got {got} while waiting on {waiting_on}")]
pub struct InvalidSwitchError {
    /// The greenlet that was woken.
    pub greenlet: String,
    /// What the wrong switch carried.
    pub got: String,
    /// What it was waiting for.
    pub waiting_on: String,
}

/// Waking a waiter is the hub's business: only the hub greenlet may do it.
///
/// Source: the `AssertionError` of gevent's `Waiter.switch` and `Waiter.throw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Can only use Waiter.{method} method from the Hub greenlet")]
pub struct NotInHubError {
    /// The method that was called elsewhere.
    pub method: &'static str,
}
