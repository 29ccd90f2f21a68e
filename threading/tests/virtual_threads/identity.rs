//! Names, numbers and handles.

use std::sync::{Arc, Mutex};

use gevent_threading::{Builder, current, spawn, yield_now};

#[test]
fn a_name_is_seen_by_the_thread_and_by_others() {
    let thread = Builder::new()
        .name("worker".into())
        .spawn(|| current().name().map(str::to_owned));
    let thread = thread.expect("it begins");
    assert_eq!(thread.thread().name(), Some("worker"));
    assert_eq!(thread.join().expect("it does not panic").as_deref(), Some("worker"));
    assert_eq!(spawn(|| current().name().is_none()).join().ok(), Some(true));
}

#[test]
fn ids_differ_and_stay() {
    let ids = || (current().id(), yield_now(), current().id());
    let threads: Vec<_> = (0..10).map(|_| spawn(ids)).collect();
    let mut seen = vec![current().id()];
    for thread in threads {
        let id = thread.thread().id();
        let (before, (), after) = thread.join().expect("it does not panic");
        assert_eq!((before, after), (id, id));
        seen.push(id);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 11);
}

#[test]
fn std_sees_another_thread_in_each() {
    let mine = std::thread::current().id();
    let id = || (std::thread::current().id(), yield_now(), std::thread::current().id());
    let threads = [spawn(id), spawn(id)];
    let ids = threads.map(|thread| thread.join().expect("it does not panic"));
    assert!(ids.iter().all(|(before, (), after)| before == after && *before != mine));
    assert_ne!(ids[0].0, ids[1].0);
    // The carrier is as it was.
    assert_eq!(std::thread::current().id(), mine);
}

#[test]
fn a_handle_outlives_its_thread() {
    let thread = spawn(current);
    let handle = thread.join().expect("it does not panic");
    // Nobody is woken.
    handle.unpark();
    assert!(format!("{handle:?}").contains("Thread"));
}

#[test]
fn a_thread_is_finished_once_it_has_ended() {
    let thread = spawn(|| ());
    assert!(!thread.is_finished());
    while !thread.is_finished() {
        yield_now();
    }
    thread.join().expect("it does not panic");
}

#[test]
fn threads_begin_in_order_and_only_when_the_caller_waits() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let begin = |number: u32| {
        let order = order.clone();
        spawn(move || order.lock().expect("nobody panics").push(number))
    };
    let threads: Vec<_> = (0..5).map(begin).collect();
    assert!(order.lock().expect("nobody panics").is_empty());
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    assert_eq!(*order.lock().expect("nobody panics"), [0, 1, 2, 3, 4]);
}

#[test]
fn a_virtual_thread_makes_others() {
    let depth = |depth: u32| {
        fn dig(depth: u32) -> u32 {
            match depth {
                0 => 0,
                _ => 1 + spawn(move || dig(depth - 1)).join().expect("it does not panic"),
            }
        }
        dig(depth)
    };
    assert_eq!(spawn(move || depth(20)).join().ok(), Some(20));
}

#[test]
fn real_threads_are_made_in_virtual_ones() {
    let thread = spawn(|| {
        let (mine, name) = (std::thread::current().id(), "real");
        let real = std::thread::Builder::new().name(name.into());
        let real = real.spawn(move || {
            (
                std::thread::current().id() != mine,
                std::thread::current().name() == Some(name),
            )
        });
        real.expect("it begins").join().expect("it does not panic")
    });
    assert_eq!(thread.join().ok(), Some((true, true)));
}

#[test]
fn a_joiner_that_comes_late_gets_the_value() {
    let thread = spawn(|| vec![1, 2, 3]);
    while !thread.is_finished() {
        yield_now();
    }
    assert_eq!(thread.join().ok(), Some(vec![1, 2, 3]));
}
