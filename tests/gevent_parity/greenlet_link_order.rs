//! Links are called once each, in the order in which they were added, whatever their kind.

use gevent::{Greenlet, sleep, spawn};

use super::common::{TestResult, show};

fn linked(name: &'static str) -> impl Fn(&Greenlet<&'static str>) {
    move |source| println!("{name}: {}", show(source.value()))
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| "value");

    g.link(linked("link 1"));
    g.rawlink(linked("rawlink 1"));
    g.link_value(linked("link_value"));
    g.link_exception(linked("link_exception"));
    g.rawlink(linked("rawlink 2"));
    g.link(linked("link 2"));
    println!("has links: {}", g.has_links());
    g.join()?;
    println!("joined, has links: {}", g.has_links());
    sleep(0)?;
    println!("no link is called again");
    Ok(())
}
