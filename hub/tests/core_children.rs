//! Children that are waited for one by one, beside libev's reaper. One test runs at a time, as that takes all children.

mod core_support;

use std::cell::Cell;
use std::io;
use std::process::{Child, Command};
use std::rc::Rc;

use core_support::*;
use greenlet_core::Exception;
use hub::core::{CannotWatchChild, Error, Loop, OwnChild, StatusUnknown};

fn command(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn spawn(loop_: &Loop, script: &str) -> io::Result<OwnChild> {
    let (child, _) = loop_.spawn_child(|| {
        let child = command(script).spawn()?;
        Ok((child.id() as i32, child))
    })?;
    Ok(child)
}

/// Runs the loop until the child has ended, and returns its exit code.
fn code(loop_: &Loop, child: &OwnChild) -> Result<Option<i32>, Exception> {
    let calls = Rc::new(Cell::new(0));
    child.start({
        let calls = calls.clone();
        move || calls.set(calls.get() + 1)
    })?;
    run(loop_)?;
    assert_eq!((calls.get(), child.active()), (1, false));
    Ok(child.status()?.and_then(|status| status.code()))
}

/// Returns when the child has ended, without reaping it.
fn wait_for_end(pid: i32) {
    // SAFETY: the information is not looked at.
    let ended = unsafe {
        let mut info = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid as u32, &raw mut info, libc::WEXITED | libc::WNOWAIT)
    };
    assert_eq!(ended, 0);
}

/// Whether the process has no such child, not even one that has ended.
fn is_gone(pid: i32) -> bool {
    // SAFETY: the information is not looked at.
    unsafe {
        let mut info = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
        libc::waitid(libc::P_PID, pid as u32, &raw mut info, flags) == -1
    }
}

#[test]
fn a_child_is_reaped_on_any_loop() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let child = spawn(&loop_, "exit 7")?;
    assert!(format!("{child:?}").starts_with(&format!("<child pid={}", child.pid())));
    assert_eq!(code(&loop_, &child)?, Some(7));
    assert!(is_gone(child.pid()));
    // It does nothing to a process that may have the number now.
    child.kill(libc::SIGKILL)?;
    // A watcher that is started late is called, too.
    let child = spawn(&loop_, "exit 8")?;
    wait_for_end(child.pid());
    assert_eq!(code(&loop_, &child)?, Some(8));
    let child = spawn(&loop_, "kill -TERM $$")?;
    assert_eq!(code(&loop_, &child)?, None);
    assert_eq!(loop_.activecnt()?, 0);
    Ok(())
}

#[test]
fn a_child_of_others_is_watched_and_killed() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let other = Command::new("sleep").arg("100").spawn()?;
    let child = loop_.own_child(other.id() as i32)?;
    assert_eq!(child.status()?, None);
    child.kill(libc::SIGTERM)?;
    assert_eq!(code(&loop_, &child)?, None);
    assert_eq!(
        child.status()?.map(|status| status.to_string()).as_deref(),
        Some("signal: 15 (SIGTERM)")
    );
    assert!(child.kill(1000).is_ok(), "it has ended");
    assert!(matches!(
        loop_.own_child(0),
        Err(Error::CannotWatchChild(CannotWatchChild { pid: 0, .. }))
    ));
    Ok(())
}

#[test]
fn others_keep_the_statuses_of_their_children() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = Loop::new((), true)?;
    let mine = spawn(&loop_, "exit 7")?;
    let mut others: Vec<Child> = (0..4).map(|_| command("exit 9").spawn()).collect::<Result<_, _>>()?;
    assert_eq!(code(&loop_, &mine)?, Some(7));
    for other in &mut others {
        assert_eq!(other.wait()?.code(), Some(9));
    }
    loop_.destroy()?;
    Ok(())
}

#[test]
fn what_libevs_reaper_takes_is_told_on_every_thread() -> TestResult {
    let _one = one_at_a_time();
    let default = Loop::new((), true)?;
    let mut long = Command::new("sleep").arg("100").spawn()?;
    let libevs = default.child(long.id() as i32, false)?;
    libevs.start(|| ())?;
    // libev's reaper runs all the time, in this thread, while another one makes children.
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || -> TestResult {
        let all = || -> TestResult {
            let loop_ = new_loop()?;
            let children: Vec<_> = (0..50).map(|_| spawn(&loop_, "exit 7")).collect::<Result<_, _>>()?;
            for child in &children {
                assert_eq!(code(&loop_, child)?, Some(7));
            }
            Ok(())
        };
        let done = all();
        tell.send(())?;
        done
    });
    while told.try_recv().is_err() {
        default.run_nowait()?;
        std::thread::yield_now();
    }
    thread.join().expect("it has not panicked")?;
    libevs.stop()?;
    long.kill()?;
    long.wait()?;
    default.destroy()?;
    Ok(())
}

