//! Descriptors 0, 1 and 2: who reads and writes them parks only if that was asked for, and for the last one never.
//!
//! The test starts its own program once more, whose descriptors are its own.

mod team;

use std::io::{Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::process::Command;
use std::thread;

use gevent_threading::spawn;

use team::bounded;

const ROLE: &str = "GEVENT_MONKEY_STANDARD_STREAMS";

fn put(fd: impl Into<OwnedFd>, at: RawFd) {
    let fd = fd.into();
    // SAFETY: nobody else uses the streams of this process meanwhile.
    assert_eq!(unsafe { libc::dup2(fd.as_raw_fd(), at) }, at);
}

/// Reads a byte from a descriptor, and writes one to another.
fn read_byte(fd: RawFd) -> isize {
    let mut byte = 0u8;
    // SAFETY: there is room for one byte.
    unsafe { libc::read(fd, (&raw mut byte).cast(), 1) }
}

fn write_much(fd: RawFd) -> isize {
    let bytes = [0u8; 200_000];
    // SAFETY: there are so many bytes.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) }
}

/// Somebody else is on the other side, so that this ends even if the whole thread waits.
fn calls_that_wait(streams: &[RawFd]) -> u64 {
    let before = gevent_monkey::stats().parked;
    for fd in streams {
        let (mut reader, mut writer) = pipe().unwrap();
        let other = match *fd {
            0 => {
                put(reader, 0);
                thread::spawn(move || {
                    thread::sleep(std::time::Duration::from_millis(20));
                    writer.write_all(&[1]).unwrap();
                })
            }
            fd => {
                put(writer, fd);
                thread::spawn(move || reader.read_exact(&mut [0; 200_000]).unwrap())
            }
        };
        let fd = *fd;
        let caller = spawn(move || if fd == 0 { read_byte(0) } else { write_much(fd) });
        assert_eq!(caller.join().unwrap(), if fd == 0 { 1 } else { 200_000 });
        other.join().unwrap();
    }
    gevent_monkey::stats().parked - before
}

#[test]
fn the_standard_streams() {
    if std::env::var_os(ROLE).is_none() {
        let program = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_standard_streams", "--nocapture"])
            .env(ROLE, "1")
            .output()
            .unwrap();
        // What it has to say is in its status: its streams are pipes that nobody reads any more.
        assert_eq!(program.status.code(), Some(7));
        return;
    }
    let right = bounded(|| {
        let parked = calls_that_wait(&[0, 1, 2]);
        gevent_monkey::patch_sys().unwrap();
        parked == 0 && calls_that_wait(&[2]) == 0 && calls_that_wait(&[0]) == 1 && calls_that_wait(&[1]) >= 1
    });
    std::process::exit(if right { 7 } else { 8 });
}
