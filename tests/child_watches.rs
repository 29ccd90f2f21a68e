//! Tests of the children that `gevent::os` watches: on any thread and any hub, beside others that wait for children,
//! where statuses are lost. What they have of gevent's tests is in `forks.rs`.
//!
//! Each test runs in a process of its own, on its main thread.

#[allow(dead_code, reason = "shared with other tests")]
mod common;
#[path = "errors/strikes/strike.rs"]
mod strike;
#[path = "support/mod.rs"]
mod support;

use std::cell::{Cell, RefCell};
use std::io::{self, PipeWriter, Read, pipe};
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use common::SOON;
use common::children::{self, Alone};
use gevent::core::{NotDefaultLoop, StatusUnknown};
use gevent::os::{fork, fork_and_watch, forkpty, posix_spawn, waitpid};
use gevent::signal::{Handler, SIG_DFL, SIG_IGN, getsignal, signal};
use gevent::subprocess::Popen;
use gevent::{Exception, get_hub, joinall, run_in_thread, sleep, spawn};
use strike::{Case, Row, case, row};
use support::TestResult;

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTS: &[Alone] = &[$((stringify!($name), $name)),*];
    };
}

tests! {
    children_are_watched_in_every_thread
    children_of_std_keep_their_statuses
    a_status_that_the_program_has_taken_is_unknown
    a_status_that_the_system_has_taken_is_unknown
    what_another_thread_waits_for_is_told
    a_child_of_subprocess_is_any_child
    what_libevs_reaper_takes_is_told
    a_child_outlives_its_hub
    waits_for_any_child_leave_one_thread
    any_child_is_waited_for_in_several_threads
    children_that_cannot_start_are_no_children
    forks_of_threads_at_once
    sigchld_is_handled_in_every_thread
    without_descriptors_there_is_no_child
    nothing_is_left_after_strikes
}

fn main() -> ExitCode {
    children::main_alone(TESTS)
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Ends the child of a fork, of a process that may have other threads.
fn end(code: i32) -> ! {
    // SAFETY: no preconditions.
    unsafe { libc::_exit(code) }
}

fn started(script: &str) -> Result<i32, Exception> {
    posix_spawn(&mut sh(script))
}

fn code(pid: i32) -> Result<Option<i32>, Exception> {
    let (ended, status) = waitpid(pid, 0)?;
    assert_eq!(ended, pid);
    Ok(status.code())
}

#[track_caller]
fn assert_echild<T: std::fmt::Debug>(result: Result<T, Exception>) {
    let error = result.expect_err("there is no such child");
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    assert_eq!(code, Some(libc::ECHILD), "{error:?}");
}

#[track_caller]
fn assert_unknown<T: std::fmt::Debug>(result: Result<T, Exception>, pid: i32) {
    let error = result.expect_err("the status is lost");
    assert_eq!(
        error.downcast_ref::<StatusUnknown>().map(|unknown| unknown.pid),
        Some(pid)
    );
}

/// How many descriptors and threads there are.
fn counts() -> io::Result<(usize, usize)> {
    let count = |folder: &str| Ok::<_, io::Error>(std::fs::read_dir(folder)?.count());
    Ok((count("/proc/self/fd")?, count("/proc/self/task")?))
}

fn soon(what: &str, mut holds: impl FnMut() -> Result<bool, Exception>) -> TestResult {
    let bound = Instant::now() + SOON;
    while !holds()? {
        assert!(Instant::now() < bound, "still waiting for {what}");
        sleep(0.001)?;
    }
    Ok(())
}

/// Returns when the child has ended, without taking its status.
fn await_end(pid: i32) {
    // SAFETY: the information is not looked at.
    let ended = unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid as u32, &raw mut info, libc::WEXITED | libc::WNOWAIT)
    };
    assert_eq!(ended, 0, "{}", io::Error::last_os_error());
}

/// Takes the status as other code of the program might do it.
fn steal(pid: i32) {
    // SAFETY: the status may be left out.
    assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
}

