//! A console in a running process, for its operators: its greenlets, what they wait for, servers, pools, memory.
//! Source: gevent's `backdoor.py`. There it is a Python prompt; here lines are commands, and users add their own.
//!
//! ```
//! use std::fmt::Write;
//! use gevent::backdoor::BackdoorServer;
//!
//! let path = std::env::temp_dir().join(format!("gevent-backdoor-{}", std::process::id()));
//! let backdoor = BackdoorServer::at_path(&path)?;
//! backdoor.command("add", "NUMBER..: their sum", |session, words| {
//!     let numbers = words.iter().map(|word| word.parse::<i64>());
//!     let sum: i64 = numbers.sum::<Result<_, _>>()?;
//!     writeln!(session, "{sum}")?;
//!     Ok::<_, gevent::Exception>(())
//! });
//! backdoor.start()?;
//! # use std::io::{Read, Write as _};
//! # let mut client = gevent::socket::UnixStream::connect(&path)?;
//! # client.write_all(b"add 2 3\nquit\n")?;
//! # let mut text = String::new();
//! # client.read_to_string(&mut text)?;
//! # assert!(text.contains(">>> 5\n>>> "), "{text}");
//! // .. the program; nc -U /tmp/gevent-backdoor-..
//! # backdoor.stop()?;
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! # Commands
//!
//! | line | what it prints or does |
//! |---|---|
//! | `help` | all commands |
//! | `greenlets` | a line for each greenlet of the thread: its number, state, where it waits and for what |
//! | `tree` | who has spawned whom, with all details but backtraces |
//! | `stacks`, `stacks ID` | the backtraces of all greenlets, or of one |
//! | `servers`, `pools`, `watchers`, `memory` | what their names say |
//! | `kill ID` | throws a `GreenletExit` into the greenlet of that number |
//! | `quit` | ends the session; so does the end of the input |
//!
//! # Who may use it
//!
//! Whoever can connect can kill greenlets, and do what the program's own commands do; there are no passwords. So a
//! server on the network listens at loopback addresses only, at which any user of the machine can connect, unless the
//! program says that it is [open to others](Builder::open_to_others). A Unix socket, which is better, has a file that
//! only the same user can use.
//!
//! A client can take little from the others: a line has at most [`LINE`] bytes, the output of a command is cut after
//! [`OUTPUT`] bytes, a client that does not read it for some seconds is left, and so is one that says nothing for long.
//! The number of sessions is limited. A command that fails or panics tells so its client only.
//!
//! | file | what |
//! |---|---|
//! | `server.rs` | [`BackdoorServer`], and its settings |
//! | `serving.rs` | one client: lines come, commands are called, output goes |
//! | `lines.rs` | the lines of a client |
//! | `session.rs` | [`Session`]: what a command gets |
//! | `commands.rs` | the list of the commands |
//! | `builtin.rs` | the commands that are always there |

mod builtin;
mod commands;
mod lines;
mod server;
mod serving;
mod session;

pub use crate::socket::NotLoopbackError;
pub use lines::LINE;
pub use server::{BackdoorServer, Builder};
pub use session::{OUTPUT, Session};
