//! A signal's handler runs in a Greenlet, which can be killed, linked to, and waits.

use std::rc::Rc;

use gevent::event::Event;
use gevent::{AnyGreenlet, Greenlet, GreenletExit, get_hub, signal_handler, sleep};
use rustix::process::{Signal, getpid, kill_process};

use super::common::TestResult;

fn callback(_: &AnyGreenlet) {
    println!("spawn callback");
}

fn handler(label: &'static str, called: &Event) -> TestResult {
    let this = AnyGreenlet::current().expect("it is one");
    let by_hub = this.spawning_greenlet().as_ref() == Some(get_hub().greenlet());
    println!("{label}: true {} {by_hub}", this.started());
    this.link(move |g| println!("{label} has ended: {}", g.successful()));
    sleep(0)?;
    called.set();
    if label == "killed" {
        match this.kill() {
            Err(error) if error.is::<GreenletExit>() => println!("killed"),
            killed => killed?,
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let called = Event::new();
    Greenlet::add_spawn_callback(Rc::new(callback));
    for (signal, label) in [(Signal::USR1, "waits"), (Signal::USR2, "killed")] {
        let calls = called.clone();
        let watched = signal_handler(signal.as_raw(), move || handler(label, &calls))?;
        kill_process(getpid(), signal)?;
        called.wait()?;
        called.clear();
        sleep(0)?;
        sleep(0)?;
        watched.cancel();
    }
    Ok(())
}
