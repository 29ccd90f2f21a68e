//! The program whose calls fail: a little of everything. Each step ends, whatever fails, with an error or with all of
//! its results right.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::thread;

use gevent::core::{Events, Loop};
use gevent::event::Event;
use gevent::hub::{ExceptionStream, try_get_hub};
use gevent::lock::Semaphore;
use gevent::pool::Pool;
use gevent::queue::Queue;
use gevent::server::{Spawn, StreamServer};
use gevent::socket::{TcpListener, TcpStream};
use gevent::threadpool::{HubExt, ThreadPool};
use gevent::{
    Exception, Greenlet, Timeout, TimeoutError, get_hub, greenlet_core, joinall, run_in_thread, scope, sleep, spawn,
    spawn_later, spawn_raw, threadsafe,
};

use crate::inject::{armed, fired, lasting};
use crate::sockets;

pub(crate) type TestResult = Result<(), Exception>;

/// Something is not as it must be, with errors or without.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Wrong(String);

pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> TestResult {
    match is == should {
        true => Ok(()),
        false => Err(Wrong(format!("{what}: {is:?} instead of {should:?}")).into()),
    }
}

type Step = (&'static str, fn() -> TestResult);

const STEPS: &[Step] = &[
    ("stacks", stacks),
    ("waits", waits),
    ("kills", kills),
    ("scope", scopes),
    ("pool", pools),
    ("tcp", tcp),
    ("names", names),
    ("udp", sockets::udp),
    ("unix streams", sockets::unix_streams),
    ("unix datagrams", sockets::unix_datagrams),
    ("Python's sockets", sockets::python),
    ("threads", threads),
    ("second hub", second_hub),
    ("second loop", second_loop),
];

/// What has failed, and where.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    pub(crate) errors: Vec<(String, Exception)>,
    /// What the hub reported.
    pub(crate) reports: String,
}

impl Errors {
    fn note(&mut self, place: &str, exception: Exception) {
        self.errors.push((place.to_owned(), exception));
    }
}

/// More errors in waits than one failing call can cause.
const TOO_MANY: usize = 1000;

/// In `gevent::run`, in an armed thread.
pub(crate) fn program() -> Errors {
    let mut errors = Errors::default();
    let hub = match try_get_hub() {
        Ok(hub) => hub,
        Err(error) => {
            errors.note("hub", error.into());
            return errors;
        }
    };
    let reports = Reports::default();
    hub.set_exception_stream(ExceptionStream::Write(Box::new(reports.clone())));
    let greenlets: Vec<_> = STEPS.iter().map(|(name, step)| (name, spawn(step))).collect();
    for (name, greenlet) in greenlets {
        while let Err(exception) = greenlet.join() {
            errors.note(&format!("join {name}"), exception);
            if errors.errors.len() > TOO_MANY {
                let wrong = Wrong(format!("{name} never ends"));
                errors.note(name, wrong.into());
                break;
            }
        }
        if greenlet.ready()
            && let Err(exception) = greenlet.get()
        {
            errors.note(name, exception);
        }
    }
    greenlet_core::trim_stacks();
    errors.reports = String::from_utf8_lossy(&reports.0.take()).into_owned();
    errors
}

#[derive(Clone, Default)]
struct Reports(Rc<RefCell<Vec<u8>>>);

impl Write for Reports {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for all, then gives the values or the first error.
fn gather<T: Clone + 'static>(greenlets: Vec<Greenlet<T>>) -> Result<Vec<T>, Exception> {
    joinall(&greenlets)?;
    greenlets.iter().map(Greenlet::get).collect()
}

fn stacks() -> TestResult {
    let sizes = [16 << 10, 64 << 10, 256 << 10, 1 << 20, 5 << 20];
    let of_sizes = sizes.map(|size| {
        Greenlet::builder().stack_size(size).spawn(move || {
            sleep(0.001)?;
            Ok(size)
        })
    });
    expect("sizes", gather(of_sizes.into())?, sizes.into())?;
    let many: Vec<_> = (0..150)
        .map(|i| {
            spawn(move || {
                sleep(0)?;
                Ok(i)
            })
        })
        .collect();
    expect("many", gather(many)?, (0..150).collect())?;
    greenlet_core::trim_stacks();
    let raw = Event::new();
    spawn_raw({
        let raw = raw.clone();
        move || raw.set()
    })?;
    // Whoever has no stack is reported, and sets nothing.
    raw.wait_timeout(0.05).map(drop)
}

