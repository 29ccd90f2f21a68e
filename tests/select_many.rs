//! Thousands of descriptors in `select`, `poll` and selectors. In a process of its own, whose limit it raises.

mod support;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gevent::select::{POLLIN, POLLOUT, Poll, Select, select, select_timeout};
use gevent::selectors::{EVENT_READ, EVENT_WRITE, GeventSelector};
use gevent::{get_hub, sleep, spawn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{TestResult, bounded};

const MANY: usize = 10_000;

/// More than a thousand fit below.
const FD_SETSIZE: RawFd = 1024;

/// One test at a time has thousands of descriptors.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Raises the limit of the process. Returns how many descriptors a test may have.
fn many() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("the hard limit is allowed");
    maximum.map_or(MANY, |most| MANY.min(most as usize / 2))
}

/// Copies of a descriptor.
fn copies(of: &UnixStream, count: usize) -> Vec<OwnedFd> {
    let copy = || of.try_clone().expect("the limit is larger").into();
    std::iter::repeat_with(copy).take(count).collect()
}

fn numbers(fds: &[OwnedFd]) -> Vec<RawFd> {
    fds.iter().map(AsRawFd::as_raw_fd).collect()
}

/// Fails unless all these were found. They are too many to be printed.
fn assert_found(expected: &[RawFd], found: impl IntoIterator<Item = RawFd>) {
    let found: BTreeSet<_> = found.into_iter().collect();
    assert_eq!(found.len(), expected.len());
    assert!(expected.iter().all(|fd| found.contains(fd)));
}

/// Calls until it has found as many as are expected. The loop finds no more than 64 at a time, at first.
fn collect(expected: &[RawFd], mut call: impl FnMut() -> Result<Vec<RawFd>, gevent::Exception>) -> TestResult {
    let mut found = BTreeSet::from_iter(call()?);
    assert_eq!(found.is_empty(), expected.is_empty());
    while found.len() < expected.len() {
        found.extend(call()?);
    }
    assert_found(expected, found);
    Ok(())
}

/// Nothing is ready, then one, then all.
#[test]
fn thousands_of_descriptors() -> TestResult {
    let (_alone, _bounded) = (alone(), bounded());
    let before = get_hub().loop_().activecnt()?;
    let ((here, mut there), (one, mut to_one)) = (UnixStream::pair()?, UnixStream::pair()?);
    let mut all = copies(&here, many());
    let at = all.len() / 2;
    all[at] = one.try_clone()?.into();
    let mut fds = numbers(&all);
    fds.sort_unstable();
    assert!(fds.iter().any(|fd| *fd > FD_SETSIZE));

    let mut set = Select::new(fds.clone(), [], []);
    let (poll, selector) = (Poll::new(), GeventSelector::new());
    for fd in &fds {
        poll.register(fd, POLLIN)?;
        selector.register(fd, EVENT_READ, *fd)?;
    }
    let mut check = |expected: &[RawFd], timeout: Option<f64>| -> TestResult {
        let [readable, ..] = set.select_timeout(timeout)?;
        assert_found(expected, readable.copied());
        let polled = poll.poll_timeout(timeout)?;
        // It finds no more than some at a time.
        assert_eq!(polled.is_empty(), expected.is_empty());
        assert!(polled.len() == expected.len() || polled.len() >= 64);
        assert!(polled.iter().all(|(fd, _)| expected.binary_search(fd).is_ok()));
        collect(expected, || {
            let selected = selector.select_timeout(timeout)?;
            Ok(selected.iter().map(|(key, _)| *key.data).collect())
        })
    };
    let of_one = [all[at].as_raw_fd()];
    check(&[], Some(0.0))?;
    check(&[], Some(0.001))?;
    to_one.write_all(b"x")?;
    check(&of_one, None)?;
    there.write_all(b"x")?;
    check(&fds, None)?;
    // In the midst of the wait.
    (&here).read_exact(&mut [0])?;
    (&one).read_exact(&mut [0])?;
    let writer = spawn(move || {
        sleep(0.001)?;
        gevent::io(|| to_one.write_all(b"x"))
    });
    check(&of_one, None)?;
    writer.get()?;
    selector.close();
    assert_eq!(get_hub().loop_().activecnt()?, before);
    Ok(())
}

#[test]
fn one_descriptor_thousands_of_times() -> TestResult {
    let (_alone, _bounded) = (alone(), bounded());
    let (here, mut there) = UnixStream::pair()?;
    let fds = vec![here.as_raw_fd(); many() * 3];
    let (r, w, _) = select_timeout(fds.clone(), [], [], 0)?;
    assert_eq!((r.len(), w.len()), (0, 0));
    let waiter = spawn({
        let fds = fds.clone();
        move || Ok(select(fds, [], [])?.0.len())
    });
    sleep(0)?;
    there.write_all(b"x")?;
    assert_eq!(waiter.get()?, fds.len());
    assert_eq!(select(fds.clone(), fds.clone(), [])?.1.len(), fds.len());
    Ok(())
}

/// CPython's test of scalable selectors.
#[test]
fn test_above_fd_setsize() -> TestResult {
    let (_alone, _bounded) = (alone(), bounded());
    let selector = GeventSelector::new();
    let (here, _there) = UnixStream::pair()?;
    let all = copies(&here, many());
    for fd in &all {
        selector.register(fd, EVENT_READ | EVENT_WRITE, ())?;
    }
    collect(&numbers(&all), || {
        let selected = selector.select()?;
        Ok(selected.iter().map(|(key, _)| key.fd).collect())
    })?;
    for fd in &all {
        selector.unregister(fd)?;
    }
    assert!(selector.select_timeout(0)?.is_empty());
    // Files are ready at once, whatever their number.
    let file = File::open("/dev/null")?;
    let copy = rustix::io::fcntl_dupfd_cloexec(&file, FD_SETSIZE * 2)?;
    let number = copy.as_raw_fd();
    assert!(number >= FD_SETSIZE * 2);
    assert_eq!(select([number], [number], [])?, (vec![number], vec![number], vec![]));
    let poll = Poll::new();
    poll.register(&copy, POLLIN | POLLOUT)?;
    assert_eq!(poll.poll()?, [(number, POLLIN | POLLOUT)]);
    Ok(())
}

/// Thousands of greenlets, each with one descriptor.
#[test]
fn thousands_of_greenlets() -> TestResult {
    let (_alone, _bounded) = (alone(), bounded());
    let (here, mut there) = UnixStream::pair()?;
    let all = copies(&here, many());
    let waiters: Vec<_> = numbers(&all)
        .into_iter()
        .map(|fd| spawn(move || Ok(select([fd], [], [])?.0 == [fd])))
        .collect();
    sleep(0)?;
    there.write_all(b"x")?;
    for waiter in waiters {
        assert!(waiter.get()?);
    }
    Ok(())
}
