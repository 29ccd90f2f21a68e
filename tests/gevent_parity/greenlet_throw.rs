//! throw switches at once; a greenlet that throws is not scheduled again, so here a callback of the hub throws.

use gevent::{Exception, Greenlet, get_hub, joinall, sleep, spawn};

use super::common::{KeyError, TestResult, ValueError, report_errors};

fn worker(name: &str) -> TestResult {
    match sleep(100) {
        Err(error) if error.is::<ValueError>() => println!("{name} gets {error}"),
        slept => slept?,
    }
    sleep(0)?;
    println!("{name} ends");
    Ok(())
}

fn thrower(g: &Greenlet<()>, error: impl Into<Exception>) -> TestResult {
    println!("before the throw");
    g.throw(error)?;
    println!("after the throw");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let hub = get_hub();
    let loop_ = hub.loop_();

    let (a, b) = (spawn(|| worker("a")), spawn(|| worker("b")));
    sleep(0)?;
    let g = a.clone();
    loop_.run_callback(move || thrower(&g, ValueError("caught")))?;
    let g = b.clone();
    loop_.run_callback(move || thrower(&g, KeyError("not caught")))?;
    loop_.run_callback(|| println!("callback after them"))?;
    joinall([&a, &b])?;
    println!("{} {}", a.successful(), b.successful());
    Ok(())
}
