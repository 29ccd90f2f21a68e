//! joinall returns the greenlets in the order of their ends, the ones that had ended first.

use gevent::{AnyGreenlet, Exception, Greenlet, joinall, sleep, spawn};

use super::common::Outcome;

fn worker(name: &'static str, seconds: f64) -> Result<&'static str, Exception> {
    sleep(seconds)?;
    println!("{name} ends");
    Ok(name)
}

pub(crate) fn main() -> Outcome {
    let workers = [("a", 0.06), ("b", 0.03), ("c", 0.0), ("d", 0.001)];
    let workers = workers.map(|(name, seconds)| spawn(move || worker(name, seconds)));
    let show = |done: Vec<AnyGreenlet>| {
        let name = |g: &AnyGreenlet| workers.iter().find(|w| w.any() == *g)?.value();
        let names: Vec<_> = done.iter().filter_map(name).collect();
        println!("{}", names.join(" "));
    };
    let [a, b, c, d] = &workers;
    d.join(None)?;
    c.join(None)?;
    show(joinall([a, b, c, d], None)?);
    println!("{}", joinall([] as [Greenlet<()>; 0], None)?.len());
    show(joinall([b, a, b], None)?);
    Ok(())
}
