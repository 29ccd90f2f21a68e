//! Child processes. Source: gevent's `subprocess.py`, and Python's.
//!
//! ```
//! use gevent::prelude::*;
//! use gevent::subprocess::{Command, PIPE, Popen, check_output};
//!
//! // Both run at once, and other greenlets go on.
//! let popens = [Popen::new(["sleep", "0.01"])?, Popen::new(Command::shell("exit 3"))?];
//! gevent::wait(&popens)?;
//! assert_eq!(popens[1].returncode(), Some(3));
//!
//! assert_eq!(check_output(["echo", "hello"])?, b"hello\n");
//! # Ok::<(), Exception>(())
//! ```
//!
//! | Python | here |
//! |---|---|
//! | `Popen(["ls", "-l"])`, `Popen("ls")` | [`Popen::new`]`(["ls", "-l"])`, `Popen::new("ls")` |
//! | `Popen("ls \| wc", shell=True)` | `Popen::new(`[`Command::shell`]`("ls \| wc"))` |
//! | `Popen(["cat"], stdin=PIPE, cwd="/")` | `Popen::new(`[`Command::new`]`("cat").stdin(PIPE).cwd("/"))`; or `Command::new("cat").stdin(PIPE).spawn()`, as in std |
//! | `executable="/bin/bash"` | `Command::new("/bin/bash").arg0(..)` |
//! | `env={..}` | [`env_clear`](Command::env_clear) and [`envs`](Command::envs) |
//! | `preexec_fn` | [`pre_exec`](Command::pre_exec), which is unsafe |
//! | `close_fds=True`, the default | [`close_fds`](Command::close_fds), which is false by default |
//! | `restore_signals=True`, the default | always: the child gets the default of `SIGPIPE`, and no signal is blocked in it |
//! | `p.stdin.write(b)`, `p.stdout.read()`, `for line in p.stdout` | [`PipeWriter`] is a `Write`, [`PipeReader`] a `Read` and a `BufRead` |
//! | `p.communicate(b"..", timeout=1)` | [`communicate`](Popen::communicate), [`communicate_timeout`](Popen::communicate_timeout) |
//! | `with Popen(..) as p:` | [`close`](Popen::close) at the end of the block |
//! | `text=True`, `encoding`, `errors` | `String::from_utf8`; ends of lines are not changed |
//! | `bufsize`, `pipesize` | writing has no buffer; reading has one for lines |
//! | `run(.., input=b, capture_output=True, check=True, timeout=1)` | [`run_with`] and [`Run`] |
//! | `call`, `check_call`, `check_output`, `getoutput`, `getstatusoutput` | the same |
//! | `user="nobody"`, `group`, `extra_groups` | [`uid`](Command::uid), [`gid`](Command::gid), [`extra_groups`](Command::extra_groups), by number |
//!
//! # How children are waited for
//!
//! Each child is watched by a descriptor of its process, by the loop of the thread that has started it, and its status
//! is taken alone (see [`OwnChild`](crate::core::OwnChild)). So this works in every thread, where gevent needs the main
//! one, installs no handler of `SIGCHLD`, and leaves other children of the program to those who have started them,
//! [`std::process::Child`] among them. While the program watches any child by libev's
//! [`Child`](crate::core::Child), libev takes all statuses; those of children here come here all the same.
//!
//! If the program itself waits for all children, or ignores `SIGCHLD`, the end of a child is noticed, but its status is
//! lost: [`wait`](Popen::wait) fails with [`StatusUnknown`].
//!
//! In the child of a fork, the children of the parent are not its own: their status is unknown there.
//!
//! # Kills and timeouts
//!
//! An exception that is thrown into a greenlet ends its call as any other wait. After [`Popen::wait`] and
//! [`Popen::communicate`] the child goes on, and the call can be made again; nothing is lost. [`run()`], [`call`] and
//! the others that start the child themselves kill it first, and wait for its end.
//!
//! # Differences from gevent
//!
//! - When the time of [`run_timeout`] is over, children of the killed child that still have its pipes are not waited
//!   for, as in Python; gevent waits for them.
//! - A `Popen` whose last handle is dropped closes its pipes. In gevent they stay open until the child has ended.
//! - [`communicate`](Popen::communicate) gives the outputs out once. gevent returns them again.
//! - [`poll`](Popen::poll) asks the system, and so needs no run of the loop.

mod command;
mod communicate;
mod errors;
mod in_child;
mod pipes;
mod popen;
mod process;
mod run;
mod stdio;

pub use command::{Command, IntoCommand};
pub use communicate::{Input, Outputs};
pub use errors::{CalledProcessError, StatusUnknown, TimeoutExpired};
pub(crate) use pipes::{MAX_PARTS, write};
pub use pipes::{PipeReader, PipeWriter};
pub use popen::Popen;
pub use run::{
    CompletedProcess, Run, call, call_timeout, check_call, check_call_timeout, check_output, check_output_timeout,
    check_output_with, getoutput, getstatusoutput, run, run_timeout, run_with,
};
pub use stdio::{DEVNULL, PIPE, Redirect, STDOUT, Stdio};
