//! Processes and descriptors, for greenlets. Source: gevent's `os.py`.
//!
//! | functions | what they do |
//! |---|---|
//! | [`nb_read`], [`nb_write`], [`make_nonblocking`] | read and write pipes, terminals and the like, waiting in the hub |
//! | [`tp_read`], [`tp_write`] | read and write anything, waiting in a thread |
//! | [`fork()`], [`forkpty`], [`fork_and_watch`], [`forkpty_and_watch`] | copy the process; the copy is watched |
//! | [`fork_gevent`], [`forkpty_gevent`] | the same, not watched |
//! | [`posix_spawn`] | runs a program, watched |
//! | [`waitpid()`] | waits for a child in the hub |
//!
//! For most programs that run others, [`std::process::Command`] is all of `posix_spawn`; the function here is for those
//! that also want `waitpid` and `SIGCHLD` by gevent's rules.
//!
//! # In the child of a fork
//!
//! The child goes on in the greenlet that has called `fork`. Before it returns, the hub is made ready by
//! [`reinit`](crate::reinit), as in gevent.
//!
//! | what | in the child |
//! |---|---|
//! | greenlets | all are there, and those that wait, wait in both processes. A child that must not go on with them calls `get_hub().destroy(true)` first, and gets a new hub with its next wait |
//! | the hub of this thread | goes on: timers, callbacks, watched descriptors and signal handlers are there |
//! | hubs of other threads | are gone with their threads; if one of them had libev's default loop, the child's thread gets it anew |
//! | pools of greenlets, groups | as they are, with their greenlets |
//! | servers | go on, and take connections from the same socket as the parent. One of the two stops or closes its own; that disturbs the other one not |
//! | sockets, descriptors | are shared with the parent: what one process reads, the other does not get |
//! | thread pools | have no threads, and start new ones when they are used. Tasks under way fail with [`LostInForkError`](crate::threadpool::LostInForkError) |
//! | children | are the parent's: [`waitpid()`] fails with `ECHILD`, also where a greenlet waits already. No callback is called for them |
//! | output that std holds back | would be written twice: call `flush` before |
//!
//! The child ends by [`std::process::exit`], without destructors of the greenlets, or goes on as the program.
//!
//! `fork` is unsafe to call, as in every Rust library: it says what the child must not do where there are other
//! threads.

mod children;
mod descriptors;
mod fork;
mod system;
mod waitpid;

pub use descriptors::{make_nonblocking, nb_read, nb_write, tp_read, tp_write};
pub use fork::{fork, fork_and_watch, fork_gevent, forkpty, forkpty_and_watch, forkpty_gevent, posix_spawn};
pub use waitpid::waitpid;
