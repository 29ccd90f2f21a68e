//! Tests that both processes go on to copy after a fork: the pipes of the parent are not the child's to use. This
//! program has no other test, because a fork copies the locks of other tests, and stops their threads.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;

use gevent::socket::{UnixStream, copy_bidirectional};
use gevent::{get_hub, sleep, spawn};
use support::{TestResult, bounded};

/// Forwards many words, each of which tells its place, and checks them all. Calls `meanwhile` when everything is full.
fn forward_a_lot(seed: u64, meanwhile: impl FnOnce()) -> TestResult {
    const BLOCKS: u64 = 10;
    let block = move |number: u64| -> Vec<u8> {
        let words = (0..100_000_u64).map(move |word| (seed << 48) | (number << 32) | word);
        words.flat_map(u64::to_le_bytes).collect()
    };
    let ((mut client, a), (b, mut server)) = (UnixStream::pair()?, UnixStream::pair()?);
    let copier = spawn(move || Ok(copy_bidirectional(&a, &b)?));
    let sender = spawn(move || {
        for number in 0..BLOCKS {
            client.write_all(&block(number))?;
        }
        client.shutdown(Shutdown::Write)?;
        Ok(client.read(&mut [0]).map(drop)?)
    });
    for _ in 0..20 {
        sleep(0.001)?;
    }
    meanwhile();
    for number in 0..BLOCKS {
        let expected = block(number);
        let mut found = vec![0; expected.len()];
        server.read_exact(&mut found)?;
        assert!(found == expected, "block {number}");
    }
    drop(server);
    assert_eq!(copier.get()?, (BLOCKS * 800_000, 0));
    sender.get()?;
    Ok(())
}

#[test]
fn both_sides_of_a_fork_copy() -> TestResult {
    let _bounded = bounded();
    // Now this thread has a pipe.
    forward_a_lot(1, || ())?;
    let (mut told, mut tell) = std::io::pipe()?;
    // SAFETY: the child takes only locks that its own thread uses, and ends by `_exit`.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(move || {
            get_hub().reinit()?;
            told.read_exact(&mut [0])?;
            forward_a_lot(2, || ())
        });
        if !matches!(outcome, Ok(Ok(()))) {
            eprintln!("in the child: {outcome:?}");
        }
        // SAFETY: no preconditions.
        unsafe { libc::_exit(i32::from(!matches!(outcome, Ok(Ok(()))))) };
    }
    // The child copies while the parent's data are in the pipe.
    let mut status = 0;
    forward_a_lot(3, || {
        tell.write_all(b"x").expect("the child reads");
        // SAFETY: `status` is writable.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    })?;
    assert_eq!(status, 0);
    Ok(())
}
