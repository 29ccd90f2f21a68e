//! CPython's `test_socket`, as gevent runs it: connections, datagrams, and sockets that do not wait. Modules have the
//! names of its classes, and tests their own.

#![allow(non_snake_case, reason = "the names are CPython's")]

use std::io::ErrorKind;
use std::net::Shutdown;

use gevent::event::Event;
use gevent::exceptions::TimedOut;
use gevent::socket::{
    AF_INET, AF_UNIX, CreateConnection, SOCK_DGRAM, SOCK_STREAM, Socket, SocketAddress, create_connection,
    create_connection_timeout, create_connection_with, create_server, fromfd, socketpair, wait_read,
};
use gevent::{Exception, Greenlet, Kill, sleep, spawn};

use super::python_socket::{EBADF, address_of, pair, tcp_listener};
use crate::support::{ExpectedError, TestResult, bounded};

pub(crate) const MSG: &[u8] = "Michael Gilfix was here\u{1234}\r\n".as_bytes();

/// Runs a test at one end of a connection, while a greenlet is the other side and then closes its end.
pub(crate) fn connected(
    other: impl FnOnce(&Socket) -> TestResult + 'static,
    test: impl FnOnce(&Socket) -> TestResult,
) -> TestResult {
    let _bounded = bounded();
    let (theirs, ours) = pair();
    let other: Greenlet<()> = spawn(move || other(&theirs));
    test(&ours)?;
    other.get()
}

pub(crate) fn sends(socket: &Socket) -> TestResult {
    assert_eq!(socket.send(MSG)?, MSG.len());
    Ok(())
}

fn udp() -> Result<Socket, Exception> {
    let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
    socket.bind(("127.0.0.1", 0))?;
    Ok(socket)
}

fn is_timeout(error: std::io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && Exception::from(error).is::<TimedOut>()
}

mod basic_tcp_test {
    use super::*;

    #[test]
    fn testRecv() -> TestResult {
        connected(sends, |socket| {
            assert_eq!(socket.recv(1024)?, MSG);
            Ok(())
        })
    }

    #[test]
    fn testOverFlowRecv() -> TestResult {
        connected(sends, |socket| {
            let mut all = socket.recv(MSG.len() - 3)?;
            all.extend(socket.recv(1024)?);
            assert_eq!(all, MSG);
            Ok(())
        })
    }

    #[test]
    fn testRecvFrom() -> TestResult {
        connected(sends, |socket| {
            assert_eq!(socket.recvfrom(1024)?, (MSG.to_vec(), None));
            Ok(())
        })
    }

    #[test]
    fn testOverFlowRecvFrom() -> TestResult {
        connected(sends, |socket| {
            let mut all = socket.recvfrom(MSG.len() - 3)?.0;
            all.extend(socket.recvfrom(1024)?.0);
            assert_eq!(all, MSG);
            Ok(())
        })
    }

    #[test]
    fn testSendAll() -> TestResult {
        let big_chunk = || vec![b'f'; 2048];
        let sends_all = move |socket: &Socket| Ok(socket.sendall(&big_chunk())?);
        connected(sends_all, |socket| {
            let mut all = Vec::new();
            loop {
                let read = socket.recv(1024)?;
                if read.is_empty() {
                    break;
                }
                all.extend(read);
            }
            assert_eq!(all, big_chunk());
            Ok(())
        })
    }

    #[test]
    fn testFromFd() -> TestResult {
        connected(sends, |socket| {
            let copy = socket.with_fd(|fd| fromfd(fd, AF_INET, SOCK_STREAM, 0))??;
            assert_eq!(copy.recv(1024)?, MSG);
            Ok(())
        })
    }

    #[test]
    fn testDup() -> TestResult {
        connected(sends, |socket| {
            assert_eq!(socket.dup()?.recv(1024)?, MSG);
            Ok(())
        })
    }

    #[test]
    fn testShutdown() -> TestResult {
        let other = |socket: &Socket| {
            sends(socket)?;
            Ok(socket.shutdown(Shutdown::Both)?)
        };
        connected(other, |socket| {
            assert_eq!(socket.recv(1024)?, MSG);
            assert_eq!(socket.recv(1024)?, b"");
            Ok(())
        })
    }

