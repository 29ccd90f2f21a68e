//! std's sockets and pipes in plain greenlets, beside gevent's own.

mod team;

use std::io::{Read, Write, pipe};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use gevent::Exception;

use team::bounded;

#[test]
fn they_park() {
    // SAFETY: this program's greenlets run std's sockets and pipes, which keep nothing in thread-locals over a call.
    unsafe { gevent_monkey::greenlets::patch_socket() };
    bounded(|| {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let echo = gevent::spawn(move || {
            let mut byte = [0];
            while one.read(&mut byte).unwrap() == 1 {
                one.write_all(&byte).unwrap();
            }
            Ok::<_, Exception>(())
        });
        let client = gevent::spawn(move || {
            for n in 0..100u8 {
                let mut byte = [n];
                other.write_all(&byte).unwrap();
                other.read_exact(&mut byte).unwrap();
                assert_eq!(byte, [n]);
            }
            Ok::<_, Exception>(())
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = gevent::spawn(move || {
            let mut got = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut got).unwrap();
            Ok::<_, Exception>(got.len())
        });
        let sender = gevent::spawn(move || {
            TcpStream::connect(address)
                .unwrap()
                .write_all(&vec![1; 10_000_000])
                .unwrap();
            Ok::<_, Exception>(())
        });
        let (mut reader, mut writer) = pipe().unwrap();
        let piped = gevent::spawn(move || Ok::<_, Exception>(reader.read_to_end(&mut Vec::new()).unwrap()));
        let piping = gevent::spawn(move || {
            writer.write_all(&[1; 500_000]).unwrap();
            Ok::<_, Exception>(())
        });
        // gevent's own sockets have O_NONBLOCK, and wait by themselves.
        let (own, other) = gevent::socket::socketpair().unwrap();
        let receiver = gevent::spawn(move || Ok::<_, Exception>(own.recv(10).unwrap()));
        let own = gevent::spawn(move || {
            gevent::sleep(0.001)?;
            other.sendall(b"hello").unwrap();
            Ok::<_, Exception>(())
        });
        for greenlet in [echo, client, sender, piping, own] {
            greenlet.get().unwrap();
        }
        assert_eq!((server.get().unwrap(), piped.get().unwrap()), (10_000_000, 500_000));
        assert_eq!(receiver.get().unwrap(), b"hello");
        assert!(gevent_monkey::stats().parked > 100);
    });
}
