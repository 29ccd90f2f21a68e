//! Tests that waiting allocates nothing in steady state, and that queues give memory back after a backlog.
//!
//! Each test counts the allocations of its own thread, after two rounds in which buffers grow and
//! pools fill.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::io::{BufRead, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll as Polled, Wake, Waker};

use gevent::event::Event;
use gevent::fileobject::FileObjectPosix;
use gevent::future::{Async, HubDriver, SharedExecutor, block_on};
use gevent::greenlet_core::{RawGreenlet, Value, greenlets};
use gevent::hub::core::Events;
use gevent::lock::{Condition, RLock, Semaphore};
use gevent::queue::{LifoQueue, PriorityQueue, Queue, SimpleQueue};
use gevent::select::{POLLIN, Poll, Select};
use gevent::selectors::{EVENT_READ, GeventSelector};
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{
    AncillaryData, CMSG_SPACE, Socket, SocketAncillary, TcpListener, TcpStream, UdpSocket, UnixDatagram,
    UnixStream as UnixPair, copy, copy_bidirectional, socketpair,
};
use gevent::{get_hub, joinall, sleep, spawn, threadsafe};
use support::{LONG, TestResult, bounded};
use waiter::{MultipleWaiter, Waiter};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// How many bytes this thread has allocated and not freed.
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    IN_USE.set(IN_USE.get() + bytes as isize);
}

fn count_back(bytes: usize) {
    IN_USE.set(IN_USE.get() - bytes as isize);
}

// SAFETY: every call is passed on to the system's allocator, which keeps the trait's contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count_back(layout.size());
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        count_back(layout.size());
        // SAFETY: by this function's contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const ROUNDS: usize = 200;

/// How often the counted rounds allocate, after two rounds that do not count.
fn allocations(mut round: impl FnMut() -> TestResult) -> Result<usize, gevent::Exception> {
    let mut rounds = || (0..ROUNDS).try_for_each(|_| round());
    // The hub begins. A round that never waits would begin it only when a busy machine makes it give others a turn.
    sleep(0)?;
    rounds()?;
    rounds()?;
    let before = ALLOCATIONS.get();
    rounds()?;
    Ok(ALLOCATIONS.get() - before)
}

/// Fails unless `round` allocates nothing.
#[track_caller]
fn allocates_nothing(round: impl FnMut() -> TestResult) -> TestResult {
    let _bounded = bounded();
    assert_eq!(allocations(round)?, 0);
    Ok(())
}

#[test]
fn the_counter_counts() -> TestResult {
    let count = allocations(|| {
        drop(std::hint::black_box(Box::new(1)));
        Ok(())
    })?;
    assert_eq!(count, ROUNDS);
    Ok(())
}

#[test]
fn sleep_0() -> TestResult {
    allocates_nothing(|| sleep(0))
}

/// Remembers that its task was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn polls_of_a_stream() -> TestResult {
    let (a, b) = UnixPair::pair()?;
    let (a, b) = (Async::new(a), Async::new(b));
    let woken = Arc::new(Woken::default());
    let waker = woken.clone().into();
    let mut buf = [0; 10];
    allocates_nothing(|| {
        let mut cx = Context::from_waker(&waker);
        assert!(a.poll_read(&mut cx, &mut buf).is_pending());
        assert!(matches!(b.poll_write(&mut cx, b"hello"), Polled::Ready(Ok(5))));
        while !woken.0.swap(false, Ordering::Relaxed) {
            sleep(0)?;
        }
        assert!(matches!(a.poll_read(&mut cx, &mut buf), Polled::Ready(Ok(5))));
        Ok(())
    })
}

/// A future that is pending until its waker was used, which `give` gets.
async fn woken(mut give: impl FnMut(Waker)) {
    let mut given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            return Polled::Ready(());
        }
        give(context.waker().clone());
        Polled::Pending
    })
    .await;
}

