//! Tests `Debug` with writers that use the printed object, or wait while others use it.

use std::fmt::{self, Debug, Write};

use crate::support::{TestResult, bounded};
use gevent::event::{AsyncResult, Event};
use gevent::hub::{Link, Links, Waiter};
use gevent::lock::{BoundedSemaphore, RLock, Semaphore};
use gevent::pool::{Group, Pool};
use gevent::queue::{Channel, Queue};
use gevent::server::StreamServer;
use gevent::threadpool::{ThreadPool, ThreadPoolExecutor};
use gevent::{Exception, get_hub, spawn};

/// Calls its function for each part that is written.
struct Writer<F: FnMut()>(F, usize);

impl<F: FnMut()> Write for Writer<F> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        self.1 += 1;
        (self.0)();
        Ok(())
    }
}

/// Prints to a writer that calls `meanwhile`.
fn print(printed: &dyn Debug, meanwhile: impl FnMut()) {
    let mut writer = Writer(meanwhile, 0);
    write!(writer, "{printed:?}").expect("the writer does not fail");
    assert!(writer.1 > 0);
}

#[test]
fn it_may_be_used_while_it_is_printed() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    print(&hub, || hub.set_name("other"));

    let links = Links::default();
    let link = Link::new(|_| Ok(()));
    links.push(link.clone());
    print(&links, || {
        assert!(links.remove(&link));
        links.push(link.clone());
    });

    let error = || Exception::msg("expected");
    let result = AsyncResult::<i32>::new();
    result.set_exception(error());
    print(&result, || result.set_exception(error()));
    result.set(1);
    print(&result, || result.set(2));

    let waiter = Waiter::<i32>::new(get_hub());
    let change = || {
        waiter.clear();
        waiter.throw(error()).expect("nobody waits for it");
    };
    change();
    print(&waiter, change);

    let locals = spawn(|| ()).spawn_tree_locals();
    locals.set("one", 1);
    print(&locals, || locals.set("two", 2));

    let executor = ThreadPoolExecutor::new(1);
    let others = executor.clone();
    print(&executor, || {
        others.shutdown(false).expect("nothing is thrown");
    });
    print(&executor, || ());
    Ok(())
}

#[test]
fn nor_are_the_others_in_its_way() -> TestResult {
    let _bounded = bounded();
    let event = Event::new();
    event.rawlink(|_| ());
    print(&event, || {
        event.set();
        event.clear();
    });

    let semaphore = Semaphore::new(1);
    print(&semaphore, || {
        assert!(semaphore.try_acquire());
        semaphore.release();
    });
    let bounded = BoundedSemaphore::new(1);
    print(&bounded, || {
        assert!(bounded.try_acquire());
        bounded.release().expect("it was acquired");
    });
    let lock = RLock::new();
    print(&lock, || {
        assert!(lock.try_acquire());
        lock.release().expect("it was acquired");
    });

    let queue = Queue::new();
    print(&queue, || {
        queue.put_nowait(1).expect("it has no limit");
        queue.get_nowait().expect("it was put");
    });
    let channel = Channel::<i32>::new();
    print(&channel, || assert!(channel.get_nowait().is_err()));

    let (group, pool) = (Group::new(), Pool::new(3));
    print(&group, || drop(group.spawn(|| ())));
    pool.spawn(|| ())?;
    print(&pool, || drop(pool.join()));

    let threads = ThreadPool::new(1);
    print(&threads, || {
        assert_eq!(threads.apply(|| 1).expect("nothing is thrown"), 1);
    });

    let server = StreamServer::new("127.0.0.1:0", |_, _| Ok(()));
    server.start()?;
    print(&server, || {
        server.close();
    });
    Ok(())
}
