//! Hashers of users, which hash the handles of objects.

use std::hash::{Hash, Hasher};

use crate::support::TestResult;
use crate::trap::{Case, Trap};
use gevent::event::{AsyncResult, Event};
use gevent::local::Local;
use gevent::lock::{Barrier, Condition, RLock, Semaphore};
use gevent::pool::Group;
use gevent::queue::{Channel, JoinableQueue, SimpleQueue};
use gevent::server::{DatagramServer, StreamServer};
use gevent::socket::{Socket, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use gevent::threadpool::{ThreadPool, ThreadPoolExecutor};
use gevent::{Timeout, get_hub, spawn, threadsafe};

/// Hashes nothing, and springs the trap.
struct Springs(Trap);

impl Hasher for Springs {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _: &[u8]) {
        self.0.spring();
    }
}

/// Hashes an object.
fn hashed(object: impl Hash, trap: Trap) -> TestResult {
    object.hash(&mut Springs(trap));
    Ok(())
}

fn case(names: &'static [&'static str], calls: Vec<fn(&(), Trap) -> TestResult>) {
    Case {
        names,
        make: |_| (),
        calls,
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}

#[test]
fn hashers_of_objects_in_a_thread() {
    case(
        &[
            "event::AsyncResult::hash, event::Event::hash | Hash",
            "lock::Barrier::hash, lock::Condition::hash, lock::RLock::hash, lock::Semaphore::hash | Hash",
            "queue::BaseJoinableQueue::hash, queue::BaseQueue::hash, queue::Channel::hash | Hash",
            "local::Local::hash, pool::Group::hash, timeout::Timeout::hash | Hash",
            "greenlet::AnyGreenlet::hash, greenlet::Greenlet::hash | Hash",
        ],
        vec![
            |(), trap| hashed(AsyncResult::<()>::new(), trap),
            |(), trap| hashed(Event::new(), trap),
            |(), trap| hashed(Barrier::new(1), trap),
            |(), trap| hashed(Condition::new(), trap),
            |(), trap| hashed(RLock::new(), trap),
            |(), trap| hashed(Semaphore::new(1), trap),
            |(), trap| hashed(JoinableQueue::<()>::new(), trap),
            |(), trap| hashed(SimpleQueue::<()>::new(), trap),
            |(), trap| hashed(Channel::<()>::new(), trap),
            |(), trap| hashed(Local::<()>::default(), trap),
            |(), trap| hashed(Group::new(), trap),
            |(), trap| hashed(Timeout::new(1), trap),
            |(), trap| hashed(spawn(|| ()), trap),
            |(), trap| hashed(spawn(|| ()).any(), trap),
        ],
    );
}

#[test]
fn hashers_of_sockets_and_threads() {
    case(
        &[
            "baseserver::BaseServer::hash, server::DatagramServer::hash | Hash",
            "server::StreamServer::hash, socket::TcpListener::hash, socket::TcpStream::hash | Hash",
            "socket::Socket::hash, socket::UdpSocket::hash, socket::UnixDatagram::hash | Hash",
            "socket::UnixListener::hash, socket::UnixStream::hash, subprocess::Popen::hash | Hash",
            "threadpool::Future::hash, threadpool::ThreadPool::hash | Hash",
            "threadsafe::AsyncResult::hash, threadsafe::Event::hash | Hash",
            "threadsafe::Queue::hash, threadsafe::Semaphore::hash | Hash",
        ],
        vec![
            |(), trap| hashed(StreamServer::new("127.0.0.1:0", |_, _| ()), trap),
            |(), trap| hashed(DatagramServer::new("127.0.0.1:0", |_, _| ()), trap),
            |(), trap| hashed(TcpListener::bind("127.0.0.1:0")?, trap),
            |(), trap| {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                hashed(TcpStream::connect(listener.local_addr()?)?, trap)
            },
            |(), trap| hashed(UdpSocket::bind("127.0.0.1:0")?, trap),
            |(), trap| hashed(UnixDatagram::unbound()?, trap),
            |(), trap| hashed(unnamed_listener()?, trap),
            |(), trap| hashed(Socket::from(UnixDatagram::unbound()?), trap),
            |(), trap| hashed(UnixStream::pair()?.0, trap),
            |(), trap| hashed(gevent::subprocess::Popen::new("true")?, trap),
            |(), trap| hashed(ThreadPoolExecutor::new(1).submit(|| ())?, trap),
            |(), trap| hashed(ThreadPool::new(1), trap),
            |(), trap| hashed(threadsafe::AsyncResult::<()>::new(), trap),
            |(), trap| hashed(threadsafe::Event::new(), trap),
            |(), trap| hashed(threadsafe::Queue::<()>::new(), trap),
            |(), trap| hashed(threadsafe::Semaphore::new(1), trap),
            |(), trap| hashed(get_hub(), trap),
        ],
    );
}

/// A listener at an address that the system chooses.
pub(super) fn unnamed_listener() -> std::io::Result<UnixListener> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix("")?)?;
    socket.listen(1)?;
    UnixListener::try_from(std::os::fd::OwnedFd::from(socket))
}
