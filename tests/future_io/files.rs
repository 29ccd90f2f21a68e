//! `Async` over file objects: pipes, terminals and sockets, with their buffers.

use std::future::poll_fn;
use std::io::{self, BufRead, ErrorKind, IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::task::Poll;

use gevent::exceptions::ConcurrentObjectUseError;
use gevent::fileobject::{FileObject, FileObjectPosix};
use gevent::future::{Async, PollWrite, block_on};
use gevent::{Exception, GreenletExit, sleep, spawn};

use crate::conversation;
use crate::shared::{
    MUCH, both, fill, leaves_no_watcher, leaves_no_watcher_in_the_end, pattern, poll_once, read, read_to_end, shutdown,
    write, write_all,
};
use crate::support::{TestResult, bounded};
use crate::terminal::Terminal;

fn pipe_with(size: usize) -> io::Result<(FileObject, FileObject)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        FileObject::with_buffering(reader, "rb", size)?,
        FileObject::with_buffering(writer, "wb", size)?,
    ))
}

fn pipe() -> io::Result<(FileObject, FileObject)> {
    pipe_with(8192)
}

async fn flush<S: PollWrite>(stream: &Async<S>) -> io::Result<()> {
    poll_fn(|cx| stream.poll_flush(cx)).await
}

#[test]
fn much_goes_through_a_pipe() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        for size in [0, 1, 100, 8192, 1 << 17] {
            let (reader, writer) = pipe_with(size)?;
            let (reader, writer) = (Async::new(reader), Async::new(writer));
            let sent = pattern(MUCH, 3);
            let writing = async {
                // Pieces of many sizes, so that some are gathered and some go through.
                let (mut left, mut n) = (&sent[..], 1);
                while !left.is_empty() {
                    let (piece, rest) = left.split_at(n.min(left.len()));
                    write_all(&writer, piece).await?;
                    (left, n) = (rest, n * 7 % 20_011);
                }
                shutdown(&writer).await
            };
            let (written, got) = block_on(both(writing, read_to_end(&reader)))?;
            written?;
            assert!(got? == sent);
            assert!(writer.get_ref().closed());
            // Its end comes twice for whoever asks twice.
            block_on(shutdown(&writer))??;
            assert_eq!(block_on(read(&reader, &mut [0]))??, 0);
        }
        Ok(())
    })
}

#[test]
fn small_writes_are_gathered() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = pipe_with(10)?;
    let (reader, writer) = (Async::new(reader), Async::new(writer));
    let mut buf = [0; 20];
    block_on(async {
        assert_eq!(write(&writer, b"1234").await?, 4);
        assert!(poll_once(read(&reader, &mut buf)).is_pending());
        flush(&writer).await?;
        assert_eq!(read(&reader, &mut buf).await?, 4);
        // What has no room with the others comes after them.
        for part in [b"abcdef", b"ghijkl"] {
            assert_eq!(write(&writer, part).await?, 6);
        }
        assert_eq!(read(&reader, &mut buf).await?, 6);
        assert_eq!(&buf[..6], b"abcdef");
        assert_eq!(write(&writer, b"0123456789").await?, 10);
        let mut got = Vec::new();
        while got.len() < 16 {
            let n = read(&reader, &mut buf).await?;
            got.extend_from_slice(&buf[..n]);
        }
        assert_eq!(got, b"ghijkl0123456789");
        let parts = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b"cd")];
        assert_eq!(poll_fn(|cx| writer.poll_write_vectored(cx, &parts)).await?, 2);
        flush(&writer).await?;
        let (mut one, mut two) = ([0; 1], [0; 5]);
        let mut parts = [
            IoSliceMut::new(&mut []),
            IoSliceMut::new(&mut one),
            IoSliceMut::new(&mut two),
        ];
        assert_eq!(poll_fn(|cx| reader.poll_read_vectored(cx, &mut parts)).await?, 1);
        assert_eq!(read(&reader, &mut two).await?, 1);
        assert_eq!((one, two[0]), (*b"a", b'b'));
        assert_eq!((read(&reader, &mut []).await?, write(&writer, &[]).await?), (0, 0));
        Ok::<_, Exception>(())
    })?
}

