//! Random programs of virtual threads in three hubs at once. Each thread makes a program of its own from a number, and
//! a model knows what it has to find in its thread-locals, and what it returns; at the end nothing may be left.
//!
//! `VIRTUAL_THREADS_SECONDS` is how long they run, `VIRTUAL_THREADS_SEED` repeats the programs of a run, though not the
//! order in which they take turns.

#![cfg(virtual_threads)]

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use gevent_threading::{Builder, JoinHandle, Thread, current, park, park_timeout, sleep, spawn, supported, yield_now};
use greenlet_core::{Exception, GreenletExit, greenlets};

const CARRIERS: u64 = 3;
/// How many virtual threads a hub has at most, about.
const MOST: i64 = 300;
const DEPTH: u32 = 3;

static FAILURES: AtomicU64 = AtomicU64::new(0);
/// Functions that have not been dropped, and values of thread-locals that have not been destroyed.
static FUNCTIONS: AtomicI64 = AtomicI64::new(0);
static LOCALS: AtomicI64 = AtomicI64::new(0);
/// How many threads have ended in each way.
static RETURNED: AtomicU64 = AtomicU64::new(0);
static PANICKED: AtomicU64 = AtomicU64::new(0);
static KILLED: AtomicU64 = AtomicU64::new(0);
/// Some threads that live, or have lived, in any of the hubs.
static KNOWN: Mutex<Vec<Thread>> = Mutex::new(Vec::new());
/// Two numbers that are the same whenever the lock is free.
static PAIR: Mutex<(u64, u64)> = Mutex::new((0, 0));

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
    static MAP: RefCell<BTreeMap<u64, u64>> = const { RefCell::new(BTreeMap::new()) };
    static DESTROYED: OnceCell<Counted> = const { OnceCell::new() };
    static WAITED_FOR: u64 = {
        let number = NUMBER.get();
        yield_now();
        number
    };
}

/// Notes a failure. A panic would look like one of the programs'.
fn check(holds: bool, what: &str) {
    if !holds {
        FAILURES.fetch_add(1, Ordering::Relaxed);
        eprintln!("{what}");
    }
}

/// No code that panics or waits runs with one of the locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("it is never poisoned")
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 8) % limit
    }
}

/// Counts itself, and waits when it is destroyed.
struct Counted {
    number: u64,
    waits: bool,
}

impl Counted {
    fn new(number: u64, waits: bool) -> Counted {
        LOCALS.fetch_add(1, Ordering::Relaxed);
        Counted { number, waits }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        struct Uncount;
        impl Drop for Uncount {
            fn drop(&mut self) {
                LOCALS.fetch_sub(1, Ordering::Relaxed);
            }
        }
        // A thread may be killed while it waits here.
        let _uncount = Uncount;
        if self.waits {
            yield_now();
            park_timeout(Duration::from_micros(100));
        }
        check(
            NUMBER.get() == self.number,
            "a destructor finds another thread's number",
        );
    }
}

/// What a thread's function owns: it is counted, whether the function ever runs or not.
struct Owned;

