//! Waits for processes in virtual threads.

#![allow(clippy::zombie_processes, reason = "the calls that are tested take them")]

mod team;

use std::io::Write;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

use gevent_monkey::stats;
use gevent_threading::{on_carrier, spawn};
use libc::{c_int, id_t, idtype_t, pid_t};
use team::{as_in_thread, dropped, killed, parked, test, until};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that ends with this status when its standard input ends.
fn waiting(status: c_int) -> Child {
    let mut command = shell(&format!("read line; exit {status}"));
    command.stdin(Stdio::piped()).spawn().unwrap()
}

fn errno() -> Option<i32> {
    std::io::Error::last_os_error().raw_os_error()
}

/// waitpid(2): the process, and its status.
fn waitpid(pid: pid_t, options: c_int) -> (pid_t, c_int) {
    let mut status = 0;
    // SAFETY: the status is a variable.
    let taken = unsafe { libc::waitpid(pid, &raw mut status, options) };
    (taken, status)
}

/// waitid(2): its result, the process, the code and the status.
fn waitid(kind: idtype_t, id: id_t, options: c_int) -> (c_int, pid_t, c_int, c_int) {
    // SAFETY: the struct is plain data, whose fields of children the call writes.
    unsafe {
        let mut info: libc::siginfo_t = zeroed();
        let result = libc::waitid(kind, id, &raw mut info, options);
        (result, info.si_pid(), info.si_code, info.si_status())
    }
}

const fn exited(status: c_int) -> c_int {
    status << 8
}

