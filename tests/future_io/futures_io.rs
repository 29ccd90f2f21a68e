//! `Async` by the traits of futures-io.

use std::io::{ErrorKind, IoSlice, IoSliceMut};

use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use gevent::future::{Async, block_on};
use gevent::socket::UnixStream;
use gevent::{Exception, spawn};

use crate::shared::{MUCH, both, leaves_no_watcher, pattern, tcp_pair, unix_pair};
use crate::support::{TestResult, bounded};

#[test]
fn an_echo_by_copy() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = tcp_pair()?;
        let (a, b) = (Async::new(a), Async::new(b));
        let echo = spawn(move || {
            let n = block_on(copy(&b, &mut &b))??;
            block_on((&b).close())??;
            Ok(n)
        });
        let sent = pattern(MUCH, 4);
        let (written, read) = block_on(both(
            async {
                (&a).write_all(&sent).await?;
                (&a).close().await
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

#[test]
fn halves_in_two_greenlets() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = UnixStream::pair()?;
        let end = |stream: UnixStream, seed| {
            let (mut reader, mut writer) = Async::new(stream).split();
            let writing = spawn(move || {
                block_on(async {
                    writer.write_all(&pattern(MUCH, seed)).await?;
                    writer.close().await
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
    let (a, mut b) = unix_pair()?;
    let reader = spawn(move || {
        block_on(async {
            let (mut reader, mut line) = (BufReader::new(a), String::new());
            reader.read_line(&mut line).await?;
            let (mut x, mut y) = ([0; 2], [0; 3]);
            let n = reader
                .read_vectored(&mut [IoSliceMut::new(&mut x), IoSliceMut::new(&mut y)])
                .await?;
            assert_eq!((n, &x, &y), (5, b"tw", b"o34"));
            assert_eq!(reader.read(&mut x).await?, 0);
            std::io::Result::Ok(line)
        })
        .map(|line| Ok::<_, Exception>(line?))?
    });
    block_on(async {
        let parts = [IoSlice::new(b"one"), IoSlice::new(b"\ntw"), IoSlice::new(b"o34")];
        assert_eq!(b.write_vectored(&parts).await?, 9);
        b.flush().await?;
        b.close().await?;
        assert_eq!(b.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        std::io::Result::Ok(())
    })??;
    assert_eq!(reader.get()?, "one\n");
    Ok(())
}
