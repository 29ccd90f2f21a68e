//! CPython's `test_socket`, as gevent runs it: Unix addresses, buffers, what programs inherit, and functions of the
//! module.

#![allow(non_snake_case, reason = "the names are CPython's")]

use std::fs::File;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use gevent::Exception;
use gevent::socket::{
    AF_INET, AF_UNIX, BadAddress, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Socket, SocketAddress,
    create_connection, inet_aton, socketpair,
};

use super::cpython_tcp::{MSG, connected, sends};
use super::python_socket::{EBADF, address_of, pair, tcp_listener};
use crate::support::{TestResult, bounded};

fn socket(family: i32, type_: i32) -> Result<Socket, Exception> {
    Ok(Socket::new(family, type_, 0)?)
}

fn unix() -> Result<Socket, Exception> {
    socket(AF_UNIX, SOCK_STREAM)
}

#[cfg(target_os = "linux")]
mod test_linux_abstract_namespace {
    use super::*;

    const UNIX_PATH_MAX: usize = 108;

    /// A name of this process, filled up to a length.
    fn name(what: &str, len: usize) -> SocketAddress {
        let name = format!("\0{what} {}", std::process::id());
        SocketAddress::from(&*format!("{name:h<len$}"))
    }

    #[test]
    fn testLinuxAbstractNamespace() -> TestResult {
        let _bounded = bounded();
        let bytes = [b"\0rust-test-hello\0\xff", &std::process::id().to_ne_bytes()[..]].concat();
        let address = SocketAddress::Unix(std::ffi::OsStr::from_bytes(&bytes).into());
        let (s1, s2) = (unix()?, unix()?);
        s1.bind(&address)?;
        s1.listen(128)?;
        s2.connect(s1.getsockname()?)?;
        s1.accept()?;
        assert_eq!(s1.getsockname()?, address);
        assert_eq!(s2.getpeername()?, address);
        Ok(())
    }

    #[test]
    fn testMaxName() -> TestResult {
        let (s, address) = (unix()?, name("max", UNIX_PATH_MAX));
        s.bind(&address)?;
        assert_eq!(s.getsockname()?, address);
        Ok(())
    }

    #[test]
    fn testNameOverflow() -> TestResult {
        let error = unix()?.bind(name("overflow", UNIX_PATH_MAX + 1)).unwrap_err();
        let bad = error.get_ref().and_then(|bad| bad.downcast_ref::<BadAddress>());
        assert_eq!(bad, Some(&BadAddress::TooLong(UNIX_PATH_MAX + 1)));
        Ok(())
    }

    #[test]
    fn testStrName() -> TestResult {
        let (s, address) = (unix()?, &*format!("\0rust\0test\0{}\0", std::process::id()));
        s.bind(address)?;
        assert_eq!(s.getsockname()?, address.into());
        Ok(())
    }

    /// An empty name lets the system choose an abstract one: five digits.
    #[test]
    fn testAutobind() -> TestResult {
        let (s1, s2) = (unix()?, unix()?);
        for socket in [&s1, &s2] {
            socket.bind("")?;
            let SocketAddress::Unix(name) = socket.getsockname()? else {
                panic!("{socket:?}")
            };
            let bytes = name.as_os_str().as_bytes();
            assert!(bytes.len() == 6 && bytes[0] == 0, "{name:?}");
            assert!(bytes[1..].iter().all(|digit| digit.is_ascii_hexdigit()), "{name:?}");
        }
        assert_ne!(s1.getsockname()?, s2.getsockname()?);
        Ok(())
    }
}

mod test_unix_domain {
    use super::*;

    fn binds(name: &std::ffi::OsStr) -> TestResult {
        let path = std::env::temp_dir().join(name);
        let sock = unix()?;
        sock.bind(path.clone())?;
        std::fs::remove_file(&path)?;
        assert_eq!(sock.getsockname()?, SocketAddress::Unix(path));
        Ok(())
    }

    fn name(what: &str) -> String {
        format!("gevent {what} {}", std::process::id())
    }

    #[test]
    fn testUnbound() -> TestResult {
        assert_eq!(unix()?.getsockname()?, SocketAddress::Unix(PathBuf::new()));
        Ok(())
    }

