//! async watchers: many sends before the loop looks are one event.

use std::cell::Cell;
use std::rc::Rc;

use gevent::{get_hub, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let count = Rc::new(Cell::new(0));

    let watcher = loop_.async_()?;
    let received = count.clone();
    watcher.start(move || received.set(received.get() + 1))?;
    for _ in 0..3 {
        watcher.send()?;
    }
    println!("sent, pending: {}", watcher.pending());
    sleep(0.01)?;
    println!("received {}, pending: {}", count.get(), watcher.pending());
    watcher.send()?;
    sleep(0.01)?;
    println!("received {}", count.get());
    watcher.stop()?;

    let waiting = loop_.async_()?;
    let sender = waiting.sender();
    spawn(move || Ok(sender.send()?));
    hub.wait(&waiting)?;
    println!("hub.wait returned");
    Ok(())
}