#[test]
fn futures_in_greenlets() -> TestResult {
    allocates_nothing(|| block_on(ready(())))?;
    allocates_nothing(|| block_on(woken(Waker::wake)))?;
    // Another greenlet uses the waker.
    let (queue, waker) = (Queue::new(), Rc::new(Cell::new(None::<Waker>)));
    let (its, wakes) = (queue.clone(), waker.clone());
    spawn(move || -> TestResult {
        loop {
            its.get()?;
            // The future may not have been polled: `block_on` lets others run first if a turn is due.
            let waker = loop {
                match wakes.take() {
                    Some(waker) => break waker,
                    None => sleep(0)?,
                }
            };
            waker.wake();
        }
    });
    allocates_nothing(|| {
        queue.put(())?;
        block_on(woken(|new| waker.set(Some(new))))
    })
}

#[test]
fn futures_that_share_greenlets() -> TestResult {
    let (there, back) = (Queue::new(), Queue::new());
    let (from, to) = (there.clone(), back.clone());
    SharedExecutor.spawn(async move {
        let mut get = from.get_async();
        while let Ok(value) = (&mut get).await {
            to.put(value).expect("it has place");
        }
    })?;
    let (waker, wakes) = (Rc::new(Cell::new(None::<Waker>)), Rc::new(Cell::new(0)));
    let (its, count) = (waker.clone(), wakes.clone());
    SharedExecutor.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        its.set(Some(context.waker().clone()));
        Polled::<()>::Pending
    }))?;
    sleep(0)?;
    allocates_nothing(|| {
        there.put(7)?;
        assert_eq!(back.get()?, 7);
        let polls = wakes.get();
        if let Some(waker) = waker.take() {
            waker.wake();
        }
        while wakes.get() == polls {
            sleep(0)?;
        }
        Ok(())
    })
}

#[test]
fn turns_of_a_driver() -> TestResult {
    let mut driver = HubDriver::new()?;
    let mut context = Context::from_waker(Waker::noop());
    let (to, back) = (Queue::new(), Queue::new());
    let (its_to, its_back) = (to.clone(), back.clone());
    spawn(move || -> TestResult {
        loop {
            its_back.put(its_to.get()?)?;
            sleep(0)?;
        }
    });
    allocates_nothing(|| {
        to.put(())?;
        while back.is_empty() {
            assert!(Pin::new(&mut driver).poll(&mut context).is_pending());
        }
        back.get()?;
        // Now it becomes idle.
        for _ in 0..3 {
            assert!(Pin::new(&mut driver).poll(&mut context).is_pending());
        }
        Ok(())
    })
}

#[test]
fn futures_that_another_thread_wakes() -> TestResult {
    let shared = Arc::new((
        Mutex::new(None::<Waker>),
        AtomicBool::new(false),
        AtomicBool::new(false),
    ));
    let its = shared.clone();
    let thread = std::thread::spawn(move || {
        while !its.1.load(Ordering::Relaxed) {
            let waker = its.0.lock().expect("nobody panics").take();
            match waker {
                Some(waker) => {
                    waker.wake();
                    its.2.store(true, Ordering::Release);
                }
                None => std::thread::yield_now(),
            }
        }
    });
    let done = allocates_nothing(|| {
        block_on(woken(|waker| {
            *shared.0.lock().expect("nobody panics") = Some(waker);
        }))?;
        // As long as the thread has the waker, the next future may need a new one.
        while !shared.2.swap(false, Ordering::Acquire) {
            sleep(0)?;
        }
        Ok(())
    });
    shared.1.store(true, Ordering::Relaxed);
    thread.join().expect("it does not panic");
    done
}

#[test]
fn futures_of_queues() -> TestResult {
    let (there, back) = (Queue::with_maxsize(1), Queue::with_maxsize(1));
    let (from, to) = (there.clone(), back.clone());
    spawn(move || -> TestResult {
        loop {
            to.put(from.get()?)?;
        }
    });
    // The future is used again for each item.
    let mut get = back.get_async();
    allocates_nothing(|| {
        there.put(7)?;
        assert_eq!(block_on(&mut get)??, 7);
        Ok(())
    })
}