#[test]
fn libevs_watchers_are_told_of_what_is_taken_here() -> TestResult {
    let _one = one_at_a_time();
    let default = Loop::new((), true)?;
    default.install_sigchld()?;
    let child = spawn(&default, "exit 7")?;
    let (one, any) = (default.child(child.pid(), false)?, default.child(0, false)?);
    for watcher in [&one, &any] {
        let its = watcher.clone();
        watcher.start(move || its.stop().unwrap())?;
    }
    wait_for_end(child.pid());
    assert_eq!(child.status()?.and_then(|status| status.code()), Some(7));
    run(&default)?;
    assert_eq!((one.rpid(), one.rstatus()), (child.pid(), 7 << 8));
    assert_eq!((any.rpid(), any.rstatus()), (child.pid(), 7 << 8));
    default.destroy()?;
    Ok(())
}

#[test]
fn a_status_that_others_took_is_unknown() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let child = spawn(&loop_, "exit 7")?;
    // SAFETY: the status may be left out.
    let taken = unsafe { libc::waitpid(child.pid(), std::ptr::null_mut(), 0) };
    assert_eq!(taken, child.pid());
    child.start(|| ())?;
    run(&loop_)?;
    assert_eq!(child.status().unwrap_err().pid, child.pid());
    assert!(format!("{child:?}").ends_with(" status unknown>"));

    // The system itself takes it.
    // SAFETY: the signal is valid; nobody else uses it now.
    let before = unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let child = spawn(&loop_, "exit 7")?;
    child.start(|| ())?;
    run(&loop_)?;
    let unknown: StatusUnknown = child.status().unwrap_err();
    assert_eq!(unknown.pid, child.pid());
    // SAFETY: this is what it was.
    unsafe { libc::signal(libc::SIGCHLD, before) };
    Ok(())
}

#[test]
fn a_child_that_nobody_waits_for_is_reaped_with_the_next_one() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let running = spawn(&loop_, "exec sleep 100")?;
    let pid = running.pid();
    drop(running);
    // SAFETY: the child is there, as nobody has waited for it.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    wait_for_end(pid);
    assert!(!is_gone(pid));
    let next = spawn(&loop_, "exit 0")?;
    assert!(is_gone(pid));
    assert_eq!(code(&loop_, &next)?, Some(0));
    // One that is dropped after its end is reaped at once.
    let child = spawn(&loop_, "exit 0")?;
    let pid = child.pid();
    wait_for_end(pid);
    drop(child);
    assert!(is_gone(pid));
    Ok(())
}

#[test]
fn a_started_watcher_reaps_when_its_handles_are_gone() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let child = spawn(&loop_, "exit 0")?;
    let pid = child.pid();
    child.start(|| ())?;
    drop(child);
    run(&loop_)?;
    assert!(is_gone(pid));
    // The end of the loop is the end of the watcher; the child is left for the next time.
    let child = spawn(&loop_, "exit 0")?;
    let pid = child.pid();
    child.start(|| ())?;
    drop(child);
    loop_.destroy()?;
    wait_for_end_or_gone(pid);
    spawn(&new_loop()?, "exit 0").map(drop)?;
    assert!(is_gone(pid));
    Ok(())
}

fn wait_for_end_or_gone(pid: i32) {
    if !is_gone(pid) {
        wait_for_end(pid);
    }
}

#[test]
fn a_failure_to_spawn_is_returned() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let failed = loop_.spawn_child(|| {
        let child = Command::new("/no such program").spawn()?;
        Ok((child.id() as i32, ()))
    });
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::NotFound);
    loop_.destroy()?;
    assert!(spawn(&loop_, "exit 0").is_err());
    assert!(matches!(loop_.own_child(1), Err(Error::Destroyed(_))));
    Ok(())
}

#[test]
fn a_child_whose_loop_is_destroyed_is_watched_on_another_one() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let child = spawn(&loop_, "sleep 0.1; exit 7")?;
    child.start(|| ())?;
    loop_.destroy()?;
    assert!(!child.active() && child.start(|| ()).is_err());
    let other = new_loop()?;
    assert_eq!(code(&other, &child.on_loop(&other)?)?, Some(7));
    assert_eq!(child.status()?.and_then(|status| status.code()), Some(7));
    Ok(())
}

#[test]
fn an_error_of_a_callback_is_the_childs() -> TestResult {
    let _one = one_at_a_time();
    let loop_ = new_loop()?;
    let told = Rc::new(Cell::new(0));
    for panics in [false, true] {
        let child = spawn(&loop_, "exit 7")?;
        let (its, tells) = (child.pid(), told.clone());
        loop_.set_error_handler(Some(Rc::new(move |context: hub::Context<'_>, error: Exception| {
            let child = context.object::<OwnChild>().expect("it is the child's");
            assert_eq!(
                (child.pid(), error.to_string().contains("in the callback")),
                (its, true)
            );
            tells.set(tells.get() + 1);
        })));
        child.start(move || match panics {
            true => panic!("in the callback"),
            false => Err(Exception::msg("in the callback")),
        })?;
        run(&loop_)?;
    }
    assert_eq!(told.get(), 2);
    Ok(())
}
