//! Times in other forms than a number of seconds, a `Duration` or `None`.
//!
//! Cure: a time is a number of seconds, a `Duration`, or `None` for ever
//! Cure: `Some(5.0)`
//! Cure: `.map(|duration| duration.as_secs_f64())`

use std::time::{Duration, Instant};

use gevent::event::Event;

fn main() {
    let event = Event::new();
    let _ = event.wait_timeout(Some(5));
    let _ = event.wait_timeout(Some(Duration::from_secs(5)));
    let _ = gevent::sleep("1");
    let _ = gevent::sleep(Instant::now());
    let _ = event.wait_timeout(());
}
