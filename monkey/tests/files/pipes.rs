//! Pipes, with a name and without.

use std::ffi::CString;
use std::fs::File;
use std::io::{IoSlice, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use libc::{EAGAIN, EBADF, EPIPE, ESPIPE, F_SETPIPE_SZ, O_NONBLOCK, c_int, iovec};

use crate::team::{Job, Team, as_in_threads, bounded, result};

unsafe extern "C" {
    fn __read_chk(fd: c_int, buffer: *mut libc::c_void, len: usize, room: usize) -> isize;
}

/// More than a pipe keeps.
const MUCH: usize = 500_000;

fn numbers(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

fn write(fd: RawFd, bytes: &[u8]) -> Result<usize, c_int> {
    // SAFETY: there are so many bytes.
    result(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

fn read(fd: RawFd, len: usize) -> Result<usize, c_int> {
    let mut buffer = vec![0; len];
    // SAFETY: there is so much room.
    result(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), len) })
}

fn parts(bytes: &[u8], len: usize) -> Vec<iovec> {
    let part = |part: &[u8]| iovec {
        iov_base: part.as_ptr().cast_mut().cast(),
        iov_len: part.len(),
    };
    bytes.chunks(len).map(part).collect()
}

fn reader(team: Team, mut pipe: impl Read + Send + 'static) -> Job<Vec<u8>> {
    team.spawn(move || {
        let mut got = Vec::new();
        pipe.read_to_end(&mut got).unwrap();
        got
    })
}

/// The two ends of a FIFO that has a name; of which the kernel knows no `RWF_NOWAIT`.
fn fifo() -> (File, File) {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "gevent-monkey-fifo-{}-{}",
        std::process::id(),
        LAST.fetch_add(1, Ordering::Relaxed)
    );
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    // Opening one end waits for the other one, but not this.
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let ends = (
        File::open(&path).unwrap(),
        File::options().write(true).open(&path).unwrap(),
    );
    drop(both);
    std::fs::remove_file(path).unwrap();
    ends
}

/// One call writes all, however it is made.
fn one_call_writes_all(team: Team, reader: impl Read + Send + 'static, writer: impl AsRawFd + Write) {
    let mut writer = writer;
    let fd = writer.as_raw_fd();
    let reader = self::reader(team, reader);
    let bytes = numbers(MUCH);
    assert_eq!(write(fd, &bytes), Ok(MUCH));
    let slices: Vec<_> = bytes.chunks(3000).map(IoSlice::new).collect();
    assert_eq!(writer.write_vectored(&slices).unwrap(), MUCH);
    let parts = parts(&bytes, 7000);
    // SAFETY: there are so many parts.
    let written = unsafe { libc::pwritev2(fd, parts.as_ptr(), parts.len() as c_int, -1, 0) };
    assert_eq!(result(written), Ok(MUCH));
    // SAFETY: as above.
    let written = unsafe { libc::pwritev64v2(fd, parts.as_ptr(), parts.len() as c_int, -1, libc::RWF_HIPRI) };
    assert_eq!(result(written), Ok(MUCH));
    drop(writer);
    let got = reader.join();
    assert!(got.len() == 4 * MUCH && got.chunks(MUCH).all(|got| got == bytes));
}

#[test]
fn one_call_writes_all_to_a_pipe() {
    as_in_threads(|team| {
        let (reader, writer) = pipe().unwrap();
        one_call_writes_all(team, reader, writer);
    });
}

#[test]
fn one_call_writes_all_to_a_fifo() {
    as_in_threads(|team| {
        let (reader, writer) = fifo();
        one_call_writes_all(team, reader, writer);
    });
}

