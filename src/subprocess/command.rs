//! [`Command`]: what to run, and how: the keywords of Python's `Popen`, as methods.

use std::borrow::BorrowMut;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenlet_core::Exception;

use super::Popen;
use super::in_child::{InChild, register};
use super::run::{finish, wait_or_kill};
use super::stdio::{Kind, Stdio};

/// A program to run, with its arguments and settings: a [`std::process::Command`], whose methods it has, with the
/// keywords of Python's `Popen` besides. It can be run several times.
///
/// ```
/// use gevent::subprocess::{Command, PIPE};
///
/// let mut ls = Command::new("ls");
/// ls.arg("-a").cwd("/").stdout(PIPE);
/// let popen = ls.spawn()?; // or Popen::new(&mut ls)
/// let (output, _) = popen.communicate(None)?;
/// assert!(String::from_utf8(output.unwrap())?.contains("usr"));
/// # Ok::<(), gevent::Exception>(())
/// ```
pub struct Command {
    std: std::process::Command,
    in_child: Option<Arc<Mutex<InChild>>>,
    /// Which of the standard streams were set.
    is_set: [bool; 3],
    /// Why it cannot be run.
    failed: Option<io::Error>,
}

impl Command {
    /// A command that runs `program`, which is looked for in `PATH` if there is no slash in it.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        std::process::Command::new(program).into()
    }

    /// A command that has `/bin/sh` run `script`: Python's `shell=True`. Further [`arg`](Command::arg)s are `$0`, `$1`
    /// and so on.
    ///
    /// ```
    /// use gevent::subprocess::{Command, call};
    ///
    /// assert_eq!(call(Command::shell("exit 3 | exit 4"))?, 4);
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn shell(script: impl AsRef<OsStr>) -> Command {
        let mut command = std::process::Command::new("/bin/sh");
        command.arg("-c").arg(script);
        command.into()
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.std.args(args);
        self
    }

    /// Sets the name that the program gets of itself: Python's `args[0]` where there is an `executable`.
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment. After [`env_clear`](Command::env_clear) it is Python's `env`.
    pub fn envs(&mut self, vars: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> &mut Command {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Has the child begin without this process's environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the directory in which the program runs.
    pub fn current_dir(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// [`current_dir`](Command::current_dir) under Python's name.
    pub fn cwd(&mut self, dir: impl AsRef<Path>) -> &mut Command {
        self.current_dir(dir)
    }

    /// Sets where the standard input comes from.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.redirect(0, stdin.into())
    }

    /// Sets where the standard output goes to.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.redirect(1, stdout.into())
    }

    /// Sets where the standard error goes to; [`STDOUT`](super::STDOUT) is where the standard output goes.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.redirect(2, stderr.into())
    }

    fn redirect(&mut self, stream: usize, stdio: Stdio) -> &mut Command {
        self.is_set[stream] = true;
        if stream == 2
            && let Some(settings) = &self.in_child
        {
            settings.lock().unwrap_or_else(PoisonError::into_inner).stderr_to_stdout = false;
        }
        match (stdio.0, stream) {
            (Kind::Std(stdin), 0) => drop(self.std.stdin(stdin)),
            (Kind::Std(stdout), 1) => drop(self.std.stdout(stdout)),
            (Kind::Std(stderr), _) => drop(self.std.stderr(stderr)),
            (Kind::Stdout, 2) => {
                self.std.stderr(std::process::Stdio::null());
                self.in_child().stderr_to_stdout = true;
            }
            (Kind::Stdout, _) => self.failed = Some(invalid("STDOUT can only be used for stderr")),
            (Kind::Failed(error), _) => self.failed = Some(error),
        }
        self
    }

    /// Has the child lead a process group of its own (for 0), or join one.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Sets whether the child leads a session of its own, by `setsid`.
    pub fn start_new_session(&mut self, start: bool) -> &mut Command {
        self.in_child().start_new_session = start;
        self
    }

    /// Sets the mask of the modes of files that the child makes.
    pub fn umask(&mut self, mask: u32) -> &mut Command {
        self.in_child().umask = Some(mask);
        self
    }

    /// Sets the user that the child runs as: Python's `user`, by number.
    pub fn uid(&mut self, uid: u32) -> &mut Command {
        self.in_child().uid = Some(uid);
        self
    }

    /// Sets the group that the child runs as: Python's `group`, by number.
    pub fn gid(&mut self, gid: u32) -> &mut Command {
        self.in_child().gid = Some(gid);
        self
    }

    /// Sets the further groups of the child, by their numbers.
    pub fn extra_groups(&mut self, groups: &[u32]) -> &mut Command {
        self.in_child().extra_groups = Some(groups.to_vec());
        self
    }

    /// Sets whether the child begins with the standard descriptors alone, and those of
    /// [`pass_fds`](Command::pass_fds). False at first: descriptors that std and this library make are closed anyway,
    /// as they have the flag `FD_CLOEXEC`. (Python's default is true.)
    pub fn close_fds(&mut self, close: bool) -> &mut Command {
        self.in_child().close_fds = close;
        self
    }

    /// Has the child keep these descriptors, under their numbers, and no others.
    pub fn pass_fds(&mut self, fds: &[RawFd]) -> &mut Command {
        self.in_child().pass_fds = fds.to_vec();
        self
    }

    /// Has `f` called in the child, before the program begins: Python's `preexec_fn`.
    ///
    /// # Safety
    /// The child of a process with several threads may do hardly anything: `f` may call only what a signal handler may,
    /// and allocate nothing. See [`CommandExt::pre_exec`].
    #[allow(unsafe_code)]
    pub unsafe fn pre_exec(&mut self, f: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> &mut Command {
        // SAFETY: by this function's contract.
        unsafe { self.std.pre_exec(f) };
        self
    }

    fn in_child(&mut self) -> MutexGuard<'_, InChild> {
        let settings = self.in_child.get_or_insert_with(|| register(&mut self.std));
        settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program and its arguments.
    pub fn get_args(&self) -> Vec<OsString> {
        let all = [self.std.get_program()].into_iter().chain(self.std.get_args());
        all.map(OsStr::to_owned).collect()
    }

    /// std's command, for its further methods.
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// std's command, to be changed. A stream that is set there leads where it says.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Starts the child: the same as [`Popen::new`].
    ///
    /// # Errors
    /// As for [`Popen::new`].
    pub fn spawn(&mut self) -> io::Result<Popen> {
        Popen::new(self)
    }

    /// Runs the command, and waits for its end: [`call`](super::call) with std's result.
    ///
    /// # Errors
    /// As for [`call`](super::call).
    #[track_caller]
    pub fn status(&mut self) -> Result<ExitStatus, Exception> {
        let popen = self.spawn()?;
        if let Some(stdin) = popen.stdin() {
            stdin.close();
        }
        wait_or_kill(&popen, None)?;
        popen.known_status()
    }

    /// Runs the command, waits for its end and returns its output, as std's method does: streams that were not set are
    /// pipes, and the input is empty.
    ///
    /// # Errors
    /// As for [`run`](super::run()).
    #[track_caller]
    pub fn output(&mut self) -> Result<Output, Exception> {
        let [stdin, stdout, stderr] = self.is_set.map(|is_set| !is_set);
        let popen = self.start([
            stdin.then_some(std::process::Stdio::null as fn() -> _),
            stdout.then_some(std::process::Stdio::piped as fn() -> _),
            stderr.then_some(std::process::Stdio::piped as fn() -> _),
        ])?;
        let (stdout, stderr) = finish(&popen, None, None)?;
        Ok(Output {
            status: popen.known_status()?,
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
        })
    }

    /// Which of the standard streams were set.
    pub(super) fn is_set(&self) -> [bool; 3] {
        self.is_set
    }

    /// Starts the child, with pipes for those streams that were not set and are `wanted` as such.
    pub(super) fn start_piped(&mut self, wanted: [bool; 3]) -> io::Result<Popen> {
        self.start(wanted.map(|wanted| wanted.then_some(std::process::Stdio::piped as fn() -> _)))
    }

    /// Starts the child with these streams in the place of those that were not set, for this time.
    fn start(&mut self, streams: [Option<fn() -> std::process::Stdio>; 3]) -> io::Result<Popen> {
        if let Some(error) = &self.failed {
            return Err(match error.raw_os_error() {
                Some(errno) => io::Error::from_raw_os_error(errno),
                None => io::Error::new(error.kind(), error.to_string()),
            });
        }
        let inherit = std::process::Stdio::inherit;
        set(&mut self.std, streams);
        let started = Popen::start(self.get_args(), &mut self.std);
        set(
            &mut self.std,
            streams.map(|stream| stream.map(|_| inherit as fn() -> _)),
        );
        started
    }
}

