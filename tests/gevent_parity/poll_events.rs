//! What a poll object returns: of the events of its mask those that are there, and POLLNVAL; its changes.

use std::collections::HashMap;

use gevent::core::BadFd;
use gevent::select::{NotRegistered, POLL_DEFAULT, POLLIN, POLLNVAL, POLLOUT, POLLPRI, Poll};
use gevent::socket::socketpair;
use gevent::spawn;

use super::common::TestResult;

type Names = HashMap<i32, &'static str>;

fn show(p: &Poll, names: &Names, timeout: Option<f64>) -> TestResult {
    let ready = p.poll_timeout(timeout)?;
    let mut all: Vec<_> = ready
        .iter()
        .map(|(fd, events)| format!("{}:{events}", names[fd]))
        .collect();
    all.sort();
    println!("{}", all.join(" "));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (a, b) = socketpair()?;
    let p = Poll::new();
    let mut names = Names::from([(a.fileno(), "a"), (b.fileno(), "b")]);

    p.register(&a, POLL_DEFAULT)?;
    show(&p, &names, None)?;
    p.register(&a, POLLIN)?;
    show(&p, &names, Some(0.001))?;
    b.send(b"x")?;
    show(&p, &names, None)?;
    p.modify(&a, POLLIN | POLLOUT)?;
    show(&p, &names, None)?;
    p.register(&a, POLLOUT | POLLPRI)?;
    show(&p, &names, None)?;
    p.modify(&b, POLLIN)?; // it registers
    p.register(&a, POLLIN)?;
    show(&p, &names, None)?;
    a.send(b"x")?;
    show(&p, &names, Some(-1.0))?;
    p.unregister(&a)?;
    show(&p, &names, None)?;
    if p.unregister(&a) == Err(NotRegistered(a.fileno())) {
        println!("KeyError");
    }
    b.recv(1)?;
    show(&p, &names, Some(0.0))?;

    let other = spawn(|| println!("other"));
    show(&p, &names, Some(0.0))?;
    println!("{}", other.ready());
    b.close();
    p.register(&a, POLLIN | POLLOUT)?;
    let fd = 500;
    names.insert(fd, "c");
    let p = Poll::new();
    p.register(&fd, POLLIN)?;
    show(&p, &names, Some(0.0))?;
    println!("{POLLNVAL}");
    let refused: Result<(), BadFd> = p.register(&-1, POLLIN);
    if refused.is_err() {
        println!("ValueError");
    }
    Ok(())
}
