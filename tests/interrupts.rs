//! Tests of Ctrl-C and of other signals that raise an exception in the main greenlet. Each runs in a process of its
//! own, which gets real signals and ends as a user's program does.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::Cell;
use std::hint::black_box;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;
use std::rc::Rc;

use common::children::{self, Test};
use common::process::Process;
use common::{SOON, eventually};
use gevent::event::{AsyncResult, Event};
use gevent::exceptions::{KeyboardInterrupt, SystemExit};
use gevent::hub::core::{IllegalSignal, Loop, SignalInUse};
use gevent::lock::Semaphore;
use gevent::pool::Pool;
use gevent::prelude::*;
use gevent::queue::Queue;
use gevent::{keyboard_interrupt, mask_kill, raise_in_main, run_in_thread, run_main};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

type TestResult = Result<(), Exception>;

const LONG: f64 = 1000.0;

/// How the child is to end.
#[derive(Debug, PartialEq)]
enum End {
    Status(i32),
    Killed(Signal),
}

use End::{Killed, Status};

/// Name, the child's program, the signals that it gets when it prints "ready", its end, and its output.
type Case = (&'static str, fn() -> TestResult, &'static [Signal], End, &'static str);

const CASES: &[Case] = &[
    (
        "sleeping",
        sleeping,
        &[Signal::INT],
        Killed(Signal::INT),
        "ready\ninterrupted",
    ),
    (
        "joining_a_thousand",
        joining_a_thousand,
        &[Signal::INT],
        Killed(Signal::INT),
        "ready\n1000 are over",
    ),
    (
        "in_a_timeout",
        in_a_timeout,
        &[Signal::INT],
        Status(0),
        "ready\nKeyboardInterrupt",
    ),
    (
        "in_the_hubs_callback",
        in_the_hubs_callback,
        &[Signal::INT],
        Killed(Signal::INT),
        "ready",
    ),
    (
        "busy_twice",
        busy_twice,
        &[Signal::INT, Signal::INT],
        Killed(Signal::INT),
        "ready",
    ),
    (
        "busy_main_twice",
        busy_main_twice,
        &[Signal::TERM, Signal::TERM],
        Killed(Signal::TERM),
        "ready",
    ),
    (
        "destructors_of_run",
        destructors_of_run,
        &[Signal::TERM],
        Status(143),
        "ready\nmain is over\nits greenlet is over",
    ),
    ("every_wait", every_wait, &[], Status(0), ""),
    ("in_a_loop_that_main_runs", in_a_loop_that_main_runs, &[], Status(0), ""),
    ("at_the_next_wait", at_the_next_wait, &[], Status(0), ""),
    ("without_ref", without_ref, &[], Status(0), ""),
    (
        "another_greenlet_is_not_hit",
        another_greenlet_is_not_hit,
        &[],
        Status(0),
        "",
    ),
    ("undone", undone, &[], Status(0), ""),
    ("set_twice", set_twice, &[], Status(0), ""),
    ("beside_a_handler", beside_a_handler, &[], Status(0), ""),
    ("a_handler_outlives_it", a_handler_outlives_it, &[], Status(0), ""),
    ("after_a_run", after_a_run, &[], Killed(Signal::INT), "again"),
    (
        "before_a_hub_is_destroyed",
        before_a_hub_is_destroyed,
        &[],
        Status(0),
        "",
    ),
    ("refused", refused, &[], Status(0), ""),
    ("in_another_thread", in_another_thread, &[], Status(0), ""),
    ("in_a_forked_child", in_a_forked_child, &[], Status(0), ""),
    ("harmless_signals", harmless_signals, &[], Status(0), ""),
    ("another_error", another_error, &[], Status(1), ""),
];

fn ready() {
    println!("ready");
}

/// Sends this process a signal, which has come when this returns.
fn send(signal: Signal) -> TestResult {
    Ok(kill_process(getpid(), signal).map_err(std::io::Error::from)?)
}

#[track_caller]
fn interrupted<T: std::fmt::Debug>(result: Result<T, Exception>) {
    let error = result.unwrap_err();
    assert!(error.is::<KeyboardInterrupt>(), "{error:?}");
}

/// Prints its text when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

fn sleeping() -> TestResult {
    keyboard_interrupt()?;
    let _says = Says("interrupted");
    ready();
    sleep(LONG)
}

fn joining_a_thousand() -> TestResult {
    /// Counts, and says when all are over.
    struct Counted(Rc<Cell<u32>>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            if self.0.get() == 1000 {
                println!("1000 are over");
            }
        }
    }

    keyboard_interrupt()?;
    let over = Rc::new(Cell::new(0));
    let greenlets: Vec<_> = (0..1000)
        .map(|_| {
            let counted = Counted(over.clone());
            spawn(move || {
                let _counted = counted;
                sleep(LONG)
            })
        })
        .collect();
    sleep(0)?;
    ready();
    joinall(&greenlets)?;
    Ok(())
}

