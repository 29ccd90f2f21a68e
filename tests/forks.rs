//! Tests of forks, of waiting for children, and of the handler of `SIGCHLD`, those of gevent's test__os and
//! test__issue230 among them.
//!
//! Each test runs in a process of its own, on its main thread: a fork copies no threads of other tests there, all
//! children are those of the test, and its hub has libev's default loop.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, exit};
use std::rc::Rc;

use common::children::{self, Alone};
use futures::FutureExt;
use futures::executor::block_on;
use gevent::core::StatusUnknown;
use gevent::event::{AsyncResult, Event};
use gevent::future::{HubDriver, SharedExecutor};
use gevent::os::{
    fork, fork_and_watch, fork_gevent, forkpty_and_watch, make_nonblocking, nb_read, posix_spawn, waitpid,
};
use gevent::signal::{Handler, SIG_DFL, SIG_IGN, getsignal, signal, signal_handler};
use gevent::threadpool::{HubExt, LostInForkError};
use gevent::{Exception, get_hub, kill, sleep, spawn};
use rustix::process::{Signal, getpid, kill_process};

type TestResult = Result<(), Exception>;

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTS: &[Alone] = &[$((stringify!($name), $name)),*];
    };
}

tests! {
    test_waitpid_all
    test_waitpid_wrong_neg
    test_waitpid_wrong_pos
    test_issue230
    every_child_is_told_once
    a_status_is_there_until_somebody_asks
    a_callback_is_called_whoever_takes_the_status
    an_error_of_a_callback_goes_to_the_hub
    any_child_is_waited_for_once
    a_killed_wait_takes_no_status
    the_child_has_the_hub_and_not_the_children
    thread_pools_start_anew_in_the_child
    a_driver_stays_in_the_parent
    futures_go_on_in_the_child
    another_thread_forks_without_watching
    a_child_that_is_not_watched_is_waited_for_in_the_hub
    a_terminal_belongs_to_the_child
    a_program_is_spawned_and_watched
    a_handler_of_sigchld_hears_of_watched_children
    sigchld_is_restored
    ignored_children_are_no_children
    the_default_action_of_sigchld_harms_no_watched_child
    handlers_replace_one_another
    actions_are_refused_where_others_watch
    forks_under_load
}

fn main() -> ExitCode {
    children::main_alone(TESTS)
}

/// Ends the child of a fork with 0 if all went well, and tells otherwise what did not.
fn end(outcome: TestResult) -> ! {
    if let Err(error) = &outcome {
        eprintln!("in the child: {error:?}");
    }
    exit(i32::from(outcome.is_err()))
}

/// A watched child that ends with this status, once the returned end of a pipe is closed.
fn child_that_waits(code: i32) -> Result<(i32, std::io::PipeWriter), Exception> {
    let (mut reader, writer) = std::io::pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        exit(code);
    }
    Ok((pid, writer))
}

/// A watched child that ends at once.
fn child(code: i32) -> Result<i32, Exception> {
    Ok(child_that_waits(code)?.0)
}

/// The exit code that a callback has got.
fn code_of(status: Result<ExitStatus, StatusUnknown>) -> Option<i32> {
    status.ok().and_then(|status| status.code())
}

#[track_caller]
fn assert_echild<T: std::fmt::Debug>(result: Result<T, Exception>) {
    let error = result.expect_err("there is no such child");
    let code = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error);
    assert_eq!(code, Some(libc::ECHILD), "{error:?}");
}

fn test_waitpid_all() -> TestResult {
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork_and_watch(|_, _| ()) }?;
    if pid == 0 {
        end(sleep(0.05));
    }
    assert_eq!(waitpid(-1, 0)?.0, pid);
    assert_echild(waitpid(-1, 0));
    Ok(())
}

fn test_waitpid_wrong_neg() -> TestResult {
    waitpid(-2, 0).unwrap_err();
    Ok(())
}

fn test_waitpid_wrong_pos() -> TestResult {
    assert_echild(waitpid(1, 0));
    Ok(())
}

