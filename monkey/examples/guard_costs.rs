//! What the guards cost: calls that come to this crate on their way to the C library, and without that detour.
//!
//! ```sh
//! cargo run --release -p gevent-monkey --example guard_costs
//! ```

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Instant;

use gevent::socket::UnixStream;
use libc::{c_int, pthread_mutex_t};

/// Nanoseconds for each call, at best.
fn measure(calls: u32, mut f: impl FnMut()) -> f64 {
    let round = |f: &mut dyn FnMut()| {
        let started = Instant::now();
        for _ in 0..calls {
            f();
        }
        started.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    (0..20).map(|_| round(&mut f)).fold(f64::INFINITY, f64::min)
}

type Function = unsafe extern "C" fn(*mut pthread_mutex_t) -> c_int;

fn original(name: &std::ffi::CStr) -> Function {
    // SAFETY: the name ends with a zero, and the function has this prototype.
    unsafe { std::mem::transmute(libc::dlsym(libc::RTLD_NEXT, name.as_ptr())) }
}

fn main() {
    gevent_monkey::patch_all().expect("there are virtual threads here");
    let mutex = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
    let mutex = mutex.get();
    let (lock, unlock) = (
        black_box(original(c"pthread_mutex_lock")),
        black_box(original(c"pthread_mutex_unlock")),
    );
    // SAFETY: the mutex lives.
    let without = measure(100_000, || unsafe {
        lock(mutex);
        unlock(mutex);
    });
    // SAFETY: as above.
    let with = measure(100_000, || unsafe {
        libc::pthread_mutex_lock(mutex);
        libc::pthread_mutex_unlock(mutex);
    });
    println!("a mutex of the C library's, locked and unlocked: {with:.1} ns, without this crate {without:.1} ns");

    extern "C" fn handler(_: c_int) {}
    // SAFETY: the handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, handler as *const () as usize) };
    // SAFETY: the signal has a handler.
    let raised = measure(10_000, || unsafe {
        libc::raise(libc::SIGUSR1);
    });
    println!("a signal that is raised and handled: {raised:.0} ns");

    let nothing = measure(1_000_000, || {
        black_box(0);
    });
    let direct = measure(1_000_000, || {
        greenlet_core::direct(|| black_box(0));
    });
    println!("`direct`: {:.2} ns", direct - nothing);

    let (mut client, mut server) = UnixStream::pair().expect("there are descriptors");
    let echo = gevent::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok(1..) = server.read(&mut buffer) {
            server.write_all(&buffer[..1]).expect("the client is there");
        }
    });
    let round_trip = measure(5_000, || {
        client.write_all(b"x").expect("the server is there");
        client.read_exact(&mut [0]).expect("it answers");
    });
    drop(client);
    echo.join().expect("the hub is there");
    println!("a message to another greenlet and back, by a pair of sockets: {round_trip:.0} ns");
}
