//! The wait functions at sockets: cancelled, closed, and out of time.

use gevent::hub::core::{Events, Io};
use gevent::prelude::*;
use gevent::socket::{cancel_wait, cancel_wait_ex, socketpair, wait, wait_read, wait_readwrite, wait_write};

use super::common::TestResult;
use super::common_sockets::{fill, says, undisturbed, waits};

fn spawned_wait(watcher: &Io) -> Greenlet<()> {
    let watcher = watcher.clone();
    spawn(move || says("wait", wait(&watcher, None)))
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (a, b) = socketpair()?;
    let hub = get_hub();
    let readable = hub.loop_().io(a.fileno(), Events::READ)?;

    let waiting = spawned_wait(&readable);
    sleep(0)?;
    cancel_wait(&readable, cancel_wait_ex())?;
    println!("cancelled");
    waiting.join()?;

    // It can be waited for again, by one greenlet at a time.
    let waiting = spawned_wait(&readable);
    sleep(0)?;
    says("second", wait(&readable, None));
    b.sendall(b"x")?;
    waiting.join()?;
    says("at once", wait(&readable, 0));
    says("recv", a.recv(10));
    says("too late", wait(&readable, 0.001));
    cancel_wait(&readable, cancel_wait_ex())?;
    println!("nobody to cancel");
    readable.close()?;

    // A wait beside the socket's own.
    let waiting = [
        waits("wait_read", &a, |s| wait_read(s.fileno(), None)),
        waits("recv", &a, |s| s.recv(10)),
    ];
    sleep(0)?;
    b.sendall(b"data")?;
    joinall(&waiting)?;
    says("readwrite", wait_readwrite(a.fileno(), 100));
    fill(&a)?;
    says("write", wait_write(a.fileno(), 0.001));
    says("readwrite", wait_readwrite(a.fileno(), 0.001));
    says("read", wait_read(a.fileno(), 0));
    b.sendall(b"y")?;
    says("readwrite", wait_readwrite(a.fileno(), 100));

    // The end is readable, and writable.
    b.close();
    says("read", wait_read(a.fileno(), 100));
    says("write", wait_write(a.fileno(), 100));
    Ok(())
}
