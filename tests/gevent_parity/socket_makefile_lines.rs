//! Lines of a socket, one after the other, and a server of lines.

use std::cell::RefCell;
use std::io::{self, BufRead, Write};
use std::rc::Rc;

use gevent::socket::{Socket, SocketFile, socketpair};
use gevent::{sleep, spawn};

use super::common::TestResult;
use super::common_sockets::{says, undisturbed, waits};

fn readline(file: &mut SocketFile) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    Ok(line)
}

fn server(socket: &Socket) -> io::Result<Vec<u8>> {
    let mut file = socket.makefile("rwb")?;
    loop {
        let line = readline(&mut file)?;
        if line.is_empty() {
            break;
        }
        file.write_all(&[b"echo ", &line[..]].concat())?;
        file.flush()?;
        if line == b"stop\n" {
            break;
        }
    }
    Ok(b"stopped".to_vec())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = socketpair()?;
    b.sendall(b"one\ntwo\nthr")?;
    let mut file = a.makefile("rb")?;
    says("line", readline(&mut file));
    says("line", readline(&mut file));
    let shared = Rc::new(RefCell::new(file));
    let file = shared.clone();
    let reader = spawn(move || says("line", readline(&mut file.borrow_mut())));
    sleep(0)?;
    b.sendall(b"ee\nrest")?;
    reader.join()?;
    let mut file = shared.borrow_mut();
    b.close();
    says("line", readline(&mut file));
    says("line", readline(&mut file));

    // What a file has read is not there for the socket.
    let (a, b) = socketpair()?;
    let mut file = a.makefile("rb")?;
    b.sendall(b"one\ntwo\n")?;
    says("line", readline(&mut file));
    a.setblocking(false);
    says("socket", a.recv(10));
    says("line", readline(&mut file));

    // A conversation.
    let (a, b) = socketpair()?;
    let serving = waits("server", &b, server);
    let mut file = a.makefile("rwb")?;
    for word in ["hello\n", "world\n", "stop\n"] {
        file.write_all(word.as_bytes())?;
        file.flush()?;
        println!("{}", String::from_utf8_lossy(&readline(&mut file)?).trim());
    }
    serving.join()?;

    // Text.
    let (a, b) = socketpair()?;
    let mut file = b.makefile("w")?;
    write!(file, "größe\nzwei\n")?;
    file.close()?;
    b.close();
    for line in a.makefile("r")?.lines() {
        println!("{}", line?.trim());
    }
    Ok(())
}