/// All ways to make a child and to wait for it.
fn a_bit_of_everything() -> TestResult {
    let told = Rc::new(RefCell::new(Vec::new()));
    let tells = told.clone();
    // SAFETY: the child ends at once.
    let forked = unsafe { fork_and_watch(move |pid, status| tells.borrow_mut().push((pid, status))) }?;
    if forked == 0 {
        end(3);
    }
    let others = [started("exit 4")?, started("sleep 0.01; exit 5")?];
    let waiting = spawn(move || code(forked));
    assert_eq!([code(others[0])?, code(others[1])?], [Some(4), Some(5)]);
    assert_eq!(waiting.get()?, Some(3));
    let (pid, status) = told.borrow()[0];
    assert_eq!((told.borrow().len(), pid, status?.code()), (1, forked, Some(3)));
    for pid in [forked, others[0]] {
        assert_echild(waitpid(pid, 0));
    }
    let pid = started("read line")?;
    while waitpid(pid, libc::WNOHANG)?.0 == 0 {
        sleep(0.001)?;
    }
    // SAFETY: the child ends at once.
    let (pid, terminal) = unsafe { forkpty() }?;
    if terminal.is_none() {
        end(6);
    }
    assert_eq!(code(pid)?, Some(6));
    Ok(())
}

fn children_are_watched_in_every_thread() -> TestResult {
    a_bit_of_everything()?;
    run_in_thread(a_bit_of_everything)?.join().expect("it does not panic")?;
    // A thread with no hub yet, while another one has the default loop.
    let thread = std::thread::spawn(|| a_bit_of_everything().map_err(|error| format!("{error:?}")));
    assert_eq!(thread.join().expect("it does not panic"), Ok(()));
    assert_echild(waitpid(-1, 0));
    Ok(())
}

/// No reaper takes them while a child is watched.
fn children_of_std_keep_their_statuses() -> TestResult {
    let watched = started("read line")?;
    let mut others = Vec::new();
    for n in 0..20 {
        others.push((n, sh(&format!("exit {n}")).spawn()?));
        a_bit_of_everything()?;
    }
    for (n, mut other) in others {
        assert_eq!(other.wait()?.code(), Some(n));
    }
    waitpid(watched, 0)?;
    Ok(())
}

/// Whether a callback was called with a status.
type Told = Rc<Cell<Option<bool>>>;

/// A child with a callback, which ends when the pipe is closed.
fn told_child() -> Result<(i32, Told, PipeWriter), Exception> {
    let told = Rc::new(Cell::new(None));
    let tells = told.clone();
    let (mut reader, writer) = pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork_and_watch(move |_, status| tells.set(Some(status.is_ok()))) }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        end(0);
    }
    Ok((pid, told, writer))
}

fn a_status_that_the_program_has_taken_is_unknown() -> TestResult {
    // While a greenlet waits.
    let (pid, told, ends) = told_child()?;
    let waiting = spawn(move || waitpid(pid, 0).map(drop));
    sleep(0)?;
    drop(ends);
    steal(pid);
    assert_unknown(waiting.get(), pid);
    assert_eq!(told.get(), Some(false));
    assert_echild(waitpid(pid, 0));
    // Before.
    let (pid, told, ends) = told_child()?;
    drop(ends);
    steal(pid);
    assert_unknown(waitpid(pid, libc::WNOHANG), pid);
    soon("the callback", || Ok(told.get() == Some(false)))?;
    // When the callback was called already.
    let (pid, told, ends) = told_child()?;
    drop(ends);
    steal(pid);
    soon("the callback", || Ok(told.get() == Some(false)))?;
    assert_echild(waitpid(-1, 0));
    assert_unknown(waitpid(pid, 0), pid);
    // The children that come after it are as ever.
    a_bit_of_everything()
}

fn a_status_that_the_system_has_taken_is_unknown() -> TestResult {
    // SAFETY: the signal is valid.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let (pid, told, ends) = told_child()?;
    let any = spawn(|| waitpid(-1, 0).map(drop));
    sleep(0)?;
    drop(ends);
    assert_unknown(waitpid(pid, 0), pid);
    assert_echild(any.get());
    assert_eq!(told.get(), Some(false));
    // What others have set is left as it is; what `signal` has set lasts until the next child.
    assert_eq!(getsignal(libc::SIGCHLD)?, SIG_IGN);
    signal(libc::SIGCHLD, SIG_DFL)?;
    a_bit_of_everything()?;
    let (pid, told, ends) = told_child()?;
    signal(libc::SIGCHLD, SIG_IGN)?;
    drop(ends);
    assert_unknown(waitpid(pid, 0), pid);
    assert_eq!(told.get(), Some(false));
    a_bit_of_everything()
}

fn what_another_thread_waits_for_is_told() -> TestResult {
    for any in [false, true] {
        let (pid, told, ends) = told_child()?;
        drop(ends);
        let wanted = if any { -1 } else { pid };
        let got = run_in_thread(move || waitpid(wanted, 0).map(|(pid, status)| (pid, status.code())))?;
        assert_eq!(got.join().expect("it does not panic")?, (pid, Some(0)));
        soon("the callback", || Ok(told.get() == Some(true)))?;
        assert_eq!(code(pid)?, Some(0));
    }
    Ok(())
}

