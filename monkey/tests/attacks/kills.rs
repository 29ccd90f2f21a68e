//! What is thrown into calls.

use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gevent_monkey::stats;
use greenlet_core::{Exception, GreenletExit};

use crate::{bound, kill_victims, victim};

/// Something thrown whose destructor makes patched calls.
#[derive(Debug)]
struct Sleepy;

impl std::fmt::Display for Sleepy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sleepy")
    }
}

impl std::error::Error for Sleepy {}

impl Drop for Sleepy {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(1));
    }
}

/// The second exception is dropped while the first one is kept.
#[test]
fn an_exception_that_is_dropped_may_make_calls() {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let (release, wait) = mpsc::channel::<()>();
    let thread = victim(move || {
        let got = gevent_monkey::run(|| {
            let _ = wait.recv();
            Ok::<_, Exception>(())
        });
        got.unwrap_err().is::<Sleepy>()
    });
    hub::sleep(0.002).unwrap();
    for _ in 0..3 {
        kill_victims(|| Exception::new(Sleepy));
        hub::sleep(0.002).unwrap();
    }
    release.send(()).unwrap();
    assert!(thread.join().unwrap());
}

/// Kills a virtual thread in a call, which is to end by that.
#[track_caller]
fn ends_by_a_kill(f: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let thread = victim(move || {
        let ended = gevent_monkey::run(f);
        // Afterwards, calls are as ever.
        thread::sleep(Duration::from_millis(1));
        ended
    });
    let before = stats().parked;
    while stats().parked == before {
        hub::sleep(0.001).unwrap();
    }
    hub::sleep(0.002).unwrap();
    kill_victims(|| GreenletExit);
    let ended = thread.join().unwrap();
    assert!(ended.as_ref().unwrap_err().is::<GreenletExit>(), "{ended:?}");
}

#[test]
fn reads_end() {
    ends_by_a_kill(|| {
        let (mut one, _other) = UnixStream::pair()?;
        one.read_exact(&mut [0])
    });
}

#[test]
fn receiving_ends() {
    ends_by_a_kill(|| UdpSocket::bind("127.0.0.1:0")?.recv(&mut [0]).map(drop));
}

#[test]
fn accepting_ends() {
    ends_by_a_kill(|| TcpListener::bind("127.0.0.1:0")?.accept().map(drop));
}

#[test]
fn writing_ends() {
    ends_by_a_kill(|| {
        use std::io::Write;
        let (mut one, _other) = UnixStream::pair()?;
        one.write_all(&vec![0; 10 << 20])
    });
}

#[test]
fn connecting_with_a_timeout_ends() {
    // Nobody accepts there, and there is no room for one more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: the call changes how many connections the listener keeps.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().unwrap();
    let mut kept = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        kept.push(stream);
        assert!(kept.len() < 100);
    }
    ends_by_a_kill(move || TcpStream::connect_timeout(&address, Duration::from_secs(30)).map(drop));
    ends_by_a_kill(move || TcpStream::connect(address).map(drop));
}

#[test]
fn waits_for_processes_end() {
    ends_by_a_kill(|| {
        let mut child = std::process::Command::new("sleep").arg("30").spawn()?;
        let ended = child.wait().map(drop);
        child.kill()?;
        ended
    });
}

/// A wait with its time goes on, and a mutex is locked afterwards.
#[test]
fn futex_waits_go_on() {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = pair.clone();
    let thread = victim(move || {
        gevent_monkey::run(|| {
            let mut guard = theirs.0.lock().unwrap();
            while *guard < 3 {
                guard = theirs.1.wait(guard).unwrap();
            }
            Ok::<_, Exception>(*guard)
        })
    });
    for _ in 0..3 {
        hub::sleep(0.001).unwrap();
        kill_victims(|| GreenletExit);
        hub::sleep(0.001).unwrap();
        *pair.0.lock().unwrap() += 1;
        pair.1.notify_all();
    }
    assert!(thread.join().unwrap().unwrap_err().is::<GreenletExit>());
}

/// A kill while a program is started leaves no process and no descriptor behind.
#[test]
fn a_kill_while_a_program_starts() {
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    for _ in 0..20 {
        let thread = victim(|| {
            gevent_monkey::run(|| {
                use std::os::unix::process::CommandExt;
                let mut command = std::process::Command::new("sleep");
                command.arg("0.01");
                // SAFETY: the function does nothing that the child of a fork must not do.
                unsafe { command.pre_exec(|| Ok(_ = libc::usleep(5000))) };
                command.output()
            })
        });
        hub::sleep(0.002).unwrap();
        kill_victims(|| GreenletExit);
        let _ = thread.join();
    }
}