    #[test]
    fn testDetach() -> TestResult {
        connected(sends, |socket| {
            let fileno = socket.fileno();
            let f = socket.detach()?;
            assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&f), fileno);
            assert_eq!(socket.fileno(), -1);
            assert_eq!(socket.recv(1024).unwrap_err().raw_os_error(), EBADF);
            socket.close();
            let again = Socket::with_fileno(AF_INET, SOCK_STREAM, 0, f)?;
            assert_eq!(again.recv(1024)?, MSG);
            Ok(())
        })
    }
}

mod basic_udp_test {
    use super::*;

    #[test]
    fn testSendtoAndRecv() -> TestResult {
        let _bounded = bounded();
        let (serv, cli) = (udp()?, Socket::new(AF_INET, SOCK_DGRAM, 0)?);
        cli.sendto_with_flags(MSG, 0, address_of(&serv))?;
        assert_eq!(serv.recv(MSG.len())?, MSG);
        Ok(())
    }

    #[test]
    fn testRecvFrom() -> TestResult {
        let _bounded = bounded();
        let (serv, cli) = (udp()?, udp()?);
        cli.sendto(MSG, address_of(&serv))?;
        let from = SocketAddress::from(address_of(&cli));
        assert_eq!(serv.recvfrom(MSG.len())?, (MSG.to_vec(), Some(from)));
        Ok(())
    }
}

mod tcp_closer_test {
    use super::*;

    #[test]
    fn testClose() -> TestResult {
        let _bounded = bounded();
        let (sd, conn) = pair();
        conn.close();
        wait_read(sd.fileno(), None)?;
        assert_eq!(sd.recv(1)?, b"");
        conn.close();
        conn.close();
        Ok(())
    }
}

mod basic_socket_pair_test {
    use super::*;

    #[test]
    fn testDefaults() -> TestResult {
        let (cli, serv) = socketpair()?;
        for socket in [cli, serv] {
            assert_eq!(
                (socket.family()?, socket.type_()?, socket.proto()?),
                (AF_UNIX, SOCK_STREAM, 0)
            );
        }
        Ok(())
    }

    #[test]
    fn testRecv() -> TestResult {
        let _bounded = bounded();
        let (cli, serv) = socketpair()?;
        let sender = spawn(move || sends(&cli));
        assert_eq!(serv.recv(1024)?, MSG);
        sender.get()
    }

    #[test]
    fn testSend() -> TestResult {
        let _bounded = bounded();
        let (cli, serv) = socketpair()?;
        let receiver = spawn(move || Ok(cli.recv(1024)?));
        sends(&serv)?;
        assert_eq!(receiver.get()?, MSG);
        Ok(())
    }
}

mod non_blocking_tcp_tests {
    use super::*;

    /// Unlike Python's, the descriptor never blocks, as in gevent.
    fn assert_sock_timeout(socket: &Socket, timeout: Option<f64>) -> TestResult {
        assert_eq!(socket.gettimeout(), timeout);
        assert_eq!(socket.getblocking(), timeout != Some(0.0));
        assert!(socket.with_options(|options| options.nonblocking())??);
        Ok(())
    }

    #[test]
    fn testSetBlocking() -> TestResult {
        let serv = tcp_listener();
        serv.setblocking(true);
        assert_sock_timeout(&serv, None)?;
        serv.setblocking(false);
        assert_sock_timeout(&serv, Some(0.0))?;
        for timeout in [None, Some(0.0), Some(10.0), Some(0.0)] {
            serv.settimeout(timeout)?;
            assert_sock_timeout(&serv, timeout)?;
        }
        Ok(())
    }

