//! A link that is added after the end is called soon, in the hub; it does not need a waiter.

use gevent::{Greenlet, get_hub, sleep, spawn};

use super::common::{TestResult, show};

fn relink(source: &Greenlet<&'static str>) {
    println!("a link links again");
    source.rawlink(|_| println!("linked by a link"));
}

pub(crate) fn main() -> TestResult {
    let hub = get_hub();
    let loop_ = hub.loop_();

    let g = spawn(|| "value");
    g.join()?;
    println!("ended: {}", show(g.value()));
    loop_.run_callback(|| println!("callback before"))?;
    g.link(|source| println!("link: {}", show(source.value())));
    loop_.run_callback(|| println!("callback between"))?;
    g.rawlink(|source| println!("rawlink: {}", show(source.value())));
    loop_.run_callback(|| println!("callback after"))?;
    println!("linked");
    sleep(0)?;

    g.rawlink(relink);
    g.rawlink(|_| println!("linked before that"));
    sleep(0)
}
