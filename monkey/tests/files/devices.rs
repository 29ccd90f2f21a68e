//! Terminals, eventfds, timers.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{null, null_mut};

use libc::{EAGAIN, EFD_NONBLOCK, EFD_SEMAPHORE, EINVAL, c_int};

use crate::team::{Team, as_in_threads, result};

fn owned(fd: RawFd) -> OwnedFd {
    assert!(fd >= 0);
    // SAFETY: callers have just made it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn eventfd(value: u32, flags: c_int) -> File {
    // SAFETY: no conditions.
    owned(unsafe { libc::eventfd(value, flags | libc::EFD_CLOEXEC) }).into()
}

fn take(mut eventfd: &File) -> Result<u64, i32> {
    let mut value = [0; 8];
    let read = eventfd.read(&mut value);
    read.map(|_| u64::from_ne_bytes(value))
        .map_err(|error| error.raw_os_error().unwrap())
}

fn add(mut eventfd: &File, value: u64) -> Result<usize, i32> {
    eventfd
        .write(&value.to_ne_bytes())
        .map_err(|error| error.raw_os_error().unwrap())
}

#[test]
fn an_eventfd_that_is_full_is_waited_for() {
    fn program(team: Team) -> Vec<Result<u64, i32>> {
        let event = eventfd(0, 0);
        let theirs = event.try_clone().unwrap();
        let adder = team.spawn(move || {
            add(&theirs, u64::MAX - 1).unwrap();
            // There is no room for one, and then not for so much.
            add(&theirs, 1).unwrap();
            add(&theirs, u64::MAX - 1).unwrap();
        });
        let taken = (0..3).map(|_| take(&event)).collect();
        adder.join();
        taken
    }
    assert_eq!(as_in_threads(program), [Ok(u64::MAX - 1), Ok(1), Ok(u64::MAX - 1)]);
}

#[test]
fn a_semaphore_gives_one_at_a_time() {
    fn program(team: Team) -> u64 {
        let event = eventfd(0, EFD_SEMAPHORE);
        let takers: Vec<_> = (0..10)
            .map(|_| {
                let event = event.try_clone().unwrap();
                team.spawn(move || take(&event).unwrap())
            })
            .collect();
        for _ in 0..5 {
            add(&event, 2).unwrap();
        }
        takers.into_iter().map(|taker| taker.join()).sum()
    }
    assert_eq!(as_in_threads(program), 10);
}

#[test]
fn errors_of_an_eventfd_are_told_at_once() {
    fn program(_: Team) -> Vec<Result<u64, i32>> {
        let blocking = eventfd(0, 0);
        let nonblocking = eventfd(0, EFD_NONBLOCK);
        let mut four = [0u8; 4];
        // SAFETY: there is room for four bytes, which is too little.
        let short = result(unsafe { libc::read(blocking.as_raw_fd(), four.as_mut_ptr().cast(), 4) });
        let widened = |result: Result<usize, i32>| result.map(|n| n as u64);
        add(&nonblocking, u64::MAX - 1).unwrap();
        let full = add(&nonblocking, 1);
        vec![
            widened(short),
            widened(full),
            widened(add(&blocking, u64::MAX)),
            take(&nonblocking),
            take(&nonblocking),
        ]
    }
    let results = as_in_threads(program);
    assert_eq!(
        results,
        [Err(EINVAL), Err(EAGAIN), Err(EINVAL), Ok(u64::MAX - 1), Err(EAGAIN)]
    );
}

#[test]
fn a_timer_is_read_when_it_has_expired() {
    fn program(_: Team) -> Result<u64, i32> {
        // SAFETY: no conditions.
        let timer: File = owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, 0) }).into();
        let time = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: 0,
                tv_nsec: 2_000_000,
            },
        };
        // SAFETY: the time is one.
        let set = unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const time, null_mut()) };
        assert_eq!(set, 0);
        take(&timer)
    }
    assert_eq!(as_in_threads(program), Ok(1));
}

/// The two ends of a terminal: the one that a program would use, and that of its emulator.
fn terminal() -> (File, File) {
    let (mut emulator, mut program) = (0, 0);
    // SAFETY: both are variables; and no name, settings or size are given.
    let opened = unsafe { libc::openpty(&raw mut emulator, &raw mut program, null_mut(), null(), null()) };
    assert_eq!(opened, 0);
    (owned(program).into(), owned(emulator).into())
}

/// Lines come from the emulator, and more goes back than the terminal keeps.
#[test]
fn a_terminal() {
    fn program(team: Team) -> Vec<usize> {
        let (mut program, emulator) = terminal();
        let mut user = emulator.try_clone().unwrap();
        let typing = team.spawn(move || {
            user.write_all(b"hello\n").unwrap();
            user.write_all(b"you\n").unwrap();
        });
        let mut line = [0; 100];
        let mut lengths = vec![program.read(&mut line).unwrap(), program.read(&mut line).unwrap()];
        typing.join();
        let mut screen = emulator;
        let shown = team.spawn(move || {
            let (mut count, mut some) = (0, [0; 1000]);
            while count < 200_000 {
                let len = screen.read(&mut some).unwrap();
                count += some[..len].iter().filter(|byte| **byte == b'x').count();
            }
            count
        });
        let text = [b'x'; 50_000];
        for _ in 0..4 {
            lengths.push(program.write(&text).unwrap());
        }
        lengths.push(shown.join());
        lengths
    }
    assert_eq!(as_in_threads(program), [6, 4, 50_000, 50_000, 50_000, 50_000, 200_000]);
}

#[test]
fn devices_that_are_always_ready() {
    fn program(_: Team) -> (usize, usize, i32) {
        let zero = File::open("/dev/zero").unwrap().read(&mut [1; 1000]).unwrap();
        let null = File::options()
            .write(true)
            .open("/dev/null")
            .unwrap()
            .write(&[1; 1000])
            .unwrap();
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .write(&[1; 10])
            .unwrap_err();
        (zero, null, full.raw_os_error().unwrap())
    }
    as_in_threads(program);
}

/// The settings may say that a read waits for nobody, or for a time only.
#[test]
fn a_terminal_that_does_not_wait_for_characters() {
    fn program(team: Team) -> Vec<usize> {
        let (mut program, mut user) = terminal();
        let set = |least: u8, tenths: u8| {
            // SAFETY: the calls read and write the settings, which are a variable.
            unsafe {
                let mut settings = std::mem::zeroed();
                assert_eq!(libc::tcgetattr(program.as_raw_fd(), &raw mut settings), 0);
                libc::cfmakeraw(&raw mut settings);
                settings.c_cc[libc::VMIN] = least;
                settings.c_cc[libc::VTIME] = tenths;
                assert_eq!(
                    libc::tcsetattr(program.as_raw_fd(), libc::TCSANOW, &raw const settings),
                    0
                );
            }
        };
        let mut some = [0; 10];
        let mut lengths = Vec::new();
        for tenths in [0, 1] {
            set(0, tenths);
            lengths.push((&program).read(&mut some).unwrap());
            user.write_all(b"abc").unwrap();
            lengths.push((&program).read(&mut some).unwrap());
        }
        // It comes within the time.
        set(0, 200);
        let typing = team.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(2));
            user.write_all(b"abcd").unwrap();
            user
        });
        lengths.push(program.read(&mut some).unwrap());
        drop(typing.join());
        lengths
    }
    assert_eq!(as_in_threads(program), [0, 3, 0, 3, 4]);
}
