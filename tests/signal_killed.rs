//! Tests signal handlers that are killed. Signals belong to the process, so this program has no other test.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::exceptions::SystemExit;
use gevent::{Exception, GreenletExit, RawGreenlet, Timeout, get_hub, getcurrent, kill, signal_handler, sleep};

#[test]
fn a_killed_signal_handler_is_no_error_of_the_main_greenlet() -> Result<(), Exception> {
    get_hub().set_exception_stream(gevent::hub::ExceptionStream::Discard);
    let handlers = Rc::new(RefCell::new(Vec::<RawGreenlet>::new()));
    let its = handlers.clone();
    let handler = signal_handler(libc::SIGUSR1, move || {
        its.borrow_mut().push(getcurrent());
        // The kill is wrapped, as by a library that does not know of kills.
        sleep(100).map_err(|error| Exception::from(std::io::Error::other(std::io::Error::from(error))))
    })?;
    for exception in [GreenletExit, GreenletExit::because("enough")] {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1)
            .map_err(std::io::Error::from)?;
        let handling = loop {
            if let Some(greenlet) = handlers.borrow_mut().pop() {
                break greenlet;
            }
            sleep(0.001)?;
        };
        kill(&handling, exception)?;
        sleep(0.001)?;
        assert!(handling.dead());
    }
    // An exception other than a kill is thrown into this greenlet.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::USR1)
        .map_err(std::io::Error::from)?;
    let handling = loop {
        if let Some(greenlet) = handlers.borrow_mut().pop() {
            break greenlet;
        }
        sleep(0.001)?;
    };
    kill(&handling, SystemExit(3))?;
    let bound = Timeout::start_new(60);
    let error = sleep(100).unwrap_err();
    assert!(error.is::<SystemExit>() && !bound.caused(&error), "{error:?}");
    handler.cancel();
    // The handler has woken this greenlet, and ends when it has its turn.
    sleep(0.001)?;
    Ok(())
}
