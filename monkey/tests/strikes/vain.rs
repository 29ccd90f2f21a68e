//! Calls that are woken for nothing: somebody else takes what has come.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use gevent::core::{Events, Io};
use gevent::get_hub;

use crate::files::{fifo, pipe, put, reads, reads_byte, take};
use crate::row::{Case, Row};
use crate::sockets::pair;

/// Takes what comes, some times, before others are told of it.
fn taker(fd: RawFd, times: usize) {
    let watcher = get_hub().loop_().io(fd, Events::READ).expect("there is a loop");
    watcher.set_priority(2).expect("it is not started");
    let kept: Rc<RefCell<Option<Io>>> = Rc::default();
    let (its, left) = (kept.clone(), Cell::new(times));
    let take = move || {
        assert_eq!(take(fd), b"x");
        left.set(left.get() - 1);
        if left.get() == 0 {
            let watcher = its.take().expect("it is the last one");
            watcher.stop().expect("there is a loop");
        }
    };
    watcher.start(take).expect("there is a loop");
    kept.replace(Some(watcher));
}

/// The case of a call that waits for what is written to the other descriptor, and is woken for nothing some times.
pub(crate) fn disturbed(times: usize, both: (OwnedFd, OwnedFd), case: impl FnOnce((OwnedFd, OwnedFd)) -> Case) -> Case {
    let (fd, writing) = (both.0.as_raw_fd(), both.1.as_raw_fd());
    taker(fd, times);
    Case {
        again: (0..times)
            .map(|_| Box::new(move || put(writing)) as Box<dyn FnOnce()>)
            .collect(),
        ..case(both)
    }
}

fn read(fd: RawFd) -> std::io::Result<()> {
    // SAFETY: the buffer has a byte.
    reads_byte(|to| unsafe { libc::read(fd, to, 1) } as i64)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).closed([Some(libc::EBADF); 2]);
    vec![
        row("read", || disturbed(1, pipe(), |both| reads(both, read))).with("a pipe, woken for nothing"),
        // From then on, it makes pauses.
        row("read", || disturbed(2, pipe(), |both| reads(both, read))).with("a pipe, woken for nothing twice"),
        row("read", || disturbed(2, fifo(), |both| reads(both, read))).with("a FIFO, woken for nothing twice"),
        row("read", || disturbed(2, pair(), |both| reads(both, read))).with("a socket, woken for nothing twice"),
    ]
}
