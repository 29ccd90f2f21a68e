//! Tests a server whose process has no descriptors left. The limit of open files holds for the whole process, so this
//! program has no other test.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use gevent::core::ErrorHandler;
use gevent::server::StreamServer;
use gevent::socket::TcpStream;
use gevent::{Context, Exception, get_hub, sleep};
use rustix::process::{Resource, Rlimit, setrlimit};

/// The time of each report, by the loop's clock, and the server that it is about.
struct Reports(RefCell<Vec<(f64, StreamServer)>>);

impl ErrorHandler for Reports {
    fn handle_error(&self, context: Context<'_>, exception: Exception) {
        let error = exception.downcast_ref::<std::io::Error>();
        assert_eq!(
            error.and_then(std::io::Error::raw_os_error),
            Some(libc::EMFILE),
            "{exception}"
        );
        let now = get_hub().loop_().now().expect("it runs");
        let server = context.object::<StreamServer>();
        let server = server.expect("nothing else fails").clone();
        self.0.borrow_mut().push((now, server));
    }
}

#[test]
fn accept_backs_off_while_no_descriptors_are_left() -> Result<(), Exception> {
    let reports = Rc::new(Reports(RefCell::default()));
    get_hub().set_error_handler(Some(reports.clone()));
    let server = StreamServer::new("127.0.0.1:0", |mut stream: TcpStream, _| {
        stream.write_all(b"x")?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    });
    server.start()?;
    let address = server.address().expect("it listens");
    // There is room for both ends of one connection, and for one end of the next.
    let next = std::fs::File::open("/dev/null")?.as_raw_fd() as u64;
    let limit = Rlimit {
        current: Some(next + 3),
        maximum: Some(next + 3),
    };
    setrlimit(Resource::Nofile, limit).map_err(std::io::Error::from)?;
    let mut first = TcpStream::connect(address)?;
    first.read_exact(&mut [0])?;
    let mut second = TcpStream::connect(address)?;
    while reports.0.borrow().len() < 5 {
        sleep(0.001)?;
    }
    let reports = reports.0.take();
    assert!(reports.iter().all(|(_, failed)| *failed == server));
    let times: Vec<_> = reports.into_iter().map(|(time, _)| time).collect();
    for (i, pair) in times.windows(2).enumerate() {
        // A timer is never early, except for rounding.
        let (delay, least) = (pair[1] - pair[0], 0.01 * f64::from(1 << i) - 0.001);
        assert!(delay >= least, "{i}: {delay}");
    }
    drop(first);
    second.read_exact(&mut [0])?;
    server.stop()
}
