//! A callback is linked to an event, a semaphore and a result, twice to each, and is called with each of them.

use gevent::event::{AsyncResult, Event};
use gevent::lock::Semaphore;
use gevent::{Link, Linkable, sleep};

use super::common::TestResult;

/// The name of an object's type.
fn kind(source: &dyn Linkable) -> String {
    let shown = format!("{source:?}");
    shown[1..].split(' ').next().unwrap_or_default().to_owned()
}

pub(crate) fn main() -> TestResult {
    let ready = Link::new(|source| println!("{} is ready: {}", kind(source), source.ready()));
    let other = Link::new(|source| println!("{} calls the other", kind(source)));

    let (event, semaphore, result) = (Event::new(), Semaphore::new(0), AsyncResult::new());
    for source in [&event as &dyn Linkable, &semaphore, &result] {
        source.unlink(&ready);
        source.rawlink(ready.clone());
        source.rawlink(other.clone());
        source.rawlink(ready.clone());
    }
    println!(
        "links: {} {} {}",
        event.linkcount(),
        semaphore.linkcount(),
        result.linkcount()
    );
    result.unlink(&other);
    event.set();
    semaphore.release();
    result.set(1);
    sleep(0)?;
    println!("again");
    event.rawlink(|_| &ready);
    event.unlink(&ready);
    event.rawlink(|_| &other);
    semaphore.rawlink(|_| &other);
    sleep(0)?;
    println!("twice, and not last");
    for source in [&event as &dyn Linkable, &result] {
        source.rawlink(ready.clone());
        source.rawlink(ready.clone());
        source.rawlink(other.clone());
    }
    sleep(0)
}