/// A child looks names up as its parent has done.
fn test_issue230() -> TestResult {
    let look_up = || -> TestResult { Ok(gevent::socket::gethostbyname("localhost").map(drop)?) };
    look_up()?;
    // SAFETY: the other threads belong to the pool, where they wait for tasks.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        end(look_up());
    }
    assert!(waitpid(pid, 0)?.1.success());
    look_up()
}

fn every_child_is_told_once() -> TestResult {
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut pids = Vec::new();
    for code in 0..5 {
        let tells = told.clone();
        // SAFETY: this process has no other threads.
        let pid = unsafe { fork_and_watch(move |pid, status| tells.borrow_mut().push((pid, code_of(status)))) }?;
        if pid == 0 {
            exit(code);
        }
        pids.push((pid, Some(code)));
    }
    for &(pid, code) in &pids {
        let (ended, status) = waitpid(pid, 0)?;
        assert_eq!((ended, status.code()), (pid, code));
    }
    told.borrow_mut().sort_unstable();
    pids.sort_unstable();
    assert_eq!(*told.borrow(), pids);
    for (pid, _) in pids {
        assert_echild(waitpid(pid, 0));
    }
    Ok(())
}

fn a_status_is_there_until_somebody_asks() -> TestResult {
    let (pid, ends) = child_that_waits(4)?;
    assert_eq!(waitpid(pid, libc::WNOHANG)?.0, 0);
    let waiters: Vec<_> = (0..2).map(|_| spawn(move || waitpid(pid, 0).is_ok())).collect();
    sleep(0)?;
    drop(ends);
    let got: Result<Vec<bool>, _> = waiters.iter().map(|waiter| waiter.get()).collect();
    // One of them got it.
    assert_eq!(got?.into_iter().filter(|got| *got).count(), 1);

    let (pid, ends) = child_that_waits(5)?;
    kill_process(
        rustix::process::Pid::from_raw(pid).expect("it is positive"),
        Signal::KILL,
    )
    .map_err(std::io::Error::from)?;
    let status = loop {
        match waitpid(pid, libc::WNOHANG)? {
            (0, _) => sleep(0.001)?,
            (_, status) => break status,
        }
    };
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    drop(ends);
    assert_echild(waitpid(pid, libc::WNOHANG));
    Ok(())
}

/// A call for any child asks the system, which gives it the status of a child that libev was to tell of.
fn a_callback_is_called_whoever_takes_the_status() -> TestResult {
    for group in [false, true] {
        let told = Rc::new(Cell::new(None));
        let tells = told.clone();
        // SAFETY: this process has no other threads.
        let pid = unsafe { fork_and_watch(move |pid, status| tells.set(Some((pid, code_of(status))))) }?;
        if pid == 0 {
            exit(6);
        }
        let (ended, status) = match group {
            true => waitpid(0, 0)?,
            false => loop {
                let got = waitpid(-1, libc::WNOHANG)?;
                if got.0 != 0 {
                    break got;
                }
            },
        };
        assert_eq!((ended, status.code()), (pid, Some(6)));
        while told.get().is_none() {
            sleep(0.001)?;
        }
        assert_eq!(told.get(), Some((pid, Some(6))));
        assert_echild(waitpid(pid, 0));
    }
    Ok(())
}

fn an_error_of_a_callback_goes_to_the_hub() -> TestResult {
    get_hub().set_exception_stream(gevent::hub::ExceptionStream::Discard);
    let heard = Rc::new(Cell::new(0));
    let hears = heard.clone();
    signal(libc::SIGCHLD, move |_| hears.set(hears.get() + 1))?;
    // SAFETY: this process has no other threads.
    let pid =
        unsafe { fork_and_watch(|_, _| Err::<(), _>(Exception::from(std::io::Error::other("in the callback")))) }?;
    if pid == 0 {
        exit(1);
    }
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(1));
    // The handler was called nevertheless, and so is it for the next child.
    waitpid(child(2)?, 0)?;
    assert_eq!(heard.get(), 2);
    Ok(())
}

