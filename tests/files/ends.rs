//! Closing, kills and timeouts, and several greenlets at one file.

use std::io::{self, BufRead, ErrorKind, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use gevent::event::Event;
use gevent::exceptions::ConcurrentObjectUseError;
use gevent::fileobject::{FileObject, FileObjectPosix, FileObjectThread};
use gevent::prelude::*;
use gevent::select::{POLLIN, Poll, select, select_timeout};

use crate::support::{TestResult, bounded};

fn pipe() -> io::Result<(FileObject, FileObject)> {
    let (reader, writer) = io::pipe()?;
    Ok((FileObject::new(reader, "rb")?, FileObject::new(writer, "wb")?))
}

fn is_ebadf<T: std::fmt::Debug>(result: Result<T, io::Error>) -> bool {
    result.unwrap_err().raw_os_error() == Some(libc::EBADF)
}

#[test]
fn every_call_of_a_closed_file_fails_with_ebadf() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    for file in [&mut reader, &mut writer] {
        assert!(!file.closed());
        file.close()?;
        file.close()?;
        assert!(file.closed());
        assert!(is_ebadf(file.read(&mut [0])));
        assert!(is_ebadf(file.read_to_end(&mut Vec::new())));
        assert!(is_ebadf(file.fill_buf().map(<[u8]>::len)));
        assert!(is_ebadf(file.write(b"x")));
        assert!(is_ebadf(file.flush()));
        assert!(is_ebadf(file.stream_position()));
        assert!(is_ebadf(file.set_len(0)));
        assert!(is_ebadf(file.with_fd(|_| ())));
    }
    Ok(())
}

/// As with a socket, a greenlet that selects the descriptor is woken, and finds it ready.
#[test]
fn closing_is_told_to_those_who_select() -> TestResult {
    let _bounded = bounded();
    for threads in [false, true] {
        let (reader, _writer) = io::pipe()?;
        let number = reader.as_raw_fd();
        let close: Box<dyn FnOnce() -> io::Result<()>> = match threads {
            true => {
                let file = FileObjectThread::new(reader, "rb")?;
                Box::new(move || file.close())
            }
            false => {
                let file = FileObjectPosix::new(reader, "rb")?;
                Box::new(move || file.close())
            }
        };
        let selecting = spawn(move || Ok(select([number], [], [])?.0.len()));
        let polling = spawn(move || {
            let poll = Poll::new();
            poll.register(&number, POLLIN)?;
            Ok(poll.poll()?.len())
        });
        // The system watches the descriptor now; otherwise the loop would find it closed.
        sleep(0.01)?;
        assert!(!selecting.ready() && !polling.ready());
        close()?;
        assert_eq!((selecting.get()?, polling.get()?), (1, 1));
    }
    Ok(())
}

/// Nobody is told if the descriptor stays open.
#[test]
fn closing_is_not_told_where_nothing_is_closed() -> TestResult {
    let _bounded = bounded();
    let (reader, _writer) = io::pipe()?;
    let reader = Arc::new(OwnedFd::from(reader));
    let number = reader.as_raw_fd();
    let file = FileObjectPosix::new(reader.clone(), "rb")?;
    let selecting = spawn(move || Ok(select_timeout([number], [], [], 0.05)?.0.len()));
    sleep(0)?;
    file.close()?;
    assert_eq!(selecting.get()?, 0);
    drop(reader);
    Ok(())
}

#[test]
fn closing_ends_a_reader_with_ebadf_and_read_to_end_with_what_it_has() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    let check = reader.clone();
    let reading = spawn(move || Ok(is_ebadf(reader.read(&mut [0; 9]))));
    sleep(0)?;
    check.close()?;
    assert!(reading.get()?);
    drop(writer);

    let (mut reader, writer_) = pipe()?;
    writer = writer_;
    let check = reader.clone();
    let reading = spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text)?;
        Ok(text)
    });
    writer.write_all(b"some")?;
    writer.flush()?;
    while check.with_fd(|fd| rustix::io::ioctl_fionread(fd))?? > 0 {
        sleep(0)?;
    }
    check.close()?;
    assert_eq!(reading.get()?, "some");
    Ok(())
}

