//! Whatever can tell of an error does, in threads that have no hub and get none; and what cannot, is made all the same,
//! and has failed.

use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::thread;

use gevent::event::Event;
use gevent::lock::Semaphore;
use gevent::pool::Pool;
use gevent::queue::{Channel, Queue};
use gevent::server::StreamServer;
use gevent::threadpool::{HubExt, ThreadPool, ThreadPoolExecutor};
use gevent::{Exception, Greenlet, Timeout, get_hub, socket};

use crate::inject::{self, DESCRIPTORS, Plan, armed};
use crate::parent::FOR_EVER;

/// A name, and what ends with an error; a listener is there to be used.
type Call = (&'static str, fn(TcpListener) -> Option<Exception>);

pub(crate) fn check() {
    const CALLS: &[Call] = &[
        ("sleep", |_| gevent::sleep(0).err()),
        ("spawn_later", |_| gevent::spawn_later(0.001, || 7).get().err()),
        ("spawn_later of a builder", |_| {
            Greenlet::builder().spawn_later(0.001, || 7).get().err()
        }),
        ("spawn", |_| gevent::spawn(|| ()).get().err()),
        ("Greenlet", |_| Greenlet::new(|| ()).start().err()),
        ("scope", |_| gevent::scope(|s| s.spawn(|| ()).get()).err()),
        ("get_hub", |_| get_hub().switch().err()),
        ("run", |_| gevent::run(|| gevent::sleep(0)).err()),
        ("Queue", |_| Queue::<()>::new().get().err()),
        ("Channel", |_| Channel::<()>::new().get().err()),
        ("StreamServer", |_| {
            let server = StreamServer::new("127.0.0.1:0", |_, _| ());
            server.start().err().map(Exception::from)
        }),
        ("new ThreadPool", |_| ThreadPool::new(1).spawn(|| ()).err()),
        ("ThreadPoolExecutor", |_| ThreadPoolExecutor::new(1).submit(|| ()).err()),
        ("the hub's ThreadPool", |_| get_hub().threadpool().spawn(|| ()).err()),
        ("started Timeout", |_| {
            let timeout = Timeout::start_new(1);
            assert!(!timeout.pending());
            timeout.start().err()
        }),
        ("spawn_raw", |_| gevent::spawn_raw(|| ()).err()),
        ("spawn of a pool", |_| Pool::new(1).spawn(|| ()).err()),
        ("from_std", |std| {
            socket::TcpListener::from_std(std).err().map(Exception::from)
        }),
        ("connect", |_| {
            socket::TcpStream::connect("localhost:1").err().map(Exception::from)
        }),
        ("wait_read", |std| gevent::hub::wait_read(std.as_raw_fd(), None).err()),
        ("Event", |_| Event::new().wait_timeout(1).err()),
        ("Semaphore", |_| Semaphore::new(0).acquire().err()),
        ("Timeout", |_| Timeout::new(1).start().err()),
        ("ThreadPool", |_| ThreadPool::with_idle_timeout(1, None).err()),
        ("signal", |_| gevent::signal_handler(libc::SIGUSR1, || ()).err()),
        ("iwait", |_| gevent::wait(&[Event::new()]).err()),
    ];
    for (name, call) in CALLS {
        let listener = TcpListener::bind("127.0.0.1:0").expect("nothing fails yet");
        inject::begin(Some(Plan {
            kind: DESCRIPTORS,
            nth: 1,
            times: FOR_EVER,
            errno: libc::EMFILE,
        }));
        let ended = thread::spawn(|| {
            let error = armed(|| call(listener).map(|error| error.to_string()));
            // What failed is forgotten: there is a hub as soon as there can be one.
            gevent::sleep(0).expect("nothing fails any more");
            error
        });
        let error = ended.join().unwrap_or_else(|_| panic!("{name} panics"));
        assert!(error.is_some() && inject::fired(), "{name}: {error:?}");
    }
}
