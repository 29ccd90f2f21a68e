//! Tests of child processes that are about the whole process: who gets the statuses, what is left of descriptors,
//! threads and zombies, signals, forks, systems without descriptors of processes.
//!
//! Each test runs in a process of its own, on its main thread.

#![allow(clippy::type_complexity, reason = "a table says once what its functions are")]

#[allow(dead_code, reason = "shared with other tests")]
mod common;
#[path = "errors/strikes/processes.rs"]
mod processes;
#[path = "errors/strikes/strike.rs"]
mod strike;
#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::SOON;
use common::children::{self, Alone};
use gevent::subprocess::{Command, PIPE, Popen, StatusUnknown, TimeoutExpired, check_output, run_timeout};
use gevent::{Exception, get_hub, joinall, run_in_thread, sleep, spawn};
use support::TestResult;

const TESTS: [Alone; 17] = [
    ("test_leak", test_leak),
    ("test_zombie_fast_process_del", test_zombie_fast_process_del),
    ("test_leak_fast_process_del_killed", test_leak_fast_process_del_killed),
    ("test_no_leaking", test_no_leaking),
    ("test_wait_when_sigchild_ignored", test_wait_when_sigchild_ignored),
    (
        "a_program_that_waits_for_all_children",
        a_program_that_waits_for_all_children,
    ),
    ("others_keep_their_statuses", others_keep_their_statuses),
    (
        "others_keep_their_statuses_beside_a_handler",
        others_keep_their_statuses_beside_a_handler,
    ),
    ("what_libevs_reaper_takes_is_told", what_libevs_reaper_takes_is_told),
    ("a_thousand_children_with_pipes", a_thousand_children_with_pipes),
    ("without_descriptors_of_processes", without_descriptors_of_processes),
    ("without_descriptors_that_are_left", without_descriptors_that_are_left),
    ("without_processes_that_are_left", without_processes_that_are_left),
    ("a_write_raises_no_sigpipe", a_write_raises_no_sigpipe),
    (
        "the_child_of_a_fork_knows_no_status",
        the_child_of_a_fork_knows_no_status,
    ),
    (
        "nothing_is_left_of_a_thread_that_ends",
        nothing_is_left_of_a_thread_that_ends,
    ),
    ("nothing_is_left_after_strikes", nothing_is_left_after_strikes),
];

fn main() -> ExitCode {
    children::main_alone(&TESTS)
}

fn sh(script: &str) -> Command {
    Command::shell(script)
}

/// How many descriptors and threads there are.
fn counts() -> io::Result<(usize, usize)> {
    let count = |folder: &str| Ok::<_, io::Error>(std::fs::read_dir(folder)?.count());
    Ok((count("/proc/self/fd")?, count("/proc/self/task")?))
}

/// Whether this process has children, running or ended.
fn has_children() -> bool {
    // SAFETY: the information is not looked at, and no status is taken.
    unsafe {
        let mut info = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_ALL, 0, &raw mut info, flags) == 0
    }
}

/// Waits until something holds that takes a moment.
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

/// Uses all that there is.
fn a_bit_of_everything() -> TestResult {
    assert_eq!(sh("exit 7").spawn()?.wait()?, 7);
    let popen = sh("cat; echo err >&2").stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn()?;
    let (out, err) = popen.communicate("input")?;
    assert_eq!(
        (out.as_deref(), err.as_deref()),
        (Some(&b"input"[..]), Some(&b"err\n"[..]))
    );
    let error = run_timeout(Command::new("sleep").arg("3600").stdout(PIPE), 0.01).unwrap_err();
    assert!(error.is::<TimeoutExpired>());
    let popen = Popen::new(["sleep", "3600"])?;
    assert!(popen.wait_timeout(0.01).is_err());
    popen.terminate()?;
    assert_eq!(popen.wait()?, -libc::SIGTERM);
    assert!(Popen::new(["/no such program"]).is_err());
    assert!(
        sh("true")
            .cwd("/no such folder")
            .start_new_session(true)
            .spawn()
            .is_err()
    );
    let jobs: Vec<_> = (0..20)
        .map(|n| spawn(move || check_output(sh(&format!("echo {n}")))))
        .collect();
    joinall(&jobs)?;
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(job.get()?, format!("{n}\n").as_bytes());
    }
    Ok(())
}