#[test]
fn sleep_0_of_many() -> TestResult {
    let others: Vec<_> = (0..10)
        .map(|_| {
            spawn(|| -> TestResult {
                loop {
                    sleep(0)?;
                }
            })
        })
        .collect();
    allocates_nothing(|| sleep(0))?;
    gevent::killall(&others)
}

#[test]
fn sleep_some_seconds() -> TestResult {
    allocates_nothing(|| sleep(0.00001))
}

#[test]
fn hub_wait_for_a_descriptor() -> TestResult {
    let (hub, (socket, _other)) = (get_hub(), UnixStream::pair()?);
    let io = hub.loop_().io(socket.as_raw_fd(), Events::WRITE)?;
    allocates_nothing(|| hub.wait(&io))
}

#[test]
fn hub_wait_timeout_in_time() -> TestResult {
    let (hub, (socket, _other)) = (get_hub(), UnixStream::pair()?);
    let io = hub.loop_().io(socket.as_raw_fd(), Events::WRITE)?;
    allocates_nothing(|| {
        assert!(hub.wait_timeout(&io, LONG)?);
        Ok(())
    })
}

#[test]
fn hub_wait_timeout_too_late() -> TestResult {
    let (hub, (socket, _other)) = (get_hub(), UnixStream::pair()?);
    let io = hub.loop_().io(socket.as_raw_fd(), Events::READ)?;
    allocates_nothing(|| {
        assert!(!hub.wait_timeout(&io, 0.00001)?);
        Ok(())
    })
}

#[test]
fn waiter_switch_and_get() -> TestResult {
    let hub = get_hub();
    let waiter = Waiter::new(hub.as_wait_hub());
    let timer = hub.loop_().timer_repeat(0.0, 0.00001)?;
    let wakes = waiter.clone();
    timer.start(move || Ok(wakes.switch(7)?))?;
    allocates_nothing(|| {
        // The waiter may hold the value of a tick that came before the wait.
        waiter.clear();
        assert_eq!(waiter.get()?, 7);
        Ok(())
    })?;
    // The same holds when the value is there before the getter.
    timer.stop()?;
    allocates_nothing(|| {
        waiter.switch(8)?;
        assert_eq!(waiter.get()?, 8);
        Ok(())
    })
}

/// A connection, whose other end is a greenlet that sends back all that it reads.
fn echo() -> Result<TcpStream, gevent::Exception> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    spawn(move || -> TestResult {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                read => stream.write_all(&buffer[..read])?,
            }
        }
    });
    Ok(TcpStream::connect(address)?)
}

#[test]
fn socket_round_trip() -> TestResult {
    let mut stream = echo()?;
    let mut answer = [0; 4];
    allocates_nothing(|| {
        stream.write_all(b"ping")?;
        stream.read_exact(&mut answer)?;
        assert_eq!(&answer, b"ping");
        Ok(())
    })
}

#[test]
fn unix_stream_round_trip() -> TestResult {
    let (mut here, mut there) = gevent::socket::UnixStream::pair()?;
    spawn(move || -> TestResult {
        let mut buffer = [0; 4];
        loop {
            there.read_exact(&mut buffer)?;
            there.write_all(&buffer)?;
        }
    });
    let mut answer = [0; 4];
    allocates_nothing(|| {
        here.write_all(b"ping")?;
        here.read_exact(&mut answer)?;
        assert_eq!(&answer, b"ping");
        Ok(())
    })
}

/// Through two pipes, with buffers and without.
#[test]
fn files_of_pipes() -> TestResult {
    for buffering in [0, 8192] {
        let ends = || -> Result<_, gevent::Exception> {
            let (reader, writer) = std::io::pipe()?;
            let reader = FileObjectPosix::with_buffering(reader, "rb", buffering)?;
            Ok((reader, FileObjectPosix::with_buffering(writer, "wb", buffering)?))
        };
        let ((mut there, mut to_there), (mut here, mut to_here)) = (ends()?, ends()?);
        let echo = spawn(move || -> TestResult {
            let mut buffer = [0; 5];
            loop {
                there.read_exact(&mut buffer)?;
                to_here.write_all(&buffer)?;
                to_here.flush()?;
            }
        });
        let mut line = Vec::new();
        allocates_nothing(|| {
            to_there.write_all(b"ping\n")?;
            to_there.flush()?;
            line.clear();
            here.read_until(b'\n', &mut line)?;
            assert_eq!(line, b"ping\n");
            Ok(())
        })?;
        echo.kill()?;
    }
    Ok(())
}

