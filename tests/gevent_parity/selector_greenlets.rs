//! Several greenlets in a selector's select: one of them gets the events. Changes meanwhile, kills and timeouts.

use gevent::selectors::{EVENT_READ, GeventSelector};
use gevent::socket::socketpair;
use gevent::timeout::TimeoutError;
use gevent::{GreenletExit, Timeout, joinall, sleep, spawn};

use super::common::TestResult;

fn waits(s: &GeventSelector<&str>, name: &str, timeout: Option<f64>) -> TestResult {
    match s.select_timeout(timeout) {
        Ok(ready) if ready.is_empty() => println!("{name} nothing"),
        Ok(ready) => {
            let all: Vec<&str> = ready.iter().map(|(key, _)| *key.data).collect();
            println!("{name} {}", all.join(" "));
        }
        Err(error) if error.is::<GreenletExit>() => println!("{name} killed"),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn readiness(ready: bool) -> &'static str {
    if ready { "ready" } else { "not ready" }
}

pub(crate) fn main() -> TestResult {
    let (a, b) = socketpair()?;
    let (c, d) = socketpair()?;
    let s = GeventSelector::new();
    let waiting = |name: &'static str, timeout: Option<f64>| {
        let s = s.clone();
        spawn(move || waits(&s, name, timeout))
    };

    s.register(&a, EVENT_READ, "a")?;
    let gs = ["one", "two", "three"].map(|name| waiting(name, None));
    sleep(0)?;
    gs[0].kill()?;
    b.send(b"x")?;
    joinall(&gs)?;
    a.recv(1)?;

    let g = waiting("meanwhile", Some(30.0));
    sleep(0)?;
    s.register(&c, EVENT_READ, "c")?;
    d.send(b"x")?;
    sleep(0.001)?;
    println!("{}", readiness(g.ready()));
    b.send(b"x")?;
    g.join()?;
    a.recv(1)?;
    waits(&s, "then", None)?;
    c.recv(1)?;

    let g = waiting("gone", Some(30.0));
    sleep(0)?;
    s.unregister(&a)?;
    b.send(b"x")?;
    sleep(0.001)?;
    println!("{}", readiness(g.ready()));
    d.send(b"x")?;
    g.join()?;

    let never = Timeout::new(0.001).with(|| {
        c.recv(1)?;
        waits(&s, "never", None)
    });
    match never {
        Err(error) if error.is::<TimeoutError>() => println!("timeout"),
        never => never?,
    }
    d.send(b"x")?;
    sleep(0.001)?;
    waits(&s, "after", None)?;
    s.close();
    Ok(())
}