    #[test]
    fn testStrAddr() -> TestResult {
        binds(name("str").as_ref())
    }

    /// A path is bytes, which need not be a text.
    #[test]
    fn testBytesAddr() -> TestResult {
        let bytes = [name("bytes").as_bytes(), b"\xff\xe4"].concat();
        binds(std::ffi::OsStr::from_bytes(&bytes))
    }

    #[test]
    fn testSurrogateescapeBind() -> TestResult {
        binds(name("\u{e4}\u{20ac}").as_ref())
    }
}

mod buffer_io_test {
    use super::*;

    #[test]
    fn testRecvIntoArray() -> TestResult {
        connected(sends, |socket| {
            let mut buf = vec![0; MSG.len()];
            assert_eq!(socket.recv_into(&mut buf)?, MSG.len());
            assert_eq!(buf, MSG);
            Ok(())
        })
    }

    #[test]
    fn testRecvIntoMemoryview() -> TestResult {
        connected(sends, |socket| {
            let mut buf = [0; 1024];
            assert_eq!(socket.recv_into(&mut buf[1..])?, MSG.len());
            assert_eq!(buf[1..=MSG.len()], *MSG);
            assert!(buf[MSG.len() + 1..].iter().all(|byte| *byte == 0));
            Ok(())
        })
    }

    #[test]
    fn testRecvFromIntoArray() -> TestResult {
        connected(sends, |socket| {
            let mut buf = vec![0; MSG.len()];
            assert_eq!(socket.recvfrom_into(&mut buf)?, (MSG.len(), None));
            assert_eq!(buf, MSG);
            Ok(())
        })
    }

    #[test]
    fn testRecvFromIntoMemoryview() -> TestResult {
        connected(sends, |socket| {
            let mut buf = [0; 1024];
            assert_eq!(socket.recvfrom_into(&mut buf[1..])?.0, MSG.len());
            assert_eq!(buf[1..=MSG.len()], *MSG);
            Ok(())
        })
    }

    #[test]
    fn testRecvFromIntoEmptyBuffer() -> TestResult {
        connected(sends, |socket| {
            gevent::socket::wait_read(socket.fileno(), None)?;
            assert_eq!(socket.recvfrom_into(&mut [])?.0, 0);
            assert_eq!(socket.recv(1024)?, MSG);
            Ok(())
        })
    }
}

/// What a new program inherits is an option of the descriptor, not of the socket.
mod inheritance_test {
    use super::*;

    fn get_inheritable(socket: &Socket) -> Result<bool, Exception> {
        let flags = socket.with_fd(|fd| rustix::io::fcntl_getfd(fd))?;
        let flags = flags.map_err(std::io::Error::from)?;
        Ok(!flags.contains(rustix::io::FdFlags::CLOEXEC))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn test_SOCK_CLOEXEC() -> TestResult {
        let s = socket(AF_INET, SOCK_STREAM | libc::SOCK_CLOEXEC)?;
        assert_eq!(s.type_()?, SOCK_STREAM);
        assert!(!get_inheritable(&s)?);
        Ok(())
    }

    #[test]
    fn test_default_inheritable() -> TestResult {
        assert!(!get_inheritable(&socket(AF_INET, SOCK_STREAM)?)?);
        let (_client, server) = pair();
        assert!(!get_inheritable(&server)?);
        Ok(())
    }

    #[test]
    fn test_dup() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        let newsock = sock.dup()?;
        sock.close();
        assert!(!get_inheritable(&newsock)?);
        Ok(())
    }

    #[test]
    fn test_set_inheritable() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        for inheritable in [true, false] {
            sock.with_options(|options| options.set_cloexec(!inheritable))??;
            assert_eq!(get_inheritable(&sock)?, inheritable);
        }
        Ok(())
    }

    #[test]
    fn test_socketpair() -> TestResult {
        let (s1, s2) = socketpair()?;
        assert!(!get_inheritable(&s1)? && !get_inheritable(&s2)?);
        Ok(())
    }

    /// `NonblockConstantTest`: the descriptor never blocks, and the type has no flags.
    #[cfg(target_os = "linux")]
    #[test]
    fn test_SOCK_NONBLOCK() -> TestResult {
        let s = socket(AF_INET, SOCK_STREAM | libc::SOCK_NONBLOCK)?;
        for timeout in [Some(0.0), None, Some(0.0), None, Some(2.0), None] {
            s.settimeout(timeout)?;
            assert_eq!((s.type_()?, s.gettimeout()), (SOCK_STREAM, timeout));
            assert_eq!(s.getblocking(), timeout != Some(0.0));
        }
        Ok(())
    }
}

