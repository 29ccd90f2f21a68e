//! Spawn callbacks see each greenlet when it is started, once.

use std::rc::Rc;

use gevent::{AnyGreenlet, Greenlet, joinall};

use super::common::TestResult;

fn callback(g: &AnyGreenlet) {
    println!("started: {}", g.name());
}

fn named(name: &'static str) -> Greenlet<()> {
    let g = Greenlet::new(move || println!("{name} runs"));
    g.set_name(name);
    g
}

pub(crate) fn main() -> TestResult {
    let callback: Rc<dyn Fn(&AnyGreenlet)> = Rc::new(callback);
    Greenlet::add_spawn_callback(callback.clone());
    Greenlet::add_spawn_callback(callback.clone());
    let (a, b, c) = (named("a"), named("b"), named("c"));
    a.start()?;
    a.start()?;
    b.start_later(0.001)?;
    c.kill()?;
    Greenlet::remove_spawn_callback(&callback);
    Greenlet::remove_spawn_callback(&callback);
    let d = named("d");
    d.start()?;
    joinall([a, b, c, d])?;
    Ok(())
}