fn waits() -> TestResult {
    let later = spawn_later(0.001, || 7);
    let event = Event::new();
    let waiting = spawn({
        let event = event.clone();
        move || event.wait()
    });
    sleep(0.001)?;
    event.set();
    expect("event", waiting.get()?, true)?;
    expect("later", later.get()?, 7)?;
    let semaphore = Semaphore::new(1);
    let holders = (0..3).map(|_| {
        let semaphore = semaphore.clone();
        spawn(move || {
            let _guard = semaphore.acquire_guard()?;
            sleep(0.0001)
        })
    });
    gather(holders.collect())?;
    expect("semaphore", semaphore.counter(), 1)
}

fn kills() -> TestResult {
    let sleeper = spawn(|| sleep(1000));
    sleep(0)?;
    sleeper.kill()?;
    expect("killed", sleeper.ready(), true)?;
    match Timeout::new(0.001).with(|| sleep(1000)) {
        Err(exception) if exception.is::<TimeoutError>() => Ok(()),
        Err(exception) => Err(exception),
        Ok(()) => expect("timed out", false, true),
    }
}

fn scopes() -> TestResult {
    let queue = Queue::with_maxsize(1);
    let sum = Cell::new(0);
    scope(|s| {
        s.spawn(|| {
            for i in 0..5 {
                queue.put(i)?;
            }
            Ok(())
        });
        let consumer = s.spawn(|| {
            for _ in 0..5 {
                sum.set(sum.get() + queue.get()?);
            }
            Ok(())
        });
        consumer.get()
    })?;
    expect("sum", sum.get(), 10)
}

fn pools() -> TestResult {
    let pool = Pool::new(2);
    let mut greenlets = Vec::new();
    for i in 0..5 {
        greenlets.push(pool.spawn(move || {
            sleep(0.0001)?;
            Ok(i)
        })?);
    }
    pool.join()?;
    expect("places", pool.free_count(), 2)?;
    expect("pool", gather(greenlets)?, (0..5).collect())
}

fn echo(mut stream: TcpStream) -> TestResult {
    io::copy(&mut stream.clone(), &mut stream)?;
    Ok(())
}

fn client(mut stream: TcpStream) -> TestResult {
    if lasting() {
        stream.set_timeout(0.2)?;
    }
    for _ in 0..3 {
        stream.write_all(b"hello")?;
        let mut answer = [0; 5];
        read_patiently(&mut stream, &mut answer)?;
        expect("echo", &answer, b"hello")?;
    }
    Ok(())
}

