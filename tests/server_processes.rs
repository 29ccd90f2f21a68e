//! Tests servers of several processes: a fork while a server runs, and sockets that are inherited.
//!
//! Each test runs in a process of its own, on its main thread, as a fork copies no threads of other tests there.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use common::SOON;
use common::children::{self, Test};
use common::this_program;
use gevent::server::{DatagramServer, StreamServer, listen_fds};
use gevent::socket::{
    AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener,
    UnixStream,
};
use gevent::{Exception, get_hub};

type TestResult = Result<(), Exception>;

/// The name, and what the child process runs.
type ProcessTest = (&'static str, fn() -> TestResult);

const TESTS: [ProcessTest; 3] = [
    (
        "test_a_fork_while_servers_run_harms_neither_process",
        test_a_fork_while_servers_run_harms_neither_process,
    ),
    (
        "test_children_serve_the_socket_of_their_parent",
        test_children_serve_the_socket_of_their_parent,
    ),
    ("test_inherited_sockets_are_served", test_inherited_sockets_are_served),
];

/// Runs `in_child` in a fork. Returns the child's exit status, which is 0 on success.
fn fork(in_child: impl FnOnce() -> TestResult) -> i32 {
    // SAFETY: no other thread of this process holds a lock that the child needs, and the child ends by `_exit`.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1, "{}", io::Error::last_os_error());
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child));
        if !matches!(outcome, Ok(Ok(()))) {
            eprintln!("in the child: {outcome:?}");
        }
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(!matches!(outcome, Ok(Ok(()))))) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gevent-{name}-{}", std::process::id()))
}

fn read_all(mut stream: impl Read) -> Result<String, Exception> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn test_a_fork_while_servers_run_harms_neither_process() -> TestResult {
    let path = path("fork");
    let tcp = StreamServer::builder()
        .spawn(1)
        .build("127.0.0.1:0", |mut stream: TcpStream, _| Ok(stream.write_all(b"tcp")?));
    let unix =
        StreamServer::builder().build_at_path(&path, |mut stream: UnixStream, _| Ok(stream.write_all(b"unix")?))?;
    let udp = DatagramServer::new("127.0.0.1:0", |_, _| ());
    udp.set_method(|server, data, address| server.sendto(&data, address).map(drop).map_err(Into::into));
    tcp.start()?;
    unix.start()?;
    udp.start()?;
    let served = || -> TestResult {
        let at: [SocketAddr; 2] = [&tcp.address(), &udp.address()].map(|address| address.expect("it listens"));
        for _ in 0..3 {
            assert_eq!(read_all(TcpStream::connect(at[0])?)?, "tcp");
            assert_eq!(read_all(UnixStream::connect(&path)?)?, "unix");
            let client = UdpSocket::bind("127.0.0.1:0")?;
            client.send_to(b"hello", at[1])?;
            assert_eq!(client.recv(&mut [0; 10])?, 5);
        }
        Ok(())
    };
    served()?;
    for _ in 0..2 {
        let status = fork(|| {
            get_hub().reinit()?;
            served()?;
            tcp.stop()?;
            unix.stop()?;
            udp.stop()?;
            assert!(tcp.closed() && unix.closed() && udp.closed());
            // The file is the parent's, which still listens there.
            assert!(path.exists());
            Ok(())
        });
        assert_eq!(status, 0);
        served()?;
    }
    tcp.stop()?;
    unix.stop()?;
    udp.stop()?;
    assert!(!path.exists());
    Ok(())
}

fn test_children_serve_the_socket_of_their_parent() -> TestResult {
    let server = StreamServer::builder()
        .max_accept(1)
        .build("127.0.0.1:0", |mut stream: TcpStream, _| {
            Ok(stream.write_all(std::process::id().to_string().as_bytes())?)
        });
    server.init_socket()?;
    let address = server.address().expect("it is bound");
    for _ in 0..3 {
        let status = fork(|| {
            get_hub().reinit()?;
            server.start()?;
            assert_eq!(read_all(TcpStream::connect(address)?)?, std::process::id().to_string());
            server.stop()
        });
        assert_eq!(status, 0);
    }
    // The parent itself has never accepted.
    assert!(!server.started() && !server.closed());
    server.start()?;
    assert_eq!(read_all(TcpStream::connect(address)?)?, std::process::id().to_string());
    server.stop()
}

/// What the program that inherits is to expect.
const CASE: &str = "GEVENT_TEST_CASE";

/// Runs this program again, with descriptors from 3 on and systemd's variables.
fn inherit(case: &str, listen_fds: &str, its_pid: bool, descriptors: &[RawFd]) -> TestResult {
    // Numbers that are not overwritten before they are used.
    let high = |fd: &RawFd| {
        // SAFETY: a call with numbers only.
        let new = unsafe { libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 50) };
        assert!(new >= 50, "{}", io::Error::last_os_error());
        new
    };
    let descriptors: Vec<_> = descriptors.iter().map(high).collect();
    let program = this_program::command();
    let pid = if its_pid { "$$" } else { "1" };
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("LISTEN_PID={pid} exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args())
        .args(["--run", "test_inherited_sockets_are_served"])
        .env("LISTEN_FDS", listen_fds)
        .env(CASE, case);
    let moves = descriptors.clone();
    // SAFETY: the function calls only `dup2` and `close`, which are allowed in the child of a fork.
    unsafe {
        command.pre_exec(move || {
            for (number, fd) in moves.iter().enumerate() {
                if libc::dup2(*fd, 3 + number as RawFd) == -1 {
                    return Err(io::Error::last_os_error());
                }
            }
            for number in moves.len()..20 {
                libc::close(3 + number as RawFd);
            }
            Ok(())
        })
    };
    let ended = command.output()?;
    let output = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{case}: {output}");
    for fd in descriptors {
        // SAFETY: this function has made it.
        unsafe { libc::close(fd) };
    }
    Ok(())
}

