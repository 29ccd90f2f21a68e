//! [`format_run_info`]: the threads of the process and the greenlets of this one, in lines of text; [`dump_on_signal`].
//! Source: `format_run_info` in gevent's `util.py`.

use std::io::{self, Write};
use std::thread;

use greenlet_core::{Exception, getcurrent};
use hub::{SignalHandler, watch_signal};

use super::backtrace::{Backtrace, Symbols};
use super::{Details, GreenletTree};

/// What [`format_run_info_with`] includes.
///
/// Source: the keywords of gevent's `format_run_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunInfo {
    /// The backtrace of the current thread. Those of other threads are not known.
    pub thread_stacks: bool,
    /// The backtraces of greenlets.
    pub greenlet_stacks: bool,
    /// How many lines a backtrace has at most; `None` for no limit.
    pub limit: Option<usize>,
}

impl Default for RunInfo {
    fn default() -> Self {
        RunInfo {
            thread_stacks: true,
            greenlet_stacks: true,
            limit: None,
        }
    }
}

/// All that is known of what the process is doing, as lines of text for people: the names of its threads, and the
/// greenlets of this thread as a [`GreenletTree`] with all details.
///
/// ```
/// let lines = gevent::util::format_run_info();
/// assert!(lines.iter().any(|line| line.contains("Greenlets")));
/// ```
pub fn format_run_info() -> Vec<String> {
    format_run_info_with(RunInfo::default())
}

/// [`format_run_info`] with less.
pub fn format_run_info_with(info: RunInfo) -> Vec<String> {
    let mut lines = threads(&info);
    let line = "*".repeat(80);
    lines.extend([line.clone(), "* Greenlets".to_owned(), line]);
    let details = Details {
        running_stacks: info.greenlet_stacks,
        running_stack_limit: info.limit,
        ..Details::default()
    };
    for tree in GreenletTree::forest() {
        lines.push("---- Thread boundary".to_owned());
        lines.extend(tree.format_lines(details));
    }
    lines
}

/// Prints [`format_run_info`] to standard error. Errors of it are ignored.
pub fn print_run_info() {
    let _ = print_run_info_to(io::stderr(), RunInfo::default());
}

/// Prints [`format_run_info_with`] to `file`.
///
/// ```
/// use gevent::util::{RunInfo, print_run_info_to};
///
/// let mut text = Vec::new();
/// print_run_info_to(&mut text, RunInfo { greenlet_stacks: false, ..RunInfo::default() })?;
/// # assert!(!text.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `file`.
pub fn print_run_info_to(mut file: impl Write, info: RunInfo) -> io::Result<()> {
    let text = format_run_info_with(info).join("\n") + "\n";
    file.write_all(text.as_bytes())?;
    file.flush()
}

/// Has [`print_run_info`] called whenever the process gets the signal, by the hub of this thread: for a program that
/// seems to hang, and for a look at one that does not.
///
/// ```
/// # fn main() -> Result<(), gevent::Exception> {
/// gevent::util::dump_on_signal(libc::SIGUSR1)?; // kill -USR1 ..
/// # Ok(())
/// # }
/// ```
///
/// It prints when the hub runs, so not while a greenlet computes; then a monitor, or a debugger, says which one.
///
/// # Errors
/// [`IllegalSignal`](crate::core::IllegalSignal) if the signal does not exist or cannot be caught;
/// [`SignalInUse`](crate::core::SignalInUse) if another thread's loop watches it; an error if there is no hub.
pub fn dump_on_signal(signum: i32) -> Result<SignalHandler, Exception> {
    watch_signal(signum, print_run_info)
}

/// The part about the threads of the process.
fn threads(info: &RunInfo) -> Vec<String> {
    let line = "*".repeat(80);
    let mut lines = vec![line.clone(), "* Threads".to_owned()];
    for (id, name, current) in all_threads() {
        let current = if current { ") (CURRENT" } else { "" };
        lines.push(line.clone());
        lines.push(format!("Thread {id} ({name}{current})"));
        if current.is_empty() || !info.thread_stacks {
            lines.push("\t...stack elided...".to_owned());
        } else {
            let limit = info.limit.unwrap_or(usize::MAX);
            let stack = Symbols::default().lines(&Backtrace::of(&getcurrent()), limit);
            lines.extend(stack.into_iter().map(|line| format!("  {line}")));
        }
    }
    lines
}

/// The number and name of each thread of the process, and whether it is this one: where the system has no `/proc`, only
/// this one.
fn all_threads() -> Vec<(String, String, bool)> {
    #[cfg(target_os = "linux")]
    {
        let this = rustix::thread::gettid().as_raw_nonzero().to_string();
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let mut all: Vec<_> = tasks
            .filter_map(|task| {
                let id = task.file_name().into_string().ok()?;
                // A thread may have ended meanwhile.
                let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
                let current = id == this;
                Some((id, name.trim_end().to_owned(), current))
            })
            .collect();
        if !all.is_empty() {
            all.sort_by_key(|(id, ..)| id.parse::<u64>().ok());
            return all;
        }
    }
    let this = thread::current();
    vec![(
        format!("{:?}", this.id()),
        this.name().unwrap_or_default().to_owned(),
        true,
    )]
}
