//! A raw greenlet knows its spawner and its tree, as a Greenlet does.

use std::cell::OnceCell;
use std::rc::Rc;

use gevent::{RawGreenlet, Spawned, getcurrent, sleep, spawn, spawn_raw};

use super::common::{TestResult, show};

#[derive(Default)]
struct Spawners {
    main: OnceCell<RawGreenlet>,
    parent: OnceCell<RawGreenlet>,
    raw: OnceCell<RawGreenlet>,
}

fn child(known: &Spawners, label: &str) {
    let g = getcurrent();
    let spawner = g.spawning_greenlet();
    let is = |known: &OnceCell<RawGreenlet>| known.get() == spawner.as_ref();
    println!(
        "{label}: spawned by main: {}, by parent: {}, by raw: {}",
        is(&known.main),
        is(&known.parent),
        is(&known.raw)
    );
    println!("{label}: {}", show(g.spawn_tree_locals().get::<&str>("name")));
}

fn parent(known: &Rc<Spawners>) -> TestResult {
    getcurrent().spawn_tree_locals().set("name", "tree of parent");
    let knows = known.clone();
    let spawned = spawn_raw(move || raw(&knows))?;
    known.raw.get_or_init(|| spawned);
    sleep(0)?;
    sleep(0)
}

fn raw(known: &Rc<Spawners>) -> TestResult {
    child(known, "raw of parent");
    let knows = known.clone();
    spawn(move || child(&knows, "greenlet of raw"));
    let knows = known.clone();
    spawn_raw(move || child(&knows, "raw of raw"))?;
    sleep(0)
}

pub(crate) fn main() -> TestResult {
    let known = Rc::new(Spawners::default());
    known.main.get_or_init(getcurrent);
    let knows = known.clone();
    let spawned = spawn(move || parent(&knows));
    known.parent.get_or_init(|| spawned.raw().clone());
    let knows = known.clone();
    let orphan = spawn_raw(move || child(&knows, "raw of main"))?;
    orphan.spawn_tree_locals().set("name", "tree of main's raw");
    spawned.join()?;
    sleep(0)?;
    println!("gone: {}", orphan.spawning_greenlet() == Some(getcurrent()));
    Ok(())
}
