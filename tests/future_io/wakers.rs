//! Wakers of tasks: who is woken, and what a waker may do.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use gevent::future::{Async, block_on};
use gevent::socket::UnixStream;
use gevent::{sleep, spawn};

use crate::shared::{leaves_no_watcher, read, unix_pair};
use crate::support::{Reports, TestResult, bounded};

/// Counts how often its task is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll_read<S: gevent::future::PollRead>(stream: &Async<S>, count: &Arc<Count>) -> Poll<std::io::Result<usize>> {
    stream.poll_read(&mut Context::from_waker(&count.clone().into()), &mut [0; 100])
}

/// Lets the hub look for events.
fn let_events_come() -> TestResult {
    (0..3).try_for_each(|_| sleep(0.0001))
}

#[test]
fn one_wake_for_one_wait() -> TestResult {
    let _bounded = bounded();
    let ((a, b), count) = (unix_pair()?, Arc::new(Count::default()));
    for i in 1..4 {
        // Polls beyond the first change nothing, also when the data are there.
        assert!(poll_read(&a, &count).is_pending() && poll_read(&a, &count).is_pending());
        b.get_ref().write_all(b"x")?;
        assert!(poll_read(&a, &count).is_pending());
        let_events_come()?;
        assert_eq!(count.get(), i);
        assert!(matches!(poll_read(&a, &count), Poll::Ready(Ok(1))));
    }
    let_events_come()?;
    assert_eq!(count.get(), 3);
    // No clone of the waker is kept.
    assert_eq!(Arc::strong_count(&count), 1);
    Ok(())
}

#[test]
fn data_that_came_with_the_last_read_are_found() -> TestResult {
    let _bounded = bounded();
    let ((a, b), count) = (unix_pair()?, Arc::new(Count::default()));
    b.get_ref().write_all(b"x")?;
    assert!(matches!(poll_read(&a, &count), Poll::Ready(Ok(1))));
    b.get_ref().write_all(b"yz")?;
    // The read before has taken all that was there, so this one waits first.
    if poll_read(&a, &count).is_pending() {
        let_events_come()?;
        assert_eq!(count.get(), 1);
        assert!(matches!(poll_read(&a, &count), Poll::Ready(Ok(2))));
    }
    Ok(())
}

#[test]
fn a_task_that_is_replaced_is_woken() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
    assert!(poll_read(&a, &first).is_pending() && poll_read(&a, &second).is_pending());
    assert_eq!((first.get(), second.get()), (1, 0));
    b.get_ref().write_all(b"x")?;
    let_events_come()?;
    assert_eq!((first.get(), second.get()), (1, 1));
    Ok(())
}

#[test]
fn two_tasks_in_one_direction_both_make_progress() -> TestResult {
    let _bounded = bounded();
    let (a, b) = unix_pair()?;
    let a = Rc::new(a);
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let a = a.clone();
            spawn(move || Ok(block_on(read(&a, &mut [0]))??))
        })
        .collect();
    sleep(0)?;
    b.get_ref().write_all(b"12")?;
    for reader in readers {
        assert_eq!(reader.get()?, 1);
    }
    Ok(())
}

#[test]
fn who_waits_by_another_handle_is_woken_by_a_drop() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let ((a, b), count) = (unix_pair()?, Arc::new(Count::default()));
        let again = Async::new(a.get_ref().clone());
        assert!(poll_read(&again, &count).is_pending());
        drop(a);
        assert_eq!(count.get(), 1);
        assert!(poll_read(&again, &count).is_pending());
        b.get_ref().write_all(b"x")?;
        let_events_come()?;
        assert_eq!(count.get(), 2);
        Ok(())
    })
}

thread_local! {
    /// What the wakers of these tests do when they are cloned, woken and dropped.
    static ACTS: RefCell<[Option<Act>; 3]> = RefCell::default();
}

type Act = Rc<dyn Fn()>;

/// A waker that does what [`ACTS`] says. It has no state, so that any thread may have it.
fn acting() -> Waker {
    fn act(index: usize) {
        let act = ACTS.with_borrow_mut(|acts| acts[index].take());
        if let Some(act) = act {
            act();
        }
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            act(0);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| act(1),
        |_| act(1),
        |_| act(2),
    );
    // SAFETY: the functions do not use the pointer.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

fn set_act(index: usize, act: impl Fn() + 'static) {
    ACTS.with_borrow_mut(|acts| acts[index] = Some(Rc::new(act)));
}

fn poll_acting(stream: &Async<UnixStream>) -> Poll<std::io::Result<usize>> {
    stream.poll_read(&mut Context::from_waker(&acting()), &mut [0])
}

#[test]
fn a_waker_may_close_the_stream_when_it_is_cloned() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, _b) = unix_pair()?;
        let stream = a.get_ref().clone();
        set_act(0, move || stream.close());
        assert!(matches!(poll_acting(&a), Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF)));
        Ok(())
    })
}

#[test]
fn a_waker_may_use_the_stream_when_it_is_cloned_woken_and_dropped() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = unix_pair()?;
        let a = Rc::new(a);
        for index in 0..3 {
            let (its, count) = (a.clone(), Arc::new(Count::default()));
            let its_count = count.clone();
            set_act(index, move || assert!(poll_read(&its, &its_count).is_pending()));
            assert!(poll_acting(&a).is_pending());
            // Another task comes, which wakes this one, and drops its waker.
            let other = Arc::new(Count::default());
            assert!(poll_read(&a, &other).is_pending());
            ACTS.take();
            b.get_ref().write_all(b"x")?;
            let_events_come()?;
            assert!(count.get() + other.get() > 0);
            assert!(matches!(poll_read(&a, &count), Poll::Ready(Ok(1))));
        }
        Ok(())
    })
}

#[test]
fn a_waker_may_drop_the_last_handle() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = unix_pair()?;
        let a = Rc::new(RefCell::new(Some(a)));
        let its = a.clone();
        assert!(poll_acting(a.borrow().as_ref().expect("it is there")).is_pending());
        set_act(1, move || drop(its.take()));
        b.get_ref().write_all(b"x")?;
        let_events_come()?;
        assert!(a.borrow().is_none());
        assert!(b.get_ref().write_all(b"x").is_err());
        Ok(())
    })
}

#[test]
fn a_waker_that_panics_harms_nobody() -> TestResult {
    let _bounded = bounded();
    leaves_no_watcher(|| {
        let (a, b) = unix_pair()?;
        let (mut reports, count) = (Reports::new(), Arc::new(Count::default()));
        assert!(poll_acting(&a).is_pending());
        set_act(1, || panic!("on purpose"));
        b.get_ref().write_all(b"x")?;
        let_events_come()?;
        let report = reports.take();
        assert!(report.contains("on purpose"), "{report}");
        reports.flush()?;
        assert!(matches!(poll_read(&a, &count), Poll::Ready(Ok(1))));
        // The panic of a waker that is woken by a close goes to the caller, and all is closed.
        assert!(poll_acting(&a).is_pending());
        set_act(1, || panic!("on purpose"));
        let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| a.get_ref().close()));
        assert!(closed.is_err());
        assert!(matches!(poll_read(&a, &count), Poll::Ready(Err(e)) if e.raw_os_error() == Some(libc::EBADF)));
        Ok(())
    })
}
