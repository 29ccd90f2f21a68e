//! Waits for several descriptors. They take nothing of them.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{null, null_mut};

use crate::files::{pipe, put, take};
use crate::row::{Case, Row, Thrown, done};
use crate::vain::disturbed;

/// A call that waits until the reader has a byte.
fn watches((reader, writer): (OwnedFd, OwnedFd), call: fn(RawFd) -> io::Result<()>) -> Case {
    let (fd, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
    Case {
        fd: Some(reader),
        check: Box::new(move |succeeded, reader| {
            if let Some(reader) = reader {
                assert_eq!(take(reader.as_raw_fd()).len(), usize::from(succeeded));
            }
            drop(writer);
        }),
        ..Case::new(move || call(fd), move || put(writing))
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

/// Beside many that stay silent, so that the hub does not watch each.
fn poll_many(fd: RawFd) -> io::Result<()> {
    let silent: Vec<_> = (0..20).map(|_| pipe()).collect();
    let mut entries: Vec<_> = silent.iter().map(|(reader, _)| entry(reader.as_raw_fd())).collect();
    entries.push(entry(fd));
    // SAFETY: the list is as long as is said.
    one(unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as _, -1) })
}

/// With an event that the hub does not know.
fn poll_urgent(fd: RawFd) -> io::Result<()> {
    let mut entry = entry(fd);
    entry.events |= libc::POLLPRI;
    // SAFETY: the list has one entry.
    one(unsafe { libc::poll(&raw mut entry, 1, -1) })
}

/// For a time that is over soon.
fn poll_none() -> io::Result<()> {
    // SAFETY: there is no list.
    done(unsafe { libc::poll(null_mut(), 0, 20) }).map(drop)
}

fn __poll_chk(fd: RawFd) -> io::Result<()> {
    unsafe extern "C" {
        fn __poll_chk(entries: *mut libc::pollfd, count: libc::nfds_t, time: i32, size: usize) -> i32;
    }
    // SAFETY: the list has one entry.
    one(unsafe { __poll_chk(&mut entry(fd), 1, -1, size_of::<libc::pollfd>()) })
}

fn __ppoll_chk(fd: RawFd) -> io::Result<()> {
    unsafe extern "C" {
        fn __ppoll_chk(
            entries: *mut libc::pollfd,
            count: libc::nfds_t,
            time: *const libc::timespec,
            mask: *const libc::sigset_t,
            size: usize,
        ) -> i32;
    }
    // SAFETY: the list has one entry.
    one(unsafe { __ppoll_chk(&mut entry(fd), 1, null(), null(), size_of::<libc::pollfd>()) })
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

/// With an event that the hub does not know.
fn select_urgent(fd: RawFd) -> io::Result<()> {
    // SAFETY: the sets are variables.
    one(unsafe { libc::select(fd + 1, &mut set(fd), null_mut(), &mut set(fd), null_mut()) })
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
        fd: Some(epoll),
        check: Box::new(move |succeeded, epoll| {
            if epoll.is_some() {
                assert_eq!(take(reader.as_raw_fd()).len(), usize::from(succeeded));
            }
            drop((reader, writer));
        }),
        ..Case::new(move || call(fd), move || put(writing))
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
        Row::new("poll", || watches(pipe(), poll)).closed(polled),
        Row::new("poll", || watches(pipe(), poll_many))
            .with("of many")
            .closed(polled),
        Row::new("poll", || watches(pipe(), poll_urgent))
            .with("for urgent data, too")
            .closed(polled),
        Row::new("poll", || Case::new(poll_none, || {}))
            .with("of nothing but time")
            .thrown(Thrown::FailsOrReturns),
        Row::new("poll", || disturbed(1, pipe(), |both| watches(both, poll)))
            .with("woken for nothing")
            .closed(polled),
        // From then on, it does not rely on the hub's watchers.
        Row::new("poll", || disturbed(2, pipe(), |both| watches(both, poll)))
            .with("woken for nothing twice")
            .closed(polled),
        Row::new("__poll_chk", || watches(pipe(), __poll_chk)).closed(polled),
        Row::new("ppoll", || watches(pipe(), ppoll)).closed(polled),
        Row::new("__ppoll_chk", || watches(pipe(), __ppoll_chk)).closed(polled),
        Row::new("select", || watches(pipe(), select)).closed(selected),
        Row::new("select", || watches(pipe(), select_urgent))
            .with("for urgent data, too")
            .closed(selected),
        Row::new("select", || disturbed(1, pipe(), |both| watches(both, select)))
            .with("woken for nothing")
            .closed(selected),
        Row::new("pselect", || watches(pipe(), pselect)).closed(selected),
        Row::new("epoll_wait", || epolls(epoll_wait)).closed(waited),
        Row::new("epoll_pwait", || epolls(epoll_pwait)).closed(waited),
        Row::new("epoll_pwait2", || epolls(epoll_pwait2)).closed(waited),
    ]
}