fn any_child_is_waited_for_once() -> TestResult {
    let mut pids: Vec<i32> = (0..8).map(child).collect::<Result<_, _>>()?;
    // One that is not watched, too.
    let other = Command::new("true").spawn()?;
    pids.push(other.id().cast_signed());
    let mut ended = Vec::new();
    for _ in 0..5 {
        ended.push(waitpid(-1, 0)?.0);
    }
    let rest: Vec<_> = (0..4).map(|_| spawn(|| Ok(waitpid(-1, 0)?.0))).collect();
    for greenlet in &rest {
        ended.push(greenlet.get()?);
    }
    ended.sort_unstable();
    pids.sort_unstable();
    assert_eq!(ended, pids);
    assert_echild(waitpid(-1, 0));
    Ok(())
}

fn a_killed_wait_takes_no_status() -> TestResult {
    for any in [false, true] {
        let (pid, ends) = child_that_waits(3)?;
        let waiter = spawn(move || waitpid(if any { -1 } else { pid }, 0).map(drop));
        sleep(0.001)?;
        waiter.kill()?;
        assert!(waiter.get().unwrap_err().is::<gevent::GreenletExit>());
        drop(ends);
        assert_eq!(waitpid(pid, 0)?.1.code(), Some(3));
    }
    Ok(())
}

fn the_child_has_the_hub_and_not_the_children() -> TestResult {
    let (pid, ends) = child_that_waits(0)?;
    let called = Rc::new(Cell::new(0));
    let calls = called.clone();
    signal(libc::SIGCHLD, move |_| calls.set(calls.get() + 1))?;
    let waits = [
        spawn(move || waitpid(pid, 0).map(drop)),
        spawn(|| waitpid(-1, 0).map(drop)),
    ];
    let (event, timer) = (Event::new(), spawn(|| sleep(0.05).map(|()| "slept")));
    let its = event.clone();
    let waits_for_event = spawn(move || its.wait().map(drop));
    sleep(0)?;
    // SAFETY: this process has no other threads.
    let copy = unsafe { fork() }?;
    if copy == 0 {
        let outcome = (|| {
            for wait in &waits {
                assert_echild(wait.get());
            }
            assert_echild(waitpid(pid, libc::WNOHANG));
            assert_echild(waitpid(-1, 0));
            assert_eq!(timer.get()?, "slept");
            event.set();
            waits_for_event.get()?;
            // A child of its own.
            let grandchild = child(9)?;
            assert_eq!(waitpid(grandchild, 0)?.1.code(), Some(9));
            assert_eq!(called.get(), 1);
            Ok(())
        })();
        end(outcome);
    }
    // It would take the status of the copy.
    waits[1].kill()?;
    assert!(waitpid(copy, 0)?.1.success());
    drop(ends);
    waits[0].get()?;
    assert_eq!(timer.get()?, "slept");
    event.set();
    waits_for_event.get()
}

fn thread_pools_start_anew_in_the_child() -> TestResult {
    let pool = get_hub().threadpool();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let task = pool.spawn(move || released.recv().is_ok())?;
    assert_eq!(pool.apply(|| 1)?, 1);
    get_hub().set_exception_stream(gevent::hub::ExceptionStream::Discard);
    // SAFETY: the other threads belong to the pool.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        let outcome = task.get();
        assert!(outcome.unwrap_err().is::<LostInForkError>());
        end(pool.apply(|| 2).map(|two| assert_eq!(two, 2)));
    }
    assert!(waitpid(pid, 0)?.1.success());
    release.send(()).expect("the task is there");
    assert!(task.get()?);
    Ok(())
}