fn in_a_timeout() -> TestResult {
    keyboard_interrupt()?;
    let timeout = Timeout::new(LONG);
    ready();
    let error = timeout.with(|| sleep(LONG)).unwrap_err();
    assert!(!timeout.threw(&error) && !timeout.pending());
    println!("{error}");
    Ok(())
}

/// The loop has something to do in each of its iterations.
fn in_the_hubs_callback() -> TestResult {
    keyboard_interrupt()?;
    ready();
    loop {
        sleep(0)?;
    }
}

fn busy() -> ! {
    ready();
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn busy_twice() -> TestResult {
    keyboard_interrupt()?;
    spawn(|| -> TestResult { busy() }).get()
}

fn busy_main_twice() -> TestResult {
    raise_in_main(libc::SIGTERM, SystemExit(143))?;
    busy()
}

fn destructors_of_run() -> TestResult {
    keyboard_interrupt()?;
    raise_in_main(libc::SIGTERM, SystemExit(143))?;
    let _says = Says("main is over");
    let greenlet = spawn(|| {
        let _says = Says("its greenlet is over");
        sleep(LONG)
    });
    sleep(0)?;
    ready();
    greenlet.get()
}

/// Whatever the main greenlet waits for, the signal ends that wait; each time anew.
fn every_wait() -> TestResult {
    keyboard_interrupt()?;
    let (socket, _other) = UnixStream::pair()?;
    let fd = socket.as_raw_fd();
    let pool = Pool::new(1);
    let patient = pool.spawn(|| sleep(LONG))?;
    let (joined, in_pool) = (patient.clone(), pool.clone());
    let (empty, locked) = (Queue::<()>::new(), Semaphore::new(0));
    let waits: Vec<Box<dyn Fn() -> TestResult>> = vec![
        Box::new(|| sleep(LONG)),
        Box::new(move || joined.join().map(drop)),
        Box::new(move || patient.get()),
        Box::new(move || pool.join().map(drop)),
        Box::new(move || in_pool.spawn(|| ()).map(drop)),
        Box::new(move || gevent::socket::wait_read(fd, None)),
        Box::new(|| Event::new().wait().map(drop)),
        Box::new(|| AsyncResult::<()>::new().get()),
        Box::new(move || empty.get()),
        Box::new(move || locked.acquire().map(drop)),
        Box::new(|| get_hub().join().map(drop)),
        Box::new(|| get_hub().switch().map(drop)),
        Box::new(|| mask_kill(|| sleep(LONG))),
        Box::new(|| with_timeout(LONG, || sleep(LONG), ())),
        Box::new(|| scope(|_| sleep(LONG))),
    ];
    for wait in waits {
        spawn(|| send(Signal::INT));
        interrupted(wait());
    }
    Ok(())
}

/// There it ends the run, and is raised in the next wait.
fn in_a_loop_that_main_runs() -> TestResult {
    keyboard_interrupt()?;
    let loop_ = get_hub().loop_().clone();
    let timer = loop_.timer(LONG)?;
    timer.start(|| ())?;
    send(Signal::INT)?;
    for _ in 0..3 {
        loop_.run()?;
        assert!(timer.active());
    }
    interrupted(sleep(LONG));
    sleep(0.001)?;
    // The error of a callback is the same.
    loop_.run_callback(|| Err(SystemExit(3).into()))?;
    loop_.run()?;
    let error = sleep(LONG).unwrap_err();
    assert!(error.is::<SystemExit>(), "{error:?}");
    timer.stop()?;
    sleep(0.001)
}

fn at_the_next_wait() -> TestResult {
    keyboard_interrupt()?;
    send(Signal::INT)?;
    assert_eq!((0..1000).sum::<i32>(), 499_500);
    interrupted(sleep(LONG));
    sleep(0)
}

/// Alone it keeps no program from ending.
fn without_ref() -> TestResult {
    let handler = keyboard_interrupt()?;
    assert!(!handler.ref_());
    assert!(get_hub().join()?);
    Ok(())
}

fn another_greenlet_is_not_hit() -> TestResult {
    keyboard_interrupt()?;
    let other = spawn(|| {
        send(Signal::INT)?;
        sleep(0.001)?;
        sleep(0.001)
    });
    interrupted(other.join());
    other.get()
}

fn undone() -> TestResult {
    // SAFETY: the action is no function.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    let handler = keyboard_interrupt()?;
    send(Signal::INT)?;
    interrupted(sleep(LONG));
    handler.cancel();
    for _ in 0..3 {
        send(Signal::INT)?;
    }
    sleep(0.001)?;
    handler.cancel();
    keyboard_interrupt()?;
    send(Signal::INT)?;
    interrupted(sleep(LONG));
    Ok(())
}

/// The later call counts, and one signal raises one exception.
fn set_twice() -> TestResult {
    // SAFETY: the action is no function.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    let first = raise_in_main(libc::SIGINT, SystemExit(1))?;
    let second = keyboard_interrupt()?;
    for cancel in [false, true] {
        if cancel {
            first.cancel();
        }
        send(Signal::INT)?;
        interrupted(sleep(LONG));
        sleep(0.001)?;
    }
    second.cancel();
    for _ in 0..3 {
        send(Signal::INT)?;
    }
    sleep(0.001)
}

fn counting() -> Result<(gevent::SignalHandler, Rc<Cell<u32>>), Exception> {
    let calls = Rc::new(Cell::new(0));
    let counted = calls.clone();
    let handler = gevent::signal_handler(libc::SIGINT, move || counted.set(counted.get() + 1))?;
    Ok((handler, calls))
}

fn beside_a_handler() -> TestResult {
    for handler_first in [false, true] {
        let early = handler_first.then(counting).transpose()?;
        let interrupt = keyboard_interrupt()?;
        let (handler, calls) = early.map_or_else(counting, Ok)?;
        send(Signal::INT)?;
        interrupted(sleep(LONG));
        sleep(0.001)?;
        assert_eq!(calls.get(), 1);
        handler.cancel();
        send(Signal::INT)?;
        interrupted(sleep(LONG));
        assert_eq!(calls.get(), 1);
        interrupt.cancel();
    }
    Ok(())
}

/// The signal is the handler's alone afterwards: it may come twice.
fn a_handler_outlives_it() -> TestResult {
    for handler_first in [false, true] {
        let early = handler_first.then(counting).transpose()?;
        let interrupt = keyboard_interrupt()?;
        let (handler, calls) = early.map_or_else(counting, Ok)?;
        interrupt.cancel();
        send(Signal::INT)?;
        send(Signal::INT)?;
        sleep(0.001)?;
        assert_eq!(calls.get(), 1);
        handler.cancel();
    }
    Ok(())
}

/// Made before `run`, it holds in it. The end of `run` gives the signal its default action, until the next call.
fn after_a_run() -> TestResult {
    std::thread::spawn(|| {
        keyboard_interrupt()?;
        run(|| {
            send(Signal::INT)?;
            interrupted(sleep(LONG));
            Ok(())
        })?;
        run(|| {
            keyboard_interrupt()?;
            send(Signal::INT)?;
            interrupted(sleep(LONG));
            println!("again");
            Ok(())
        })?;
        send(Signal::INT)
    })
    .join()
    .expect("it does not panic")
}

fn before_a_hub_is_destroyed() -> TestResult {
    let old = keyboard_interrupt()?;
    get_hub().destroy(true)?;
    keyboard_interrupt()?;
    old.cancel();
    send(Signal::INT)?;
    interrupted(sleep(LONG));
    get_hub().destroy(false)?;
    // The loop goes on with another hub.
    send(Signal::INT)?;
    interrupted(sleep(LONG));
    Ok(())
}

fn refused() -> TestResult {
    assert!(
        raise_in_main(libc::SIGKILL, KeyboardInterrupt)
            .unwrap_err()
            .is::<IllegalSignal>()
    );
    assert!(raise_in_main(-1, KeyboardInterrupt).unwrap_err().is::<IllegalSignal>());
    let other = Loop::new((), false)?;
    let watcher = other.signal(libc::SIGINT)?;
    watcher.start(|| ())?;
    assert!(keyboard_interrupt().unwrap_err().is::<SignalInUse>());
    // The other loop's handler is as it was.
    send(Signal::INT)?;
    send(Signal::INT)?;
    watcher.stop()?;
    keyboard_interrupt()?;
    send(Signal::INT)?;
    interrupted(sleep(LONG));
    Ok(())
}

/// Threads without a hub do no harm: the kernel may choose any thread for the signal.
fn in_another_thread() -> TestResult {
    let (over, wait) = std::sync::mpsc::channel::<()>();
    let idle = std::thread::spawn(move || wait.recv());
    let thread = run_in_thread(|| {
        keyboard_interrupt()?;
        for _ in 0..100 {
            spawn(|| send(Signal::INT));
            interrupted(sleep(LONG));
        }
        Ok(())
    })?;
    thread.join().expect("it does not panic")?;
    drop(over);
    idle.join().expect("it does not panic").unwrap_err();
    Ok(())
}

fn in_a_forked_child() -> TestResult {
    keyboard_interrupt()?;
    sleep(0)?;
    // SAFETY: this process has one thread, and the child ends by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let child = || {
            send(Signal::INT)?;
            interrupted(sleep(LONG));
            spawn(|| send(Signal::INT));
            interrupted(sleep(LONG));
            Ok::<_, Exception>(())
        };
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(child().is_err())) };
    }
    let status = waitpid(Pid::from_raw(pid), WaitOptions::empty()).map_err(std::io::Error::from)?;
    assert_eq!(status.and_then(|(_, status)| status.exit_status()), Some(0));
    sleep(0.001)
}