mod general_module_tests {
    use super::*;

    #[test]
    fn testSockName() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        sock.bind(("0.0.0.0", 0))?;
        let name = address_of(&sock);
        assert!(name.ip() == Ipv4Addr::UNSPECIFIED && name.port() != 0);
        Ok(())
    }

    #[test]
    fn testGetSockOpt() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        assert_eq!(sock.getsockopt(SOL_SOCKET, SO_REUSEADDR)?, 0);
        Ok(())
    }

    #[test]
    fn testSetSockOpt() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)?;
        assert_ne!(sock.getsockopt(SOL_SOCKET, SO_REUSEADDR)?, 0);
        Ok(())
    }

    #[test]
    fn testSendAfterClose() -> TestResult {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        sock.close();
        assert_eq!(sock.send(b"spam").unwrap_err().raw_os_error(), EBADF);
        Ok(())
    }

    #[test]
    fn testNewAttributes() -> TestResult {
        let sock = Socket::new(AF_INET, SOCK_STREAM, libc::IPPROTO_TCP)?;
        let attributes = (sock.family()?, sock.type_()?, sock.proto()?);
        assert_eq!(attributes, (AF_INET, SOCK_STREAM, libc::IPPROTO_TCP));
        Ok(())
    }

    #[test]
    fn test_getsockaddrarg() -> TestResult {
        assert_eq!(SocketAddress::host("localhost", 65536), Err(BadAddress::Port(65536)));
        assert_eq!(SocketAddress::host("localhost", -1), Err(BadAddress::Port(-1)));
        let sock = socket(AF_INET, SOCK_STREAM)?;
        sock.bind(SocketAddress::host("127.0.0.1", 0)?)?;
        Ok(())
    }

    #[test]
    fn test_listen_backlog() -> TestResult {
        let _bounded = bounded();
        for backlog in [0, -1] {
            let srv = socket(AF_INET, SOCK_STREAM)?;
            srv.bind(("127.0.0.1", 0))?;
            srv.listen(backlog)?;
            create_connection(address_of(&srv))?;
        }
        Ok(())
    }

    #[test]
    fn test_makefile_invalid_mode() -> TestResult {
        let sock = tcp_listener();
        for mode in ["rt", "x", "+", "a"] {
            let error = sock.makefile(mode).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("invalid mode"), "{error}");
        }
        Ok(())
    }

    #[test]
    fn test_makefile_mode() -> TestResult {
        let sock = tcp_listener();
        for mode in ["r", "rb", "rw", "w", "wb"] {
            sock.makefile(mode)?.close()?;
        }
        Ok(())
    }

    #[test]
    fn testIPv4_inet_aton_fourbytes() {
        assert_eq!(inet_aton("0.0.0.0").map(|ip| ip.octets()), Some([0; 4]));
        assert_eq!(inet_aton("255.255.255.255").map(|ip| ip.octets()), Some([255; 4]));
    }

    #[test]
    fn test_socket_fileno() -> TestResult {
        for socket in [socket(AF_INET, SOCK_STREAM)?, socket(AF_INET, SOCK_DGRAM)?, unix()?] {
            let kind = (socket.family()?, socket.type_()?);
            let again = Socket::try_from(socket.detach()?)?;
            assert_eq!((again.family()?, again.type_()?), kind);
        }
        Ok(())
    }

    #[test]
    fn test_socket_fileno_requires_socket_fd() -> TestResult {
        let file = File::open("/dev/null")?;
        let result = Socket::try_from(std::os::fd::OwnedFd::from(file)).and_then(|socket| socket.family());
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
        Ok(())
    }
}
