//! What the tests have in common.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use gevent::future::{Async, PollRead, PollWrite};
use gevent::get_hub;
use gevent::socket::{TcpListener, TcpStream, UnixStream};

use crate::support::TestResult;

/// More than any socket's buffers have place for.
pub(crate) const MUCH: usize = 1 << 20;

/// Bytes that show when some are lost, doubled or in another order.
pub(crate) fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| ((i + seed) * 31 % 251) as u8).collect()
}

/// Both ends of a TCP connection.
pub(crate) fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = gevent::spawn({
        let address = listener.local_addr()?;
        move || Ok(TcpStream::connect(address)?)
    });
    let (served, _) = listener.accept()?;
    Ok((client.get()?, served))
}

pub(crate) fn unix_pair() -> io::Result<(Async<UnixStream>, Async<UnixStream>)> {
    let (a, b) = UnixStream::pair()?;
    Ok((Async::new(a), Async::new(b)))
}

pub(crate) async fn read<S: PollRead>(stream: &Async<S>, buf: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_read(cx, buf)).await
}

pub(crate) async fn write<S: PollWrite>(stream: &Async<S>, buf: &[u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_write(cx, buf)).await
}

pub(crate) async fn write_all<S: PollWrite>(stream: &Async<S>, mut buf: &[u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let n = write(stream, buf).await?;
        buf = &buf[n..];
    }
    Ok(())
}

pub(crate) async fn read_to_end<S: PollRead>(stream: &Async<S>) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0; 5000]);
    loop {
        match read(stream, &mut buf).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

pub(crate) async fn shutdown<S: PollWrite>(stream: &Async<S>) -> io::Result<()> {
    poll_fn(|cx| stream.poll_shutdown(cx)).await
}

/// Writes until the system takes no more.
pub(crate) fn fill<S: PollWrite>(stream: &Async<S>) -> TestResult {
    loop {
        // A poll that is pending has met a full buffer, or the hub's turn. The first one after a turn is none of those.
        gevent::sleep(0)?;
        let mut wrote = false;
        while let Poll::Ready(written) = poll_once(write(stream, &[7; 4096])) {
            wrote = written? > 0;
        }
        if !wrote {
            return Ok(());
        }
    }
}

/// Waits for both futures.
pub(crate) async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    futures::future::join(a, b).await
}

/// Polls once, with a waker that does nothing.
pub(crate) fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
}

/// Fails unless the hub watches as much after `work` as before.
pub(crate) fn leaves_no_watcher(work: impl FnOnce() -> TestResult) -> TestResult {
    let loop_ = get_hub().loop_().clone();
    let before = (loop_.started_watchers(), loop_.activecnt()?);
    work()?;
    assert_eq!((loop_.started_watchers(), loop_.activecnt()?), before);
    Ok(())
}

/// As [`leaves_no_watcher`], for connections that end a little later.
pub(crate) fn leaves_no_watcher_in_the_end(work: impl FnOnce() -> TestResult) -> TestResult {
    let loop_ = get_hub().loop_().clone();
    let before = (loop_.started_watchers(), loop_.activecnt()?);
    work()?;
    while (loop_.started_watchers(), loop_.activecnt()?) != before {
        gevent::sleep(0.001)?;
    }
    Ok(())
}
