//! Tests that depend on the numbers of descriptors, or on the limit of them. Both belong to the whole process, so these
//! tests are a program of their own, and one runs at a time.

mod core_support;

use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use core_support::*;
use hub::core::{Events, Loop, supported_backends};

#[test]
fn every_backend_takes_descriptors_beyond_an_fd_set() -> TestResult {
    let _one = one_at_a_time();
    let far = i32::try_from(libc::FD_SETSIZE)? + 1000;
    allow_descriptors(far + 1000)?;
    for backend in supported_backends() {
        let Ok(loop_) = Loop::new(backend.as_str(), false) else {
            // These may be forbidden in a container.
            assert!(backend.starts_with("linux_"), "{backend}");
            continue;
        };
        let (mut writer, reader) = UnixStream::pair()?;
        let reader = duplicate_from(&reader, far)?;
        let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
        let trace = Trace::new();
        io.start({
            let (io, trace) = (io.clone(), trace.clone());
            move || {
                trace.add("io");
                io.stop().unwrap();
            }
        })?;
        writer.write_all(b"x")?;
        run(&loop_)?;
        assert_eq!(trace.take(), ["io"], "{backend}");
    }
    Ok(())
}

/// Raises the soft limit, as far as the hard one allows.
fn allow_descriptors(count: i32) -> std::io::Result<()> {
    // SAFETY: plain system calls on a struct that lives here.
    let result = unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_cur.max(u64::from(count.unsigned_abs()));
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[test]
fn a_descriptor_closed_while_watched_is_reported() -> TestResult {
    let _one = one_at_a_time();
    // SAFETY: no preconditions.
    if unsafe { libev_sys::ev_shim_has_assertions() } != 0 {
        return Ok(()); // libev aborts here, on purpose
    }
    let loop_ = new_loop()?;
    let (reader, _writer) = UnixStream::pair()?;
    let trace = Trace::new();
    let watched = reader.try_clone()?;
    let io = loop_.io(watched.as_raw_fd(), Events::READ)?;
    let seen = trace.clone();
    io.start_pass_events(move |events| seen.add(events))?;
    drop(watched);
    run(&loop_)?;
    assert_eq!(trace.take(), ["READ|WRITE|ERROR"]);
    assert!(!io.active());
    Ok(())
}

/// A duplicate of a descriptor, with the lowest free number from `least` on.
fn duplicate_from(fd: &impl AsRawFd, least: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: a plain system call on any number.
    let fd = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least) };
    if fd == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: made just now.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
