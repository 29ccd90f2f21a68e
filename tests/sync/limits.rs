//! Tests sizes at their limits: 0 and the largest number are sizes like others.

use crate::support::{LONG, TestResult, bounded};
use gevent::exceptions::StackError;
use gevent::lock::{Barrier, BoundedSemaphore, Condition, DummySemaphore, Semaphore};
use gevent::pool::Pool;
use gevent::queue::{Channel, LifoQueue, PriorityQueue, Queue, SimpleQueue};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::ThreadPool;
use gevent::{Greenlet, JoinAll, RawGreenlet, Wait, iwait_with, joinall_with, sleep, spawn, threadsafe, wait_with};

const MOST: usize = usize::MAX;

#[test]
fn of_semaphores() -> TestResult {
    let _bounded = bounded();
    macro_rules! try_semaphore {
        ($($semaphore:expr),*) => {$(
            let semaphore = $semaphore;
            assert!(semaphore.try_acquire());
            let guard = semaphore.acquire_guard()?;
            assert_eq!(semaphore.counter(), MOST - 2);
            drop(guard);
            let _ = semaphore.release();
            assert_eq!(semaphore.counter(), MOST);
            drop(semaphore.acquire_guard_timeout(LONG)?);
            assert_eq!(semaphore.counter(), MOST);
        )*};
    }
    try_semaphore!(
        Semaphore::new(MOST),
        BoundedSemaphore::new(MOST),
        threadsafe::Semaphore::new(MOST),
        threadsafe::BoundedSemaphore::new(MOST)
    );
    assert!(BoundedSemaphore::new(MOST).release().is_err());
    assert!(BoundedSemaphore::new(0).release().is_err());
    DummySemaphore::new().release();
    Ok(())
}

#[test]
fn of_queues() -> TestResult {
    let _bounded = bounded();
    macro_rules! try_queue {
        ($($type:ident),*) => {$(
            for maxsize in [0, MOST] {
                let queue = $type::with_maxsize(maxsize);
                queue.put(1)?;
                queue.put(2)?;
                assert!(!queue.full());
                assert_eq!(queue.get()? + queue.get()?, 3);
            }
        )*};
    }
    use threadsafe::Queue as SafeQueue;
    try_queue!(Queue, LifoQueue, PriorityQueue, SimpleQueue, SafeQueue);
    let queue = Queue::new().with_unfinished_tasks(MOST);
    queue.put(1)?;
    queue.task_done()?;
    assert_eq!(queue.unfinished_tasks(), MOST - 1);
    let channel = Channel::new();
    let puts = channel.clone();
    spawn(move || puts.put(1));
    assert_eq!(channel.get()?, 1);
    Ok(())
}

#[test]
fn of_pools() -> TestResult {
    let _bounded = bounded();
    let pool = Pool::new(MOST);
    assert_eq!(pool.map(|i: i32| i, [1, 2])?, [1, 2]);
    assert_eq!(pool.free_count(), MOST);
    for maxsize in [0, MOST - 1, MOST] {
        let it = pool.imap_maxsize(|i: i32| i, 0..3, maxsize);
        assert_eq!(it.collect::<Result<Vec<_>, _>>()?, [0, 1, 2]);
        let it = pool.imap_unordered_maxsize(|i: i32| i, 0..3, maxsize);
        assert_eq!(it.count(), 3);
    }
    Ok(())
}

#[test]
fn of_barriers_and_conditions() -> TestResult {
    let _bounded = bounded();
    assert_eq!(Barrier::new(0).wait_timeout(LONG)?, 0);
    assert_eq!(Barrier::new(1).wait_timeout(LONG)?, 0);
    assert!(Barrier::new(MOST).wait_timeout(0.001).is_err());
    let condition = Condition::new();
    let waits = condition.clone();
    let waiter = spawn(move || {
        let _held = waits.acquire_guard()?;
        waits.wait_timeout(LONG)
    });
    sleep(0)?;
    {
        let _held = condition.acquire_guard()?;
        condition.notify(0)?;
        condition.notify(MOST)?;
        condition.notify(MOST)?;
    }
    assert!(waiter.get()?);
    Ok(())
}

#[test]
fn of_counts() -> TestResult {
    let _bounded = bounded();
    let two = || [spawn(|| sleep(0)), spawn(|| sleep(0))];
    assert_eq!(wait_with(two(), Wait::default().timeout(LONG).count(MOST))?.len(), 2);
    assert_eq!(wait_with(two(), Wait::default().timeout(LONG).count(0))?.len(), 0);
    assert_eq!(iwait_with(two(), Wait::default().timeout(LONG).count(MOST))?.count(), 2);
    let settings = JoinAll::default().count(MOST);
    assert_eq!(joinall_with(two(), settings)?.len(), 2);
    Ok(())
}

#[test]
fn of_thread_pools() -> TestResult {
    let _bounded = bounded();
    for maxsize in [1, 2, MOST - 1, MOST] {
        let pool = ThreadPool::new(maxsize);
        assert_eq!(pool.apply(|| 7)?, 7);
        for size in [MOST - 1, MOST] {
            // No system has so many threads, but none is started before this is found.
            assert!(pool.set_size(size).is_err());
            assert_eq!(pool.size(), 1);
        }
        pool.set_maxsize(0)?;
        pool.set_maxsize(MOST)?;
        pool.set_size(0)?;
        assert_eq!((pool.size(), pool.apply(|| 8)?), (0, 8));
        pool.kill()?;
    }
    Ok(())
}

#[test]
fn of_stacks() -> TestResult {
    let _bounded = bounded();
    for bytes in [0, 1, 4095, 1 << 16] {
        if bytes < 1 << 16 && std::env::var_os("ASAN_OPTIONS").is_some() {
            // The smallest stack has no room for AddressSanitizer's frames.
            continue;
        }
        let built = Greenlet::builder().stack_size(bytes);
        assert_eq!(built.spawn(|| sleep(0).map(|()| 7)).get()?, 7, "{bytes}");
    }
    for bytes in [MOST, MOST - 1, MOST / 2 + 1, MOST / 2, 1 << 60] {
        let built = Greenlet::builder().stack_size(bytes);
        let ended = built.spawn(|| 7).get();
        assert!(ended.is_err_and(|error| error.is::<StackError>()), "{bytes}");
        let raw = RawGreenlet::builder().stack_size(bytes).build(Ok);
        assert!(raw.switch(()).is_err(), "{bytes}");
    }
    assert_eq!(spawn(|| 7).get()?, 7);
    Ok(())
}

#[test]
fn of_servers() -> TestResult {
    let _bounded = bounded();
    for (backlog, max_accept) in [(i32::MAX, MOST), (0, 0), (i32::MIN, 1)] {
        let server = StreamServer::builder()
            .backlog(backlog)
            .max_accept(max_accept)
            .build("127.0.0.1:0", |_, _| ());
        server.start()?;
        let address = server.address().expect("it listens");
        drop(TcpStream::connect(address)?);
        server.stop_timeout(LONG)?;
    }
    drop(TcpListener::bind_with_backlog("127.0.0.1:0", i32::MAX)?);
    Ok(())
}
