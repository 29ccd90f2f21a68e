//! The counterpart of gevent's test__systemerror, written anew: an exception that concerns the
//! whole process is thrown into the main greenlet, wherever it comes from; other exceptions are not.

use crate::support::{ExpectedError, LONG, Reports, TestResult, bounded};
use gevent::exceptions::{KeyboardInterrupt, SystemError, SystemExit};
use gevent::{Context, Exception, get_hub, sleep, spawn};

/// Makes a callback, greenlet or watcher fail with the exception. Returns a function that fails if something was left
/// behind.
type Start = fn(Exception) -> Result<Box<dyn FnOnce()>, Exception>;

/// gevent's TestCallback.
fn callback(exception: Exception) -> Result<Box<dyn FnOnce()>, Exception> {
    let x = get_hub().loop_().run_callback(move || Err::<(), _>(exception))?;
    Ok(Box::new(move || assert!(!x.pending(), "{x:?}")))
}

/// gevent's TestSpawn.
fn greenlet(exception: Exception) -> Result<Box<dyn FnOnce()>, Exception> {
    let x = spawn(move || Err::<(), _>(exception));
    Ok(Box::new(move || {
        sleep(0.0001).expect("the hub goes on");
        assert!(x.dead(), "{x:?}");
    }))
}

/// A handler of a watcher, which gevent's tests leave out.
fn timer(exception: Exception) -> Result<Box<dyn FnOnce()>, Exception> {
    let x = get_hub().loop_().timer(0.0)?;
    x.start(move || Err::<(), _>(exception.clone()))?;
    Ok(Box::new(move || assert!(!x.active(), "{x:?}")))
}

fn for_each_start(test: impl Fn(Start) -> TestResult) -> TestResult {
    let _bounded = bounded();
    [callback as Start, greenlet, timer].into_iter().try_for_each(test)
}

#[test]
fn test_sys_exit() -> TestResult {
    let reports = Reports::new();
    for_each_start(|start| {
        let clean = start(SystemExit(3).into())?;
        let error = sleep(LONG).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&SystemExit(3)));
        clean();
        assert_eq!(reports.take(), "", "it is no error");
        Ok(())
    })
}

#[test]
fn test_keyboard_interrupt() -> TestResult {
    let reports = Reports::new();
    for_each_start(|start| {
        let clean = start(KeyboardInterrupt.into())?;
        assert!(sleep(LONG).unwrap_err().is::<KeyboardInterrupt>());
        clean();
        reports.one_with("KeyboardInterrupt");
        Ok(())
    })
}

/// gevent's test_keyboard_interrupt_stderr_patched, in which writing to standard error switches greenlets. Here the
/// stream to which the hub prints calls the hub.
#[test]
fn test_keyboard_interrupt_stderr_patched() -> TestResult {
    struct Busy;
    impl std::io::Write for Busy {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            get_hub().print_exception(Context::None, &Exception::msg("lost: the stream is in use"));
            spawn(|| ());
            Ok(text.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    get_hub().set_exception_stream(gevent::hub::ExceptionStream::Write(Box::new(Busy)));
    for_each_start(|start| {
        let clean = start(KeyboardInterrupt.into())?;
        let error = loop {
            if let Err(error) = sleep(0.001) {
                break error;
            }
        };
        assert!(error.is::<KeyboardInterrupt>());
        clean();
        Ok(())
    })
}

#[test]
fn test_system_error() -> TestResult {
    const MESSAGE: &str = "should be re-raised and caught";
    let reports = Reports::new();
    for_each_start(|start| {
        let clean = start(
            SystemError {
                message: MESSAGE.to_owned(),
                source: std::io::ErrorKind::Other.into(),
            }
            .into(),
        )?;
        let error = sleep(LONG).unwrap_err();
        assert!(error.is::<SystemError>() && error.to_string().contains(MESSAGE));
        clean();
        reports.one_with(MESSAGE);
        Ok(())
    })
}

#[test]
fn test_exception() -> TestResult {
    let reports = Reports::new();
    for_each_start(|start| {
        let clean = start(ExpectedError("must not kill the program").into())?;
        sleep(0.001)?;
        clean();
        reports.one_with("must not kill the program");
        Ok(())
    })
}