/// What is no longer than `PIPE_BUF` is written in one piece, by virtual threads of several threads of the operating
/// system's and by real threads.
fn records_are_whole(reader: impl Read + Send + 'static, writer: OwnedFd) {
    const WRITERS: usize = 3;
    const RECORDS: usize = 200;
    // SAFETY: a number.
    assert!(unsafe { libc::fcntl(writer.as_raw_fd(), F_SETPIPE_SZ, 4096) } >= 4096);
    let reader = gevent_threading::spawn(move || {
        let mut reader = reader;
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        got
    });
    let write_records = |number: u8, fd: OwnedFd| {
        move || {
            for n in 0..RECORDS {
                let len = [4096, 1000, 3000][n % 3];
                let mut record = vec![number; len];
                record[..2].copy_from_slice(&(len as u16).to_ne_bytes());
                // By many buffers, for some.
                let written = match n % 2 {
                    0 => write(fd.as_raw_fd(), &record),
                    _ => {
                        let parts = parts(&record, 100);
                        // SAFETY: there are so many parts.
                        result(unsafe { libc::writev(fd.as_raw_fd(), parts.as_ptr(), parts.len() as c_int) })
                    }
                };
                assert_eq!(written, Ok(len));
            }
        }
    };
    let mut real: Vec<thread::JoinHandle<()>> = Vec::new();
    for _ in 0..2 {
        let ends: Vec<_> = (0..WRITERS).map(|_| writer.try_clone().unwrap()).collect();
        real.push(thread::spawn(move || {
            let writers: Vec<_> = (ends.into_iter().enumerate())
                .map(|(n, end)| gevent_threading::spawn(write_records(n as u8, end)))
                .collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
        }));
    }
    real.push(thread::spawn(write_records(7, writer.try_clone().unwrap())));
    drop(writer);
    let got = reader.join().unwrap();
    real.into_iter().for_each(|thread| thread.join().unwrap());
    let (mut rest, mut count) = (&got[..], 0);
    while !rest.is_empty() {
        let len = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        assert!(rest[2..len].iter().all(|byte| *byte == rest[2]));
        rest = &rest[len..];
        count += 1;
    }
    assert_eq!(count, RECORDS * (2 * WRITERS + 1));
}

#[test]
fn records_in_a_pipe_are_whole() {
    bounded(|| {
        let (reader, writer) = pipe().unwrap();
        records_are_whole(reader, writer.into());
    });
}

#[test]
fn who_writes_to_nobody_gets_epipe() {
    fn program(team: Team) -> (bool, Result<usize, c_int>) {
        let (mut reader, writer) = pipe().unwrap();
        let closer = team.spawn(move || {
            reader.read_exact(&mut [0; 100_000]).unwrap();
            drop(reader);
        });
        let some = write(writer.as_raw_fd(), &numbers(MUCH)).unwrap();
        closer.join();
        ((100_000..MUCH).contains(&some), write(writer.as_raw_fd(), &[1]))
    }
    assert_eq!(as_in_threads(program), (true, Err(EPIPE)));
}

fn never_block(ends: [RawFd; 2]) {
    for fd in ends {
        // SAFETY: flags.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFL, O_NONBLOCK) }, 0);
    }
}

fn nonblocking(reader: RawFd, writer: RawFd) -> Vec<Result<usize, c_int>> {
    never_block([reader, writer]);
    let mut results = vec![read(reader, 10)];
    let some = write(writer, &numbers(MUCH)).unwrap();
    results.extend([write(writer, &[1]), write(writer, &numbers(5000))]);
    results.push(read(reader, some / 2));
    results.push(read(reader, some));
    results.push(read(reader, some));
    results
}

#[test]
fn what_has_o_nonblock_says_so() {
    fn of_a_pipe(_: Team) -> Vec<Result<usize, c_int>> {
        let (reader, writer): (PipeReader, PipeWriter) = pipe().unwrap();
        nonblocking(reader.as_raw_fd(), writer.as_raw_fd())
    }
    fn of_a_fifo(_: Team) -> Vec<Result<usize, c_int>> {
        let (reader, writer) = fifo();
        nonblocking(reader.as_raw_fd(), writer.as_raw_fd())
    }
    assert_eq!(as_in_threads(of_a_pipe)[..2], [Err(EAGAIN), Err(EAGAIN)]);
    as_in_threads(of_a_fifo);
}

/// What there is, is read; and by any name of the function.
#[test]
fn a_reader_gets_what_there_is() {
    fn program(team: Team) -> Vec<Result<usize, c_int>> {
        let (reader, mut writer) = pipe().unwrap();
        let fd = reader.as_raw_fd();
        let (go_reader, mut go) = pipe().unwrap();
        let sender = team.spawn(move || {
            let mut go = go_reader;
            for len in 1..=6 {
                go.read_exact(&mut [0]).unwrap();
                writer.write_all(&vec![0; len]).unwrap();
            }
        });
        let mut buffer = [0u8; 100];
        let start = buffer.as_mut_ptr();
        let two = [start, start.wrapping_add(2)].map(|start| iovec {
            iov_base: start.cast(),
            iov_len: 50,
        });
        let mut results = Vec::new();
        for n in 0..7 {
            if n < 6 {
                go.write_all(b"x").unwrap();
            }
            // SAFETY: there is room for so much.
            results.push(result(unsafe {
                match n {
                    0 => libc::read(fd, start.cast(), 100),
                    1 => __read_chk(fd, start.cast(), 90, 100),
                    2 => libc::readv(fd, two.as_ptr(), 2),
                    3 => libc::preadv2(fd, two.as_ptr(), 2, -1, 0),
                    4 => libc::preadv64v2(fd, two.as_ptr(), 2, -1, libc::RWF_HIPRI),
                    _ => libc::readv(fd, two.as_ptr(), 1),
                }
            }));
        }
        sender.join();
        results.push(read(fd, 0));
        results
    }
    assert_eq!(as_in_threads(program), [1, 2, 3, 4, 5, 6, 0, 0].map(Ok));
}

