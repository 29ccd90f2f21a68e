//! Tests of child processes. What counts the descriptors, threads or zombies of the process, or changes what it does
//! with signals, is in `process_statuses.rs`, where each test has a process of its own.
//!
//! | file | about |
//! |---|---|
//! | `popen.rs` | gevent's `test__subprocess.py`, `test__subprocess_poll.py` |
//! | `cpython.rs` | `ProcessTestCase` of CPython's `test_subprocess.py` |
//! | `cpython_more.rs` | further cases of both |
//! | `posix.rs` | `POSIXProcessTestCase` of the same, and its tests of commands and contexts |
//! | `run_func.rs` | `RunFuncTestCase` of both |
//! | `futures.rs` | children and pipes that are awaited |
//! | `pipes.rs` | pipes that are closed, shared, passed on |
//! | `programs.rs` | real programs, much data, children of children |
//! | `terminals.rs` | children at a terminal |
//! | `waits.rs` | links, waits, kills and timeouts |

mod cpython;
mod cpython_more;
mod futures;
mod pipes;
mod popen;
mod posix;
mod programs;
mod run_func;
mod terminals;
mod waits;

#[cfg(feature = "hyper")]
#[path = "../common/conversation.rs"]
mod conversation;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/terminal.rs"]
mod terminal;

use std::io;

use gevent::subprocess::{Command, Popen};

/// A command for the shell.
fn sh(script: &str) -> Command {
    Command::shell(script)
}

/// A child that runs until it is killed.
fn endless() -> io::Result<Popen> {
    Popen::new(["sleep", "3600"])
}
