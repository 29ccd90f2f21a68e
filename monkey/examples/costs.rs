//! What patched calls cost. Prints nanoseconds of the processor for each call; nothing here is asserted.
//!
//! ```sh
//! cargo run --release -p gevent-monkey --example costs
//! ```

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use gevent_monkey::real_threads;
use gevent_threading::spawn;

/// How long the processor has run this thread.
fn now() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const TURNS: u32 = 1_000_000;

/// The time of a call: the best of some series.
fn time(call: impl Fn()) -> f64 {
    let series = || {
        let begun = now();
        (0..TURNS).for_each(|_| call());
        (now() - begun).as_nanos() as f64 / f64::from(TURNS)
    };
    (0..5).map(|_| series()).fold(f64::INFINITY, f64::min)
}

fn tell(what: &str, nanoseconds: f64) {
    println!("{what:60} {nanoseconds:>9.1} ns");
}

type Syscall = unsafe extern "C" fn(i64, i64, i64, i64, i64, i64, i64) -> i64;

fn main() {
    // SAFETY: the name is a C string, and the function has this prototype.
    let original = unsafe {
        let found = libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr());
        std::mem::transmute::<*mut libc::c_void, Syscall>(found)
    };
    let word = AtomicU32::new(0);
    let address = word.as_ptr().expose_provenance() as i64;
    let wake = i64::from(libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: these system calls change nothing.
    let calls = || unsafe {
        let none = time(|| _ = black_box(original(-1, 0, 0, 0, 0, 0, 0)));
        let ours = time(|| _ = black_box(libc::syscall(-1, 0, 0, 0, 0, 0, 0)));
        let wakes = time(|| _ = black_box(original(libc::SYS_futex, address, wake, 1, 0, 0, 0)));
        let our_wakes = time(|| _ = black_box(libc::syscall(libc::SYS_futex, address, wake, 1, 0, 0, 0)));
        (none, ours, wakes, our_wakes)
    };
    let tell_calls = |place: &str, (none, ours, wakes, our_wakes): (f64, f64, f64, f64)| {
        tell(&format!("a system call that does nothing, the original, {place}"), none);
        tell(&format!("the same by the patched function, {place}"), ours);
        tell(&format!("FUTEX_WAKE of nobody, the original, {place}"), wakes);
        tell(&format!("the same by the patched function, {place}"), our_wakes);
    };
    tell_calls("not patched", calls());
    gevent_monkey::patch_all().expect("there are virtual threads");
    tell_calls("thread without a hub", calls());
    let waiter = spawn(|| {
        let pair = (Mutex::new(()), Condvar::new());
        let time = Duration::from_secs(1000);
        let _end = pair.1.wait_timeout(pair.0.lock().expect("free"), time);
    });
    gevent_threading::yield_now();
    tell_calls("while somebody waits for another word", calls());
    drop(waiter);

    let one = spawn(|| time(thread::yield_now)).join().expect("it does not panic");
    tell("std's yield_now, virtual thread alone", one);

    // A value to another virtual thread and back.
    let ping = || {
        let ((send, receive), (back, answers)) = (mpsc::channel(), mpsc::channel());
        let echo = thread::spawn(move || {
            receive
                .iter()
                .for_each(|value: u32| back.send(value).expect("it is there"))
        });
        let turns = TURNS / 10;
        let begun = now();
        for turn in 0..turns {
            send.send(turn).expect("it is there");
            black_box(answers.recv().expect("it answers"));
        }
        let time = (now() - begun).as_nanos() as f64 / f64::from(turns);
        drop(send);
        echo.join().expect("it does not panic");
        time
    };
    tell(
        "std's channel to and fro, virtual threads",
        spawn(ping).join().expect("it does not panic"),
    );

    let handed = || {
        let mutex = Arc::new(Mutex::new(0));
        let turns = TURNS / 10;
        let theirs = mutex.clone();
        let work = move || {
            for _ in 0..turns {
                let mut guard = theirs.lock().expect("nobody panics");
                thread::yield_now();
                *guard += 1;
            }
        };
        let begun = now();
        let other = thread::spawn(work.clone());
        work();
        other.join().expect("it does not panic");
        (now() - begun).as_nanos() as f64 / f64::from(2 * turns)
    };
    tell(
        "std's mutex, held over a turn, two virtual threads",
        spawn(handed).join().expect("it does not panic"),
    );

    let made = || {
        let begun = now();
        for _ in 0..200 {
            let threads: Vec<_> = (0..100).map(|_| thread::spawn(|| ())).collect();
            threads
                .into_iter()
                .for_each(|thread| thread.join().expect("it does not panic"));
        }
        (now() - begun).as_nanos() as f64 / 20_000.0
    };
    tell(
        "std's spawn and join, virtual",
        spawn(made).join().expect("it does not panic"),
    );
    let real = || {
        let begun = now();
        for _ in 0..100 {
            let thread = real_threads(|| thread::spawn(|| ()));
            thread.join().expect("it does not panic");
        }
        (now() - begun).as_nanos() as f64 / 100.0
    };
    tell(
        "a real thread made and joined by a virtual one",
        spawn(real).join().expect("it does not panic"),
    );
    word.store(0, Ordering::Relaxed);
}