/// Signals that end no process may come as often as they like.
fn harmless_signals() -> TestResult {
    raise_in_main(libc::SIGWINCH, SystemExit(1))?;
    for _ in 0..2 {
        send(Signal::WINCH)?;
        send(Signal::WINCH)?;
        assert!(sleep(LONG).unwrap_err().is::<SystemExit>());
    }
    sleep(0.001)
}

fn another_error() -> TestResult {
    keyboard_interrupt()?;
    Err(Exception::msg("something else"))
}

/// Waits until the child has begun to handle the signal, so that the next one is another, or has ended by it.
fn has_come(child: &Process, signal: Signal) -> common::Result {
    eventually("the signal", SOON, || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let values = |name: &str| {
            let lines = status.lines().filter_map(move |line| line.strip_prefix(name));
            lines.map(str::trim).map(str::to_owned).collect::<Vec<_>>()
        };
        let ended = values("State:").iter().any(|state| state.starts_with('Z'));
        let pending = [values("SigPnd:"), values("ShdPnd:")].concat();
        let is_pending = |mask: &String| {
            let mask = u64::from_str_radix(mask, 16).expect("a mask");
            mask & (1 << (signal.as_raw() - 1)) != 0
        };
        Ok((ended || !pending.iter().any(is_pending)).then_some(()))
    })
}

fn parent(child: Process, signals: &[Signal], end: &End, output: &str) -> common::Result {
    if !signals.is_empty() {
        child.stdout().line_with("ready", 0, SOON)?;
    }
    for signal in signals {
        child.signal(*signal)?;
        has_come(&child, *signal)?;
    }
    let ended = child.wait(SOON)?;
    let raw = (ended.status.code(), ended.status.signal());
    let expected = match end {
        Status(code) => (Some(*code), None),
        Killed(signal) => (None, Some(signal.as_raw())),
    };
    if raw == expected && ended.stdout == output {
        return Ok(());
    }
    Err(format!("{}, not {end:?}\n{}\n{}", ended.status, ended.stdout, ended.stderr).into())
}

fn main() -> ExitCode {
    let tests = CASES.iter().map(|(name, child, signals, end, output)| Test {
        name,
        child: Box::new(move || run_main(child)),
        parent: Box::new(move |child| parent(child, signals, end, output)),
    });
    children::main(&tests.collect::<Vec<_>>())
}