/// One of them forks in the midst of its poll, while others wait in the midst of theirs, for events, and for greenlets.
fn futures_go_on_in_the_child() -> TestResult {
    let (go, ended) = (Event::new(), Rc::new(Cell::new(0)));
    let pids = AsyncResult::new();
    for n in 0..9 {
        let (go, ended, pids) = (go.clone(), ended.clone(), pids.clone());
        SharedExecutor.spawn(async move {
            match n % 3 {
                0 => _ = go.wait(),
                1 => go.await,
                _ => _ = spawn(|| sleep(0.001)).await,
            }
            ended.set(ended.get() + 1);
            if n == 8 {
                // SAFETY: this process has no other threads.
                pids.set(unsafe { fork() }.expect("there is place"));
            }
        })?;
    }
    let pid = pids.get()?;
    let outcome = (|| {
        go.set();
        while ended.get() < 9 {
            sleep(0)?;
        }
        let over = AsyncResult::new();
        let its = over.clone();
        SharedExecutor.spawn(async move { its.set(spawn(|| sleep(0.001)).await.is_ok()) })?;
        assert!(over.get()?);
        Ok(())
    })();
    if pid == 0 {
        end(outcome);
    }
    assert!(waitpid(pid, 0)?.1.success());
    outcome
}

/// The driver's descriptor is the parent's, too.
fn a_driver_stays_in_the_parent() -> TestResult {
    let mut driver = HubDriver::new()?;
    for _ in 0..3 {
        assert!((&mut driver).now_or_never().is_none());
    }
    // SAFETY: the other thread belongs to the driver.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        let outcome = (|| {
            // The loop notices the fork in its next iteration.
            get_hub().loop_().run_callback(|| ())?;
            let error = block_on(driver).unwrap_err();
            assert!(error.to_string().contains("belongs to the parent"), "{error:?}");
            block_on(HubDriver::new()?.run(spawn(|| sleep(0.001))))?
        })();
        end(outcome);
    }
    assert!(waitpid(pid, 0)?.1.success());
    block_on(driver.run(spawn(|| sleep(0.001))))?
}

fn another_thread_forks_without_watching() -> TestResult {
    get_hub();
    let thread = std::thread::spawn(|| -> Result<(), String> {
        let outcome = || -> TestResult {
            // SAFETY: the other thread waits for this one.
            let pid = unsafe { fork_gevent() }?;
            if pid == 0 {
                end(sleep(0.01));
            }
            assert_eq!(waitpid(-1, 0)?.0, pid);
            Ok(())
        };
        outcome().map_err(|error| format!("{error:?}"))
    });
    assert_eq!(thread.join().expect("it does not panic"), Ok(()));
    Ok(())
}

fn a_child_that_is_not_watched_is_waited_for_in_the_hub() -> TestResult {
    let (mut reader, writer) = std::io::pipe()?;
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork_gevent() }?;
    if pid == 0 {
        drop(writer);
        let _ = reader.read(&mut [0]);
        exit(8);
    }
    let waiter = spawn(move || Ok(waitpid(pid, 0)?.1.code()));
    sleep(0.001)?;
    assert_eq!(waitpid(pid, libc::WNOHANG)?.0, 0);
    let killed = spawn(move || waitpid(pid, 0).map(drop));
    sleep(0)?;
    killed.kill()?;
    drop(writer);
    assert_eq!(waiter.get()?, Some(8));
    Ok(())
}

fn a_terminal_belongs_to_the_child() -> TestResult {
    let told = Rc::new(Cell::new(None));
    let tells = told.clone();
    // SAFETY: this process has no other threads.
    let (pid, terminal) = unsafe { forkpty_and_watch(move |_, status| tells.set(code_of(status))) }?;
    let Some(terminal) = terminal else {
        use std::os::unix::process::CommandExt;
        assert_eq!(pid, 0);
        // Returns only if there is no such program.
        let error = Command::new("sh")
            .args([
                "-c",
                "tty >/dev/null && read line && echo got $line && stty size -echo && exit 5",
            ])
            .exec();
        end(Err(error.into()));
    };
    make_nonblocking(terminal.as_fd())?;
    let size = rustix::termios::Winsize {
        ws_row: 40,
        ws_col: 132,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&terminal, size).map_err(std::io::Error::from)?;
    let mut terminal = std::fs::File::from(terminal);
    terminal.write_all(b"words\n")?;
    let mut seen = String::new();
    while !(seen.contains("got words\r\n") && seen.contains("40 132\r\n")) {
        let mut buffer = [0; 100];
        let count = nb_read(terminal.as_fd(), &mut buffer)?;
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(5));
    assert_eq!(told.get(), Some(5));
    Ok(())
}