fn test_inherited_sockets_are_served() -> TestResult {
    if let Ok(case) = std::env::var(CASE) {
        return inherited(&case);
    }
    assert!(listen_fds()?.is_empty());
    let (stream_path, datagram_path) = (path("inherited"), path("inherited-datagrams"));
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    let unix = UnixListener::bind(&stream_path)?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    let unix_datagram = UnixDatagram::bind(&datagram_path)?;
    let file = std::fs::File::open("/dev/null")?;
    let all = [
        tcp.as_raw_fd(),
        unix.as_raw_fd(),
        udp.as_raw_fd(),
        unix_datagram.as_raw_fd(),
    ];
    inherit("all", "4", true, &all)?;
    inherit("none", "0", true, &[])?;
    inherit("none", "4", false, &all)?;
    inherit("bad", "5", true, &all)?;
    inherit("no socket", "1", true, &[file.as_raw_fd()])?;
    inherit("no number", "four", true, &all)?;
    inherit("no number", "99999999999", true, &all)?;
    inherit("too large", "4294967295", true, &all)?;
    std::fs::remove_file(stream_path)?;
    std::fs::remove_file(datagram_path)?;
    Ok(())
}

fn inherited(case: &str) -> TestResult {
    let raw_os_error = |error: io::Error| error.raw_os_error();
    match case {
        "none" => assert!(listen_fds()?.is_empty()),
        "bad" => assert_eq!(listen_fds().map_err(raw_os_error).unwrap_err(), Some(libc::EBADF)),
        "no socket" => assert_eq!(listen_fds().map_err(raw_os_error).unwrap_err(), Some(libc::ENOTSOCK)),
        "no number" | "too large" => assert_eq!(listen_fds().unwrap_err().kind(), ErrorKind::InvalidInput),
        _ => serve_all()?,
    }
    Ok(())
}

fn serve_all() -> TestResult {
    let sockets = listen_fds()?;
    let kinds: Result<Vec<_>, io::Error> = sockets.iter().map(|s| Ok((s.family()?, s.type_()?))).collect();
    let expected = [
        (AF_INET, SOCK_STREAM),
        (AF_UNIX, SOCK_STREAM),
        (AF_INET, SOCK_DGRAM),
        (AF_UNIX, SOCK_DGRAM),
    ];
    assert_eq!(kinds?, expected);
    // New programs inherit neither these nor the originals.
    for fd in (3..7).chain(sockets.iter().map(|socket| socket.fileno())) {
        // SAFETY: a call with numbers only.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, libc::FD_CLOEXEC, "{fd}");
    }
    assert!(TcpListener::try_from(sockets[1].clone()).is_err());
    let [tcp, unix, udp, unix_datagram] = &sockets[..] else {
        unreachable!("there are four")
    };
    let builder = StreamServer::builder;
    let tcp = builder().build_on(TcpListener::try_from(tcp.clone())?, |mut stream: TcpStream, _| {
        Ok(stream.write_all(b"tcp")?)
    });
    let unix = builder().build_on(UnixListener::try_from(unix.clone())?, |mut stream: UnixStream, _| {
        Ok(stream.write_all(b"unix")?)
    });
    let builder = DatagramServer::builder;
    let udp = builder().build_on(UdpSocket::try_from(udp.clone())?, |_, _| ());
    udp.set_method(|server, data, address| server.sendto(&data, address).map(drop).map_err(Into::into));
    let heard = gevent::event::Event::new();
    let its = heard.clone();
    let unix_datagram = builder().build_on(UnixDatagram::try_from(unix_datagram.clone())?, move |_, _| its.set());
    tcp.start()?;
    unix.start()?;
    udp.start()?;
    unix_datagram.start()?;
    let unix_path = unix.address().expect("it listens");
    assert_eq!(
        read_all(TcpStream::connect(tcp.address().expect("it listens"))?)?,
        "tcp"
    );
    assert_eq!(read_all(UnixStream::connect_addr(&unix_path)?)?, "unix");
    let client = UdpSocket::bind("127.0.0.1:0")?;
    client.send_to(b"hello", udp.address().expect("it is bound"))?;
    assert_eq!(client.recv(&mut [0; 10])?, 5);
    let at = unix_datagram.address().expect("it is bound");
    UnixDatagram::unbound()?.send_to_addr(b"hello", &at)?;
    heard.wait()?;
    tcp.stop()?;
    unix.stop()?;
    udp.stop()?;
    unix_datagram.stop()?;
    // The files are not this process's, and the sockets are still there.
    assert!(unix_path.as_pathname().is_some_and(|path| path.exists()));
    assert_eq!(listen_fds()?.len(), 4);
    Ok(())
}

fn main() -> ExitCode {
    children::main(&TESTS.map(|(name, child)| Test {
        name,
        child: Box::new(move || match child() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:?}");
                ExitCode::FAILURE
            }
        }),
        parent: Box::new(move |child| {
            let ended = child.wait(SOON)?;
            if ended.status.success() {
                return Ok(());
            }
            Err(format!("{}\n{}{}", ended.status, ended.stdout, ended.stderr).into())
        }),
    }))
}
