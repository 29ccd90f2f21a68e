//! Patched calls of plain greenlets: they share what is patched for the process, so this is a program of its own.

#![allow(clippy::zombie_processes, reason = "the calls that are tested take them")]

mod team;

use std::ffi::CStr;
use std::io::Write;
use std::net::ToSocketAddrs;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use gevent_monkey::stats;
use greenlet_core::Exception;
use team::test;

/// Has a greenlet make a call, which parks it, and then another one do something that ends it.
fn parks<T: Clone + 'static>(call: impl FnOnce() -> T + 'static, end: impl FnOnce() + 'static) -> T {
    let before = stats();
    let caller = gevent::spawn(move || Ok::<_, Exception>(call()));
    let other = gevent::spawn(move || {
        end();
        Ok::<_, Exception>(())
    });
    other.get().unwrap();
    let value = caller.get().unwrap();
    assert!(stats().parked > before.parked);
    assert_eq!(stats().waiting, before.waiting);
    value
}

#[test]
fn each_kind_of_call_parks_a_greenlet() {
    test(|| {
        // SAFETY: this test's greenlets keep nothing in thread-locals over their calls.
        unsafe { gevent_monkey::greenlets::patch_all() };
        for events in [libc::POLLIN, libc::POLLIN | libc::POLLPRI] {
            let (mut mine, theirs) = UnixStream::pair().unwrap();
            let _open = mine.try_clone().unwrap();
            let mut entry = libc::pollfd {
                fd: theirs.as_raw_fd(),
                events,
                revents: 0,
            };
            // SAFETY: the entry is a variable.
            let polls = move || (unsafe { libc::poll(&raw mut entry, 1, -1) }, entry.revents);
            assert_eq!(parks(polls, move || mine.write_all(b"x").unwrap()), (1, libc::POLLIN));
        }
        let sleeps = || std::thread::sleep(Duration::from_millis(10));
        parks(sleeps, || {});
        let child = || {
            Command::new("sh")
                .args(["-c", "sleep 0.5; exit 3"])
                .spawn()
                .unwrap()
                .wait()
                .unwrap()
        };
        assert_eq!(parks(child, || {}).code(), Some(3));
        // SAFETY: the status is a variable; the command is a text.
        let any = || unsafe {
            let mut status = 0;
            Command::new("sh").args(["-c", "sleep 0.5; exit 4"]).spawn().unwrap();
            (libc::wait(&raw mut status), status).1
        };
        assert_eq!(parks(any, || {}), 4 << 8);
        // SAFETY: the command is a text.
        assert_eq!(parks(|| unsafe { libc::system(c"exit 5".as_ptr()) }, || {}), 5 << 8);
        assert!(parks(|| ("localhost", 80).to_socket_addrs().is_ok(), || {}));

        let (reader, mut writer) = std::io::pipe().unwrap();
        let reads = move || {
            let mut line = [0_u8; 100];
            // SAFETY: the stream owns the descriptor, and is closed once; the place is as large as is said.
            unsafe {
                let stream = libc::fdopen(reader.into_raw_fd(), c"r".as_ptr());
                assert!(!libc::fgets(line.as_mut_ptr().cast(), 100, stream).is_null());
                libc::fclose(stream);
            }
            CStr::from_bytes_until_nul(&line).unwrap().to_owned()
        };
        assert_eq!(
            parks(reads, move || writer.write_all(b"line\n").unwrap()).as_c_str(),
            c"line\n"
        );
    });
}

/// A greenlet's exception is the error of its call, and is returned whole.
#[test]
fn a_kill_ends_a_call_of_a_greenlet() {
    test(|| {
        // SAFETY: as above.
        unsafe { gevent_monkey::greenlets::patch_all() };
        let waiting = stats().waiting;
        let caller = gevent::spawn(|| {
            gevent_monkey::run(|| {
                std::thread::sleep(Duration::from_secs(100));
                Ok::<_, Exception>(())
            })
        });
        let killer = caller.clone();
        gevent::spawn(move || killer.kill()).get().unwrap();
        assert!(caller.ready() && stats().waiting == waiting);
    });
}
