//! Unix sockets at abstract names.

use gevent::sleep;
use gevent::socket::{AF_UNIX, SOCK_STREAM, Socket};

use super::common::TestResult;
use super::common_sockets::{says, undisturbed, waits};

fn unix() -> std::io::Result<Socket> {
    Socket::new(AF_UNIX, SOCK_STREAM, 0)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let name = &*format!("\0gevent parity {}", std::process::id());
    says("nobody", unix()?.connect(name));
    says("no file", unix()?.connect("/nothing/there"));
    let server = unix()?;
    println!("no name: {}", server.getsockname()? == "".into());
    server.bind(name)?;
    println!("name: {}", server.getsockname()? == name.into());
    says("in use", unix()?.bind(name));
    says("not yet", unix()?.connect(name));
    server.listen(1)?;
    let acceptor = waits("acceptor", &server, |s| s.accept()?.0.recv(10));
    sleep(0)?;
    let client = unix()?;
    client.connect(name)?;
    println!(
        "peer: {} {}",
        client.getpeername()? == name.into(),
        client.getsockname()? == "".into()
    );
    client.sendall(b"hello")?;
    acceptor.join()?;
    says("connected", client.recv(10));

    // The name is free when the listener is closed. Those in its queue are told.
    let waiting = unix()?;
    waiting.connect(name)?;
    let acceptor = waits("acceptor", &server, |s| {
        s.accept().map(|(_, address)| address == "".into())
    });
    acceptor.join()?;
    let waiting = unix()?;
    waiting.connect(name)?;
    server.close();
    says("queued", waiting.recv(10));
    says("nobody", unix()?.connect(name));
    let again = unix()?;
    again.bind(name)?;
    println!("name: {}", again.getsockname()? == name.into());
    says("not connected", again.getpeername().map(drop));
    says("not connected", again.recv(10));
    says("not connected", again.send(b"x"));
    Ok(())
}
