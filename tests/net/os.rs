//! The counterpart of gevent's test__os about reading and writing descriptors, written anew.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, pipe};
use std::os::fd::{AsFd, BorrowedFd};

use crate::support::{ExpectedError, TestResult, bounded};
use gevent::os::{make_nonblocking, nb_read, nb_write, tp_read, tp_write};
use gevent::threadpool::HubExt;
use gevent::{Exception, GreenletExit, get_hub, joinall, kill, sleep, spawn, spawn_later};

type Reads = fn(BorrowedFd<'_>, &mut [u8]) -> Result<usize, Exception>;
type Writes = fn(BorrowedFd<'_>, &[u8]) -> Result<usize, Exception>;

/// More than a pipe holds.
const BYTES: usize = 1_000_000;

fn both_ends_block((reader, writer): (PipeReader, PipeWriter), read: Reads, write: Writes) -> TestResult {
    let _bounded = bounded();
    let producer = spawn(move || {
        let block: Vec<u8> = (0..4096).map(|byte| (byte % 251) as u8).collect();
        let mut written = 0;
        while written < BYTES {
            let from = written % 4096;
            let most = (BYTES - written).min(4096 - from);
            written += write(writer.as_fd(), &block[from..from + most])?;
        }
        Ok(written)
    });
    // The producer fills the pipe before this one begins.
    let consumer = spawn_later(0.05, move || {
        let (mut count, mut buffer) = (0, [0; 4096]);
        loop {
            let some = read(reader.as_fd(), &mut buffer)?;
            for (at, byte) in (count..).zip(&buffer[..some]) {
                assert_eq!(usize::from(*byte), at % 4096 % 251);
            }
            count += some;
            // The producer closes its end.
            if some == 0 {
                return Ok(count);
            }
        }
    });
    joinall(&[&producer, &consumer])?;
    assert_eq!((producer.get()?, consumer.get()?), (BYTES, BYTES));
    Ok(())
}

fn nonblocking_pipe() -> Result<(PipeReader, PipeWriter), Exception> {
    let (reader, writer) = pipe()?;
    assert!(make_nonblocking(reader.as_fd())? && make_nonblocking(writer.as_fd())?);
    assert!(!make_nonblocking(reader.as_fd())?);
    Ok((reader, writer))
}

#[test]
fn test_if_pipe_blocks_of_threads() -> TestResult {
    both_ends_block(pipe()?, tp_read, tp_write)
}

#[test]
fn test_if_pipe_blocks_in_the_hub() -> TestResult {
    both_ends_block(nonblocking_pipe()?, nb_read, nb_write)
}

/// How many watchers keep this thread's loop from ending.
fn active() -> Result<i32, Exception> {
    Ok(get_hub().loop_().activecnt()?)
}

#[test]
fn test_event_closed_on_read_and_write() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = nonblocking_pipe()?;
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    let before = active()?;
    let fed = writer.try_clone()?;
    let other = nonblocking_pipe()?;
    let writes = spawn(move || nb_write(fed.as_fd(), b"more"));
    let its = other.0.try_clone()?;
    let reads = spawn(move || nb_read(its.as_fd(), &mut [0; 100]));
    sleep(0)?;
    let mut buffer = vec![0; 1 << 20];
    assert!(nb_read(reader.as_fd(), &mut buffer)? >= 4096);
    assert_eq!(nb_write(other.1.as_fd(), b"four")?, 4);
    assert_eq!((writes.get()?, reads.get()?), (4, 4));
    assert_eq!(active()?, before);
    Ok(())
}

#[test]
fn test_event_closed_on_read_and_write_error() -> TestResult {
    let _bounded = bounded();
    let ((reader, writer), before) = (nonblocking_pipe()?, active()?);
    let (its_reader, its_writer) = (reader.try_clone()?, writer.try_clone()?);
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    let writes = spawn(move || nb_write(its_writer.as_fd(), b"more"));
    let empty = nonblocking_pipe()?;
    let reads = spawn(move || nb_read(empty.0.as_fd(), &mut [0; 100]));
    sleep(0)?;
    kill(&reads, ExpectedError("thrown"))?;
    assert!(reads.get().unwrap_err().is::<ExpectedError>());
    writes.kill()?;
    assert!(writes.get().unwrap_err().is::<GreenletExit>());
    // An error of the system: the ends are the wrong ones.
    for error in [
        nb_read(writer.as_fd(), &mut [0]).unwrap_err(),
        nb_write(its_reader.as_fd(), &[0]).unwrap_err(),
    ] {
        let code = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::raw_os_error);
        assert_eq!(code, Some(libc::EBADF));
    }
    assert_eq!(active()?, before);
    Ok(())
}

#[test]
fn a_thread_that_reads_keeps_its_file_when_the_greenlet_is_killed() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = pipe()?;
    let kept = reader.try_clone()?;
    let reading = spawn(move || tp_read(reader.as_fd(), &mut [0; 10]));
    sleep(0.001)?;
    reading.kill()?;
    assert!(reading.get().unwrap_err().is::<GreenletExit>());
    // The greenlet has closed its reader, and others get the number. The thread reads from the pipe all the same.
    let _others: Vec<File> = (0..10).map(|_| File::open("/dev/zero")).collect::<Result<_, _>>()?;
    assert_eq!(nb_write(writer.as_fd(), b"late")?, 4);
    drop(writer);
    get_hub().threadpool().join()?;
    assert_eq!(nb_read(kept.as_fd(), &mut [0; 10])?, 0);
    Ok(())
}

#[test]
fn files_are_read_and_written_by_threads() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-os-{}", std::process::id()));
    let file = File::create(&path)?;
    assert_eq!(tp_write(file.as_fd(), b"some text")?, 9);
    let (file, mut buffer) = (File::open(&path)?, [0; 6]);
    std::fs::remove_file(path)?;
    let mut text = Vec::new();
    loop {
        match tp_read(file.as_fd(), &mut buffer)? {
            0 => break,
            count => text.extend_from_slice(&buffer[..count]),
        }
    }
    assert_eq!(text, b"some text");
    Ok(())
}
