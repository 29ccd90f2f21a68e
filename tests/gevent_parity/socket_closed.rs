//! Each call on a closed socket.

use std::io;
use std::net::Shutdown;

use gevent::socket::{AF_INET, SO_ERROR, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET};

use super::common::TestResult;
use super::common_sockets::{connection, listener, number_name, says, undisturbed};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let server = listener()?;
    let (closed, _other) = connection()?;
    closed.close();
    closed.close();
    says("close", io::Result::Ok(()));
    println!("fileno: {}", closed.fileno());
    says("recv", closed.recv(10));
    says("recv of 0", closed.recv(0));
    says("recv_into", closed.recv_into(&mut [0; 10]));
    says("recvfrom", closed.recvfrom(10).map(drop));
    says("recvfrom_into", closed.recvfrom_into(&mut [0; 10]).map(drop));
    says("send", closed.send(b"x"));
    says("sendall", closed.sendall(b"x"));
    says("sendto", closed.sendto(b"x", server.getsockname()?));
    says("accept", closed.accept().map(drop));
    says("bind", closed.bind(("127.0.0.1", 0)));
    says("listen", closed.listen(1));
    says("connect", closed.connect(server.getsockname()?));
    says("connect_ex", closed.connect_ex(server.getsockname()?).map(number_name));
    says("getsockname", closed.getsockname().map(drop));
    says("getpeername", closed.getpeername().map(drop));
    says("getsockopt", closed.getsockopt(SOL_SOCKET, SO_ERROR));
    says("setsockopt", closed.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1));
    says("shutdown", closed.shutdown(Shutdown::Both));
    says("dup", closed.dup().map(drop));
    closed.settimeout(0.5)?;
    println!(
        "timeout: {:?} {}",
        closed.gettimeout().unwrap_or(-1.0),
        closed.getblocking()
    );
    closed.setblocking(false);
    println!(
        "timeout: {:?} {}",
        closed.gettimeout().unwrap_or(-1.0),
        closed.getblocking()
    );
    says("recv", closed.recv(10));
    println!(
        "kind: {}",
        (closed.family()?, closed.type_()?, closed.proto()?) == (AF_INET, SOCK_STREAM, 6)
    );
    Ok(())
}