/// Lines of a text go on at once, as at a terminal.
#[test]
fn lines_are_written_when_they_are_complete() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = io::pipe()?;
    let reader = Async::new(FileObject::new(reader, "rb")?);
    let writer = Async::new(FileObject::with_buffering(writer, "w", 1)?);
    let mut buf = [0; 20];
    block_on(async {
        write_all(&writer, b"one").await?;
        assert!(poll_once(read(&reader, &mut buf)).is_pending());
        write_all(&writer, b"\ntwo").await?;
        let mut got = Vec::new();
        while got.len() < 7 {
            let n = read(&reader, &mut buf).await?;
            got.extend_from_slice(&buf[..n]);
        }
        assert_eq!(got, b"one\ntwo");
        Ok::<_, Exception>(())
    })?
}

/// What a greenlet has read ahead for its line comes first, and what a task has read ahead is there for a greenlet.
#[test]
fn what_was_read_ahead_is_not_lost() -> TestResult {
    let _bounded = bounded();
    let (mut reader, mut writer) = pipe()?;
    writer.write_all(b"line\nrest of it\nend")?;
    writer.close()?;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    assert_eq!(line, "line\n");
    let reader = Async::new(reader);
    let mut buf = [0; 4];
    block_on(read(&reader, &mut buf))??;
    assert_eq!(&buf, b"rest");
    let mut lines = reader.into_inner().lines();
    assert_eq!(lines.next().expect("a line")?, " of it");
    assert_eq!(lines.next().expect("a line")?, "end");
    // More place than the buffer has, and a part of it is known already.
    let (mut reader, mut writer) = pipe_with(10)?;
    writer.write_all(&pattern(100, 0))?;
    writer.close()?;
    reader.read_exact(&mut [0; 3])?;
    let rest = block_on(read_to_end(&Async::new(reader)))??;
    assert_eq!(rest, pattern(100, 0)[3..]);
    Ok(())
}

/// A greenlet may read ahead what a task waits for.
#[test]
fn a_task_is_woken_when_a_greenlet_reads_ahead() -> TestResult {
    let _bounded = bounded();
    let (reader, mut writer) = pipe()?;
    let polled = Async::new(reader.clone());
    let task = spawn(move || {
        let mut buf = [0; 4];
        let n = block_on(read(&polled, &mut buf))??;
        Ok(buf[..n].to_vec())
    });
    sleep(0)?;
    writer.write_all(b"line\nrest")?;
    writer.flush()?;
    let byte = reader.read1(1)?;
    let bytes = task.get()?;
    // On a busy machine the hub may have had its turn, and the task is the first.
    assert!([&byte[..], &bytes].concat() == b"line\n" || [&bytes[..], &byte].concat() == b"line\n");
    Ok(())
}

/// A flush that has to wait is dropped, and another one goes on where it was.
#[test]
fn a_flush_is_continued() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (reader, writer) = pipe()?;
        let (reader, writer) = (Async::new(reader), Async::new(writer));
        fill(&writer)?;
        assert!(poll_once(flush(&writer)).is_pending());
        let writer = Rc::new(writer);
        let flushing = spawn({
            let writer = writer.clone();
            move || {
                block_on(write_all(&writer, b"end"))??;
                block_on(flush(&writer))??;
                block_on(shutdown(&writer))??;
                Ok(())
            }
        });
        sleep(0)?;
        assert!(poll_once(flush(&writer)).is_pending());
        let got = block_on(read_to_end(&reader))??;
        flushing.get()?;
        let (sevens, end) = got.split_at(got.len() - 3);
        assert!(sevens.iter().all(|byte| *byte == 7));
        assert_eq!(end, b"end");
        Ok(())
    })
}

/// As after a kill of a greenlet that writes: nobody waits for the same once more.
#[test]
fn a_write_that_was_given_up_does_not_delay_the_end() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (reader, writer) = pipe()?;
        let writing = spawn(move || {
            let writer = Async::new(writer);
            fill(&writer)?;
            block_on(flush(&writer))??;
            Ok(())
        });
        while !writing.started() {
            sleep(0)?;
        }
        sleep(0.001)?;
        writing.kill()?;
        assert!(writing.get().unwrap_err().is::<GreenletExit>());
        // The pipe is closed.
        let got = block_on(read_to_end(&Async::new(reader)))??;
        assert!(got.iter().all(|byte| *byte == 7));
        // What nobody has given up is written at the end.
        let (reader, writer) = pipe()?;
        let writer = Async::new(writer);
        block_on(write_all(&writer, b"left"))??;
        drop(writer);
        assert_eq!(block_on(read_to_end(&Async::new(reader)))??, b"left");
        Ok(())
    })
}

