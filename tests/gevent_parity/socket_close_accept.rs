//! Closing a listener gives EBADF to the acceptor. A copy of it goes on, and those in its queue are served.

use gevent::sleep;
use gevent::socket::create_connection;

use super::common::TestResult;
use super::common_sockets::{listener, says, undisturbed, waits};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let server = listener()?;
    let address = server.getsockname()?;
    let acceptor = waits("accept", &server, |s| s.accept()?.0.recv(10));
    sleep(0)?;
    server.close();
    println!("closed");
    acceptor.join()?;
    says("again", server.accept().map(drop));
    says("connect", create_connection(address).map(drop));

    let server = listener()?;
    let address = server.getsockname()?;
    let copy = server.dup()?;
    let first = waits("accept", &server, |s| s.accept()?.0.recv(10));
    let second = waits("copy", &copy, |s| s.accept()?.0.recv(10));
    sleep(0)?;
    server.close();
    first.join()?;
    let client = create_connection(&address)?;
    client.sendall(b"hello")?;
    second.join()?;

    let waiting = create_connection(&address)?;
    waiting.sendall(b"in the queue")?;
    says("queued", copy.accept()?.0.recv(20));
    let forgotten = create_connection(&address)?;
    copy.close();
    says("forgotten", forgotten.recv(10));
    Ok(())
}
