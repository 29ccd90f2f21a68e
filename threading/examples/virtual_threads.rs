//! Code that was written for threads, in a hundred virtual threads of one real thread.
//!
//! ```sh
//! cargo run --release -p gevent-threading --example virtual_threads
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gevent_threading::{Builder, current, park, scope, sleep, spawn, supported};

thread_local! {
    /// A cache of the thread's own, as crates have them: nothing guards it, as no other thread sees it.
    static CACHE: RefCell<BTreeMap<u64, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Fibonacci's numbers, slowly. The cache is borrowed while the thread waits.
fn look_up(number: u64) -> u64 {
    CACHE.with_borrow_mut(|cache| {
        sleep(Duration::from_millis(1));
        let before = |back| {
            cache
                .range(number.saturating_sub(back)..)
                .next()
                .map_or(1, |(_, value)| *value)
        };
        let value = if number < 2 { 1 } else { before(1) + before(2) };
        cache.insert(number, value);
        value
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    supported()?;
    let begun = Instant::now();
    let threads: Vec<_> = (0..100)
        .map(|_| spawn(|| (0..20).map(look_up).max().expect("there are twenty")))
        .collect();
    let all = threads
        .into_iter()
        .map(|thread| thread.join().expect("it does not panic"));
    assert!(all.into_iter().all(|last| last == 6765));
    println!("2000 waits of a millisecond took {:?}", begun.elapsed());

    // A real thread wakes a virtual one.
    let words = Arc::new(Mutex::new(Vec::new()));
    let theirs = words.clone();
    let reader = Builder::new().name("reader".into()).spawn(move || {
        while theirs.lock().expect("nobody panics").is_empty() {
            park();
        }
        let words = theirs.lock().expect("nobody panics").join(" ");
        format!("{:?} has read {words:?}", current().name())
    })?;
    let handle = reader.thread().clone();
    let writer = std::thread::spawn(move || {
        words.lock().expect("nobody panics").push("from a real thread");
        handle.unpark();
    });
    println!("{}", reader.join().expect("it does not panic"));
    writer.join().expect("it does not panic");

    // Threads that borrow.
    let mut numbers = [1, 2, 3];
    scope(|s| {
        for number in &mut numbers {
            s.spawn(move || {
                sleep(Duration::from_millis(1));
                *number *= 10;
            });
        }
    });
    println!("{numbers:?}");
    Ok(())
}
