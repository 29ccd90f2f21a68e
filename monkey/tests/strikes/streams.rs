//! Reads of C's streams.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::ptr::null_mut;

use libc::{FILE, c_char, c_int, c_void};

use crate::files::{pipe, put_all, take};
use crate::row::{Case, Row};

unsafe extern "C" {
    fn getc(stream: *mut FILE) -> c_int;
    fn _IO_getc(stream: *mut FILE) -> c_int;
    fn getdelim(line: *mut *mut c_char, size: *mut usize, delimiter: c_int, stream: *mut FILE) -> isize;
    fn __getdelim(line: *mut *mut c_char, size: *mut usize, delimiter: c_int, stream: *mut FILE) -> isize;
    fn __fread_chk(to: *mut c_void, room: usize, size: usize, count: usize, stream: *mut FILE) -> usize;
    fn __fgets_chk(to: *mut c_char, room: usize, size: c_int, stream: *mut FILE) -> *mut c_char;
}

/// A stream that reads a pipe, and closes it.
#[derive(Clone, Copy)]
pub(crate) struct Stream(pub(crate) *mut FILE);

// SAFETY: any thread may use a stream.
unsafe impl Send for Stream {}

impl Stream {
    /// The stream, and its descriptor, which is to be given back when the stream is closed.
    pub(crate) fn new(reader: OwnedFd) -> (Stream, OwnedFd) {
        let fd = reader.into_raw_fd();
        // SAFETY: the descriptor is open. It belongs to what is returned with the stream, until that is closed.
        unsafe {
            let stream = libc::fdopen(fd, c"r".as_ptr());
            assert!(!stream.is_null());
            (Stream(stream), OwnedFd::from_raw_fd(fd))
        }
    }

    /// Closes the stream, and its descriptor, if that is not closed yet.
    pub(crate) fn close(self, fd: Option<OwnedFd>) {
        let _closed_by_stream = fd.map(IntoRawFd::into_raw_fd);
        // SAFETY: the stream is closed once. That there is no descriptor is no fault.
        unsafe { libc::fclose(self.0) };
    }

    /// What a read returns that was to return something, and has not.
    pub(crate) fn error(self) -> io::Error {
        let error = io::Error::last_os_error();
        // SAFETY: the stream is open.
        match unsafe { libc::ferror(self.0) } {
            0 => io::Error::other("the stream has ended"),
            _ => error,
        }
    }
}

/// A call that reads a line, without anything in it.
fn reads(call: fn(*mut FILE) -> Option<u8>) -> Case {
    let (reader, writer) = pipe();
    let (stream, fd) = Stream::new(reader);
    let writing = writer.as_raw_fd();
    let call = move || {
        let stream = { stream };
        match call(stream.0) {
            Some(b'\n') => Ok(()),
            Some(other) => Err(io::Error::other(format!("read {other}"))),
            None => Err(stream.error()),
        }
    };
    Case {
        fd: Some(fd),
        check: Box::new(move |succeeded, fd| {
            if let Some(fd) = &fd {
                assert_eq!(take(fd.as_raw_fd()), b"", "a byte is left");
                if !succeeded {
                    put_all(writer.as_raw_fd(), b"\n");
                    // SAFETY: the stream is open.
                    unsafe {
                        libc::clearerr(stream.0);
                        assert_eq!(getc(stream.0), c_int::from(b'\n'));
                    }
                }
            }
            stream.close(fd);
        }),
        ..Case::new(call, move || put_all(writing, b"\n"))
    }
}

/// The byte that was read.
fn byte(got: c_int) -> Option<u8> {
    u8::try_from(got).ok()
}

/// Has a call read into a place of two bytes.
fn into_place<T: PartialEq>(call: impl FnOnce(*mut u8) -> T, failure: T) -> Option<u8> {
    let mut place = [0_u8; 2];
    (call(place.as_mut_ptr()) != failure).then_some(place[0])
}

/// Has a call read a line into memory of its own.
pub(crate) fn line(call: impl FnOnce(*mut *mut c_char, *mut usize) -> isize) -> Option<Vec<u8>> {
    let (mut line, mut size) = (null_mut(), 0);
    let count = call(&raw mut line, &raw mut size);
    let got = usize::try_from(count).ok().map(|count| {
        // SAFETY: the line has so many bytes.
        unsafe { std::slice::from_raw_parts(line.cast::<u8>(), count) }.to_vec()
    });
    // SAFETY: the line is the allocator's, and freed once.
    unsafe { libc::free(line.cast()) };
    got
}

fn first(line: Option<Vec<u8>>) -> Option<u8> {
    let line = line?;
    assert_eq!(line.len(), 1);
    line.first().copied()
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    const END: c_int = b'\n' as c_int;
    // SAFETY: in each row, the stream is open, and a place has as much room as is said.
    unsafe {
        vec![
            row("getc", || reads(|from| byte(getc(from)))),
            row("_IO_getc", || reads(|from| byte(_IO_getc(from)))),
            row("fgetc", || reads(|from| byte(libc::fgetc(from)))),
            row("fread", || {
                reads(|from| into_place(|to| libc::fread(to.cast(), 1, 1, from), 0))
            }),
            row("__fread_chk", || {
                reads(|from| into_place(|to| __fread_chk(to.cast(), 2, 1, 1, from), 0))
            }),
            row("fgets", || {
                reads(|from| into_place(|to| libc::fgets(to.cast(), 2, from), null_mut()))
            }),
            row("__fgets_chk", || {
                reads(|from| into_place(|to| __fgets_chk(to.cast(), 2, 2, from), null_mut()))
            }),
            row("getline", || {
                reads(|from| first(line(|to, size| libc::getline(to, size, from))))
            }),
            row("getdelim", || {
                reads(|from| first(line(|to, size| getdelim(to, size, END, from))))
            }),
            row("__getdelim", || {
                reads(|from| first(line(|to, size| __getdelim(to, size, END, from))))
            }),
        ]
    }
}
