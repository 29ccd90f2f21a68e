//! The spawner of each greenlet, and the values that a tree of greenlets shares.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{Greenlet, getcurrent, spawn};

use super::common::{TestResult, show};

type This = Rc<OnceCell<Greenlet<()>>>;

fn grandchild(this: &Greenlet<()>) {
    this.spawn_tree_locals().set("seen", "by the grandchild");
}

fn child(this: &Greenlet<()>) -> TestResult {
    let g = with_itself(|this| Greenlet::new(move || grandchild(get(&this))));
    g.start()?;
    let by_child = g.spawning_greenlet() == Some(getcurrent());
    println!("spawned by the child: {by_child}");
    let same = g.spawn_tree_locals().same(&this.spawn_tree_locals());
    println!("the same tree: {same}");
    g.join()
}

/// A greenlet whose function has a handle of the greenlet.
fn with_itself(make: impl FnOnce(This) -> Greenlet<()>) -> Greenlet<()> {
    let this = This::default();
    let g = make(this.clone());
    this.get_or_init(|| g).clone()
}

fn get(this: &This) -> &Greenlet<()> {
    this.get().expect("set before it runs")
}

fn seen(g: &Greenlet<()>) -> String {
    show(g.spawn_tree_locals().get::<&str>("seen"))
}

pub(crate) fn main() -> TestResult {
    let a = with_itself(|this| spawn(move || child(get(&this))));
    let b = with_itself(|this| Greenlet::new(move || child(get(&this))));
    let by_main = a.spawning_greenlet() == Some(getcurrent());
    println!("spawned by main: {by_main}");
    let same = a.spawn_tree_locals().same(&b.spawn_tree_locals());
    println!("the same tree: {same}");
    a.join()?;
    println!("a: {}", seen(&a));
    println!("b: {}", seen(&b));
    Ok(())
}
