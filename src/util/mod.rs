//! What a program is doing: its greenlets as a tree, with the places where they wait, and their backtraces. Source:
//! gevent's `util.py`.
//!
//! ```
//! use gevent::prelude::*;
//! use gevent::util::GreenletTree;
//!
//! let server = spawn(|| {
//!     let client = Greenlet::builder().name("client").spawn(|| sleep(100));
//!     client.join()
//! });
//! sleep(0)?;
//! sleep(0)?;
//! println!("{}", GreenletTree::current_tree());
//! # assert!(GreenletTree::current_tree().to_string().contains("      +--- <Greenlet \"client\""));
//! # drop(server);
//! # Ok::<(), Exception>(())
//! ```
//!
//! prints
//!
//! ```text
//! <greenlet at 0x7f1c5402d0a0 current main>
//!  +--- <Hub "" at 0x7f1c5402d290 <Loop at 0x7f1c54002c10 epoll default pending=0> thread_ident=ThreadId(1)>
//!  +--- <Greenlet at 0x7f1c5402e8c0: spawned at src/main.rs:4:14>
//!       +--- <Greenlet "client" at 0x7f1c5402ea40: spawned at src/main.rs:5:54>
//! ```
//!
//! [`GreenletTree::format`] and [`print_run_info`] add all details: where each greenlet was made, what it waits for and
//! for how long it has been there, its backtrace, its locals. [`dump_on_signal`] is one line at the beginning of a
//! program that lets an operator ask for this at any time.
//!
//! [`assert_switches`] is for tests: some code is to let others run.
//!
//! | file | what |
//! |---|---|
//! | `tree.rs` | [`GreenletTree`]: which greenlet has spawned which |
//! | `details.rs`, `format.rs` | [`Details`]; the lines of a tree |
//! | `run_info.rs` | [`format_run_info`], [`print_run_info`], [`dump_on_signal`] |
//! | `backtrace.rs` | [`Backtrace`]: the functions that a greenlet is in |
//! | `switches.rs` | [`assert_switches`] |
//!
//! Greenlets of other threads are not shown: they never leave their thread, nor do handles of them.

mod backtrace;
mod details;
mod format;
mod run_info;
mod switches;
mod tree;

pub use backtrace::Backtrace;
pub(crate) use backtrace::Symbols;
pub use details::Details;
pub use hub::monitor::Frame;
pub use run_info::{RunInfo, dump_on_signal, format_run_info, format_run_info_with, print_run_info, print_run_info_to};
pub use switches::{AssertSwitches, FailedToSwitch, assert_switches};
pub use tree::GreenletTree;