/// Small messages, and large ones, for which buffers and pipes are needed.
#[test]
fn copies() -> TestResult {
    for len in [4, 300_000] {
        let ((client, a), (b, server)) = (UnixPair::pair()?, UnixPair::pair()?);
        spawn(move || -> TestResult {
            copy_bidirectional(&a, &b)?;
            Ok(())
        });
        // It sends everything back.
        spawn(move || -> TestResult {
            copy(&mut &server, &mut &server)?;
            Ok(())
        });
        let (sent, mut answer) = (vec![7; len], vec![0; len]);
        let told = Semaphore::new(0);
        let (writer, its) = (client.clone(), told.clone());
        spawn(move || -> TestResult {
            loop {
                its.acquire()?;
                (&writer).write_all(&sent)?;
            }
        });
        allocates_nothing(|| {
            told.release();
            (&client).read_exact(&mut answer)?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_file_that_is_sent() -> TestResult {
    let (near, mut far) = UnixPair::pair()?;
    let files = [std::env::current_exe()?, "/proc/self/stat".into()];
    for file in files.map(std::fs::File::open) {
        let (file, mut data) = (file?, [0; 100]);
        allocates_nothing(|| {
            assert_eq!(near.sendfile(&file, 0, Some(100))?, 100);
            Ok(far.read_exact(&mut data)?)
        })?;
    }
    Ok(())
}

#[test]
fn datagrams() -> TestResult {
    let server = UdpSocket::bind("127.0.0.1:0")?;
    let address = server.local_addr()?;
    spawn(move || -> TestResult {
        let mut buffer = [0; 64];
        loop {
            let (read, from) = server.recv_from(&mut buffer)?;
            server.send_to(&buffer[..read], from)?;
        }
    });
    let client = UdpSocket::bind("127.0.0.1:0")?;
    let mut answer = [0; 64];
    allocates_nothing(|| {
        client.send_to(b"ping", address)?;
        assert_eq!(client.recv_from(&mut answer)?, (4, address));
        Ok(())
    })?;
    let (here, there) = UnixDatagram::pair()?;
    spawn(move || -> TestResult {
        let mut buffer = [0; 64];
        loop {
            let read = there.recv(&mut buffer)?;
            there.send(&buffer[..read])?;
        }
    });
    allocates_nothing(|| {
        here.send(b"ping")?;
        assert_eq!(here.recv(&mut answer)?, 4);
        Ok(())
    })
}

/// Descriptors that are taken out one by one need no room but the buffer's.
#[test]
fn descriptors_that_are_passed() -> TestResult {
    let (here, there) = gevent::socket::UnixStream::pair()?;
    let (file, mut byte) = (std::fs::File::open("/dev/null")?, [0]);
    let send = |socket: &gevent::socket::UnixStream, fd: BorrowedFd<'_>| -> TestResult {
        let mut room = [0; CMSG_SPACE(4)];
        let mut ancillary = SocketAncillary::new(&mut room);
        assert!(ancillary.add_fds(&[fd]));
        socket.send_vectored_with_ancillary(&[IoSlice::new(b"x")], &mut ancillary)?;
        Ok(())
    };
    let receive = |socket: &gevent::socket::UnixStream, byte: &mut [u8]| -> Result<OwnedFd, gevent::Exception> {
        let mut room = [0; CMSG_SPACE(4)];
        let mut ancillary = SocketAncillary::new(&mut room);
        socket.recv_vectored_with_ancillary(&mut [IoSliceMut::new(byte)], &mut ancillary)?;
        let Some(AncillaryData::ScmRights(mut rights)) = ancillary.messages().next() else {
            return Err(gevent::Exception::msg("no descriptor has come"));
        };
        Ok(rights.next().expect("there is one"))
    };
    spawn(move || -> TestResult {
        let mut byte = [0];
        loop {
            send(&there, receive(&there, &mut byte)?.as_fd())?;
        }
    });
    allocates_nothing(|| {
        send(&here, file.as_fd())?;
        receive(&here, &mut byte).map(drop)
    })?;
    let (here, there) = UnixDatagram::pair()?;
    allocates_nothing(|| {
        here.send_fds(b"", &[file.as_fd()])?;
        let mut room = [0; 99];
        let mut ancillary = SocketAncillary::new(&mut room);
        there.recv_vectored_with_ancillary_from(&mut [], &mut ancillary)?;
        assert_eq!(ancillary.messages().count(), 1);
        Ok(())
    })
}

/// A connection takes two allocations, and its greenlet one. The greenlet's name is put together only when it is asked
/// for.
#[test]
fn a_connection_of_a_server() -> TestResult {
    let _bounded = bounded();
    for spawn in [Spawn::Default, Spawn::Raw, Spawn::InHub] {
        let served = Semaphore::new(0);
        let greenlets = usize::from(spawn != Spawn::InHub);
        let server = StreamServer::builder().spawn(spawn).build("127.0.0.1:0", {
            let served = served.clone();
            move |_, _| {
                served.release();
            }
        });
        server.start()?;
        let address = server.address().expect("it listens");
        let count = allocations(|| {
            let _client = std::net::TcpStream::connect(address)?;
            served.acquire().map(drop)
        })?;
        assert_eq!(count, ROUNDS * (2 + greenlets));
        server.stop_timeout(LONG)?;
    }
    Ok(())
}

/// Requests on one connection: heads, bodies of both kinds, answers, deadlines, the date and a log.
#[cfg(feature = "pywsgi")]
#[test]
fn requests_of_http() -> TestResult {
    use gevent::pywsgi::{Access, WSGIServer};

    let logged = Rc::new(Cell::new(0));
    let its = logged.clone();
    let server = WSGIServer::builder()
        .log(Some(Rc::new(move |access: &Access<'_>| {
            its.set(its.get() + access.bytes)
        })))
        .build("127.0.0.1:0", |request, response| {
            let mut body = [0; 100];
            let n = request.body_mut().read(&mut body)?;
            response.header("Content-Type", "text/plain")?;
            match n {
                0 => response.send("hello"),
                n => Ok(response.write_all(&body[..n])?),
            }
        });
    server.start()?;
    let mut client = TcpStream::connect(server.address().expect("it is started"))?;
    let host = "Host: localhost\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n";
    let get = format!("GET /path?query HTTP/1.1\r\n{host}\r\n");
    let post = format!("POST /path HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let mut answer = [0; 1000];
    allocates_nothing(|| {
        for (request, end) in [(&get, &b"\r\n\r\nhello"[..]), (&post, b"5\r\nhello\r\n0\r\n\r\n")] {
            client.write_all(request.as_bytes())?;
            let n = client.read(&mut answer)?;
            assert!(answer[..n].ends_with(end));
        }
        Ok(())
    })?;
    assert_eq!(logged.get(), 3 * 2 * 5 * ROUNDS as u64);
    drop(client);
    server.stop()
}

#[test]
fn join_of_a_finished_greenlet() -> TestResult {
    let g = spawn(|| 5);
    g.join()?;
    allocates_nothing(|| {
        g.join()?;
        g.join_timeout(LONG)?;
        assert_eq!(g.get()?, 5);
        Ok(())
    })
}

/// The time of a `joinall` is over, and none of its greenlets has ended.
#[test]
fn join_with_a_timeout() -> TestResult {
    let g = spawn(|| sleep(LONG));
    allocates_nothing(|| g.join_timeout(0.00001))?;
    g.kill()
}

/// A greenlet is one allocation, with place for one link. Its stack comes from a pool.
#[test]
fn spawn_and_join_allocate_once() -> TestResult {
    let _bounded = bounded();
    assert_eq!(allocations(|| spawn(|| ()).join())?, ROUNDS);
    let greenlets = || -> Vec<_> { (0..100).map(|_| spawn(|| ())).collect() };
    // A greenlet that is spawned in a greenlet shares the data of its spawn tree.
    let nested = || spawn(|| allocations(|| spawn(|| ()).join())).get();
    assert_eq!(nested()?, ROUNDS);
    let hundred = allocations(|| joinall(greenlets()).map(drop))? / ROUNDS;
    assert!(hundred < 100 + 20, "{hundred}");
    Ok(())
}

#[test]
fn callbacks_of_a_watcher() -> TestResult {
    let (hub, calls) = (get_hub(), Rc::new(Cell::new(0)));
    let timer = hub.loop_().timer_repeat(0.0, 0.00001)?;
    let counted = calls.clone();
    timer.start(move || counted.set(counted.get() + 1))?;
    allocates_nothing(|| sleep(0.00002))?;
    assert!(calls.get() > 0);
    Ok(())
}

#[test]
fn event_set_and_wait() -> TestResult {
    let event = Event::new();
    allocates_nothing_with(
        || event.wait_timeout(LONG).map(drop),
        || {
            event.set();
            event.clear();
        },
    )
}

#[test]
fn semaphore_release_and_acquire() -> TestResult {
    let semaphore = Semaphore::new(0);
    allocates_nothing_with(
        || semaphore.acquire().map(drop),
        || {
            semaphore.release();
        },
    )
}

#[test]
fn locks_of_one_greenlet() -> TestResult {
    let (lock, condition) = (RLock::new(), Condition::new());
    allocates_nothing(|| {
        let _held = lock.acquire_guard()?;
        let _again = lock.acquire_guard()?;
        let _condition = condition.acquire_guard()?;
        condition.notify(1)?;
        condition.wait_timeout(0).map(drop)
    })
}

/// `wait` in this greenlet and in three others allocates nothing when `give` ends it, once for
/// each.
#[track_caller]
fn allocates_nothing_with(wait: impl Fn() -> TestResult, give: impl Fn()) -> TestResult {
    gevent::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| -> TestResult {
                loop {
                    wait()?;
                }
            });
        }
        scope.spawn(|| -> TestResult {
            loop {
                (0..4).for_each(|_| give());
                sleep(0)?;
            }
        });
        allocates_nothing(&wait)?;
        support::fail("over")
    })
    .or_else(|error: gevent::Exception| match error.is::<support::ExpectedError>() {
        true => Ok(()),
        false => Err(error),
    })
}

