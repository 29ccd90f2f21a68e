//! Reads and writes of pipes, FIFOs and terminals, of a byte.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::{null, null_mut};
use std::rc::Rc;

use libc::{c_int, c_void, iovec};

use crate::row::{Case, Row, done};

unsafe extern "C" {
    fn __read(fd: c_int, to: *mut c_void, len: usize) -> isize;
    fn __read_chk(fd: c_int, to: *mut c_void, len: usize, room: usize) -> isize;
    fn __write(fd: c_int, from: *const c_void, len: usize) -> isize;
    fn pwritev64v2(fd: c_int, list: *const iovec, count: c_int, offset: i64, flags: c_int) -> isize;
}

/// A pipe: its reader, and its writer.
pub(crate) fn pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = io::pipe().expect("there are descriptors");
    (reader.into(), writer.into())
}

pub(crate) fn swap((reader, writer): (OwnedFd, OwnedFd)) -> (OwnedFd, OwnedFd) {
    (writer, reader)
}

/// Writes bytes, which does not block.
pub(crate) fn put_all(fd: RawFd, bytes: &[u8]) {
    // SAFETY: the buffer has so many bytes.
    let put = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    assert_eq!(done(put as i64).expect("there is room"), bytes.len() as i64);
}

/// Writes a byte, which does not block.
pub(crate) fn put(fd: RawFd) {
    put_all(fd, b"x");
}

/// Takes what is there, which does not block.
pub(crate) fn take(fd: RawFd) -> Vec<u8> {
    let (mut buffer, mut all) = ([0_u8; 4096], Vec::new());
    loop {
        let mut waiting = 0;
        // SAFETY: the request takes the address of a number.
        done(unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut waiting) }).expect("it can be read");
        if waiting == 0 {
            return all;
        }
        // SAFETY: the size is that of the buffer.
        let got = unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) };
        let got = done(got as i64).expect("it can be read") as usize;
        all.extend_from_slice(&buffer[..got]);
    }
}

/// Blocks until something can be read. Terminals take their time.
pub(crate) fn wait_for(fd: RawFd) {
    let mut entry = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: there is one entry.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 10_000) };
    assert_eq!(done(ready).expect("it is open"), 1);
}

/// Has a call read a byte, which is to be the one that is written, by the call or after it.
pub(crate) fn reads_byte(call: impl FnOnce(*mut c_void) -> i64) -> io::Result<()> {
    let mut byte = 0_u8;
    match (done(call((&raw mut byte).cast()))?, byte) {
        (1, b'x') => Ok(()),
        (got, byte) => Err(io::Error::other(format!("{got} bytes, {byte}"))),
    }
}

/// Has a call write a byte.
pub(crate) fn writes_byte(call: impl FnOnce(*const c_void) -> i64) -> io::Result<()> {
    match done(call(b"x".as_ptr().cast()))? {
        1 => Ok(()),
        put => Err(io::Error::other(format!("{put} bytes"))),
    }
}

/// A call that waits for a byte of the first descriptor, which is written to the second one.
pub(crate) fn reads((reader, writer): (OwnedFd, OwnedFd), call: fn(RawFd) -> io::Result<()>) -> Case {
    let (fd, writing) = (reader.as_raw_fd(), writer.as_raw_fd());
    Case {
        fd: Some(reader),
        check: Box::new(move |succeeded, reader| {
            let Some(reader) = reader else { return };
            assert_eq!(
                take(reader.as_raw_fd()),
                b"",
                "a byte is left, or there is one too many"
            );
            if !succeeded {
                put(writer.as_raw_fd());
                wait_for(reader.as_raw_fd());
                assert_eq!(take(reader.as_raw_fd()), b"x");
            }
        }),
        ..Case::new(move || call(fd), move || put(writing))
    }
}

/// Fills what can be written to without blocking, and returns how much that was.
pub(crate) fn fill(fd: RawFd) -> usize {
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
    let taken = Rc::new(Cell::new(0));
    let gave = taken.clone();
    Case {
        fd: Some(writer),
        check: Box::new(move |succeeded, _| {
            let left = take(reader.as_raw_fd());
            assert_eq!(taken.get() + left.len(), full + usize::from(succeeded));
            assert!(!succeeded || left.last() == Some(&b'x'), "{left:?}");
        }),
        ..Case::new(move || call(fd), move || gave.set(take(reading).len()))
    }
}

/// A list of one buffer, of a byte.
pub(crate) fn list(byte: *const c_void) -> iovec {
    iovec {
        iov_base: byte.cast_mut(),
        iov_len: 1,
    }
}

/// A terminal: the program's side, and the other one.
pub(crate) fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut master, mut program) = (-1, -1);
    // SAFETY: the pointers are those of variables, or null.
    unsafe {
        let mut raw: libc::termios = std::mem::zeroed();
        libc::cfmakeraw(&raw mut raw);
        let name = null_mut();
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

/// A FIFO with a name, which it loses: the kernel treats it in another way than a pipe.
pub(crate) fn fifo() -> (OwnedFd, OwnedFd) {
    let path = std::env::temp_dir().join(format!("gevent-monkey-strikes-{}", std::process::id()));
    let name = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).expect("it has no zeros");
    // SAFETY: the name ends with a zero.
    done(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }).expect("nobody else has this name");
    let both = std::fs::File::options().read(true).write(true).open(&path);
    let (reader, writer) = (
        std::fs::File::open(&path),
        std::fs::File::options().write(true).open(&path),
    );
    std::fs::remove_file(path).expect("it is there");
    drop(both);
    (reader.expect("a reader").into(), writer.expect("a writer").into())
}

