//! Tests the greenlets in which signal handlers run. Signals belong to the process, so each test has one of its own.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use gevent::exceptions::Panic;
use gevent::{AnyGreenlet, Exception, Greenlet, Spawned, get_hub, getcurrent, signal_handler, sleep};
use rustix::process::{Signal, getpid, kill_process};

type TestResult = Result<(), Exception>;

fn send(signal: Signal) -> TestResult {
    Ok(kill_process(getpid(), signal).map_err(io::Error::from)?)
}

/// Sends the signal, and waits until the handler has said that it was called.
fn send_until(signal: Signal, called: &Cell<bool>) -> TestResult {
    send(signal)?;
    while !called.replace(false) {
        sleep(0.0001)?;
    }
    Ok(())
}

#[test]
fn a_handler_runs_in_a_greenlet_of_its_own_each_time() -> TestResult {
    let (seen, called) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(false)));
    let spawned: Rc<dyn Fn(&AnyGreenlet)> = Rc::new(|_| panic!("it is not started"));
    Greenlet::add_spawn_callback(spawned.clone());
    let (sees, calls) = (seen.clone(), called.clone());
    let handler = signal_handler(libc::SIGUSR1, move || {
        let this = AnyGreenlet::current().expect("it is a Greenlet");
        assert_eq!(*this.raw(), getcurrent());
        assert_eq!(this.spawning_greenlet().as_ref(), Some(get_hub().greenlet()));
        assert_eq!(getcurrent().spawning_greenlet(), this.spawning_greenlet());
        assert!(this.started() && Greenlet::<()>::current().is_some());
        sees.borrow_mut().push(this);
        calls.set(true);
        // It may wait, and what it borrows is its own.
        sleep(0)
    })?;
    for _ in 0..2 {
        send_until(Signal::USR1, &called)?;
    }
    let greenlets = seen.borrow().clone();
    for greenlet in &greenlets {
        greenlet.join()?;
        assert!(greenlet.successful() && greenlet.dead());
    }
    assert!(greenlets.len() == 2 && greenlets[0] != greenlets[1]);
    // A handler in its wait is killed, and that is all.
    send_until(Signal::USR1, &called)?;
    let last = seen.borrow()[2].clone();
    last.kill()?;
    assert!(last.successful());
    sleep(0)?;
    handler.cancel();
    Greenlet::remove_spawn_callback(&spawned);
    Ok(())
}

#[test]
fn a_panic_of_a_handler_is_raised_in_the_main_greenlet() -> TestResult {
    let handler = signal_handler(libc::SIGUSR2, || -> () { panic!("in a handler") })?;
    send(Signal::USR2)?;
    let error = loop {
        if let Err(error) = sleep(0.001) {
            break error;
        }
    };
    assert!(
        error.is::<Panic>() && error.to_string().contains("in a handler"),
        "{error:?}"
    );
    handler.cancel();
    // The greenlet that has reported it ends when it has its turn.
    sleep(0.001)
}
