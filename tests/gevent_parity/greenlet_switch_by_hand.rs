//! A greenlet that is switched to before its turn begins then, and has no turn any more.

use gevent::{Greenlet, Value, get_hub, joinall, sleep};

use super::common::TestResult;

fn worker(label: &str) -> TestResult {
    println!("{label} begins");
    let value = get_hub().switch()?;
    println!("{label} gets {}", value.downcast().unwrap_or("nothing"));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let switch = |g: &Greenlet<()>, value: fn() -> Value| {
        let g = g.clone();
        hub.loop_().run_callback(move || g.switch(value()).map(drop))
    };

    let a = Greenlet::new(|| worker("a"));
    switch(&a, || Value::None)?;
    a.start()?;
    let b = Greenlet::new(|| worker("b"));
    switch(&b, || Value::None)?;
    b.start_later(0.001)?;
    let c = Greenlet::new(|| worker("c"));
    switch(&c, || Value::None)?;
    sleep(0.05)?;
    println!("started: {} {} {}", a.started(), b.started(), c.started());
    for g in [&a, &b, &c] {
        switch(g, || Value::new("a switch"))?;
    }
    joinall([&a, &b, &c])?;
    println!("ready: {} {} {}", a.ready(), b.ready(), c.ready());
    Ok(())
}