/// The number of items or waiters in a backlog.
const MANY: usize = 600_000;
/// Links, which are larger, and take longer.
const LINKS: usize = MANY / 3;

/// Fails unless little remains of the memory that `backlog` takes, more than a value for each of the many: a megabyte
/// for each collection may.
#[track_caller]
fn gives_back(backlog: impl Fn(&dyn Fn()) -> TestResult) -> TestResult {
    let _bounded = bounded();
    let most = Cell::new(0);
    let before = IN_USE.get();
    backlog(&|| most.set(IN_USE.get() - before))?;
    let left = IN_USE.get() - before;
    let (most, least) = (most.get(), (MANY * size_of::<usize>()) as isize);
    assert!(most >= least, "{most}");
    assert!(left < most / 4, "{left} of {most}");
    Ok(())
}

/// Fails unless less than 2 MiB of the memory that `backlog` takes remain. For lists, which are smaller than their
/// elements.
#[track_caller]
fn leaves_little(backlog: impl Fn() -> TestResult) -> TestResult {
    let _bounded = bounded();
    // The first wait makes objects that the hub keeps.
    sleep(0)?;
    let before = IN_USE.get();
    backlog()?;
    let left = IN_USE.get() - before;
    assert!(left < 2 << 20, "{left}");
    Ok(())
}