fn set(command: &mut std::process::Command, [stdin, stdout, stderr]: [Option<fn() -> std::process::Stdio>; 3]) {
    if let Some(stdin) = stdin {
        command.stdin(stdin());
    }
    if let Some(stdout) = stdout {
        command.stdout(stdout());
    }
    if let Some(stderr) = stderr {
        command.stderr(stderr());
    }
}

pub(super) fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Command {
        Command {
            std,
            in_child: None,
            is_set: [false; 3],
            failed: None,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}

/// What can be run: a [`Command`], or a program with its arguments, such as `["ls", "-l"]`, a `Vec` of these, or the
/// name of a program alone.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be run",
    label = "this can: `[\"ls\", \"-l\"]`, a `Vec` of strings, `\"ls\"`, a `Command`",
    note = "for a line of shell: `Command::shell(\"ls -l | wc\")`"
)]
pub trait IntoCommand: Lend {}

/// What can be lent as a command.
pub trait Lend {
    #[doc(hidden)]
    type Lent: BorrowMut<Command>;
    #[doc(hidden)]
    fn lend(self) -> Self::Lent;
}

impl IntoCommand for Command {}
impl Lend for Command {
    type Lent = Command;
    fn lend(self) -> Command {
        self
    }
}

impl IntoCommand for &mut Command {}
impl<'c> Lend for &'c mut Command {
    type Lent = &'c mut Command;
    fn lend(self) -> &'c mut Command {
        self
    }
}

