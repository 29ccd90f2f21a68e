//! Links can be taken away: before the end, and by a link that is called earlier.

use gevent::{Greenlet, Link, sleep, spawn};

use super::common::TestResult;

fn linked(name: &'static str) -> impl Fn(&Greenlet<()>) -> Link + Clone {
    Link::keep(move |_: &Greenlet<()>| println!("{name}"))
}

pub(crate) fn main() -> TestResult {
    let g = spawn(|| ());
    let (first, second, third) = (linked("first"), linked("second"), linked("third"));

    let to_unlink = second.clone();
    let unlinks_second = move |source: &Greenlet<()>| {
        println!("takes the second away");
        source.unlink(&to_unlink);
    };

    g.rawlink(&first);
    g.rawlink(unlinks_second);
    g.rawlink(&second);
    g.rawlink(third);
    g.unlink(&first);
    g.unlink(&first);
    g.join()?;
    println!("has links: {}", g.has_links());

    let g = spawn(|| ());
    g.rawlink(first);
    g.link(second);
    g.unlink_all();
    g.join()?;
    sleep(0)?;
    println!("none is called after unlink_all");
    Ok(())
}
