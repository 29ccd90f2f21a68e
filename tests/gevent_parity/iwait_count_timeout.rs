//! iwait and wait for some of the objects, or with a time limit; nothing stays linked.

use gevent::{Exception, Greenlet, Wait, iwait_with, sleep, spawn, wait, wait_timeout, wait_with};

use super::common::{TestResult, show};

type Named = Greenlet<&'static str>;

fn worker(name: &'static str, seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    Ok(name)
}

pub(crate) fn main() -> TestResult {
    let greenlets =
        [("a", 100.0), ("b", 0.05), ("c", 0.001)].map(|(name, seconds)| spawn(move || worker(name, seconds)));
    let show = |what: &str, ready: Vec<&Named>| {
        let values: Vec<_> = ready.iter().map(|g| show(g.value())).collect();
        let links = greenlets.iter().any(|g| g.has_links());
        println!("{what}: [{}], has links: {links}", values.join(" "));
    };
    let iwait = |timeout: Option<f64>, count: Option<usize>| {
        let ready: Result<Vec<&Named>, Exception> =
            iwait_with(&greenlets, Wait::default().timeout(timeout).count(count))?.collect();
        ready
    };

    show("wait count=0", wait_with(&greenlets, Wait::default().count(0))?);
    show("iwait count=1", iwait(None, Some(1))?);
    show("iwait timeout=0", iwait(Some(0.0), None)?);
    show("wait count=1", wait_with(&greenlets, Wait::default().count(1))?);
    show("wait count=2", wait_with(&greenlets, Wait::default().count(2))?);
    show("wait timeout", wait_timeout(&greenlets, 0.001)?);
    show("wait nothing", wait([])?);
    greenlets[0].kill()
}
