//! Children and their pipes in code that is written with futures.

use std::pin::Pin;
use std::task::{Context, Waker};

use gevent::future::{block_on, join_all, spawn_local};
use gevent::subprocess::{Command, PIPE, Popen};
use gevent::{GreenletExit, sleep, with_timeout};

use crate::sh;
use crate::support::{TestResult, bounded};

#[test]
fn children_are_awaited() -> TestResult {
    let _bounded = bounded();
    let children = [sh("exit 3"), sh("kill -9 $$"), sh("sleep 0.01")].map(Popen::new);
    let children = children.into_iter().collect::<Result<Vec<_>, _>>()?;
    let codes = block_on(join_all(&children))?;
    let codes = codes.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(codes, [3, -9, 0]);
    // One that has ended can be awaited again, by its handle itself.
    for (child, code) in children.into_iter().zip(codes) {
        assert_eq!(block_on(child)??, code);
    }
    Ok(())
}

/// A child that has ended is known to have by the first poll.
#[test]
fn a_child_that_has_ended_is_not_waited_for() -> TestResult {
    let _bounded = bounded();
    let child = Popen::new(Command::new("true").stdout(PIPE))?;
    // The end of its output comes with its own, or a little before that.
    let mut output = Vec::new();
    std::io::Read::read_to_end(&mut child.stdout().expect("it is piped"), &mut output)?;
    while child.poll()?.is_none() {
        std::thread::yield_now();
    }
    let mut future = (&child).into_future();
    let polled = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Ok(0))));
    Ok(())
}

