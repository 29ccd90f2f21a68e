//! TLS connections.

use std::cell::Cell;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::rc::Rc;

use crate::support::{LONG, TestResult, own_address, start_again};
use crate::trap::{Case, any};
use gevent::server::StreamServer;
use gevent::socket::{TcpStream, UnixStream};
use gevent::spawn;
use gevent::ssl::{Protocol, SSLContext, SslStream, WrapSocket};

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/tls", name].iter().collect()
}

fn server() -> SSLContext {
    let mut context = SSLContext::new(Protocol::TlsServer);
    let loaded = context.load_cert_chain(file("localhost.crt"), file("localhost.key"));
    loaded.expect("they are there");
    context
}

fn client() -> SSLContext {
    let mut context = SSLContext::new(Protocol::TlsClient);
    context.load_verify_locations(file("ca.crt")).expect("it is there");
    context
}

#[test]
fn functions_that_choose_contexts() {
    Case {
        names: &["ssl::SSLContext::set_sni_callback | Fn"],
        make: |trap| {
            let (near, far) = UnixStream::pair().expect("there are descriptors");
            let mut context = server();
            context.set_sni_callback(move |_| {
                trap.spring();
                Ok(None)
            });
            spawn(move || Ok(client().wrap_socket(near, "localhost").map(drop)?));
            let options = WrapSocket {
                do_handshake_on_connect: false,
                ..WrapSocket::default()
            };
            context.wrap_socket_with(far, options).expect("it has a certificate")
        },
        calls: vec![|stream, _| Ok(stream.do_handshake()?), |mut stream, _| {
            Ok(stream.read(&mut [0; 10]).map(drop)?)
        }],
        others: |stream| {
            any(stream.do_handshake_timeout(0).map_err(Into::into));
            let _ = (stream.version(), stream.pending(), format!("{stream:?}"));
        },
        waits: Some(|stream| Ok(stream.do_handshake()?)),
        // After a panic it is not done; but nobody waits for ever.
        after: |stream| any(stream.do_handshake_timeout(LONG).map_err(Into::into)),
    }
    .run();
}

#[test]
fn handlers_of_servers() {
    fn ask((server, _): &(StreamServer, Rc<Cell<u32>>)) -> TestResult {
        let stream = TcpStream::connect(server.address().expect("it was started"))?;
        let mut stream = client().wrap_socket(stream, "localhost")?;
        any(stream.read_to_end(&mut Vec::new()).map(drop).map_err(Into::into));
        Ok(())
    }
    Case {
        names: &["ssl::SSLContext::{wrap_socket_and_handle, wrap_socket_and_handle_with} | Fn"],
        make: |trap| {
            let served = Rc::<Cell<u32>>::default();
            let count = served.clone();
            let handle = move |mut stream: SslStream, _| {
                count.set(count.get() + 1);
                trap.spring();
                any(stream.write_all(b"x").map_err(Into::into));
            };
            let server = StreamServer::new(own_address(), server().wrap_socket_and_handle(handle));
            server.start().expect("there are ports");
            (server, served)
        },
        calls: vec![|server, _| ask(server)],
        others: |(server, _)| {
            let _ = format!("{server:?}");
            server.close();
        },
        waits: Some(|(server, _)| server.serve_forever()),
        after: |server| {
            start_again(|| server.0.start()).expect("its port is free");
            let before = server.1.get();
            ask(server).expect("it listens");
            assert!(server.1.get() > before, "nobody is served any more");
            server.0.close();
        },
    }
    .run();
}
