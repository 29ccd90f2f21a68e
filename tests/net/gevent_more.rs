//! More counterparts of gevent's `test__socket.py`, `test__socket_send_memoryview.py` and `test__makefile_ref.py`.

use std::net::{Ipv6Addr, SocketAddr};

use gevent::exceptions::TimedOut;
use gevent::hub::core::Events;
use gevent::socket::{AF_INET, AF_INET6, SOCK_DGRAM, Socket, SocketAddress, create_connection, socketpair, wait};
use gevent::{get_hub, spawn};

use super::python_socket::{EBADF, address_of, tcp_listener};
use crate::support::{TestResult, bounded};

mod test_functions {
    use super::*;

    #[test]
    fn test_wait_timeout() -> TestResult {
        let _bounded = bounded();
        let (a, _b) = socketpair()?;
        let io = get_hub().loop_().io(a.fileno(), Events::READ)?;
        assert!(wait(&io, 0.01).unwrap_err().is::<TimedOut>());
        Ok(())
    }

    /// A number of a host stays as it is, with its scope: nothing is looked up.
    #[test]
    fn test_resolve_ipv6_scope_id() -> TestResult {
        let address = (Ipv6Addr::LOCALHOST, 0, 0, 1);
        let socket = Socket::new(AF_INET6, SOCK_DGRAM, 0)?;
        if socket.bind(address).is_ok() {
            let peer = SocketAddress::from((Ipv6Addr::LOCALHOST, 9, 0, 1));
            socket.connect(&peer)?;
            assert_eq!(address_of(&socket).ip(), Ipv6Addr::LOCALHOST);
        }
        let given = SocketAddress::from(("2607:f8b0:4000:80e::200e".parse::<Ipv6Addr>().unwrap(), 80, 0, 9));
        let SocketAddress::Inet6(v6) = given else {
            panic!("{given}")
        };
        assert_eq!((v6.scope_id(), SocketAddr::from(v6).port()), (9, 80));
        Ok(())
    }
}

mod test_send_gevent_socket {
    use super::*;

    /// Bytes of anything can be sent, here of a record of the system's form.
    #[test]
    fn test_send() -> TestResult {
        let _bounded = bounded();
        let receiver = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
        receiver.bind(("127.0.0.1", 0))?;
        let record = [1_u32.to_ne_bytes(), 2_u32.to_ne_bytes()];
        for timeout in [None, Some(1.0)] {
            let socket = Socket::new(AF_INET, SOCK_DGRAM, 0)?;
            socket.connect(address_of(&receiver))?;
            socket.settimeout(timeout)?;
            socket.sendall(record.as_flattened())?;
            assert_eq!(receiver.recv(100)?, record.concat());
            assert_eq!(socket.send(record.as_flattened())?, 8);
            assert_eq!(receiver.recv(100)?, record.concat());
        }
        Ok(())
    }
}

/// The socket of a server, which has come from `accept`. The other side sees when the descriptor is closed.
mod test_makefile_ref {
    use super::*;

    fn accepted(test: impl FnOnce(&Socket, &dyn Fn() -> bool) -> TestResult) -> TestResult {
        let _bounded = bounded();
        let listener = tcp_listener();
        let address = address_of(&listener);
        let connect = spawn(move || Ok(create_connection(address).inspect(|peer| peer.setblocking(false))?));
        let client_socket = listener.accept()?.0;
        let peer = connect.get()?;
        let is_over = || peer.recv(1).is_ok_and(|data| data.is_empty());
        assert!(client_socket.fileno() >= 0 && !is_over());
        test(&client_socket, &is_over)?;
        assert_eq!(client_socket.fileno(), -1);
        assert_eq!(client_socket.getsockname().unwrap_err().raw_os_error(), EBADF);
        assert!(is_over());
        Ok(())
    }

    #[test]
    fn test_server_simple() -> TestResult {
        accepted(|client_socket, _is_over| {
            client_socket.close();
            Ok(())
        })
    }

    #[test]
    fn test_server_makefile1() -> TestResult {
        accepted(|client_socket, is_over| {
            let f = client_socket.makefile("r")?;
            client_socket.close();
            assert!(client_socket.fileno() >= 0 && !is_over());
            Ok(f.close()?)
        })
    }

    #[test]
    fn test_server_makefile2() -> TestResult {
        accepted(|client_socket, is_over| {
            client_socket.makefile("r")?.close()?;
            assert!(client_socket.fileno() >= 0 && !is_over());
            client_socket.close();
            Ok(())
        })
    }
}
