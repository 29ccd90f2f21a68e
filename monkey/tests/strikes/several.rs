//! Waits for several descriptors. They take nothing of them.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{null, null_mut};

use crate::files::{pipe, put, take};
use crate::strike::{Case, Row, done};

/// A call that waits until the reader has a byte.
fn watches(call: fn(RawFd) -> io::Result<()>) -> Case {
    let (reader, writer) = pipe();
    let (fd, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
    Case {
        call: Box::new(move || call(fd)),
        give: Box::new(move || put(writing)),
        fd: Some(reader),
        check: Box::new(move |succeeded, reader| {
            if let Some(reader) = reader {
                assert_eq!(take(reader.as_raw_fd()).0, usize::from(succeeded));
            }
            drop(writer);
        }),
    }
}

/// One is ready.
fn one(ready: i32) -> io::Result<()> {
    match done(ready)? {
        1 => Ok(()),
        other => Err(io::Error::other(format!("{other} are ready"))),
    }
}

fn entry(fd: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }
}

fn poll(fd: RawFd) -> io::Result<()> {
    // SAFETY: the list has one entry.
    one(unsafe { libc::poll(&mut entry(fd), 1, -1) })
}

fn ppoll(fd: RawFd) -> io::Result<()> {
    // SAFETY: the list has one entry.
    one(unsafe { libc::ppoll(&mut entry(fd), 1, null(), null()) })
}

fn set(fd: RawFd) -> libc::fd_set {
    // SAFETY: a set is plain data, and the descriptor is small.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::FD_SET(fd, &raw mut set);
        set
    }
}

fn select(fd: RawFd) -> io::Result<()> {
    // SAFETY: the set is a variable.
    one(unsafe { libc::select(fd + 1, &mut set(fd), null_mut(), null_mut(), null_mut()) })
}

fn pselect(fd: RawFd) -> io::Result<()> {
    // SAFETY: the set is a variable.
    one(unsafe { libc::pselect(fd + 1, &mut set(fd), null_mut(), null_mut(), null(), null()) })
}

/// A call that waits for an epoll, in which the reader is.
fn epolls(call: fn(RawFd) -> io::Result<()>) -> Case {
    let (reader, writer) = pipe();
    // SAFETY: the descriptor is new, the pointer is that of a variable.
    let epoll = unsafe {
        let epoll = OwnedFd::from_raw_fd(done(libc::epoll_create1(0)).expect("there are descriptors") as RawFd);
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 7,
        };
        let (fd, reader) = (epoll.as_raw_fd(), reader.as_raw_fd());
        done(libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, reader, &raw mut event)).expect("it is a pipe");
        epoll
    };
    let (fd, writing) = (epoll.as_raw_fd(), writer.as_raw_fd());
    Case {
        call: Box::new(move || call(fd)),
        give: Box::new(move || put(writing)),
        fd: Some(epoll),
        check: Box::new(move |succeeded, epoll| {
            if epoll.is_some() {
                assert_eq!(take(reader.as_raw_fd()).0, usize::from(succeeded));
            }
            drop((reader, writer));
        }),
    }
}

/// One event has come, and it is that of the reader.
fn one_event(call: impl FnOnce(*mut libc::epoll_event) -> i32) -> io::Result<()> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    one(call(&raw mut event))?;
    let data = event.u64;
    (data == 7)
        .then_some(())
        .ok_or_else(|| io::Error::other(format!("{data}")))
}

fn epoll_wait(fd: RawFd) -> io::Result<()> {
    // SAFETY: there is room for one event.
    one_event(|event| unsafe { libc::epoll_wait(fd, event, 1, -1) })
}

fn epoll_pwait(fd: RawFd) -> io::Result<()> {
    // SAFETY: there is room for one event.
    one_event(|event| unsafe { libc::epoll_pwait(fd, event, 1, -1, null()) })
}

fn epoll_pwait2(fd: RawFd) -> io::Result<()> {
    unsafe extern "C" {
        fn epoll_pwait2(
            epoll: i32,
            events: *mut libc::epoll_event,
            count: i32,
            time: *const libc::timespec,
            mask: *const libc::sigset_t,
        ) -> i32;
    }
    // SAFETY: there is room for one event.
    one_event(|event| unsafe { epoll_pwait2(fd, event, 1, null(), null()) })
}

pub(crate) fn rows() -> Vec<Row> {
    // A poll tells that a descriptor is not open, and what is so with the new one of its number.
    let polled = [None, None];
    let selected = [Some(libc::EBADF), None];
    let waited = [Some(libc::EBADF), Some(libc::EINVAL)];
    vec![
        Row::new("poll", || watches(poll)).closed(polled),
        Row::new("ppoll", || watches(ppoll)).closed(polled),
        Row::new("select", || watches(select)).closed(selected),
        Row::new("pselect", || watches(pselect)).closed(selected),
        Row::new("epoll_wait", || epolls(epoll_wait)).closed(waited),
        Row::new("epoll_pwait", || epolls(epoll_pwait)).closed(waited),
        Row::new("epoll_pwait2", || epolls(epoll_pwait2)).closed(waited),
    ]
}