fn test_leak() -> TestResult {
    a_bit_of_everything()?;
    let before = counts()?;
    for _ in 0..5 {
        a_bit_of_everything()?;
    }
    assert_eq!(counts()?, before);
    assert!(!has_children());
    Ok(())
}

/// A child that nobody keeps or waits for.
fn test_zombie_fast_process_del() -> TestResult {
    for _ in 0..10 {
        drop(Popen::new(["true"])?);
    }
    assert!(has_children());
    get_hub().join()?;
    assert!(!has_children());
    Ok(())
}

fn test_leak_fast_process_del_killed() -> TestResult {
    let popen = Popen::new(["sleep", "3600"])?;
    popen.kill()?;
    drop(popen);
    soon("the end of the child", || Ok(!has_children()))
}

/// Processes are made until there are no descriptors left, again and again.
fn test_no_leaking() -> TestResult {
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(100),
            maximum: Some(100),
        },
    )?;
    Popen::new(["true"])?.wait()?;
    let before = counts()?;
    for _ in 0..3 {
        let mut popens = Vec::new();
        let error = loop {
            match Command::new("cat").stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn() {
                Ok(popen) => popens.push(popen),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        assert!(popens.len() > 10);
        for popen in &popens {
            assert_eq!(popen.communicate("")?, (Some(Vec::new()), Some(Vec::new())));
        }
        drop(popens);
        // Threads in the place of descriptors may be ending.
        soon("the descriptors to be closed", || Ok(counts()? == before))?;
        assert!(!has_children());
    }
    Ok(())
}

fn test_wait_when_sigchild_ignored() -> TestResult {
    // SAFETY: the signal is valid.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    let popen = sh("sleep 0.01; exit 3").stdout(PIPE).spawn()?;
    let error = popen.wait().unwrap_err();
    assert!(
        error
            .downcast_ref::<StatusUnknown>()
            .is_some_and(|unknown| unknown.pid == popen.pid())
    );
    assert!(popen.poll().is_err() && popen.returncode().is_none());
    assert!(popen.communicate(None).unwrap_err().is::<StatusUnknown>());
    assert!(format!("{popen:?}").contains("returncode=unknown"));
    popen.kill()?;
    gevent::wait([&popen])?;
    // One that has ended before anybody looked.
    let popen = Popen::new(["true"])?;
    std::thread::sleep(Duration::from_millis(20));
    assert!(popen.wait().unwrap_err().is::<StatusUnknown>());
    assert!(check_output(["echo", "x"]).unwrap_err().is::<StatusUnknown>());
    Ok(())
}

/// Another thread takes whatever it can get. A status is the right one or unknown, and no wait hangs.
fn a_program_that_waits_for_all_children() -> TestResult {
    let over = Arc::new(AtomicBool::new(false));
    let thief = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut taken = 0;
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the status may be left out.
                match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } {
                    1.. => taken += 1,
                    _ => std::thread::yield_now(),
                }
            }
            taken
        }
    });
    let mut unknown = 0;
    for _ in 0..200 {
        match sh("exit 7").spawn()?.wait() {
            Ok(code) => assert_eq!(code, 7),
            Err(error) => {
                assert!(error.is::<StatusUnknown>(), "{error:?}");
                unknown += 1;
            }
        }
    }
    over.store(true, Ordering::Relaxed);
    assert_eq!(thief.join().expect("it has not panicked"), unknown);
    Ok(())
}

