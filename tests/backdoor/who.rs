//! Who may use a backdoor.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

use gevent::Exception;
use gevent::backdoor::{BackdoorServer, NotLoopbackError};
use gevent::socket::TcpListener;

use crate::client::{Server, Way, path};
use crate::support::{TestResult, bounded};

#[test]
fn addresses_that_others_can_reach_are_refused_unless_they_are_wanted() -> TestResult {
    let _bounded = bounded();
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0"] {
        let server = BackdoorServer::new(address);
        let error = server.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{address}");
        assert!(!server.started());
        assert!(Exception::from(error).is::<NotLoopbackError>(), "{address}");
        // Serving does not begin either.
        assert!(server.serve_forever().unwrap_err().is::<NotLoopbackError>());
    }
    // A port alone means all addresses, as elsewhere.
    assert!(BackdoorServer::new(0_u16).start().is_err());
    let open = TcpListener::bind("0.0.0.0:0")?;
    assert!(BackdoorServer::builder().build_on(open).is_err());

    let open = TcpListener::bind("0.0.0.0:0")?;
    let server = BackdoorServer::builder().open_to_others().build_on(open)?;
    server.start()?;
    server.stop()?;
    let server = BackdoorServer::builder().open_to_others().build("0.0.0.0:0");
    server.start()?;
    server.stop()
}

#[test]
fn loopback_addresses_are_allowed_by_any_name() -> TestResult {
    let _bounded = bounded();
    for address in ["127.0.0.1:0", "127.8.9.1:0", "localhost:0"] {
        let server = BackdoorServer::new(address);
        server.start()?;
        let server = Server(server);
        assert!(server.ask("help")?.contains("quit"), "{address}");
    }
    Ok(())
}

#[test]
fn the_file_is_for_the_same_user_only_and_goes_with_the_server() -> TestResult {
    let _bounded = bounded();
    let server = Server::start(Way::Unix, BackdoorServer::builder())?;
    let path = server.0.path().expect("it has one");
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o7777, 0o600);
    drop(server);
    assert!(!path.exists());
    Ok(())
}

#[test]
fn a_file_that_is_there_already_stays() -> TestResult {
    let path = path();
    fs::write(&path, "precious")?;
    let server = BackdoorServer::at_path(&path)?;
    assert_eq!(server.start().unwrap_err().kind(), ErrorKind::AddrInUse);
    server.stop()?;
    assert_eq!(fs::read_to_string(&path)?, "precious");
    fs::remove_file(&path)?;
    assert!(BackdoorServer::at_path("x".repeat(1000)).is_err());
    Ok(())
}
