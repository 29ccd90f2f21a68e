//! Connections at the end of a thread, and in the child of a fork. This is a program without other threads, as it
//! forks.

#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};

use gevent::os::{fork, waitpid};
use gevent::socket::UnixStream;
use gevent::ssl::SslStream;
use gevent_tls_tests::{client, connected, server};

use support::{TestResult, bounded};

fn main() -> TestResult {
    the_child_of_a_fork_does_not_end_the_parents_connection(drop)?;
    the_child_of_a_fork_does_not_end_the_parents_connection(|stream| stream.close())?;
    a_thread_ends_with_a_connection()?;
    Ok(())
}

fn the_child_of_a_fork_does_not_end_the_parents_connection(end: fn(SslStream<UnixStream>)) -> TestResult {
    let (mut near, mut far) = connected(&client()?, &server()?)?;
    near.write_all(b"before")?;
    far.read_exact(&mut [0; 6])?;
    // SAFETY: there are no other threads.
    #[allow(unsafe_code)]
    let pid = unsafe { fork() }?;
    if pid == 0 {
        end(near);
        end(far);
        std::process::exit(0);
    }
    let (_, status) = waitpid(pid, 0)?;
    assert_eq!(status.code(), Some(0));
    far.set_timeout(0)?;
    assert_eq!(far.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    far.set_timeout(None)?;
    near.write_all(b"after")?;
    let mut text = [0; 5];
    far.read_exact(&mut text)?;
    assert_eq!(&text, b"after");
    drop(near);
    assert_eq!(far.read(&mut text)?, 0);
    Ok(())
}

thread_local! {
    /// Destroyed when the thread ends, after the thread's hub or before.
    static KEPT: RefCell<Option<SslStream<UnixStream>>> = const { RefCell::new(None) };
}

fn a_thread_ends_with_a_connection() -> TestResult {
    let _bounded = bounded();
    for keep_first in [true, false] {
        let thread = std::thread::spawn(move || -> TestResult {
            if keep_first {
                // Its destructor is registered before those of the library, and so called after them.
                KEPT.with_borrow(|_| ());
            }
            let (near, mut far) = connected(&client()?, &server()?)?;
            (&near).write_all(b"x")?;
            far.read_exact(&mut [0; 1])?;
            KEPT.set(Some(near));
            Ok(())
        });
        thread.join().expect("no panic")?;
    }
    Ok(())
}
