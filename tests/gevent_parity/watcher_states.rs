//! The states of a watcher; a start while it is started replaces the callback.

use gevent::hub::core::{Events, Timer};
use gevent::{get_hub, sleep};

use super::common::TestResult;

fn show(when: &str, timer: &Timer) {
    println!(
        "{when}: active={} pending={} callback={}",
        timer.active(),
        timer.pending(),
        timer.has_callback()
    );
}

pub(crate) fn main() -> TestResult {
    let timer = get_hub().loop_().timer(0.001)?;
    show("made", &timer);
    timer.start(|| println!("replaced, never printed"))?;
    show("started", &timer);
    let t = timer.clone();
    timer.start(move || show("firing", &t))?;
    sleep(0.01)?;
    show("fired", &timer);
    timer.start(|| println!("never printed"))?;
    timer.stop()?;
    timer.stop()?;
    show("stopped", &timer);
    timer.start(|| println!("started again"))?;
    sleep(0.01)?;
    timer.feed(Events::READ, || println!("fed"))?;
    show("fed", &timer);
    sleep(0.01)?;
    show("done", &timer);
    println!("ref={} priority={}", timer.ref_(), timer.priority());
    timer.set_ref(false)?;
    timer.set_priority(1)?;
    println!("ref={} priority={}", timer.ref_(), timer.priority());
    Ok(())
}
