//! No descriptor's flags are changed, as strace sees it: but for those of a stream while it begins to connect.
//!
//! The test starts its own program once more under strace, as only that one is to be watched.

mod team;

use std::io::{Read, Write, pipe};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;

use gevent_threading::spawn;

use team::bounded;

const ROLE: &str = "GEVENT_MONKEY_UNDER_STRACE";

/// The call from which on the program is watched.
const BEGIN: &str = "connect(-1, NULL, 0)";

/// Calls of all kinds, which wait.
fn watched() {
    // The hub makes its own descriptors when somebody waits first. They are not looked at.
    spawn(|| gevent_threading::sleep(std::time::Duration::from_millis(1)))
        .join()
        .unwrap();
    // SAFETY: no descriptor, no address.
    assert_eq!(unsafe { libc::connect(-1, std::ptr::null(), 0) }, -1);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes.len()
    });
    let client = spawn(move || {
        TcpStream::connect(address)
            .unwrap()
            .write_all(&vec![1; 10_000_000])
            .unwrap()
    });
    let (mut reader, mut writer) = pipe().unwrap();
    let piped = spawn(move || reader.read_to_end(&mut Vec::new()).unwrap());
    let piping = spawn(move || writer.write_all(&[1; 1_000_000]).unwrap());
    let (mut one, mut other) = UnixStream::pair().unwrap();
    let receiver = spawn(move || one.read_to_end(&mut Vec::new()).unwrap());
    let sender = spawn(move || other.write_all(&[1; 1_000_000]).unwrap());
    let (one, other) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    let to = one.local_addr().unwrap();
    let datagram = spawn(move || one.recv(&mut [0; 10]).unwrap());
    let sent = spawn(move || {
        other.connect(to).unwrap();
        other.send(b"hello").unwrap()
    });
    assert_eq!(server.join().unwrap(), 10_000_000);
    client.join().unwrap();
    piping.join().unwrap();
    sender.join().unwrap();
    assert_eq!(
        (piped.join().unwrap(), receiver.join().unwrap()),
        (1_000_000, 1_000_000)
    );
    assert_eq!((datagram.join().unwrap(), sent.join().unwrap()), (5, 5));
}

#[test]
fn flags_are_left_alone() {
    if std::env::var_os(ROLE).is_some() {
        bounded(watched);
        assert!(gevent_monkey::stats().parked > 10);
        return;
    }
    let log = std::env::temp_dir().join(format!("gevent-monkey-strace-{}", std::process::id()));
    let traced = Command::new("strace")
        .args(["-f", "-e", "trace=fcntl,ioctl,connect", "-o"])
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "flags_are_left_alone"])
        .env(ROLE, "1")
        .status();
    let status = match traced {
        Ok(status) => status,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            assert!(std::env::var_os("CI").is_none(), "strace is not installed");
            eprintln!("skipped: strace is not installed");
            return;
        }
        Err(error) => panic!("strace cannot be started: {error}"),
    };
    assert!(status.success());
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(log).unwrap();
    assert!(!text.contains("FIONBIO"), "{text}");
    let (_, text) = text.split_once(BEGIN).expect("it has begun");
    let calls: Vec<&str> = (text.lines())
        .filter(|line| line.contains("F_SETFL") || line.contains("connect("))
        .map(|line| line.split_once(' ').unwrap().1.trim_start())
        .collect();
    // The stream's connection is begun, and told of; and that of the datagrams is made at once.
    let kinds: Vec<_> = (calls.iter())
        .map(|call| match (call.contains("F_SETFL"), call.contains("O_NONBLOCK")) {
            (true, true) => "set",
            (true, false) => "cleared",
            (false, _) => "connect",
        })
        .collect();
    let allowed: [&[&str]; 4] = [
        &["set", "connect", "cleared", "connect", "connect"],
        &["set", "connect", "cleared", "connect"],
        &["connect", "set", "connect", "cleared", "connect"],
        &["connect", "set", "connect", "cleared"],
    ];
    assert!(allowed.contains(&&kinds[..]), "{calls:#?}");
}