#[test]
fn a_hundred_commands_at_once() {
    test(|| {
        let commands: Vec<_> = (0..100)
            .map(|number| {
                spawn(move || {
                    let script = format!("sleep 0.05; echo {number}; echo e{number} >&2; exit {}", number % 7);
                    let output = shell(&script).output().unwrap();
                    let text = |bytes| String::from_utf8(bytes).unwrap();
                    (output.status.code(), text(output.stdout), text(output.stderr))
                })
            })
            .collect();
        for (number, command) in commands.into_iter().enumerate() {
            let expected = (Some(number as i32 % 7), format!("{number}\n"), format!("e{number}\n"));
            assert_eq!(command.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_hundred_children_are_waited_for_at_once() {
    test(|| {
        let waits: Vec<_> = (0..100)
            .map(|number| {
                spawn(move || match number % 3 {
                    0 => shell("exit 3").status().unwrap(),
                    1 => shell("sleep 0.03; kill -9 $$").spawn().unwrap().wait().unwrap(),
                    _ => {
                        let mut child = waiting(4);
                        child.stdin.take().unwrap().write_all(b"line\n").unwrap();
                        child.wait_with_output().unwrap().status
                    }
                })
            })
            .collect();
        for (number, wait) in waits.into_iter().enumerate() {
            let status = wait.join().unwrap();
            let expected = [(Some(3), None), (None, Some(9)), (Some(4), None)][number % 3];
            assert_eq!((status.code(), status.signal()), expected);
        }
    });
}

#[test]
fn each_function_takes_the_child() {
    test(|| {
        // `wait`, `wait3` and a `waitpid` of any child.
        for call in 0..3 {
            let mut child = waiting(5);
            let pid = child.id() as pid_t;
            let taking = parked(move || {
                let mut status = 0;
                // SAFETY: the status and the usage are variables.
                unsafe {
                    let mut usage: libc::rusage = zeroed();
                    match call {
                        0 => (libc::wait(&raw mut status), status, 0),
                        1 => {
                            let taken = wait3(&raw mut status, 0, &raw mut usage);
                            (taken, status, usage.ru_maxrss.signum())
                        }
                        _ => (libc::waitpid(-1, &raw mut status, 0), status, 0),
                    }
                }
            });
            drop(child.stdin.take());
            assert_eq!(taking.join().unwrap(), (pid, exited(5), i64::from(call == 1)));
        }
        let mut child = waiting(6);
        let pid = child.id() as pid_t;
        let taking = parked(move || {
            let mut status = 0;
            // SAFETY: the status and the usage are variables.
            unsafe {
                let mut usage: libc::rusage = zeroed();
                let taken = libc::wait4(pid, &raw mut status, 0, &raw mut usage);
                (taken, status, usage.ru_maxrss > 0)
            }
        });
        drop(child.stdin.take());
        assert_eq!(taking.join().unwrap(), (pid, exited(6), true));
    });
}

unsafe extern "C" {
    fn wait3(status: *mut c_int, options: c_int, usage: *mut libc::rusage) -> pid_t;
}

#[test]
fn children_are_waited_for_by_each_kind_of_number() {
    test(|| {
        let kinds = [libc::P_PID, libc::P_PIDFD, libc::P_PGID, libc::P_ALL];
        for kind in kinds {
            let mut command = shell("read line; exit 7");
            let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
            let pid = child.id();
            // SAFETY: the descriptor is new, and ours.
            let fd = unsafe { OwnedFd::from_raw_fd(libc::syscall(libc::SYS_pidfd_open, pid, 0) as c_int) };
            let id = match kind {
                libc::P_PIDFD => fd.as_raw_fd() as id_t,
                libc::P_ALL => 0,
                _ => pid,
            };
            let waits = parked(move || {
                // It is left where it is, and taken then.
                let seen = waitid(kind, id, libc::WEXITED | libc::WNOWAIT);
                (
                    seen,
                    waitid(kind, id, libc::WEXITED),
                    waitid(kind, id, libc::WEXITED).0,
                    errno(),
                )
            });
            drop(child.stdin.take());
            let told = (0, pid as pid_t, libc::CLD_EXITED, 7);
            assert_eq!(waits.join().unwrap(), (told, told, -1, Some(libc::ECHILD)));
        }
        let mut command = shell("read line; exit 8");
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        let pid = child.id() as pid_t;
        let waits = parked(move || waitpid(-pid, 0));
        drop(child.stdin.take());
        assert_eq!(waits.join().unwrap(), (pid, exited(8)));
        // Of the caller's own group.
        let mut child = waiting(9);
        let pid = child.id() as pid_t;
        let waits = parked(|| waitpid(0, 0));
        drop(child.stdin.take());
        assert_eq!(waits.join().unwrap(), (pid, exited(9)));
    });
}

#[test]
fn stops_and_continuations_are_told() {
    test(|| {
        let mut child = waiting(1);
        let pid = child.id() as pid_t;
        let waits = parked(move || waitpid(pid, libc::WUNTRACED));
        // SAFETY: the child is there, as nobody has taken it.
        unsafe { libc::kill(pid, libc::SIGSTOP) };
        let (taken, status) = waits.join().unwrap();
        assert!(taken == pid && libc::WIFSTOPPED(status));
        let waits = parked(move || waitid(libc::P_PID, pid as id_t, libc::WCONTINUED | libc::WEXITED));
        // SAFETY: as above.
        unsafe { libc::kill(pid, libc::SIGCONT) };
        assert_eq!(waits.join().unwrap().2, libc::CLD_CONTINUED);
        let waits = parked(move || waitpid(pid, libc::WUNTRACED | libc::WCONTINUED));
        drop(child.stdin.take());
        assert_eq!(waits.join().unwrap(), (pid, exited(1)));
    });
}

#[test]
fn what_the_kernel_says_at_once_is_said() {
    test(|| {
        as_in_thread(|| (waitpid(1, 0), errno()));
        as_in_thread(|| (waitpid(-1, 0), errno()));
        as_in_thread(|| (waitid(libc::P_ALL, 0, 0).0, errno()));
        as_in_thread(|| (waitid(libc::P_PIDFD, 12345, libc::WEXITED).0, errno()));
        as_in_thread(|| {
            let child = waiting(0);
            // SAFETY: the descriptor is new, and ours.
            let fd = unsafe {
                let (id, flags) = (child.id(), libc::PIDFD_NONBLOCK);
                OwnedFd::from_raw_fd(libc::syscall(libc::SYS_pidfd_open, id, flags) as c_int)
            };
            let nothing = waitid(libc::P_PIDFD, fd.as_raw_fd() as id_t, libc::WEXITED).0;
            let told = (
                nothing,
                errno(),
                waitid(libc::P_PID, child.id(), libc::WEXITED | libc::WNOHANG),
            );
            (told, { child }.wait().unwrap().code())
        });
        as_in_thread(|| {
            let mut child = waiting(0);
            let nothing = child.try_wait().unwrap().is_none();
            (
                nothing,
                child.wait().unwrap().code(),
                child.try_wait().unwrap().and_then(|status| status.code()),
            )
        });
        // Without a place for what is told.
        as_in_thread(|| {
            let child = waiting(2).id();
            // SAFETY: the kernel takes no place, too.
            unsafe {
                (
                    libc::waitid(libc::P_PID, child, null_mut(), libc::WEXITED),
                    libc::waitpid(-1, null_mut(), 0),
                )
            }
        });
    });
}

/// One of those who wait for a child gets it, and the others are told that there is none.
#[test]
fn a_child_is_taken_once() {
    test(|| {
        for others in [Some(-1), Some(0), None] {
            let mut child = waiting(3);
            let pid = child.id() as pid_t;
            let waits: Vec<_> = (0..5)
                .map(|number| {
                    let whom = others.filter(|_| number % 2 == 1).unwrap_or(pid);
                    parked(move || waitpid(whom, 0))
                })
                .collect();
            drop(child.stdin.take());
            let results: Vec<_> = waits.into_iter().map(|wait| wait.join().unwrap()).collect();
            assert_eq!(results.iter().filter(|result| **result == (pid, exited(3))).count(), 1);
            assert_eq!(results.iter().filter(|result| **result == (-1, 0)).count(), 4);
        }
    });
}

/// Threads without a hub wait at the same time, in the kernel: each child goes to its own waiter.
#[test]
fn real_threads_wait_beside() {
    test(|| {
        let real: Vec<_> = (0..10)
            .map(|number| std::thread::spawn(move || shell(&format!("exit {number}")).status().unwrap().code()))
            .collect();
        let ours: Vec<_> = (0..10)
            .map(|number| spawn(move || shell(&format!("exit {}", number + 10)).status().unwrap().code()))
            .collect();
        for (number, thread) in ours.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), Some(number as i32 + 10));
        }
        for (number, thread) in real.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), Some(number as i32));
        }
    });
}