/// As long as nothing has failed, it is the machine that is slow.
fn read_patiently(stream: &mut TcpStream, answer: &mut [u8]) -> TestResult {
    let mut got = 0;
    while got < answer.len() {
        match stream.read(&mut answer[got..]) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::TimedOut && !fired() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Stops the server, however the step ends.
struct Stop(StreamServer);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn tcp() -> TestResult {
    for spawns in [Spawn::Default, Spawn::Raw, Spawn::Pool(1)] {
        let server = StreamServer::builder()
            .spawn(spawns)
            .build("127.0.0.1:0", |stream, _| echo(stream));
        server.start()?;
        let server = Stop(server);
        let address = server.0.address().expect("it has started");
        // The loop has seen the listener before there is anything to accept.
        sleep(0.001)?;
        let clients = (0..3).map(|_| spawn(move || client(TcpStream::connect(address)?)));
        gather(clients.collect())?;
        server.0.stop()?;
    }
    Ok(())
}

fn names() -> TestResult {
    let listener = TcpListener::bind("localhost:0")?;
    let port = listener.local_addr()?.port();
    let server = spawn(move || echo(listener.accept()?.0));
    let connected = TcpStream::connect(("localhost", port));
    if connected.is_err() {
        server.kill()?;
    }
    client(connected?)?;
    server.get()
}

fn threads() -> TestResult {
    let pool = ThreadPool::new(2);
    let in_thread = || {
        armed(|| {
            try_get_hub()?;
            spawn(|| sleep(0.001).map(|()| 7)).get()
        })
    };
    let results = [pool.spawn(in_thread)?, pool.spawn(in_thread)?, pool.spawn(in_thread)?];
    for result in &results {
        result.wait()?;
    }
    pool.join()?;
    for result in results {
        expect("thread", result.get()?, 7)?;
    }
    let of_hub = get_hub().threadpool();
    expect("hub's", of_hub.apply(|| 7)?, 7)?;
    pool.kill()?;
    expect("threads", pool.size(), 0)
}

fn second_hub() -> TestResult {
    let (numbers, ended) = (threadsafe::Queue::new(), threadsafe::AsyncResult::new());
    let thread = run_in_thread({
        let (numbers, ended) = (numbers.clone(), ended.clone());
        move || {
            armed(|| {
                let put = || {
                    let putter = {
                        let numbers = numbers.clone();
                        spawn(move || {
                            for i in 0..3 {
                                sleep(0.001)?;
                                numbers.put(i)?;
                            }
                            Ok(())
                        })
                    };
                    putter.get()
                };
                let outcome = try_get_hub().map_err(Exception::from).and_then(|_| put());
                numbers.shutdown(false);
                match outcome {
                    Ok(()) => ended.set(7),
                    Err(exception) => ended.set_exception(exception),
                }
            })
        }
    })?;
    let mut sum = 0;
    let got = loop {
        match numbers.get() {
            Ok(number) => sum += number,
            Err(exception) => break exception,
        }
    };
    let end = ended.get();
    // It has nothing left to do but to end.
    thread.join().expect("it does not panic")?;
    expect("end", end?, 7)?;
    match got.is::<gevent::queue::ShutDown>() {
        true => expect("numbers", sum, 3),
        false => Err(got),
    }
}

fn second_loop() -> TestResult {
    let folder = std::env::temp_dir().join(format!("gevent-faults-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (one, mut other) = UnixStream::pair()?;
    one.set_nonblocking(true)?;
    let loop_ = Loop::new("", false)?;
    let _destroy = Destroy(loop_.clone());
    let failed = Rc::new(Cell::new(false));
    let io = loop_.io(one.as_raw_fd(), Events::READ)?;
    io.start_pass_events({
        let (io, failed) = (io.clone(), failed.clone());
        move |events: Events| {
            failed.set(failed.get() || events.contains(Events::ERROR));
            io.stop().map_err(Exception::from)
        }
    })?;
    let called = Rc::new(Cell::new(0));
    let async_ = loop_.async_()?;
    async_.start({
        let (async_, called) = (async_.clone(), called.clone());
        move || {
            called.set(called.get() + 1);
            async_.stop().map_err(Exception::from)
        }
    })?;
    // So often it looks by itself, without inotify.
    let stat = loop_.stat(&folder, 0.1)?;
    stat.start({
        let (stat, called) = (stat.clone(), called.clone());
        move || {
            called.set(called.get() + 1);
            stat.stop().map_err(Exception::from)
        }
    })?;
    let periodic = loop_.periodic(0.0, 0.001)?;
    periodic.start({
        let (periodic, called) = (periodic.clone(), called.clone());
        move || {
            called.set(called.get() + 1);
            periodic.stop().map_err(Exception::from)
        }
    })?;
    let writer = thread::Builder::new().spawn({
        let sender = async_.sender();
        move || {
            thread::sleep(std::time::Duration::from_millis(2));
            let written = other.write_all(b"x");
            sender.send().expect("the loop is alive");
            let made = std::fs::remove_dir(&folder);
            written.and(made)
        }
    })?;
    let broken = loop_.run()?;
    writer.join().expect("it does not panic")?;
    if broken {
        // Nobody handles its errors, so it was ended by one.
        return Err(io::Error::from(io::ErrorKind::Other).into());
    }
    expect("called", called.get(), 3)?;
    if failed.get() {
        return Err(io::Error::from(io::ErrorKind::OutOfMemory).into());
    }
    let mut buffer = [0];
    (&one).read_exact(&mut buffer)?;
    Ok(())
}

/// Watchers' callbacks hold handles of the loop.
struct Destroy(Loop);

impl Drop for Destroy {
    fn drop(&mut self) {
        self.0.destroy().expect("nothing of libev's is under way");
    }
}