#[test]
fn values_of_a_waiter_give_back() -> TestResult {
    let waiter = MultipleWaiter::new(get_hub());
    leaves_little(|| {
        (0..MANY).try_for_each(|i| waiter.switch(i))?;
        (0..MANY).try_for_each(|i| {
            assert_eq!(waiter.get()?, i);
            Ok(())
        })
    })
}

#[test]
fn the_list_of_watchers_gives_back() -> TestResult {
    let hub = get_hub();
    leaves_little(|| {
        let all: Result<Vec<_>, _> = (0..MANY).map(|_| hub.loop_().idle()).collect();
        let mut all = all?;
        // A few of them stay.
        all.truncate(10);
        Ok(())
    })
}

#[test]
fn the_list_of_greenlets_gives_back() -> TestResult {
    leaves_little(|| {
        let make = |_| RawGreenlet::new(|_| Ok(Value::None));
        let mut all: Vec<_> = (0..MANY).map(make).collect();
        let left = all.split_off(MANY - 10);
        drop(all);
        // A greenlet that is left is still found, and can leave.
        let listed = greenlets();
        assert!(left.iter().all(|greenlet| listed.contains(greenlet)));
        Ok(())
    })
}

#[test]
fn callbacks_give_back() -> TestResult {
    let hub = get_hub();
    let ran = Rc::new(Cell::new(0));
    gives_back(|full| {
        ran.set(0);
        for _ in 0..MANY {
            let ran = ran.clone();
            hub.loop_().run_callback(move || ran.set(ran.get() + 1))?;
        }
        full();
        while ran.get() < MANY {
            sleep(0)?;
        }
        Ok(())
    })
}

