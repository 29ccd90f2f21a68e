//! Waits at a channel with a time limit that is over, and without time.

use gevent::queue::{Channel, Empty, PutError};
use gevent::{Exception, joinall, sleep, spawn};

use super::common::TestResult;

fn get(name: &str, method: impl FnOnce() -> Result<&'static str, Exception>) -> TestResult {
    match method() {
        Err(e) if e.is::<Empty>() => println!("{name}: Empty"),
        got => println!("{name} got {}", got?),
    }
    Ok(())
}

fn put(name: &'static str, method: impl FnOnce(&'static str) -> Result<(), PutError<&'static str>>) -> TestResult {
    match method(name) {
        Err(PutError::Full(item)) => println!("{item}: Full"),
        put => {
            put?;
            println!("{name} is put");
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let channel = Channel::new();
    let handle = || channel.clone();

    get("a", || channel.get_timeout(0.01))?;
    put("b", |b| channel.put_timeout(b, 0.01))?;
    get("c", || channel.get_nowait())?;
    put("d", |d| channel.put_nowait(d))?;
    let its = handle();
    spawn(move || get("e", || its.get()));
    put("f", |f| channel.put_nowait(f))?; // e can run before it gives up
    let its = handle();
    spawn(move || put("g", |g| its.put_timeout(g, None)));
    get("h", || channel.get_nowait())?;
    sleep(0)?;

    let (i, j) = (handle(), handle());
    let gs = [
        spawn(move || put("i", |item| i.put_timeout(item, 0.02))),
        spawn(move || put("j", |item| j.put_timeout(item, None))),
    ];
    gs[0].join()?;
    get("k", || channel.get())?;
    let (l, m) = (handle(), handle());
    let gs = [
        spawn(move || get("l", || l.get_timeout(0.02))),
        spawn(move || get("m", || m.get())),
    ];
    gs[0].join()?;
    put("n", |n| channel.put_timeout(n, None))?;
    joinall(&gs).map(drop)
}
