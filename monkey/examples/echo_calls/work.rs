//! The work, between two calls of the system that a trace can be cut at.

use std::io::{Read, Write};

use gevent::socket::{TcpListener, TcpStream, UnixStream};
use gevent::spawn;

pub(crate) const BEGIN: &str = "/the/work/begins";
pub(crate) const END: &str = "/the/work/ends";

fn mark(name: &str) {
    assert!(std::fs::metadata(name).is_err());
}

/// Calls `prepare`, and does the work in plain greenlets.
pub(crate) fn work(prepare: fn()) {
    // In each program a virtual thread has run before, as they are tried out when something is patched.
    gevent_threading::supported().expect("there are virtual threads here");
    gevent::get_hub();
    // No turn is given because of the time that something takes.
    gevent::hub::core::setswitchinterval(3600.0).expect("it is a time");
    spawn(|| ()).join().expect("the hub is there");
    prepare();
    mark(BEGIN);
    over_tcp();
    over_pairs();
    mark(END);
}

/// One connection after the other, each with many messages.
fn over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it listens");
    let server = spawn(move || {
        for _ in 0..10 {
            let (stream, _) = listener.accept()?;
            echo(stream)?;
        }
        Ok::<_, gevent::Exception>(())
    });
    for _ in 0..10 {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        converse(&mut stream, 20);
        drop(stream);
    }
    server.join().expect("the hub is there");
    assert!(server.successful());
}

/// The same without connections to make, one pair after the other: with several at once, the order would follow from
/// how long each has taken.
fn over_pairs() {
    for _ in 0..10 {
        let (mut client, server) = UnixStream::pair().expect("there are descriptors");
        let server = spawn(move || echo(server));
        converse(&mut client, 20);
        drop(client);
        server.join().expect("the hub is there");
        assert!(server.successful());
    }
}

fn echo(mut stream: impl Read + Write) -> Result<(), gevent::Exception> {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

fn converse(stream: &mut (impl Read + Write), messages: u8) {
    let mut answer = [0; 32];
    for number in 0..messages {
        stream.write_all(&[number; 32]).expect("the server is there");
        stream.read_exact(&mut answer).expect("the server answers");
        assert_eq!(answer, [number; 32]);
    }
}
