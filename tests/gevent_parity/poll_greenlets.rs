//! Several greenlets in one poll object, which is changed meanwhile; kills and timeouts.

use std::collections::HashMap;
use std::rc::Rc;

use gevent::select::{POLLIN, Poll};
use gevent::socket::socketpair;
use gevent::timeout::TimeoutError;
use gevent::{GreenletExit, Timeout, joinall, sleep, spawn};

use super::common::TestResult;

type Names = Rc<HashMap<i32, &'static str>>;

fn waits(p: &Poll, names: &Names, name: &str, timeout: Option<f64>) -> TestResult {
    match p.poll_timeout(timeout) {
        Ok(ready) if ready.is_empty() => {
            println!("{name} nothing");
            Ok(())
        }
        Ok(ready) => {
            let mut all: Vec<_> = ready.iter().map(|(fd, _)| names[fd]).collect();
            all.sort_unstable();
            println!("{name} {}", all.join(" "));
            Ok(())
        }
        Err(error) if error.is::<GreenletExit>() => {
            println!("{name} killed");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn main() -> TestResult {
    let (a, b) = socketpair()?;
    let (c, d) = socketpair()?;
    let p = Poll::new();
    let names = Names::new(HashMap::from([(a.fileno(), "a"), (c.fileno(), "c")]));
    let waiting = |name: &'static str| {
        let (p, names) = (p.clone(), names.clone());
        spawn(move || waits(&p, &names, name, None))
    };

    p.register(&a, POLLIN)?;
    let gs = [waiting("one"), waiting("two"), waiting("three")];
    sleep(0)?;
    p.register(&c, POLLIN)?;
    p.unregister(&a)?;
    let late = waiting("late");
    sleep(0)?;
    gs[1].kill()?;
    d.send(b"x")?;
    late.join()?;
    b.send(b"x")?;
    joinall(&gs)?;
    a.recv(1)?;
    c.recv(1)?;

    p.register(&a, POLLIN)?;
    let g = waiting("both");
    sleep(0)?;
    b.send(b"x")?;
    d.send(b"x")?;
    g.join()?;
    a.recv(1)?;
    c.recv(1)?;

    waits(&p, &names, "time", Some(0.001))?;
    match Timeout::new(0.001).with(|| waits(&p, &names, "never", None)) {
        Err(error) if error.is::<TimeoutError>() => println!("timeout"),
        waited => waited?,
    }
    Ok(())
}
