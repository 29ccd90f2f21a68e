//! Links take others away, add some, kill and spawn while they are called.

use std::cell::RefCell;
use std::rc::Rc;

use gevent::{Greenlet, Kill, Link, sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let g = spawn(|| println!("runs"));
    let victim = spawn(|| sleep(100));
    victim.rawlink(|source| println!("victim's link {}", source.successful()));

    let second: Rc<RefCell<Option<Link>>> = Rc::default();
    let unlinked = second.clone();
    g.rawlink(move |source: &Greenlet<()>| {
        println!("first");
        source.unlink(&unlinked.take().expect("it is linked by now"));
        source.rawlink(|_| println!("added"));
        source.rawlink(|_| println!("third"));
    });
    second.replace(Some(g.rawlink(|_| println!("second, never"))));
    let killed = victim.clone();
    g.rawlink(move |_| {
        println!("kills");
        killed.kill_with(Kill::default().nonblocking())?;
        spawn(|| println!("spawned by a link"));
        Ok(())
    });
    sleep(0)?;
    g.join()?;
    victim.join()?;
    sleep(0)?;
    g.rawlink(|_| println!("third"));
    g.unlink_all();
    sleep(0)?;
    println!("end");
    Ok(())
}
