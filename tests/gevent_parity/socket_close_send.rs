//! Closing a socket gives EBADF to those who send, and to the reader beside them.

use std::io;

use gevent::prelude::*;
use gevent::socket::{Socket, socketpair};

use super::common::TestResult;
use super::common_sockets::{drain, fill, says, undisturbed, waits};

fn closes(what: &'static str, call: impl Fn(&Socket) -> io::Result<()> + Clone + 'static) -> TestResult {
    let (a, b) = socketpair()?;
    fill(&a)?;
    let sender = waits(what, &a, call.clone());
    sleep(0)?;
    a.close();
    println!("closed");
    sender.join()?;
    says("again", call(&a));
    println!("received: {}", drain(&b)? > 0);
    says("the end", b.recv(10));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    closes("send", |s| s.send(b"more").map(drop))?;
    closes("sendall", |s| s.sendall(b"more"))?;
    closes("sendall of much", |s| s.sendall(&vec![0; 10_000_000]))?;

    let (a, _b) = socketpair()?;
    fill(&a)?;
    let sender = waits("sender", &a, |s| s.send(b"more"));
    let reader = waits("reader", &a, |s| s.recv(10));
    sleep(0)?;
    a.close();
    joinall(&[sender, reader])?;

    // What was sent stays, whoever closes.
    let (a, b) = socketpair()?;
    a.sendall(b"last words")?;
    a.close();
    says("received", b.recv(20));
    says("the end", b.recv(20));
    says("to nobody", b.send(b"x"));
    Ok(())
}
