//! A file whose read has taken too long cannot be read any more; the socket can.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;

use gevent::socket::{SocketFile, socketpair};
use gevent::{Timeout, sleep, spawn};

use super::common::{TestResult, name};
use super::common_sockets::{drain, fill, says, undisturbed};

fn readline(file: &mut SocketFile) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    Ok(line)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = socketpair()?;
    a.settimeout(0.001)?;
    let mut file = a.makefile("rb")?;
    b.sendall(b"part")?;
    says("line", readline(&mut file));
    for _ in 0..2 {
        match readline(&mut file) {
            Ok(_) => {}
            Err(error) => println!("line: {error}"),
        }
    }
    b.sendall(b"more")?;
    says("socket", a.recv(10));
    let mut again = a.makefile("rb")?;
    b.sendall(b"line\n")?;
    says("another file", readline(&mut again));

    // A Timeout or a kill leaves the file as it was.
    let (a, b) = socketpair()?;
    let mut file = a.makefile("rb")?;
    match Timeout::new(0.001).with(|| gevent::io(|| readline(&mut file))) {
        Ok(_) => {}
        Err(error) => println!("line: {}", name(&error)),
    }
    let shared = Rc::new(RefCell::new(file));
    let file = shared.clone();
    let reader = spawn(move || says("line", readline(&mut file.borrow_mut())));
    sleep(0)?;
    reader.kill()?;
    let mut file = shared.borrow_mut();
    b.sendall(b"line\n")?;
    says("line", readline(&mut file));

    // Without waiting there is no line.
    a.setblocking(false);
    let mut raw = a.makefile_with_buffering("rb", 0)?;
    b.sendall(b"x")?;
    let mut place = [0; 10];
    says("read", raw.read(&mut place).map(|n| place[..n].to_vec()));

    // Writing may take too long, too.
    fill(&a)?;
    a.settimeout(0.001)?;
    let mut raw = a.makefile_with_buffering("wb", 0)?;
    says("write", raw.write(b"x"));
    drain(&b)?;
    says("write", raw.write(b"x"));
    Ok(())
}
