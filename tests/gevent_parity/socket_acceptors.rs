//! Several acceptors of one address, by copies of the listener: each connection goes to one of them.

use gevent::prelude::*;
use gevent::socket::{Socket, create_connection};
use gevent::{Wait, wait_with};

use super::common::TestResult;
use super::common_sockets::{listener, says, undisturbed, waits};

fn all_accept(copies: &[Socket]) -> Result<Vec<Greenlet<()>>, Exception> {
    let names = ["acceptor 0", "acceptor 1", "acceptor 2"];
    let acceptors = names.iter().zip(copies);
    let acceptors = acceptors.map(|(name, copy)| waits(name, copy, |s| s.accept()?.0.recv(20)));
    let acceptors = acceptors.collect();
    sleep(0.001)?; // the system has been asked for all of them
    Ok(acceptors)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let server = listener()?;
    let address = server.getsockname()?;
    let copies = [server.clone(), server.dup()?, server.dup()?];
    let mut clients = Vec::new();
    let acceptors = all_accept(&copies)?;
    for n in 0..3 {
        let client = create_connection(&address)?;
        client.sendall(format!("client {n}").as_bytes())?;
        clients.push(client);
        wait_with(&acceptors, Wait::default().count(n + 1))?;
    }

    // Those in the queue come in their order.
    for n in 0..3 {
        let client = create_connection(&address)?;
        client.sendall(format!("queued {n}").as_bytes())?;
        clients.push(client);
    }
    for copy in &copies {
        says("accept", copy.accept()?.0.recv(20));
    }

    // A killed acceptor takes nothing away.
    let acceptors = all_accept(&copies)?;
    acceptors[2].kill()?;
    let client = create_connection(&address)?;
    client.sendall(b"for another one")?;
    wait_with(&acceptors[..2], Wait::default().count(1))?;
    killall(&acceptors)?;

    // One of them is closed: the others go on.
    let acceptors = all_accept(&copies)?;
    copies[1].close();
    acceptors[1].join()?;
    let client = create_connection(&address)?;
    client.sendall(b"and now")?;
    wait_with([&acceptors[0], &acceptors[2]], Wait::default().count(1))?;
    killall(&acceptors)?;
    Ok(())
}