fn a_program_is_spawned_and_watched() -> TestResult {
    let heard = Rc::new(Cell::new(0));
    let hears = heard.clone();
    signal(libc::SIGCHLD, move |_| hears.set(hears.get() + 1))?;
    let pid = posix_spawn(Command::new("sh").args(["-c", "exit 3"]))?;
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(3));
    assert_eq!(heard.get(), 1);
    let error = posix_spawn(&mut Command::new("/no/such/program")).unwrap_err();
    assert!(
        error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::NotFound)
    );
    assert_echild(waitpid(-1, 0));
    Ok(())
}

fn a_handler_of_sigchld_hears_of_watched_children() -> TestResult {
    let reaped = Rc::new(RefCell::new(Vec::new()));
    let reaps = reaped.clone();
    let before = signal(libc::SIGCHLD, move |signum| {
        assert_eq!(signum, libc::SIGCHLD);
        // It may wait, as it is a greenlet.
        sleep(0)?;
        while let Ok((pid, status)) = waitpid(-1, libc::WNOHANG) {
            if pid == 0 {
                break;
            }
            reaps.borrow_mut().push((pid, status.code()));
        }
        Ok::<_, Exception>(())
    })?;
    assert_eq!(before, SIG_DFL);
    assert!(matches!(getsignal(libc::SIGCHLD)?, Handler::Function(_)));
    let mut pids = Vec::new();
    for code in 0..10 {
        pids.push((child(code)?, Some(code)));
    }
    while reaped.borrow().len() < pids.len() {
        sleep(0.001)?;
    }
    reaped.borrow_mut().sort_unstable();
    pids.sort_unstable();
    assert_eq!(*reaped.borrow(), pids);
    // Children of others are not told, and keep their statuses.
    assert_eq!(Command::new("sh").args(["-c", "exit 4"]).status()?.code(), Some(4));
    sleep(0.01)?;
    assert_eq!(reaped.borrow().len(), pids.len());
    Ok(())
}

fn sigchld_is_restored() -> TestResult {
    let count = Rc::new(Cell::new(0));
    let adds = |by: i32| {
        let count = count.clone();
        move |_: i32| count.set(count.get() + by)
    };
    assert_eq!(getsignal(libc::SIGCHLD)?, SIG_DFL);
    signal(libc::SIGCHLD, adds(1))?;
    let first = signal(libc::SIGCHLD, adds(10))?;
    waitpid(child(0)?, 0)?;
    assert_eq!(count.get(), 10);
    assert_ne!(signal(libc::SIGCHLD, first.clone())?, first);
    waitpid(child(0)?, 0)?;
    assert_eq!(count.get(), 11);
    assert_eq!(signal(libc::SIGCHLD, SIG_DFL)?, first);
    waitpid(child(0)?, 0)?;
    assert_eq!((count.get(), getsignal(libc::SIGCHLD)?), (11, SIG_DFL));
    assert!(signal(libc::SIGCHLD, Handler::Other).is_err());
    Ok(())
}

fn ignored_children_are_no_children() -> TestResult {
    let (pid, ends) = child_that_waits(1)?;
    assert_eq!(signal(libc::SIGCHLD, SIG_IGN)?, SIG_DFL);
    assert_eq!(getsignal(libc::SIGCHLD)?, SIG_IGN);
    // It ends, and the system forgets it.
    drop(ends);
    while kill_process(
        rustix::process::Pid::from_raw(pid).expect("it is positive"),
        Signal::CONT,
    )
    .is_ok()
    {
        sleep(0.001)?;
    }
    assert!(waitpid(pid, 0).unwrap_err().is::<StatusUnknown>());
    // The next child is watched again.
    let pid = child(2)?;
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(2));
    signal(libc::SIGCHLD, SIG_DFL)?;
    Ok(())
}

