//! Tests hooks that wait, though they should not, before the wait for which they are called. The event of that wait may
//! come or change meanwhile, and must not be missed.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use crate::support::{TestResult, bounded};
use gevent::event::Event;
use gevent::exceptions::ConcurrentObjectUseError;
use gevent::lock::{Barrier, Condition, Semaphore};
use gevent::server::StreamServer;
use gevent::socket::{TcpListener, TcpStream};
use gevent::{Exception, Greenlet, sleep, spawn, threadsafe};

/// Calls `wait` in a greenlet. The first hook of its waits calls `meanwhile` and lets the others run.
fn meanwhile<T: Clone + 'static>(
    meanwhile: impl FnOnce() + 'static,
    wait: impl FnOnce() -> Result<T, Exception> + 'static,
) -> Result<T, Exception> {
    let first = Cell::new(Some(meanwhile));
    let hook = move || match first.take() {
        Some(meanwhile) => {
            meanwhile();
            sleep(0.01)
        }
        None => Ok(()),
    };
    let waiting = Greenlet::builder().switch_out(hook).spawn(wait);
    waiting.get()
}

/// The event is set, and is about to wake the greenlets that came before.
#[test]
fn those_before_are_told_meanwhile() -> TestResult {
    let _bounded = bounded();
    let event = Event::new();
    let before = spawn({
        let event = event.clone();
        move || event.wait()
    });
    sleep(0)?;
    let (is_set, waits) = (event.clone(), event.clone());
    let came = meanwhile(
        || (),
        move || {
            is_set.set();
            waits.wait()
        },
    );
    assert!(came? && before.get()?);

    // The same with an event that is cleared again.
    event.clear();
    let before = spawn({
        let event = event.clone();
        move || event.wait()
    });
    sleep(0)?;
    let (is_set, waits) = (event.clone(), event.clone());
    let came = meanwhile(
        move || drop(spawn(move || event.clear())),
        move || {
            is_set.set();
            waits.wait()
        },
    );
    assert!(came? && before.get()?);

    let semaphore = Semaphore::new(0);
    let before = spawn({
        let semaphore = semaphore.clone();
        move || semaphore.acquire()
    });
    sleep(0)?;
    let waits = semaphore.clone();
    let releases = move || {
        semaphore.release();
        semaphore.release();
    };
    meanwhile(releases, move || waits.acquire())?;
    before.get().map(drop)
}

#[test]
fn a_condition_is_notified_meanwhile() -> TestResult {
    let _bounded = bounded();
    for n in [1, usize::MAX] {
        let condition = Condition::new();
        let (waits, notifies) = (condition.clone(), condition);
        let notified = meanwhile(
            move || {
                spawn(move || -> TestResult {
                    notifies.acquire()?;
                    notifies.notify(n)?;
                    Ok(notifies.release()?)
                });
            },
            move || {
                waits.acquire()?;
                let notified = waits.wait()?;
                waits.release()?;
                Ok(notified)
            },
        );
        assert!(notified?);
    }
    Ok(())
}

#[test]
fn the_last_one_comes_to_a_barrier_meanwhile() -> TestResult {
    let _bounded = bounded();
    let barrier = Barrier::new(2);
    let last = barrier.clone();
    let index = meanwhile(
        move || {
            spawn(move || last.wait());
        },
        move || barrier.wait(),
    );
    assert_eq!(index?, 0);
    Ok(())
}

#[test]
fn a_server_is_stopped_meanwhile() -> TestResult {
    let _bounded = bounded();
    let server = StreamServer::new("127.0.0.1:0", |_, _| ());
    let stops = server.clone();
    meanwhile(
        move || {
            spawn(move || stops.stop());
        },
        move || server.serve_forever(),
    )
}

#[test]
fn another_thread_gives_it_meanwhile() -> TestResult {
    let _bounded = bounded();
    let semaphore = threadsafe::Semaphore::new(0);
    let releases = semaphore.clone();
    let release = move || _ = releases.release();
    meanwhile(release, move || semaphore.acquire())?;

    let event = threadsafe::Event::new();
    let sets = event.clone();
    assert!(meanwhile(move || sets.set(), move || event.wait())?);

    let queue = threadsafe::Queue::new();
    let puts = queue.clone();
    let put = move || puts.put_nowait(7).expect("it has no limit");
    assert_eq!(meanwhile(put, move || queue.get())?, 7);
    Ok(())
}

fn pair() -> Result<(TcpStream, TcpStream), Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    Ok((client, server))
}

/// Another greenlet begins to read meanwhile, so this one cannot.
#[test]
fn another_reads_meanwhile() -> TestResult {
    let _bounded = bounded();
    let (stream, mut other) = pair()?;
    let stream = Rc::new(stream);
    let read = |stream: Rc<TcpStream>| move || Ok((&*stream).read(&mut [0])?);
    let its = stream.clone();
    let reader = Rc::new(Cell::new(None));
    let reads = reader.clone();
    let refused = meanwhile(move || reads.set(Some(spawn(read(its.clone())))), read(stream.clone()));
    let refused = refused.expect_err("another has it");
    assert!(refused.is::<ConcurrentObjectUseError>());
    other.write_all(b"x")?;
    assert_eq!(reader.take().expect("it began").get()?, 1);
    Ok(())
}

/// The socket is closed meanwhile, and another file gets its number.
#[test]
fn the_socket_is_closed_meanwhile() -> TestResult {
    let _bounded = bounded();
    let (stream, _other) = pair()?;
    let (third, _fourth) = pair()?;
    let stream = Rc::new(stream);
    let (closes, number) = (stream.clone(), stream.as_raw_fd());
    let others = Rc::new(RefCell::new(Vec::new()));
    let opens = others.clone();
    let closed = meanwhile(
        move || {
            closes.close();
            let mut opened = opens.borrow_mut();
            // A test in another thread may take the number first.
            for _ in 0..100 {
                let other = third.with_fd(|fd| fd.try_clone_to_owned().expect("there are more"));
                opened.push(other.expect("it is open"));
                if opened.last().is_some_and(|last| last.as_raw_fd() == number) {
                    break;
                }
            }
        },
        move || Ok((&*stream).read(&mut [0])?),
    );
    let closed = io::Error::from(closed.expect_err("it is closed"));
    assert_eq!(closed.raw_os_error(), Some(libc::EBADF), "{closed}");
    drop(others);
    Ok(())
}
