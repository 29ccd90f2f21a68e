//! Programs that use std alone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use crate::team::{Team, as_in_threads};

#[test]
fn a_server_and_its_clients_share_a_thread() {
    fn program(team: Team) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = team.spawn(move || {
            let served: Vec<_> = (0..20)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    team.spawn(move || {
                        let mut text = Vec::new();
                        stream.read_to_end(&mut text).unwrap();
                        stream.write_all(&text).unwrap();
                    })
                })
                .collect();
            served.into_iter().for_each(|thread| thread.join());
        });
        let clients: Vec<_> = (0..20u8)
            .map(|number| {
                team.spawn(move || {
                    let sent = vec![number; 300_000];
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(&sent).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).unwrap();
                    assert!(got == sent);
                })
            })
            .collect();
        clients.into_iter().for_each(|thread| thread.join());
        server.join();
    }
    as_in_threads(program);
}

#[test]
fn ping_pong() {
    fn program(team: Team) {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let echo = team.spawn(move || {
            let mut byte = [0];
            while one.read(&mut byte).unwrap() == 1 {
                one.write_all(&byte).unwrap();
            }
        });
        for n in 0..1000u32 {
            let mut byte = [n as u8];
            other.write_all(&byte).unwrap();
            other.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [n as u8]);
        }
        drop(other);
        echo.join();
    }
    as_in_threads(program);
}

#[test]
fn datagrams_come_whole_also_empty_ones() {
    fn program(team: Team) -> Vec<usize> {
        let one = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = one.local_addr().unwrap();
        let receiver = team.spawn(move || {
            let mut buffer = [0; 10_000];
            let mut lengths = Vec::new();
            loop {
                let (len, from) = one.recv_from(&mut buffer).unwrap();
                lengths.push(len);
                one.send_to(&buffer[..len], from).unwrap();
                if len == 3 {
                    return lengths;
                }
            }
        });
        other.connect(address).unwrap();
        let mut buffer = [0; 10_000];
        for len in [1, 0, 9000, 3] {
            assert_eq!(other.send(&vec![7; len]).unwrap(), len);
            assert_eq!(other.recv(&mut buffer).unwrap(), len);
        }
        receiver.join()
    }
    assert_eq!(as_in_threads(program), [1, 0, 9000, 3]);
}

/// The sender waits while the receiver's queue is full, whether the sender is connected, which the kernel tells, or
/// not.
#[test]
fn datagrams_wait_for_room() {
    fn program(team: Team) -> u32 {
        let folder = std::env::temp_dir().join(format!("gevent-monkey-{}-{team:?}", std::process::id()));
        let _ = std::fs::remove_file(&folder);
        let receiver = UnixDatagram::bind(&folder).unwrap();
        let senders: Vec<_> = [true, false]
            .map(|connected| {
                let path = folder.clone();
                team.spawn(move || {
                    let sender = UnixDatagram::unbound().unwrap();
                    if connected {
                        sender.connect(&path).unwrap();
                    }
                    for n in 0..100u32 {
                        match connected {
                            true => sender.send(&n.to_ne_bytes()).unwrap(),
                            false => sender.send_to(&n.to_ne_bytes(), &path).unwrap(),
                        };
                    }
                })
            })
            .into_iter()
            .collect();
        let mut sum = 0;
        for _ in 0..200 {
            let mut number = [0; 4];
            assert_eq!(receiver.recv(&mut number).unwrap(), 4);
            sum += u32::from_ne_bytes(number);
        }
        senders.into_iter().for_each(|sender| sender.join());
        std::fs::remove_file(folder).unwrap();
        sum
    }
    assert_eq!(as_in_threads(program), 4950 * 2);
}

#[test]
fn sockets_have_their_own_timeouts() {
    fn program(_: Team) -> Vec<ErrorKind> {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        one.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        one.set_write_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut errors = vec![one.read(&mut [0]).unwrap_err().kind()];
        // What was sent before the time was over is told.
        let sent = one.write(&vec![1; 10_000_000]).unwrap();
        assert!((1..10_000_000).contains(&sent));
        errors.push(one.write(&[1]).unwrap_err().kind());
        drop(one);
        let mut got = Vec::new();
        other.read_to_end(&mut got).unwrap();
        assert_eq!(got.len(), sent);
        errors
    }
    assert_eq!(as_in_threads(program), [ErrorKind::WouldBlock, ErrorKind::WouldBlock]);
}

#[test]
fn what_has_o_nonblock_says_so() {
    fn program(_: Team) -> Vec<ErrorKind> {
        let (mut one, _other) = UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        let mut errors = vec![one.read(&mut [0]).unwrap_err().kind()];
        let sent = one.write(&vec![1; 10_000_000]).unwrap();
        assert!((1..10_000_000).contains(&sent));
        errors.push(one.write(&[1]).unwrap_err().kind());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        errors.push(listener.accept().unwrap_err().kind());
        errors
    }
    as_in_threads(program);
}

/// The error of a datagram that nobody took comes to who waits for another one.
#[test]
fn an_error_ends_a_wait() {
    fn program(team: Team) -> ErrorKind {
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = nobody.local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        let waiter = socket.try_clone().unwrap();
        let waiter = team.spawn(move || waiter.recv(&mut [0; 10]).unwrap_err().kind());
        drop(nobody);
        socket.send(b"hello").unwrap();
        waiter.join()
    }
    assert_eq!(as_in_threads(program), ErrorKind::ConnectionRefused);
}
