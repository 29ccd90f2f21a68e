//! Children and their pipes in code that is written with futures.

use std::pin::Pin;
use std::task::{Context, Waker};

use gevent::future::{block_on, join_all, spawn_local};
use gevent::subprocess::{Command, PIPE, Popen};
use gevent::{GreenletExit, sleep, with_timeout};

use crate::sh;
use crate::support::{TestResult, bounded};

#[test]
fn children_are_awaited() -> TestResult {
    let _bounded = bounded();
    let children = [sh("exit 3"), sh("kill -9 $$"), sh("sleep 0.01")].map(Popen::new);
    let children = children.into_iter().collect::<Result<Vec<_>, _>>()?;
    let codes = block_on(join_all(&children))?;
    let codes = codes.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(codes, [3, -9, 0]);
    // One that has ended can be awaited again, by its handle itself.
    for (child, code) in children.into_iter().zip(codes) {
        assert_eq!(block_on(child)??, code);
    }
    Ok(())
}

/// A child that has ended is known to have by the first poll.
#[test]
fn a_child_that_has_ended_is_not_waited_for() -> TestResult {
    let _bounded = bounded();
    let child = Popen::new(Command::new("true").stdout(PIPE))?;
    // The end of its output comes with its own, or a little before that.
    let mut output = Vec::new();
    std::io::Read::read_to_end(&mut child.stdout().expect("it is piped"), &mut output)?;
    while child.poll()?.is_none() {
        std::thread::yield_now();
    }
    let mut future = (&child).into_future();
    let polled = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Ok(0))));
    Ok(())
}

/// The child goes on, and is waited for again.
#[test]
fn a_wait_that_ends_leaves_the_child_alone() -> TestResult {
    let _bounded = bounded();
    let child = Popen::new(Command::new("cat").stdin(PIPE))?;
    let waiting = spawn_local(child.clone());
    sleep(0)?;
    waiting.kill()?;
    assert!(waiting.get().unwrap_err().is::<GreenletExit>());
    assert_eq!(with_timeout(0.001, || block_on(&child)?, -1)?, -1);
    // A future that is dropped takes no wake-up along.
    let mut dropped = (&child).into_future();
    let waker = Waker::noop();
    assert!(
        Pin::new(&mut dropped)
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    drop(dropped);
    assert_eq!(child.poll()?, None);
    let waiting = spawn_local(child.clone());
    sleep(0)?;
    child.stdin().expect("it is piped").close();
    assert_eq!(waiting.get()?, 0);
    Ok(())
}