/// Moves a byte from the descriptor into a pipe.
fn splice(fd: RawFd) -> io::Result<()> {
    let (reader, writer) = pipe();
    // SAFETY: nothing has a place.
    let moved = done(unsafe { libc::splice(fd, null_mut(), writer.as_raw_fd(), null_mut(), 10, 0) } as i64)?;
    reads_byte(|to| {
        take(reader.as_raw_fd()).iter().for_each(|byte| {
            // SAFETY: the place has a byte.
            unsafe { to.cast::<u8>().write(*byte) };
        });
        moved
    })
}

/// Copies a byte from the pipe into another one, and takes it from the first one.
fn tee(fd: RawFd) -> io::Result<()> {
    let (reader, writer) = pipe();
    // SAFETY: the call takes any numbers.
    let copied = done(unsafe { libc::tee(fd, writer.as_raw_fd(), 10, 0) } as i64)?;
    assert_eq!(
        (copied, take(reader.as_raw_fd()).as_slice(), take(fd).as_slice()),
        (1, &b"x"[..], &b"x"[..])
    );
    Ok(())
}

/// A pipe with a byte in it.
pub(crate) fn with_byte() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe();
    put(writer.as_raw_fd());
    (reader, writer)
}

/// Moves a byte from a pipe into the descriptor.
pub(crate) fn splice_to(fd: RawFd) -> io::Result<()> {
    let (reader, _writer) = with_byte();
    // SAFETY: nothing has a place.
    writes_byte(|_| unsafe { libc::splice(reader.as_raw_fd(), null_mut(), fd, null_mut(), 10, 0) } as i64)
}

fn tee_to(fd: RawFd) -> io::Result<()> {
    let (reader, _writer) = with_byte();
    // SAFETY: the call takes any numbers.
    writes_byte(|_| unsafe { libc::tee(reader.as_raw_fd(), fd, 10, 0) } as i64)
}

fn read(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    reads_byte(|to| unsafe { libc::read(fd, to, 1) } as i64)
}

fn write(fd: RawFd) -> io::Result<()> {
    // SAFETY: the buffer has a byte.
    writes_byte(|from| unsafe { libc::write(fd, from, 1) } as i64)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    // SAFETY: in each row, the buffer or the list has a byte.
    unsafe {
        vec![
            row("read", || reads(pipe(), read)).with("a pipe"),
            row("read", || reads(fifo(), read)).with("a FIFO"),
            row("read", || reads(terminal(), read)).with("a terminal"),
            row("__read", || {
                reads(pipe(), |fd| reads_byte(|to| __read(fd, to, 1) as i64))
            }),
            row("__read_chk", || {
                reads(pipe(), |fd| reads_byte(|to| __read_chk(fd, to, 1, 1) as i64))
            }),
            row("readv", || {
                reads(pipe(), |fd| reads_byte(|to| libc::readv(fd, &list(to), 1) as i64))
            }),
            row("preadv2", || {
                reads(pipe(), |fd| {
                    reads_byte(|to| libc::preadv2(fd, &list(to), 1, -1, libc::RWF_HIPRI) as i64)
                })
            }),
            row("preadv64v2", || {
                reads(pipe(), |fd| {
                    reads_byte(|to| libc::preadv64v2(fd, &list(to), 1, -1, 0) as i64)
                })
            }),
            row("write", || writes(swap(pipe()), write)).with("a pipe"),
            row("write", || writes(swap(fifo()), write)).with("a FIFO"),
            row("__write", || {
                writes(swap(pipe()), |fd| writes_byte(|from| __write(fd, from, 1) as i64))
            }),
            row("writev", || {
                writes(swap(pipe()), |fd| {
                    writes_byte(|from| libc::writev(fd, &list(from), 1) as i64)
                })
            }),
            row("pwritev2", || {
                writes(swap(pipe()), |fd| {
                    writes_byte(|from| libc::pwritev2(fd, &list(from), 1, -1, libc::RWF_HIPRI) as i64)
                })
            }),
            row("pwritev64v2", || {
                writes(swap(pipe()), |fd| {
                    writes_byte(|from| pwritev64v2(fd, &list(from), 1, -1, 0) as i64)
                })
            }),
            row("splice", || reads(pipe(), splice)).with("from a pipe"),
            row("splice", || reads(crate::sockets::pair(), splice)).with("from a socket"),
            row("splice", || writes(swap(pipe()), splice_to)).with("to a pipe"),
            row("splice", || writes(crate::sockets::pair(), splice_to)).with("to a socket"),
            row("vmsplice", || {
                reads(pipe(), |fd| reads_byte(|to| libc::vmsplice(fd, &list(to), 1, 0) as i64))
            })
            .with("from a pipe"),
            row("vmsplice", || {
                writes(swap(pipe()), |fd| {
                    writes_byte(|from| libc::vmsplice(fd, &list(from), 1, 0) as i64)
                })
            })
            .with("to a pipe"),
            row("tee", || reads(pipe(), tee)).with("from a pipe"),
            row("tee", || writes(swap(pipe()), tee_to)).with("to a pipe"),
        ]
    }
}
