//! Tests that a kill counts as success, and that a timeout is recognised, whatever error a library has made of them;
//! and that an error which only tells of another greenlet's exit is a failure.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

use gevent::event::AsyncResult;
use gevent::exceptions::TimedOut;
use gevent::greenlet::Kill;
use gevent::socket::{TcpListener, TcpStream};
use gevent::timeout::TimeoutError;
use gevent::{Exception, Greenlet, GreenletExit, Raised, Timeout, get_hub, sleep, spawn, threadsafe};

use crate::support::{ExpectedError, LONG, Reports, TestResult, bounded};

#[derive(Debug, thiserror::Error)]
enum LibraryError {
    #[error("cannot read the message")]
    Io(#[from] io::Error),
    #[error("a task failed")]
    Task(#[from] Exception),
}

fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    Ok((stream, listener.accept()?.0))
}

/// Waits of libraries that do not know of greenlets. Each ends only by an exception that is thrown into it.
fn libraries() -> Vec<fn(TcpStream) -> TestResult> {
    vec![
        |mut stream| {
            let read = |stream: &mut TcpStream| -> Result<[u8; 4], LibraryError> {
                let mut message = [0; 4];
                stream.read_exact(&mut message)?;
                Ok(message)
            };
            Ok(read(&mut stream).map(drop)?)
        },
        |stream| {
            let mut line = String::new();
            let read = BufReader::new(stream).read_line(&mut line);
            let read = read.map_err(|e| io::Error::new(e.kind(), LibraryError::Io(e)));
            Ok(read.map(drop)?)
        },
        |mut stream| {
            let read = |stream: &mut TcpStream| -> Result<(), Box<dyn Error + Send + Sync>> {
                io::copy(stream, &mut io::sink())?;
                Ok(())
            };
            read(&mut stream).raised()
        },
        |mut stream| {
            let read = |stream: &mut TcpStream| -> Result<(), Box<dyn Error>> {
                stream.read_exact(&mut [0; 4])?;
                Ok(())
            };
            read(&mut stream).map_err(Exception::from_local)
        },
        |_| Ok(sleep(LONG).map_err(LibraryError::from)?),
    ]
}

#[test]
fn a_kill_in_a_library_is_a_good_end() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    for read in libraries() {
        let (stream, _peer) = connected()?;
        let greenlet = spawn(move || read(stream));
        sleep(0)?;
        let exit = Exception::new(GreenletExit::because("enough"));
        let kill = Kill::with(exit.clone());
        assert!(greenlet.kill_with(kill)?);
        assert!(greenlet.successful() && greenlet.exception().is_none());
        assert!(greenlet.get().unwrap_err().same(&exit));
    }
    assert_eq!(reports.take(), "");
    Ok(())
}

#[test]
fn a_timeout_in_a_library_is_that_timeout() -> TestResult {
    let _bounded = bounded();
    for read in libraries() {
        let (stream, _peer) = connected()?;
        assert_eq!(Timeout::new(0.001).silent(|| read(stream))?, None);

        let (stream, _peer) = connected()?;
        let (timeout, other) = (Timeout::new(0.001), Timeout::new(LONG));
        let error = timeout.with(|| other.with(|| read(stream))).unwrap_err();
        assert!(timeout.caused(&error) && !other.caused(&error), "{error:?}");

        let (stream, _peer) = connected()?;
        let timeout = Timeout::new(0.001).with_exception(io::Error::from(io::ErrorKind::TimedOut));
        let error = timeout.with(|| read(stream)).unwrap_err();
        assert!(timeout.threw(&error) && !timeout.caused(&error), "{error:?}");
    }
    Ok(())
}

#[test]
fn a_failure_that_tells_of_anothers_exit_is_reported() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let child = spawn(|| sleep(LONG));
    sleep(0)?;
    child.kill()?;
    let parent = spawn(move || -> Result<(), Exception> { Ok(child.get().map_err(LibraryError::Task)?) });
    let error = parent.get().unwrap_err();
    assert!(!parent.successful() && error.is::<GreenletExit>() && !error.is_exit());
    reports.one_with("LibraryError: a task failed: GreenletExit");

    // The greenlet is killed itself, but passes on the exit of another one, which is an error.
    let child = spawn(|| sleep(LONG));
    sleep(0)?;
    child.kill()?;
    let parent = spawn(move || -> Result<(), Exception> {
        sleep(LONG).expect_err("it is killed");
        Ok(child.get().map_err(LibraryError::Task)?)
    });
    sleep(0)?;
    parent.kill()?;
    assert!(!parent.successful());
    reports.one_with("a task failed");
    Ok(())
}

