//! joinall for some greenlets, or with a time limit, returns those that have ended.

use gevent::{Exception, Greenlet, JoinAll, joinall_timeout, joinall_with, sleep, spawn};

use super::common::TestResult;

fn worker(name: &'static str, seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let greenlets =
        [("a", 100.0), ("b", 0.03), ("c", 0.001)].map(|(name, seconds)| spawn(move || worker(name, seconds)));
    let show = |what: &str, done: Vec<&Greenlet<&'static str>>| {
        let names: Vec<_> = done.iter().filter_map(|g| g.value()).collect();
        let [a, b, c] = greenlets.each_ref().map(|g| g.has_links());
        println!("{what}: [{}], has links: {a} {b} {c}", names.join(" "));
    };
    let some = |count| JoinAll::default().count(count);

    show("count=0", joinall_with(&greenlets, some(0))?);
    show("timeout=0", joinall_timeout(&greenlets, 0)?);
    show("count=1", joinall_with(&greenlets, some(1))?);
    show("count=2", joinall_with(&greenlets, some(2).timeout(100))?);
    show("count=9", joinall_with(&greenlets, some(9).timeout(0.001))?);
    greenlets[0].kill()?;
    show("killed", joinall_timeout(&greenlets[1..], 100)?);
    Ok(())
}