fn a_child_of_subprocess_is_any_child() -> TestResult {
    for options in [0, libc::WNOHANG] {
        let popen = Popen::new(["sh", "-c", "exit 7"])?;
        await_end(popen.pid());
        let (pid, status) = waitpid(-1, options)?;
        assert_eq!((pid, status.code()), (popen.pid(), Some(7)));
        assert_eq!(popen.wait()?, 7);
    }
    Ok(())
}

fn what_libevs_reaper_takes_is_told() -> TestResult {
    let mut other = Command::new("sleep").arg("3600").spawn()?;
    let watcher = get_hub().loop_().child(other.id().cast_signed(), false)?;
    watcher.start(|| ())?;
    for _ in 0..5 {
        a_bit_of_everything()?;
        run_in_thread(a_bit_of_everything)?.join().expect("it does not panic")?;
    }
    // libev's watcher hears of what a call has taken.
    let pid = started("exit 3")?;
    let same = get_hub().loop_().child(pid, false)?;
    let status = Rc::new(Cell::new(None));
    same.start({
        let (same, status) = (same.clone(), status.clone());
        move || {
            status.set(Some(same.rstatus()));
            Ok(same.stop()?)
        }
    })?;
    await_end(pid);
    assert_eq!(waitpid(-1, libc::WNOHANG)?.0, pid);
    soon("the watcher", || Ok(status.get() == Some(3 << 8)))?;
    watcher.stop()?;
    other.kill()?;
    other.wait()?;
    Ok(())
}

fn a_child_outlives_its_hub() -> TestResult {
    run_in_thread(|| {
        let (one, two) = (started("read line; exit 3")?, started("sleep 0.01; exit 4")?);
        get_hub().destroy(true)?;
        soon("the end of the child", || Ok(waitpid(one, libc::WNOHANG)?.0 != 0))?;
        assert_eq!(code(two)?, Some(4));
        Ok::<(), Exception>(())
    })?
    .join()
    .expect("it does not panic")
}

fn waits_for_any_child_leave_one_thread() -> TestResult {
    let (pid, _told, ends) = told_child()?;
    let before = counts()?;
    for _ in 0..50 {
        let waiting = spawn(|| waitpid(-1, 0).map(drop));
        sleep(0)?;
        waiting.kill()?;
    }
    assert_eq!(counts()?, (before.0, before.1 + 1));
    drop(ends);
    soon("the thread to end", || Ok(counts()?.1 == before.1))?;
    assert_eq!(waitpid(-1, 0)?.0, pid);
    Ok(())
}

/// Each thread hears of its own children, whoever was faster.
fn any_child_is_waited_for_in_several_threads() -> TestResult {
    type Ends = Vec<(i32, Option<i32>)>;
    let work = || -> Result<(Ends, Ends), Exception> {
        let (mut made, mut got) = (Vec::new(), Vec::new());
        for n in 0..20 {
            made.push((started(&format!("exit {n}"))?, Some(n)));
        }
        let waits: Vec<_> = made.iter().map(|_| spawn(|| waitpid(-1, 0))).collect();
        for wait in waits {
            let (pid, status) = wait.get()?;
            got.push((pid, status.code()));
        }
        // A thread is told of a child once; of its own children also if another thread has taken their status.
        let all: std::collections::BTreeSet<_> = got.iter().collect();
        assert_eq!(all.len(), got.len(), "{got:?}");
        Ok((made, got))
    };
    let threads = [run_in_thread(work)?, run_in_thread(work)?];
    let (mut made, mut got) = work()?;
    for thread in threads {
        let its = thread.join().expect("it does not panic")?;
        made.extend(its.0);
        got.extend(its.1);
    }
    assert_eq!((made.len(), got.len()), (60, 60));
    for end in got {
        assert!(made.contains(&end), "{end:?} is not in {made:?}");
    }
    Ok(())
}

/// std waits for a child that cannot run its program, and must find it.
fn children_that_cannot_start_are_no_children() -> TestResult {
    let over = Arc::new(AtomicBool::new(false));
    let its = over.clone();
    let thread = run_in_thread(move || {
        while !its.load(Ordering::Relaxed) {
            assert!(posix_spawn(&mut Command::new("/no/such/program")).is_err());
            assert!(Popen::new(["/no/such/program"]).is_err());
        }
        Ok(())
    })?;
    for _ in 0..50 {
        let pid = started("exit 3")?;
        // For the other thread's children there is nothing to be got.
        let (got, status) = waitpid(-1, 0)?;
        assert_eq!((got, status.code()), (pid, Some(3)));
        if let Ok((got, _)) = waitpid(-1, libc::WNOHANG) {
            assert_eq!(got, 0);
        }
    }
    over.store(true, Ordering::Relaxed);
    thread.join().expect("it does not panic")
}