/// Children of std, in this thread and another one, while there are children of greenlets.
fn keep_their_statuses() -> TestResult {
    let start = |script: &str| std::process::Command::new("sh").args(["-c", script]).spawn();
    let thread = std::thread::spawn(move || -> io::Result<()> {
        for _ in 0..20 {
            assert_eq!(start("sleep 0.01; exit 7")?.wait()?.code(), Some(7));
            let output = std::process::Command::new("sh")
                .args(["-c", "echo hi; exit 7"])
                .output()?;
            assert_eq!(
                (output.status.code(), output.stdout.as_slice()),
                (Some(7), &b"hi\n"[..])
            );
        }
        Ok(())
    });
    for _ in 0..10 {
        let mut early = start("exit 5")?;
        let jobs: Vec<_> = (0..5)
            .map(|_| spawn(|| sh("sleep 0.01; exit 3").spawn()?.wait()))
            .collect();
        let mut late = start("sleep 0.01; exit 6")?;
        joinall(&jobs)?;
        for job in &jobs {
            assert_eq!(job.get()?, 3);
        }
        assert_eq!((early.wait()?.code(), late.wait()?.code()), (Some(5), Some(6)));
    }
    Ok(thread.join().expect("it has not panicked")?)
}

fn others_keep_their_statuses() -> TestResult {
    keep_their_statuses()?;
    // A watcher of another child, which takes that child's status only.
    let other = std::process::Command::new("sleep").arg("3600").spawn()?;
    let watcher = get_hub().loop_().own_child(other.id() as i32)?;
    watcher.start(|| ())?;
    keep_their_statuses()?;
    watcher.kill(libc::SIGKILL)?;
    soon("the end of the child", || Ok(!watcher.active()))?;
    assert!(!has_children());
    Ok(())
}

fn others_keep_their_statuses_beside_a_handler() -> TestResult {
    let seen = Rc::new(Cell::new(0));
    let handler = gevent::signal_handler(libc::SIGCHLD, {
        let seen = seen.clone();
        move || seen.set(seen.get() + 1)
    })?;
    keep_their_statuses()?;
    soon("the signal", || Ok(seen.get() > 0))?;
    handler.cancel();
    keep_their_statuses()
}

/// While a child is watched by libev's watcher, libev takes all statuses, here and in other threads.
fn what_libevs_reaper_takes_is_told() -> TestResult {
    let mut other = std::process::Command::new("sleep").arg("3600").spawn()?;
    let loop_ = get_hub().loop_().clone();
    let watcher = loop_.child(other.id() as i32, false)?;
    watcher.start(|| ())?;
    let ended = Arc::new(AtomicBool::new(false));
    let thread = run_in_thread({
        let ended = ended.clone();
        move || {
            let done = (0..5).try_for_each(|_| a_bit_of_everything());
            ended.store(true, Ordering::Relaxed);
            done
        }
    })?;
    while !ended.load(Ordering::Relaxed) {
        a_bit_of_everything()?;
    }
    thread.join().expect("it has not panicked")?;
    // libev's watchers of the same children are called, too, whoever takes the status.
    for looks in [false, true] {
        let popen = sh("exit 4").spawn()?;
        let same = loop_.child(popen.pid(), false)?;
        let status = Rc::new(Cell::new(None));
        same.start({
            let (same, status) = (same.clone(), status.clone());
            move || {
                status.set(Some(same.rstatus()));
                Ok(same.stop()?)
            }
        })?;
        if looks {
            await_end(popen.pid());
            assert_eq!(popen.poll()?, Some(4));
        }
        assert_eq!(popen.wait()?, 4);
        soon("the watcher", || Ok(status.get() == Some(4 << 8)))?;
    }
    watcher.stop()?;
    other.kill()?;
    other.wait()?;
    Ok(())
}