impl Owned {
    fn new() -> Owned {
        FUNCTIONS.fetch_add(1, Ordering::Relaxed);
        Owned
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        FUNCTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wakes a thread, however its own ends.
struct Wakes(Thread);

impl Drop for Wakes {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// What the thread of this number returns, unless it panics or is killed.
fn value_of(number: u64) -> u64 {
    number.rotate_left(17) ^ 0x5555
}

fn make(number: u64, depth: u32) -> (u64, JoinHandle<u64>) {
    let owned = Owned::new();
    let made = Builder::new()
        .name("random".into())
        .stack_size(256 << 10)
        .spawn(move || {
            let _owned = owned;
            program(number, depth)
        });
    (number, made.expect("there is a hub, and memory"))
}

fn join((number, handle): (u64, JoinHandle<u64>)) {
    match handle.join() {
        Ok(value) => {
            RETURNED.fetch_add(1, Ordering::Relaxed);
            check(value == value_of(number), "a thread returns another one's value");
        }
        Err(payload) => match payload.downcast::<Exception>() {
            Ok(exception) => {
                KILLED.fetch_add(1, Ordering::Relaxed);
                check(exception.is_exit(), "an exception that nobody has thrown");
            }
            Err(payload) => {
                PANICKED.fetch_add(1, Ordering::Relaxed);
                check(
                    payload.downcast_ref() == Some(&number),
                    "a thread panics with another one's payload",
                );
            }
        },
    }
}

/// A thread's life.
fn program(number: u64, depth: u32) -> u64 {
    let mut random = Random::new(number);
    let mut map = BTreeMap::new();
    let mut children = Vec::new();
    check(NUMBER.replace(number) == 0, "a thread finds a number in the beginning");
    check(
        MAP.with_borrow(BTreeMap::is_empty),
        "a thread finds a map in the beginning",
    );
    check(
        DESTROYED.with(|local| local.get().is_none()),
        "a thread finds a value in the beginning",
    );
    for _ in 0..random.below(30) {
        match random.below(14) {
            0 | 1 if depth > 0 => children.push(make(random.next() | 1, depth - 1)),
            2 => children.pop().into_iter().for_each(join),
            3 => sleep(Duration::from_micros(random.below(500))),
            4 => park_timeout(Duration::from_micros(random.below(500))),
            5 => {
                let waker = Wakes(current());
                let (first, owned) = (random.below(2) == 0, Owned::new());
                drop(spawn(move || {
                    let _both = (waker, owned);
                    if first {
                        yield_now();
                    }
                }));
                park();
            }
            6 => {
                let known = {
                    let known = lock(&KNOWN);
                    let place = random.below(known.len().max(1) as u64) as usize;
                    known.get(place).cloned()
                };
                known.iter().for_each(Thread::unpark);
            }
            7 => {
                let mut known = lock(&KNOWN);
                if known.len() < 100 {
                    known.push(current());
                } else {
                    let place = random.below(100) as usize;
                    let old = std::mem::replace(&mut known[place], current());
                    drop((known, old));
                }
            }
            8 => {
                let (key, value) = (random.below(10), random.next());
                map.insert(key, value);
                MAP.with_borrow_mut(|map| {
                    yield_now();
                    map.insert(key, value);
                });
            }
            9 => {
                let local = Counted::new(number, random.below(2) == 0);
                DESTROYED.with(|slot| drop(slot.set(local)));
            }
            10 => check(
                WAITED_FOR.with(|value| *value) == number,
                "a lazy value is another thread's",
            ),
            11 => {
                let mut pair = lock(&PAIR);
                check(pair.0 == pair.1, "two threads are in one lock");
                pair.0 += 1;
                std::hint::black_box(&mut *pair);
                pair.1 += 1;
            }
            12 if random.below(20) == 0 => resume_unwind(Box::new(number)),
            _ => yield_now(),
        }
        check(NUMBER.get() == number, "a thread finds another one's number");
        check(MAP.with_borrow(|its| *its == map), "a thread finds another one's map");
    }
    // Some are not waited for.
    if random.below(4) > 0 {
        children.into_iter().for_each(join);
    }
    value_of(number)
}

/// Makes threads, waits for them, and kills some, until the time is over.
fn carry(seed: u64, until: Instant) {
    let mut random = Random::new(seed);
    // The hub is among them.
    hub::sleep(0).expect("this is a real thread");
    let before = greenlets().len();
    let (mut threads, mut kills) = (Vec::new(), 0);
    // On a busy machine, too, some have been killed before this ends.
    while Instant::now() < until || kills < 10 {
        for _ in 0..random.below(10) {
            if FUNCTIONS.load(Ordering::Relaxed) < MOST * CARRIERS as i64 {
                threads.push(make(random.next() | 1, DEPTH));
            }
        }
        if random.below(3) == 0 {
            let all: Vec<_> = greenlets()
                .into_iter()
                .filter(|greenlet| greenlet.name().as_deref() == Some("random"))
                .collect();
            if let Some(victim) = all.get(random.below(all.len().max(1) as u64) as usize) {
                hub::kill(victim, GreenletExit).expect("there is a hub");
                kills += 1;
            }
        }
        match random.below(3) {
            0 => sleep(Duration::from_micros(random.below(300))),
            1 => yield_now(),
            _ => {
                let count = random.below(threads.len() as u64 + 1) as usize;
                threads.drain(..count).for_each(join);
            }
        }
    }
    threads.into_iter().for_each(join);
    // Those that nobody waits for end, too.
    while greenlets().len() > before {
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn nothing_is_mixed_up_and_nothing_is_left() {
    if let Err(reason) = supported() {
        eprintln!("SKIPPED: {reason}");
        return;
    }
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|number| number.parse::<u64>().expect("a number"))
    };
    let seconds = number("VIRTUAL_THREADS_SECONDS").unwrap_or(2);
    let seed = number("VIRTUAL_THREADS_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("it is later").as_micros() as u64
    });
    println!("VIRTUAL_THREADS_SEED={seed}");
    // Nothing hangs for ever.
    // SAFETY: without a handler, the signal ends the process.
    unsafe { libc::alarm(u32::try_from(seconds).expect("not so long") + 300) };
    let until = Instant::now() + Duration::from_secs(seconds);
    let carriers: Vec<_> = (0..CARRIERS)
        .map(|carrier| std::thread::spawn(move || carry(seed.wrapping_add(carrier), until)))
        .collect();
    for carrier in carriers {
        carrier.join().expect("it does not panic");
    }
    lock(&KNOWN).clear();
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "returned {}, panicked {}, killed {}",
        load(&RETURNED),
        load(&PANICKED),
        load(&KILLED)
    );
    assert_eq!(load(&FAILURES), 0);
    assert_eq!(
        (FUNCTIONS.load(Ordering::Relaxed), LOCALS.load(Ordering::Relaxed)),
        (0, 0)
    );
    assert!(load(&RETURNED) > 0);
}
