//! CPython's `test_socket`, as gevent runs it: files of [`Socket::makefile`]. The tests of `FileObjectClassTestCase`
//! run with each size of the buffers that its subclasses have.

#![allow(non_snake_case, reason = "the names are CPython's")]

use std::io::{BufRead, ErrorKind, Read, Write};

use gevent::Exception;
use gevent::socket::{Socket, SocketFile, wait_read};

use super::cpython_tcp::{MSG, connected};
use super::python_socket::{EBADF, pair};
use crate::support::{TestResult, bounded};

/// The default, and the buffers of `Unbuffered..`, `LineBuffered..` and `SmallBuffered..`.
const SIZES: [Option<usize>; 4] = [None, Some(0), Some(1), Some(2)];

fn file(socket: &Socket, mode: &str, size: Option<usize>) -> Result<SocketFile, Exception> {
    Ok(match size {
        None => socket.makefile(mode)?,
        Some(size) => socket.makefile_with_buffering(mode, size)?,
    })
}

/// Runs a test at the reading end, with each size of buffers, while the other end writes [`MSG`] to a file.
fn each(test: impl Fn(&Socket, SocketFile) -> TestResult) -> TestResult {
    for size in SIZES {
        let writes = move |socket: &Socket| {
            let mut write_file = file(socket, "wb", size)?;
            write_file.write_all(MSG)?;
            Ok(write_file.close()?)
        };
        connected(writes, |socket| test(socket, file(socket, "rb", size)?))?;
    }
    Ok(())
}

fn read(file: &mut impl Read, n: usize) -> Result<Vec<u8>, Exception> {
    let mut data = vec![0; n];
    file.read_exact(&mut data)?;
    Ok(data)
}

mod file_object_class_test_case {
    use super::*;

    #[test]
    fn testReadAfterTimeout() -> TestResult {
        for size in SIZES {
            let _bounded = bounded();
            let (serv, cli) = pair();
            cli.settimeout(0.01)?;
            let mut read_file = file(&cli, "rb", size)?;
            serv.sendall(&MSG[..3])?;
            read(&mut read_file, 3)?;
            let error = read_file.read(&mut [0; 1]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let error = read_file.read(&mut [0; 1]).unwrap_err();
            assert!(error.to_string().contains("cannot read from timed out object"));
        }
        Ok(())
    }

    #[test]
    fn testSmallRead() -> TestResult {
        each(|_socket, mut read_file| {
            let mut all = read(&mut read_file, MSG.len() - 3)?;
            all.extend(read(&mut read_file, 3)?);
            assert_eq!(all, MSG);
            Ok(())
        })
    }

    #[test]
    fn testFullRead() -> TestResult {
        each(|_socket, mut read_file| {
            let mut all = Vec::new();
            read_file.read_to_end(&mut all)?;
            assert_eq!(all, MSG);
            Ok(())
        })
    }

    #[test]
    fn testUnbufferedRead() -> TestResult {
        each(|_socket, read_file| {
            let bytes = read_file.bytes().collect::<Result<Vec<_>, _>>()?;
            assert_eq!(bytes, MSG);
            Ok(())
        })
    }

    #[test]
    fn testReadline() -> TestResult {
        each(|_socket, mut read_file| {
            let mut line = Vec::new();
            read_file.read_until(b'\n', &mut line)?;
            assert_eq!(line, MSG);
            Ok(())
        })
    }

    #[test]
    fn testCloseAfterMakefile() -> TestResult {
        each(|socket, mut read_file| {
            socket.close();
            let mut all = Vec::new();
            read_file.read_to_end(&mut all)?;
            assert_eq!(all, MSG);
            Ok(())
        })
    }

    #[test]
    fn testMakefileAfterMakefileClose() -> TestResult {
        each(|socket, read_file| {
            read_file.close()?;
            assert_eq!(socket.recv(MSG.len())?, MSG);
            Ok(())
        })
    }

    #[test]
    fn testRealClose() -> TestResult {
        each(|socket, read_file| {
            read_file.close()?;
            socket.close();
            assert_eq!(socket.getsockname().unwrap_err().raw_os_error(), EBADF);
            Ok(())
        })
    }
}

mod unbuffered_file_object_class_test_case {
    use super::*;

    /// A line of a file without a buffer leaves the rest for the next file.
    #[test]
    fn testUnbufferedReadline() -> TestResult {
        let writes = |socket: &Socket| {
            socket.sendall(&[b"A. ", MSG].concat())?;
            Ok(socket.sendall(&[b"B. ", MSG].concat())?)
        };
        connected(writes, |socket| {
            for start in ["A. ", "B. "] {
                let mut read_file = file(socket, "rb", Some(0))?;
                let mut line = Vec::new();
                read_file.read_until(b'\n', &mut line)?;
                assert_eq!(line, [start.as_bytes(), MSG].concat());
            }
            Ok(())
        })
    }

    #[test]
    fn testMakefileClose() -> TestResult {
        each(|socket, read_file| {
            socket.close();
            assert_eq!(socket.recv(1024)?, MSG);
            read_file.close()?;
            assert_eq!(socket.recv(1024).unwrap_err().raw_os_error(), EBADF);
            Ok(())
        })
    }

    #[test]
    fn testSmallReadNonBlocking() -> TestResult {
        let _bounded = bounded();
        let (serv, cli) = pair();
        let mut read_file = file(&cli, "rb", Some(0))?;
        cli.setblocking(false);
        let mut buf = [0; 100];
        assert_eq!(read_file.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        serv.sendall(MSG)?;
        wait_read(cli.fileno(), None)?;
        assert_eq!(read(&mut read_file, MSG.len() - 3)?, MSG[..MSG.len() - 3]);
        assert_eq!(read_file.read(&mut buf)?, 3);
        assert_eq!(buf[..3], MSG[MSG.len() - 3..]);
        assert_eq!(read_file.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    }

    #[test]
    fn testWriteNonBlocking() -> TestResult {
        let _bounded = bounded();
        let (serv, _cli) = pair();
        serv.setblocking(false);
        let mut write_file = file(&serv, "wb", Some(0))?;
        let big = vec![b'x'; 64 << 20];
        assert!(write_file.write(&big)? > 0);
        let error = loop {
            match write_file.write(&big) {
                Ok(n) => assert!(n > 0),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        Ok(())
    }
}
