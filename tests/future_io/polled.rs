//! `Async` without the traits of others: reading, writing, and the ends.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::Poll;

use gevent::event::Event;
use gevent::exceptions::ConcurrentObjectUseError;
use gevent::future::{Async, PollRead, PollWrite, block_on};
use gevent::socket::{Stream, UnixStream};
use gevent::{Exception, Greenlet, GreenletExit, sleep, spawn};

use crate::shared::{
    MUCH, both, fill, leaves_no_watcher, pattern, poll_once, read, read_to_end, shutdown, tcp_pair, unix_pair, write,
    write_all,
};
use crate::support::{Log, TestResult, bounded};

/// What a call has returned, or the number of its error.
type Returned<T> = Result<T, Option<i32>>;

fn returned<T>(result: std::io::Result<T>) -> Returned<T> {
    result.map_err(|error| error.raw_os_error())
}

/// A greenlet that reads once, and has begun to wait.
fn reading<S: PollRead + 'static>(stream: &Rc<Async<S>>) -> Result<Greenlet<Returned<Vec<u8>>>, Exception> {
    let stream = stream.clone();
    let greenlet = spawn(move || {
        let mut buf = [0; 100];
        let read = block_on(read(&stream, &mut buf))?;
        Ok(returned(read).map(|n| buf[..n].to_vec()))
    });
    sleep(0)?;
    assert!(!greenlet.ready());
    Ok(greenlet)
}

/// A greenlet that waits to write to a stream, which is full.
fn writing<S: PollWrite + 'static>(stream: &Rc<Async<S>>) -> Result<Greenlet<Returned<usize>>, Exception> {
    fill(stream)?;
    let stream = stream.clone();
    let greenlet = spawn(move || Ok(returned(block_on(write(&stream, b"more"))?)));
    sleep(0)?;
    assert!(!greenlet.ready());
    Ok(greenlet)
}

#[test]
fn a_task_waits_while_others_run() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let log = Log::<&str>::new();
    let reader = spawn({
        let log = log.clone();
        move || {
            log.add("reads");
            let mut buf = [0; 10];
            let n = block_on(read(&a, &mut buf))??;
            log.add("has read");
            Ok(buf[..n].to_vec())
        }
    });
    sleep(0)?;
    log.add("others run");
    assert_eq!(block_on(write(&b, b"hello"))??, 5);
    assert_eq!(reader.get()?, b"hello");
    assert_eq!(log.take(), ["reads", "others run", "has read"]);
    Ok(())
}

/// Sends much both ways at once, by two tasks for each end.
fn much_both_ways<S: Stream + 'static>(a: S, b: S) -> TestResult {
    let end = |stream: S, seed| {
        let stream = Async::new(stream);
        spawn(move || {
            block_on(async {
                let sent = pattern(MUCH, seed);
                let (written, read) = both(
                    async {
                        write_all(&stream, &sent).await?;
                        shutdown(&stream).await
                    },
                    read_to_end(&stream),
                )
                .await;
                written?;
                read
            })
            .map(|read| Ok::<_, Exception>(read?))?
        })
    };
    let (a, b) = (end(a, 1), end(b, 2));
    assert!(a.get()? == pattern(MUCH, 2) && b.get()? == pattern(MUCH, 1));
    Ok(())
}

#[test]
fn much_goes_both_ways_at_once() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = tcp_pair()?;
        much_both_ways(a, b)?;
        let (a, b) = UnixStream::pair()?;
        much_both_ways(a, b)
    })
}

#[test]
fn the_two_directions_may_have_a_greenlet_each() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let a = Rc::new(a);
    let (reader, writer) = (reading(&a)?, writing(&a)?);
    block_on(write(&b, b"1"))??;
    assert_eq!(reader.get()?, Ok(b"1".to_vec()));
    assert!(!writer.ready());
    let mut buf = vec![0; MUCH];
    while !writer.ready() {
        block_on(read(&b, &mut buf))??;
        sleep(0)?;
    }
    assert_eq!(writer.get()?, Ok(4));
    Ok(())
}

#[test]
fn an_end_of_writing_is_read() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let reader = spawn(move || {
        let text = block_on(read_to_end(&a))??;
        block_on(write_all(&a, &text))??;
        Ok(())
    });
    block_on(async {
        write_all(&b, b"there and back").await?;
        shutdown(&b).await?;
        assert_eq!(write(&b, b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(read_to_end(&b).await?, b"there and back");
        assert_eq!(read(&b, &mut [0]).await?, 0);
        std::io::Result::Ok(())
    })??;
    reader.get()
}

#[test]
fn several_buffers_are_filled_and_written_in_order() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let n = block_on(poll_fn(|cx| {
        a.poll_write_vectored(cx, &[IoSlice::new(b"he"), IoSlice::new(b""), IoSlice::new(b"llo")])
    }))??;
    assert_eq!(n, 5);
    let (mut first, mut second) = ([0; 3], [0; 10]);
    let n = block_on(poll_fn(|cx| {
        b.poll_read_vectored(cx, &mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)])
    }))??;
    assert_eq!((n, &first, &second[..2]), (5, b"hel", &b"lo"[..]));
    // More buffers than the system takes in one call.
    let bytes = pattern(5000, 0);
    let many: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
    let n = block_on(poll_fn(|cx| a.poll_write_vectored(cx, &many)))??;
    assert!(0 < n && n < 5000);
    let mut buf = [0; 5000];
    assert_eq!(block_on(read(&b, &mut buf))??, n);
    assert_eq!(buf[..n], bytes[..n]);
    Ok(())
}

