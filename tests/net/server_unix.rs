//! Servers of Unix sockets.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gevent::queue::Channel;
use gevent::server::{Accepted, DatagramServer, Spawn, StreamServer};
use gevent::socket::{AF_UNIX, SOCK_STREAM, Socket, UnixDatagram, UnixListener, UnixStream};
use gevent::{Context, Exception, get_hub, getcurrent, sleep};

use crate::support::{Log, TestResult, bounded};

/// A path of the test's own, which is free before and after.
pub(crate) struct TestPath(pub(crate) PathBuf);

impl TestPath {
    pub(crate) fn new() -> TestPath {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        TestPath(std::env::temp_dir().join(format!("gevent-test-{}-{number}", std::process::id())))
    }
}

impl Drop for TestPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn echo(mut stream: UnixStream, _address: SocketAddr) -> TestResult {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(stream.write_all(text.as_bytes())?)
}

#[track_caller]
fn echoes(path: &TestPath) -> TestResult {
    let mut stream = UnixStream::connect(&path.0)?;
    stream.write_all(b"hello")?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    assert_eq!(text, "hello");
    Ok(())
}

#[test]
fn a_server_at_a_path_starts_and_stops() -> TestResult {
    let _bounded = bounded();
    for how in [Spawn::Default, Spawn::Raw, Spawn::Pool(1)] {
        let path = TestPath::new();
        let server = StreamServer::builder().spawn(how).build_at_path(&path.0, echo)?;
        assert!(server.closed() && !path.0.exists());
        assert_eq!((server.server_host(), server.server_port()), (None, None));
        for _ in 0..3 {
            server.start()?;
            let address = server.address().expect("it listens");
            assert_eq!(address.as_pathname(), Some(&*path.0));
            echoes(&path)?;
            echoes(&path)?;
            server.stop()?;
            assert!(server.closed() && !path.0.exists());
        }
    }
    Ok(())
}

#[test]
fn a_path_in_use_is_an_error() -> TestResult {
    let path = TestPath::new();
    fs::write(&path.0, "mine")?;
    let server = StreamServer::builder().build_at_path(&path.0, echo)?;
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    assert!(server.closed() && !server.started());
    // It has not made the file.
    assert_eq!(fs::read_to_string(&path.0)?, "mine");
    assert!(StreamServer::builder().build_at_path("a\0b", echo).is_err());
    Ok(())
}

#[test]
fn a_file_that_others_have_put_there_stays() -> TestResult {
    let _bounded = bounded();
    let path = TestPath::new();
    let old = StreamServer::builder().build_at_path(&path.0, echo)?;
    old.start()?;
    // The next server takes over, as another process may do.
    fs::remove_file(&path.0)?;
    let new = StreamServer::builder().build_at_path(&path.0, echo)?;
    new.start()?;
    old.stop()?;
    echoes(&path)?;
    new.stop()?;
    assert!(!path.0.exists());
    // A server that is dropped takes its file away, too.
    new.init_socket()?;
    assert!(path.0.exists());
    drop(new);
    assert!(!path.0.exists());
    Ok(())
}

#[test]
fn a_given_listener_is_served() -> TestResult {
    let _bounded = bounded();
    let path = TestPath::new();
    let listener = UnixListener::bind(&path.0)?;
    let server = StreamServer::builder().build_on(listener, echo);
    assert!(!server.closed());
    server.start()?;
    echoes(&path)?;
    server.stop()?;
    // The file is the user's. So the server can start again only when that is gone.
    assert!(path.0.exists());
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    fs::remove_file(&path.0)?;
    server.start()?;
    echoes(&path)?;
    server.stop()
}

#[test]
fn a_listener_of_pythons_face_is_served() -> TestResult {
    let _bounded = bounded();
    let path = TestPath::new();
    let listener = Socket::new(AF_UNIX, SOCK_STREAM, 0)?;
    listener.bind(&*path.0)?;
    listener.listen(1)?;
    let server = StreamServer::builder().build_on(UnixListener::try_from(listener)?, echo);
    server.start()?;
    echoes(&path)?;
    server.stop()
}

#[test]
fn handlers_are_named_after_server_and_peer() -> TestResult {
    let _bounded = bounded();
    let path = TestPath::new();
    let names = Channel::new();
    let its = names.clone();
    let server = StreamServer::builder().build_at_path(&path.0, move |_, _| {
        its.put(getcurrent().name().expect("it has a name"))
    })?;
    server.start()?;
    let _client = UnixStream::connect(&path.0)?;
    assert_eq!(
        &*names.get()?,
        format!("StreamServer {}, peer (unnamed)", path.0.display())
    );
    assert!(
        format!("{server:?}").contains(&format!("address={}", path.0.display())),
        "{server:?}"
    );
    server.stop()
}

/// The contexts of the errors tell the kind of the server.
#[test]
fn a_failure_in_the_hub_has_the_connection_as_its_context() -> TestResult {
    struct Told(Log<String>);
    impl gevent::core::ErrorHandler for Told {
        fn handle_error(&self, context: Context<'_>, _exception: Exception) {
            let accepted = context.object::<Accepted<UnixListener>>();
            let datagram = context.object::<Accepted<UnixDatagram>>();
            self.0.add(match (accepted, datagram) {
                (Some(accepted), None) => format!("a connection of {}", accepted.server.max_accept()),
                (None, Some(accepted)) => format!("a datagram of {}", accepted.server.max_accept()),
                _ => "something else".to_owned(),
            });
        }
    }
    let _bounded = bounded();
    let log = Log::new();
    let (path, other) = (TestPath::new(), TestPath::new());
    let server = StreamServer::builder()
        .max_accept(5)
        .spawn(Spawn::InHub)
        .build_at_path(&path.0, |_, _| crate::support::fail::<()>("on purpose"))?;
    let datagrams = DatagramServer::builder()
        .max_accept(6)
        .spawn(Spawn::InHub)
        .build_at_path(&other.0, |_, _| crate::support::fail::<()>("on purpose"))?;
    server.start()?;
    datagrams.start()?;
    get_hub().set_error_handler(Some(std::rc::Rc::new(Told(log.clone()))));
    let mut client = UnixStream::connect(&path.0)?;
    assert_eq!(client.read(&mut [0])?, 0);
    UnixDatagram::unbound()?.send_to(b"x", &other.0)?;
    while log.len() < 2 {
        sleep(0.001)?;
    }
    get_hub().set_error_handler(None);
    assert_eq!(log.take(), ["a connection of 5", "a datagram of 6"]);
    server.stop()?;
    datagrams.stop()
}