fn forks_of_threads_at_once() -> TestResult {
    let work = || -> TestResult {
        let jobs: Vec<_> = (0..10)
            .map(|n| {
                spawn(move || {
                    // SAFETY: the child calls nothing but `_exit`.
                    let pid = unsafe { fork() }?;
                    if pid == 0 {
                        end(n);
                    }
                    assert_eq!(code(pid)?, Some(n));
                    Ok(())
                })
            })
            .collect();
        joinall(&jobs)?;
        jobs.iter().try_for_each(|job| job.get())
    };
    let threads = [run_in_thread(work)?, run_in_thread(work)?];
    work()?;
    for thread in threads {
        thread.join().expect("it does not panic")?;
    }
    Ok(())
}

fn sigchld_is_handled_in_every_thread() -> TestResult {
    let heard = Rc::new(Cell::new(0));
    let hears = heard.clone();
    signal(libc::SIGCHLD, move |_| hears.set(hears.get() + 1))?;
    run_in_thread(|| {
        let heard = Rc::new(Cell::new(0));
        let hears = heard.clone();
        signal(libc::SIGCHLD, move |_| hears.set(hears.get() + 1))?;
        code(started("exit 3")?)?;
        assert_eq!(heard.get(), 1);
        assert!(matches!(getsignal(libc::SIGCHLD)?, Handler::Function(_)));
        // These are about libev's handler, too, which belongs to the main thread.
        for handler in [SIG_IGN, SIG_DFL] {
            assert!(signal(libc::SIGCHLD, handler).unwrap_err().is::<NotDefaultLoop>());
        }
        Ok::<(), Exception>(())
    })?
    .join()
    .expect("it does not panic")?;
    assert_eq!(heard.get(), 0);
    code(started("exit 3")?)?;
    assert_eq!(heard.get(), 1);
    Ok(())
}

fn without_descriptors_there_is_no_child() -> TestResult {
    a_bit_of_everything()?;
    let before = counts()?;
    let limit = rustix::process::Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
    let mut others = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        others.push(file);
    }
    let is_emfile =
        |error: Exception| error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) == Some(libc::EMFILE);
    // SAFETY: there is no child.
    assert!(is_emfile(unsafe { fork() }.unwrap_err()));
    // SAFETY: as above.
    assert!(is_emfile(unsafe { forkpty() }.unwrap_err()));
    assert!(is_emfile(started("exit 3").unwrap_err()));
    assert_echild(waitpid(-1, 0));
    drop(others);
    a_bit_of_everything()?;
    assert_eq!(counts()?, before);
    Ok(())
}

/// A child that ends when it is told, and a call that waits for it. What a strike has not taken is still there.
fn waiting(start: fn(&mut Command) -> i32, wanted: fn(i32) -> i32) -> Case {
    let (gate, open) = pipe().expect("a pipe");
    let pid = start(sh("read line; exit 7").stdin(gate));
    let wanted = wanted(pid);
    let open = Cell::new(Some(open));
    case(
        move || {
            let (ended, status) = waitpid(wanted, 0)?;
            assert_eq!((ended, status.code()), (pid, Some(7)));
            Ok(())
        },
        move || drop(open.take()),
        move |got| match waitpid(wanted, 0) {
            Ok((ended, status)) => assert_eq!((got, ended, status.code()), (false, pid, Some(7))),
            Err(_) => assert!(got),
        },
    )
}

fn rows() -> Vec<Row> {
    fn watched(command: &mut Command) -> i32 {
        posix_spawn(command).expect("there is such a program")
    }
    #[allow(clippy::zombie_processes, reason = "it is waited for by its number")]
    fn other(command: &mut Command) -> i32 {
        command.spawn().expect("there is such a program").id().cast_signed()
    }
    let any = |_| -1;
    vec![
        row("waitpid of a watched child", || waiting(watched, |pid| pid)),
        row("waitpid of another child", || waiting(other, |pid| pid)),
        row("waitpid of any child, which is watched", move || waiting(watched, any)),
        row("waitpid of any child, which is not watched", move || {
            waiting(other, any)
        }),
    ]
}

fn nothing_is_left_after_strikes() -> TestResult {
    a_bit_of_everything()?;
    let before = counts()?;
    for _ in 0..2 {
        strike::strike_everywhere(rows);
        assert_echild(waitpid(-1, 0));
        soon("all to be over", || Ok(counts()? <= before))?;
    }
    Ok(())
}
