//! Files of a socket: what is sent when, and what is closed with what.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use gevent::sleep;
use gevent::socket::socketpair;

use super::common::TestResult;
use super::common_sockets::{says, undisturbed, waits};

fn read(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    file.read_to_end(&mut all)?;
    Ok(all)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    // What is written is sent when the file is flushed or closed.
    let (a, b) = socketpair()?;
    let mut file = a.makefile("wb")?;
    file.write_all(b"one ")?;
    b.setblocking(false);
    says("not yet", b.recv(10));
    file.flush()?;
    says("flushed", b.recv(10));
    file.write_all(b"two")?;
    file.close()?;
    says("closed", b.recv(10));
    says("socket", a.send(b"three"));
    says("socket", b.recv(10));

    // More than there is room for goes out before.
    let mut file = a.makefile_with_buffering("wb", 8)?;
    file.write_all(b"1234567")?;
    says("not yet", b.recv(100));
    file.write_all(b"89")?;
    says("some", b.recv(100));
    file.write_all(b"a long text that goes out itself")?;
    says("all", b.recv(100));
    file.close()?;
    let mut unbuffered = a.makefile_with_buffering("wb", 0)?;
    says("unbuffered", unbuffered.write(b"now"));
    says("unbuffered", b.recv(10));
    unbuffered.close()?;

    // The socket is closed with its last file.
    b.setblocking(true);
    let (mut reading, mut writing) = (a.makefile("rb")?, a.makefile("wb")?);
    a.close();
    println!("open: {}", a.fileno() >= 0);
    writing.write_all(b"last")?;
    writing.close()?;
    says("last", b.recv(10));
    println!("open: {}", a.fileno() >= 0);
    b.sendall(b"answer")?;
    b.shutdown(Shutdown::Write)?;
    says("answer", read(&mut reading));
    reading.close()?;
    println!("open: {}", a.fileno() >= 0);
    says("the end", b.recv(10));

    // Who waits in a file is woken when the other side closes.
    let (a, b) = socketpair()?;
    let reader = waits("reader", &a, |s| read(s.makefile("rb")?));
    sleep(0)?;
    b.sendall(b"all")?;
    sleep(0)?;
    b.close();
    reader.join()?;
    Ok(())
}
