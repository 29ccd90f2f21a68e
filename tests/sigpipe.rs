//! Tests that nothing which sends to a connection that is gone raises `SIGPIPE`, in a process that would end by it.
//! This program has no other test, because the signal belongs to the process.

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use gevent::os::{nb_write, tp_write};
use gevent::socket::{TcpListener, TcpStream, UnixStream, copy, copy_bidirectional, socketpair};
use gevent::{Exception, spawn};
use support::{TestResult, bounded};

fn tcp_pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

macro_rules! to_nobody {
    ($pair:expr) => {{
        let file = File::open("/proc/self/exe")?;
        // The other side goes before, or in the middle.
        for some in [0, 1_000_000] {
            let (near, mut far) = $pair?;
            let file = file.try_clone()?;
            let sender = spawn(move || {
                while near.sendfile(&file, 0, None).is_ok() {}
                assert!(near.sendfile(&file, 0, None).is_err());
                assert!((&near).write_all(b"x").is_err());
                assert!(copy(&mut &[7; 100_000][..], &mut &near).is_err());
            });
            far.read_exact(&mut vec![0; some])?;
            drop(far);
            sender.get()?;

            let ((mut client, a), (b, mut server)) = ($pair?, $pair?);
            let copier = spawn(move || copy_bidirectional(&a, &b).is_err());
            let writer = spawn(move || client.write_all(&vec![7; 30_000_000]).is_err());
            server.read_exact(&mut vec![0; some])?;
            drop(server);
            assert!(copier.get()?);
            assert!(writer.get()?);
        }
    }};
}

#[test]
fn sending_to_nobody_does_not_end_the_process() -> TestResult {
    let _bounded = bounded();
    // SAFETY: the call sets what the signal does by default.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    to_nobody!(tcp_pair());
    to_nobody!(UnixStream::pair());
    let (near, far) = socketpair()?;
    drop(far);
    let file = File::open("/proc/self/exe")?;
    assert_eq!(
        near.sendfile(&file, 0, None).unwrap_err().raw_os_error(),
        Some(libc::EPIPE)
    );
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    for write in [nb_write, tp_write] {
        let error = write(writer.as_fd(), b"x").unwrap_err();
        let broken = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert_eq!(broken, Some(std::io::ErrorKind::BrokenPipe));
    }
    Ok(())
}