fn a_thousand_children_with_pipes() -> TestResult {
    common::raise_fd_limit().map_err(|error| Exception::msg(error.to_string()))?;
    Popen::new(["true"])?.wait()?;
    let before = counts()?;
    let popens: Vec<_> = (0..1000)
        .map(|_| Command::new("cat").stdin(PIPE).stdout(PIPE).spawn())
        .collect::<Result<_, _>>()?;
    let jobs: Vec<_> = popens
        .iter()
        .enumerate()
        .map(|(n, popen)| {
            let popen = popen.clone();
            spawn(move || popen.communicate(n.to_string()))
        })
        .collect();
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(job.get()?.0, Some(n.to_string().into_bytes()));
    }
    drop((popens, jobs));
    assert_eq!(counts()?, before);
    assert!(!has_children());
    Ok(())
}

/// Has the system refuse to open descriptors of processes, as one does that has none.
fn refuse_pidfds() {
    let number = libc::SYS_pidfd_open as u32;
    let step = |code: u32, jt, jf, k| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    // SAFETY: the program is valid, and is copied.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        assert_eq!(libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0), -1);
    }
}

/// A thread waits for each child.
fn without_descriptors_of_processes() -> TestResult {
    refuse_pidfds();
    a_bit_of_everything()?;
    soon("the threads to end", || Ok(counts()?.1 == 1))?;
    let before = counts()?;
    for _ in 0..3 {
        a_bit_of_everything()?;
    }
    keep_their_statuses()?;
    what_libevs_reaper_takes_is_told()?;
    drop(Popen::new(["true"])?);
    soon("the threads to end", || Ok(counts()? == before))?;
    assert!(!has_children());
    test_wait_when_sigchild_ignored()
}

/// The last two descriptors are enough for a child.
fn without_descriptors_that_are_left() -> TestResult {
    a_bit_of_everything()?;
    let before = counts()?;
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit {
            current: Some(100),
            maximum: Some(100),
        },
    )?;
    let mut others = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        others.push(file);
    }
    assert_eq!(Popen::new(["true"]).unwrap_err().raw_os_error(), Some(libc::EMFILE));
    others.pop();
    assert_eq!(Popen::new(["true"]).unwrap_err().raw_os_error(), Some(libc::EMFILE));
    assert!(!has_children());
    others.pop();
    assert_eq!(sh("exit 7").spawn()?.wait()?, 7);
    drop(others);
    soon("the thread to end", || Ok(counts()? == before))
}

