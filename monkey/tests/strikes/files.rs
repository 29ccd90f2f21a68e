//! Reads and writes of pipes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::null;

use crate::strike::{Case, Row, done};

/// A pipe: its reader, and its writer.
pub(crate) fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().expect("there are descriptors");
    (reader.into(), writer.into())
}

/// Writes a byte, which does not block.
pub(crate) fn put(fd: RawFd) {
    // SAFETY: the buffer has a byte.
    let put = unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) };
    assert_eq!(done(put as i64).expect("there is room"), 1);
}

/// Takes what is there, which does not block. Returns how much it was, and the last byte.
pub(crate) fn take(fd: RawFd) -> (usize, u8) {
    let (mut buffer, mut all, mut last) = ([0_u8; 4096], 0, 0);
    loop {
        let mut waiting = 0;
        // SAFETY: the request takes the address of a number.
        done(unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut waiting) }).expect("it can be read");
        if waiting == 0 {
            return (all, last);
        }
        // SAFETY: the size is that of the buffer.
        let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        let got = done(got as i64).expect("it can be read") as usize;
        all += got;
        last = buffer[got - 1];
    }
}

/// Blocks until something can be read. Terminals take their time.
fn wait_for(fd: RawFd) {
    let mut entry = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: there is one entry.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 10_000) };
    assert_eq!(done(ready).expect("it is open"), 1);
}

/// The byte that is written has to come, by the call or after it.
pub(crate) fn came(got: io::Result<i64>, byte: u8) -> io::Result<()> {
    match (got?, byte) {
        (1, b'x') => Ok(()),
        (got, byte) => Err(io::Error::other(format!("{got} bytes, {byte}"))),
    }
}

/// A call that waits for a byte of the first descriptor, which is written to the second one.
pub(crate) fn reads((reader, writer): (OwnedFd, OwnedFd), call: fn(RawFd) -> io::Result<()>) -> Case {
    let (fd, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
    Case {
        call: Box::new(move || call(fd)),
        give: Box::new(move || put(writing)),
        fd: Some(reader),
        check: Box::new(move |succeeded, reader| {
            let Some(reader) = reader else { return };
            assert_eq!(
                take(reader.as_raw_fd()).0,
                0,
                "a byte is left, or there is one too many"
            );
            if !succeeded {
                put(writer.as_raw_fd());
                wait_for(reader.as_raw_fd());
                assert_eq!(take(reader.as_raw_fd()), (1, b'x'));
            }
        }),
    }
}

/// Fills what can be written to without blocking, and returns how much that was.
fn fill(fd: RawFd) -> usize {
    // SAFETY: the requests take numbers.
    let flags = done(unsafe { libc::fcntl(fd, libc::F_GETFL) }).expect("it is open") as i32;
    // SAFETY: as above.
    let set = |flags: i32| done(unsafe { libc::fcntl(fd, libc::F_SETFL, flags) }).expect("it is open");
    set(flags | libc::O_NONBLOCK);
    let (buffer, mut all) = ([b'f'; 4096], 0);
    // The last pieces are small.
    for size in [4096, 1] {
        // SAFETY: the size is the buffer's at most.
        while let Ok(put) = done(unsafe { libc::write(fd, buffer.as_ptr().cast(), size) } as i64) {
            all += put as usize;
        }
    }
    set(flags);
    all
}

/// A call that waits until it can write a byte to the first descriptor, as the other one is read.
pub(crate) fn writes((writer, reader): (OwnedFd, OwnedFd), call: fn(RawFd) -> io::Result<()>) -> Case {
    let full = fill(writer.as_raw_fd());
    let (fd, reading) = (writer.as_raw_fd(), reader.as_raw_fd());
    let taken = std::rc::Rc::new(std::cell::Cell::new(0));
    let gave = taken.clone();
    Case {
        call: Box::new(move || call(fd)),
        give: Box::new(move || gave.set(take(reading).0)),
        fd: Some(writer),
        check: Box::new(move |succeeded, _| {
            let (left, last) = take(reader.as_raw_fd());
            assert_eq!(taken.get() + left, full + usize::from(succeeded));
            assert!(!succeeded || last == b'x', "{last}");
        }),
    }
}

/// A list of one buffer.
pub(crate) fn list(byte: &mut u8) -> libc::iovec {
    libc::iovec {
        iov_base: (&raw mut *byte).cast(),
        iov_len: 1,
    }
}

fn read(fd: RawFd) -> io::Result<()> {
    let mut byte = 0_u8;
    // SAFETY: the buffer has a byte.
    let got = done(unsafe { libc::read(fd, (&raw mut byte).cast(), 1) } as i64);
    came(got, byte)
}

fn readv(fd: RawFd) -> io::Result<()> {
    let mut byte = 0;
    let list = list(&mut byte);
    // SAFETY: the list has one buffer, of a byte.
    let got = done(unsafe { libc::readv(fd, &raw const list, 1) } as i64);
    came(got, byte)
}

fn write(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    came(done(unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) } as i64), b'x')
}

fn writev(fd: RawFd) -> io::Result<()> {
    let mut byte = b'x';
    let list = list(&mut byte);
    // SAFETY: the list has one buffer, of a byte.
    came(done(unsafe { libc::writev(fd, &raw const list, 1) } as i64), b'x')
}

/// From the pipe into another one.
fn splice(fd: RawFd) -> io::Result<()> {
    let (reader, writer) = pipe();
    // SAFETY: pipes have no places.
    let got = done(unsafe {
        libc::splice(
            fd,
            std::ptr::null_mut(),
            writer.as_raw_fd(),
            std::ptr::null_mut(),
            10,
            0,
        )
    } as i64)?;
    came(Ok(got), take(reader.as_raw_fd()).1)
}

fn swap((reader, writer): (OwnedFd, OwnedFd)) -> (OwnedFd, OwnedFd) {
    (writer, reader)
}

/// A terminal: the program's side, and the other one.
fn terminal() -> (OwnedFd, OwnedFd) {
    use std::os::fd::FromRawFd;
    let (mut master, mut program) = (-1, -1);
    // SAFETY: the pointers are those of variables, or null.
    unsafe {
        let mut raw: libc::termios = std::mem::zeroed();
        libc::cfmakeraw(&raw mut raw);
        let name = std::ptr::null_mut();
        done(libc::openpty(
            &raw mut master,
            &raw mut program,
            name,
            &raw const raw,
            null(),
        ))
        .expect("a terminal");
        (OwnedFd::from_raw_fd(program), OwnedFd::from_raw_fd(master))
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    vec![
        row("read of a pipe", || reads(pipe(), read)),
        row("read of a terminal", || reads(terminal(), read)),
        row("readv", || reads(pipe(), readv)),
        row("write", || writes(swap(pipe()), write)),
        row("splice", || reads(pipe(), splice)),
        row("writev", || writes(swap(pipe()), writev)),
    ]
}
