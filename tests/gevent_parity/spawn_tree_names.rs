//! The values that a tree of greenlets shares are a dict: in the order in which their names came, and iterable.

use gevent::{Spawned, getcurrent, spawn};

use super::common::TestResult;

fn show(when: &str) {
    let values = getcurrent().spawn_tree_locals();
    let names: Vec<_> = values.names().collect();
    println!("{when}: {} [{}]", values.len(), names.join(" "));
    for (name, value) in &values {
        println!("{name}={}", value.downcast_ref::<usize>().expect("all are numbers"));
    }
}

fn child() {
    let values = getcurrent().spawn_tree_locals();
    values.set("c", 30_usize);
    values.set("a", 10_usize);
    values.remove("b");
    values.set("b", 20_usize);
    show("child");
    println!("{} {}", values.contains("b"), values.contains("d"));
}

fn parent() -> TestResult {
    let values = getcurrent().spawn_tree_locals();
    show("parent");
    for (number, name) in ["c", "b", "a"].into_iter().enumerate() {
        values.set(name, number);
    }
    show("parent");
    spawn(child).join()?;
    values.clear();
    show("cleared");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    spawn(parent).join()
}
