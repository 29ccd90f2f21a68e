//! The current greenlet, where it comes from, and its tree; switches by hand.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{Log, TestResult, bounded};
use gevent::exceptions::LoopExit;
use gevent::greenlet_core::{RawGreenlet, unwind_all};
use gevent::{
    AnyGreenlet, Exception, Greenlet, GreenletExit, Hub, SpawnTreeLocals, Spawned, Value, get_hub, getcurrent, joinall,
    run_in_thread, sleep, spawn, spawn_raw,
};

fn current_is(expected: Option<&AnyGreenlet>) -> bool {
    AnyGreenlet::current().as_ref() == expected
}

#[test]
fn current_is_the_greenlet_that_runs() -> TestResult {
    let _bounded = bounded();
    assert!(current_is(None) && Greenlet::<()>::current().is_none());
    let g = spawn(|| {
        let this = AnyGreenlet::current().expect("it runs here");
        // A greenlet inside does not hide it afterwards.
        let inner = spawn(|| AnyGreenlet::current().expect("it runs here"));
        inner.join()?;
        // A greenlet that keeps itself as its value would never be freed.
        assert!(inner.take().is_some_and(|its| its == inner.any() && its != this));
        assert!(current_is(Some(&this)));
        // Its type is found, and no other one.
        assert!(Greenlet::<()>::current().is_none());
        assert_eq!(Greenlet::<AnyGreenlet>::current().map(|g| g.any()), Some(this.clone()));
        Ok(this)
    });
    g.join()?;
    assert_eq!(g.take(), Some(g.any()));
    let seen = Log::<bool>::new();
    let (hub, raw, linked) = (seen.clone(), seen.clone(), seen.clone());
    get_hub().loop_().run_callback(move || hub.add(current_is(None)))?;
    spawn_raw(move || raw.add(current_is(None)))?;
    // A link runs in a raw greenlet, as in gevent.
    g.link(move |_| linked.add(current_is(None)));
    sleep(0)?;
    sleep(0)?;
    assert_eq!(seen.take(), [true, true, true]);
    Ok(())
}

#[test]
fn the_current_greenlet_kills_itself() -> TestResult {
    let _bounded = bounded();
    let reached = Log::<&str>::new();
    let log = reached.clone();
    let g = spawn(move || {
        log.add("begins");
        let killed = AnyGreenlet::current().expect("it runs here").kill();
        log.add("killed");
        killed
    });
    assert!(g.get().unwrap_err().is::<GreenletExit>() && g.successful());
    assert_eq!(reached.take(), ["begins", "killed"]);
    Ok(())
}

#[test]
fn raw_greenlets_know_their_spawner_and_tree() -> TestResult {
    let _bounded = bounded();
    let main = getcurrent();
    assert_eq!(main.spawning_greenlet(), None);
    assert_eq!(get_hub().greenlet().spawning_greenlet(), None);
    let by_hand = RawGreenlet::new(|_| Ok(Value::None));
    assert_eq!(by_hand.spawning_greenlet(), None);
    let (raw, line) = (spawn_raw(|| ())?, line!());
    assert_eq!(raw.spawning_greenlet(), Some(main.clone()));
    assert_eq!(raw.spawning_location().line(), line);
    let other = spawn_raw(|| ())?;
    // Each one of main's begins a tree.
    assert!(!raw.spawn_tree_locals().same(&other.spawn_tree_locals()));
    let known = Rc::new(RefCell::new(None));
    let knows = known.clone();
    let g = spawn(move || {
        SpawnTreeLocals::current().set("tree", 7);
        let raw = spawn_raw(|| {
            let (grandchild, this) = (spawn(|| ()), getcurrent());
            assert_eq!(grandchild.spawning_greenlet(), Some(this.clone()));
            assert!(grandchild.spawn_tree_locals().same(&this.spawn_tree_locals()));
            grandchild.join()
        })?;
        assert_eq!(raw.spawning_greenlet(), Some(getcurrent()));
        knows.borrow_mut().replace(raw);
        sleep(0)
    });
    g.join()?;
    let raw = known.take().expect("it was spawned");
    assert_eq!(raw.spawn_tree_locals().get("tree").as_deref(), Some(&7));
    // The spawner is not kept alive.
    assert_eq!(raw.spawning_greenlet().as_ref(), Some(g.raw()));
    drop(g);
    sleep(0)?;
    assert_eq!(raw.spawning_greenlet(), None);
    Ok(())
}