impl IntoCommand for std::process::Command {}
impl Lend for std::process::Command {
    type Lent = Command;
    fn lend(self) -> Command {
        self.into()
    }
}

/// The first is the program; the command of none cannot be run.
fn of_list<S: AsRef<OsStr>>(list: &[S]) -> Command {
    match list {
        [program, args @ ..] => {
            let mut command = Command::new(program);
            command.args(args);
            command
        }
        [] => Command {
            failed: Some(invalid("there is no program in an empty list")),
            ..Command::new("")
        },
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty;)*) => {$(
        impl<S: AsRef<OsStr>, $($generics)*> IntoCommand for $list {}
        impl<S: AsRef<OsStr>, $($generics)*> Lend for $list {
            type Lent = Command;
            fn lend(self) -> Command {
                of_list(&self[..])
            }
        }
    )*};
}

lists! {
    [const N: usize] [S; N];
    [const N: usize] &[S; N];
    [] &[S];
    [] Vec<S>;
    [] &Vec<S>;
}

macro_rules! names {
    ($($name:ty),*) => {$(
        impl IntoCommand for $name {}
        impl Lend for $name {
            type Lent = Command;
            fn lend(self) -> Command {
                Command::new(self)
            }
        }
    )*};
}

names!(&str, String, &String, &OsStr, OsString, &Path, std::path::PathBuf);
