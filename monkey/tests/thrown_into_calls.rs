//! An exception that is thrown into a call for a descriptor ends it, is told whole, and leaves nothing behind.

mod both;

use std::io::{self, Read, Write, pipe};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::ptr::null_mut;

use greenlet_core::{Exception, RawGreenlet, greenlets};
use libc::c_int;

use both::{bounded, result};

fn victim() -> RawGreenlet {
    let named = greenlets()
        .into_iter()
        .filter(|greenlet| greenlet.name().as_deref() == Some("victim"));
    named.last().expect("it is parked")
}

/// Has a call parked, throws into it, and returns what the call has returned.
fn thrown_into<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let waiting = gevent_monkey::stats().waiting;
    let thread = gevent_threading::Builder::new()
        .name("victim".into())
        .spawn(move || {
            let mut returned = None;
            let ran = gevent_monkey::run(|| {
                returned = Some(call());
                Ok::<_, Exception>(())
            });
            assert_eq!(ran.unwrap_err().to_string(), "thrown");
            assert!(gevent_monkey::take_exception().is_none());
            returned.unwrap()
        })
        .unwrap();
    while gevent_monkey::stats().waiting == waiting {
        gevent_threading::yield_now();
    }
    hub::kill(&victim(), Exception::msg("thrown")).unwrap();
    let returned = thread.join().unwrap();
    assert_eq!(gevent_monkey::stats().waiting, waiting);
    returned
}

#[test]
fn all_calls_end() {
    bounded(|| {
        let canceled = Err(libc::ECANCELED);
        let errno = |error: io::Error| error.raw_os_error().unwrap();

        let (mut one, mut other) = UnixStream::pair().unwrap();
        let mut theirs = one.try_clone().unwrap();
        assert_eq!(thrown_into(move || theirs.read(&mut [0]).map_err(errno)), canceled);
        let theirs = one.try_clone().unwrap();
        let peeks = move || {
            let mut bytes = [0u8; 10];
            let flags = libc::MSG_PEEK | libc::MSG_WAITALL;
            // SAFETY: there is room for so much.
            result(unsafe { libc::recv(theirs.as_raw_fd(), bytes.as_mut_ptr().cast(), 10, flags) })
        };
        assert_eq!(thrown_into(peeks), canceled);
        // What was sent is told.
        let mut theirs = one.try_clone().unwrap();
        let sent = thrown_into(move || theirs.write(&vec![0; 10_000_000]).unwrap());
        let mut got = vec![0; sent];
        other.read_exact(&mut got).unwrap();
        // It can be waited for again.
        let reads = gevent_threading::spawn(move || one.read(&mut [0; 10]).unwrap());
        gevent_threading::yield_now();
        other.write_all(b"x").unwrap();
        assert_eq!(reads.join().unwrap(), 1);

        let (mut reader, writer) = pipe().unwrap();
        assert_eq!(thrown_into(move || reader.read(&mut [0]).map_err(errno)), canceled);
        drop(writer);
        let (reader, mut writer) = pipe().unwrap();
        assert!(thrown_into(move || writer.write(&[0; 1_000_000]).unwrap()) < 1_000_000);
        drop(reader);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(
            thrown_into(move || listener.accept().map(drop).map_err(errno)),
            canceled.map(|_: usize| ())
        );

        let (one, _other) = UnixDatagram::pair().unwrap();
        let several = move || {
            // SAFETY: numbers and null pointers: messages without room.
            let mut messages: [libc::mmsghdr; 2] = unsafe { std::mem::zeroed() };
            // SAFETY: there are two.
            result(unsafe { libc::recvmmsg(one.as_raw_fd(), messages.as_mut_ptr(), 2, 0, null_mut()) } as isize)
        };
        assert_eq!(thrown_into(several), canceled);

        let (from, _start) = pipe().unwrap();
        let (_end, to) = pipe().unwrap();
        let splices = move || {
            // SAFETY: there are no offsets.
            result(unsafe { libc::splice(from.as_raw_fd(), null_mut(), to.as_raw_fd(), null_mut(), 10, 0) })
        };
        assert_eq!(thrown_into(splices), canceled);

        let path = std::env::temp_dir().join(format!("gevent-monkey-thrown-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        // SAFETY: no conditions. The queue is made short.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let _queued = UnixStream::connect(&path).unwrap();
        let theirs = path.clone();
        let connects = move || UnixStream::connect(theirs).map(drop).map_err(errno);
        assert_eq!(thrown_into(connects), Err::<(), c_int>(libc::ECANCELED));
        std::fs::remove_file(path).unwrap();
    });
}
