//! Without waiting: what cannot go on at once fails.

use gevent::socket::{AF_INET, SO_ERROR, SOCK_STREAM, SOL_SOCKET, Socket, socketpair, wait_read, wait_write};

use super::common::{TestResult, show};
use super::common_sockets::{connection, fill, listener, number_name, says, undisturbed};

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (client, server) = connection()?;
    client.setblocking(false);
    println!(
        "blocking: {} {:?}",
        client.getblocking(),
        client.gettimeout().unwrap_or(-1.0)
    );
    says("recv", client.recv(10));
    says("recv_into", client.recv_into(&mut [0; 10]));
    says("recvfrom", client.recvfrom(10).map(|received| received.0));
    says(
        "recvfrom_into",
        client.recvfrom_into(&mut [0; 10]).map(|received| received.0),
    );
    server.sendall(b"data")?;
    wait_read(client.fileno(), None)?;
    says("data", client.recv(10));
    says("nothing", client.recv(10));

    let (a, _b) = socketpair()?;
    fill(&a)?;
    a.setblocking(false);
    says("send", a.send(b"x"));
    says("sendall", a.sendall(b"x"));

    let lonely = listener()?;
    lonely.settimeout(0)?;
    says("accept", lonely.accept().map(drop));
    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    connecting.setblocking(false);
    says("connect", connecting.connect(lonely.getsockname()?));
    wait_write(connecting.fileno(), None)?;
    says("result", connecting.getsockopt(SOL_SOCKET, SO_ERROR).map(number_name));
    says("again", connecting.connect_ex(lonely.getsockname()?).map(number_name));
    let (accepted, address) = lonely.accept()?;
    println!(
        "accepted: {} {}",
        address == connecting.getsockname()?,
        show(accepted.gettimeout())
    );
    says("connected", connecting.connect(lonely.getsockname()?));

    let connecting = Socket::new(AF_INET, SOCK_STREAM, 0)?;
    connecting.setblocking(false);
    says(
        "connect_ex",
        connecting.connect_ex(lonely.getsockname()?).map(number_name),
    );
    connecting.setblocking(true);
    println!(
        "blocking: {} {}",
        connecting.getblocking(),
        show(connecting.gettimeout())
    );
    let accepted = lonely.accept()?.0;
    connecting.sendall(b"hello")?;
    says("hello", accepted.recv(10));
    Ok(())
}
