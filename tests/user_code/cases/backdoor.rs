//! Commands of a backdoor.

use std::fmt::Write as _;
use std::io::{Read, Write};

use crate::support::{TestResult, own_address, start_again};
use crate::trap::{Case, any};
use gevent::backdoor::BackdoorServer;
use gevent::socket::TcpStream;

/// Connects, asks for the command, and waits until the session is over.
fn ask(server: &BackdoorServer) -> TestResult {
    let mut stream = TcpStream::connect(server.address().expect("it was started"))?;
    stream.set_timeout(30)?;
    let asked = stream.write_all(b"command\nquit\n");
    let mut text = String::new();
    any(asked
        .and_then(|()| stream.read_to_string(&mut text))
        .map(drop)
        .map_err(Into::into));
    Ok(())
}

#[test]
fn commands_of_a_backdoor() {
    Case {
        names: &["backdoor::BackdoorServer::command | Fn"],
        make: |trap| {
            let server = BackdoorServer::builder().idle_timeout(30).build(own_address());
            server.command("command", "", move |session, _| {
                trap.spring();
                let _ = session.write_str("done");
            });
            server.start().expect("there are ports");
            server
        },
        calls: vec![|server, _| ask(server)],
        others: |server| {
            let _ = (server.started(), server.address(), format!("{server:?}"));
            server.command("command", "", |_, _| ());
            server.close();
        },
        waits: None,
        after: |server| {
            start_again(|| server.start()).expect("its port is free");
            ask(server).expect("it listens");
            server.stop().expect("nobody kills the test");
            assert_eq!(server.sessions(), 0);
        },
    }
    .run();
}
