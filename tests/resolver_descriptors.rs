//! Tests looking up in a process that has no descriptors left: the error is `EMFILE`, and not that the name is not
//! known. The limit of open files holds for the whole process, so this program has no other test.

use std::fs::File;
use std::io;
use std::rc::Rc;

use gevent::resolver::{BlockingResolver, HubResolver, ThreadResolver};
use gevent::socket::{TcpStream, getaddrinfo, gethostbyaddr, gethostbyname, gethostbyname_ex, getnameinfo};
use gevent::threadpool::HubExt;
use gevent::{Exception, get_hub};
use rustix::process::{Resource, Rlimit, setrlimit};

type Call = fn() -> io::Result<()>;

const CALLS: [(&str, Call); 9] = [
    ("a name", || getaddrinfo("localhost", 80).map(drop)),
    ("a name that nobody knows", || {
        getaddrinfo("no-such-host.invalid", 80).map(drop)
    }),
    ("a service", || getaddrinfo("127.0.0.1", "http").map(drop)),
    ("a scope", || getaddrinfo("fe80::1%lo", 80).map(drop)),
    ("gethostbyname", || gethostbyname("localhost").map(drop)),
    ("gethostbyname_ex", || gethostbyname_ex("localhost").map(drop)),
    ("gethostbyaddr", || gethostbyaddr("127.0.0.1").map(drop)),
    ("getnameinfo", || getnameinfo(("127.0.0.1", 80), 8).map(drop)),
    ("connecting", || TcpStream::connect("localhost:1").map(drop)),
];

#[test]
fn exhausted_descriptors_are_no_unknown_names() -> Result<(), Exception> {
    let hub = get_hub();
    // The thread and the hub have all that they need.
    hub.resolver_threadpool().set_size(1)?;
    let next = File::open("/dev/null")?;
    let limit = std::os::fd::AsRawFd::as_raw_fd(&next) as u64 + 1;
    // The first round finds the C library as it begins, in the second one it has looked up before.
    for round in 0..2 {
        set_limit(limit)?;
        let mut full = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            full.push(file);
        }
        for blocking in [false, true] {
            match blocking {
                true => hub.set_resolver(Rc::new(BlockingResolver)),
                false => hub.set_resolver(Rc::new(ThreadResolver)),
            }
            for (name, call) in CALLS {
                let error = call().expect_err(name);
                let what = format!("{name}, round {round}, blocking {blocking}: {error}");
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{what}");
            }
            // These need no descriptor.
            assert_eq!(getaddrinfo("127.0.0.1", 80)?[0].sockaddr.port(), 80);
        }
        drop(full);
        set_limit(limit + 100)?;
        gethostbyname("localhost")?;
        getaddrinfo("fe80::1%lo", "http")?;
        gethostbyaddr("127.0.0.1")?;
    }
    Ok(())
}

/// Sets how many descriptors the process may have; the system's own limit stays.
fn set_limit(current: u64) -> Result<(), Exception> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?)
}
