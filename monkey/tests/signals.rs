//! Waits for signals in virtual threads.

mod team;

use std::io::{Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gevent_monkey::stats;
use gevent_threading::{spawn, yield_now};
use libc::{EAGAIN, EINVAL, SIGUSR1, SIGUSR2, c_int};
use team::{as_in_thread, dropped, killed, pair, parked, test, until};

fn set(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: the calls write the set.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        set
    }
}

/// Blocks signals in this thread, which carries all virtual threads.
fn block(signals: &[c_int]) {
    let set = set(signals);
    // SAFETY: the set is a variable.
    let blocked = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, null_mut()) };
    assert_eq!(blocked, 0);
}

/// Sends a signal to this thread.
fn send(signal: c_int) {
    // SAFETY: the signal is blocked in this thread.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal) };
    assert_eq!(sent, 0);
}

/// The functions by number, with a time in milliseconds for the third: the result, the signal and its sender.
fn wait(call: usize, signals: &[c_int], milliseconds: Option<i64>) -> (c_int, c_int, u32) {
    let set = set(signals);
    let time = milliseconds.map(|milliseconds| libc::timespec {
        tv_sec: milliseconds / 1000,
        tv_nsec: milliseconds % 1000 * 1_000_000,
    });
    let time = time.as_ref().map_or(null(), |time| &raw const *time);
    let mut signal = 0;
    // SAFETY: all pointers are null, or those of variables; the fields are those of a sender.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let result = match call {
            0 => libc::sigwait(&raw const set, &raw mut signal),
            1 => libc::sigwaitinfo(&raw const set, &raw mut info),
            _ => libc::sigtimedwait(&raw const set, &raw mut info, time),
        };
        (result, signal.max(info.si_signo), info.si_pid() as u32)
    }
}

#[test]
fn signals_are_waited_for() {
    test(|| {
        block(&[SIGUSR1, SIGUSR2]);
        for call in 0..3 {
            let first = parked(move || wait(call, &[SIGUSR1], None));
            let second = parked(move || wait(call, &[SIGUSR2], Some(100_000)));
            for signal in [SIGUSR2, SIGUSR1] {
                send(signal);
                yield_now();
            }
            for (thread, signal) in [(first, SIGUSR1), (second, SIGUSR2)] {
                let (result, sender) = match call {
                    0 => (0, 0),
                    _ => (signal, std::process::id()),
                };
                assert_eq!(thread.join().unwrap(), (result, signal, sender));
            }
        }
    });
}

#[test]
fn a_signal_that_is_there_is_taken_by_one() {
    test(|| {
        block(&[SIGUSR1]);
        send(SIGUSR1);
        assert_eq!(spawn(|| wait(0, &[SIGUSR1], None)).join().unwrap(), (0, SIGUSR1, 0));
        let waits: Vec<_> = (0..5).map(|_| parked(|| wait(0, &[SIGUSR1], None))).collect();
        for count in (0..5).rev() {
            send(SIGUSR1);
            until(|| stats().waiting == count);
        }
        for wait in waits {
            assert_eq!(wait.join().unwrap(), (0, SIGUSR1, 0));
        }
    });
}

#[test]
fn a_wait_has_its_time() {
    test(|| {
        block(&[SIGUSR1]);
        let over = |milliseconds| {
            spawn(move || {
                let result = wait(2, &[SIGUSR1], Some(milliseconds));
                (result, std::io::Error::last_os_error().raw_os_error())
            })
        };
        for milliseconds in [0, 20] {
            assert_eq!(over(milliseconds).join().unwrap(), ((-1, 0, 0), Some(EAGAIN)));
        }
        as_in_thread(|| {
            block(&[SIGUSR1]);
            let result = wait(2, &[SIGUSR1], Some(-1));
            (result, std::io::Error::last_os_error().raw_os_error() == Some(EINVAL))
        });
    });
}

/// A signal that is not blocked would be handled before it is waited for: the kernel waits.
#[test]
fn a_signal_that_is_not_blocked_is_waited_for_by_the_kernel() {
    test(|| {
        let before = stats().parked;
        let over = spawn(|| wait(2, &[libc::SIGURG], Some(10)).0);
        assert_eq!(over.join().unwrap(), -1);
        assert_eq!(stats().parked, before);
    });
}

#[test]
fn a_kill_ends_each_wait() {
    test(|| {
        block(&[SIGUSR1]);
        for call in 0..3 {
            killed(move || wait(call, &[SIGUSR1], None));
            let ((result, signal, _), errno) = killed(move || wait(call, &[SIGUSR1], None));
            assert_eq!(signal, 0);
            match call {
                0 => assert_eq!(result, libc::ECANCELED),
                _ => assert_eq!((result, errno), (-1, Some(libc::ECANCELED))),
            }
        }
        dropped(|| {
            block(&[SIGUSR1]);
            wait(0, &[SIGUSR1], None)
        });
    });
}

/// The kernel lets nobody block or wait for two of them.
#[test]
fn a_wait_for_all_signals_parks() {
    test(|| {
        // SAFETY: the calls write the sets, which are variables.
        let all = unsafe {
            let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            all
        };
        let waiter = parked(move || {
            let mut signal = 0;
            // SAFETY: both are variables.
            let result = unsafe {
                *libc::__errno_location() = 77;
                libc::sigwait(&raw const all, &raw mut signal)
            };
            (result, signal, std::io::Error::last_os_error().raw_os_error())
        });
        send(SIGUSR1);
        assert_eq!(waiter.join().unwrap(), (0, SIGUSR1, Some(77)));
    });
}

/// As by the kernel, also if the number was that of a pipe before.
#[test]
fn a_write_of_which_a_part_is_done_raises_no_signal() {
    static RAISED: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_: c_int) {
        RAISED.fetch_add(1, Ordering::Relaxed);
    }
    test(|| {
        // SAFETY: the handler adds to a number.
        let before = unsafe { libc::signal(libc::SIGPIPE, count as *const () as libc::sighandler_t) };
        let (is_part, raised) = as_in_thread(|| {
            let (mut reader, mut writer) = pipe().unwrap();
            let (mine, mut theirs) = pair();
            writer.write_all(b"x").unwrap();
            reader.read_exact(&mut [0]).unwrap();
            // SAFETY: both are open.
            assert!(unsafe { libc::dup2(mine.as_raw_fd(), writer.as_raw_fd()) } >= 0);
            drop(mine);
            let reader = std::thread::spawn(move || {
                theirs.read_exact(&mut [0; 1000]).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            });
            let text = vec![1; 10_000_000];
            let written = writer.write(&text).unwrap();
            reader.join().unwrap();
            ((1000..text.len()).contains(&written), RAISED.load(Ordering::Relaxed))
        });
        assert!(is_part);
        assert_eq!(raised, 0);
        // SAFETY: it was there before.
        unsafe { libc::signal(libc::SIGPIPE, before) };
    });
}