#[test]
fn closing_and_killing_end_the_waits() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (reader, writer) = pipe()?;
        let reading = |file: &FileObject| {
            let file = Async::new(file.clone());
            spawn(move || Ok(block_on(read(&file, &mut [0; 5]))?.map_err(|error| error.raw_os_error())))
        };
        let killed = reading(&reader);
        sleep(0)?;
        killed.kill()?;
        assert!(killed.get().unwrap_err().is::<GreenletExit>());
        let closed = reading(&reader);
        sleep(0)?;
        reader.close()?;
        assert_eq!(closed.get()?, Err(Some(libc::EBADF)));
        let reader = Async::new(reader);
        assert!(
            matches!(poll_once(read(&reader, &mut [])), Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF))
        );
        // Nobody reads any more. The bytes stay in the buffer until the file is closed.
        let writer = Async::new(writer);
        block_on(async {
            write_all(&writer, b"text").await?;
            for _ in 0..2 {
                assert_eq!(flush(&writer).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            }
            assert_eq!(shutdown(&writer).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            Ok::<_, Exception>(())
        })??;
        assert_eq!(writer.get_ref().close().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(matches!(poll_once(flush(&writer)), Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF)));
        Ok(())
    })
}

#[test]
fn a_greenlet_and_a_task_do_not_wait_in_the_same_direction() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (reader, mut writer) = pipe()?;
        let task = Async::new(reader.clone());
        let greenlet = spawn({
            let mut reader = reader.clone();
            move || {
                let mut buf = [0; 1];
                reader.read_exact(&mut buf)?;
                Ok(buf)
            }
        });
        sleep(0)?;
        let Poll::Ready(Err(error)) = poll_once(read(&task, &mut [0])) else {
            panic!("a greenlet waits");
        };
        assert!(Exception::from(error).is::<ConcurrentObjectUseError>());
        writer.write_all(b"1")?;
        writer.flush()?;
        assert_eq!(&greenlet.get()?, b"1");
        let waiting = spawn(move || Ok(block_on(read(&task, &mut [0]))??));
        sleep(0)?;
        let error = Exception::from(reader.clone().read(&mut [0]).unwrap_err());
        assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
        writer.write_all(b"2")?;
        writer.flush()?;
        assert_eq!(waiting.get()?, 1);
        Ok(())
    })
}

/// Both ends of a terminal, each read and written.
#[test]
fn a_terminal_is_polled() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let terminal = Terminal::new()?;
        let end = |fd, size| Ok::<_, io::Error>(Async::new(FileObject::with_buffering(fd, "r+b", size)?));
        let (keys, program) = (end(terminal.master.clone(), 0)?, end(terminal.slave.clone(), 8192)?);
        terminal.stty(&["-echo"])?;
        block_on(async {
            let mut buf = [0; 20];
            write_all(&keys, b"on").await?;
            // A line is read when it is complete.
            assert!(poll_once(read(&program, &mut buf)).is_pending());
            write_all(&keys, b"e\ntwo\n").await?;
            for line in [&b"one\n"[..], b"two\n"] {
                let n = read(&program, &mut buf).await?;
                assert_eq!(&buf[..n], line);
            }
            write_all(&program, b"shown\n").await?;
            assert!(poll_once(read(&keys, &mut buf)).is_pending());
            // It has no end of writing.
            shutdown(&program).await?;
            let mut shown = Vec::new();
            while shown.len() < 7 {
                let n = read(&keys, &mut buf).await?;
                shown.extend_from_slice(&buf[..n]);
            }
            assert_eq!(shown, b"shown\r\n");
            write_all(&program, b"").await?;
            // Ctrl-D is the end of the data, once.
            write_all(&keys, b"\x04last\n").await?;
            assert_eq!(read(&program, &mut buf).await?, 0);
            let n = read(&program, &mut buf).await?;
            assert_eq!(&buf[..n], b"last\n");
            Ok::<_, Exception>(())
        })?
    })
}

/// Much more than a terminal has room for.
#[test]
fn much_goes_through_a_terminal() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let terminal = Terminal::new()?;
        terminal.stty(&["raw", "-echo"])?;
        let end = |fd| Ok::<_, io::Error>(Async::new(FileObject::new(fd, "r+b")?));
        let (one, other) = (end(terminal.master.clone())?, end(terminal.slave.clone())?);
        for (from, to) in [(&one, &other), (&other, &one)] {
            let sent = pattern(100_000, 1);
            let writing = async {
                write_all(from, &sent).await?;
                flush(from).await
            };
            let reading = async {
                let (mut all, mut buf) = (Vec::new(), [0; 999]);
                while all.len() < sent.len() {
                    let n = read(to, &mut buf).await?;
                    assert_ne!(n, 0);
                    all.extend_from_slice(&buf[..n]);
                }
                io::Result::Ok(all)
            };
            let (written, got) = block_on(both(writing, reading))?;
            written?;
            assert!(got? == sent);
        }
        Ok(())
    })
}