#[test]
fn empty_buffers_do_not_wait() -> TestResult {
    let _bounded = bounded();
    let (a, _b) = unix_pair()?;
    assert!(matches!(poll_once(read(&a, &mut [])), Poll::Ready(Ok(0))));
    assert!(matches!(poll_once(write(&a, &[])), Poll::Ready(Ok(0))));
    a.get_ref().close();
    for result in [poll_once(read(&a, &mut [])), poll_once(write(&a, &[]))] {
        assert!(matches!(result, Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF)));
    }
    Ok(())
}

#[test]
fn closing_ends_the_waits() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, _b) = unix_pair()?;
        let a = Rc::new(a);
        let (reader, writer) = (reading(&a)?, writing(&a)?);
        a.get_ref().clone().close();
        assert_eq!(reader.get()?, Err(Some(libc::EBADF)));
        assert_eq!(writer.get()?, Err(Some(libc::EBADF)));
        Ok(())
    })
}

#[test]
fn a_shutdown_by_another_handle_or_descriptor_ends_the_waits() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        for copy in [false, true] {
            let (a, _b) = unix_pair()?;
            let a = Rc::new(a);
            let other = match copy {
                true => a.get_ref().try_clone()?,
                false => a.get_ref().clone(),
            };
            let (reader, writer) = (reading(&a)?, writing(&a)?);
            other.shutdown(Shutdown::Both)?;
            assert_eq!(reader.get()?, Ok(Vec::new()));
            assert_eq!(writer.get()?, Err(Some(libc::EPIPE)));
        }
        Ok(())
    })
}

#[test]
fn a_kill_while_it_waits_leaves_no_watcher() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = unix_pair()?;
        let a = Rc::new(a);
        let (reader, writer) = (reading(&a)?, writing(&a)?);
        drop(a);
        reader.kill()?;
        writer.kill()?;
        for error in [reader.get().unwrap_err(), writer.get().unwrap_err()] {
            assert!(error.is::<GreenletExit>(), "{error:?}");
        }
        // The last handles are gone.
        let read = block_on(read_to_end(&b))??;
        assert!(read.iter().all(|byte| *byte == 7));
        Ok(())
    })
}

#[test]
fn a_future_that_is_dropped_can_be_made_again() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let mut buf = [0; 10];
    for _ in 0..3 {
        assert!(poll_once(read(&a, &mut buf)).is_pending());
    }
    block_on(write(&b, b"x"))??;
    assert_eq!(block_on(read(&a, &mut buf))??, 1);
    leaves_no_watcher(|| {
        let (a, _b) = unix_pair()?;
        assert!(poll_once(read(&a, &mut [0])).is_pending());
        Ok(())
    })
}

#[test]
fn a_greenlet_and_a_task_do_not_wait_in_the_same_direction() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let a = Rc::new(a);
    // The task comes first.
    let reader = reading(&a)?;
    let error = Exception::from(a.get_ref().clone().read(&mut [0]).unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    block_on(write(&b, b"1"))??;
    assert_eq!(reader.get()?, Ok(b"1".to_vec()));
    // The greenlet comes first.
    let reader = spawn({
        let mut stream = a.get_ref().clone();
        move || {
            let mut buf = [0; 1];
            stream.read_exact(&mut buf)?;
            Ok(buf)
        }
    });
    sleep(0)?;
    let error = Exception::from(block_on(read(&a, &mut [0]))?.unwrap_err());
    assert!(error.is::<ConcurrentObjectUseError>(), "{error:?}");
    block_on(write(&b, b"2"))??;
    assert_eq!(reader.get()?, *b"2");
    // One after the other is no mistake.
    block_on(write(&b, b"34"))??;
    assert_eq!(block_on(read(&a, &mut [0]))??, 1);
    a.get_ref().clone().read_exact(&mut [0])?;
    Ok(())
}

#[test]
fn the_stream_is_as_before_when_it_comes_out() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    a.get_ref().set_timeout(0)?;
    let asks = Event::new();
    let reader = spawn({
        let asks = asks.clone();
        move || {
            let mut buf = [0; 10];
            // The timeout is not that of a task.
            let n = block_on(read(&a, &mut buf))??;
            assert_eq!(&buf[..n], b"12");
            assert!(poll_once(read(&a, &mut buf)).is_pending());
            let mut stream = a.into_inner();
            assert_eq!(stream.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
            stream.set_timeout(None)?;
            asks.set();
            stream.read_exact(&mut buf[..1])?;
            assert_eq!(buf[0], b'3');
            // It is the only handle.
            stream.into_std()?;
            Ok(())
        }
    });
    sleep(0)?;
    block_on(write(&b, b"12"))??;
    asks.wait()?;
    block_on(write(&b, b"3"))??;
    reader.get()
}

/// As a server does that is told to go on with another protocol.
#[test]
fn a_task_that_was_woken_goes_on_as_a_greenlet() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        for taken_out in [false, true] {
            let (a, b) = unix_pair()?;
            let greenlet = spawn(move || {
                let mut buf = [0; 1];
                block_on(read(&a, &mut buf))??;
                if taken_out {
                    a.into_inner().into_std()?;
                    return Ok(());
                }
                a.get_ref().read_exact(&mut buf)?;
                block_on(read(&a, &mut buf))??;
                assert_eq!(buf, *b"3");
                Ok(())
            });
            sleep(0)?;
            for byte in [b"1", b"2", b"3"] {
                let written = block_on(write(&b, byte))?;
                assert!(written.is_ok() || taken_out);
                sleep(0.001)?;
            }
            greenlet.get()?;
        }
        Ok(())
    })
}