#[test]
fn callbacks_of_other_threads_give_back() -> TestResult {
    let hub = get_hub();
    let ran = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    gives_back(|full| {
        let remote = hub.loop_().threadsafe();
        for _ in 0..MANY {
            let ran = ran.clone();
            remote.run_callback_threadsafe(move || {
                ran.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            })?;
        }
        full();
        while ran.load(std::sync::atomic::Ordering::Relaxed) < MANY {
            sleep(0)?;
        }
        Ok(())
    })
}

#[test]
fn queues_give_back() -> TestResult {
    macro_rules! try_queue {
        ($queue:expr) => {
            let queue = $queue;
            gives_back(|full| {
                (0..MANY).try_for_each(|i| queue.put(i))?;
                full();
                (0..MANY).try_for_each(|_| queue.get().map(drop))
            })?;
            assert!(queue.is_empty());
        };
    }
    try_queue!(Queue::new());
    try_queue!(SimpleQueue::new());
    try_queue!(LifoQueue::new());
    try_queue!(PriorityQueue::new());
    try_queue!(threadsafe::Queue::new());
    Ok(())
}

#[test]
fn links_give_back() -> TestResult {
    let (event, called) = (Event::new(), Rc::new(Cell::new(0)));
    let link = |_| {
        let called = called.clone();
        event.rawlink(move |_| called.set(called.get() + 1))
    };
    // The links are called.
    gives_back(|full| {
        (0..LINKS).map(link).for_each(drop);
        full();
        event.set();
        sleep(0)?;
        event.clear();
        Ok(())
    })?;
    assert_eq!((called.get(), event.linkcount()), (LINKS, 0));
    // The links are taken away.
    gives_back(|full| {
        let links: Vec<_> = (0..LINKS).map(link).collect();
        full();
        links.iter().rev().for_each(|link| event.unlink(link));
        Ok(())
    })?;
    assert_eq!((called.get(), event.linkcount()), (LINKS, 0));
    Ok(())
}

#[test]
fn links_of_other_threads_give_back() -> TestResult {
    let event = threadsafe::Event::new();
    let called = Rc::new(Cell::new(0));
    let link = |_| {
        let called = called.clone();
        event.rawlink(move |_| called.set(called.get() + 1))
    };
    gives_back(|full| {
        (0..LINKS).map(link).for_each(drop);
        full();
        event.set();
        while called.get() < LINKS {
            sleep(0)?;
        }
        event.clear();
        Ok(())
    })?;
    gives_back(|full| {
        let links: Vec<_> = (0..LINKS).map(link).collect();
        full();
        links.iter().rev().for_each(|link| event.unlink(link));
        Ok(())
    })?;
    assert_eq!(called.get(), LINKS);
    Ok(())
}