/// The end of the writing leaves the reading as it is.
#[test]
fn a_socket_has_two_ends() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (near, far) = UnixStream::pair()?;
        let [near, far] = [near, far].map(|end| FileObject::new(end, "r+b").map(Async::new));
        let (near, far) = (near?, far?);
        let echo = spawn(move || {
            let text = block_on(read_to_end(&far))??;
            block_on(write_all(&far, &text))??;
            block_on(shutdown(&far))??;
            Ok(())
        });
        block_on(async {
            write_all(&near, b"there and back").await?;
            shutdown(&near).await?;
            assert_eq!(read_to_end(&near).await?, b"there and back");
            assert!(!near.get_ref().closed());
            Ok::<_, Exception>(())
        })??;
        echo.get()
    })
}

#[test]
fn what_cannot_be_polled_says_so() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-polled-{}", std::process::id()));
    let mut file = FileObject::open(&path, "w+b")?;
    file.write_all(b"text")?;
    let file = Async::new(file);
    let unsupported = |result| matches!(result, Poll::Ready(Err(e)) if io::Error::kind(&e) == ErrorKind::Unsupported);
    assert!(unsupported(poll_once(read(&file, &mut [0]))));
    assert!(unsupported(poll_once(write(&file, b"x"))));
    assert!(unsupported(poll_once(flush(&file)).map(|flushed| flushed.map(|()| 0))));
    file.into_inner().close()?;
    // One that the loop is to wait for is always ready; what was written goes before what is read.
    let mut file = FileObjectPosix::open(&path, "r+b")?;
    let polled = Async::new(file.clone());
    block_on(async {
        let mut buf = [0; 10];
        assert_eq!(read(&polled, &mut buf[..2]).await?, 2);
        write_all(&polled, b"ES").await?;
        assert_eq!(read(&polled, &mut buf).await?, 0);
        Ok::<_, Exception>(())
    })??;
    file.rewind()?;
    assert_eq!(block_on(read_to_end(&polled))??, b"teES");
    std::fs::remove_file(path)?;
    // By the mode.
    let (reader, writer) = pipe()?;
    let (reader, writer) = (Async::new(reader), Async::new(writer));
    assert!(unsupported(poll_once(write(&reader, b"x"))));
    assert!(unsupported(poll_once(read(&writer, &mut [0]))));
    Ok(())
}

#[test]
fn tokio_reads_lines_and_copies() -> TestResult {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let ((first, mut into), (end, middle)) = (pipe()?, pipe()?);
        let copier = spawn(move || {
            let (mut from, mut to) = (Async::new(first), Async::new(middle));
            block_on(async {
                let n = tokio::io::copy(&mut from, &mut to).await?;
                to.shutdown().await?;
                Ok::<_, Exception>(n)
            })?
        });
        let end = Async::new(end);
        let (lines, rest) = block_on(async {
            let mut polled = Async::new(into.clone());
            polled.write_all(b"one\ntwo\n").await?;
            polled.flush().await?;
            drop(polled);
            let mut lines = BufReader::new(&end).lines();
            let lines = [lines.next_line().await?, lines.next_line().await?];
            into.write_all(b"the rest")?;
            into.close()?;
            let mut rest = String::new();
            (&end).read_to_string(&mut rest).await?;
            Ok::<_, Exception>((lines, rest))
        })??;
        assert_eq!(lines, [Some("one".to_owned()), Some("two".to_owned())]);
        assert_eq!((&*rest, copier.get()?), ("the rest", 16));
        Ok(())
    })
}

#[test]
fn hyper_talks_over_pipes() -> TestResult {
    let _bounded = bounded();
    for size in [0, 100, 8192] {
        leaves_no_watcher_in_the_end(|| {
            let ((server_in, client_out), (client_in, server_out)) = (pipe_with(size)?, pipe_with(size)?);
            conversation::http1((server_in, server_out), (client_in, client_out))?;
            let ((server_in, client_out), (client_in, server_out)) = (pipe_with(size)?, pipe_with(size)?);
            conversation::http2((server_in, server_out), (client_in, client_out))
        })?;
    }
    Ok(())
}

#[test]
fn hyper_talks_over_a_socket_and_a_file_object() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher_in_the_end(|| {
        let (server, client) = UnixStream::pair()?;
        conversation::http1(
            gevent::socket::UnixStream::from_std(server)?,
            FileObject::new(client, "r+b")?,
        )
    })
}
