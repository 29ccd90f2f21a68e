//! Raw greenlets belong to the tree of their spawner, and hand it on.

use gevent::greenlet::SpawnTreeLocals;
use gevent::{getcurrent, sleep, spawn, spawn_raw};

use super::common::{TestResult, show};

fn leaf() {
    let locals = SpawnTreeLocals::of(&getcurrent());
    println!("leaf: {}", show(locals.get::<&str>("name")));
}

fn root(name: &'static str) -> TestResult {
    SpawnTreeLocals::of(&getcurrent()).set("name", name);
    spawn_raw(|| {
        spawn(leaf);
        Ok(())
    })?;
    Ok(())
}

pub(crate) fn main() -> TestResult {
    spawn(|| root("one"));
    spawn(|| root("two"));
    spawn_raw(|| {
        spawn(leaf);
        Ok(())
    })?;
    sleep(0.01)
}
