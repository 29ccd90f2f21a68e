//! Faults of sockets: resets, receivers that do not read, a lack of descriptors, interrupted calls, forks. Each test
//! runs in a process of its own, whose descriptors, signals and limits it may change. After each, the descriptors,
//! greenlets, watchers and bytes in use are as many as before.
//!
//! | file | faults |
//! |---|---|
//! | `connects.rs` | many connects that are refused, full queues of listeners |
//! | `forks.rs` | forks while greenlets wait |
//! | `interrupts.rs` | signals that interrupt calls of the system |
//! | `limits.rs` | no descriptors left, no room for options |
//! | `resets.rs` | resets and half-closes at each moment of a connection |
//! | `steady.rs` | none: it counts what is left |
//! | `windows.rs` | other sides that do not read |

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../common/mod.rs"]
mod common;
mod connects;
mod forks;
mod interrupts;
mod limits;
mod resets;
mod steady;
mod windows;

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use common::children::{self, Test};
use common::process::Process;
use gevent::Exception;
use gevent::socket::{Socket, TcpListener, TcpStream, UdpSocket};

type TestResult = Result<(), Exception>;

/// The time of a wait that another event is to cut short.
const LONG: f64 = 1000.0;
/// The time limit of one test, which takes less than some seconds unless it hangs.
const BOUND: Duration = Duration::from_secs(100);

/// A test's name, and what its process does.
type Fault = (&'static str, fn() -> TestResult);

const TESTS: &[&[Fault]] = &[
    connects::TESTS,
    forks::TESTS,
    interrupts::TESTS,
    limits::TESTS,
    resets::TESTS,
    steady::TESTS,
    windows::TESTS,
];

fn main() -> ExitCode {
    let test = |(name, test): &Fault| {
        let test = *test;
        Test {
            name,
            child: Box::new(move || match test() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error:?}");
                    ExitCode::FAILURE
                }
            }),
            parent: Box::new(|child: Process| {
                let ended = child.wait(BOUND)?;
                match ended.status.success() {
                    true => Ok(()),
                    false => Err(format!("{}: {}{}", ended.status, ended.stdout, ended.stderr).into()),
                }
            }),
        }
    };
    let tests: Vec<_> = TESTS.iter().copied().flatten().map(test).collect();
    children::main(&tests)
}

/// The system's number of an error, which may be the source of another one.
fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| errno(error.source()?.downcast_ref()?))
}

/// Both ends of a connection.
fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let one = TcpStream::connect(listener.local_addr()?)?;
    Ok((one, listener.accept()?.0))
}

/// The same as Python's sockets.
fn python_pair() -> io::Result<(Socket, Socket)> {
    let (one, other) = tcp_pair()?;
    Ok((one.into(), other.into()))
}

fn udp_pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    one.connect(other.local_addr()?)?;
    other.connect(one.local_addr()?)?;
    Ok((one, other))
}

/// Has the close of a stream reset it.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.with_options(|options| options.set_linger(Some(Duration::ZERO)))??;
    stream.close();
    Ok(())
}