/// The child goes on, and is waited for again.
#[test]
fn a_wait_that_ends_leaves_the_child_alone() -> TestResult {
    let _bounded = bounded();
    let child = Popen::new(Command::new("cat").stdin(PIPE))?;
    let waiting = spawn_local(child.clone());
    sleep(0)?;
    waiting.kill()?;
    assert!(waiting.get().unwrap_err().is::<GreenletExit>());
    assert_eq!(with_timeout(0.001, || block_on(&child)?, -1)?, -1);
    // A future that is dropped takes no wake-up along.
    let mut dropped = (&child).into_future();
    let waker = Waker::noop();
    assert!(
        Pin::new(&mut dropped)
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    drop(dropped);
    assert_eq!(child.poll()?, None);
    let waiting = spawn_local(child.clone());
    sleep(0)?;
    child.stdin().expect("it is piped").close();
    assert_eq!(waiting.get()?, 0);
    Ok(())
}

mod pipes {
    use std::future::poll_fn;
    use std::io::{self, BufRead, IoSlice, IoSliceMut, Read, Write};
    use std::task::Poll;

    use gevent::exceptions::ConcurrentObjectUseError;
    use gevent::future::{Async, PollRead, PollWrite};
    use gevent::subprocess::{PipeReader, PipeWriter};
    use gevent::{Exception, get_hub, spawn};

    use super::*;

    /// More than a pipe has place for.
    const MUCH: usize = 1 << 20;

    async fn read<S: PollRead>(pipe: &Async<S>, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| pipe.poll_read(cx, buf)).await
    }

    async fn write_all<S: PollWrite>(pipe: &Async<S>, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = poll_fn(|cx| pipe.poll_write(cx, buf)).await?;
            buf = &buf[n..];
        }
        Ok(())
    }

    async fn read_to_end<S: PollRead>(pipe: &Async<S>) -> io::Result<Vec<u8>> {
        let (mut all, mut buf) = (Vec::new(), [0; 5000]);
        loop {
            match read(pipe, &mut buf).await? {
                0 => return Ok(all),
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    }

    async fn end<S: PollWrite>(pipe: &Async<S>) -> io::Result<()> {
        poll_fn(|cx| pipe.poll_shutdown(cx)).await
    }

    fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn cat() -> Result<(Popen, PipeReader, PipeWriter), Exception> {
        let child = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
        let (stdout, stdin) = (
            child.stdout().expect("it is piped"),
            child.stdin().expect("it is piped"),
        );
        Ok((child, stdout, stdin))
    }

    /// Bytes that show when some are lost, doubled or in another order.
    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    /// Fails unless the loop watches as much after `work` as before.
    fn leaves_no_watcher(work: impl FnOnce() -> TestResult) -> TestResult {
        let loop_ = get_hub().loop_().clone();
        let before = (loop_.started_watchers(), loop_.activecnt()?);
        work()?;
        assert_eq!((loop_.started_watchers(), loop_.activecnt()?), before);
        Ok(())
    }

    #[test]
    fn much_goes_through_a_child() -> TestResult {
        let _bounded = bounded();
        leaves_no_watcher(|| {
            let (child, stdout, stdin) = cat()?;
            let (stdout, stdin) = (Async::new(stdout), Async::new(stdin));
            let sent = pattern(MUCH);
            let writing = async {
                write_all(&stdin, &sent).await?;
                end(&stdin).await
            };
            let (written, got) = block_on(futures::future::join(writing, read_to_end(&stdout)))?;
            written?;
            assert!(got? == sent);
            assert!(stdin.get_ref().closed());
            assert_eq!(child.wait()?, 0);
            Ok(())
        })
    }

    /// Both pipes are one stream, and its ends of reading and writing are two.
    #[test]
    fn both_pipes_as_one_stream() -> TestResult {
        let _bounded = bounded();
        leaves_no_watcher(|| {
            let (child, stdout, stdin) = cat()?;
            let both = Async::new((stdout, stdin));
            block_on(async {
                for round in 0..10_u8 {
                    write_all(&both, &[round; 3]).await?;
                    let mut got = Vec::new();
                    while got.len() < 3 {
                        let mut buf = [0; 2];
                        let n = read(&both, &mut buf).await?;
                        got.extend_from_slice(&buf[..n]);
                    }
                    assert_eq!(got, [round; 3]);
                }
                let (mut one, mut two) = ([0; 2], [0; 9]);
                let n = poll_fn(|cx| both.poll_write_vectored(cx, &[IoSlice::new(b"ab"), IoSlice::new(b"cd")])).await?;
                assert_eq!(n, 4);
                let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                let n = poll_fn(|cx| both.poll_read_vectored(cx, &mut bufs)).await?;
                assert_eq!((n, &one, &two[..2]), (4, b"ab", &b"cd"[..]));
                assert_eq!(read(&both, &mut []).await?, 0);
                poll_fn(|cx| both.poll_flush(cx)).await?;
                end(&both).await?;
                assert_eq!(read_to_end(&both).await?, b"");
                Ok::<_, Exception>(())
            })??;
            assert_eq!(child.wait()?, 0);
            Ok(())
        })
    }

    /// What a greenlet has read ahead for its line comes first.
    #[test]
    fn what_was_read_ahead_is_not_lost() -> TestResult {
        let _bounded = bounded();
        let (child, mut stdout, mut stdin) = cat()?;
        stdin.write_all(b"line\nrest")?;
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let stdout = Async::new(stdout);
        let mut buf = [0; 3];
        let mut parts = [0; 1];
        block_on(async {
            assert_eq!(read(&stdout, &mut buf).await?, 3);
            let mut bufs = [IoSliceMut::new(&mut parts)];
            assert_eq!(poll_fn(|cx| stdout.poll_read_vectored(cx, &mut bufs)).await?, 1);
            Ok::<_, Exception>(())
        })??;
        assert_eq!((&*line, &buf, &parts), ("line\n", b"res", b"t"));
        // And the greenlet's turn again.
        stdin.write_all(b" of it")?;
        stdin.close();
        let mut text = String::new();
        stdout.into_inner().read_to_string(&mut text)?;
        assert_eq!((&*text, child.wait()?), (" of it", 0));
        Ok(())
    }

    #[test]
    fn closing_and_killing_end_the_waits() -> TestResult {
        let _bounded = bounded();
        leaves_no_watcher(|| {
            let (child, stdout, stdin) = cat()?;
            let reading = |pipe: &PipeReader| {
                let pipe = Async::new(pipe.clone());
                spawn(move || block_on(async { read(&pipe, &mut [0; 5]).await.map_err(|e| e.raw_os_error()) }))
            };
            let killed = reading(&stdout);
            sleep(0)?;
            killed.kill()?;
            assert!(killed.get().unwrap_err().is::<GreenletExit>());
            let closed = reading(&stdout);
            sleep(0)?;
            stdout.close();
            assert_eq!(closed.get()?, Err(Some(libc_ebadf())));
            stdin.close();
            assert_eq!(child.wait()?, 0);
            // A writer that has to wait, as nobody reads what comes out, and whose reader goes.
            let (child, _stdout, stdin) = cat()?;
            let (fill, its) = (Async::new(stdin.clone()), child.clone());
            let broken = spawn(move || {
                let written = block_on(write_all(&fill, &vec![0; MUCH]))?;
                Ok(written.unwrap_err().kind())
            });
            sleep(0)?;
            its.kill()?;
            assert_eq!(broken.get()?, io::ErrorKind::BrokenPipe);
            assert_eq!(child.wait()?, -9);
            Ok(())
        })
    }

    fn libc_ebadf() -> i32 {
        rustix::io::Errno::BADF.raw_os_error()
    }

    #[test]
    fn a_greenlet_and_a_task_do_not_wait_in_the_same_direction() -> TestResult {
        let _bounded = bounded();
        leaves_no_watcher(|| {
            let (child, stdout, stdin) = cat()?;
            let task = Async::new(stdout.clone());
            let greenlet = spawn({
                let mut stdout = stdout.clone();
                move || {
                    let mut buf = [0; 1];
                    stdout.read_exact(&mut buf)?;
                    Ok(buf)
                }
            });
            sleep(0)?;
            let Poll::Ready(Err(error)) = poll_once(read(&task, &mut [0])) else {
                panic!("a greenlet waits");
            };
            assert!(Exception::from(error).is::<ConcurrentObjectUseError>());
            (&stdin).write_all(b"1")?;
            assert_eq!(&greenlet.get()?, b"1");
            let waiting = spawn(move || Ok(block_on(read(&task, &mut [0]))??));
            sleep(0)?;
            let error = Exception::from((&stdout).read(&mut [0]).unwrap_err());
            assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
            (&stdin).write_all(b"2")?;
            assert_eq!(waiting.get()?, 1);
            stdin.close();
            assert_eq!(child.wait()?, 0);
            Ok(())
        })
    }

    #[cfg(feature = "tokio-io")]
    #[test]
    fn tokio_copies_between_children() -> TestResult {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let _bounded = bounded();
        leaves_no_watcher(|| {
            let ((first, out, into), (second, end, middle)) = (cat()?, cat()?);
            let copier = spawn(move || {
                let (mut from, mut to) = (Async::new(out), Async::new(middle));
                block_on(async {
                    let n = tokio::io::copy(&mut from, &mut to).await?;
                    to.shutdown().await?;
                    Ok::<_, Exception>(n)
                })?
            });
            let (into, end, sent) = (Async::new(into), Async::new(end), pattern(MUCH));
            let mut got = Vec::new();
            let (written, read) = block_on(futures::future::join(
                async {
                    (&into).write_all(&sent).await?;
                    (&into).shutdown().await
                },
                (&end).read_to_end(&mut got),
            ))?;
            written?;
            assert_eq!(read?, MUCH);
            assert!(got == sent);
            assert_eq!((copier.get()?, first.wait()?, second.wait()?), (MUCH as u64, 0, 0));
            Ok(())
        })
    }

    /// Two children carry what hyper's two ends say.
    #[cfg(feature = "hyper")]
    #[test]
    fn hyper_talks_over_children() -> TestResult {
        use crate::conversation;
        let _bounded = bounded();
        let loop_ = get_hub().loop_().clone();
        let before = (loop_.started_watchers(), loop_.activecnt()?);
        for version in 1..=2 {
            let ((asks, server_in, client_out), (answers, client_in, server_out)) = (cat()?, cat()?);
            let (server, client) = ((server_in, server_out), (client_in, client_out));
            match version {
                1 => conversation::http1(server, client)?,
                _ => conversation::http2(server, client)?,
            }
            // Each end has closed what it writes.
            assert_eq!((asks.wait()?, answers.wait()?), (0, 0));
        }
        while (loop_.started_watchers(), loop_.activecnt()?) != before {
            sleep(0.001)?;
        }
        Ok(())
    }

    #[cfg(feature = "futures-io")]
    #[test]
    fn futures_io_reads_lines_of_a_child() -> TestResult {
        use futures_io::{AsyncRead, AsyncWrite};
        let _bounded = bounded();
        let (child, stdout, stdin) = cat()?;
        let mut both = Async::new((stdout, stdin));
        let mut buf = [0; 20];
        block_on(async {
            assert_eq!(poll_fn(|cx| Pin::new(&mut both).poll_write(cx, b"hello")).await?, 5);
            poll_fn(|cx| Pin::new(&mut both).poll_close(cx)).await?;
            let n = poll_fn(|cx| AsyncRead::poll_read(Pin::new(&mut &both), cx, &mut buf)).await?;
            assert_eq!(&buf[..n], b"hello");
            Ok::<_, Exception>(())
        })??;
        assert_eq!(child.wait()?, 0);
        Ok(())
    }
}
