//! The room of the callbacks, which a loop calls once, soon: gevent's `run_callback`.
//!
//! [`Loop::run_callback`](crate::core::Loop::run_callback) and its sisters put an [`Entry`](callback::Entry) into the
//! loop's [`Queue`](queue::Queue). The loop's prepare watcher calls `run_callbacks` before each wait. That calls the
//! entries in their order, and looks at the clock after every fifty. A greenlet that is to begin is an entry, too: a
//! [`Start`](start::Start). Other threads put their callbacks into the loop's [`Mailbox`](mailbox::Mailbox), which is
//! emptied into the queue.
//!
//! Only two files here call libev: the mailbox, whose `ev_async_send` may be called from any thread, and
//! `run_callbacks.rs`, for the clock and the count of references. An entry is taken out of the queue before it is
//! called, so it may do anything to the loop and to itself.

pub(in crate::core) mod callback;
pub(in crate::core) mod mailbox;
pub(in crate::core) mod outcome;
pub(in crate::core) mod queue;
pub(in crate::core) mod run_callbacks;
pub(in crate::core) mod start;
pub(in crate::core) mod threadsafe;