/// Becomes a user of whom there are no other processes, if this one may: root is bound by no limit of processes.
fn become_lone_user() -> io::Result<bool> {
    if !rustix::process::getuid().is_root() {
        return Ok(false);
    }
    // The processes that are running have other numbers.
    let uid = 10_000 + std::process::id() % 50_000;
    // SAFETY: no preconditions; there is no other thread.
    match unsafe { libc::setuid(uid) } {
        0 => Ok(true),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The system refuses to make further processes and threads, again and again.
fn without_processes_that_are_left() -> TestResult {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let is_lone = become_lone_user()?;
    Popen::new(["true"])?.wait()?;
    let (before, old) = (counts()?, getrlimit(Resource::Nproc));
    let limit = |current| setrlimit(Resource::Nproc, Rlimit { current, ..old }).map_err(io::Error::from);
    for _ in 0..3 {
        limit(Some(if is_lone { 20 } else { 0 }))?;
        let mut popens = Vec::new();
        let error = loop {
            match Command::new("cat").stdin(PIPE).stdout(PIPE).stderr(PIPE).spawn() {
                Ok(popen) => popens.push(popen),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        assert_eq!(popens.len(), if is_lone { 19 } else { 0 });
        // Another way of starting, and other functions.
        let is_eagain = |error: Exception| {
            let error = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            assert_eq!(error, Some(libc::EAGAIN));
        };
        is_eagain(sh("exit 1").start_new_session(true).spawn().unwrap_err().into());
        is_eagain(check_output(["true"]).unwrap_err());
        is_eagain(gevent::os::posix_spawn(&mut std::process::Command::new("true")).unwrap_err());
        // SAFETY: there is no child.
        is_eagain(unsafe { gevent::os::fork() }.unwrap_err());
        if is_lone {
            // It needs a thread.
            is_eagain(gevent::os::waitpid(-1, 0).unwrap_err());
            // The others go on, and make room for a further one when they end.
            let first = popens.swap_remove(0);
            assert_eq!(first.communicate("x")?.0.as_deref(), Some(&b"x"[..]));
            assert_eq!(sh("exit 7").spawn()?.wait()?, 7);
        }
        for popen in &popens {
            assert_eq!(popen.communicate("")?, (Some(Vec::new()), Some(Vec::new())));
        }
        drop(popens);
        limit(old.current)?;
        soon("the descriptors to be closed", || Ok(counts()? == before))?;
        assert!(!has_children());
    }
    a_bit_of_everything()
}

fn a_write_raises_no_sigpipe() -> TestResult {
    // SAFETY: the signal is valid.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let popen = Command::new("true").stdin(PIPE).spawn()?;
    popen.wait()?;
    for _ in 0..3 {
        let error = popen.stdin().expect("a pipe").write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
    popen.communicate(vec![0; 1 << 20])?;
    // One that others have raised is not taken away: it comes when it is not blocked any more.
    // SAFETY: the sets are initialised before they are used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(libc::SIGPIPE);
        assert!(popen.stdin().is_some_and(|stdin| stdin.closed()));
        let other = Command::new("true").stdin(PIPE).spawn()?;
        other.wait()?;
        assert!(other.stdin().expect("a pipe").write(b"x").is_err());
        let mut pending: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut pending);
        assert_eq!(libc::sigismember(&raw const pending, libc::SIGPIPE), 1);
    }
    Ok(())
}

fn the_child_of_a_fork_knows_no_status() -> TestResult {
    let popen = sh("read line; exit 7").stdin(PIPE).spawn()?;
    // SAFETY: there is no other thread, and the child ends by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let in_child = || -> TestResult {
            get_hub().reinit()?;
            popen.stdin().expect("a pipe").close();
            assert!(popen.wait().unwrap_err().is::<StatusUnknown>());
            // Its own children are as ever.
            a_bit_of_everything()
        };
        let done = in_child();
        if let Err(error) = &done {
            eprintln!("{error:?}");
        }
        // SAFETY: it ends the process.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    let child = get_hub().loop_().own_child(pid)?;
    popen.stdin().expect("a pipe").close();
    assert_eq!(popen.wait()?, 7);
    get_hub().wait(child.as_ref())?;
    assert_eq!(child.status()?.and_then(|status| status.code()), Some(0));
    Ok(())
}

/// Greenlets are left behind in their waits; the next child that the program makes reaps what they have left.
fn nothing_is_left_of_a_thread_that_ends() -> TestResult {
    a_bit_of_everything()?;
    let before = counts()?;
    for explicit in [true, false] {
        let start = || -> TestResult {
            for wait in [
                |popen: &Popen| popen.wait().map(drop),
                |popen: &Popen| popen.communicate(None).map(drop),
            ] {
                let popen = Command::new("cat").stdin(PIPE).stdout(PIPE).spawn()?;
                drop(popen.clone());
                spawn(move || wait(&popen));
            }
            drop(Popen::new(["true"])?);
            sleep(0)
        };
        match explicit {
            true => run_in_thread(start)?.join().expect("it has not panicked")?,
            false => std::thread::spawn(start).join().expect("it has not panicked")?,
        }
    }
    soon("the descriptors to be closed", || {
        // Those of greenlets that are left behind stay.
        Popen::new(["true"])?.wait()?;
        Ok(counts()?.0 <= before.0 + 8)
    })?;
    Ok(())
}

fn nothing_is_left_after_strikes() -> TestResult {
    Popen::new(["true"])?.wait()?;
    strike::strike_everywhere(processes::rows);
    soon("all to be over", || Ok(!has_children() && counts()?.1 == 1))?;
    let before = counts()?;
    strike::strike_everywhere(processes::rows);
    soon("all to be over", || {
        Popen::new(["true"])?.wait()?;
        Ok(counts()? == before && !has_children())
    })?;
    Ok(())
}
