//! unlink takes away one link, the first that has this callback, however it was linked; others stay.

use gevent::{Greenlet, Link, joinall, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let one = Link::keep(|_: &Greenlet<i32>| println!("one"));
    let two = Link::keep(|_: &Greenlet<i32>| println!("two"));

    let (g, h) = (spawn(|| 1), spawn(|| 2));
    g.unlink(&one);
    println!("unlinked before: {}", g.has_links());
    g.link(&one);
    h.unlink(&one);
    println!("unlinked of another: {} {}", g.has_links(), h.has_links());
    g.rawlink(&two);
    g.link_value(&one);
    g.link_exception(&two);
    g.rawlink(&one);
    g.unlink(&one);
    g.unlink(&two);
    h.rawlink(&two);
    h.link(&one);
    h.rawlink(&two);
    h.link_value(&one);
    h.unlink(&one);
    h.unlink(&one);
    h.unlink(&one);
    joinall([&g, &h])?;
    sleep(0)?;
    g.unlink(&one);
    println!("at the end: {} {}", g.has_links(), h.has_links());
    Ok(())
}
