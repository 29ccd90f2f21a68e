//! CPython's `test_socket`, as gevent runs it: servers, and sending files.

#![allow(non_snake_case, reason = "the names are CPython's")]

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, Write};

use gevent::socket::{
    AF_INET, AF_INET6, CreateServer, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, SendAllError, create_connection_timeout,
    create_server, create_server_with, socketpair,
};
use gevent::{Exception, spawn};

use super::python_socket::{address_of, pair};
use crate::support::{TestResult, bounded};

fn has_inet6() -> bool {
    create_server_with(("::1", 0), CreateServer::default().family(AF_INET6)).is_ok()
}

mod create_server_test {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn test_address() -> TestResult {
        // The port is this test's at another host, so that no other test can take it.
        let kept = create_server(("127.0.0.2", 0))?;
        let port = address_of(&kept).port();
        let sock = create_server(("127.0.0.3", port))?;
        assert_eq!(address_of(&sock), (std::net::Ipv4Addr::new(127, 0, 0, 3), port).into());
        Ok(())
    }

    #[test]
    fn test_family_and_type() -> TestResult {
        let sock = create_server(("127.0.0.1", 0))?;
        assert_eq!((sock.family()?, sock.type_()?), (AF_INET, SOCK_STREAM));
        if has_inet6() {
            let sock = create_server_with(("::1", 0), CreateServer::default().family(AF_INET6))?;
            assert_eq!((sock.family()?, sock.type_()?), (AF_INET6, SOCK_STREAM));
        }
        Ok(())
    }

    #[test]
    fn test_reuse_port() -> TestResult {
        for reuse_port in [false, true] {
            let settings = CreateServer::default().reuse_port(reuse_port);
            let sock = create_server_with(("localhost", 0), settings)?;
            assert_eq!(sock.getsockopt(SOL_SOCKET, SO_REUSEPORT)? != 0, reuse_port);
        }
        Ok(())
    }

    /// `CreateServerFunctionalTest`: an echo server at every interface.
    fn echoes(settings: CreateServer, client: &str) -> TestResult {
        let _bounded = bounded();
        let sock = create_server_with(("", 0), settings)?;
        let port = address_of(&sock).port();
        sock.settimeout(30)?;
        let server = spawn(move || {
            let conn = sock.accept()?.0;
            let msg = conn.recv(1024)?;
            Ok(conn.sendall(&msg)?)
        });
        let sock = create_connection_timeout((client, port), 30)?;
        sock.sendall(b"foo")?;
        assert_eq!(sock.recv(1024)?, b"foo");
        server.get()
    }

    #[test]
    fn test_tcp4() -> TestResult {
        echoes(CreateServer::default(), "127.0.0.1")
    }

    #[test]
    fn test_tcp6() -> TestResult {
        match has_inet6() {
            true => echoes(CreateServer::default().family(AF_INET6), "::1"),
            false => Ok(()),
        }
    }
}

mod sendfile_using_send_test {
    use super::*;

    const FILESIZE: u64 = 10 << 20;
    const BLOCK: u64 = 8192;

    /// A file of which every block is another one, without a name any more.
    fn testfn(name: &str) -> Result<File, Exception> {
        let path = std::env::temp_dir().join(format!("gevent {name} {}", std::process::id()));
        let mut file = File::options().create_new(true).read(true).write(true).open(&path)?;
        std::fs::remove_file(&path)?;
        let blocks = 0..FILESIZE / BLOCK;
        let numbers: Vec<u8> = blocks
            .flat_map(|n| n.to_ne_bytes().repeat(BLOCK as usize / 8))
            .collect();
        file.write_all(&numbers)?;
        file.rewind()?;
        Ok(file)
    }

    /// Sends a part of the file, and compares what arrives.
    fn part(name: &str, offset: u64, count: Option<u64>, timeout: Option<f64>) -> TestResult {
        let _bounded = bounded();
        let mut file = testfn(name)?;
        let mut all = Vec::new();
        file.read_to_end(&mut all)?;
        file.rewind()?;
        let (sock, conn) = pair();
        sock.settimeout(timeout)?;
        let reader = spawn(move || {
            let mut data = Vec::new();
            conn.makefile("rb")?.read_to_end(&mut data)?;
            Ok(data)
        });
        let len = count.unwrap_or(FILESIZE - offset);
        assert_eq!(sock.sendfile(&file, offset, count)?, len);
        assert_eq!(file.stream_position()?, offset + len);
        sock.close();
        assert!(reader.get()? == all[offset as usize..(offset + len) as usize]);
        Ok(())
    }

    #[test]
    fn testRegularFile() -> TestResult {
        part("regular", 0, None, None)
    }

    #[test]
    fn testOffset() -> TestResult {
        part("offset", 5000, None, None)
    }

    #[test]
    fn testCount() -> TestResult {
        part("count", 0, Some(5_000_007), Some(30.0))
    }

    #[test]
    fn testCountSmall() -> TestResult {
        part("small", 0, Some(1), Some(30.0))
    }

    #[test]
    fn testCountWithOffset() -> TestResult {
        part("both", 2007, Some(100_007), Some(30.0))
    }

    #[test]
    fn testWithTimeout() -> TestResult {
        part("timeout", 0, None, Some(30.0))
    }

    #[test]
    fn testWithTimeoutTriggeredSend() -> TestResult {
        let _bounded = bounded();
        let mut file = testfn("slow")?;
        let (sock, conn) = socketpair()?;
        sock.settimeout(0.01)?;
        let error = sock.sendfile(&file, 0, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = Exception::from(error);
        let inside = error.downcast_ref::<SendAllError>().expect("it tells");
        assert_eq!(inside.source.to_string(), "timed out");
        // The position of the file says how much has been sent.
        assert_eq!(file.stream_position()?, inside.sent);
        sock.close();
        let mut data = Vec::new();
        conn.makefile("rb")?.read_to_end(&mut data)?;
        assert_eq!(data.len() as u64, inside.sent);
        Ok(())
    }
}