#[test]
fn closing_ends_a_writer_with_ebadf() -> TestResult {
    let _bounded = bounded();
    let (_reader, mut writer) = pipe()?;
    let check = writer.clone();
    let writing = spawn(move || Ok(is_ebadf(writer.write_all(&[0; 1 << 20]))));
    sleep(0)?;
    check.close()?;
    assert!(writing.get()?);
    Ok(())
}

#[test]
fn closing_writes_what_is_left_and_so_does_the_drop_of_the_last_handle() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(b"one")?;
    let other = writer.clone();
    drop(writer);
    let mut other_ = other.clone();
    other_.write_all(b"two")?;
    drop((other, other_));
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    assert_eq!(text, "onetwo");
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(b"three")?;
    writer.close()?;
    reader.read_to_string(&mut text)?;
    assert_eq!(text, "onetwothree");
    Ok(())
}

#[test]
fn a_second_reader_and_a_second_writer_are_refused() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    let mut second = reader.clone();
    let reading = spawn(move || {
        let mut buf = [0; 3];
        reader.read_exact(&mut buf)?;
        Ok(buf)
    });
    sleep(0)?;
    let error = Exception::from(second.read(&mut [0; 3]).unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    writer.write_all(b"abc")?;
    writer.flush()?;
    assert_eq!(&reading.get()?, b"abc");

    let mut other = writer.clone();
    let writing = spawn(move || Ok(writer.write_all(&[1; 1 << 20])?));
    sleep(0)?;
    let error = Exception::from(other.write(&[2; 1 << 20]).unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    let mut all = vec![0; 1 << 20];
    second.read_exact(&mut all)?;
    assert!(all.iter().all(|byte| *byte == 1));
    writing.get()
}

#[test]
fn both_directions_of_a_socket_are_waited_for_at_once() -> TestResult {
    let _bounded = bounded();
    let (here, mut there) = UnixStream::pair()?;
    let mut file = FileObjectPosix::new(here, "r+b")?;
    let mut reader = file.clone();
    let reading = spawn(move || {
        let mut buf = [0; 2];
        reader.read_exact(&mut buf)?;
        Ok(buf)
    });
    let writing = spawn(move || {
        file.write_all(&[5; 1 << 20])?;
        Ok(file.flush()?)
    });
    sleep(0)?;
    there.write_all(b"hi")?;
    assert_eq!(&reading.get()?, b"hi");
    let far = std::thread::spawn(move || {
        let mut all = vec![0; 1 << 20];
        there.read_exact(&mut all).map(|()| all)
    });
    writing.get()?;
    assert_eq!(far.join().expect("it does not panic")?, vec![5; 1 << 20]);
    Ok(())
}

/// A kill and a timeout come out as they are, and the bytes that the call has not taken are there for the next.
#[test]
fn a_killed_read_loses_nothing() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    let mut its = reader.clone();
    let reading = spawn(move || {
        let mut line = String::new();
        let error = Exception::from(its.read_line(&mut line).unwrap_err());
        Ok((error, line))
    });
    writer.write_all(b"half ")?;
    writer.flush()?;
    while reader.with_fd(|fd| rustix::io::ioctl_fionread(fd))?? > 0 {
        sleep(0)?;
    }
    reading.kill()?;
    let (error, line) = reading.get()?;
    assert!(error.is::<GreenletExit>(), "{error:?}");
    writer.write_all(b"a line\n")?;
    writer.close()?;
    let mut rest = String::new();
    reader.read_to_string(&mut rest)?;
    assert_eq!(line + &rest, "half a line\n");

    let (mut reader, _writer) = pipe()?;
    let timeout = Timeout::start_new(0.01);
    let error = Exception::from(reader.read(&mut [0]).unwrap_err());
    assert!(timeout.caused(&error));
    Ok(())
}

