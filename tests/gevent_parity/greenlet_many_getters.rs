//! All getters of a greenlet get its end, in the order in which they came; the error is the same object.

use gevent::{Greenlet, joinall, sleep, spawn};

use super::common::{TestResult, ValueError, report_errors};

fn fails() -> TestResult {
    sleep(0)?;
    Err(ValueError("once").into())
}

fn getter(g: &Greenlet<()>, label: &str) -> TestResult {
    match g.get() {
        Err(error) if error.is::<ValueError>() => {
            let same = g.exception().is_some_and(|own| own.same(&error));
            println!("{label}: {error}, the same: {same}");
            Ok(())
        }
        other => other,
    }
}

fn joiner(g: &Greenlet<()>, label: &str) -> TestResult {
    g.join()?;
    println!("{label}: joined");
    Ok(())
}

type Waits = fn(&Greenlet<()>, &str) -> TestResult;

pub(crate) fn main() -> TestResult {
    report_errors();
    let g = spawn(fails);
    let waiter = |waits: Waits, label: &'static str| {
        let g = g.clone();
        spawn(move || waits(&g, label))
    };
    let waiters = [waiter(getter, "a"), waiter(joiner, "b"), waiter(getter, "c")];
    g.link(|_| println!("link"));
    g.rawlink(|_| println!("rawlink"));
    joinall(&waiters)?;
    joinall([waiter(joiner, "d"), waiter(getter, "e")])?;
    Ok(())
}
