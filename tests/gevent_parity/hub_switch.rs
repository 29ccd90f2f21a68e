//! hub.switch parks, and returns the value with which the greenlet is switched back.

use gevent::{RawGreenlet, Value, get_hub, getcurrent, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, name};

fn text(value: Value) -> &'static str {
    value.downcast().unwrap_or("something else")
}

fn parks(label: &str) -> TestResult {
    println!("{label} parks");
    for _ in 0..2 {
        match get_hub().switch() {
            Ok(value) => println!("{label} gets {}", text(value)),
            Err(error) if error.is::<ValueError>() => println!("{label}: {}", name(&error)),
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();
    let switch = |greenlet: &RawGreenlet, value: &'static str| {
        let greenlet = greenlet.clone();
        move || greenlet.switch(Value::new(value)).map(drop)
    };

    let (a, b) = (spawn(|| parks("a")), spawn(|| parks("b")));
    sleep(0)?;
    loop_.run_callback(switch(a.raw(), "one"))?;
    let thrown = b.clone();
    loop_.run_callback(move || thrown.throw(ValueError("two")).map(drop))?;
    loop_.run_callback(switch(b.raw(), "three"))?;
    let timer = loop_.timer(0.001)?;
    timer.start(switch(a.raw(), "four"))?;
    joinall([a, b])?;
    let main = getcurrent();
    loop_.run_callback(switch(&main, "five"))?;
    println!("main gets {}", text(hub.switch()?));
    Ok(())
}