fn the_default_action_of_sigchld_harms_no_watched_child() -> TestResult {
    let (pid, ends) = child_that_waits(7)?;
    let waiter = spawn(move || Ok(waitpid(pid, 0)?.1.code()));
    sleep(0)?;
    signal(libc::SIGCHLD, SIG_DFL)?;
    drop(ends);
    assert_eq!(waiter.get()?, Some(7));
    signal(libc::SIGCHLD, SIG_DFL)?;
    let pid = child(8)?;
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(8));
    Ok(())
}

fn handlers_replace_one_another() -> TestResult {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let notes = |label: &'static str| {
        let seen = seen.clone();
        move |signum: i32| seen.borrow_mut().push((label, signum))
    };
    let send = || -> TestResult {
        kill_process(getpid(), Signal::USR1).map_err(std::io::Error::from)?;
        sleep(0.001)?;
        sleep(0)
    };
    assert_eq!(signal(libc::SIGUSR1, SIG_IGN)?, SIG_DFL);
    send()?;
    assert_eq!(signal(libc::SIGUSR1, notes("first"))?, SIG_IGN);
    send()?;
    let first = signal(libc::SIGUSR1, notes("second"))?;
    send()?;
    let second = signal(libc::SIGUSR1, first.clone())?;
    assert_ne!(first, second);
    send()?;
    assert_eq!(getsignal(libc::SIGUSR1)?, first);
    assert_eq!(signal(libc::SIGUSR1, SIG_IGN)?, first);
    send()?;
    let seen: Vec<_> = seen.borrow().iter().map(|(label, _)| *label).collect();
    assert_eq!(seen, ["first", "second", "first"]);
    // With the default action, the signal ends the process.
    // SAFETY: this process has no other threads.
    let pid = unsafe { fork() }?;
    if pid == 0 {
        end(signal(libc::SIGUSR1, SIG_DFL).and_then(|_| send()));
    }
    assert_eq!(waitpid(pid, 0)?.1.signal(), Some(libc::SIGUSR1));
    // Rust's programs begin with this.
    assert_eq!(getsignal(libc::SIGPIPE)?, SIG_IGN);
    Ok(())
}

fn actions_are_refused_where_others_watch() -> TestResult {
    use gevent::core::{IllegalSignal, SignalInUse};
    let other = signal_handler(libc::SIGUSR2, || ())?;
    assert_eq!(getsignal(libc::SIGUSR2)?, Handler::Other);
    assert!(signal(libc::SIGUSR2, SIG_DFL).unwrap_err().is::<SignalInUse>());
    signal(libc::SIGUSR2, |_| ())?;
    let ours = getsignal(libc::SIGUSR2)?;
    assert!(signal(libc::SIGUSR2, SIG_IGN).unwrap_err().is::<SignalInUse>());
    assert_eq!(getsignal(libc::SIGUSR2)?, ours);
    assert!(signal(libc::SIGUSR2, Handler::Other).is_err());
    other.cancel();
    assert!(!other.active());
    assert_eq!(signal(libc::SIGUSR2, SIG_DFL)?, ours);
    for signum in [0, -1, 1000, libc::SIGKILL] {
        assert!(signal(signum, |_| ()).unwrap_err().is::<IllegalSignal>());
        assert!(signal(signum, SIG_IGN).unwrap_err().is::<IllegalSignal>());
    }
    // The hub's loop takes its handlers with it.
    signal(libc::SIGUSR2, |_| ())?;
    get_hub().destroy(true)?;
    assert_eq!(getsignal(libc::SIGUSR2)?, SIG_DFL);
    Ok(())
}

fn forks_under_load() -> TestResult {
    let busy = spawn(|| -> TestResult {
        loop {
            sleep(0)?;
        }
    });
    let waiters: Vec<_> = (0..30)
        .map(|code| {
            spawn(move || {
                let pid = child(code)?;
                if code % 3 == 0 {
                    sleep(0)?;
                }
                let (ended, status) = waitpid(pid, 0)?;
                assert_eq!((ended, status.code()), (pid, Some(code)));
                Ok(())
            })
        })
        .collect();
    for waiter in &waiters {
        waiter.get()?;
    }
    kill(&busy, gevent::GreenletExit)?;
    let _: Result<(), _> = busy.get();
    assert_echild(waitpid(-1, 0));
    Ok(())
}