/// An exception that is thrown and is no exit becomes the greenlet's error, in the form that the library has given it.
#[test]
fn other_failures_stay_failures() -> TestResult {
    let _bounded = bounded();
    let reports = Reports::new();
    let greenlet = spawn(|| -> TestResult { Ok(sleep(LONG).map_err(LibraryError::Task)?) });
    sleep(0)?;
    let kill = Kill::with(ExpectedError("not an exit"));
    greenlet.kill_with(kill)?;
    let error = greenlet.exception().expect("it failed");
    assert!(error.is::<ExpectedError>() && error.error().is::<LibraryError>());
    reports.one_with("a task failed: not an exit");
    Ok(())
}

#[test]
fn a_result_linked_to_a_killed_greenlet_ended_well() -> TestResult {
    let _bounded = bounded();
    let killed = || -> Result<Greenlet<i32>, Exception> {
        let greenlet = spawn(|| sleep(LONG).map(|()| 1));
        sleep(0)?;
        greenlet.kill()?;
        Ok(greenlet)
    };
    let (here, anywhere, chained) = (AsyncResult::new(), threadsafe::AsyncResult::new(), AsyncResult::new());
    let greenlet = killed()?;
    greenlet.link(here.as_link());
    greenlet.rawlink(anywhere.as_link());
    here.rawlink(chained.as_link());
    for result in [&here, &chained] {
        assert!(result.get().unwrap_err().is_exit());
        assert!(result.ready() && result.successful() && result.exception().is_none());
        assert!(result.value().is_none() && result.get_nowait().unwrap_err().is_exit());
    }
    assert!(anywhere.get().unwrap_err().is_exit());
    assert!(anywhere.successful() && anywhere.exception().is_none());

    // An exit that is set as the exception of a result is an exception.
    let result = AsyncResult::<()>::new();
    result.set_exception(GreenletExit);
    assert!(!result.successful() && result.exception().is_some());
    Ok(())
}

#[test]
fn one_arm_catches_whatever_says_that_a_time_is_over() -> TestResult {
    let _bounded = bounded();
    let (mut stream, _peer) = connected()?;
    stream.set_timeout(0.001)?;
    let of_a_socket = Exception::from(stream.read(&mut [0]).unwrap_err());
    let of_a_timeout = Timeout::new(0.001).with(|| sleep(LONG)).unwrap_err();
    let of_a_wait = AsyncResult::<()>::new().get_timeout(0.001).unwrap_err();
    let event = gevent::core::Events::READ;
    let watcher = stream.with_fd(|fd| get_hub().loop_().io(std::os::fd::AsRawFd::as_raw_fd(&fd), event))??;
    let of_a_descriptor = get_hub().wait_on_watcher(&watcher, 0.001).unwrap_err();
    for error in [of_a_socket, of_a_timeout, of_a_wait, of_a_descriptor] {
        assert!(error.is::<TimedOut>(), "{error:?}");
    }
    assert_eq!(io::Error::from(TimeoutError::default()).kind(), io::ErrorKind::TimedOut);
    assert_eq!(TimeoutError::from(TimedOut), TimeoutError::default());
    Ok(())
}

#[test]
fn each_outcome_of_the_loop_is_told_by_its_type() -> TestResult {
    use gevent::core::{BadFd, Events, Loop, LoopDestroyed};
    let bad = Exception::from(get_hub().loop_().io(-1, Events::READ).unwrap_err());
    let os = bad.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    assert!(bad.is::<BadFd>() && os == Some(libc::EBADF));
    let (stream, _peer) = connected()?;
    stream.close();
    let closed = Exception::from(stream.local_addr().unwrap_err());
    let os = closed.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    assert_eq!(os, Some(libc::EBADF));
    let loop_ = Loop::new("", false)?;
    loop_.destroy()?;
    assert!(Exception::from(loop_.run().unwrap_err()).is::<LoopDestroyed>());
    Ok(())
}