/// gevent's own children, of a greenlet of the same thread.
#[test]
fn the_runtimes_children_are_its_own() {
    test(|| {
        let threads: Vec<_> = (0..20)
            .map(|number| {
                spawn(move || match number % 2 {
                    0 => shell(&format!("sleep 0.02; exit {number}")).status().unwrap().code(),
                    _ => on_carrier(move || {
                        let hub = hub::get_hub();
                        let spawned = hub.loop_().spawn_child(|| {
                            let child = shell(&format!("sleep 0.02; exit {number}")).spawn()?;
                            Ok((child.id() as i32, ()))
                        });
                        let (child, ()) = spawned.unwrap();
                        hub.wait(child.as_ref()).unwrap();
                        child.status().unwrap().unwrap().code()
                    }),
                })
            })
            .collect();
        for (number, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), Some(number as i32));
        }
    });
}

/// A virtual thread that waits for any child takes one of the runtime's, which the runtime is told.
#[test]
fn the_runtime_is_told_of_a_child_that_was_taken() {
    test(|| {
        let hub = hub::get_hub();
        let mut command = shell("read line; exit 12");
        command.stdin(Stdio::piped());
        let spawned = hub.loop_().spawn_child(|| {
            let child = command.spawn()?;
            Ok((child.id() as i32, child))
        });
        let (watched, mut child) = spawned.unwrap();
        let pid = watched.pid();
        let taking = parked(|| waitpid(-1, 0));
        drop(child.stdin.take());
        assert_eq!(taking.join().unwrap(), (pid, exited(12)));
        assert_eq!(watched.status().unwrap().unwrap().code(), Some(12));
    });
}

#[test]
fn a_kill_ends_each_wait() {
    test(|| {
        let mut child = waiting(0);
        let pid = child.id();
        let canceled = Some(libc::ECANCELED);
        let fails = move |call: fn(u32) -> c_int| {
            killed(move || call(pid));
            assert_eq!(killed(move || call(pid)), (-1, canceled));
        };
        fails(|pid| waitpid(pid as pid_t, 0).0);
        fails(|pid| waitpid(pid as pid_t, libc::WUNTRACED).0);
        fails(|_| waitpid(-1, 0).0);
        fails(|_| waitpid(0, 0).0);
        fails(|pid| waitid(libc::P_PID, pid, libc::WEXITED | libc::WNOWAIT).0);
        fails(|_| waitid(libc::P_ALL, 0, libc::WEXITED).0);
        dropped(move || waitpid(pid as pid_t, 0));
        drop(child.stdin.take());
        // Nobody has taken it.
        assert_eq!(child.wait().unwrap().code(), Some(0));
        until(|| stats().waiting == 0);
    });
}
