//! joinall for some greenlets, or with a time limit, returns those that have ended.

use gevent::{AnyGreenlet, Exception, JoinAll, joinall, joinall_with, sleep, spawn};

use super::common::TestResult;

fn worker(name: &'static str, seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let greenlets =
        [("a", 100.0), ("b", 0.03), ("c", 0.001)].map(|(name, seconds)| spawn(move || worker(name, seconds)));
    let show = |what: &str, done: Vec<AnyGreenlet>| {
        let name = |g: &AnyGreenlet| greenlets.iter().find(|w| w.any() == *g)?.value();
        let names: Vec<_> = done.iter().filter_map(name).collect();
        let [a, b, c] = greenlets.each_ref().map(|g| g.has_links() > 0);
        println!("{what}: [{}], has links: {a} {b} {c}", names.join(" "));
    };
    let some = |count| JoinAll {
        count: Some(count),
        ..JoinAll::default()
    };
    let limited = |count, timeout| JoinAll {
        timeout: Some(timeout),
        ..some(count)
    };

    show("count=0", joinall_with(&greenlets, some(0))?);
    show("timeout=0", joinall(&greenlets, 0)?);
    show("count=1", joinall_with(&greenlets, some(1))?);
    show("count=2", joinall_with(&greenlets, limited(2, 100.0))?);
    show("count=9", joinall_with(&greenlets, limited(9, 0.001))?);
    greenlets[0].kill()?;
    show("killed", joinall(&greenlets[1..], 100)?);
    Ok(())
}
