//! Links are called in their order; one that fails does not stop the others; unlinked ones are not called.

use gevent::event::Event;
use gevent::{Link, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn fails(_source: &Event) -> TestResult {
    println!("fails");
    Err(ValueError("of a link").into())
}

fn says(name: &'static str) -> impl Fn(&Event) {
    move |_source| println!("{name}")
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let event = Event::new();
    let removed = Link::keep(says("removed"));
    let to_remove = removed.clone();
    let removes = move |source: &Event| {
        println!("removes the next");
        source.unlink(&to_remove);
    };

    event.rawlink(says("first"));
    event.rawlink(fails);
    event.rawlink(removes);
    event.rawlink(removed);
    event.rawlink(says("last"));
    event.unlink(&Link::keep(says("never linked")));
    println!("linked: {}", event.linkcount());
    event.set();
    println!("set");
    sleep(0)?;
    println!("linked: {}", event.linkcount());
    event.rawlink(says("linked to a set event"));
    println!("not yet");
    sleep(0)?;
    Ok(())
}
