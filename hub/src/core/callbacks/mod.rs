//! The room of what a loop calls once, soon: gevent's `run_callback`.
//!
//! [`Loop::run_callback`](crate::core::Loop::run_callback) and its sisters put an [`Entry`](callback::Entry) into the
//! loop's [`Queue`](queue::Queue). libev's prepare watcher calls `run_callbacks` before each wait, which calls them in
//! their order and looks at the clock every fifty. A greenlet that is to begin is an entry, too: a
//! [`Start`](start::Start). Other threads put theirs into the loop's [`Mailbox`](mailbox::Mailbox), which is emptied
//! into the queue.
//!
//! Nothing here calls libev but the mailbox, whose `ev_async_send` may be called from any thread. An entry is out of
//! the queue before it is called, so it may do anything to the loop and to itself.

pub(in crate::core) mod callback;
pub(in crate::core) mod mailbox;
pub(in crate::core) mod outcome;
pub(in crate::core) mod queue;
pub(in crate::core) mod run_callbacks;
pub(in crate::core) mod start;
pub(in crate::core) mod threadsafe;
