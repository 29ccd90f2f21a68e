//! std's sockets in virtual threads.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use gevent_threading::spawn;

fn patch() {
    gevent_monkey::patch_all().unwrap();
}

/// One virtual thread for each connection, and one thread of the operating system's for all.
#[test]
fn a_server_and_its_clients_share_a_thread() {
    patch();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn(move || {
        let served: Vec<_> = (0..20)
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                spawn(move || {
                    let mut text = Vec::new();
                    stream.read_to_end(&mut text).unwrap();
                    stream.write_all(&text).unwrap();
                })
            })
            .collect();
        served.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let clients: Vec<_> = (0..20u8)
        .map(|number| {
            spawn(move || {
                let sent = vec![number; 300_000];
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(&sent).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut got = Vec::new();
                stream.read_to_end(&mut got).unwrap();
                assert!(got == sent);
            })
        })
        .collect();
    clients.into_iter().for_each(|thread| thread.join().unwrap());
    server.join().unwrap();
}

#[test]
fn ping_pong() {
    patch();
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let echo = spawn(move || {
        let mut byte = [0];
        while one.read(&mut byte).unwrap() == 1 {
            one.write_all(&byte).unwrap();
        }
    });
    let client = spawn(move || {
        for n in 0..1000u32 {
            let mut byte = [n as u8];
            other.write_all(&byte).unwrap();
            other.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [n as u8]);
        }
    });
    client.join().unwrap();
    echo.join().unwrap();
}

#[test]
fn datagrams() {
    patch();
    let one = UdpSocket::bind("127.0.0.1:0").unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = one.local_addr().unwrap();
    let receiver = spawn(move || {
        let mut buffer = [0; 100];
        let (len, from) = one.recv_from(&mut buffer).unwrap();
        one.send_to(&buffer[..len], from).unwrap();
    });
    let sender = spawn(move || {
        other.send_to(b"hello", address).unwrap();
        let mut buffer = [0; 100];
        let len = other.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"hello");
    });
    receiver.join().unwrap();
    sender.join().unwrap();
}