#[test]
fn errors_are_told_at_once() {
    fn program(_: Team) -> Vec<Result<usize, c_int>> {
        let (reader, writer) = pipe().unwrap();
        let mut byte = [0u8];
        let mut one = iovec {
            iov_base: byte.as_mut_ptr().cast(),
            iov_len: 1,
        };
        let nowait = libc::RWF_NOWAIT;
        let (from, to) = (reader.as_raw_fd(), writer.as_raw_fd());
        let mut results = vec![
            read(to, 1),
            write(from, &[1]),
            read(-1, 1),
            write(1_000_000, &[1]),
            write(to, &[]),
        ];
        // SAFETY: there is room for one byte, where so many buffers are.
        unsafe {
            results.push(result(libc::preadv2(from, &raw const one, 1, 0, 0)));
            results.push(result(libc::preadv2(from, &raw const one, 1, -1, nowait)));
            results.push(result(libc::preadv2(from, &raw const one, 1, -1, 1 << 30)));
            results.push(result(libc::pwritev2(to, &raw const one, 1, 5, 0)));
            results.push(result(libc::readv(from, &raw const one, -1)));
            results.push(result(libc::readv(from, &raw const one, 0)));
            results.push(result(libc::writev(to, &raw const one, 2000)));
        }
        // A byte that cannot be written.
        one.iov_base = std::ptr::null_mut();
        // SAFETY: the kernel refuses this.
        results.push(result(unsafe { libc::writev(to, &raw const one, 1) }));
        results
    }
    let results = as_in_threads(program);
    assert_eq!((results[0], results[5]), (Err(EBADF), Err(ESPIPE)));
}

/// An `errno` of before is there after a call that has waited and succeeded.
#[test]
fn errno_is_left_alone() {
    fn program(team: Team) -> c_int {
        let (reader, mut writer) = pipe().unwrap();
        let sender = team.spawn(move || {
            thread::sleep(std::time::Duration::from_millis(1));
            writer.write_all(&[1]).unwrap();
        });
        let mut byte = [0u8];
        // SAFETY: there is room for one byte; and the address is this thread's.
        let errno = unsafe {
            *libc::__errno_location() = 99;
            libc::read(reader.as_raw_fd(), byte.as_mut_ptr().cast(), 1);
            *libc::__errno_location()
        };
        sender.join();
        errno
    }
    assert_eq!(as_in_threads(program), 99);
}

/// A number that was a pipe's is that of a socket, and the other way round.
#[test]
fn a_number_is_that_of_something_else() {
    fn program(team: Team) -> Vec<Result<usize, c_int>> {
        // No other test uses it: these run side by side.
        let fd = if team == Team::Real { 901 } else { 902 };
        let mut results = Vec::new();
        for n in 0..4 {
            let (end, mut start): (OwnedFd, Box<dyn Write + Send>) = match n % 2 {
                0 => {
                    let (reader, writer) = pipe().unwrap();
                    (reader.into(), Box::new(writer))
                }
                _ => {
                    let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
                    one.set_read_timeout(Some(std::time::Duration::from_millis(5))).unwrap();
                    (one.into(), Box::new(other))
                }
            };
            // SAFETY: both are this test's.
            assert_eq!(unsafe { libc::dup2(end.as_raw_fd(), fd) }, fd);
            if n % 2 == 1 {
                results.push(read(fd, 10));
                results.push(write(fd, b"hello"));
            }
            let writer = team.spawn(move || {
                thread::sleep(std::time::Duration::from_millis(1));
                start.write_all(&[1; 7]).unwrap();
                start
            });
            let mut got = read(fd, 10);
            while got == Err(EAGAIN) {
                got = read(fd, 10);
            }
            results.push(got);
            writer.join();
        }
        // SAFETY: it is this test's.
        unsafe { libc::close(fd) };
        results
    }
    let of_a_socket = [Err(EAGAIN), Ok(5), Ok(7)];
    let expected = [&[Ok(7)][..], &of_a_socket, &[Ok(7)], &of_a_socket].concat();
    assert_eq!(as_in_threads(program), expected);
}
