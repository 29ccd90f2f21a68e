//! An io watcher whose callback fails is stopped, as it would fail for ever; a timer goes on.

use std::cell::Cell;
use std::io::{Write, pipe};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use gevent::hub::core::{Events, Timer};
use gevent::{get_hub, sleep};

use super::common::{TestResult, ValueError, report_errors};

fn fails(label: &'static str, count: &Cell<u32>, timer: &Timer) -> TestResult {
    count.set(count.get() + 1);
    println!("{label} {}", count.get());
    if count.get() == 4 {
        timer.stop()?;
    }
    Err(ValueError(label).into())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();
    let (reader, mut writer) = pipe()?;
    let count = Rc::new(Cell::new(0));
    let timer = loop_.timer_repeat(0.001, 0.001)?;

    let io = loop_.io(reader.as_raw_fd(), Events::READ)?;
    let (c, t) = (count.clone(), timer.clone());
    io.start(move || fails("io", &c, &t))?;
    writer.write_all(b"x")?;
    sleep(0.1)?;
    println!("active: {}", io.active());
    let t = timer.clone();
    timer.start(move || fails("timer", &count, &t))?;
    sleep(1)?;
    println!("active: {}", timer.active());
    io.close()?;
    Ok(())
}
