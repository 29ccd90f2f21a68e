//! When the last link is taken away, later waiters do not wait for a turn any more.

use gevent::event::Event;
use gevent::{get_hub, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    get_hub(); // without one, links are called at once
    let event = Event::new();

    let link = event.rawlink(|_| println!("is not called"));
    event.set();
    spawn(|| println!("spawned"));
    event.unlink(&link);
    event.wait()?;
    println!("main did not wait");
    event.rawlink(|_| println!("another link"));
    event.wait()?;
    println!("main waited");
    Ok(())
}
