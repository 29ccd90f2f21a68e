//! Links are called in their order; one that fails does not stop the others; unlinked ones are not called.

use std::cell::OnceCell;
use std::rc::Rc;

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
    let removed = Rc::new(OnceCell::<Link>::new());
    let to_remove = removed.clone();
    let removes = move |source: &Event| {
        println!("removes the next");
        source.unlink(to_remove.get().expect("is linked"));
    };

    event.rawlink(says("first"));
    event.rawlink(fails);
    event.rawlink(removes);
    removed.get_or_init(|| event.rawlink(says("removed")));
    event.rawlink(says("last"));
    event.unlink(&Link::new(|_| Ok(())));
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
