//! The table of waits of copies from one stream to another.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::socket::{UnixStream, copy, copy_bidirectional};
use gevent::spawn;

/// A case with two pairs of streams. The call copies from the second stream to the third, which takes nothing until the
/// case is told to go on; then the first sends a lot and ends, and the fourth reads everything and ends.
fn copying(call: fn(&UnixStream, &UnixStream) -> TestResult) -> Case {
    let (client, a) = UnixStream::pair().expect("there are descriptors");
    let (b, server) = UnixStream::pair().expect("there are descriptors");
    b.set_write_timeout(0).expect("a good time");
    while (&b).write(&[0; 1 << 16]).is_ok() {}
    b.set_write_timeout(None).expect("a good time");
    let (its_a, its_b) = (a.clone(), b.clone());
    case(
        move || call(&its_a, &its_b),
        move || {
            // After a strike nobody copies any more: these two end after a short time without progress.
            for stream in [&client, &server] {
                stream.set_timeout(0.01).expect("a good time");
            }
            let (mut client, mut server) = (client.clone(), server.clone());
            spawn(move || {
                // If not all is sent, there is less to copy.
                let _ = client.write_all(&[0; 300_000]);
                Ok(client.shutdown(Shutdown::Write)?)
            });
            spawn(move || {
                while server.read(&mut [0; 1 << 16]).is_ok_and(|n| n > 0) {}
                Ok(server.shutdown(Shutdown::Write)?)
            });
        },
        move |_| {
            // The copy has closed none of them.
            assert!(a.take_error().is_ok() && b.take_error().is_ok());
        },
    )
}

type Copies = fn(&UnixStream, &UnixStream) -> TestResult;

pub(super) fn rows() -> Vec<Row> {
    let copies: [(_, Copies); 2] = [
        ("src/socket/copying/one_way.rs copy", |mut a, mut b| {
            assert!(copy(&mut a, &mut b)? > 0);
            Ok(())
        }),
        ("src/socket/copying/both.rs copy_bidirectional", |a, b| {
            let (there, back) = copy_bidirectional(a, b)?;
            assert!(there > 0 && back == 0);
            Ok(())
        }),
    ];
    copies.map(|(name, call)| row(name, move || copying(call))).into()
}
