//! [`Action`]: the thing that user code does. The tests of the crates above use this very file.

/// The thing that user code does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Panic,
    Wait,
    /// It waits for another greenlet, which uses the very object.
    WaitForUser,
    /// It is killed while it waits.
    Die,
    /// It is killed, and the kill comes with the next wait.
    DieSoon,
    /// Its greenlet is unwound while it waits.
    Unwind,
    /// It kills the greenlet that waits in the object.
    KillWaiter,
    /// It uses the very object.
    Reenter,
    /// It drops the last handles that others have of the object.
    Drop,
}

impl Action {
    pub(crate) const ALL: [Action; 9] = [
        Action::Panic,
        Action::Wait,
        Action::WaitForUser,
        Action::Die,
        Action::DieSoon,
        Action::Unwind,
        Action::KillWaiter,
        Action::Reenter,
        Action::Drop,
    ];
}
