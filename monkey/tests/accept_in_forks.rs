//! Forks while other threads accept: whoever accepts in the child waits for none of them.
//!
//! It forks, so that it is a program of its own.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// No child takes longer, unless it hangs.
const LONGEST: Duration = Duration::from_secs(240);
const FORKS: usize = 300;
/// So many that one of them is always busy.
const CROWD: usize = 100;

fn accepts_nobody(listener: &TcpListener) {
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// Has each accept end soon.
fn limit(listener: &TcpListener) {
    let soon = libc::timeval { tv_sec: 0, tv_usec: 1 };
    // SAFETY: the option is a variable of this size.
    let set = unsafe {
        let (option, size) = ((&raw const soon).cast(), size_of_val(&soon) as libc::socklen_t);
        libc::setsockopt(listener.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, option, size)
    };
    assert_eq!(set, 0);
}

#[test]
fn the_child_accepts() {
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    gevent_monkey::patch_all().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    limit(&listener);
    let theirs = listener.try_clone().unwrap();
    let busy = thread::spawn(move || {
        let accepting: Vec<_> = (0..CROWD)
            .map(|_| {
                let theirs = theirs.try_clone().unwrap();
                gevent_threading::spawn(move || {
                    while !IS_OVER.load(Ordering::Relaxed) {
                        accepts_nobody(&theirs);
                    }
                })
            })
            .collect();
        accepting.into_iter().for_each(|thread| thread.join().unwrap());
    });
    for _ in 0..FORKS {
        // SAFETY: the child uses only what is made for children of forks, and ends by `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let theirs = listener.try_clone().unwrap();
            let accepted = gevent_threading::spawn(move || accepts_nobody(&theirs)).join();
            // SAFETY: no conditions.
            unsafe { libc::_exit(accepted.is_err().into()) };
        }
        let (started, mut status) = (Instant::now(), -1);
        // SAFETY: the child is ours, and the status a variable.
        while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
            if started.elapsed() > LONGEST {
                // SAFETY: as above.
                unsafe { libc::kill(child, libc::SIGKILL) };
                panic!("a child hangs");
            }
            thread::sleep(Duration::from_micros(100));
        }
        assert_eq!(status, 0);
    }
    IS_OVER.store(true, Ordering::Relaxed);
    busy.join().unwrap();
}
