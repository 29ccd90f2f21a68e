//! The table of waits of `gevent::os`.

use std::cell::RefCell;
use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use super::strike::{Case, Row, case, row};
use gevent::Exception;
use gevent::os::{make_nonblocking, nb_read, nb_write, posix_spawn, tp_read, tp_write, waitpid};
use std::os::fd::BorrowedFd;

/// A case with an empty pipe, into which four bytes are written.
fn reading(read: fn(BorrowedFd<'_>, &mut [u8]) -> Result<usize, Exception>, nonblocking: bool) -> Case {
    let (reader, mut writer) = pipe().expect("there are descriptors");
    if nonblocking {
        make_nonblocking(reader.as_fd()).expect("it is a pipe");
    }
    let (mut rest, feed) = (
        reader.try_clone().expect("there are descriptors"),
        writer.try_clone().expect("as before"),
    );
    case(
        move || {
            let mut buffer = [0; 10];
            let count = read(reader.as_fd(), &mut buffer)?;
            assert_eq!(&buffer[..count], b"data");
            Ok(())
        },
        move || (&feed).write_all(b"data").expect("there is room"),
        move |ok| {
            // A thread reads what the greenlet does not wait for any more; a wait in the hub has taken nothing.
            if nonblocking && !ok {
                writer.write_all(b"more").expect("there is room");
                assert!(rest.read(&mut [0; 10]).expect("there is something") >= 4);
            }
        },
    )
}

/// A case with a full pipe, from which much is read.
fn writing(write: fn(BorrowedFd<'_>, &[u8]) -> Result<usize, Exception>, nonblocking: bool) -> Case {
    let (reader, writer) = pipe().expect("there are descriptors");
    make_nonblocking(writer.as_fd()).expect("it is a pipe");
    while (&writer).write(&[0; 4096]).is_ok() {}
    if !nonblocking {
        let flags = rustix::fs::fcntl_getfl(&writer).expect("it is a pipe");
        let blocking = flags - rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&writer, blocking).expect("it is a pipe");
    }
    case(
        move || {
            assert_eq!(write(writer.as_fd(), b"data")?, 4);
            Ok(())
        },
        move || {
            // It holds more than this, so the read does not wait.
            (&reader).read_exact(&mut [0; 1 << 15]).expect("it is full");
        },
        |_| (),
    )
}

/// A case with a child that ends when its input does.
#[allow(clippy::zombie_processes, reason = "the case waits for it, by its number")]
fn child() -> Case {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is such a program");
    let input = RefCell::new(child.stdin.take());
    let pid = child.id().cast_signed();
    case(
        move || {
            assert_eq!(waitpid(pid, 0)?.0, pid);
            Ok(())
        },
        move || drop(input.take()),
        move |ok| {
            // A strike has not taken the status.
            let again = waitpid(pid, 0);
            assert_eq!(again.is_ok(), !ok, "{again:?}");
        },
    )
}

/// The same with a child that is watched.
fn watched_child() -> Case {
    let (gate, open) = std::io::pipe().expect("a pipe");
    let pid = posix_spawn(Command::new("cat").stdin(gate)).expect("there is such a program");
    let open = RefCell::new(Some(open));
    case(
        move || {
            assert_eq!(waitpid(pid, 0)?.0, pid);
            Ok(())
        },
        move || drop(open.take()),
        move |ok| {
            let again = waitpid(pid, 0);
            assert_eq!(again.is_ok(), !ok, "{again:?}");
        },
    )
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("src/os/descriptors.rs nb_read", || reading(nb_read, true)),
        row("src/os/descriptors.rs nb_write", || writing(nb_write, true)),
        row("src/os/descriptors.rs tp_read", || reading(tp_read, false)),
        row("src/os/descriptors.rs tp_write", || writing(tp_write, false)),
        row("src/os/waitpid.rs waitpid", child),
        row("src/os/waitpid.rs waitpid", watched_child),
    ]
}