    #[test]
    fn testInheritFlagsBlocking() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        serv.settimeout(10)?;
        let _cli = create_connection(address_of(&serv))?;
        let conn = serv.accept()?.0;
        assert_sock_timeout(&conn, None)
    }

    #[test]
    fn testAccept() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        serv.setblocking(false);
        assert_eq!(serv.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        let address = address_of(&serv);
        let cli = spawn(move || Ok(create_connection(address).map(drop)?));
        wait_read(serv.fileno(), None)?;
        assert_eq!(serv.accept()?.0.gettimeout(), None);
        cli.get()
    }

    #[test]
    fn testRecv() -> TestResult {
        let event = Event::new();
        let other = {
            let event = event.clone();
            move |socket: &Socket| {
                event.wait()?;
                sends(socket)
            }
        };
        connected(other, |conn| {
            conn.setblocking(false);
            assert_eq!(conn.recv(MSG.len()).unwrap_err().kind(), ErrorKind::WouldBlock);
            event.set();
            wait_read(conn.fileno(), None)?;
            assert_eq!(conn.recv(MSG.len())?, MSG);
            Ok(())
        })
    }
}

mod network_connection_attributes_test {
    use super::*;

    #[test]
    fn testFamily() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        let cli = create_connection_timeout(address_of(&serv), 30)?;
        assert_eq!(cli.family()?, 2);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn testSourceAddress() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        // The port is this test's at another host, so that no other test can take it.
        let kept = create_server(("127.0.0.2", 0))?;
        let source_port = address_of(&kept).port();
        let settings = CreateConnection::default().source_address(("127.0.0.3", source_port));
        let cli = create_connection_with(address_of(&serv), settings)?;
        assert_eq!(
            address_of(&cli),
            (std::net::Ipv4Addr::new(127, 0, 0, 3), source_port).into()
        );
        Ok(())
    }

    #[test]
    fn testTimeoutNone() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        assert_eq!(create_connection(address_of(&serv))?.gettimeout(), None);
        assert_eq!(create_connection_timeout(address_of(&serv), None)?.gettimeout(), None);
        Ok(())
    }

    #[test]
    fn testTimeoutValueNamed() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        let settings = CreateConnection::default().timeout(30);
        let cli = create_connection_with(address_of(&serv), settings)?;
        assert_eq!(cli.gettimeout(), Some(30.0));
        Ok(())
    }
}

mod network_connection_behaviour_test {
    use super::*;

    #[test]
    fn testInsideTimeout() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        let cli = create_connection_timeout(address_of(&serv), 30)?;
        let server = spawn(move || {
            let conn = serv.accept()?.0;
            sleep(0.01)?;
            Ok(conn.sendall(b"done!")?)
        });
        assert_eq!(cli.recv(5)?, b"done!");
        server.get()
    }

    #[test]
    fn testOutsideTimeout() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        let cli = create_connection(address_of(&serv))?;
        let _conn = serv.accept()?;
        cli.settimeout(0.01)?;
        assert!(is_timeout(cli.recv(5).unwrap_err()));
        Ok(())
    }
}

mod tcp_timeout_test {
    use super::*;

    #[test]
    fn testTCPTimeout() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        serv.settimeout(0.01)?;
        assert!(is_timeout(serv.accept().unwrap_err()));
        Ok(())
    }

    #[test]
    fn testTimeoutZero() -> TestResult {
        let serv = tcp_listener();
        serv.settimeout(0.0)?;
        let error = serv.accept().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        assert!(!is_timeout(error));
        Ok(())
    }

    /// What is thrown into the greenlet in the middle of the call is not taken for its timeout.
    #[test]
    fn testInterruptedTimeout() -> TestResult {
        let _bounded = bounded();
        let serv = tcp_listener();
        serv.settimeout(30)?;
        let acceptor = spawn(move || Ok(serv.accept().map(drop)?));
        sleep(0)?;
        acceptor.kill_with(Kill::with(ExpectedError("alarm")))?;
        assert!(acceptor.get().unwrap_err().is::<ExpectedError>());
        Ok(())
    }
}

mod udp_timeout_test {
    use super::*;

    #[test]
    fn testUDPTimeout() -> TestResult {
        let _bounded = bounded();
        let serv = udp()?;
        serv.settimeout(0.01)?;
        assert!(is_timeout(serv.recv(1024).unwrap_err()));
        Ok(())
    }

    #[test]
    fn testTimeoutZero() -> TestResult {
        let serv = udp()?;
        serv.settimeout(0.0)?;
        let error = serv.recv(1024).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EAGAIN));
        assert!(!is_timeout(error));
        Ok(())
    }
}
