//! Queues of messages of POSIX, which are descriptors. Some systems have none.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{c_char, c_int, mqd_t, timespec};

use crate::row::{Case, Row, done};

/// The end of time.
static NEVER: timespec = timespec {
    tv_sec: i32::MAX as i64,
    tv_nsec: 0,
};

/// A queue with room for a message of a byte.
fn queue() -> io::Result<OwnedFd> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = CString::new(format!("/gevent-strikes-{}-{number}", std::process::id())).expect("it has no zero");
    // SAFETY: attributes are numbers.
    let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
    (attributes.mq_maxmsg, attributes.mq_msgsize) = (1, 1);
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    // SAFETY: the name ends with a zero, and the attributes are a variable.
    let queue = done(unsafe { libc::mq_open(name.as_ptr(), flags, 0o600, &raw const attributes) })?;
    // SAFETY: as above.
    done(unsafe { libc::mq_unlink(name.as_ptr()) })?;
    // SAFETY: on Linux it is a descriptor, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(queue as c_int) })
}

pub(crate) fn are_there() -> bool {
    queue().is_ok()
}

/// Sends a message, for which there is room.
fn put(queue: mqd_t) {
    // SAFETY: the message has a byte.
    done(unsafe { libc::mq_send(queue, b"x".as_ptr().cast(), 1, 0) }).expect("there is room");
}

/// Takes the message that is there, and returns whether there was one.
fn take(queue: mqd_t) -> bool {
    let (mut byte, at_once) = (0 as c_char, timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: the place has a byte.
    done(unsafe { libc::mq_timedreceive(queue, &raw mut byte, 1, null_mut(), &raw const at_once) }).is_ok()
}

fn receives(call: fn(mqd_t, *mut c_char) -> isize) -> Case {
    let queue = queue().expect("there is one");
    let fd = queue.as_raw_fd();
    Case {
        fd: Some(queue),
        check: Box::new(|_, queue| {
            // What was sent was received, or nothing was.
            assert!(queue.is_none_or(|queue| !take(queue.as_raw_fd())));
        }),
        ..Case::new(
            move || {
                let mut byte = 0 as c_char;
                done(call(fd, &raw mut byte) as i64).map(drop)
            },
            move || put(fd),
        )
    }
}

fn sends(call: fn(mqd_t, *const c_char) -> c_int) -> Case {
    let queue = queue().expect("there is one");
    let fd = queue.as_raw_fd();
    put(fd);
    Case {
        fd: Some(queue),
        check: Box::new(|succeeded, queue| {
            if let Some(queue) = queue {
                // The message that was there before, if nobody has made room, or the one that was sent.
                let fd = queue.as_raw_fd();
                assert!(take(fd) || !succeeded);
                assert!(!take(fd));
            }
        }),
        ..Case::new(
            move || done(call(fd, b"x".as_ptr().cast())).map(drop),
            move || assert!(take(fd)),
        )
    }
}

pub(crate) fn rows() -> Vec<Row> {
    if !are_there() {
        println!("SKIPPED: there are no queues of messages here");
        return Vec::new();
    }
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    // SAFETY: in each row, the message has a byte, and the time is a variable.
    unsafe {
        vec![
            row("mq_receive", || {
                receives(|queue, to| libc::mq_receive(queue, to, 1, null_mut()))
            }),
            row("mq_timedreceive", || {
                receives(|queue, to| libc::mq_timedreceive(queue, to, 1, null_mut(), &raw const NEVER))
            }),
            row("mq_send", || sends(|queue, from| libc::mq_send(queue, from, 1, 0))),
            row("mq_timedsend", || {
                sends(|queue, from| libc::mq_timedsend(queue, from, 1, 0, &raw const NEVER))
            }),
        ]
    }
}
