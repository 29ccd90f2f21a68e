//! Child processes that are killed when the test ends. Every wait for them has a limit.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Result, eventually};

/// A running program; dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// The status and the output of a program that has ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Result<Process> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run {name}: {error}"))?;
        let stdout = Output::collect(child.stdout.take().ok_or("no stdout")?);
        let stderr = Output::collect(child.stderr.take().ok_or("no stderr")?);
        Ok(Process {
            name,
            child,
            stdout,
            stderr,
        })
    }

    pub(crate) fn stdout(&self) -> &Output {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &Output {
        &self.stderr
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for the end of the program. Fails if that takes longer than `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Result<Ended> {
        let what = format!("the end of {}", self.name);
        let status = eventually(&what, limit, || Ok(self.child.try_wait()?))
            .map_err(|error| format!("{error}; its stderr:\n{}", self.stderr.text()))?;
        let remaining = Instant::now() + limit;
        Ok(Ended {
            status,
            stdout: self.stdout.until_end(remaining),
            stderr: self.stderr.until_end(remaining),
        })
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// The number of file descriptors that the program has open.
    pub(crate) fn fds(&self) -> Result<usize> {
        Ok(fs::read_dir(self.proc("fd"))?.count())
    }

    /// The CPU time that the program has used, in clock ticks.
    pub(crate) fn cpu_ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The second field, the name in parentheses, may hold spaces; utime and stime are the 14th and 15th.
        let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut next = || -> Result<u64> { Ok(fields.next().ok_or("stat is short")?.parse()?) };
        Ok(next()? + next()?)
    }

    /// How often the program has gone to sleep, and so been woken, so far.
    pub(crate) fn voluntary_switches(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let count = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .ok_or("no voluntary_ctxt_switches")?;
        Ok(count.trim().parse()?)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

/// The command for an example. Plain `cargo test` builds examples into `target/debug/examples`, beside the tests in
/// `target/debug/deps`. If only some tests were built, the example is built here.
pub(crate) fn example(name: &str) -> Result<Command> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or("where is this test?")?;
    let program = profile.join("examples").join(name);
    if !is_current(&program, name)? {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", name]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        if cfg!(feature = "dns") {
            build.args(["--features", "dns"]);
        }
        if cfg!(feature = "hyper") {
            build.args(["--features", "hyper"]);
        }
        if cfg!(feature = "pywsgi") {
            build.args(["--features", "pywsgi"]);
        }
        if cfg!(feature = "ssl") {
            build.args(["--features", "ssl"]);
        }
        build
            .arg("--target-dir")
            .arg(profile.parent().ok_or("where is this test?")?);
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
        if !built.success() {
            return Err(format!("cannot build the example {name}: {built}").into());
        }
    }
    Ok(Command::new(program))
}

/// Whether the program exists, and is not older than its source.
fn is_current(program: &Path, name: &str) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("examples").join(name).with_extension("rs");
    match program.metadata() {
        Ok(built) => Ok(built.modified()? >= source.metadata()?.modified()?),
        Err(_) => Ok(false),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors mean that the program has ended, and been waited for, already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a program has printed so far. A thread collects them, so that the program never blocks on a full
/// pipe.
pub(crate) struct Output(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Output {
    fn collect(stream: impl Read + Send + 'static) -> Output {
        let shared = Arc::new((Mutex::new(Lines::default()), Condvar::new()));
        let output = Output(shared.clone());
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let mut state = shared.0.lock().unwrap_or_else(|error| error.into_inner());
                state.lines.push(text);
                shared.1.notify_all();
                line.clear();
            }
            shared.0.lock().unwrap_or_else(|error| error.into_inner()).ended = true;
            shared.1.notify_all();
        });
        output
    }

    /// The number of lines so far, by which a test can look only at lines that come later.
    pub(crate) fn len(&self) -> usize {
        self.with(|state| state.lines.len())
    }

    /// Waits for a line beyond the first `seen` that has `part` in it.
    pub(crate) fn line_with(&self, part: &str, seen: usize, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        let (lock, changed) = &*self.0;
        let mut state = lock.lock().unwrap_or_else(|error| error.into_inner());
        loop {
            let found = state.lines.iter().skip(seen).find(|line| line.contains(part));
            if let Some(line) = found {
                return Ok(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return Err(format!("no line with {part:?} in:\n{}", state.lines.join("\n")).into());
            }
            state = changed
                .wait_timeout(state, left)
                .unwrap_or_else(|error| error.into_inner())
                .0;
        }
    }

    pub(crate) fn text(&self) -> String {
        self.with(|state| state.lines.join("\n"))
    }

    fn until_end(&self, deadline: Instant) -> String {
        let (lock, changed) = &*self.0;
        let state = lock.lock().unwrap_or_else(|error| error.into_inner());
        let left = deadline.saturating_duration_since(Instant::now());
        let (state, _) = changed
            .wait_timeout_while(state, left, |state| !state.ended)
            .unwrap_or_else(|error| error.into_inner());
        state.lines.join("\n")
    }

    fn with<T>(&self, look: impl FnOnce(&Lines) -> T) -> T {
        look(&self.0.0.lock().unwrap_or_else(|error| error.into_inner()))
    }
}
