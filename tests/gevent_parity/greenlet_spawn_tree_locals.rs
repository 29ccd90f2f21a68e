//! The spawner of each greenlet, and the values that a tree of greenlets shares.

use gevent::{Greenlet, Spawned, getcurrent, spawn};

use super::common::{TestResult, show};

fn grandchild() {
    getcurrent().spawn_tree_locals().set("seen", "by the grandchild");
}

fn child() -> TestResult {
    let g = spawn(grandchild);
    let by_child = g.spawning_greenlet() == Some(getcurrent());
    println!("spawned by the child: {by_child}");
    let same = g.spawn_tree_locals().same(&getcurrent().spawn_tree_locals());
    println!("the same tree: {same}");
    g.join()
}

fn seen(g: &Greenlet<()>) -> String {
    show(g.spawn_tree_locals().get::<&str>("seen"))
}

pub(crate) fn main() -> TestResult {
    let (a, b) = (spawn(child), Greenlet::new(child));
    let by_main = a.spawning_greenlet() == Some(getcurrent());
    println!("spawned by main: {by_main}");
    let same = a.spawn_tree_locals().same(&b.spawn_tree_locals());
    println!("the same tree: {same}");
    a.join()?;
    println!("a: {}", seen(&a));
    println!("b: {}", seen(&b));
    Ok(())
}
