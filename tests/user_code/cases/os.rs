//! Callbacks of children and handlers of `SIGCHLD`, whose default action is for the thread with libev's default loop.
//! Each test here runs in a process in which there is no other.

use std::cell::Cell;
use std::process::Command;
use std::rc::Rc;

use crate::support::TestResult;
use crate::trap::{Case, Trap};
use gevent::core::Loop;
use gevent::event::Event;
use gevent::hub::set_hub;
use gevent::os::{fork_and_watch, forkpty_and_watch, posix_spawn, waitpid};
use gevent::signal::{Handler, SIG_DFL, getsignal, signal};
use gevent::{Hub, sleep};

/// Tells this program that it runs one test.
const ALONE: &str = "GEVENT_TEST_ALONE";

/// Runs `test`, which has this name, in a process of its own.
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        let loop_ = Loop::new((), true).expect("no other thread has it");
        set_hub(Some(Hub::new(loop_).expect("the loop is there")));
        return test();
    }
    let this = std::env::current_exe().expect("it has a name");
    let mut command = Command::new(this);
    let output = command
        .args([&format!("cases::os::{name}"), "--exact", "--nocapture"])
        .env(ALONE, "1")
        .output();
    let output = output.expect("it is a program");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

type Called = (Event, Rc<Cell<u32>>);

fn case(names: &'static [&'static str], calls: Vec<fn(&Called, Trap) -> TestResult>) {
    Case {
        names,
        make: |_| -> Called { (Event::new(), Rc::default()) },
        calls,
        others: |(event, _)| event.set(),
        waits: Some(|(event, _)| event.wait().map(drop)),
        after: |(event, called)| {
            event.set();
            assert_eq!(called.get(), 1);
            // Children are watched as before.
            let pid = posix_spawn(&mut Command::new("true")).expect("there is such a program");
            assert!(waitpid(pid, 0).expect("it is watched").1.success());
        },
    }
    .run();
}

/// A callback that springs the trap once it has noted its call.
fn callback((event, called): &Called, trap: Trap) -> impl Fn() + use<> {
    let (event, called) = (event.clone(), called.clone());
    move || {
        called.set(called.get() + 1);
        event.set();
        trap.spring();
    }
}

/// Ends the child of a fork, and waits for it in the parent.
fn finish(pid: i32) -> TestResult {
    if pid == 0 {
        // SAFETY: no preconditions.
        unsafe { libc::_exit(3) };
    }
    assert_eq!(waitpid(pid, 0)?.1.code(), Some(3));
    (0..10).try_for_each(|_| sleep(0))
}

#[test]
fn callbacks_of_children() {
    alone("callbacks_of_children", || {
        case(
            &["os::{fork_and_watch, forkpty_and_watch} | FnOnce"],
            vec![
                |called, trap| {
                    let callback = callback(called, trap);
                    // SAFETY: the child ends at once.
                    finish(unsafe { fork_and_watch(move |_, _| callback()) }?)
                },
                |called, trap| {
                    let callback = callback(called, trap);
                    // SAFETY: the child ends at once.
                    let (pid, _terminal) = unsafe { forkpty_and_watch(move |_, _| callback()) }?;
                    finish(pid)
                },
            ],
        );
    });
}

#[test]
fn handlers_of_sigchld() {
    alone("handlers_of_sigchld", || {
        case(
            &["signal::Handler::from | Fn"],
            vec![|called, trap| {
                let callback = callback(called, trap);
                signal(libc::SIGCHLD, move |_| {
                    // A panic would arrive in the main greenlet, which runs the case.
                    match gevent::greenlet_core::unwind::catch(&callback) {
                        Err(gevent::greenlet_core::unwind::Caught::Forced(unwind)) => unwind.resume(),
                        Ok(()) | Err(gevent::greenlet_core::unwind::Caught::Panic(_)) => {}
                    }
                })?;
                let pid = posix_spawn(Command::new("sh").args(["-c", "exit 3"]))?;
                assert_eq!(waitpid(pid, 0)?.1.code(), Some(3));
                assert!(matches!(getsignal(libc::SIGCHLD)?, Handler::Function(_)));
                signal(libc::SIGCHLD, SIG_DFL)?;
                (0..10).try_for_each(|_| sleep(0))
            }],
        );
    });
}
