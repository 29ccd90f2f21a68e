//! socketpair and fromfd.

use std::io;

use gevent::prelude::*;
use gevent::socket::{AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, Socket, fromfd, socketpair, socketpair_with};

use super::common::{TestResult, show};
use super::common_sockets::{says, undisturbed, waits};

fn inheritable(socket: &Socket) -> io::Result<bool> {
    socket.with_fd(|fd| Ok(!rustix::io::fcntl_getfd(fd)?.contains(rustix::io::FdFlags::CLOEXEC)))?
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = socketpair()?;
    let unix = (a.family()? == AF_UNIX, b.type_()? == SOCK_STREAM);
    println!("unix: {} {} {} {}", unix.0, unix.1, a.proto()?, show(a.gettimeout()));
    println!(
        "no names: {} {}",
        a.getsockname()? == "".into(),
        a.getpeername()? == "".into()
    );
    println!("closed on exec: {}", !inheritable(&a)?);
    let reader = waits("reader", &b, |s| s.recv(10));
    sleep(0)?;
    a.sendall(b"hello")?;
    reader.join()?;

    let copy = a.with_fd(|fd| fromfd(fd, AF_UNIX, SOCK_STREAM, 0))??;
    println!(
        "another number: {} {}",
        copy.fileno() != a.fileno(),
        !inheritable(&copy)?
    );
    a.close();
    says("copy", copy.send(b"from the copy"));
    says("recv", b.recv(20));
    copy.close();
    says("the end", b.recv(20));

    // What it is is believed, until it is used.
    let (a, b) = socketpair()?;
    let wrong = a.with_fd(|fd| fromfd(fd, AF_INET, SOCK_DGRAM, 0))??;
    println!(
        "believed: {} {}",
        wrong.family()? == AF_INET,
        wrong.type_()? == SOCK_DGRAM
    );
    says("send", wrong.send(b"works"));
    says("recv", b.recv(20));

    let (one, two) = socketpair_with(AF_UNIX, SOCK_DGRAM, 0)?;
    says("send", one.send(b"first"));
    says("send", one.send(b"second"));
    says("recv", two.recv(20));
    says("recv", two.recv(3));
    says("no such pair", socketpair_with(AF_INET, SOCK_STREAM, 0).map(drop));

    // Both sides at once.
    let (a, b) = socketpair()?;
    let both = [waits("a", &a, |s| s.recv(10)), waits("b", &b, |s| s.recv(10))];
    sleep(0)?;
    a.sendall(b"for b")?;
    b.sendall(b"for a")?;
    joinall(&both)?;
    a.close();
    let both = [waits("a", &a, |s| s.recv(10)), waits("b", &b, |s| s.recv(10))];
    joinall(&both)?;
    Ok(())
}