#[test]
fn a_killed_flush_keeps_what_is_left_for_the_next() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = io::pipe()?;
    let mut reader = FileObject::new(reader, "rb")?;
    let mut writer = FileObject::with_buffering(writer, "wb", 1 << 20)?;
    let data: Vec<u8> = (0..500_000).map(|i| (i % 251) as u8).collect();
    writer.write_all(&data)?;
    let mut its = writer.clone();
    let flushing = spawn(move || Ok(its.flush()?));
    sleep(0)?;
    flushing.kill()?;
    assert!(flushing.get().unwrap_err().is::<GreenletExit>());
    let closing = spawn(move || Ok(writer.close()?));
    let mut all = Vec::new();
    reader.read_to_end(&mut all)?;
    assert!(all == data, "{} bytes", all.len());
    closing.get()
}

/// The drop after a kill in a write does not wait once more.
#[test]
fn a_greenlet_that_is_killed_while_it_writes_ends() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = io::pipe()?;
    let mut writer = FileObject::with_buffering(writer, "wb", 1 << 20)?;
    let writing = spawn(move || {
        writer.write_all(&[1; 500_000])?;
        Ok(writer.flush()?)
    });
    sleep(0)?;
    writing.kill()?;
    assert!(writing.get().unwrap_err().is::<GreenletExit>());
    drop(reader);
    Ok(())
}

/// A thread reads on when the greenlet is killed. What it has read is there for the next.
#[test]
fn what_a_thread_has_read_for_a_killed_greenlet_is_kept() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = io::pipe()?;
    let mut reader = FileObjectThread::new(reader, "rb")?;
    let mut its = reader.clone();
    let reading = spawn(move || Ok(its.read(&mut [0; 3])?));
    sleep(0)?;
    reading.kill()?;
    assert!(reading.get().unwrap_err().is::<GreenletExit>());
    writer.write_all(b"abcdef")?;
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    assert_eq!(text, "abcdef");
    Ok(())
}

/// The same for writing: it is done all the same, and once.
#[test]
fn what_a_killed_greenlet_has_given_to_a_thread_is_written_once() -> TestResult {
    let _bounded = bounded();
    let (mut reader, writer) = io::pipe()?;
    let mut writer = FileObjectThread::new(writer, "wb")?;
    let data: Vec<u8> = (0..200_000).map(|i| (i % 251) as u8).collect();
    let (mut its, sent) = (writer.clone(), data.clone());
    let writing = spawn(move || Ok(its.write_all(&sent)?));
    sleep(0)?;
    writing.kill()?;
    assert!(writing.get().unwrap_err().is::<GreenletExit>());
    let far = std::thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    writer.write_all(b"end")?;
    writer.close()?;
    let all = far.join().expect("it does not panic")?;
    assert!(all.strip_suffix(b"end") == Some(&data[..]), "{} bytes", all.len());
    Ok(())
}

/// Greenlets go on while a thread reads.
#[test]
fn threads_serve_readers_one_after_the_other() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = io::pipe()?;
    let reader = FileObjectThread::with_buffering(reader, "rb", 0)?;
    let read = |mut reader: FileObjectThread| {
        spawn(move || {
            let mut byte = [0];
            reader.read_exact(&mut byte)?;
            Ok(byte[0])
        })
    };
    let (first, second) = (read(reader.clone()), read(reader));
    sleep(0)?;
    writer.write_all(b"12")?;
    assert_eq!((first.get()?, second.get()?), (b'1', b'2'));
    Ok(())
}

#[test]
fn a_pipe_that_nobody_reads_is_broken() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    drop(reader);
    writer.write_all(b"x")?;
    assert_eq!(writer.flush().unwrap_err().kind(), ErrorKind::BrokenPipe);
    Ok(())
}

#[test]
fn opening_a_named_pipe_blocks_no_greenlet() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-files-fifo-{}", std::process::id()));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0)?;
    let opening = spawn({
        let path = path.clone();
        move || {
            let mut text = String::new();
            FileObject::open(path, "r")?.read_to_string(&mut text)?;
            Ok(text)
        }
    });
    let told = Event::new();
    spawn({
        let told = told.clone();
        move || told.set()
    });
    told.wait()?;
    write!(FileObject::open(&path, "w")?, "by name")?;
    assert_eq!(opening.get()?, "by name");
    std::fs::remove_file(path)?;
    Ok(())
}