#[test]
fn values_of_a_tree_are_in_the_order_of_their_names() -> TestResult {
    let _bounded = bounded();
    let locals = spawn(|| ()).spawn_tree_locals();
    assert!(locals.is_empty() && locals.iter().next().is_none());
    let names: Vec<_> = (0..100).map(|n| format!("{}", (n * 37) % 101)).collect();
    for name in &names {
        locals.set(name.as_str(), name.clone());
    }
    locals.set(names[3].as_str(), "another".to_owned());
    locals.remove(&names[5]);
    locals.remove("none");
    locals.set(names[5].as_str(), names[5].clone());
    let mut expected = names.clone();
    expected.remove(5);
    expected.push(names[5].clone());
    assert_eq!(locals.names().collect::<Vec<_>>(), expected);
    // The iterator has what there was, whatever becomes of it meanwhile.
    for (name, value) in &locals {
        let value = value.downcast_ref::<String>().expect("all are strings");
        assert_eq!(
            *value,
            if name == names[3] {
                "another".to_owned()
            } else {
                name.clone()
            }
        );
        locals.remove(&name);
        assert!(!locals.contains(&name));
    }
    assert_eq!(locals.len(), 0);
    Ok(())
}

#[test]
fn a_greenlet_that_is_switched_to_begins_at_once() -> TestResult {
    let _bounded = bounded();
    let log = Log::<&str>::new();
    let make = |name: &'static str| {
        let log = log.clone();
        Greenlet::new(move || {
            log.add(name);
            let value = get_hub().switch()?;
            log.add(value.downcast().unwrap_or("nothing"));
            Ok(())
        })
    };
    let (a, b) = (make("a"), make("b"));
    let hub = get_hub();
    let (first, second) = (a.clone(), b.any());
    hub.loop_().run_callback(move || first.switch(()).map(drop))?;
    // Its turn comes when it has begun, and is none any more.
    a.start()?;
    hub.loop_().run_callback(move || second.switch(()).map(drop))?;
    sleep(0)?;
    assert_eq!(log.take(), ["a", "b"]);
    assert!(a.started() && b.started());
    let (first, second) = (a.clone(), b.any());
    hub.loop_()
        .run_callback(move || first.switch(Value::new("to a")).map(drop))?;
    hub.loop_()
        .run_callback(move || second.switch(Value::new("to b")).map(drop))?;
    joinall([&a, &b])?;
    assert_eq!(log.take(), ["to a", "to b"]);
    Ok(())
}

fn loop_exit() -> Result<LoopExit, Exception> {
    let error = get_hub().switch().unwrap_err();
    error.downcast_ref::<LoopExit>().cloned().ok_or(error)
}

#[test]
fn loop_exit_knows_its_hub_in_the_hubs_thread_only() -> TestResult {
    let _bounded = bounded();
    let hub = get_hub();
    hub.set_name("mine");
    let exit = loop_exit()?;
    assert_eq!((exit.ident, &*exit.name), (hub.minimal_ident(), "mine"));
    assert_eq!(exit.hub(), Some(hub.clone()));
    let theirs = exit.clone();
    let elsewhere = run_in_thread(move || {
        let other = loop_exit()?;
        Ok((other.hub() == Some(get_hub()), theirs.hub().is_none(), other.ident))
    })?;
    let (own, others, ident) = elsewhere.join().expect("it does not panic")?;
    assert!(own && others && ident != exit.ident);
    // A hub that was replaced is found as long as it exists.
    assert!(!hub.dead());
    hub.destroy(true)?;
    assert!(hub.dead() && hub.destroyed());
    assert_eq!(exit.hub(), Some(hub.clone()));
    drop(hub);
    let _: Hub = get_hub();
    unwind_all();
    assert_eq!(exit.hub(), None);
    Ok(())
}
