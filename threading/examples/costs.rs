//! What virtual threads cost, beside greenlets. Prints nanoseconds of the processor, so that other programs matter
//! little, and bytes; nothing here is asserted.
//!
//! ```sh
//! cargo run --release -p gevent-threading --example costs
//! ```

use std::time::{Duration, Instant};

use gevent_threading::sync::{Arc, Mutex, mpsc};
use gevent_threading::{on_carrier, park, sleep, spawn, yield_now};

/// How long the processor has run this thread.
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn main() {
    let memory = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("it is told");
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .expect("it is a number")
            * 1024
    };
    let per =
        |what: &str, count: u32, time: Duration| println!("{what:50} {:>8} ns", time.as_nanos() / u128::from(count));
    spawn(|| ()).join().expect("it does not panic");

    const TURNS: u32 = 1_000_000;
    let turns = || {
        let begun = now();
        (0..TURNS).for_each(|_| yield_now());
        now() - begun
    };
    // A turn of a greenlet, and one of a virtual thread, which leaves its thread pointer and comes back to it.
    let greenlet = hub::spawn_raw(move || {
        per("yield, greenlet", TURNS, turns());
        Ok(())
    });
    let greenlet = greenlet.expect("there is a hub");
    while !greenlet.dead() {
        sleep(Duration::from_millis(1));
    }
    per(
        "yield, virtual thread",
        TURNS,
        spawn(turns).join().expect("it does not panic"),
    );

    // In a virtual thread, this goes out and comes back; in a real one it does not.
    let handles = || {
        let other = spawn(park).thread().clone();
        other.unpark();
        let begun = now();
        (0..TURNS).for_each(|_| _ = gevent_threading::supported());
        now() - begun
    };
    per("call by the carrier, made in a real thread", TURNS, handles());
    per(
        "the same in a virtual thread",
        TURNS,
        spawn(handles).join().expect("it does not panic"),
    );

    locks(per);

    const LIVES: u32 = 100_000;
    let begun = now();
    for _ in 0..LIVES / 100 {
        let threads: Vec<_> = (0..100).map(|_| spawn(|| ())).collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("it does not panic"));
    }
    per("spawn and join, virtual thread", LIVES, now() - begun);
    let begun = now();
    for _ in 0..LIVES / 100 {
        let greenlets: Vec<_> = (0..100)
            .map(|_| hub::spawn_raw(|| Ok(())).expect("there is a hub"))
            .collect();
        while !greenlets.iter().all(|greenlet| greenlet.dead()) {
            yield_now();
        }
    }
    per("spawn and end, greenlet", LIVES, now() - begun);

    const COUNT: u64 = 10_000;
    let before = memory();
    let greenlets: Vec<_> = (0..COUNT)
        .map(|_| hub::spawn_raw(|| hub::sleep(1000)).expect("there is a hub"))
        .collect();
    yield_now();
    yield_now();
    println!("{:50} {:>8} bytes", "parked greenlet", (memory() - before) / COUNT);
    let before = memory();
    let threads: Vec<_> = (0..COUNT).map(|_| spawn(|| sleep(Duration::from_secs(1000)))).collect();
    yield_now();
    yield_now();
    println!(
        "{:50} {:>8} bytes",
        "parked virtual thread",
        (memory() - before) / COUNT
    );
    drop((greenlets, threads));
}

/// Locks and channels, beside std's where those do not wait.
fn locks(per: impl Fn(&str, u32, Duration)) {
    const TURNS: u32 = 1_000_000;
    let timed = |turn: &dyn Fn()| {
        let begun = now();
        (0..TURNS).for_each(|_| turn());
        now() - begun
    };
    let (ours, stds) = (Mutex::new(0), std::sync::Mutex::new(0));
    per("lock and unlock", TURNS, timed(&|| *ours.lock().expect("free") += 1));
    per(
        "lock and unlock, std",
        TURNS,
        timed(&|| *stds.lock().expect("free") += 1),
    );
    let ((send, receive), (std_send, std_receive)) = (mpsc::channel(), std::sync::mpsc::channel());
    let pass = || {
        send.send(1).expect("there is a receiver");
        receive.recv().expect("it was sent");
    };
    per("send and receive", TURNS, timed(&pass));
    let pass = || {
        std_send.send(1).expect("there is a receiver");
        std_receive.recv().expect("it was sent");
    };
    per("send and receive, std", TURNS, timed(&pass));
    let call = || {
        let begun = now();
        (0..TURNS).for_each(|_| on_carrier(|| ()));
        now() - begun
    };
    per("on_carrier", TURNS, spawn(call).join().expect("it does not panic"));

    let (send, receive) = mpsc::sync_channel(0);
    let begun = now();
    let sender = spawn(move || (0..TURNS).for_each(|number| send.send(number).expect("there is a receiver")));
    let receiver = spawn(move || receive.iter().count());
    sender.join().expect("it does not panic");
    receiver.join().expect("it does not panic");
    per("hand a value to another virtual thread", TURNS, now() - begun);

    let mutex = Arc::new(Mutex::new(()));
    let contend = || {
        let mutex = mutex.clone();
        spawn(move || {
            for _ in 0..TURNS / 2 {
                let _guard = mutex.lock().expect("nobody panics");
                yield_now();
            }
        })
    };
    let begun = now();
    let threads = [contend(), contend()];
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    per(
        "hand a mutex to another virtual thread, with a turn",
        TURNS,
        now() - begun,
    );
    for (name, threads) in [("1", 1), ("2", 2), ("4", 4)] {
        let begun = Instant::now();
        std::thread::scope(|s| {
            for _ in 0..threads {
                s.spawn(|| (0..TURNS / threads).for_each(|_| *ours.lock().expect("nobody panics") += 1));
            }
        });
        per(
            &format!("lock and unlock in {name} real threads"),
            TURNS,
            begun.elapsed(),
        );
        let begun = Instant::now();
        std::thread::scope(|s| {
            for _ in 0..threads {
                s.spawn(|| (0..TURNS / threads).for_each(|_| *stds.lock().expect("nobody panics") += 1));
            }
        });
        per(
            &format!("lock and unlock in {name} real threads, std"),
            TURNS,
            begun.elapsed(),
        );
    }
}
