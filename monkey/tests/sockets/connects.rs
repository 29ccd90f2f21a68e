//! connect.

use std::mem::zeroed;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use libc::{AF_INET, ECONNREFUSED, EINPROGRESS, SOCK_DGRAM, SOCK_STREAM, c_int, sockaddr_in, timeval};

use crate::receives::socket;
use crate::team::{Team, as_in_threads, result};

fn connect(fd: RawFd, address: SocketAddr) -> Result<usize, c_int> {
    // SAFETY: numbers.
    let mut raw: sockaddr_in = unsafe { zeroed() };
    raw.sin_family = AF_INET as _;
    raw.sin_port = address.port().to_be();
    raw.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    // SAFETY: the address has this length.
    result(unsafe { libc::connect(fd, (&raw const raw).cast(), size_of_val(&raw) as libc::socklen_t) } as isize)
}

fn flags(fd: RawFd) -> c_int {
    // SAFETY: this changes nothing.
    unsafe { libc::fcntl(fd, libc::F_GETFL) }
}

fn socket_error(fd: RawFd) -> c_int {
    let (mut error, mut len) = (0, size_of::<c_int>() as libc::socklen_t);
    // SAFETY: the option is a number.
    let got = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut error).cast(),
            &raw mut len,
        )
    };
    assert_eq!(got, 0);
    error
}

/// A socket whose connection was refused can be connected at once; and one that is connected cannot.
#[test]
fn refused_and_then_connected() {
    fn program(_: Team) -> (Vec<Result<usize, c_int>>, Vec<c_int>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = socket(AF_INET, SOCK_STREAM);
        let fd = socket.as_raw_fd();
        let before = flags(fd);
        let refused = connect(fd, nobody);
        let left = socket_error(fd);
        let connected = connect(fd, listener.local_addr().unwrap());
        let again = connect(fd, listener.local_addr().unwrap());
        listener.accept().unwrap();
        (vec![refused, connected, again], vec![left, flags(fd) - before])
    }
    let (results, _) = as_in_threads(program);
    assert_eq!(results, [Err(ECONNREFUSED), Ok(0), Err(libc::EISCONN)]);
}

#[test]
fn errors_are_told_at_once() {
    fn program(_: Team) -> Vec<Result<usize, c_int>> {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let datagrams = socket(AF_INET, SOCK_DGRAM);
        let nonblocking = socket(AF_INET, SOCK_STREAM | libc::SOCK_NONBLOCK);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        vec![
            connect(file.as_raw_fd(), address),
            connect(-1, address),
            connect(datagrams.as_raw_fd(), address),
            connect(nonblocking.as_raw_fd(), listener.local_addr().unwrap()),
            connect(listener.as_raw_fd(), address),
            // SAFETY: an address without a length.
            result(unsafe { libc::connect(nonblocking.as_raw_fd(), std::ptr::null(), 0) } as isize),
        ]
    }
    let results = as_in_threads(program);
    assert_eq!((results[2], results[3]), (Ok(0), Err(EINPROGRESS)));
}

/// A listener whose queue is full answers nobody.
#[test]
fn a_connection_ends_with_the_sockets_time() {
    fn program(_: Team) -> Result<usize, c_int> {
        let listener = socket(AF_INET, SOCK_STREAM);
        // SAFETY: no conditions.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        // SAFETY: the socket is one that `TcpListener` could have made.
        let listener = TcpListener::from(listener);
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        loop {
            let socket = socket(AF_INET, SOCK_STREAM);
            let limit = timeval {
                tv_sec: 0,
                tv_usec: 30_000,
            };
            // SAFETY: the option has this type.
            let set = unsafe {
                let (limit, len) = ((&raw const limit).cast(), size_of_val(&limit) as libc::socklen_t);
                libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDTIMEO, limit, len)
            };
            assert_eq!(set, 0);
            match connect(socket.as_raw_fd(), address) {
                Ok(_) => queue.push(socket),
                failed => return failed,
            }
        }
    }
    assert_eq!(as_in_threads(program), Err(EINPROGRESS));
}

#[test]
fn a_unix_listener_whose_queue_is_full_is_waited_for() {
    fn program(team: Team) -> usize {
        let path = std::env::temp_dir().join(format!("gevent-monkey-queue-{}-{team:?}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: no conditions. The queue is made short.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let clients: Vec<_> = (0..10)
            .map(|_| {
                let path = path.clone();
                team.spawn(move || {
                    let client = UnixStream::connect(path).unwrap();
                    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    std::io::Read::read(&mut &client, &mut [0; 1]).unwrap()
                })
            })
            .collect();
        for _ in 0..10 {
            std::io::Write::write_all(&mut listener.accept().unwrap().0, b"x").unwrap();
        }
        std::fs::remove_file(path).unwrap();
        clients.into_iter().map(|client| client.join()).sum()
    }
    assert_eq!(as_in_threads(program), 10);
}