#[test]
fn pythons_sockets() -> TestResult {
    let (here, there) = socketpair()?;
    here.settimeout(30)?;
    let echo = spawn(move || -> TestResult {
        let mut buf = [0; 64];
        loop {
            let n = there.recv_into(&mut buf)?;
            there.sendall(&buf[..n])?;
        }
    });
    allocates_nothing(|| {
        here.sendall(b"hello")?;
        assert_eq!(here.recv_into(&mut [0; 64])?, 5);
        Ok(())
    })?;
    echo.kill()?;
    let (here, there) = socketpair()?;
    allocates_nothing(|| {
        here.sendmsg(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")], &[])?;
        let (n, ..) = there.recvmsg_into(&mut [IoSliceMut::new(&mut [0; 64])], 0)?;
        assert_eq!(n, 5);
        Ok(())
    })?;
    let udp = Socket::from(UdpSocket::bind("127.0.0.1:0")?);
    let address = udp.getsockname()?;
    allocates_nothing(|| {
        udp.sendto(b"hello", &address)?;
        let (n, from) = udp.recvfrom_into(&mut [0; 64])?;
        assert_eq!((n, from.as_ref()), (5, Some(&address)));
        Ok(())
    })
}

#[test]
fn sets_polls_and_selectors() -> TestResult {
    let (here, there) = UnixStream::pair()?;
    let fds = [here.as_raw_fd(); 20];
    let writes = || (&there).write_all(b"x");
    let reads = || (&here).read_exact(&mut [0]);
    // The data are there at the call, come during it, or do not come.
    let round = |select: &mut dyn FnMut(f64) -> Result<usize, gevent::Exception>| -> TestResult {
        let mut round = || -> TestResult {
            writes()?;
            assert!(select(LONG)? > 0);
            reads()?;
            assert_eq!(select(0.00001)?, 0);
            assert_eq!(select(0.0)?, 0);
            Ok(())
        };
        allocates_nothing(&mut round)
    };
    let mut set = Select::new(fds, [], []);
    round(&mut |seconds| Ok(set.select_timeout(seconds)?[0].len()))?;
    let poll = Poll::new();
    let copies: Vec<_> = (0..20).map(|_| here.try_clone()).collect::<Result<_, _>>()?;
    for copy in &copies {
        poll.register(copy, POLLIN)?;
    }
    round(&mut |seconds| Ok(poll.poll_timeout(seconds)?.into_iter().count()))?;
    let selector = GeventSelector::new();
    selector.register(&here, EVENT_READ, "data")?;
    round(&mut |seconds| Ok(selector.select_timeout(seconds)?.into_iter().count()))
}

/// The descriptors become ready while the greenlet waits.
#[test]
fn waits_of_sets_polls_and_selectors() -> TestResult {
    let (here, there) = UnixStream::pair()?;
    let asked = Semaphore::new(0);
    let writer = spawn({
        let asked = asked.clone();
        move || -> TestResult {
            loop {
                asked.acquire()?;
                // The other greenlet waits by now.
                sleep(0)?;
                (&there).write_all(b"x")?;
            }
        }
    });
    let round = |select: &mut dyn FnMut() -> Result<usize, gevent::Exception>| -> TestResult {
        let mut round = || -> TestResult {
            asked.release();
            assert!(select()? > 0);
            Ok((&here).read_exact(&mut [0])?)
        };
        allocates_nothing(&mut round)
    };
    let mut set = Select::new([here.as_raw_fd(); 20], [], []);
    round(&mut || Ok(set.select()?[0].len()))?;
    let poll = Poll::new();
    poll.register(&here, POLLIN)?;
    round(&mut || Ok(poll.poll()?.len()))?;
    let selector = GeventSelector::new();
    selector.register(&here, EVENT_READ, ())?;
    round(&mut || Ok(selector.select()?.len()))?;
    writer.kill()
}
