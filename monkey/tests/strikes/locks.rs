//! Futexes. Their callers have no place for an error, so that a wait goes on, whatever is thrown.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::{io, thread};

use crate::strike::{Case, Row, Thrown};

/// A call that waits until something is given.
fn waits(call: impl FnOnce() + Send + 'static, give: impl FnOnce() + 'static) -> Case {
    Case {
        call: Box::new(|| {
            call();
            Ok::<_, io::Error>(())
        }),
        give: Box::new(give),
        fd: None,
        check: Box::new(|_, _| {}),
    }
}

/// The carrier holds a guard, and drops it.
fn mutex() -> Case {
    let mutex: &'static Mutex<u32> = Box::leak(Box::default());
    let guard = mutex.lock().unwrap();
    waits(|| *mutex.lock().unwrap() += 1, move || drop(guard))
}

fn rw_lock() -> Case {
    let lock: &'static RwLock<u32> = Box::leak(Box::default());
    let guard = lock.read().unwrap();
    waits(|| *lock.write().unwrap() += 1, move || drop(guard))
}

fn condvar() -> Case {
    let shared = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = shared.clone();
    waits(
        move || {
            let flag = theirs.0.lock().unwrap();
            drop(theirs.1.wait_while(flag, |flag| !*flag).unwrap());
        },
        move || {
            *shared.0.lock().unwrap() = true;
            shared.1.notify_one();
        },
    )
}

/// Somebody else comes to the barrier.
fn barrier() -> Case {
    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    waits(move || _ = theirs.wait(), move || _ = barrier.wait())
}

fn channel() -> Case {
    let (sender, receiver) = sync_channel(1);
    waits(
        move || assert_eq!(receiver.recv(), Ok(7)),
        move || sender.send(7).unwrap(),
    )
}

fn full_channel() -> Case {
    let (sender, receiver) = sync_channel(1);
    sender.send(1).unwrap();
    let receiver = Rc::new(receiver);
    let kept = receiver.clone();
    Case {
        check: Box::new(move |_, _| assert_eq!(kept.try_recv(), Ok(2))),
        ..waits(
            move || sender.send(2).unwrap(),
            move || assert_eq!(receiver.recv(), Ok(1)),
        )
    }
}

fn park() -> Case {
    let (sender, receiver) = std::sync::mpsc::channel();
    waits(
        move || {
            sender.send(thread::current()).unwrap();
            thread::park();
        },
        move || receiver.recv().unwrap().unpark(),
    )
}

/// A real thread ends.
fn join() -> Case {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || _ = receiver.recv());
    waits(move || thread.join().unwrap(), move || drop(sender))
}

/// A real thread is in the function.
fn once() -> Case {
    let once = Arc::new(Once::new());
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let first = once.clone();
    let thread = thread::spawn(move || {
        first.call_once(|| {
            enter.send(()).unwrap();
            _ = left.recv();
        });
    });
    entered.recv().unwrap();
    let thread = RefCell::new(Some(thread));
    waits(
        move || once.call_once(|| unreachable!("it was called")),
        move || {
            drop(leave);
            thread.take().expect("once").join().unwrap();
        },
    )
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |name, make| Row::new(name, make).thrown(Thrown::GoesOn);
    vec![
        row("Mutex", mutex),
        row("RwLock", rw_lock),
        row("Condvar", condvar),
        row("Barrier", barrier),
        row("recv of a channel", channel),
        row("send to a full channel", full_channel),
        row("thread::park", park),
        row("Once", once),
        row("join of a real thread", join),
    ]
}
