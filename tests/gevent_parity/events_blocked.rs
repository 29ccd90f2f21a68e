//! Subscribers are told of a greenlet that blocks, and may add to the report that is printed then.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use gevent::events::{self, EventLoopBlocked, PeriodicMonitorThreadStartedEvent, Subscription};
use gevent::hub::ExceptionStream;
use gevent::monitor::PeriodicMonitoringThread;
use gevent::{config, get_hub, sleep, spawn};

use super::common::TestResult;

#[derive(Clone, Default)]
struct Stream(Rc<RefCell<String>>);

impl Write for Stream {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += &String::from_utf8_lossy(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn started(_: &mut PeriodicMonitorThreadStartedEvent) {
    println!("started");
}

fn blocked(event: &mut EventLoopBlocked) {
    let is_ours = event.hub.minimal_ident() == get_hub().minimal_ident();
    println!(
        "blocked: {is_ours} {} {}",
        event.blocking_time >= 0.0,
        event.info.len() > 3
    );
    event.info.push("a line of a subscriber's".into());
}

fn greenlet(monitor: &PeriodicMonitoringThread, subscription: Subscription) {
    monitor.monitor_blocking();
    for print_them in [true, false] {
        config::set_print_blocking_reports(print_them);
        monitor.monitor_blocking();
    }
    drop(subscription);
    config::set_print_blocking_reports(true);
    monitor.monitor_blocking();
}

pub(crate) fn main() -> TestResult {
    config::set_monitor_thread(true);
    config::set_max_blocking_time(100)?; // the thread itself does not look

    let hub = get_hub();
    let stream = Stream::default();
    hub.set_exception_stream(ExceptionStream::Write(Box::new(stream.clone())));
    events::subscribe(started).forever();
    let subscription = events::subscribe(blocked);
    let monitor = hub.start_periodic_monitoring_thread()?;
    let its = monitor.clone();

    spawn(move || greenlet(&its, subscription)).join()?;
    sleep(0)?;
    for part in ["appears to be blocked", "Reported by <", "a line of a subscriber's"] {
        println!("{} {part}", stream.0.borrow().matches(part).count());
    }
    monitor.kill();
    Ok(())
}
