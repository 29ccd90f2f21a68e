//! Links can be taken away: before the end, and by a link that is called earlier.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{Greenlet, Link, sleep, spawn};

use super::common::TestResult;

fn linked(name: &'static str) -> impl Fn(&Greenlet<()>) {
    move |_| println!("{name}")
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| ());
    let second: Rc<RefCell<Option<Link>>> = Rc::default();

    let first = g.rawlink(linked("first"));
    let to_unlink = second.clone();
    g.rawlink(move |source| {
        println!("takes the second away");
        if let Some(second) = to_unlink.take() {
            source.unlink(&second);
        }
    });
    second.replace(Some(g.rawlink(linked("second"))));
    g.rawlink(linked("third"));
    g.unlink(&first);
    g.unlink(&first);
    g.join()?;
    println!("has links: {}", g.has_links() > 0);

    let g = spawn(|| ());
    g.rawlink(linked("first"));
    g.link(linked("second"));
    g.unlink_all();
    g.join()?;
    sleep(0)?;
    println!("none is called after unlink_all");
    Ok(())
}
