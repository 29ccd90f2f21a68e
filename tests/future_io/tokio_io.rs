//! `Async` by the traits of tokio, without its runtime.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;

use gevent::future::{Async, block_on};
use gevent::socket::{TcpStream, UnixStream};
use gevent::{Exception, spawn};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};

use crate::shared::{MUCH, both, leaves_no_watcher, pattern, tcp_pair, unix_pair};
use crate::support::{TestResult, bounded};

#[test]
fn an_echo_by_copy() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = tcp_pair()?;
        let (a, b) = (Async::new(a), Async::new(b));
        let echo = spawn(move || {
            let n = block_on(tokio::io::copy(&mut &b, &mut &b))??;
            block_on((&b).shutdown())??;
            Ok(n)
        });
        let sent = pattern(MUCH, 3);
        let (written, read) = block_on(both(
            async {
                (&a).write_all(&sent).await?;
                (&a).shutdown().await
            },
            async {
                let mut all = Vec::new();
                (&a).read_to_end(&mut all).await?;
                std::io::Result::Ok(all)
            },
        ))?;
        written?;
        assert!(read? == sent);
        assert_eq!(echo.get()?, MUCH as u64);
        Ok(())
    })
}

/// Copies both ways between two streams by tokio's own function, with two greenlets at the outer ends.
#[test]
fn a_forwarder_by_copy_bidirectional() -> TestResult {
    let _bounded = bounded();
    let ((client, mut near), (mut far, server)) = (unix_pair()?, unix_pair()?);
    let forwarder = spawn(move || Ok(block_on(tokio::io::copy_bidirectional(&mut near, &mut far))??));
    let server = spawn(move || {
        block_on(async {
            let mut text = String::new();
            (&server).read_to_string(&mut text).await?;
            (&server).write_all(&pattern(MUCH, text.len())).await
        })
        .map(|written| Ok::<_, Exception>(written?))?
    });
    let answer = block_on(async {
        (&client).write_all(b"question").await?;
        (&client).shutdown().await?;
        let mut answer = Vec::new();
        (&client).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    })??;
    assert!(answer == pattern(MUCH, 8));
    server.get()?;
    assert_eq!(forwarder.get()?, (8, MUCH as u64));
    Ok(())
}

#[test]
fn halves_in_two_greenlets() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = tcp_pair()?;
        let end = |stream: TcpStream, seed| {
            let (mut reader, mut writer) = tokio::io::split(Async::new(stream));
            let writing = spawn(move || {
                block_on(async {
                    writer.write_all(&pattern(MUCH, seed)).await?;
                    writer.shutdown().await
                })
                .map(|written| Ok::<_, Exception>(written?))?
            });
            let reading = spawn(move || {
                let mut all = Vec::new();
                block_on(reader.read_to_end(&mut all))??;
                Ok(all)
            });
            (writing, reading)
        };
        let (a, b) = (end(a, 1), end(b, 2));
        assert!(a.1.get()? == pattern(MUCH, 2) && b.1.get()? == pattern(MUCH, 1));
        a.0.get()?;
        b.0.get()
    })
}

#[test]
fn lines_and_buffers() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let reader = spawn(move || {
        block_on(async {
            let (mut lines, mut found) = (BufReader::new(a).lines(), Vec::new());
            while let Some(line) = lines.next_line().await? {
                found.push(line);
            }
            std::io::Result::Ok(found)
        })
        .map(|found| Ok::<_, Exception>(found?))?
    });
    block_on(async {
        assert!(b.is_write_vectored());
        let parts = [IoSlice::new(b"one\ntw"), IoSlice::new(b"o\n")];
        assert_eq!((&b).write_vectored(&parts).await?, 8);
        (&b).write_all(b"three").await?;
        (&b).flush().await?;
        (&b).shutdown().await
    })??;
    assert_eq!(reader.get()?, ["one", "two", "three"]);
    Ok(())
}

/// What was read before stays, and no more is said to be initialised than is.
#[test]
fn a_buffer_that_is_not_initialised() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    block_on((&b).write_all(b"hello"))??;
    let mut bytes = [MaybeUninit::uninit(); 20];
    let mut buf = ReadBuf::uninit(&mut bytes);
    buf.put_slice(b"> ");
    block_on(std::future::poll_fn(|cx| Pin::new(&mut &a).poll_read(cx, &mut buf)))??;
    assert_eq!(buf.filled(), b"> hello");
    assert_eq!(buf.initialized().len(), 7);
    Ok(())
}

#[test]
fn many_clients_at_once() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let pairs = (0..100).map(|_| unix_pair()).collect::<std::io::Result<Vec<_>>>()?;
        let greenlets: Vec<_> = pairs
            .into_iter()
            .enumerate()
            .map(|(i, (a, b))| {
                let echo = spawn(move || Ok(block_on(tokio::io::copy(&mut &b, &mut &b))??));
                let client = spawn(move || block_on(ask(Rc::new(a), i)).map(|asked| Ok::<_, Exception>(asked?))?);
                (echo, client)
            })
            .collect();
        for (echo, client) in greenlets {
            client.get()?;
            assert_eq!(echo.get()?, 10 * 8);
        }
        Ok(())
    })
}

async fn ask(stream: Rc<Async<UnixStream>>, seed: usize) -> std::io::Result<()> {
    for round in 0..10 {
        let (sent, mut got) = (pattern(8, seed + round), [0; 8]);
        (&*stream).write_all(&sent).await?;
        (&*stream).read_exact(&mut got).await?;
        assert_eq!(sent, got);
    }
    Ok(())
}

fn assert_unpin<T: AsyncRead + AsyncWrite + Unpin>() {}

#[test]
fn streams_need_not_be_pinned() {
    assert_unpin::<Async<TcpStream>>();
    assert_unpin::<&Async<UnixStream>>();
}
